// What an autoscaler is told, held against a model that knows what became of each record, in random stories.

import fc from 'fast-check'
import t from 'tap'
import type { Acknowledgement, GroupSettings } from '../../../../service/delivery/index.ts'
import { Census } from '../../../../timewheel/census/census.ts'
import { settle } from '../../../support/manual-clock.ts'
import { GroupRig, textOf } from '../group-rig.ts'

const TIERS_MS = [2_000, 7_000]
const LOCK_MS = 5_000
const WITHIN_MS = 6_000

type Step =
  | { type: 'publish'; count: number; partition: number; key: number }
  | { type: 'delay'; ms: number }
  | { type: 'acquire'; max: number }
  | { type: 'acknowledge'; choices: number[] }
  | { type: 'advance'; ms: number }
  | { type: 'crash' }

/** Often to the very moment at which something is due. */
const someMs = fc.oneof(fc.integer({ min: 1, max: 4_000 }), fc.constantFrom(LOCK_MS, ...TIERS_MS))

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant('publish' as const),
      count: fc.integer({ min: 1, max: 5 }),
      partition: fc.nat(1),
      key: fc.nat(3),
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('delay' as const), ms: fc.nat(20_000) }) },
  { weight: 5, arbitrary: fc.record({ type: fc.constant('acquire' as const), max: fc.integer({ min: 1, max: 6 }) }) },
  {
    weight: 5,
    arbitrary: fc.record({
      type: fc.constant('acknowledge' as const),
      choices: fc.array(fc.nat(999), { minLength: 1, maxLength: 6 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ type: fc.constant('advance' as const), ms: someMs }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('crash' as const) }) },
)

interface Life {
  state: 'ready' | 'acquired' | 'retrying' | 'over'
  /** Until the lock is over, or the retry due. */
  untilMs: number
  deliveries: number
  receipt: string
}

class Truth {
  readonly rig: GroupRig
  readonly lives = new Map<string, Life>()
  /** When messages for the topic are due that wait in the wheel. */
  readonly delayed: number[] = []

  constructor(rig: GroupRig) {
    this.rig = rig
  }

  async play(step: Step): Promise<void> {
    const { rig, lives, delayed } = this
    if (step.type === 'delay') delayed.push(rig.clock.wallMs() + step.ms)
    else if (step.type === 'publish') {
      const values = Array.from({ length: step.count }, (_, i) => `v${lives.size + i}`)
      for (const value of values) lives.set(value, { state: 'ready', untilMs: 0, deliveries: 0, receipt: '' })
      await rig.publish('orders', values, step.partition, step.key === 0 ? null : `k${step.key}`)
    } else if (step.type === 'acquire') {
      for (const delivery of await rig.acquire(step.max)) {
        const { receipt, deliveryCount: deliveries, lockedUntilMs: untilMs } = delivery
        lives.set(textOf(delivery), { state: 'acquired', untilMs, deliveries, receipt })
      }
    } else if (step.type === 'acknowledge') await this.#acknowledge(step.choices)
    else if (step.type === 'advance') {
      await rig.clock.advance(step.ms)
      await rig.turnWheel()
      this.#expire()
    } else {
      await rig.crash()
      // Locks hold anew for their full time.
      for (const life of lives.values()) if (life.state === 'acquired') life.untilMs = rig.clock.wallMs() + LOCK_MS
    }
    await settle()
  }

  async #acknowledge(choices: readonly number[]): Promise<void> {
    const acquired = [...this.lives.values()].filter(({ state }) => state === 'acquired')
    if (acquired.length === 0) return
    const chosen = new Map<Life, Acknowledgement>()
    for (const choice of choices) {
      const life = acquired[choice % acquired.length]
      const { receipt } = life
      const kind = choice % 5
      if (kind < 2) chosen.set(life, { receipt, type: 'accept' })
      else if (kind === 2) chosen.set(life, { receipt, type: 'release' })
      else if (kind === 3) chosen.set(life, { receipt, type: 'release', delayMs: choice * 10 })
      else chosen.set(life, { receipt, type: 'reject' })
    }
    const results = await this.rig.groups.acknowledge('orders', 'billing', [...chosen.values()])
    for (const [i, life] of [...chosen.keys()].entries()) {
      const result = results[i]
      if (result.state === 'retrying') Object.assign(life, { state: 'retrying', untilMs: result.dueAtMs })
      else life.state = 'over'
    }
  }

  /** A lock that is over is a release, at that time. */
  #expire(): void {
    for (const life of this.lives.values()) {
      if (life.state !== 'acquired' || life.untilMs > this.rig.clock.wallMs()) continue
      const tierMs = TIERS_MS[life.deliveries - 1]
      if (tierMs === undefined) life.state = 'over'
      else Object.assign(life, { state: 'retrying', untilMs: life.untilMs + tierMs })
    }
  }

  count(untilMs: number) {
    const nowMs = this.rig.clock.wallMs()
    const lives = [...this.lives.values()]
    const isDue = (ms: number) => ms <= nowMs
    const waiting = lives.filter(({ state }) => state === 'retrying')
    return {
      ready:
        lives.filter(({ state }) => state === 'ready').length + waiting.filter((life) => isDue(life.untilMs)).length,
      inFlight: lives.filter(({ state }) => state === 'acquired').length,
      dueSoon:
        waiting.filter((life) => !isDue(life.untilMs) && life.untilMs < untilMs).length +
        this.delayed.filter((ms) => ms < untilMs).length,
      isEstimate: false,
    }
  }

  /** What the wheel would count. */
  async census(): Promise<Census> {
    const { engine } = this.rig
    const census = new Census()
    for (const ms of this.delayed) census.add(ms, engine.topic('orders')?.id ?? 0, 0)
    for (const { topic, dueAtMs } of await this.rig.delayed()) census.add(dueAtMs, engine.topic(topic)?.id ?? 0, 0)
    return census
  }
}

for (const order of ['none', 'key'] satisfies GroupSettings['order'][]) {
  t.test(`scale tells the truth at each moment of any story, order ${order}`, async (t) => {
    let looks = 0
    let soon = 0
    const property = fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 50 }), async (steps) => {
      const settings = { retry: TIERS_MS, lockMs: LOCK_MS, maxInFlight: 8, order }
      const truth = new Truth(await GroupRig.start({ orders: 2 }, settings))
      await truth.rig.groups.configure('orders', 'billing', {})
      for (const step of steps) {
        await truth.play(step)
        const untilMs = (Math.floor((truth.rig.clock.wallMs() + WITHIN_MS) / 1_000) + 1) * 1_000
        const scale = await truth.rig.groups.scale('orders', 'billing', await truth.census(), untilMs)
        const expected = truth.count(untilMs)
        if (JSON.stringify(scale) !== JSON.stringify(expected)) {
          throw new Error(`after ${step.type}: ${JSON.stringify(scale)}, not ${JSON.stringify(expected)}`)
        }
        looks++
        soon += scale.dueSoon
      }
    })
    await fc.assert(property, { numRuns: Number(process.env.RUNS ?? 60) })
    t.ok(looks > 100 && soon > 0, `${looks} looks`)
  })
}

t.test(
  'a partition that the group has not seen yet, and one that retention cut, are counted as they are',
  async (t) => {
    const rig = await GroupRig.start({ orders: 1 })
    await rig.groups.configure('orders', 'billing', {})
    const ready = async () => (await rig.groups.scale('orders', 'billing', new Census(), 0)).ready
    await rig.publish('orders', ['a', 'b', 'c'])
    t.equal(await ready(), 3)
    await rig.engine.deleteRecords('orders', 0, 2)
    t.equal(await ready(), 1)
    await rig.engine.alterTopic('orders', { partitions: 2, cleanup: 'delete' })
    await rig.publish('orders', ['d', 'e'], 1)
    t.equal(await ready(), 3)
    await t.rejects(rig.groups.scale('orders', 'nobody', new Census(), 0), { code: 'GROUP_NOT_FOUND' })
  },
)
