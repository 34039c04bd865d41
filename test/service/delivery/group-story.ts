// A story of a group: random steps, and a model that knows, per record, what consumers were told. Calls that a crash cut off
// may or may not have happened.

import fc from 'fast-check'
import type { Acknowledgement, AcknowledgeResult, Delivery, GroupSettings } from '../../../service/delivery/groups.ts'
import { settle } from '../../support/manual-clock.ts'
import { GroupRig, textOf } from './group-rig.ts'

const TIERS_MS = [5_000, 10_000]
const LOCK_MS = 8_000
const PARTITIONS = 2

export type Step =
  | { type: 'publish'; count: number; partition: number }
  | { type: 'acquire'; max: number; cut: number | undefined }
  | { type: 'acknowledge'; choices: number[]; cut: number | undefined; both: boolean }
  | { type: 'advance'; ms: number }
  | { type: 'wait'; max: number }
  | { type: 'checkpoint' }
  | { type: 'crash' }
  | { type: 'order'; order: GroupSettings['order'] }

/** After how many appends the process dies in the middle of the call; undefined when it does not. */
const cut = fc.nat(20).map((n) => (n < 3 ? n : undefined))

export const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant('publish' as const),
      count: fc.integer({ min: 1, max: 6 }),
      partition: fc.nat(PARTITIONS - 1),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constant('acquire' as const),
      max: fc.integer({ min: 1, max: 8 }),
      cut,
    }),
  },
  {
    weight: 7,
    arbitrary: fc.record({
      type: fc.constant('acknowledge' as const),
      choices: fc.array(fc.nat(1_000), { minLength: 1, maxLength: 10 }),
      cut,
      both: fc.boolean(),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ type: fc.constant('advance' as const), ms: fc.integer({ min: 1, max: 12_000 }) }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('wait' as const), max: fc.integer({ min: 1, max: 8 }) }) },
  { weight: 1, arbitrary: fc.constant({ type: 'checkpoint' as const }) },
  { weight: 1, arbitrary: fc.constant({ type: 'crash' as const }) },
)

interface Life {
  /** Of its partition: records of a key come in this order. */
  number: number
  partition: number
  key: string | null
  /** Was under way while no order was kept. */
  isFree: boolean
  deliveries: number
  /** Answers that were lost: so many deliveries may have happened that nobody saw. */
  unseen: boolean
  lockedUntilMs: number
  notBeforeMs: number
  end: 'accepted' | 'dead' | undefined
  /** A call that may have ended it was cut off. */
  mayHaveEnded: boolean
}

export class Model {
  readonly rig: GroupRig
  readonly lives = new Map<string, Life>()
  held: Delivery[] = []
  order: GroupSettings['order']
  readonly #keyOf: (n: number) => string | null
  #published = 0

  constructor(rig: GroupRig, keyOf: (n: number) => string | null, order: GroupSettings['order'] = 'none') {
    this.rig = rig
    this.order = order
    this.#keyOf = keyOf
  }

  static async begin(keyOf: (n: number) => string | null, order: GroupSettings['order'] = 'none') {
    const settings = { retry: TIERS_MS, lockMs: LOCK_MS, maxInFlight: 10, order }
    return new Model(await GroupRig.start({ orders: PARTITIONS }, settings), keyOf, order)
  }

  async publish(count: number, partition: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      const number = this.#published++
      const key = this.#keyOf(number)
      const value = `value-${number}`
      const none = {
        deliveries: 0,
        unseen: false,
        lockedUntilMs: 0,
        notBeforeMs: 0,
        mayHaveEnded: false,
        isFree: false,
      }
      this.lives.set(value, { ...none, number, partition, key, end: undefined })
      await this.rig.publish('orders', [value], partition, key)
    }
  }

  async received(deliveries: readonly Delivery[]): Promise<void> {
    if (this.order === 'key') await this.#checkOrder(deliveries)
    this.#receive(deliveries)
  }

  /** No earlier record of the key is under way. */
  async #checkOrder(deliveries: readonly Delivery[]): Promise<void> {
    const dead = await this.dead()
    for (const value of deliveries.map(textOf)) {
      const life = this.lives.get(value)
      if (life === undefined || life.key === null || life.isFree) continue
      for (const [other, { key, partition, number, end, mayHaveEnded, isFree }] of this.lives) {
        if (key !== life.key || partition !== life.partition || number >= life.number) continue
        const isOver = end !== undefined || mayHaveEnded || isFree || dead.has(other)
        check(isOver, `${value} of key ${key} overtakes ${other}`)
      }
    }
  }

  async dead(): Promise<Set<string>> {
    const dead = new Set<string>()
    if (this.rig.engine.topic('orders.billing.dlq') === undefined) return dead
    for (let partition = 0; partition < PARTITIONS; partition++) {
      for (const { value } of await this.rig.log('orders.billing.dlq', partition)) dead.add(String(value))
    }
    return dead
  }

  /** Changes what is kept; what was under way without an order may come in any. */
  async keep(order: GroupSettings['order']): Promise<void> {
    await this.rig.groups.configure('orders', 'billing', { order })
    if (this.order === 'none') for (const life of this.lives.values()) life.isFree = life.deliveries > 0 || life.unseen
    this.order = order
  }

  #receive(deliveries: readonly Delivery[]): void {
    const nowMs = this.rig.clock.wallMs()
    for (const delivery of deliveries) {
      const value = textOf(delivery)
      const isSuspect = delivery.attempts.some(({ cause }) => cause === 'LOCK_EXPIRED')
      const isLastTry = delivery.deliveryCount > TIERS_MS.length
      check(!isSuspect || !isLastTry || deliveries.length === 1, `${value} comes to its last try with others`)
      const life = this.lives.get(value)
      check(life !== undefined, `phantom: ${value}`)
      check(life.end === undefined, `${value} was ${life.end} and is delivered again`)
      check(life.lockedUntilMs <= nowMs, `two holders of ${value}`)
      check(life.notBeforeMs <= nowMs, `${value} came before its tier was over`)
      const { deliveryCount, attempts } = delivery
      if (life.unseen) check(deliveryCount > life.deliveries, `count of ${value} is ${deliveryCount}`)
      else
        check(deliveryCount === life.deliveries + 1, `count of ${value} is ${deliveryCount} after ${life.deliveries}`)
      check(attempts.length === deliveryCount - 1, `${value} has ${attempts.length} attempts at ${deliveryCount}`)
      check(delivery.topic === 'orders', `${value} is of ${delivery.topic}`)
      life.deliveries = deliveryCount
      life.unseen = false
      life.mayHaveEnded = false
      life.lockedUntilMs = delivery.lockedUntilMs
      this.held.push(delivery)
    }
  }

  /** Which acknowledgement a number stands for: also used-up receipts are tried again. */
  acknowledgementOf(choice: number): Acknowledgement | undefined {
    if (this.held.length === 0) return undefined
    const { receipt } = this.held[choice % this.held.length]
    const kind = Math.floor(choice / 7) % 8
    if (kind < 3) return { receipt, type: 'accept' }
    if (kind < 5) return { receipt, type: 'release', reason: `r${choice}` }
    if (kind === 5) return { receipt, type: 'release', delayMs: (choice % 9) * 1_000 }
    return kind === 6 ? { receipt, type: 'reject' } : { receipt, type: 'renew', lockMs: 20_000 }
  }

  answered(acknowledgements: readonly Acknowledgement[], results: readonly AcknowledgeResult[]): void {
    const nowMs = this.rig.clock.wallMs()
    check(results.length === acknowledgements.length, 'a result for each')
    for (const [i, result] of results.entries()) {
      const delivery = this.held.find(({ receipt }) => receipt === acknowledgements[i].receipt) as Delivery
      const life = this.lives.get(textOf(delivery)) as Life
      const isNewest = life.deliveries === delivery.deliveryCount
      if (result.state === 'invalid') continue
      check(isNewest && life.end === undefined, `an old receipt of ${textOf(delivery)} was good`)
      if (result.state === 'acquired') {
        life.lockedUntilMs = result.lockedUntilMs
        continue
      }
      life.lockedUntilMs = nowMs
      if (result.state === 'acknowledged') life.end = 'accepted'
      else if (result.state === 'dead') {
        life.end = 'dead'
        const isLast = delivery.deliveryCount > TIERS_MS.length
        check(isLast || acknowledgements[i].type === 'reject', `dead after ${delivery.deliveryCount} deliveries`)
      } else {
        life.notBeforeMs = nowMs + waitMsOf(acknowledgements[i], delivery.deliveryCount)
        check(result.dueAtMs === life.notBeforeMs, `due at ${result.dueAtMs}, not ${life.notBeforeMs}`)
      }
    }
  }

  /** A call was cut off by a crash. */
  lost(acknowledgements: readonly Acknowledgement[]): void {
    for (const { receipt, type } of acknowledgements) {
      const life = this.lives.get(textOf(this.held.find((held) => held.receipt === receipt) as Delivery)) as Life
      if (type !== 'renew') {
        life.mayHaveEnded = true
        life.lockedUntilMs = 0
      }
    }
  }
}

function waitMsOf(acknowledgement: Acknowledgement, deliveryCount: number): number {
  if (acknowledgement.type === 'release' && acknowledgement.delayMs !== undefined) return acknowledgement.delayMs
  return TIERS_MS[deliveryCount - 1]
}

export function check(holds: unknown, sentence: string): asserts holds {
  if (!holds) throw new Error(sentence)
}

export async function play(model: Model, step: Step): Promise<void> {
  const { rig } = model
  if (step.type === 'publish') return model.publish(step.count, step.partition)
  if (step.type === 'checkpoint') return rig.groups.checkpoint()
  if (step.type === 'crash') return rig.crash()
  if (step.type === 'order') return model.keep(step.order)
  if (step.type === 'advance') {
    await rig.clock.advance(step.ms)
    return rig.turnWheel()
  }
  if (step.type === 'wait') {
    const waiting = [rig.acquire(step.max, 15_000), rig.acquire(step.max, 15_000)]
    await settle()
    await rig.clock.advance(15_000)
    for (const deliveries of await Promise.all(waiting)) {
      // They came some time ago; what is told of their locks is still true.
      for (const delivery of deliveries) check(delivery.lockedUntilMs > 0, 'a lock')
      await model.received(deliveries)
    }
    return
  }
  if (step.type === 'acquire') {
    if (step.cut === undefined) return model.received(await rig.acquire(step.max))
    rig.cutAfter(step.cut)
    for (const life of model.lives.values()) life.unseen = true
    void rig.acquire(step.max).then((deliveries) => model.received(deliveries))
    await settle()
    return rig.crash()
  }
  const acknowledgements = step.choices.flatMap((choice) => model.acknowledgementOf(choice) ?? [])
  if (acknowledgements.length === 0) return
  if (step.cut !== undefined) {
    rig.cutAfter(step.cut)
    let results: AcknowledgeResult[] | undefined
    void rig.groups.acknowledge('orders', 'billing', acknowledgements).then((answered) => {
      results = answered
    })
    await settle()
    if (results) model.answered(acknowledgements, results)
    else model.lost(acknowledgements)
    return rig.crash()
  }
  if (!step.both)
    return model.answered(acknowledgements, await rig.groups.acknowledge('orders', 'billing', acknowledgements))
  const acquired = rig.acquire(3)
  const results = await rig.groups.acknowledge('orders', 'billing', acknowledgements)
  model.answered(acknowledgements, results)
  await model.received(await acquired)
}

/** Waits until nothing comes any more, accepting all; then every record was accepted or is dead. Answers how many were delivered. */
export async function end(model: Model): Promise<number> {
  const { rig } = model
  const inWheel = (await rig.delayed()).length
  check(rig.groups.retriesWaiting >= inWheel, `${inWheel} are in the wheel, more than are told of`)
  for (let quiet = 0; quiet < 3; ) {
    await rig.clock.advance(40_000)
    await rig.turnWheel()
    const deliveries = await rig.acquire(1_000)
    quiet = deliveries.length === 0 ? quiet + 1 : 0
    await model.received(deliveries)
    const acknowledgements = deliveries.map(({ receipt }) => ({ receipt, type: 'accept' }) as const)
    if (deliveries.length === 0) continue
    model.answered(acknowledgements, await rig.groups.acknowledge('orders', 'billing', acknowledgements))
  }
  await rig.crash()
  check((await rig.acquire()).length === 0, 'nothing is left')
  const { records } = await rig.groups.deadLetters.list('orders', 'billing', { limit: 10_000 })
  const dead = records.map(textOf)
  check(new Set(dead).size === dead.length, 'a record is dead once')
  let delivered = 0
  for (const [value, life] of model.lives) {
    delivered += life.deliveries
    const isDead = dead.includes(value)
    if (life.end === 'accepted') check(!isDead, `${value} was accepted and is dead`)
    else if (life.end === 'dead') check(isDead, `${value} is dead, yet not among the dead letters`)
    // Its last tier may have ended with a lock that ran out.
    else check(isDead || life.mayHaveEnded, `${value} is lost after ${life.deliveries} deliveries`)
  }
  for (const partition of rig.groups.describe('orders', 'billing').partitions) {
    check(partition.lag === 0 && partition.inFlight === 0, `lag ${partition.lag}, in flight ${partition.inFlight}`)
    const waits = partition.waiting.some(({ count }) => count > 0)
    check(!waits, 'nothing waits')
    check(partition.startOffset === partition.endOffset, 'the start offset moved over all of it')
  }
  return delivered
}
