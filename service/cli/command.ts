// A command: its words, its help, its flags, and how it ends. Those that ask a service are made in remote/remote.ts, with more
// flags; those that work on files are made here.

import type { Command } from 'commander'
import { addExamples } from './examples.ts'
import { EXIT, FILE_EXIT_CODES_HELP } from './exit-codes.ts'
import { type Terminal, tell, terminalOf } from './terminal.ts'

/** Options by the names that commander gives them. */
export type Given = Record<string, string | boolean | string[] | undefined>

/** What a command is called and says of itself. */
export interface Usage {
  /** As commander writes it: `get <topic> <id>`. */
  usage: string
  description: string
  /** Adds options of its own. */
  options?: (command: Command) => Command
}

export interface FileCommand extends Usage {
  /** Lines that work as they stand, one call each. */
  examples: readonly string[]
  /** FILE_EXIT_CODES_HELP when absent. */
  exitCodes?: string
  /** `given` holds the options; answers the exit code. */
  run(terminal: Terminal, args: string[], given: Given): Promise<number>
}

/** Adds a command that works on files; what it cannot do is said, and the exit code is 2. */
export function addFileCommand(parent: Command, row: FileCommand): void {
  const command = addCommand(parent, row, async (args, given) => {
    const terminal = terminalOf(given.json === true)
    try {
      process.exitCode = await row.run(terminal, args, given)
    } catch (error) {
      await tell(terminal, error)
      process.exitCode = EXIT.USAGE
    }
  })
  addExamples(command, row.examples, row.exitCodes ?? FILE_EXIT_CODES_HELP)
}

/** Adds a command that is still to have examples. */
export function addCommand(
  parent: Command,
  { usage, description, options }: Usage,
  run: (args: string[], given: Given) => Promise<void>,
): Command {
  const command = parent
    .command(usage)
    .description(description)
    .summary(`${description.replace(/[.:]( .*)?$/, '')}.`)
  options?.(command)
  command.option('--json', 'print JSON, for programs', false)
  return command.action(async (...all: unknown[]) => {
    // commander passes the arguments, the options and the command.
    const args = all.slice(0, -2).flat() as (string | undefined)[]
    await run(
      args.filter((arg) => arg !== undefined),
      all.at(-2) as Given,
    )
  })
}
