// The tiers of a group in all their forms, and changed while records wait for them.

import t, { type Test as TapTest } from 'tap'
import { jitterMs } from '../../../../service/delivery/acknowledge/jitter.ts'
import type { AcknowledgeResult, Delivery } from '../../../../service/delivery/index.ts'
import { SeededRandom } from '../../../support/seeded-random.ts'
import { GroupRig, textOf } from '../group-rig.ts'

const HOUR_MS = 3_600_000

async function release(rig: GroupRig, deliveries: readonly Delivery[]): Promise<AcknowledgeResult[]> {
  const released = deliveries.map(({ receipt }) => ({ receipt, type: 'release' as const }))
  return rig.groups.acknowledge('orders', 'billing', released)
}

function dueOf(result: AcknowledgeResult): number {
  return result.state === 'retrying' ? result.dueAtMs : Number.NaN
}

/** Moves the clock to `atMs`, and the wheel with it. */
async function goTo(rig: GroupRig, atMs: number): Promise<void> {
  await rig.clock.advance(atMs - rig.clock.wallMs())
  await rig.turnWheel()
}

t.test('tiers that change while records wait for the old ones', async (t) => {
  const before = [5_000, 10_000, 15_000]
  const afters = [[5_000], [2_000, 3_000], [1_000, 2_000, 3_000, 4_000], [10_000, 5_000, HOUR_MS], []]
  for (const jitter of [0, 0.5]) {
    for (const killed of [false, true]) {
      for (const after of afters) {
        await t.test(`to ${after.join(', ') || 'none'}, jitter ${jitter}${killed ? ', killed' : ''}`, (t) =>
          change(t, after, jitter, killed),
        )
      }
    }
  }

  async function change(t: TapTest, after: number[], jitter: number, killed: boolean) {
    const rig = await GroupRig.start({ orders: 1 }, { retry: before, jitter })
    await rig.publish('orders', ['second'])
    const [first] = await release(rig, await rig.acquire())
    await goTo(rig, dueOf(first))
    await rig.publish('orders', ['first'])
    const waiting = await rig.acquire()
    const results = await release(rig, waiting)
    const retries = waiting.map((delivery, i) => {
      return { name: textOf(delivery), deliveryCount: delivery.deliveryCount + 1, dueAtMs: dueOf(results[i]) }
    })
    await rig.groups.configure('orders', 'billing', { retry: after })
    if (killed) await rig.crash()
    t.equal(rig.groups.retriesWaiting, 2)
    const again: Delivery[] = []
    for (const { name, deliveryCount, dueAtMs } of retries.sort((a, b) => a.dueAtMs - b.dueAtMs)) {
      if (dueAtMs > rig.clock.wallMs()) {
        await goTo(rig, dueAtMs - 1)
        t.same(await rig.acquire(), [], 'nothing before it is due')
        await goTo(rig, dueAtMs)
      }
      const delivery = await rig.one()
      t.same([textOf(delivery), delivery.deliveryCount], [name, deliveryCount])
      again.push(delivery)
    }
    const nowMs = rig.clock.wallMs()
    for (const [i, result] of (await release(rig, again)).entries()) {
      const tierMs = after[again[i].deliveryCount - 1]
      if (tierMs === undefined) t.same(result, { state: 'dead' })
      else {
        const waitsMs = dueOf(result) - nowMs
        t.ok(waitsMs >= tierMs && waitsMs <= tierMs * (1 + jitter), `${waitsMs} ms for a tier of ${tierMs} ms`)
      }
    }
    for (let i = 0; i < 4; i++) {
      if (killed) await rig.crash()
      await goTo(rig, rig.clock.wallMs() + 2 * HOUR_MS)
      await release(rig, await rig.acquire())
    }
    t.equal(rig.groups.retriesWaiting, 0)
    const { records } = await rig.groups.deadLetters.list('orders', 'billing', { limit: 10 })
    t.same(records.map(textOf).sort(), ['first', 'second'], 'each is dead once')
    t.same(
      new Set(records.map(({ deliveryCount }) => deliveryCount)),
      after.length < 2 ? new Set([2, 3]) : new Set([Math.max(3, after.length + 1)]),
    )
  }
})

t.test('a tier of an hour', async (t) => {
  const rig = await GroupRig.start({ orders: 1 }, { retry: [HOUR_MS] })
  await rig.publish('orders', ['a'])
  const [result] = await release(rig, await rig.acquire())
  t.match(result, { tier: '1h', dueAtMs: rig.clock.wallMs() + HOUR_MS })
  await rig.groups.checkpoint()
  await rig.crash()
  await rig.clock.advance(HOUR_MS - 1)
  await rig.groups.checkpoint()
  t.same(await rig.acquire(), [])
  await rig.clock.advance(1)
  t.same((await rig.acquire()).map(textOf), ['a'])
})

t.test('no tiers: a lock that ran out is dead at once too', async (t) => {
  const rig = await GroupRig.start({ orders: 1 }, { retry: [], jitter: 0.5 })
  await rig.publish('orders', ['a'])
  await rig.acquire()
  await rig.clock.advance(30_000)
  const { records } = await rig.groups.deadLetters.list('orders', 'billing', { limit: 10 })
  t.match(records, [{ deliveryCount: 1, attempts: [{ cause: 'LOCK_EXPIRED' }], cause: 'DELIVERY_COUNT_EXCEEDED' }])
})

t.test('jitter', async (t) => {
  t.test('is spread over its share, never less than the tier, and reaches both ends', async (t) => {
    const random = new SeededRandom(7)
    const all = Array.from({ length: 20_000 }, () => jitterMs(1_000, 0.1, random))
    t.equal(Math.min(...all), 0)
    t.equal(Math.max(...all), 100)
    const mean = all.reduce((sum, ms) => sum + ms, 0) / all.length
    t.ok(mean > 49 && mean < 51, `a mean of ${mean}`)
    t.equal(jitterMs(5, 0.1, random), 0)
  })
  t.test(
    'records come when each is due, through the wheel, and count as tries; the lanes of tiers stay as they are',
    async (t) => {
      const rig = await GroupRig.start({ orders: 1 }, { retry: [10_000, 20_000], jitter: 0.5 })
      await rig.publish('orders', ['a', 'b', 'c'])
      const [a, b, c] = await rig.acquire()
      const results = await rig.groups.acknowledge('orders', 'billing', [
        { receipt: a.receipt, type: 'release' },
        { receipt: b.receipt, type: 'release', delayMs: 1_000 },
      ])
      const nowMs = rig.clock.wallMs()
      t.match(results, [{ tier: 'delayed' }, { tier: 'delayed', dueAtMs: nowMs + 1_000 }])
      t.ok(dueOf(results[0]) >= nowMs + 10_000 && dueOf(results[0]) <= nowMs + 15_000)
      t.notOk(rig.engine.topic('orders.billing.retry.10s'), 'no lane of the tier')
      await rig.groups.configure('orders', 'billing', { jitter: 0 })
      t.match(await release(rig, [c]), [{ tier: '10s', dueAtMs: nowMs + 10_000 }])
      await rig.crash()
      const came: string[] = []
      for (let i = 0; i < 40; i++) {
        await goTo(rig, rig.clock.wallMs() + 500)
        for (const delivery of await rig.acquire()) {
          came.push(textOf(delivery))
          t.equal(delivery.deliveryCount, 2)
        }
      }
      t.same(came, ['b', 'c', 'a'])
    },
  )
  t.test('a lock that runs out is jittered as well', async (t) => {
    const rig = await GroupRig.start({ orders: 1 }, { jitter: 1 })
    await rig.publish('orders', ['a'])
    await rig.acquire()
    await rig.clock.advance(30_000)
    const [{ dueAtMs }] = await rig.delayed()
    t.ok(dueAtMs >= rig.clock.wallMs() + 5_000 && dueAtMs <= rig.clock.wallMs() + 10_000)
  })
})
