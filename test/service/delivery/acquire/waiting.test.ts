// Thousands of calls wait: each record wakes who is first in line, nobody else, and nobody looks in between.

import t from 'tap'
import type { Delivery } from '../../../../service/delivery/index.ts'
import { settle } from '../../../support/manual-clock.ts'
import { GroupRig, textOf } from '../group-rig.ts'

const WAIT_MS = 60_000

/** Lets so many calls wait; answers who was answered, in order. */
function line(rig: GroupRig, calls: number, group = 'billing', options: { signal?: AbortSignal } = {}) {
  const answered: { call: number; deliveries: Delivery[] }[] = []
  for (let call = 0; call < calls; call++) {
    const acquired = rig.groups.acquire('orders', group, { max: 1, waitMs: WAIT_MS, ...options })
    acquired.then((deliveries) => answered.push({ call, deliveries }))
  }
  return answered
}

const names = (answered: { call: number; deliveries: Delivery[] }[]) =>
  answered.map(({ call, deliveries }) => `${call} ${deliveries.map(textOf)}`)

/** How often the log is read. */
function countReads(rig: GroupRig): () => number {
  const read = rig.engine.read.bind(rig.engine)
  let reads = 0
  rig.engine.read = (...given) => {
    reads++
    return read(...given)
  }
  return () => reads
}

t.test('of 5,000 calls that wait, a record wakes the first, and only that one', async (t) => {
  const rig = await GroupRig.start({ orders: 4 })
  const answered = line(rig, 5_000)
  await settle()
  const reads = countReads(rig)
  let looks = 0
  rig.handMs = () => {
    looks++
    return rig.clock.wallMs()
  }
  for (const [n, value] of ['a', 'b', 'c'].entries()) {
    await rig.publish('orders', [value], n)
    await settle()
  }
  t.same(names(answered), ['0 a', '1 b', '2 c'])
  t.equal(reads(), 3, 'each record is read once, and nothing else')
  t.ok(looks < 200, `looked at what is due ${looks} times, however many wait`)
  t.equal(rig.groups.stats().waitingAcquires, 4_997)
})

t.test('who waits sets no clock going: the next thing that happens is the end of its wait', async (t) => {
  const rig = await GroupRig.start()
  line(rig, 100)
  await settle()
  t.equal(rig.clock.nextTimerInMs, WAIT_MS)
  await rig.groups.pause('orders', 'billing', '')
  t.equal(rig.clock.nextTimerInMs, WAIT_MS, 'nor in a pause')
})

t.test('one message reaches each of 500 groups, where the first in line gets it', async (t) => {
  const rig = await GroupRig.start()
  const groups = Array.from({ length: 500 }, (_, n) => `g${n}`)
  const lines = groups.map((group) => line(rig, 10, group))
  await settle()
  const reads = countReads(rig)
  for (const value of ['a', 'b']) {
    await rig.publish('orders', [value])
    await settle()
  }
  t.ok(lines.every((answered) => names(answered).join() === '0 a,1 b'))
  t.equal(reads(), 1_000)
  t.equal(rig.groups.stats().waitingAcquires, 4_000)
})

t.test('who goes away gives its place up, wherever it stands, and takes nothing', async (t) => {
  const rig = await GroupRig.start()
  const leaving = new AbortController()
  const first = line(rig, 1)
  const gone = line(rig, 1_000, 'billing', { signal: leaving.signal })
  const last = line(rig, 2)
  await settle()
  leaving.abort()
  await settle()
  t.equal(rig.groups.stats().waitingAcquires, 3)
  await rig.publish('orders', ['a', 'b', 'c'])
  await settle()
  t.same([names(first), names(last)], [['0 a'], ['0 b', '1 c']])
  t.ok(gone.every(({ deliveries }) => deliveries.length === 0))
})

t.test('what was taken for one that went away is free at the end of the lock', async (t) => {
  const rig = await GroupRig.start({ orders: 1 }, { retry: [1_000] })
  const leaving = new AbortController()
  const gone = line(rig, 1, 'billing', { signal: leaving.signal })
  await settle()
  rig.engine.held = true
  await Promise.race([rig.publish('orders', ['a']), settle()])
  rig.engine.release()
  await settle()
  leaving.abort()
  rig.engine.held = false
  rig.engine.release()
  await settle()
  t.same(names(gone), ['0 a'], 'answered to nobody')
  const next = line(rig, 1)
  await rig.clock.advance(30_999)
  t.same(next, [])
  await rig.clock.advance(1)
  t.same(names(next), ['0 a'])
  t.match(next[0].deliveries, [{ deliveryCount: 2, attempts: [{ cause: 'LOCK_EXPIRED' }] }])
})

t.test('a deep line is served as fast as a short one: a thousand records to a thousand calls, in order', async (t) => {
  const rig = await GroupRig.start()
  const answered = line(rig, 3_000)
  await settle()
  const reads = countReads(rig)
  await rig.publish(
    'orders',
    Array.from({ length: 1_000 }, (_, n) => `${n}`),
  )
  await settle(3_000)
  t.same(
    names(answered),
    Array.from({ length: 1_000 }, (_, n) => `${n} ${n}`),
  )
  t.ok(reads() <= 2)
})
