import t from 'tap'
import { hashOfKey } from '../../../../service/delivery/keys/key-turns.ts'
import { encodeRecordBody } from '../../../../storage/index.ts'
import { settle } from '../../../support/manual-clock.ts'
import { GroupRig, textOf } from '../group-rig.ts'

const COLLIDING = ['customer-96459', 'customer-593063']
const SETTINGS = { retry: [5_000, 10_000], lockMs: 8_000, order: 'key' } as const

async function start(settings: object = {}) {
  const rig = await GroupRig.start({ orders: 1 }, { ...SETTINGS, ...settings })
  /** `a1` is published under the key a, `-1` under none. */
  const publish = async (...values: string[]) => {
    for (const value of values) await rig.publish('orders', [value], 0, value[0] === '-' ? null : value[0])
  }
  const acquire = async (max = 100) => {
    const deliveries = await rig.acquire(max)
    return Object.fromEntries(deliveries.map((delivery) => [textOf(delivery), delivery.receipt]))
  }
  const names = async (max = 100) => Object.keys(await acquire(max)).join(' ')
  const acknowledge = async (...acknowledgements: Parameters<typeof rig.groups.acknowledge>[2]) =>
    (await rig.groups.acknowledge('orders', 'billing', acknowledgements)).map(({ state }) => state).join(' ')
  return { rig, publish, acquire, names, acknowledge }
}

t.test('a key waits for its record in flight, others and records without a key flow on', async (t) => {
  const { publish, acquire, names, acknowledge } = await start()
  await publish('a1', 'a2', 'b1', '-1', 'a3', '-2', 'b2')
  const first = await acquire()
  t.same(Object.keys(first), ['a1', 'b1', '-1', '-2'])
  t.equal(await names(), '')
  await acknowledge({ receipt: first.b1, type: 'accept' })
  t.equal(await names(), 'b2')
  await acknowledge({ receipt: first.a1, type: 'accept' })
  const second = await acquire()
  t.same(Object.keys(second), ['a2'], 'one at a time')
  await acknowledge({ receipt: second.a2, type: 'reject' })
  t.equal(await names(), 'a3', 'a dead letter frees its key')
})

t.test('a key waits through all tiers, an own delay and a lock that ran out, also across crashes', async (t) => {
  const { rig, publish, acquire, names, acknowledge } = await start()
  await publish('a1', 'a2', 'b1')
  const { a1 } = await acquire(1)
  await acknowledge({ receipt: a1, type: 'release' })
  t.equal(await names(), 'b1', 'it waits in a tier')
  await rig.crash()
  t.equal(await names(), '')
  await rig.clock.advance(5_000)
  const retried = await acquire()
  t.same(Object.keys(retried), ['a1'])
  await acknowledge({ receipt: retried.a1, type: 'release', delayMs: 60_000 })
  t.equal(await names(), '', 'it waits in the wheel')
  await rig.crash()
  t.equal(await names(), '')
  await rig.groups.checkpoint()
  await rig.crash()
  t.equal(await names(), '', 'and stands in the snapshot')
  await rig.clock.advance(60_000)
  await rig.turnWheel()
  await rig.crash()
  const third = await acquire()
  t.match(Object.keys(third).sort(), ['a1', 'b1'], 'it lies in the lane of the wheel; the other ran out before')
  await rig.crash()
  t.equal(await names(), '', 'it is in flight')
  await rig.clock.advance(8_000)
  t.equal(await names(), 'a2', 'its last try ran out: it is dead')
})

t.test('what was parked is found after a restart, in its order', async (t) => {
  const { rig, publish, acquire, names, acknowledge } = await start()
  await publish('a1', 'a2', 'a3', '-1')
  const { a1 } = await acquire()
  t.match(rig.groups.describe('orders', 'billing').partitions[0], { lag: 4, startOffset: 0 })
  await rig.groups.checkpoint()
  await rig.crash()
  await publish('a4', 'b1')
  t.equal(await names(), 'b1')
  await acknowledge({ receipt: a1, type: 'accept' })
  t.equal(rig.groups.describe('orders', 'billing').partitions[0].startOffset, 1)
  for (const expected of ['a2', 'a3', 'a4']) {
    const deliveries = await acquire()
    t.same(Object.keys(deliveries), [expected])
    await acknowledge({ receipt: deliveries[expected], type: 'accept' })
  }
})

t.test('a waiting call is woken by the acknowledgement that frees its key', async (t) => {
  const { rig, publish, acquire, acknowledge } = await start()
  await publish('a1', 'a2')
  const { a1 } = await acquire()
  const waiting = rig.acquire(10, 20_000)
  await settle()
  await acknowledge({ receipt: a1, type: 'accept' })
  t.same((await waiting).map(textOf), ['a2'])
})

t.test('other keys flow past a key with many more records than are kept in memory', async (t) => {
  const { rig, acquire, acknowledge } = await start()
  const count = 20_000
  for (let n = 0; n < count; n += 1_000) {
    await rig.publish(
      'orders',
      Array.from({ length: 1_000 }, (_, i) => `a${n + i}`),
      0,
      'a',
    )
  }
  await rig.publish('orders', ['b0'], 0, 'b')
  const first = await acquire()
  t.same(Object.keys(first), ['a0', 'b0'])
  await acknowledge({ receipt: first.a0, type: 'accept' })
  for (let n = 1; n < 10; n++) {
    if (n === 5) await rig.crash()
    const deliveries = await acquire()
    t.same(Object.keys(deliveries), [`a${n}`])
    await acknowledge({ receipt: deliveries[`a${n}`], type: 'accept' })
  }
})

t.test('parked records that retention took are given up, and their key goes on', async (t) => {
  const { rig, publish, acquire, names, acknowledge } = await start()
  await publish('a1', 'a2', 'a3', '-1', 'a4')
  const { a1 } = await acquire()
  await rig.engine.deleteRecords('orders', 0, 2)
  await acknowledge({ receipt: a1, type: 'accept' })
  t.equal(await names(), 'a3')
  t.equal(rig.groups.stats().skipped, 1)
  await rig.crash()
  t.equal(rig.groups.describe('orders', 'billing').partitions[0].startOffset, 2)
})

t.test('the order may be set and given up while records are under way', async (t) => {
  const { rig, publish, acquire, names, acknowledge } = await start({ order: 'none' })
  const keep = (order: 'none' | 'key') => rig.groups.configure('orders', 'billing', { order })
  await publish('a1', 'a2', 'a3', 'b1', 'b2')
  const { a1, a2 } = await acquire(2)
  await acknowledge({ receipt: a2, type: 'release' })
  await keep('key')
  t.equal(await names(), 'b1', 'what was under way has the turn of its key')
  await acknowledge({ receipt: a1, type: 'accept' })
  t.equal(await names(), '', 'a2 still waits in its tier')
  await keep('none')
  t.equal(await names(), 'a3 b2')
})

t.test('after a reset each key begins anew, behind what waits for its retry', async (t) => {
  const { rig, publish, acquire, names, acknowledge } = await start()
  await publish('a1', 'a2', 'b1')
  const { a1 } = await acquire()
  await acknowledge({ receipt: a1, type: 'release' })
  await rig.groups.reset('orders', 'billing', 'earliest')
  t.equal(await names(), 'b1', 'what was in flight is let go')
  await rig.clock.advance(5_000)
  const retried = await acquire()
  t.same(Object.keys(retried), ['a1'])
  await acknowledge({ receipt: retried.a1, type: 'accept' })
  t.equal(await names(1), 'a1')
})

t.test('a key is freed when the record that it waits for never comes out of the wheel', async (t) => {
  const { rig, publish, acquire, names, acknowledge } = await start()
  await publish('a1', 'a2')
  const { a1 } = await acquire()
  await acknowledge({ receipt: a1, type: 'release', delayMs: 10_000 })
  await rig.clock.advance(3_600_000)
  await rig.groups.checkpoint()
  t.equal(await names(), '', 'it may be late')
  await rig.clock.advance(20_000)
  await rig.groups.checkpoint()
  t.equal(await names(), 'a2')
  await rig.crash()
  t.equal(await names(), '')
})

t.test('a release while keys are counted counts once (a key stayed busy, or was free, after a restart)', async (t) => {
  for (const delayMs of [undefined, 10_000]) {
    const { rig, publish, acquire, names, acknowledge } = await start()
    await publish('a1', 'a2')
    const { a1 } = await acquire()
    await rig.crash()
    const [, released] = await Promise.all([rig.acquire(), acknowledge({ receipt: a1, type: 'release', delayMs })])
    t.equal(released, 'retrying')
    t.equal(await names(), '', 'it is not free')
    await rig.clock.advance(10_000)
    await rig.turnWheel()
    const retried = await acquire()
    t.same(Object.keys(retried), ['a1'])
    await acknowledge({ receipt: retried.a1, type: 'accept' })
    t.equal(await names(), 'a2', 'it is free')
  }
})

t.test('what is held stands in a delta too, not only in the snapshot of a new lane', async (t) => {
  const { rig, publish, acquire, names, acknowledge } = await start()
  await publish('a1', 'b1', 'a2', 'b2')
  const { a1, b1 } = await acquire()
  await acknowledge({ receipt: b1, type: 'release', delayMs: 60_000 })
  await acknowledge({ receipt: a1, type: 'release', delayMs: 60_000 })
  await rig.crash()
  t.equal(await names(), '')
})

t.test('keys are counted only when what goes to a tier is durable, with what goes there meanwhile', async (t) => {
  const { rig, publish, acquire, names, acknowledge } = await start({ order: 'none' })
  await publish('a1', 'b1', 'c1', 'a2', 'b2', 'c2')
  const { a1, b1, c1 } = await acquire(3)
  await acknowledge({ receipt: c1, type: 'release' })
  rig.engine.held = true
  const first = acknowledge({ receipt: b1, type: 'release' })
  await settle()
  const ordered = rig.groups.configure('orders', 'billing', { order: 'key' })
  const counted = rig.acquire(10)
  await settle()
  const second = acknowledge({ receipt: a1, type: 'release' })
  await settle()
  rig.engine.held = false
  rig.engine.release()
  await Promise.all([first, second, ordered])
  t.same(await counted, [])
  t.equal(await names(), '')
  await rig.clock.advance(5_000)
  const retried = await acquire()
  t.same(Object.keys(retried), ['c1', 'b1', 'a1'])
  await acknowledge(...Object.values(retried).map((receipt) => ({ receipt, type: 'accept' }) as const))
  t.equal(await names(), 'a2 b2 c2', 'none of them was counted twice')
})

t.test('a key whose record was lost in its lane is freed in the call that finds out', async (t) => {
  const { rig, publish, acquire, names, acknowledge } = await start()
  await publish('a1', 'a2')
  const { a1 } = await acquire()
  await acknowledge({ receipt: a1, type: 'release' })
  await rig.engine.deleteRecords('orders.billing.retry.5s', 0, 1)
  t.equal(await names(), 'a2')
})

t.test('a redriven record waits for its turn as a new one, and holds its key then, also across crashes', async (t) => {
  const { rig, publish, acquire, names, acknowledge } = await start()
  await publish('a1', 'a2', 'b1')
  const { a1, b1 } = await acquire()
  await acknowledge({ receipt: a1, type: 'reject' }, { receipt: b1, type: 'reject' })
  const { a2 } = await acquire()
  await rig.groups.deadLetters.redrives.begin('orders', 'billing', { filter: {} })
  await rig.clock.advance(1)
  t.equal(await names(), 'b1', 'a key that is free; a2 has the other')
  await rig.groups.checkpoint()
  await rig.crash()
  t.equal(await names(), '', 'that it is parked stands in the snapshot')
  await acknowledge({ receipt: a2, type: 'accept' })
  const redriven = await acquire()
  t.same(Object.keys(redriven), ['a1'])
  await publish('a3')
  await rig.crash()
  t.equal(await names(), '', 'it is in flight')
  await acknowledge({ receipt: redriven.a1, type: 'release' })
  t.equal(await names(), '', 'it waits in a tier')
  await rig.clock.advance(5_000)
  const retried = await acquire()
  t.same(Object.keys(retried), ['a1'])
  await acknowledge({ receipt: retried.a1, type: 'release', delayMs: 1_000 })
  await rig.crash()
  t.equal(await names(), '', 'it waits in the wheel')
  await rig.clock.advance(1_000)
  await rig.turnWheel()
  const { a1: last } = await acquire()
  await acknowledge({ receipt: last, type: 'accept' })
  t.equal(await names(), 'a3')
})

t.test('redriven records of a key come one after the other, in the order in which they died', async (t) => {
  const { rig, publish, acquire, acknowledge } = await start()
  await publish('a1', 'a2', 'a3')
  for (const name of ['a1', 'a2', 'a3']) {
    const { [name]: receipt } = await acquire()
    await acknowledge({ receipt, type: 'reject' })
  }
  await rig.groups.deadLetters.redrives.begin('orders', 'billing', { filter: {} })
  await rig.clock.advance(1)
  for (const name of ['a1', 'a2', 'a3']) {
    await rig.crash()
    const deliveries = await acquire()
    t.same(Object.keys(deliveries), [name])
    await acknowledge({ receipt: deliveries[name], type: 'accept' })
  }
})

t.test(
  'a record that a reset brought twice frees its key twice (it stayed busy when both had an own delay)',
  async (t) => {
    const { rig, publish, acquire, names, acknowledge } = await start({ order: 'none', lockMs: 60_000 })
    await publish('a1')
    const { a1: first } = await acquire()
    await acknowledge({ receipt: first, type: 'release' })
    await rig.groups.reset('orders', 'billing', 'earliest')
    const { a1: second } = await acquire()
    await rig.clock.advance(5_000)
    const { a1: third } = await acquire()
    await rig.groups.configure('orders', 'billing', { order: 'key' })
    await publish('a2')
    t.equal(await names(), '')
    await acknowledge(
      { receipt: second, type: 'release', delayMs: 1_000 },
      { receipt: third, type: 'release', delayMs: 1_000 },
    )
    await rig.clock.advance(1_000)
    await rig.turnWheel()
    const again = await rig.acquire()
    t.same(again.map(textOf), ['a1', 'a1'])
    const [one, other] = again.map(({ receipt }) => ({ receipt, type: 'accept' }) as const)
    await acknowledge(one)
    t.equal(await names(), '')
    await acknowledge(other)
    t.equal(await names(), 'a2')
  },
)

t.test('two keys with the same hash take turns with each other, and nothing else happens to them', async (t) => {
  // Found by search: murmur2 as Kafka has it, of 32 bits.
  const [one, other] = COLLIDING
  t.equal(hashOfKey(Buffer.from(one)), hashOfKey(Buffer.from(other)))
  const { rig, names, acquire, acknowledge } = await start()
  await rig.publish('orders', ['one-1'], 0, one)
  await rig.publish('orders', ['other-1'], 0, other)
  await rig.publish('orders', ['one-2'], 0, one)
  for (const expected of ['one-1', 'other-1', 'one-2']) {
    const deliveries = await acquire()
    t.same(Object.keys(deliveries), [expected])
    await acknowledge({ receipt: deliveries[expected], type: 'accept' })
  }
  t.equal(await names(), '')
})

t.test('a record with an empty key has a key, one without has none', async (t) => {
  const { rig, names } = await start()
  for (const [value, key] of [
    ['empty-1', ''],
    ['none-1', null],
    ['empty-2', ''],
    ['none-2', null],
  ] as const) {
    await rig.publish('orders', [value], 0, key)
  }
  t.equal(await names(), 'empty-1 none-1 none-2')
})

t.test('100,000 keys wait for their retry at once, each with a record behind it, also across kill -9', async (t) => {
  const keys = 100_000
  const { rig } = await start({ maxInFlight: 10_000, lockMs: 600_000 })
  const numbers = Array.from({ length: 10_000 }, (_, i) => i)
  for (let round = 0; round < 2; round++) {
    for (let from = 0; from < keys; from += numbers.length) {
      const records = numbers.map((i) => ({
        timestampMs: rig.clock.wallMs(),
        body: encodeRecordBody(Buffer.from(`key-${from + i}`), Buffer.from(`${round}`), []),
      }))
      await rig.engine.append([{ topic: 'orders', partition: 0, records }])
    }
  }
  const drain = async (type: 'accept' | 'release') => {
    const rounds = [0, 0]
    for (;;) {
      const deliveries = await rig.acquire(10_000)
      if (deliveries.length === 0) return rounds
      for (const delivery of deliveries) rounds[Number(textOf(delivery))]++
      await rig.groups.acknowledge(
        'orders',
        'billing',
        deliveries.map(({ receipt }) => ({ receipt, type })),
      )
    }
  }
  t.same(await drain('release'), [keys, 0])
  await rig.crash()
  t.same(await drain('accept'), [0, 0])
  await rig.clock.advance(5_000)
  t.same(await drain('accept'), [keys, keys])
})

t.test('the failed try of a record that had waited for its key is copied without reading the log again', async (t) => {
  const { rig, publish, acquire, names, acknowledge } = await start()
  await publish('a1', 'a2', 'b1')
  const { a1 } = await acquire()
  await acknowledge({ receipt: a1, type: 'accept' })
  const { a2 } = await acquire()
  const read = rig.engine.read.bind(rig.engine)
  const topics: string[] = []
  rig.engine.read = async (topic, ...where) => {
    topics.push(topic)
    return read(topic, ...where)
  }
  await acknowledge({ receipt: a2, type: 'release' })
  t.same(topics, [])
  await rig.clock.advance(5_000)
  t.equal(await names(), 'a2')
})
