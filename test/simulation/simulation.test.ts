// Some seeds of the simulation, and that a seed is one run and not many. `npm run sim` runs as many as one likes.

import t from 'tap'
import { simulateDelivery } from './delivery/delivery-simulation.ts'
import { simulate } from './simulation.ts'

const SEEDS = 12
const DELIVERY_SEEDS = 4

t.test(
  `${SEEDS} seeds: crashes and faults at any time lose nothing, double nothing, dispatch nothing early`,
  async (t) => {
    for (let seed = 1; seed <= SEEDS; seed++) {
      const { wrong, lastLines } = await simulate(seed)
      if (wrong.length > 0) t.comment(lastLines.join('\n'))
      t.same(wrong, [], `npm run sim -- --seed ${seed} --trace`)
    }
  },
)

t.test('the same seed makes the same calls, gets the same answers and ends in the same state', async (t) => {
  for (const seed of [3, 14]) {
    const [once, again] = [await simulate(seed), await simulate(seed)]
    t.equal(again.lines, once.lines)
    t.equal(again.hash, once.hash)
  }
})

t.test(`${DELIVERY_SEEDS} seeds of groups: the checker of crash runs finds nothing`, async (t) => {
  for (let seed = 1; seed <= DELIVERY_SEEDS; seed++) {
    const { wrong, lastLines } = await simulateDelivery(seed)
    if (wrong.length > 0) t.comment(lastLines.join('\n'))
    t.same(wrong, [], `npm run sim -- --seed ${seed} --world delivery --trace`)
  }
  const [once, again] = [await simulateDelivery(3), await simulateDelivery(3)]
  t.equal(again.hash, once.hash)
  t.not((await simulateDelivery(4)).hash, once.hash)
})

t.test('another seed is another run', async (t) => {
  t.not((await simulate(1)).hash, (await simulate(2)).hash)
})
