// How the help of every command ends: examples that work as they stand, one call each. A test runs them all.

import type { Command } from 'commander'

const EXAMPLES = new WeakMap<Command, readonly string[]>()

/** Ends a command's help in examples, and in what its exit codes mean. */
export function addExamples(command: Command, examples: readonly string[], exitCodes?: string): void {
  EXAMPLES.set(command, examples)
  const lines = examples.map((example) => `  ${example}`).join('\n')
  command.addHelpText('after', `${exitCodes === undefined ? '' : `\n${exitCodes}\n`}\nExamples:\n${lines}`)
}

/** What only holds other commands shows the first example of each of them; the program those of a few. */
export function addExamplesOfGroups(program: Command, shown: readonly string[]): void {
  for (const group of program.commands.filter(({ commands }) => commands.length > 0))
    addExamples(group, group.commands.flatMap(firstOf))
  addExamples(program, shown.flatMap((name) => program.commands.filter((one) => one.name() === name)).flatMap(firstOf))
}

function firstOf(command: Command): string[] {
  return EXAMPLES.get(command)?.slice(0, 1) ?? []
}
