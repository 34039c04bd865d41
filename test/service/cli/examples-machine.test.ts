// The examples of what looks at the machine, at contexts, tokens and files.

import { readdirSync } from 'node:fs'
import t from 'tap'
import { MACHINE_STEPS } from './example-steps.ts'
import { runExamples } from './examples-rig.ts'

t.setTimeout(118_000)

t.test('the examples of doctor, bench, contexts, tokens and tools work', async (t) => {
  const folder = await runExamples(t, MACHINE_STEPS)
  t.ok(readdirSync(folder).includes('dwell-doctor.json'))
})
