// Whatever happens in whatever order, the promises of a group hold (group-story.ts, group-model.ts).
//
//   RUNS=10000 SEED=7 node test/service/delivery/any-order.test.ts

import fc from 'fast-check'
import t, { type Test as TapTest } from 'tap'
import type { GroupSettings } from '../../../service/delivery/index.ts'
import { PARTITIONS, RARE, type Step, stepOf, storyRuns, tell } from './group-story.ts'
import { startWithPowerCuts } from './power-cuts.ts'

t.setTimeout(process.env.RUNS === undefined ? 300_000 : 0)

interface Kind {
  order: GroupSettings['order']
  powerCuts?: boolean
}

/** Three keys, and every fourth record without one. */
const keyOf = (n: number) => (n % 4 === 3 ? null : `key-${(n * 7) % 3}`)

async function hold(t: TapTest, { order, powerCuts = false }: Kind, steps: fc.Arbitrary<Step>): Promise<void> {
  let delivered = 0
  const story = fc.array(steps, { minLength: 5, maxLength: 60, size: 'max' })
  const property = fc.asyncProperty(story, fc.nat(), async (steps, seed) => {
    const start = (settings: Partial<GroupSettings>) => startWithPowerCuts(seed, { orders: PARTITIONS }, settings)
    delivered += await tell({ order, keyOf, ...(powerCuts && { start }) }, steps)
  })
  const runs = storyRuns(powerCuts ? 8 : 30)
  t.comment(`seed ${runs.seed}`)
  await fc.assert(property, runs)
  t.ok(delivered > 0, `${delivered} deliveries`)
}

t.test('publish, acquire, acknowledge, expiry, checkpoint and crash', (t) => hold(t, { order: 'none' }, stepOf([])))

t.test('the same, and keys keep their order', (t) => hold(t, { order: 'key' }, stepOf([])))

t.test('settings, pauses, resets, redrives, purges and new partitions, too', (t) =>
  hold(t, { order: 'none' }, stepOf(RARE)),
)

t.test('all of them, and keys keep their order', (t) => hold(t, { order: 'key' }, stepOf(RARE)))

t.test('the same, on a disk that loses power', (t) => hold(t, { order: 'key', powerCuts: true }, stepOf(RARE)))
