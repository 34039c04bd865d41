// Changes messages that wait: cancels them, or moves them to another due time. The wheel's loop decides, between two
// dispatches, so that nothing else happens to a message meanwhile; what it decides is appended as facts, and only what is
// durable is answered.
//
// Always true:
//   1. The hand stands from the decision until the facts are durable and applied. So every fact in `__delay` took effect:
//      its target was neither dispatched nor withdrawn before.
//   2. What a fact takes away is taken away at once; what it puts in another place comes in when it is consumed, in its turn.
//   3. At most one change of a message is decided at a time; another that waits looks again at what became of it.
//   4. What waits to be decided is bounded in bytes, what is decided at once in number and bytes.
//
// After a crash: a fact is durable or was never answered; consumption.ts applies it again.

import { type Append, assert, DwellError, type LogEngine } from '../storage/index.ts'
import type { Consumption } from './consumption.ts'
import { Departures } from './departures.ts'
import { cancelledEnvelope, DELAY_TOPIC, movedEnvelope, ownIdOf } from './entry/entry.ts'
import { envelopeBody } from './entry/entry-body.ts'
import { messageId, type Place } from './entry/place.ts'
import type { Asked, Found, LookUp } from './look-up.ts'
import type { Pending } from './pending.ts'

const FACTS_MAX = 2_000
const FACT_BYTES_MAX = 2 * 1024 * 1024
const WAITING_BYTES_MAX = 32 * 1024 * 1024
/** What one that waits costs beside its envelope. */
const WANTED_OVERHEAD = 500

/** What is to become of a message: cancelled, or due at another time (at once if that is past). */
export type Change = 'cancel' | { dueAtMs: number }

/** A message that was changed and that has an id in `__ids`, or needs one there from now on. */
export interface Changed {
  id: string
  topicId: number
  state: 'pending' | 'cancelled'
  /** Its due time from now on. */
  dueAtMs: number
  /** Its offset in `__delay` from now on. */
  delayOffset: number
  /** Of its record. */
  recordBytes: number
}

export interface ChangesOptions {
  engine: LogEngine
  pending: Pending
  consumption: Consumption
  lookUp: LookUp
  hand: { nowMs(): number }
  /** What joins the append of the facts: for messages with an id of their own. */
  onChange?: (changed: (baseOffsets: readonly number[]) => Changed[]) => Append
  /** Called when something waits to be decided. */
  onWanted: () => void
}

/** What came of a change: the message's place from now on, or undefined when it did not wait there any more. */
type Outcome = { state: 'pending' | 'cancelled'; place: Place } | undefined

interface Wanted {
  target: Place
  topicId: number
  /** Its id in `__ids`, if it is there. */
  id: string | undefined
  /** Of its record. */
  recordBytes: number
  /** Of a message that is to be moved. */
  envelope: Buffer | undefined
  change: Change
  done: PromiseWithResolvers<Outcome>
}

interface Decided extends Wanted {
  /** The fact. */
  fact: Buffer
  state: 'pending' | 'cancelled'
  dueAtMs: number
}

export class Changes {
  readonly #options: ChangesOptions
  readonly #departures = new Departures()
  #wanted: Wanted[] = []
  /** Decided, and not durable yet. */
  #decided: readonly Decided[] = []
  #waitingBytes = 0
  #error: unknown
  /** Since the start. */
  cancelled = 0
  moved = 0

  constructor(options: ChangesOptions) {
    this.#options = options
  }

  /**
   * Changes a message. Resolves when that is durable: `pending` or `cancelled`, as was wanted; else with what had become of
   * it before.
   * @throws OVERLOADED, and what end() was given
   */
  async change(asked: Asked, change: Change): Promise<Found> {
    // A cancel of one that is known says all that there is to say; to be moved it has to be read.
    const knownBytes = change === 'cancel' ? asked.knownBytes : undefined
    for (;;) {
      const found = await this.#options.lookUp.find({ ...asked, knownBytes })
      if (found.state !== 'pending') return found
      const { place: target, topicId, recordBytes, envelope } = found
      const id = envelope === undefined ? asked.id : ownIdOf(envelope)
      const outcome = await this.#want({ target, topicId, id, recordBytes, envelope, change })
      // Undefined: it had left meanwhile.
      if (outcome !== undefined) return { ...found, ...outcome }
    }
  }

  /** Resolves when the message at `place` does not wait there any more. */
  async untilLeft(place: Place): Promise<void> {
    const { pending, consumption, hand } = this.#options
    await consumption.until(place.offset)
    if (pending.overflow.fateOf(place) !== undefined) return
    const standing = pending.standingOf(place, hand.nowMs())
    if (standing === 'waiting' || standing === 'leaving') await this.#departures.of(place.offset)
  }

  /** Messages have left: they are dispatched. */
  dispatched(entries: readonly Place[]): void {
    this.#departures.left(entries)
  }

  /** Decides what is wanted and makes it so; answers whether there was anything. Only between two steps of the wheel. */
  async settle(nowMs: number): Promise<boolean> {
    const { pending } = this.#options
    if (this.#wanted.length === 0 || pending.slots.crowded || pending.overflow.crowded) return false
    this.#decided = this.#decide(nowMs)
    if (this.#decided.length > 0) await this.#apply(this.#decided, nowMs)
    this.#decided = []
    return true
  }

  async #want(wanted: Omit<Wanted, 'done'>): Promise<Outcome> {
    if (this.#error !== undefined) throw this.#error
    const bytes = WANTED_OVERHEAD + (wanted.envelope?.length ?? 0)
    if (this.#waitingBytes > WAITING_BYTES_MAX) {
      const sentence = `${this.#waitingBytes} bytes wait to be changed; at most ${WAITING_BYTES_MAX} may.`
      throw new DwellError('OVERLOADED', sentence, { limit: WAITING_BYTES_MAX, retryAfterSeconds: 1 })
    }
    const done = Promise.withResolvers<Outcome>()
    this.#wanted.push({ ...wanted, done })
    this.#waitingBytes += bytes
    this.#options.onWanted()
    try {
      return await done.promise
    } finally {
      this.#waitingBytes -= bytes
    }
  }

  /** Nothing is decided any more, and what was decided may not have become durable. */
  end(error: unknown): void {
    this.#error ??= error
    for (const { done } of [...this.#decided, ...this.#wanted.splice(0)]) done.reject(error)
    this.#departures.end(error)
  }

  /** Takes what is decided now out of what is wanted, and answers whom it is too late for. */
  #decide(nowMs: number): Decided[] {
    const decided = new Map<number, Decided>()
    const left: Wanted[] = []
    let bytes = 0
    for (const [i, wanted] of this.#wanted.entries()) {
      if (decided.size >= FACTS_MAX || bytes > FACT_BYTES_MAX) {
        left.push(...this.#wanted.slice(i))
        break
      }
      if (decided.has(wanted.target.offset)) {
        left.push(wanted)
        continue
      }
      const fact = this.#factOf(wanted, nowMs)
      if (fact === undefined) continue
      decided.set(wanted.target.offset, fact)
      bytes += fact.fact.length
    }
    this.#wanted = left
    return [...decided.values()]
  }

  /** Undefined when there is nothing to be written: then it is answered, or will be. */
  #factOf(wanted: Wanted, nowMs: number): Decided | undefined {
    const { pending } = this.#options
    const { target, topicId, recordBytes, envelope, change, done } = wanted
    const standing = pending.overflow.fateOf(target) === undefined ? pending.standingOf(target, nowMs) : 'gone'
    if (standing === 'leaving') this.#departures.of(target.offset).then(() => done.resolve(undefined), done.reject)
    else if (standing !== 'waiting') done.resolve(undefined)
    if (standing !== 'waiting') return undefined
    if (change === 'cancel') {
      const fact = cancelledEnvelope(target, topicId, recordBytes)
      return { ...wanted, fact, state: 'cancelled', dueAtMs: target.dueAtMs }
    }
    assert(envelope !== undefined, 'a message that is to be moved was read')
    const dueAtMs = Math.max(change.dueAtMs, nowMs)
    // Due already, and still due at once: it keeps its turn.
    if (dueAtMs === target.dueAtMs || (dueAtMs === nowMs && target.dueAtMs < nowMs)) {
      done.resolve({ state: 'pending', place: target })
      return undefined
    }
    return { ...wanted, fact: movedEnvelope(target, envelope, dueAtMs), state: 'pending', dueAtMs }
  }

  async #apply(decided: readonly Decided[], nowMs: number): Promise<void> {
    const { engine, pending, consumption, onChange } = this.#options
    const records = decided.map(({ fact }) => ({ timestampMs: nowMs, body: envelopeBody(fact) }))
    const facts: Append = { topic: DELAY_TOPIC, partition: 0, records }
    const changed = onChange?.((baseOffsets) => changedBy(decided, baseOffsets[0]))
    const [base] = await engine.append(changed === undefined ? [facts] : [facts, changed])
    for (const [i, { target, topicId, recordBytes, state, dueAtMs, done }] of decided.entries()) {
      const place = state === 'pending' ? { dueAtMs, offset: base + i } : target
      pending.withdraw(target, base + i, topicId, recordBytes)
      pending.overflow.remember(target, state === 'pending' ? { movedTo: place } : { cancelledBy: base + i })
      consumption.applied(base + i)
      if (state === 'pending') this.moved++
      else this.cancelled++
      done.resolve({ state, place })
    }
    this.#departures.left(decided.map(({ target }) => target))
  }
}

/** What `__ids` is to say of them, when the facts have offsets from `base` on. */
function changedBy(decided: readonly Decided[], base: number): Changed[] {
  const changed: Changed[] = []
  for (const [i, { target, id, topicId, recordBytes, state, dueAtMs }] of decided.entries()) {
    const fields = { topicId, recordBytes, state, dueAtMs }
    if (state === 'pending') changed.push({ ...fields, id: id ?? messageId(target), delayOffset: base + i })
    else if (id !== undefined) changed.push({ ...fields, id, delayOffset: target.offset })
  }
  return changed
}
