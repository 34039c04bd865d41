// Groups on the embedded engine: that they keep to the contract where MemoryEngine is kinder than a disk (commit groups,
// joined batches, reads through an index).

import t from 'tap'
import { type Delivery, GROUPS_TOPIC, Groups } from '../../../../service/delivery/index.ts'
import { EmbeddedEngine, encodeRecordBody, SILENT, SystemDisk, SystemRandom } from '../../../../storage/index.ts'
import { ManualClock } from '../../../support/manual-clock.ts'
import { textOf } from '../group-rig.ts'

async function open(directory: string, clock: ManualClock) {
  const onFailure = (error: Error) => {
    throw error
  }
  const engine = await EmbeddedEngine.open({ directory, clock, disk: new SystemDisk(), log: SILENT, onFailure })
  const hand = { nowMs: () => clock.wallMs() }
  const wheel = { append: () => ({ topic: '__delay', partition: 0, records: [] }) }
  const groups = await Groups.open({ engine, clock, hand, wheel, random: new SystemRandom(), log: SILENT })
  return { engine, groups }
}

t.test('what was accepted, released and locked is so after a restart, also after checkpoints', async (t) => {
  const directory = t.testdir()
  const clock = new ManualClock()
  let { engine, groups } = await open(directory, clock)
  await engine.createTopic('orders', { partitions: 2, cleanup: 'delete' })
  const published = []
  for (let i = 0; i < 400; i++) {
    const records = [{ timestampMs: clock.wallMs(), body: encodeRecordBody(null, Buffer.from(`v${i}`), []) }]
    published.push(engine.append([{ topic: 'orders', partition: i % 2, records }]))
  }
  await Promise.all(published)

  const accepted = new Set<string>()
  const released = new Set<string>()
  const held: Delivery[] = []
  for (let round = 0; round < 4; round++) {
    const deliveries = await groups.acquire('orders', 'billing', { max: 90, waitMs: 0 })
    t.equal(deliveries.length, 90)
    const named = deliveries.map((delivery, i) => ({ delivery, type: (['accept', 'release', 'hold'] as const)[i % 3] }))
    const acknowledgements = named.flatMap(({ delivery, type }) => {
      if (type === 'hold') return []
      ;(type === 'accept' ? accepted : released).add(textOf(delivery))
      return { receipt: delivery.receipt, type }
    })
    held.push(...named.filter(({ type }) => type === 'hold').map(({ delivery }) => delivery))
    const results = await groups.acknowledge('orders', 'billing', acknowledgements)
    t.ok(results.every(({ state }) => state === 'acknowledged' || state === 'retrying'))
    if (round % 2 === 0) await groups.checkpoint()
    await groups.stop()
    await engine.close()
    ;({ engine, groups } = await open(directory, clock))
  }
  t.ok(engine.offsets(GROUPS_TOPIC, 0).logStartOffset > 0)

  const late = await groups.acknowledge(
    'orders',
    'billing',
    held.map(({ receipt }) => ({ receipt, type: 'accept' })),
  )
  t.ok(
    late.every(({ state }) => state === 'acknowledged'),
    'receipts are good after restarts',
  )
  await clock.advance(5_000)
  const rest = await groups.acquire('orders', 'billing', { max: 1_000, waitMs: 0 })
  const retried = rest.filter(({ deliveryCount }) => deliveryCount === 2).map(textOf)
  t.same(new Set(retried), released)
  t.equal(retried.length, released.size)
  t.equal(rest.length - retried.length, 400 - 4 * 90)
  t.notOk(rest.some((delivery) => accepted.has(textOf(delivery))))
  await groups.stop()
  await engine.close()
})
