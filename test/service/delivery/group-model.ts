// What consumers of a group can know of its records, and nothing more: told what they did and were answered, the model says
// what can not be true. Shares no code with the service.
//
// A record has copies: one in the topic and, after a reset, others that still wait for their retry or are dead. Of a copy
// that a call was about which a crash cut off nobody knows what became of it: it is unsure until it is seen again.

import type {
  Acknowledgement,
  AcknowledgeResult,
  AttemptCause,
  Delivery,
  GroupSettings,
} from '../../../service/delivery/index.ts'
import { textOf } from './group-rig.ts'

export const LOCK_MS = 8_000
export const IN_FLIGHT_MAX = 10

export interface Copy {
  /** The source that it waits in or was acquired from; undefined when that is not known. */
  place: 'topic' | 'wheel' | 'delayed' | 'redrive' | `tier ${number}` | undefined
  state: 'waiting' | 'held' | 'accepted' | 'dead' | 'gone'
  /** Deliveries of this life that were seen, and failed tries of all lives. */
  count: number
  tries: number | undefined
  /** Of the last failed try; undefined when nobody was told. */
  cause: AttemptCause | undefined
  /** Of one that is held, when its lock ends; of one that waits, not before when it comes. */
  untilMs: number
  /** Of one in the wheel: it is there no longer than this. With jitter nobody is told when a lock that ran out brings it. */
  latestMs: number
  lockMs: number
  receipt: string
  unsure: boolean
  /** A call that may have ended it was cut off. */
  mayBeGone: boolean
  /** Was under way when the order of keys was set: may come beside others that were. */
  isBeside: boolean
  /** Came into the wheel where no order was kept: nobody knows that it has its key's turn. */
  isTurnless: boolean
}

interface Life {
  value: string
  key: string | null
  partition: number
  /** In its partition; undefined while it is delayed. */
  offset: number | undefined
  publishedMs: number
  copies: Copy[]
}

export class GroupModel {
  readonly lives = new Map<string, Life>()
  /** All that was ever handed out, by receipt. */
  readonly held: { receipt: string; copy: Copy; value: string; count: number; tries: number }[] = []
  retry: readonly number[]
  order: GroupSettings['order']
  /** A retry waits longer than its tier, up to this share of it. */
  jitter = 0
  isPaused = false
  deliveries = 0

  constructor(retry: readonly number[], order: GroupSettings['order']) {
    this.retry = retry
    this.order = order
  }

  published(value: string, key: string | null, partition: number, offset: number | undefined, nowMs: number): void {
    this.lives.set(value, { value, key, partition, offset, publishedMs: nowMs, copies: [freshCopy()] })
  }

  *copies(): Iterable<Copy> {
    for (const { copies } of this.lives.values()) yield* copies
  }

  /** Locks that are over by now are failed tries. */
  expire(nowMs: number): void {
    for (const copy of this.copies()) {
      if (copy.state === 'held' && !copy.unsure && copy.untilMs <= nowMs)
        this.#failed(copy, copy.untilMs, 'LOCK_EXPIRED')
    }
  }

  #failed(copy: Copy, atMs: number, cause: AttemptCause, delayMs?: number): void {
    const tierMs = this.retry[copy.count - 1]
    copy.cause = cause
    if (copy.tries !== undefined) copy.tries++
    if (tierMs === undefined) {
      copy.state = 'dead'
      return
    }
    copy.state = 'waiting'
    copy.untilMs = atMs + (delayMs ?? tierMs)
    copy.latestMs = copy.untilMs + (delayMs === undefined ? tierMs * this.jitter : 0)
    copy.place = delayMs === undefined && this.jitter === 0 ? `tier ${tierMs}` : 'wheel'
  }

  /** One answer. */
  received(deliveries: readonly Delivery[]): void {
    this.inCompany(deliveries)
    this.receivedApart(deliveries)
  }

  /** What may have taken others down with it comes to its last try alone; what was redriven begins anew. */
  inCompany(deliveries: readonly Delivery[]): void {
    for (const { deliveryCount, attempts } of deliveries) {
      const isSuspect = attempts
        .slice(attempts.length + 1 - deliveryCount)
        .some(({ cause }) => cause === 'LOCK_EXPIRED')
      check(!isSuspect || deliveryCount <= this.retry.length || deliveries.length === 1, 'its last try has company')
    }
  }

  /** Of several answers. */
  receivedApart(deliveries: readonly Delivery[]): void {
    check(!this.isPaused || deliveries.length === 0, 'the group is paused')
    for (const delivery of deliveries) this.#receive(delivery)
    for (const [place, count] of this.#inFlight()) check(count <= IN_FLIGHT_MAX, `${count} of ${place} are in flight`)
  }

  #receive(delivery: Delivery): void {
    const value = textOf(delivery)
    const atMs = delivery.lockedUntilMs - LOCK_MS
    this.expire(atMs)
    const life = this.lives.get(value)
    check(life !== undefined, `phantom: ${value}`)
    const copy = copyOf(life, delivery, atMs)
    const told = `delivery ${delivery.deliveryCount} of ${value} at ${atMs}`
    check(copy !== undefined, `${told} cannot be, of ${JSON.stringify(life.copies)}`)
    check(delivery.topic === 'orders' && delivery.partition === life.partition, `${told} is of another place`)
    check(life.offset === undefined || delivery.offset === life.offset, `${told} is at ${delivery.offset}`)
    life.offset = delivery.offset
    if (this.order === 'key' && life.key !== null) this.#checkTurn(life, copy)
    this.deliveries++
    if (copy.unsure) copy.place = undefined
    if (copy.place === 'wheel') copy.place = 'delayed'
    const { deliveryCount: count, receipt, lockedUntilMs: untilMs, attempts } = delivery
    const known = { state: 'held', unsure: false, mayBeGone: false, isTurnless: false, lockMs: LOCK_MS } as const
    Object.assign(copy, { ...known, count, receipt, untilMs, tries: attempts.length })
    this.held.push({ receipt, copy, value, count, tries: attempts.length })
  }

  /** Of a key one record is under way, and those of the topic begin in their order. */
  #checkTurn(life: Life, copy: Copy): void {
    const isNew = copy.place === 'topic' && copy.count === 0 && !copy.unsure
    for (const other of this.lives.values()) {
      if (other.key !== life.key || other.partition !== life.partition) continue
      for (const its of other.copies) {
        if (its === copy || its.unsure) continue
        const isUnderWay = its.state === 'held' || (its.state === 'waiting' && its.count > 0 && !its.isTurnless)
        check(!isUnderWay || (its.isBeside && copy.isBeside), `${life.value} comes while ${other.value} is under way`)
        const isEarlier = its.state === 'waiting' && its.place === 'topic' && (other.offset ?? Infinity) < life.offset!
        check(!isNew || !isEarlier, `${life.value} overtakes ${other.value}`)
      }
    }
  }

  #inFlight(): Map<string, number> {
    const counts = new Map<string, number>()
    for (const { partition, copies } of this.lives.values()) {
      for (const { state, place, unsure } of copies) {
        if (state !== 'held' || unsure || place === undefined) continue
        const key = `${place} of partition ${partition}`
        counts.set(key, (counts.get(key) ?? 0) + 1)
      }
    }
    return counts
  }

  answered(acknowledgements: readonly Acknowledgement[], results: readonly AcknowledgeResult[], nowMs: number): void {
    check(results.length === acknowledgements.length, 'a result for each')
    this.expire(nowMs)
    for (const [i, result] of results.entries()) this.#answered(acknowledgements[i], result, nowMs)
  }

  #answered(acknowledgement: Acknowledgement, result: AcknowledgeResult, nowMs: number): void {
    const { receipt, type } = acknowledgement
    const { copy, value, count, tries } = this.held.find((held) => held.receipt === receipt)!
    const isHeld = copy.state === 'held' && copy.receipt === receipt
    const told = `${type} of ${value} answers ${JSON.stringify(result)}, it is ${JSON.stringify(copy)}`
    const wasUnsure = copy.unsure && copy.receipt === receipt
    if (wasUnsure) {
      // Whether an earlier call took effect is known by now: it did not, but a lock may have been renewed.
      if (result.state !== 'invalid')
        Object.assign(copy, { unsure: false, mayBeGone: false, state: 'held', count, tries })
    } else check(isHeld === (result.state !== 'invalid'), told)
    if (result.state === 'invalid') return
    if (type === 'renew') {
      check(result.state === 'acquired', told)
      const lockMs = result.lockedUntilMs - nowMs
      const { lockMs: given } = acknowledgement
      // Without one, what it was before this call: another renewal may stand in the same one.
      check(given === undefined ? wasUnsure || [copy.lockMs, LOCK_MS].includes(lockMs) : given === lockMs, told)
      Object.assign(copy, { lockMs, untilMs: nowMs + lockMs })
    } else if (type === 'accept') {
      copy.state = 'accepted'
      check(result.state === 'acknowledged', told)
    } else if (type === 'reject') {
      copy.state = 'dead'
      copy.cause = undefined
      if (copy.tries !== undefined) copy.tries++
      check(result.state === 'dead', told)
    } else {
      this.#failed(copy, nowMs, 'CLIENT_RELEASE', acknowledgement.delayMs)
      if (result.state === 'retrying') {
        const isBetween = copy.untilMs <= result.dueAtMs && result.dueAtMs <= copy.latestMs
        check(copy.state === 'waiting' && isBetween, told)
        copy.untilMs = copy.latestMs = result.dueAtMs
      } else check(result.state === 'dead' && (copy.state as string) === 'dead', told)
    }
  }

  /** A call was cut off by a crash. */
  acquireLost(nowMs: number): void {
    for (const copy of this.copies()) if (copy.state === 'waiting' && copy.untilMs <= nowMs) copy.unsure = true
  }

  acknowledgeLost(acknowledgements: readonly Acknowledgement[]): void {
    for (const { receipt, type } of acknowledgements) {
      const { copy } = this.held.find((held) => held.receipt === receipt)!
      if (copy.receipt !== receipt || copy.state !== 'held') continue
      copy.unsure = true
      if (type === 'accept') copy.mayBeGone = true
    }
  }

  /** Locks hold anew for their full time. */
  crashed(nowMs: number): void {
    for (const copy of this.copies()) if (copy.state === 'held') copy.untilMs = nowMs + copy.lockMs
  }

  /** The wheel dispatched what was due. */
  turned(nowMs: number): void {
    for (const copy of this.copies()) if (copy.place === 'wheel' && copy.latestMs <= nowMs) copy.place = 'delayed'
  }

  keep(order: GroupSettings['order']): void {
    if (order === 'key' && this.order === 'none') {
      for (const copy of this.copies()) {
        const isUnderWay = copy.state === 'held' || copy.unsure || (copy.state === 'waiting' && copy.count > 0)
        copy.isTurnless = isUnderWay && copy.state === 'waiting' && (copy.place === 'wheel' || copy.place === 'delayed')
        copy.isBeside = isUnderWay && !copy.isTurnless
      }
    }
    this.order = order
  }

  /** `firstOf` says for each partition where the group goes on. */
  reset(firstOf: (partition: number) => number, to: 'earliest' | 'latest' | number, nowMs: number): void {
    for (const life of this.lives.values()) {
      for (const copy of life.copies) {
        if (copy.state === 'waiting' && life.offset === undefined) continue
        const mayHaveCome =
          to === 'latest' && copy.state === 'waiting' && copy.place === 'wheel' && copy.untilMs <= nowMs
        const isLetGo = copy.place === 'topic' || copy.place === undefined || copy.unsure
        if (copy.unsure || mayHaveCome || (copy.place === undefined && copy.state === 'held')) {
          Object.assign(copy, { unsure: true, mayBeGone: true })
        } else if (isLetGo || (to === 'latest' && copy.place !== 'wheel')) {
          if (copy.state === 'held' || copy.state === 'waiting') copy.state = 'gone'
        }
      }
      if (life.offset !== undefined && life.offset >= firstOf(life.partition)) life.copies.push(freshCopy())
    }
  }

  redriven(nowMs: number): void {
    for (const copy of this.#dead())
      Object.assign(copy, { state: 'waiting', place: 'redrive', count: 0, untilMs: nowMs })
    this.#mayBeginAnew()
  }

  redriveLost(): void {
    for (const copy of this.#dead()) copy.unsure = true
    this.#mayBeginAnew()
  }

  /** What may have died may have been redriven. */
  #mayBeginAnew(): void {
    for (const copy of this.copies()) if (copy.unsure) Object.assign(copy, { count: 0, tries: undefined })
  }

  purged(count: number): void {
    const dead = [...this.#dead()]
    check(count >= dead.length, `${count} were purged of ${dead.length}`)
    this.purgeLost()
    for (const copy of dead) Object.assign(copy, { state: 'gone', unsure: false })
  }

  purgeLost(): void {
    for (const copy of this.copies()) if (copy.state === 'dead' || copy.unsure) copy.mayBeGone = copy.unsure = true
  }

  #dead(): Iterable<Copy> {
    return [...this.copies()].filter(({ state, unsure }) => state === 'dead' && !unsure)
  }

  /** Nothing comes any more: whatever was not accepted is dead. */
  ended(dead: readonly string[]): void {
    for (const { value, copies } of this.lives.values()) {
      const there = dead.filter((other) => other === value).length
      const sure = copies.filter(({ state, unsure }) => state === 'dead' && !unsure).length
      const unsure = copies.filter((copy) => copy.unsure)
      const least = sure + unsure.filter(({ mayBeGone }) => !mayBeGone).length
      check(there >= least, `${value} is lost: dead ${there} times, of ${JSON.stringify(copies)}`)
      check(there <= sure + unsure.length, `${value} is dead ${there} times, of ${JSON.stringify(copies)}`)
      const waits = copies.find((copy) => !copy.unsure && (copy.state === 'waiting' || copy.state === 'held'))
      check(waits === undefined, `${value} does not come: ${JSON.stringify(waits)}`)
    }
  }
}

function freshCopy(): Copy {
  const never = { count: 0, tries: 0, cause: undefined, untilMs: 0, latestMs: 0, lockMs: LOCK_MS, receipt: '' }
  const sure = { unsure: false, mayBeGone: false, isBeside: false, isTurnless: false }
  return { ...never, ...sure, place: 'topic', state: 'waiting' }
}

/** Which copy a delivery can be of; one that nobody is sure of only when there is no other. */
function copyOf({ copies }: Life, { deliveryCount, attempts }: Delivery, atMs: number): Copy | undefined {
  const sure = copies.filter(
    ({ state, unsure, untilMs, count, tries }) =>
      !unsure && state === 'waiting' && untilMs <= atMs && count + 1 === deliveryCount && tries === attempts.length,
  )
  // Of two that look alike it is the one that has its key's turn: the other one has to wait for that.
  const inTurn = sure.find(({ isTurnless }) => !isTurnless)
  if (inTurn !== undefined) return inTurn
  const unsure = copies.filter((copy) => copy.unsure)
  // What it failed of tells it from one that nobody is sure of, and that may have its turn.
  const isOther = unsure.length > 0 && sure[0]?.cause !== attempts.at(-1)?.cause
  if (sure.length > 0 && !isOther) return sure[0]
  const known = unsure.filter(({ count }) => deliveryCount > count).sort((a, b) => b.count - a.count)[0]
  // Which of them it is nobody can tell: what may be true of one of them may be true of those that are left.
  const count = Math.min(...unsure.map((copy) => copy.count))
  const mayBeGone = unsure.some((copy) => copy.mayBeGone)
  for (const copy of unsure) if (copy !== known) Object.assign(copy, { count, mayBeGone, tries: undefined })
  return known
}

export function check(holds: unknown, sentence: string): asserts holds {
  if (!holds) throw new Error(sentence)
}
