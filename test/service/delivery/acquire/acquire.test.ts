import t from 'tap'
import type { Delivery } from '../../../../service/delivery/index.ts'
import { DwellError } from '../../../../storage/index.ts'
import { settle } from '../../../support/manual-clock.ts'
import { GroupRig, textOf } from '../group-rig.ts'

/** Follows a promise without waiting for it. */
function watch<T>(promise: Promise<T>): { value: T | undefined; error: unknown } {
  const watched: { value: T | undefined; error: unknown } = { value: undefined, error: undefined }
  promise.then(
    (value) => {
      watched.value = value
    },
    (error) => {
      watched.error = error
    },
  )
  return watched
}

t.test('hands out records in order, each once, under a lock', async (t) => {
  const rig = await GroupRig.start()
  await rig.publish('orders', ['a', 'b', 'c'])
  const first = await rig.acquire(2)
  t.same(first.map(textOf), ['a', 'b'])
  t.match(first[0], { topic: 'orders', partition: 0, offset: 0, deliveryCount: 1, attempts: [] })
  t.equal(first[0].lockedUntilMs, rig.clock.wallMs() + 30_000)
  t.same((await rig.acquire(2)).map(textOf), ['c'])
  t.same(await rig.acquire(2), [])
})

t.test('groups do not know of each other', async (t) => {
  const rig = await GroupRig.start()
  await rig.publish('orders', ['a'])
  t.equal((await rig.acquire(10, 0, 'orders', 'billing')).length, 1)
  t.equal((await rig.acquire(10, 0, 'orders', 'shipping')).length, 1)
})

t.test('takes from all partitions in turns', async (t) => {
  const rig = await GroupRig.start({ orders: 3 })
  for (const partition of [0, 1, 2]) await rig.publish('orders', ['a', 'b'], partition)
  const partitions = [...(await rig.acquire(2)), ...(await rig.acquire(2)), ...(await rig.acquire(2))]
  t.same(
    partitions.map(({ partition }) => partition),
    [0, 0, 1, 1, 2, 2],
  )
})

t.test('fills a delivery from several batches and partitions', async (t) => {
  const rig = await GroupRig.start({ orders: 2 })
  for (const value of ['a', 'b', 'c']) await rig.publish('orders', [value], 0)
  await rig.publish('orders', ['d'], 1)
  t.same((await rig.acquire(10)).map(textOf), ['a', 'b', 'c', 'd'])
})

t.test('is not answered before the acquisition is durable', async (t) => {
  const rig = await GroupRig.start()
  await rig.publish('orders', ['a'])
  rig.engine.held = true
  const call = watch(rig.acquire())
  await settle()
  t.equal(call.value, undefined)
  rig.engine.release()
  await settle()
  t.equal(call.value?.length, 1)
})

t.test('waiting calls are woken by a publish, first come first served, each record once', async (t) => {
  const rig = await GroupRig.start()
  const calls = Array.from({ length: 5 }, () => watch(rig.acquire(2, 20_000)))
  await settle()
  t.equal(rig.groups.stats().waitingAcquires, 5)
  await rig.publish('orders', ['a', 'b', 'c'])
  await settle()
  t.same(
    calls.map(({ value }) => value?.map(textOf)),
    [['a', 'b'], ['c'], undefined, undefined, undefined],
  )
  await rig.publish('orders', ['d'])
  await settle()
  t.same(calls[2].value?.map(textOf), ['d'])
  await rig.clock.advance(20_000)
  t.same([calls[3].value, calls[4].value], [[], []], 'who gets nothing is answered with nothing')
  t.equal(rig.groups.stats().waitingAcquires, 0)
})

t.test('a call that does not wait stands in line behind those that do', async (t) => {
  const rig = await GroupRig.start()
  const waiting = watch(rig.acquire(10, 20_000))
  await settle()
  const published = rig.publish('orders', ['a'])
  const hasty = watch(rig.acquire(10, 0))
  await published
  await settle()
  t.same(waiting.value?.map(textOf), ['a'])
  t.same(hasty.value, [])
})

t.test('a call that is aborted takes nothing', async (t) => {
  const rig = await GroupRig.start()
  const abort = new AbortController()
  const call = watch(rig.groups.acquire('orders', 'billing', { max: 1, waitMs: 20_000, signal: abort.signal }))
  await settle()
  abort.abort()
  await settle()
  t.same(call.value, [])
  await rig.publish('orders', ['a'])
  t.equal((await rig.acquire()).length, 1)
  t.same(await rig.groups.acquire('orders', 'billing', { max: 1, waitMs: 20_000, signal: abort.signal }), [])
})

t.test('who went away before the answer holds its records until the lock ends', async (t) => {
  const rig = await GroupRig.start()
  await rig.publish('orders', ['a'])
  const abort = new AbortController()
  rig.engine.held = true
  const call = rig.groups.acquire('orders', 'billing', { max: 1, waitMs: 20_000, signal: abort.signal })
  await settle()
  abort.abort()
  rig.engine.held = false
  rig.engine.release()
  await call
  t.same(await rig.acquire(), [])
  await rig.clock.advance(35_000)
  t.match(await rig.acquire(), [{ deliveryCount: 2 }])
})

t.test('at most maxInFlight of a partition are out; accepting makes room and wakes', async (t) => {
  const rig = await GroupRig.start({ orders: 1 }, { maxInFlight: 3 })
  await rig.publish('orders', ['a', 'b', 'c', 'd'])
  const first = await rig.acquire(10)
  t.equal(first.length, 3)
  const call = watch(rig.acquire(10, 20_000))
  await settle()
  t.equal(call.value, undefined)
  await rig.groups.acknowledge('orders', 'billing', [{ receipt: first[1].receipt, type: 'accept' }])
  await settle()
  t.same(call.value?.map(textOf), ['d'])
})

t.test('the bound is on each partition by itself, and what waits for its retry leaves room', async (t) => {
  const rig = await GroupRig.start({ orders: 2 }, { maxInFlight: 2 })
  for (const partition of [0, 1]) await rig.publish('orders', ['a', 'b', 'c'], partition)
  const first = await rig.acquire(10)
  t.same(
    first.map(({ partition }) => partition),
    [0, 0, 1, 1],
  )
  await rig.groups.acknowledge('orders', 'billing', [{ receipt: first[0].receipt, type: 'release' }])
  t.match(await rig.acquire(10), [{ partition: 0, offset: 2 }])
  await rig.clock.advance(5_000)
  t.match(await rig.acquire(10), [{ partition: 0, offset: 0, deliveryCount: 2 }], 'a retry has the bound of its lane')
})

t.test('a group that starts at the latest sees only what comes later', async (t) => {
  const rig = await GroupRig.start()
  await rig.publish('orders', ['old'])
  await rig.groups.configure('orders', 'billing', { start: 'latest' })
  await rig.publish('orders', ['new'])
  await rig.crash()
  t.same((await rig.acquire()).map(textOf), ['new'])
})

t.test('partitions that come while a group waits are read from their beginning', async (t) => {
  const rig = await GroupRig.start({ orders: 1 }, { start: 'latest' })
  const call = watch(rig.acquire(10, 20_000))
  await settle()
  await rig.engine.alterTopic('orders', { partitions: 2, cleanup: 'delete' })
  await rig.publish('orders', ['a'], 1)
  await settle()
  t.same(call.value?.map(textOf), ['a'])
  await rig.crash()
  t.same(await rig.acquire(), [], 'acquired once, also across kill -9')
})

t.test('a topic that is not there', async (t) => {
  const rig = await GroupRig.start()
  await t.rejects(rig.acquire(1, 0, 'nothing'), { code: 'TOPIC_NOT_FOUND' })
})

t.test('a topic deleted while a group waits: the call gets a clear error', async (t) => {
  const rig = await GroupRig.start()
  const call = watch(rig.acquire(1, 20_000))
  await settle()
  await rig.engine.deleteTopic('orders')
  await rig.groups.forgetTopic('orders')
  await settle()
  t.match(call.error, { code: 'TOPIC_NOT_FOUND' })
  t.equal(rig.groups.stats().groups, 0)
})

t.test('a topic created anew has no groups of the old one', async (t) => {
  const rig = await GroupRig.start()
  await rig.publish('orders', ['old'])
  const { receipt } = await rig.one()
  await rig.engine.deleteTopic('orders')
  await rig.engine.createTopic('orders', { partitions: 1, cleanup: 'delete' })
  await rig.publish('orders', ['new'])
  await t.rejects(rig.groups.acknowledge('orders', 'billing', [{ receipt, type: 'accept' }]), {
    code: 'GROUP_NOT_FOUND',
  })
  t.same((await rig.acquire()).map(textOf), ['new'])
})

t.test('what retention took before it was acquired is passed over', async (t) => {
  const rig = await GroupRig.start()
  await rig.acquire()
  await rig.publish('orders', ['a'])
  await rig.publish('orders', ['b'])
  await rig.engine.deleteRecords('orders', 0, 1)
  t.same((await rig.acquire()).map(textOf), ['b'])
})

t.test('damaged records are passed over, told and counted; all others come', async (t) => {
  const rig = await GroupRig.start()
  for (const value of ['a', 'b', 'c']) await rig.publish('orders', [value])
  const read = rig.engine.read.bind(rig.engine)
  rig.engine.read = async (topic, partition, fromOffset, maxBytes) => {
    if (topic !== 'orders' || fromOffset > 1) return read(topic, partition, fromOffset, maxBytes)
    if (fromOffset === 1) throw new DwellError('BATCH_DAMAGED', 'damaged', { baseOffset: 1, lastOffset: 1 })
    return read(topic, partition, fromOffset, 1)
  }
  t.same((await rig.acquire()).map(textOf), ['a'], 'what was read before the damage is served first')
  t.same((await rig.acquire()).map(textOf), ['c'])
  t.equal(rig.groups.stats().skipped, 1)
})

t.test('a disk that does not read fails the call, and the next one works', async (t) => {
  const rig = await GroupRig.start()
  await rig.publish('orders', ['a'])
  const read = rig.engine.read.bind(rig.engine)
  rig.engine.read = async () => {
    throw new DwellError('DISK_FAILED', 'EIO')
  }
  await t.rejects(rig.acquire(), { code: 'DISK_FAILED' })
  rig.engine.read = read
  t.equal((await rig.acquire()).length, 1)
})

t.test('an answer is bounded in bytes', async (t) => {
  const rig = await GroupRig.start()
  const mebibyte = 'x'.repeat(1024 * 1024)
  for (let i = 0; i < 20; i++) await rig.publish('orders', [mebibyte])
  t.equal((await rig.acquire(100)).length, 16)
  t.equal((await rig.acquire(100)).length, 4)
})

t.test('stopping answers waiting calls and takes no new ones', async (t) => {
  const rig = await GroupRig.start()
  const call = watch<Delivery[]>(rig.acquire(1, 20_000))
  await settle()
  await rig.groups.stop()
  await settle()
  t.same(call.value, [])
  await rig.publish('orders', ['a'])
  t.same(await rig.acquire(1, 20_000), [])
})
