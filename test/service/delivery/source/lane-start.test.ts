// What lay in a lane at a start, stamped by a clock that was ahead and that the restart put right.

import t from 'tap'
import { Census } from '../../../../timewheel/census/census.ts'
import { explainerOf } from '../explain/explain-rig.ts'
import { GroupRig, textOf } from '../group-rig.ts'

const TIER_MS = 5_000
const YEAR_MS = 365 * 86_400_000

const fail = async (rig: GroupRig, count: number) => {
  const acquired = await rig.acquire(count)
  const releases = acquired.map(({ receipt }) => ({ receipt, type: 'release' as const }))
  await rig.groups.acknowledge('orders', 'billing', releases)
  return acquired.length
}

const texts = async (rig: GroupRig) => (await rig.acquire()).map(textOf)

/** Two records failed while the clock was a year ahead; then the service was started with the right one. */
async function corrected() {
  const rig = await GroupRig.start({ orders: 1 }, { retry: [TIER_MS, 60_000] })
  await rig.publish('orders', ['a', 'b', 'c'])
  rig.clock.stepWall(YEAR_MS)
  await fail(rig, 2)
  rig.clock.stepWall(-YEAR_MS)
  await rig.crash()
  return { rig, startMs: rig.clock.wallMs() }
}

t.test('a tier does not wait for the hand to come to where a clock was that a restart put right', async (t) => {
  const { rig } = await corrected()
  await fail(rig, 1)
  await rig.clock.advance(TIER_MS - 1)
  t.same(await texts(rig), [], 'nothing is early')
  await rig.clock.advance(1)
  t.same(await texts(rig), ['a', 'b', 'c'], 'nor is what failed after the start')
})

t.test('what was stamped right counts from its stamp, also across the start', async (t) => {
  const rig = await GroupRig.start({ orders: 1 }, { retry: [TIER_MS] })
  await rig.publish('orders', ['a'])
  await fail(rig, 1)
  await rig.clock.advance(3_000)
  await rig.crash()
  await rig.clock.advance(1_999)
  t.same(await texts(rig), [])
  await rig.clock.advance(1)
  t.same(await texts(rig), ['a'])
})

t.test('a call that waits is woken when such a record is due', async (t) => {
  const { rig } = await corrected()
  await rig.acquire(1)
  const waiting = rig.acquire(10, 60_000)
  await rig.clock.advance(TIER_MS)
  t.same((await waiting).map(textOf), ['a', 'b'])
})

t.test('a hand that was behind at the start and is put right makes nothing early', async (t) => {
  const rig = await GroupRig.start({ orders: 1 }, { retry: [TIER_MS] })
  await rig.publish('orders', ['a'])
  await fail(rig, 1)
  rig.clock.stepWall(-YEAR_MS)
  await rig.crash()
  await rig.clock.advance(1_000)
  rig.clock.stepWall(YEAR_MS)
  await rig.clock.advance(TIER_MS - 1_001)
  t.same(await texts(rig), [])
  await rig.clock.advance(1)
  t.same(await texts(rig), ['a'])
})

t.test('scale, explain and the lanes tell the same as acquire does', async (t) => {
  const { rig, startMs } = await corrected()
  t.equal(await fail(rig, 1), 1)
  const scale = async () => {
    const untilMs = (Math.floor((rig.clock.wallMs() + 2_000) / 1_000) + 1) * 1_000
    return rig.groups.scale('orders', 'billing', new Census(), untilMs)
  }
  const explain = async () => (await explainerOf(rig)).explain('orders', { partition: 0, offset: 0 }, 'billing')
  const lane = async () => (await rig.groups.lanes('orders', 'billing'))[0]
  t.match(await scale(), { ready: 0, dueSoon: 0 })
  t.match(await explain(), { state: 'retrying', dueAtMs: startMs + TIER_MS })
  t.match(await lane(), { waiting: 3, oldestAtMs: startMs })
  await rig.clock.advance(TIER_MS - 1)
  t.match(await scale(), { ready: 0, dueSoon: 3 })
  t.match(await explain(), { state: 'retrying', dueAtMs: startMs + TIER_MS })
  await rig.clock.advance(1)
  t.match(await scale(), { ready: 3, dueSoon: 0 })
  t.match(await explain(), { state: 'ready', dueAtMs: startMs + TIER_MS })
  t.match(await lane(), { waiting: 3, oldestAtMs: startMs })
})

t.test('a lane is trimmed of what it is done with, whatever its stamp', async (t) => {
  const { rig } = await corrected()
  await rig.clock.advance(TIER_MS)
  const [a, b] = (await rig.acquire()).filter(({ deliveryCount }) => deliveryCount === 2)
  const accepts = [a, b].map(({ receipt }) => ({ receipt, type: 'accept' as const }))
  await rig.groups.acknowledge('orders', 'billing', accepts)
  const start = () => rig.engine.offsets('orders.billing.retry.5s', 0).logStartOffset
  await rig.groups.checkpoint()
  t.equal(start(), 0)
  await rig.clock.advance(3_600_001)
  await rig.groups.checkpoint()
  t.equal(start(), 2)
})
