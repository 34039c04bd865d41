// Whatever happens in whatever order, the promises of a group hold (group-story.ts, group-model.ts).
//
//   RUNS=10000 SEED=7 node test/service/delivery/any-order.test.ts

import fc from 'fast-check'
import t, { type Test as TapTest } from 'tap'
import { RARE, type Step, type StoryOptions, stepOf, storyRuns, tell } from './group-story.ts'

if (process.env.RUNS !== undefined) t.setTimeout(0)

/** Three keys, and every fourth record without one. */
const keyOf = (n: number) => (n % 4 === 3 ? null : `key-${(n * 7) % 3}`)

async function hold(t: TapTest, options: Pick<StoryOptions, 'order'>, steps: fc.Arbitrary<Step>): Promise<void> {
  let delivered = 0
  const property = fc.asyncProperty(fc.array(steps, { minLength: 5, maxLength: 60, size: 'max' }), async (steps) => {
    delivered += await tell({ ...options, keyOf }, steps)
  })
  await fc.assert(property, storyRuns(50))
  t.ok(delivered > 0, `${delivered} deliveries`)
}

t.test('publish, acquire, acknowledge, expiry, checkpoint and crash', (t) => hold(t, { order: 'none' }, stepOf([])))

t.test('the same, and keys keep their order', (t) => hold(t, { order: 'key' }, stepOf([])))

t.test('settings, pauses, resets, redrives, purges and new partitions, too', (t) =>
  hold(t, { order: 'none' }, stepOf(RARE)),
)

t.test('all of them, and keys keep their order', (t) => hold(t, { order: 'key' }, stepOf(RARE)))
