import t from 'tap'
import type { Delivery } from '../../../../service/delivery/index.ts'
import { DwellError, decodeRecordBody } from '../../../../storage/index.ts'
import { settle } from '../../../support/manual-clock.ts'
import { GroupRig, textOf } from '../group-rig.ts'

const release = (delivery: Delivery, reason?: string) =>
  ({ type: 'release', receipt: delivery.receipt, reason }) as const

t.test('a record released each time comes at once, after 5 s, 10 s, 15 s, and then is dead', async (t) => {
  const rig = await GroupRig.start({ orders: 2 })
  const { clock, groups } = rig
  await rig.publish('orders', ['other'], 1)
  const offset = await rig.publish('orders', ['filler', 'pay'], 1, 'customer-4', [['trace', Buffer.from('abc')]])
  const publishedMs = clock.wallMs()
  const fillers = await rig.acquire(2)
  await groups.acknowledge(
    'orders',
    'billing',
    fillers.map(({ receipt }) => ({ receipt, type: 'accept' })),
  )

  const endedMs: number[] = []
  const tiers: unknown[] = []
  for (const [tryNumber, waitMs] of [0, 5_000, 10_000, 15_000].entries()) {
    if (waitMs > 0) {
      await clock.advance(waitMs - 1)
      t.same(await rig.acquire(), [], `nothing before ${waitMs} ms are over`)
      await clock.advance(1)
    }
    const delivery = await rig.one()
    t.match(delivery, { topic: 'orders', partition: 1, offset: offset + 1, timestampMs: publishedMs })
    t.equal(delivery.deliveryCount, tryNumber + 1)
    t.equal(delivery.attempts.length, tryNumber)
    t.equal(textOf(delivery), 'pay')
    await clock.advance(100)
    endedMs.push(clock.wallMs())
    const results = await groups.acknowledge('orders', 'billing', [release(delivery, `bank offline ${tryNumber + 1}`)])
    tiers.push(...results)
  }
  t.same(tiers, [
    { state: 'retrying', tier: '5s', dueAtMs: endedMs[0] + 5_000 },
    { state: 'retrying', tier: '10s', dueAtMs: endedMs[1] + 10_000 },
    { state: 'retrying', tier: '15s', dueAtMs: endedMs[2] + 15_000 },
    { state: 'dead' },
  ])
  await clock.advance(60_000)
  t.same(await rig.acquire(), [], 'a dead record is not delivered')

  const { records } = await groups.deadLetters.list('orders', 'billing', { limit: 10 })
  t.equal(records.length, 1)
  const [dead] = records
  t.match(dead, {
    topic: 'orders',
    partition: 1,
    offset: offset + 1,
    timestampMs: publishedMs,
    deliveryCount: 4,
    cause: 'DELIVERY_COUNT_EXCEEDED',
    reason: 'bank offline 4',
    diedAtMs: endedMs[3],
    place: { topic: 'orders.billing.dlq', partition: 1, offset: 0 },
  })
  t.same(
    dead.attempts,
    endedMs.map((at, i) => ({ at, cause: 'CLIENT_RELEASE', reason: `bank offline ${i + 1}` })),
  )
  const body = decodeRecordBody(dead.body)
  t.equal(body.key?.toString(), 'customer-4')
  const headers = Object.fromEntries(body.headers.map(([name, value]) => [name, value?.toString()]))
  t.match(headers, {
    trace: 'abc',
    '__dlq.errors.topic': 'orders',
    '__dlq.errors.partition': '1',
    '__dlq.errors.offset': String(offset + 1),
    '__dlq.errors.group': 'billing',
    '__dlq.errors.delivery.count': '4',
    '__dlq.errors.message': 'bank offline 4',
    '__dlq.errors.cause': 'DELIVERY_COUNT_EXCEEDED',
  })
  t.equal(new Set(body.headers.map(([name]) => name)).size, body.headers.length, 'no header is there twice')
})

t.test('a released record waits for its tier, also across kill -9', async (t) => {
  const rig = await GroupRig.start()
  await rig.publish('orders', ['pay'])
  await rig.groups.acknowledge('orders', 'billing', [release(await rig.one())])
  await rig.clock.advance(3_000)
  await rig.crash()
  t.same(await rig.acquire(), [])
  await rig.clock.advance(2_000)
  t.equal((await rig.one()).deliveryCount, 2)
})

t.test('a waiting acquire is woken when the head of a lane is due, and not before', async (t) => {
  const rig = await GroupRig.start()
  await rig.publish('orders', ['pay'])
  await rig.groups.acknowledge('orders', 'billing', [release(await rig.one())])
  let answered: Delivery[] | undefined
  rig.acquire(10, 20_000).then((deliveries) => {
    answered = deliveries
  })
  await rig.clock.advance(4_999)
  t.equal(answered, undefined)
  await rig.clock.advance(1)
  t.equal(answered?.length, 1)
})

t.test('a waiting acquire gets a record that came due while it was looked for', async (t) => {
  for (let looks = 0; looks < 12; looks++) {
    const rig = await GroupRig.start()
    await rig.publish('orders', ['pay'])
    await rig.groups.acknowledge('orders', 'billing', [release(await rig.one())])
    await rig.clock.advance(4_999)
    let asked = 0
    rig.handMs = () => rig.clock.wallMs() + (asked++ < looks ? 0 : 1)
    let answered: Delivery[] | undefined
    rig.acquire(10, 20_000).then((deliveries) => {
      answered = deliveries
    })
    await rig.clock.advance(0)
    await rig.clock.advance(1)
    t.equal(answered?.length, 1, `due after ${looks} looks at the time`)
  }
})

t.test('a reject goes straight to the dead letters', async (t) => {
  const rig = await GroupRig.start()
  await rig.publish('orders', ['pay'])
  const { receipt } = await rig.one()
  const results = await rig.groups.acknowledge('orders', 'billing', [{ receipt, type: 'reject', reason: 'unknown' }])
  t.same(results, [{ state: 'dead' }])
  const { records, after } = await rig.groups.deadLetters.list('orders', 'billing', { limit: 10 })
  t.match(records, [{ cause: 'CLIENT_REJECT', reason: 'unknown', deliveryCount: 1 }])
  t.same(records[0].attempts, [{ at: rig.clock.wallMs(), cause: 'CLIENT_REJECT', reason: 'unknown' }])
  t.equal(after, null)
})

t.test('without tiers the first failure is the last', async (t) => {
  const rig = await GroupRig.start({ orders: 1 }, { retry: [] })
  await rig.publish('orders', ['pay'])
  const { receipt } = await rig.one()
  const results = await rig.groups.acknowledge('orders', 'billing', [{ receipt, type: 'release', delayMs: 1_000 }])
  t.same(results, [{ state: 'dead' }])
})

t.test('a release with its own delay goes through the wheel and counts as a try', async (t) => {
  const rig = await GroupRig.start()
  await rig.publish('orders', ['pay'])
  const { receipt } = await rig.one()
  const dueAtMs = rig.clock.wallMs() + 60_000
  const results = await rig.groups.acknowledge('orders', 'billing', [{ receipt, type: 'release', delayMs: 60_000 }])
  t.same(results, [{ state: 'retrying', tier: 'delayed', dueAtMs }])
  t.match(await rig.delayed(), [{ topic: 'orders.billing.retry.delayed', partition: 0, dueAtMs, fillId: false }])
  t.equal(rig.engine.offsets('__delay', 0).highWatermark, 1)
  await rig.crash()
  await rig.clock.advance(60_000)
  const waiting = rig.acquire(1, 1_000)
  await rig.turnWheel()
  const [delivery] = await waiting
  t.match(delivery, { topic: 'orders', partition: 0, offset: 0, deliveryCount: 2 })
  const second = await rig.groups.acknowledge('orders', 'billing', [release(delivery)])
  t.match(second, [{ tier: '10s' }], 'the second try leads to the second tier')
})

t.test('records in a lane that is no longer a tier still come', async (t) => {
  const rig = await GroupRig.start()
  await rig.publish('orders', ['pay'])
  await rig.groups.acknowledge('orders', 'billing', [release(await rig.one())])
  await rig.groups.configure('orders', 'billing', { retry: [1_000] })
  t.match(rig.groups.describe('orders', 'billing').partitions[0].waiting, [
    { tier: '1s', count: 0 },
    { tier: '5s', count: 1 },
  ])
  await rig.crash()
  await rig.clock.advance(5_000)
  const delivery = await rig.one()
  t.equal(delivery.deliveryCount, 2)
  t.same(await rig.groups.acknowledge('orders', 'billing', [release(delivery)]), [{ state: 'dead' }])
})

t.test('two tiers of the same duration share a lane', async (t) => {
  const rig = await GroupRig.start({ orders: 1 }, { retry: [5_000, 5_000] })
  await rig.publish('orders', ['pay'])
  for (const state of ['retrying', 'retrying', 'dead']) {
    const results = await rig.groups.acknowledge('orders', 'billing', [release(await rig.one())])
    t.match(results, [{ state }])
    await rig.clock.advance(5_000)
  }
})

t.test('a lane has the partitions of its topic, also of those that came later', async (t) => {
  const rig = await GroupRig.start({ orders: 2 })
  await rig.publish('orders', ['a'], 1)
  await rig.groups.acknowledge('orders', 'billing', [release(await rig.one())])
  t.equal(rig.engine.topic('orders.billing.retry.5s')?.partitions, 2)
  await rig.engine.alterTopic('orders', { partitions: 3, cleanup: 'delete' })
  await rig.publish('orders', ['b'], 2)
  const delivery = await rig.one()
  t.equal(textOf(delivery), 'b')
  await rig.groups.acknowledge('orders', 'billing', [release(delivery)])
  t.equal(rig.engine.topic('orders.billing.retry.5s')?.partitions, 3)
  await rig.clock.advance(5_000)
  t.same((await rig.acquire()).map(textOf).sort(), ['a', 'b'])
})

t.test('a retry topic deleted by hand is made anew', async (t) => {
  const rig = await GroupRig.start()
  await rig.publish('orders', ['a', 'b'])
  await rig.groups.acknowledge('orders', 'billing', [release(await rig.one())])
  await rig.engine.deleteTopic('orders.billing.retry.5s')
  const delivery = await rig.one()
  t.equal(textOf(delivery), 'b')
  t.match(await rig.groups.acknowledge('orders', 'billing', [release(delivery)]), [{ tier: '5s' }])
  await rig.clock.advance(5_000)
  t.same((await rig.acquire()).map(textOf), ['b'])
})

t.test('what an earlier group of the same name left in a lane is not delivered', async (t) => {
  const rig = await GroupRig.start()
  await rig.engine.createTopic('orders.billing.retry.5s', { partitions: 1, cleanup: 'delete' })
  await rig.publish('orders.billing.retry.5s', ['old'])
  await rig.publish('orders', ['new'])
  await rig.groups.acknowledge('orders', 'billing', [release(await rig.one())])
  await rig.clock.advance(5_000)
  t.same((await rig.acquire()).map(textOf), ['new'])
})

t.test('two first failures at once: one lane', async (t) => {
  const rig = await GroupRig.start()
  await rig.publish('orders', ['a', 'b'])
  const [a, b] = await rig.acquire()
  const create = rig.engine.createTopic.bind(rig.engine)
  rig.engine.createTopic = async (name, settings) => {
    await settle()
    return create(name, settings)
  }
  const answers = await Promise.all([a, b].map((one) => rig.groups.acknowledge('orders', 'billing', [release(one)])))
  t.match(answers, [[{ tier: '5s' }], [{ tier: '5s' }]])
  await rig.clock.advance(5_000)
  t.same((await rig.acquire()).map(textOf), ['a', 'b'])
})

t.test('a retry topic that cannot be kept fails the call; the record stays acquired', async (t) => {
  const rig = await GroupRig.start()
  await rig.publish('orders', ['a'])
  const a = await rig.one()
  const create = rig.engine.createTopic
  rig.engine.createTopic = () => Promise.reject(new DwellError('TOPIC_EXISTS', 'somebody else made and deleted it'))
  await t.rejects(rig.groups.acknowledge('orders', 'billing', [release(a)]), { code: 'TOPIC_NOT_FOUND' })
  rig.engine.createTopic = () => Promise.reject(new DwellError('JOURNAL_FAILED', 'no'))
  await t.rejects(rig.groups.acknowledge('orders', 'billing', [release(a)]), { code: 'JOURNAL_FAILED' })
  rig.engine.createTopic = create
  t.match(await rig.groups.acknowledge('orders', 'billing', [release(a)]), [{ tier: '5s' }])
})

t.test('many that fail at once leave in appends of a size that a small journal takes', async (t) => {
  const rig = await GroupRig.start()
  rig.engine.appendBytesMax = 20_000
  const sizes: number[] = []
  const append = rig.engine.append.bind(rig.engine)
  rig.engine.append = (appends) => {
    const records = appends.flatMap((one) => (typeof one.records === 'function' ? [] : one.records))
    sizes.push(records.reduce((sum, { body }) => sum + (body as Buffer).length, 0))
    return append(appends)
  }
  await rig.publish('orders', Array(8).fill('x'.repeat(500)))
  await rig.publish('orders', Array(60).fill('small'))
  const deliveries = await rig.acquire()
  const reason = 'r'.repeat(500)
  const results = await rig.groups.acknowledge(
    'orders',
    'billing',
    deliveries.map((delivery) => release(delivery, reason)),
  )
  t.ok(results.every(({ state }) => state === 'retrying'))
  t.ok(Math.max(...sizes) < rig.engine.appendBytesMax, `appends of up to ${Math.max(...sizes)} bytes`)
  await rig.clock.advance(5_000)
  t.equal((await rig.acquire()).length, 68)
})

t.test('records that somebody published into a lane by hand', async (t) => {
  const rig = await GroupRig.start()
  await rig.publish('orders', ['a'])
  await rig.groups.acknowledge('orders', 'billing', [release(await rig.one())])
  const lane = 'orders.billing.retry.5s'
  const damaged = ['partition', 'offset', 'timestamp'].map(
    (name) => [`__dwell.origin.${name}`, Buffer.from('1')] as const,
  )
  const count = ['__dwell.delivery.count', Buffer.from('3')] as const
  await rig.publish(lane, ['plain'])
  await rig.publish(lane, ['half'], 0, null, [...damaged, count, ['__dwell.attempts', Buffer.from('{')]])
  await rig.clock.advance(5_000)
  const deliveries = await rig.acquire()
  t.match(deliveries, [
    { topic: 'orders', deliveryCount: 2 },
    { topic: lane, offset: 1, deliveryCount: 1, attempts: [] },
    { offset: 1, deliveryCount: 4, attempts: [] },
  ])
  t.match(
    await rig.groups.acknowledge(
      'orders',
      'billing',
      deliveries.map((one) => release(one)),
    ),
    [{ tier: '10s' }, { tier: '5s' }, { state: 'dead' }],
  )
})
