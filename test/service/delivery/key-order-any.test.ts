// Whatever happens in whatever order, keys keep theirs, and all other promises of a group hold too (group-story.ts).

import fc from 'fast-check'
import t, { type Test as TapTest } from 'tap'
import { end, Model, play, type Step, step } from './group-story.ts'

/** Three keys, and every fourth record without one. */
const keyOf = (n: number) => (n % 4 === 3 ? null : `key-${(n * 7) % 3}`)

const order: fc.Arbitrary<Step> = fc.record({
  type: fc.constant('order' as const),
  order: fc.constantFrom('none' as const, 'key' as const),
})

async function hold(t: TapTest, steps: fc.Arbitrary<Step>): Promise<void> {
  let delivered = 0
  const property = fc.asyncProperty(fc.array(steps, { minLength: 5, maxLength: 60 }), async (steps) => {
    const model = await Model.begin(keyOf, 'key')
    for (const step of steps) await play(model, step)
    delivered += await end(model)
  })
  await fc.assert(property, { numRuns: Number(process.env.RUNS ?? 60) })
  t.ok(delivered > 0, `${delivered} deliveries`)
}

t.test('no record of a key is delivered while an earlier one is under way, whatever happens', (t) => hold(t, step))

t.test('the order may be changed at any time: nothing is lost, and what begins after it keeps it', (t) =>
  hold(t, fc.oneof({ weight: 12, arbitrary: step }, { weight: 1, arbitrary: order })),
)
