// A command that asks a running service: its flags, its client, its output, and how it ends.
//
// Always true:
//   1. What the service refuses is one sentence on standard error, or with --json the problem as one document there; nothing but
//      results goes to standard output.
//   2. The first SIGINT or SIGTERM asks a command to end in order, the second ends it at once.

import type { Command } from 'commander'
import { CallError, DwellClient } from '../../client/index.ts'
import { addCommand, type Given, type Usage } from '../command.ts'
import { addExamples } from '../examples.ts'
import { EXIT, EXIT_CODES_HELP, exitCodeOf } from '../exit-codes.ts'
import { isExpected, type Terminal, tell, terminalOf } from '../terminal.ts'
import { addConnectionFlags, type ConnectionFlags, connectionOf } from './connection.ts'

export type { Given } from '../command.ts'

/** What a command works with. */
export interface Remote extends Terminal {
  client: DwellClient
  /** Aborts when the command is asked to end. */
  signal: AbortSignal
}

export interface RemoteAction extends Usage {
  /** `given` holds the options; answers the exit code. */
  run(remote: Remote, args: string[], given: Given): Promise<number>
  /** In place of one sentence on standard error: what is said of an error, and the exit code. */
  failed?: (error: unknown, terminal: Terminal) => Promise<number>
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
  const command = addCommand(parent, row, (args, given) => run(row, args, given, environment))
  addConnectionFlags(command)
  return command
}

async function run(row: RemoteAction, args: string[], given: Given, environment: NodeJS.ProcessEnv): Promise<void> {
  const stopping = new AbortController()
  const stop = () => {
    if (stopping.signal.aborted) process.exit(EXIT.INTERRUPTED)
    stopping.abort(new CallError({ code: 'CLIENT_CLOSED', sentence: 'Interrupted.' }))
  }
  process.on('SIGINT', stop)
  process.on('SIGTERM', stop)
  const terminal = terminalOf(given.json === true)
  let client: DwellClient | undefined
  try {
    client = new DwellClient(await connectionOf(given as ConnectionFlags, environment))
    process.exitCode = await row.run({ ...terminal, client, signal: stopping.signal }, args, given)
  } catch (error) {
    if (stopping.signal.aborted) process.exitCode = EXIT.INTERRUPTED
    else if (row.failed !== undefined && isExpected(error)) process.exitCode = await row.failed(error, terminal)
    else {
      process.exitCode = exitCodeOf(error)
      await tell(terminal, error)
    }
  } finally {
    client?.close()
    process.off('SIGINT', stop)
    process.off('SIGTERM', stop)
  }
}
