// A command that asks a running service: its flags, its client, its output, and how it ends.
//
// Always true:
//   1. What the service refuses is one sentence on standard error, or with --json the problem as one document there; nothing but
//      results goes to standard output.
//   2. The first SIGINT or SIGTERM asks a command to end in order, the second ends it at once.

import { type Command, Option } from 'commander'
import { DwellError } from '../../../storage/index.ts'
import { CallError, DwellClient } from '../../client/index.ts'
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

export interface RemoteCommand {
  /** As commander writes it: `get <topic> <id>`. */
  usage: string
  description: string
  /** Lines that work as they stand, one call each. */
  examples: readonly string[]
  /** Adds further options. */
  options?: (command: Command) => Command
  /** `given` holds the options; answers the exit code. */
  run(remote: Remote, args: string[], given: Given): Promise<number>
}

/** Adds a command to `parent`. */
export function addRemote(parent: Command, environment: NodeJS.ProcessEnv, row: RemoteCommand): void {
  const command = parent.command(row.usage).description(row.description)
  row.options?.(command)
  addConnectionFlags(command)
  command.addOption(new Option('--json', 'print JSON, for programs').default(false))
  addExamples(command, row.examples, EXIT_CODES_HELP)
  command.action(async (...all: unknown[]) => {
    // commander passes the arguments, the options and the command.
    const given = all.at(-2) as Given
    const args = all.slice(0, -2).flat().filter((arg) => arg !== undefined) as string[] // biome-ignore format: short
    await run(row, args, given, environment)
  })
}

async function run(row: RemoteCommand, args: string[], given: Given, environment: NodeJS.ProcessEnv): Promise<void> {
  const stopping = new AbortController()
  const stop = () => {
    if (stopping.signal.aborted) process.exit(INTERRUPTED)
    stopping.abort(new CallError({ code: 'CLIENT_CLOSED', sentence: 'Interrupted.' }))
  }
  process.on('SIGINT', stop)
  process.on('SIGTERM', stop)
  const json = given.json === true
  const notes = new Output(process.stderr)
  let client: DwellClient | undefined
  try {
    client = new DwellClient(await connectionOf(given as ConnectionFlags, environment))
    const remote = { client, output: new Output(process.stdout), notes, json, stopping: stopping.signal }
    process.exitCode = await row.run(remote, args, given)
  } catch (error) {
    process.exitCode = stopping.signal.aborted ? INTERRUPTED : exitCodeOf(error)
    await tell(error, json, notes)
  } finally {
    client?.close()
    process.off('SIGINT', stop)
    process.off('SIGTERM', stop)
  }
}

/** One sentence for people, or one document for programs. @throws what is no error of a call: it is a fault of the program */
async function tell(error: unknown, json: boolean, notes: Output): Promise<void> {
  if (!(error instanceof CallError) && !(error instanceof DwellError)) throw error
  const { code, message, fields } = error
  const status = error instanceof CallError && error.status > 0 ? error.status : undefined
  if (json) return notes.line(JSON.stringify({ error: { code, status, detail: message, ...fields } }))
  await notes.line(message, 'red')
  const advice = ADVICE[code]
  if (advice !== undefined) await notes.line(advice)
}

/** What to do about it, where the service cannot know how it was called. */
const ADVICE: Record<string, string> = {
  UNREACHABLE: 'Is it running? `dwell serve` starts one here; --url, --context or DWELL_URL name another.',
  TOKEN_MISSING: 'Give one with --token-file or DWELL_TOKEN, or keep it with `dwell context set`.',
  TOKEN_WRONG: 'It may have been removed, or be meant for another service.',
  TLS_FAILED: 'Give the authority that signed its certificate with --ca, and an address that the certificate names.',
}

/** Ends a command's help in examples, and in what its exit codes mean. */
export function addExamples(command: Command, examples: readonly string[], exitCodes?: string): void {
  const lines = examples.map((example) => `  ${example}`).join('\n')
  command.addHelpText('after', `${exitCodes === undefined ? '' : `\n${exitCodes}\n`}\nExamples:\n${lines}`)
}
