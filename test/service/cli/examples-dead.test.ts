// The examples of dead letters, delayed messages and checks.

import t from 'tap'
import { DEAD_STEPS } from './example-steps.ts'
import { runExamples } from './examples-rig.ts'

t.setTimeout(118_000)

t.test('the examples of dead letters, delayed messages and checks work', (t) =>
  runExamples(t, DEAD_STEPS).then(() => {}),
)
