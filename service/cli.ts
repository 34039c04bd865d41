// The command line: `dwell serve` and the tools.

import { Command } from 'commander'
import dwell from 'dwell/package.json' with { type: 'json' }
import { addExamplesOfGroups } from './cli/examples.ts'
import { addRemotes } from './cli/remote/commands.ts'
import { addServe } from './cli/serve.ts'
import { addTokens } from './cli/tokens.ts'
import { addTools } from './cli/tools.ts'

const USAGE_EXIT_CODE = 2

/** All commands, to be run or looked at. */
export function makeProgram(environment: NodeJS.ProcessEnv): Command {
  const program = new Command('dwell').description('A delay, retry and dead-letter queue service.')
  // Before the commands are added: they take it over. Asking for help is no error.
  program.exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : USAGE_EXIT_CODE))
  program.version(dwell.version, '--version', 'print the version')
  addServe(program, environment)
  addTools(program)
  addTokens(program, environment.DWELL_TOKENS_FILE)
  addRemotes(program, environment)
  addExamplesOfGroups(program, ['serve', 'publish', 'consume', 'groups', 'explain', 'doctor'])
  return program
}

/** Runs the command line. What cannot go on sets the exit code and says why. */
export async function run(argv: readonly string[], environment: NodeJS.ProcessEnv): Promise<void> {
  await makeProgram(environment).parseAsync(argv as string[])
}
