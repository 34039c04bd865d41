// Every command's help ends in examples, and every example works as it stands. Which file runs them stands here.

import t from 'tap'
import { makeProgram } from '../../../service/cli.ts'
import { DEAD_STEPS, GROUP_STEPS, MACHINE_STEPS, nameOf } from './example-steps.ts'
import { allCommands, examplesOf, runExamples } from './examples-rig.ts'

t.setTimeout(118_000)

t.test('no command is forgotten', async (t) => {
  const run = [...GROUP_STEPS, ...DEAD_STEPS, ...MACHINE_STEPS].map(nameOf)
  t.same(run.sort(), [...allCommands().keys()].sort())
})

t.test('what holds other commands shows examples of theirs', async (t) => {
  const program = makeProgram({})
  const all = new Set([...allCommands(program).values()].flatMap(examplesOf))
  for (const command of [program, ...program.commands.filter(({ commands }) => commands.length > 0)]) {
    const examples = examplesOf(command)
    t.ok(examples.length > 2 && examples.every((example) => all.has(example)), command.name())
  }
})

t.test('the examples of topics, messages and groups work', (t) => runExamples(t, GROUP_STEPS).then(() => {}))
