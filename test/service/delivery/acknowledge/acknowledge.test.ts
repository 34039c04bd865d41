import t from 'tap'
import { type Acknowledgement, GROUPS_TOPIC } from '../../../../service/delivery/index.ts'
import { DwellError } from '../../../../storage/index.ts'
import { settle } from '../../../support/manual-clock.ts'
import { GroupRig, textOf } from '../group-rig.ts'

const INVALID = { state: 'invalid', code: 'INVALID_RECORD_STATE' }
const accept = ({ receipt }: { receipt: string }): Acknowledgement => ({ receipt, type: 'accept' })

t.test('an accepted record is never delivered again, also after kill -9', async (t) => {
  const rig = await GroupRig.start()
  await rig.publish('orders', ['a', 'b', 'c'])
  const [a, , c] = await rig.acquire()
  t.same(await rig.groups.acknowledge('orders', 'billing', [accept(a), accept(c)]), [
    { state: 'acknowledged' },
    { state: 'acknowledged' },
  ])
  await rig.crash()
  await rig.clock.advance(3_600_000)
  t.same((await rig.acquire()).map(textOf), ['b'])
  t.match(rig.groups.describe('orders', 'billing').partitions, [{ startOffset: 3, endOffset: 3, lag: 0, inFlight: 1 }])
})

t.test('an acknowledgement is answered when it is durable', async (t) => {
  const rig = await GroupRig.start()
  await rig.publish('orders', ['a'])
  const delivery = await rig.one()
  rig.engine.held = true
  let answered = false
  rig.groups.acknowledge('orders', 'billing', [accept(delivery)]).then(() => {
    answered = true
  })
  await settle()
  t.notOk(answered)
  await rig.crash()
  rig.engine.held = false
  t.same(await rig.groups.acknowledge('orders', 'billing', [accept(delivery)]), [{ state: 'acknowledged' }])
})

t.test('a receipt is good once, also within one call', async (t) => {
  const rig = await GroupRig.start()
  await rig.publish('orders', ['a', 'b'])
  const [a, b] = await rig.acquire()
  const results = await rig.groups.acknowledge('orders', 'billing', [
    accept(a),
    accept(a),
    { receipt: a.receipt, type: 'release' },
    { receipt: a.receipt, type: 'renew' },
    { receipt: b.receipt, type: 'reject' },
    { receipt: b.receipt, type: 'release' },
  ])
  t.match(results, [{ state: 'acknowledged' }, INVALID, INVALID, INVALID, { state: 'dead' }, INVALID])
  t.same(await rig.groups.acknowledge('orders', 'billing', [accept(a), accept(b)]), [INVALID, INVALID])
  t.same(rig.groups.stats().acknowledged, { accept: 1, release: 0, reject: 1, renew: 0 })
  t.equal(rig.groups.stats().invalidReceipts, 6)
})

t.test('two calls at once with the same receipt: one of them has it', async (t) => {
  const rig = await GroupRig.start()
  await rig.publish('orders', ['a'])
  const { receipt } = await rig.one()
  const [first, second] = await Promise.all([
    rig.groups.acknowledge('orders', 'billing', [{ receipt, type: 'release' }]),
    rig.groups.acknowledge('orders', 'billing', [{ receipt, type: 'accept' }]),
  ])
  t.match(first, [{ state: 'retrying' }])
  t.same(second, [INVALID])
  t.equal((await rig.log('orders.billing.retry.5s')).length, 1)
})

t.test('what is no receipt, or not of this group, is invalid and harms nothing else', async (t) => {
  const rig = await GroupRig.start({ orders: 1, parcels: 1 })
  await rig.publish('orders', ['a', 'b'])
  await rig.publish('parcels', ['p'])
  const [a, b] = await rig.acquire()
  const shipping = (await rig.acquire(10, 0, 'orders', 'shipping'))[0]
  const parcel = (await rig.acquire(10, 0, 'parcels', 'billing'))[0]
  const bytes = Buffer.from(a.receipt, 'base64url')
  const forged = (change: (bytes: Buffer) => void) => {
    const copy = Buffer.from(bytes)
    change(copy)
    return copy.toString('base64url')
  }
  const bad = [
    '',
    'x',
    'a receipt that is none at all, but long',
    '☃'.repeat(36),
    'A'.repeat(36),
    '_'.repeat(36),
    `${a.receipt} `,
    a.receipt.slice(0, -1),
    shipping.receipt,
    parcel.receipt,
    forged((copy) => copy.fill(0, 0, 16)),
    forged((copy) => (copy[15] ^= 1)),
    forged((copy) => (copy[18] ^= 1)),
    forged((copy) => (copy[26] = 200)),
    forged((copy) => copy.fill(255, 19)),
    Buffer.concat([bytes, bytes]).toString('base64url'),
  ]
  const results = await rig.groups.acknowledge('orders', 'billing', [
    accept(a),
    ...bad.map((receipt) => ({ receipt, type: 'accept' }) as const),
    accept(b),
  ])
  t.same(results, [{ state: 'acknowledged' }, ...bad.map(() => INVALID), { state: 'acknowledged' }])
  t.match(rig.groups.describe('orders', 'shipping').partitions, [{ inFlight: 2 }])
})

t.test('a lock that runs out is a release by the service', async (t) => {
  const rig = await GroupRig.start()
  await rig.publish('orders', ['a', 'b'])
  const [a, b] = await rig.acquire()
  await rig.groups.acknowledge('orders', 'billing', [accept(b)])
  await rig.clock.advance(29_999)
  t.equal(rig.groups.stats().lockExpiries, 0)
  await rig.clock.advance(1)
  t.equal(rig.groups.stats().lockExpiries, 1)
  const expiredMs = rig.clock.wallMs()
  t.same(await rig.groups.acknowledge('orders', 'billing', [accept(a)]), [INVALID], 'too late')
  const waiting = rig.acquire(10, 20_000)
  await rig.clock.advance(5_000)
  const [again] = await waiting
  t.match(again, { offset: 0, deliveryCount: 2 })
  t.same(again.attempts, [{ at: expiredMs, cause: 'LOCK_EXPIRED', reason: '' }])
})

t.test('a waiting call is woken by a lock that runs out when there is no tier to wait in', async (t) => {
  const rig = await GroupRig.start({ orders: 1 }, { retry: [0], maxInFlight: 1 })
  await rig.publish('orders', ['a'])
  await rig.one()
  const waiting = rig.acquire(10, 60_000)
  await rig.clock.advance(30_000)
  t.match(await waiting, [{ deliveryCount: 2 }])
})

t.test('renew holds the lock longer, for the renewed record only, also across kill -9', async (t) => {
  const rig = await GroupRig.start()
  await rig.publish('orders', ['a', 'b', 'c'])
  const [a, b, c] = await rig.acquire()
  await rig.clock.advance(20_000)
  const results = await rig.groups.acknowledge('orders', 'billing', [
    { receipt: b.receipt, type: 'renew', lockMs: 60_000 },
  ])
  t.same(results, [{ state: 'acquired', lockedUntilMs: rig.clock.wallMs() + 60_000 }])
  await rig.clock.advance(10_000)
  t.equal(rig.groups.stats().lockExpiries, 2)
  t.same(await rig.groups.acknowledge('orders', 'billing', [accept(a), accept(c)]), [INVALID, INVALID])
  await rig.crash()
  await rig.clock.advance(59_000)
  t.same(await rig.groups.acknowledge('orders', 'billing', [accept(b)]), [{ state: 'acknowledged' }])
})

t.test('renewing in any order, then accepting in the same call', async (t) => {
  const rig = await GroupRig.start()
  await rig.publish('orders', ['a', 'b', 'c', 'd', 'e'])
  const [a, b, c, d, e] = await rig.acquire()
  const renew = ({ receipt }: { receipt: string }) => ({ receipt, type: 'renew' }) as const
  const results = await rig.groups.acknowledge('orders', 'billing', [
    renew(d),
    renew(b),
    renew(c),
    accept(c),
    accept(a),
    renew(a),
  ])
  t.match(results, [
    { state: 'acquired' },
    { state: 'acquired' },
    { state: 'acquired' },
    { state: 'acknowledged' },
    { state: 'acknowledged' },
    INVALID,
  ])
  await rig.crash()
  t.same(await rig.groups.acknowledge('orders', 'billing', [accept(e), accept(b), accept(d), accept(c)]), [
    ...Array(3).fill({ state: 'acknowledged' }),
    INVALID,
  ])
})

t.test('after a restart receipts are good and locks hold', async (t) => {
  const rig = await GroupRig.start()
  await rig.publish('orders', ['a', 'b'])
  const [a] = await rig.acquire()
  await rig.clock.advance(20_000)
  await rig.crash()
  t.same(await rig.acquire(), [], 'nobody else gets what is locked')
  t.same(await rig.groups.acknowledge('orders', 'billing', [accept(a)]), [{ state: 'acknowledged' }])
  await rig.clock.advance(29_999)
  t.equal(rig.groups.stats().lockExpiries, 0, 'the lock begins anew: its holder may still be working')
  await rig.clock.advance(1)
  t.equal(rig.groups.stats().lockExpiries, 1)
})

t.test('wall clock steps do not end locks', async (t) => {
  const rig = await GroupRig.start()
  await rig.publish('orders', ['a'])
  const a = await rig.one()
  rig.clock.stepWall(3_600_000)
  await rig.clock.advance(1_000)
  t.same(await rig.groups.acknowledge('orders', 'billing', [accept(a)]), [{ state: 'acknowledged' }])
})

t.test('a call with all four types is one append', async (t) => {
  const rig = await GroupRig.start()
  await rig.publish('orders', ['a', 'b', 'c', 'd'])
  const [a, b, c, d] = await rig.acquire()
  const before = rig.engine.offsets(GROUPS_TOPIC, 0).highWatermark
  const results = await rig.groups.acknowledge('orders', 'billing', [
    accept(a),
    { receipt: b.receipt, type: 'release' },
    { receipt: c.receipt, type: 'reject' },
    { receipt: d.receipt, type: 'renew' },
  ])
  t.match(results, [{ state: 'acknowledged' }, { state: 'retrying' }, { state: 'dead' }, { state: 'acquired' }])
  t.equal(rig.engine.offsets(GROUPS_TOPIC, 0).highWatermark, before + 1)
})

t.test('a failed record and its copy are one atomic append: a crash leaves one of them', async (t) => {
  const rig = await GroupRig.start()
  await rig.publish('orders', ['a', 'b'])
  const [a, b] = await rig.acquire()
  await rig.groups.acknowledge('orders', 'billing', [{ receipt: a.receipt, type: 'release' }])
  rig.engine.held = true
  void rig.groups.acknowledge('orders', 'billing', [{ receipt: b.receipt, type: 'release' }])
  await settle()
  await rig.crash()
  rig.engine.held = false
  t.equal((await rig.log('orders.billing.retry.5s')).length, 1)
  t.match(await rig.groups.acknowledge('orders', 'billing', [{ receipt: b.receipt, type: 'release' }]), [
    { state: 'retrying' },
  ])
  t.equal((await rig.log('orders.billing.retry.5s')).length, 2)
})

t.test('when a failed record cannot be read the call fails and nothing has changed', async (t) => {
  const rig = await GroupRig.start()
  await rig.publish('orders', ['a', 'b'])
  const [a, b] = await rig.acquire()
  const read = rig.engine.read.bind(rig.engine)
  rig.engine.read = async () => {
    throw new DwellError('DISK_FAILED', 'EIO')
  }
  const call: Acknowledgement[] = [accept(a), { receipt: b.receipt, type: 'release' }]
  await t.rejects(rig.groups.acknowledge('orders', 'billing', call), { code: 'DISK_FAILED' })
  await rig.clock.advance(31_000)
  t.equal(rig.groups.stats().lockExpiries > 0, true, 'also the service cannot release them')
  t.notOk(rig.engine.topic('orders.billing.retry.5s'))
  rig.engine.read = read
  await rig.clock.advance(1_000)
  t.equal((await rig.log('orders.billing.retry.5s')).length, 2, 'it tries again')
})

t.test('a failed record that retention took is told, and finished', async (t) => {
  const rig = await GroupRig.start()
  await rig.publish('orders', ['a'])
  await rig.publish('orders', ['b'])
  const [a, b] = await rig.acquire()
  await rig.engine.deleteRecords('orders', 0, 1)
  const release = ({ receipt }: { receipt: string }) => ({ receipt, type: 'release' }) as const
  t.match(await rig.groups.acknowledge('orders', 'billing', [release(a), release(b)]), [
    { state: 'invalid', code: 'RECORD_DELETED' },
    { state: 'retrying' },
  ])
  t.match(rig.groups.describe('orders', 'billing').partitions, [{ startOffset: 2, inFlight: 0 }])
})

t.test('a call that moves much is appended in pieces', async (t) => {
  const rig = await GroupRig.start()
  const mebibyte = 'x'.repeat(1024 * 1024)
  for (let i = 0; i < 15; i++) await rig.publish('orders', [mebibyte])
  const deliveries = await rig.acquire(15)
  const before = rig.engine.offsets(GROUPS_TOPIC, 0).highWatermark
  const results = await rig.groups.acknowledge(
    'orders',
    'billing',
    deliveries.map(({ receipt }) => ({ receipt, type: 'release' })),
  )
  t.ok(results.every(({ state }) => state === 'retrying'))
  t.equal(rig.engine.offsets(GROUPS_TOPIC, 0).highWatermark, before + 3, 'of at most 8 MiB each')
  t.equal((await rig.log('orders.billing.retry.5s')).length, 15)
})

t.test('an empty call, an unknown group, an unknown topic', async (t) => {
  const rig = await GroupRig.start()
  await t.rejects(rig.groups.acknowledge('orders', 'billing', []), { code: 'GROUP_NOT_FOUND' })
  await t.rejects(rig.groups.acknowledge('nothing', 'billing', []), { code: 'TOPIC_NOT_FOUND' })
  await rig.acquire()
  t.same(await rig.groups.acknowledge('orders', 'billing', []), [])
})

t.test('a failed record that cannot be decoded holds nobody else up', async (t) => {
  const rig = await GroupRig.start()
  await rig.publish('orders', ['a'])
  const damaged = { timestampMs: 0, body: Buffer.of(1, 2, 3) }
  await rig.engine.append([{ topic: 'orders', partition: 0, records: [damaged] }])
  await rig.publish('orders', ['c'])
  t.equal((await rig.acquire()).length, 3)
  await rig.clock.advance(30_000)
  const lane = 'orders.billing.retry.5s'
  t.equal((await rig.log(lane)).length, 2)
  t.equal(rig.groups.stats().skipped, 1)
  t.match(rig.groups.describe('orders', 'billing').partitions, [{ startOffset: 3, inFlight: 0 }])
  await rig.engine.append([{ topic: lane, partition: 0, records: [damaged] }])
  await rig.clock.advance(5_000)
  t.equal((await rig.acquire()).length, 3, 'also in a lane')
})
