// A command that asks a running service: its flags, its client, its output, and how it ends.
//
// Always true:
//   1. What the service refuses is one sentence on standard error, or with --json the problem as one document there; nothing but
//      results goes to standard output.
//   2. The first SIGINT or SIGTERM asks a command to end in order, the second ends it at once.

import { type Command, Option } from 'commander'
import { DwellError } from '../../../storage/index.ts'
import { CallError, DwellClient } from '../../client/index.ts'
import { addExamples } from '../examples.ts'
import { Output } from '../output.ts'
import { addConnectionFlags, type ConnectionFlags, connectionOf } from './connection.ts'
import { EXIT_CODES_HELP, exitCodeOf } from './exit-codes.ts'

/** What a command works with. */
export interface Remote {
  client: DwellClient
  output: Output
  /** For people: standard error. */
  notes: Output
  json: boolean
  /** Aborts when the command is asked to end. */
  stopping: AbortSignal
}

const INTERRUPTED = 130

/** Options by the names that commander gives them. */
export type Given = Record<string, string | boolean | string[] | undefined>

export interface RemoteAction {
  /** As commander writes it: `get <topic> <id>`. */
  usage: string
  description: string
  /** Adds options of its own. */
  options?: (command: Command) => Command
  /** `given` holds the options; answers the exit code. */
  run(remote: Remote, args: string[], given: Given): Promise<number>
  /** In place of one sentence on standard error: what is said of an error, and the exit code. */
  failed?: (error: unknown, remote: Pick<Remote, 'output' | 'json'>) => Promise<number>
}

export interface RemoteCommand extends RemoteAction {
  /** Lines that work as they stand, one call each. */
  examples: readonly string[]
}

/** Adds a command to `parent`. */
export function addRemote(parent: Command, environment: NodeJS.ProcessEnv, row: RemoteCommand): void {
  addExamples(addRemoteCommand(parent, environment, row), row.examples, EXIT_CODES_HELP)
}

/** Adds a command that is still to have examples. */
export function addRemoteCommand(parent: Command, environment: NodeJS.ProcessEnv, row: RemoteAction): Command {
  const { usage, description } = row
  const command = parent
    .command(usage)
    .description(description)
    .summary(`${description.replace(/[.:]( .*)?$/, '')}.`)
  row.options?.(command)
  command.addOption(new Option('--json', 'print JSON, for programs').default(false))
  addConnectionFlags(command)
  return command.action(async (...all: unknown[]) => {
    // commander passes the arguments, the options and the command.
    const given = all.at(-2) as Given
    const args = all
      .slice(0, -2)
      .flat()
      .filter((arg) => arg !== undefined) as string[]
    await run(row, args, given, environment)
  })
}

async function run(row: RemoteAction, args: string[], given: Given, environment: NodeJS.ProcessEnv): Promise<void> {
  const stopping = new AbortController()
  const stop = () => {
    if (stopping.signal.aborted) process.exit(INTERRUPTED)
    stopping.abort(new CallError({ code: 'CLIENT_CLOSED', sentence: 'Interrupted.' }))
  }
  process.on('SIGINT', stop)
  process.on('SIGTERM', stop)
  const json = given.json === true
  const output = new Output(process.stdout)
  const notes = new Output(process.stderr)
  let client: DwellClient | undefined
  try {
    client = new DwellClient(await connectionOf(given as ConnectionFlags, environment))
    process.exitCode = await row.run({ client, output, notes, json, stopping: stopping.signal }, args, given)
  } catch (error) {
    if (stopping.signal.aborted) process.exitCode = INTERRUPTED
    else if (row.failed !== undefined && isExpected(error)) process.exitCode = await row.failed(error, { output, json })
    else {
      process.exitCode = exitCodeOf(error)
      await tell(error, json, notes)
    }
  } finally {
    client?.close()
    process.off('SIGINT', stop)
    process.off('SIGTERM', stop)
  }
}

function isExpected(error: unknown): error is CallError | DwellError {
  return error instanceof CallError || error instanceof DwellError
}

/** One sentence for people, or one document for programs. @throws what is no error of a call: it is a fault of the program */
export async function tell(error: unknown, json: boolean, notes: Output): Promise<void> {
  if (!isExpected(error)) throw error
  const { code, message, fields } = error
  const status = error instanceof CallError && error.status > 0 ? error.status : undefined
  if (json) return notes.line(JSON.stringify({ error: { code, status, detail: message, ...fields } }))
  await notes.line(message, 'red')
  const advice = ADVICE[code]
  if (advice !== undefined) await notes.line(advice)
}

const MAYBE_DONE =
  'It may have been carried out all the same. A publish with an --id can be repeated: it changes nothing then.'

/** What to do about it, where the service cannot know how it was called. */
const ADVICE: Record<string, string> = {
  CONNECTION_LOST: MAYBE_DONE,
  TIMED_OUT: MAYBE_DONE,
  UNREACHABLE: 'Is it running? `dwell serve` starts one here; --url, --context or DWELL_URL name another.',
  TOKEN_MISSING: 'Give one with --token-file or DWELL_TOKEN, or keep it with `dwell context set`.',
  TOKEN_WRONG: 'It may have been removed, or be meant for another service.',
  TLS_FAILED: 'Give the authority that signed its certificate with --ca, and an address that the certificate names.',
}
