// How the help of every command ends: examples that work as they stand, one call each. A test runs them all.

import type { Command } from 'commander'

/** Ends a command's help in examples, and in what its exit codes mean. */
export function addExamples(command: Command, examples: readonly string[], exitCodes?: string): void {
  const lines = examples.map((example) => `  ${example}`).join('\n')
  command.addHelpText('after', `${exitCodes === undefined ? '' : `\n${exitCodes}\n`}\nExamples:\n${lines}`)
}
