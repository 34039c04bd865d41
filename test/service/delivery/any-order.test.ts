// Whatever happens in whatever order, the promises of a group hold (group-story.ts).

import fc from 'fast-check'
import t from 'tap'
import { end, Model, play, step } from './group-story.ts'

t.test('promises hold in any order of publish, acquire, acknowledge, expiry, checkpoint and crash', async (t) => {
  let delivered = 0
  const property = fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 60 }), async (steps) => {
    const model = await Model.begin(() => 'key')
    for (const step of steps) await play(model, step)
    delivered += await end(model)
  })
  await fc.assert(property, { numRuns: Number(process.env.RUNS ?? 60) })
  t.ok(delivered > 0, `${delivered} deliveries`)
})
