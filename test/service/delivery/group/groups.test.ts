import t from 'tap'
import { type Acknowledgement, type Delivery, GROUPS_TOPIC } from '../../../../service/delivery/index.ts'
import { DwellError } from '../../../../storage/index.ts'
import { settle } from '../../../support/manual-clock.ts'
import { GroupRig, textOf } from '../group-rig.ts'

const accept = ({ receipt }: Delivery): Acknowledgement => ({ receipt, type: 'accept' })
const release = ({ receipt }: Delivery): Acknowledgement => ({ receipt, type: 'release' })

t.test('describe counts per source partition', async (t) => {
  const rig = await GroupRig.start({ orders: 2 })
  await rig.publish('orders', ['a', 'b', 'c', 'd', 'e'], 0)
  await rig.publish('orders', ['f'], 1)
  const [a, b, c] = await rig.acquire(4)
  await rig.groups.acknowledge('orders', 'billing', [accept(b), release(a), { receipt: c.receipt, type: 'reject' }])
  t.same(rig.groups.describe('orders', 'billing'), {
    topic: 'orders',
    group: 'billing',
    settings: { retry: [5_000, 10_000, 15_000], lockMs: 30_000, maxInFlight: 2_000, order: 'none', start: 'earliest' },
    partitions: [
      {
        partition: 0,
        startOffset: 3,
        endOffset: 5,
        lag: 2,
        inFlight: 1,
        waiting: [
          { tier: '5s', count: 1 },
          { tier: '10s', count: 0 },
          { tier: '15s', count: 0 },
        ],
        dead: 1,
      },
      {
        partition: 1,
        startOffset: 0,
        endOffset: 1,
        lag: 1,
        inFlight: 0,
        waiting: [
          { tier: '5s', count: 0 },
          { tier: '10s', count: 0 },
          { tier: '15s', count: 0 },
        ],
        dead: 0,
      },
    ],
  })
})

t.test('describe shows partitions that the group has not taken in yet, and takes none in', async (t) => {
  const rig = await GroupRig.start({ orders: 1 })
  await rig.groups.configure('orders', 'billing', { retry: [5_000] })
  await rig.engine.alterTopic('orders', { partitions: 2, cleanup: 'delete' })
  await rig.publish('orders', ['a', 'b'], 1)
  const { group } = await rig.groups.view('orders', 'billing')
  t.match(rig.groups.describe('orders', 'billing').partitions, [
    { partition: 0, endOffset: 0 },
    { partition: 1, startOffset: 0, endOffset: 2, lag: 2, inFlight: 0, waiting: [{ tier: '5s', count: 0 }], dead: 0 },
  ])
  t.equal(group.sources.length, 1)
  t.equal(group.snapshotDue, false)
})

t.test('settings are kept, also across kill -9', async (t) => {
  const rig = await GroupRig.start({ orders: 1 }, { lockMs: 10_000 })
  t.match(await rig.groups.configure('orders', 'billing', { maxInFlight: 5, retry: [1, 2] }), { created: true })
  t.match(await rig.groups.configure('orders', 'billing', { maxInFlight: 7 }), { created: false })
  await rig.crash()
  const settings = { retry: [1, 2], lockMs: 10_000, maxInFlight: 7, order: 'none', start: 'earliest' }
  t.same(rig.groups.list('orders'), [{ group: 'billing', settings }])
  await rig.acquire(1, 0, 'orders', 'archive')
  t.same(
    rig.groups.list('orders').map(({ group }) => group),
    ['archive', 'billing'],
  )
  t.throws(() => rig.groups.list('nothing'), { code: 'TOPIC_NOT_FOUND' })
  t.throws(() => rig.groups.describe('orders', 'nobody'), { code: 'GROUP_NOT_FOUND' })
})

t.test('two groups whose lanes would have the same names do not both exist', async (t) => {
  const rig = await GroupRig.start({ a: 1, 'a.b': 1 })
  await rig.acquire(1, 0, 'a', 'b.c')
  await t.rejects(rig.acquire(1, 0, 'a.b', 'c'), { code: 'GROUP_NAME_AMBIGUOUS' })
  await t.rejects(rig.groups.configure('a.b', 'c', {}), { code: 'GROUP_NAME_AMBIGUOUS' })
  await rig.groups.forget('a', 'b.c')
  t.same(await rig.acquire(1, 0, 'a.b', 'c'), [])
})

t.test('nobody looks at, or purges, dead letters of a group under the name of another', async (t) => {
  const rig = await GroupRig.start({ a: 1, 'a.b': 1 })
  await rig.publish('a', ['x'])
  const [delivery] = await rig.acquire(1, 0, 'a', 'b.c')
  await rig.groups.acknowledge('a', 'b.c', [{ type: 'reject', receipt: delivery.receipt, reason: '' }])
  const { deadLetters } = rig.groups
  await t.rejects(deadLetters.purge('a.b', 'c'), { code: 'GROUP_NOT_FOUND' })
  await t.rejects(deadLetters.count('a.b', 'c'), { code: 'GROUP_NOT_FOUND' })
  await t.rejects(deadLetters.list('a.b', 'c', { limit: 10 }), { code: 'GROUP_NOT_FOUND' })
  await t.rejects(deadLetters.reasons('a.b', 'c'), { code: 'GROUP_NOT_FOUND' })
  t.equal(await deadLetters.count('a', 'b.c'), 1)
})

t.test('a group on a lane topic works as on any topic', async (t) => {
  const rig = await GroupRig.start()
  await rig.publish('orders', ['a'])
  await rig.groups.acknowledge('orders', 'billing', [release(await rig.one())])
  const lane = 'orders.billing.retry.5s'
  const seen = await rig.one(lane, 'audit')
  t.match(seen, { topic: lane, partition: 0, offset: 0, deliveryCount: 1 })
  await rig.groups.acknowledge(lane, 'audit', [release(seen)])
  await rig.clock.advance(5_000)
  t.match(await rig.one(lane, 'audit'), { topic: lane, offset: 0, deliveryCount: 2 })
  t.match(await rig.one(), { topic: 'orders', offset: 0, deliveryCount: 2 })
})

t.test('reset', async (t) => {
  t.test('to the earliest: all comes again, old receipts are invalid', async (t) => {
    const rig = await GroupRig.start()
    await rig.publish('orders', ['a', 'b'])
    const [a, b] = await rig.acquire()
    await rig.groups.acknowledge('orders', 'billing', [accept(a)])
    await rig.groups.reset('orders', 'billing', 'earliest')
    t.match(await rig.groups.acknowledge('orders', 'billing', [accept(b)]), [{ state: 'invalid' }])
    await rig.crash()
    t.same((await rig.acquire()).map(textOf), ['a', 'b'])
    await rig.clock.advance(30_000)
    t.equal(rig.groups.stats().lockExpiries, 2, 'only the locks of the second time expire')
  })
  t.test('to the latest: nothing that was there comes, also not from lanes', async (t) => {
    const rig = await GroupRig.start()
    await rig.publish('orders', ['a', 'b'])
    await rig.groups.acknowledge('orders', 'billing', [release(await rig.one())])
    await rig.groups.reset('orders', 'billing', 'latest')
    await rig.clock.advance(60_000)
    t.same(await rig.acquire(), [])
    await rig.publish('orders', ['c'])
    t.same((await rig.acquire()).map(textOf), ['c'])
  })
  t.test(
    'to the earliest while some wait for their retry: those come all the same, each with its own count',
    async (t) => {
      const rig = await GroupRig.start()
      await rig.publish('orders', ['a', 'b'])
      const [a, b] = await rig.acquire()
      await rig.groups.acknowledge('orders', 'billing', [
        release(a),
        { receipt: b.receipt, type: 'release', delayMs: 60_000 },
      ])
      await rig.groups.reset('orders', 'billing', 'earliest')
      await rig.crash()
      const again = await rig.acquire()
      t.match(again, [{ deliveryCount: 1 }, { deliveryCount: 1 }])
      await rig.groups.acknowledge('orders', 'billing', again.map(accept))
      await rig.clock.advance(60_000)
      await rig.turnWheel()
      t.same(
        (await rig.acquire()).map((delivery) => `${textOf(delivery)} ${delivery.deliveryCount}`),
        ['a 2', 'b 2'],
      )
    },
  )
  t.test('to the latest does not reach into the wheel: what it brings later comes', async (t) => {
    const rig = await GroupRig.start()
    await rig.publish('orders', ['a'])
    const { receipt } = await rig.one()
    await rig.groups.acknowledge('orders', 'billing', [{ receipt, type: 'release', delayMs: 60_000 }])
    await rig.groups.reset('orders', 'billing', 'latest')
    t.equal(rig.groups.retriesWaiting, 1)
    await rig.clock.advance(60_000)
    await rig.turnWheel()
    t.same((await rig.acquire()).map(textOf), ['a'])
  })
  t.test('to a time before all, behind all', async (t) => {
    const rig = await GroupRig.start({ orders: 2 })
    await rig.publish('orders', ['a'], 0)
    await rig.publish('orders', ['b'], 1)
    await rig.acquire()
    await rig.groups.reset('orders', 'billing', 0)
    t.same((await rig.acquire()).map(textOf), ['a', 'b'])
    await rig.groups.reset('orders', 'billing', rig.clock.wallMs() + 86_400_000)
    t.same(await rig.acquire(), [])
    t.match(rig.groups.describe('orders', 'billing').partitions, [
      { startOffset: 1, lag: 0, inFlight: 0 },
      { startOffset: 1, lag: 0, inFlight: 0 },
    ])
    await t.rejects(rig.groups.reset('orders', 'nobody', 'latest'), { code: 'GROUP_NOT_FOUND' })
  })
  t.test('to a time; waiting calls are woken', async (t) => {
    const rig = await GroupRig.start()
    await rig.publish('orders', ['a'])
    await rig.clock.advance(10_000)
    const fromMs = rig.clock.wallMs()
    await rig.publish('orders', ['b'])
    await rig.groups.acknowledge('orders', 'billing', (await rig.acquire()).map(accept))
    const waiting = rig.acquire(10, 1_000)
    await settle()
    await rig.groups.reset('orders', 'billing', fromMs)
    t.same((await waiting).map(textOf), ['b'])
  })
  t.test('while a failed record is being read: its answer is invalid, and it is not copied', async (t) => {
    const rig = await GroupRig.start()
    await rig.publish('orders', ['a', 'b'])
    const [a, b] = await rig.acquire()
    const answered = rig.groups.acknowledge('orders', 'billing', [accept(b), release(a)])
    await rig.groups.reset('orders', 'billing', 'earliest')
    t.match(await answered, [{ state: 'invalid' }, { state: 'invalid' }])
    t.equal(rig.engine.topic('orders.billing.retry.5s') && (await rig.log('orders.billing.retry.5s')).length, 0)
    t.same((await rig.acquire()).map(textOf), ['a', 'b'])
  })
})

t.test('forget', async (t) => {
  t.test('progress and lanes are gone, dead letters stay', async (t) => {
    const rig = await GroupRig.start()
    await rig.publish('orders', ['a', 'b'])
    const [a, b] = await rig.acquire()
    await rig.groups.acknowledge('orders', 'billing', [release(a), { receipt: b.receipt, type: 'reject' }])
    await rig.groups.forget('orders', 'billing')
    t.notOk(rig.engine.topic('orders.billing.retry.5s'))
    t.equal(await rig.groups.deadLetters.count('orders', 'billing'), 1)
    await rig.crash()
    t.throws(() => rig.groups.describe('orders', 'billing'), { code: 'GROUP_NOT_FOUND' })
    t.same((await rig.acquire()).map(textOf), ['a', 'b'])
  })
  t.test('waiting calls are told that it is gone; a call right behind makes a new group', async (t) => {
    const rig = await GroupRig.start()
    const waiting = t.rejects(rig.acquire(1, 20_000), { code: 'GROUP_NOT_FOUND' })
    await settle()
    const forgotten = rig.groups.forget('orders', 'billing')
    const anew = rig.acquire(1, 20_000)
    await forgotten
    await waiting
    await rig.publish('orders', ['a'])
    t.equal((await anew).length, 1)
    await t.rejects(rig.groups.forget('orders', 'nobody'), { code: 'GROUP_NOT_FOUND' })
  })
  t.test('a failed record that is being read stays where it is', async (t) => {
    const rig = await GroupRig.start()
    await rig.publish('orders', ['a'])
    const answered = rig.groups.acknowledge('orders', 'billing', [release(await rig.one())])
    const forgotten = rig.groups.forget('orders', 'billing')
    await t.rejects(answered, { code: 'GROUP_NOT_FOUND' })
    await forgotten
  })
  t.test('nothing is written of the group behind its end (a pump that counted keys went on)', async (t) => {
    const rig = await GroupRig.start({ orders: 2 }, { retry: [5_000], order: 'key' })
    await rig.publish('orders', ['a'], 0, 'a')
    await rig.publish('orders', ['b'], 1, 'b')
    const [a, b] = await rig.acquire()
    await rig.groups.acknowledge('orders', 'billing', [release(a)])
    await rig.crash()
    const { read } = rig.engine
    const reading = Promise.withResolvers<void>()
    rig.engine.read = async (...given) => {
      if (given[0] === 'orders.billing.retry.5s') await reading.promise
      return read.apply(rig.engine, given)
    }
    rig.engine.held = true
    const answers = [
      rig.groups.acknowledge('orders', 'billing', [release(b)]).catch(({ code }) => code),
      settle()
        .then(() => rig.acquire())
        .catch(({ code }) => code),
      settle(100).then(() => rig.groups.forget('orders', 'billing')),
    ]
    await settle(200)
    reading.resolve()
    await settle(100)
    rig.engine.held = false
    rig.engine.release()
    await Promise.all(answers)
    t.equal((await rig.log(GROUPS_TOPIC)).at(-1)?.value, null)
    await rig.crash()
    t.strictSame(rig.groups.list('orders'), [])
  })

  t.test('groups of a topic that was deleted while the process was down', async (t) => {
    const rig = await GroupRig.start({ orders: 1, parcels: 1 })
    await rig.acquire()
    await rig.acquire(1, 0, 'parcels')
    await rig.engine.deleteTopic('orders')
    await rig.crash()
    t.equal(rig.groups.stats().groups, 1)
    await rig.crash()
    t.equal(rig.groups.stats().groups, 1)
  })
})

t.test('`__groups` is bounded', async (t) => {
  t.test('a checkpoint leaves the last snapshots, and what is locked stays locked', async (t) => {
    const rig = await GroupRig.start({ orders: 1, parcels: 1 })
    await rig.acquire(1, 0, 'parcels', 'idle')
    for (let i = 0; i < 50; i++) {
      await rig.publish('orders', ['a', 'b'])
      const [a] = await rig.acquire()
      await rig.groups.acknowledge('orders', 'billing', [accept(a)])
    }
    await rig.groups.checkpoint()
    await rig.groups.forget('parcels', 'idle')
    await rig.groups.checkpoint()
    await rig.groups.checkpoint()
    const { logStartOffset, highWatermark } = rig.engine.offsets(GROUPS_TOPIC, 0)
    t.ok(highWatermark - logStartOffset <= 3, 'the tail holds next to nothing')
    await rig.crash()
    t.match(rig.groups.describe('orders', 'billing').partitions, [{ inFlight: 50, startOffset: 1 }])
    t.equal(rig.groups.stats().groups, 1)
  })
  t.test('a group that nobody uses does not hold the tail back for ever', async (t) => {
    const rig = await GroupRig.start({ orders: 1, parcels: 1 })
    await rig.acquire(1, 0, 'parcels', 'idle')
    for (let i = 0; i < 10_010; i++) await rig.groups.configure('orders', 'billing', { lockMs: i })
    await rig.groups.checkpoint()
    const { logStartOffset, highWatermark } = rig.engine.offsets(GROUPS_TOPIC, 0)
    t.ok(highWatermark - logStartOffset < 10)
    await rig.crash()
    t.equal(rig.groups.stats().groups, 2)
  })
  t.test('deltas behind a snapshot of another group are read over when their own snapshot is trimmed', async (t) => {
    const rig = await GroupRig.start({ orders: 1, parcels: 1 })
    await rig.publish('orders', ['a', 'b'])
    await rig.acquire(1)
    await rig.acquire(1, 0, 'parcels', 'second')
    await rig.acquire(1)
    await rig.groups.checkpoint()
    t.equal(rig.engine.offsets(GROUPS_TOPIC, 0).logStartOffset, 2)
    await rig.crash()
    t.match(rig.groups.describe('orders', 'billing').partitions, [{ inFlight: 2 }])
  })
  t.test('a record of no known form stops the start', async (t) => {
    const rig = await GroupRig.start()
    await rig.publish('orders', ['a'])
    await rig.acquire()
    await rig.publish(GROUPS_TOPIC, ['\x09\x09'], 0, 'orders\0billing')
    await t.rejects(rig.crash(), { code: 'RECORD_DAMAGED' })
  })
})

t.test('lanes are trimmed an hour behind what is finished, and only that', async (t) => {
  const rig = await GroupRig.start()
  await rig.publish('orders', ['a', 'b'])
  await rig.groups.acknowledge('orders', 'billing', (await rig.acquire()).map(release))
  await rig.clock.advance(5_000)
  const [a] = await rig.acquire()
  await rig.groups.acknowledge('orders', 'billing', [accept(a)])
  await rig.groups.checkpoint()
  t.equal(rig.engine.offsets('orders.billing.retry.5s', 0).logStartOffset, 0)
  await rig.groups.configure('orders', 'billing', { lockMs: 10 * 3_600_000 })
  await rig.clock.advance(2 * 3_600_000)
  await rig.groups.checkpoint()
  t.equal(rig.engine.offsets('orders.billing.retry.5s', 0).logStartOffset, 2)
  t.equal(rig.engine.offsets('orders.billing.retry.10s', 0).logStartOffset, 0, 'what waits is kept')
  await rig.crash()
  t.match(await rig.acquire(), [{ offset: 1, deliveryCount: 3 }])
})

t.test('an append that the log refuses changes nothing', async (t) => {
  const rig = await GroupRig.start()
  await rig.publish('orders', ['a', 'b', 'c'])
  const [a, b] = await rig.acquire(2)
  const append = rig.engine.append.bind(rig.engine)
  const refused = new DwellError('APPEND_TOO_LARGE', 'too large')
  rig.engine.append = () => Promise.reject(refused)
  const waiting = rig.acquire(1, 20_000)
  await t.rejects(waiting, refused)
  await settle()
  await t.rejects(rig.groups.acknowledge('orders', 'billing', [accept(a), release(b)]), refused)
  rig.engine.append = append
  t.match(await rig.groups.acknowledge('orders', 'billing', [accept(a)]), [{ state: 'acknowledged' }])
  t.same((await rig.acquire()).map(textOf), ['c'])
  t.match(rig.groups.describe('orders', 'billing').partitions, [{ startOffset: 1, inFlight: 2 }])
  t.match(await rig.groups.acknowledge('orders', 'billing', [release(b)]), [{ tier: '5s' }])
})

t.test('a refused append of a log that is closing ends nothing but the group', async (t) => {
  const rig = await GroupRig.start()
  await rig.publish('orders', ['a'])
  await rig.acquire()
  const closed = new DwellError('ENGINE_CLOSED', 'The log is closed.')
  rig.engine.append = () => {
    rig.engine.read = () => Promise.reject(closed)
    return Promise.reject(closed)
  }
  await rig.clock.advance(60_000)
  await settle()
  await t.rejects(rig.acquire(), closed, 'a rejection that nobody handles would have ended the process')
})

t.test('a snapshot while a failed record is being read keeps it', async (t) => {
  const rig = await GroupRig.start()
  await rig.publish('orders', ['a'])
  const a = await rig.one()
  rig.cutAfter(1)
  void rig.groups.acknowledge('orders', 'billing', [release(a)])
  await rig.groups.checkpoint()
  await rig.crash()
  t.match(await rig.groups.acknowledge('orders', 'billing', [release(a)]), [{ state: 'retrying' }])
})
