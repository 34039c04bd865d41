// What waits for its retry is seen: how many, and for how long, from counters.

import t from 'tap'
import type { Delivery } from '../../../../service/delivery/index.ts'
import { GroupRig } from '../group-rig.ts'

const release = (deliveries: readonly Delivery[], delayMs?: number) =>
  deliveries.map(({ receipt }) => ({ receipt, type: 'release' as const, delayMs }))

/** How many wait per tier, of each partition. */
function waiting(rig: GroupRig): Record<string, number>[] {
  return rig.groups.describe('orders', 'billing').partitions.map((partition) => {
    const some = partition.waiting.filter(({ count }) => count > 0)
    return Object.fromEntries(some.map(({ tier, count }) => [tier, count]))
  })
}

t.test('what waits in tiers and in the wheel is counted, by partition, also across kill -9', async (t) => {
  const rig = await GroupRig.start({ orders: 2 })
  await rig.publish('orders', ['a', 'b', 'c'], 0)
  await rig.publish('orders', ['d', 'e'], 1)
  const [a, b, c, d, e] = await rig.acquire()
  await rig.groups.acknowledge('orders', 'billing', [
    ...release([a]),
    ...release([b, c, d], 60_000),
    { receipt: e.receipt, type: 'accept' },
  ])
  const expected = [{ '5s': 1, delayed: 2 }, { delayed: 1 }]
  t.same(waiting(rig), expected)
  t.equal(rig.groups.retriesWaiting, 4)
  await rig.crash()
  t.same(waiting(rig), expected, 'as a delta says')
  await rig.groups.checkpoint()
  await rig.crash()
  t.same(waiting(rig), expected, 'as a snapshot says')
  await rig.clock.advance(60_000)
  await rig.turnWheel()
  t.same(waiting(rig), expected, 'out of the wheel they still wait, in their lane')
  await rig.crash()
  t.same(waiting(rig), expected)
  await rig.groups.acknowledge('orders', 'billing', release((await rig.acquire()).slice(0, 1), 1_000))
  t.equal(rig.groups.retriesWaiting, 1)
  await rig.clock.advance(1_000)
  await rig.turnWheel()
  t.equal((await rig.acquire()).length, 1)
  t.same(waiting(rig), [{}, {}])
  t.equal(rig.groups.retriesWaiting, 0)
})

t.test('a release that was not durable is not counted', async (t) => {
  const rig = await GroupRig.start()
  await rig.publish('orders', ['a', 'b'])
  const [a, b] = await rig.acquire()
  await rig.groups.acknowledge('orders', 'billing', release([a], 60_000))
  rig.cutAfter(0)
  void rig.groups.acknowledge('orders', 'billing', release([b], 60_000))
  await rig.clock.advance(0)
  await rig.crash()
  t.same(waiting(rig), [{ delayed: 1 }])
})

t.test('lanes say how many wait, and since when the first of them does', async (t) => {
  const rig = await GroupRig.start({ orders: 2 })
  await rig.publish('orders', ['a', 'b'], 0)
  await rig.publish('orders', ['c', 'd'], 1)
  const [a, b, c, d] = await rig.acquire()
  const firstMs = rig.clock.wallMs()
  await rig.groups.acknowledge('orders', 'billing', [...release([c]), ...release([d], 10_000)])
  await rig.clock.advance(2_000)
  await rig.groups.acknowledge('orders', 'billing', [...release([a]), { receipt: b.receipt, type: 'reject' }])
  await rig.crash()
  const none = { waiting: 0, oldestAtMs: undefined }
  const tier = (name: string) => ({ tier: name, topic: `orders.billing.retry.${name}` })
  const [fives, tens, fifteens, delayed] = ['5s', '10s', '15s', 'delayed'].map(tier)
  t.same(await rig.groups.lanes('orders', 'billing'), [
    { ...fives, waiting: 2, oldestAtMs: firstMs },
    { ...tens, ...none },
    { ...fifteens, ...none },
    { ...delayed, waiting: 1, oldestAtMs: undefined },
  ])
  await rig.clock.advance(8_000)
  await rig.turnWheel()
  const [, , , came] = await rig.groups.lanes('orders', 'billing')
  t.same(came, { ...delayed, waiting: 1, oldestAtMs: firstMs }, 'since it was released, not since it came')
  await rig.acquire(1)
  const [left] = await rig.groups.lanes('orders', 'billing')
  t.match(left, { waiting: 1 })
})

t.test('looking reads one record of a lane, however many wait', async (t) => {
  const rig = await GroupRig.start()
  await rig.publish(
    'orders',
    Array.from({ length: 5_000 }, (_, n) => `v${n}`),
  )
  await rig.groups.configure('orders', 'billing', { maxInFlight: 10_000 })
  for (let i = 0; i < 5; i++) await rig.groups.acknowledge('orders', 'billing', release(await rig.acquire(1_000)))
  const read = rig.engine.read.bind(rig.engine)
  const sizes: number[] = []
  rig.engine.read = async (topic, partition, fromOffset, maxBytes) => {
    sizes.push(maxBytes)
    return read(topic, partition, fromOffset, maxBytes)
  }
  t.match(await rig.groups.lanes('orders', 'billing'), [{ waiting: 5_000 }, { waiting: 0 }, { waiting: 0 }])
  t.same(sizes, [1])
})

t.test('a lane whose first record is gone, or that was deleted, is told of as far as it is there', async (t) => {
  const rig = await GroupRig.start()
  await rig.publish('orders', ['a', 'b', 'c'])
  const [a, b, c] = await rig.acquire()
  await rig.groups.acknowledge('orders', 'billing', release([a]))
  await rig.groups.acknowledge('orders', 'billing', release([b]))
  await rig.engine.deleteRecords('orders.billing.retry.5s', 0, 1)
  t.match(await rig.groups.lanes('orders', 'billing'), [{ tier: '5s', waiting: 2, oldestAtMs: undefined }, {}, {}])
  await rig.groups.acknowledge('orders', 'billing', release([c], 60_000))
  await rig.engine.deleteTopic('orders.billing.retry.delayed')
  await rig.publish('orders', ['d'])
  const d = await rig.one()
  await rig.groups.acknowledge('orders', 'billing', release([d], 60_000))
  t.same(waiting(rig), [{ '5s': 1, delayed: 1 }], 'what is gone is passed over, what was in the deleted lane too')
})
