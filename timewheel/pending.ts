// Every message that waits, and where it waits. That follows from its place (dueAtMs, offset) alone:
//
//        … hand ──────────── horizon ─────── moved ─────── reach ────────────────→ due
//     late │  ready queue      │  slots: memory and files    │  overflow
//
// Always true:
//   1. hand ≤ horizon < moved ≤ reach, and each only moves forward. Everything up to the horizon is in memory; every
//      overflow row up to `moved` has been copied into a slot; what arrives with a due time below the reach goes to a slot.
//   2. An entry that arrives behind the hand is late. It is dispatched before the hand moves on, nothing changes it any more,
//      and the mark's C stays below it until then.
//   3. What takes a message away before it is due lies in the slot of its target too, so that a target read from the slot's
//      file is known to be withdrawn.
//   4. The census counts what waits, wherever that is.
//
// After a crash: derived, from the checkpoint and from `__delay` behind it: see catch-up.ts.

import type { Census } from './census/census.ts'
import type { Checkpoint } from './checkpoint/checkpoint.ts'
import { DelayRetention } from './checkpoint/delay-retention.ts'
import { cancelledEnvelope, recordBytesOf, topicIdOf } from './entry/entry.ts'
import { comparePlaces, lastPlaceOf, type Place } from './entry/place.ts'
import { LateQueue } from './late-queue.ts'
import { covers, type Mark } from './mark.ts'
import type { Overflow } from './overflow.ts'
import { ReadyQueue } from './ready-queue.ts'
import type { Slot } from './slot/slot.ts'
import type { ReadyEntry } from './slot/slot-reader.ts'
import type { Slots } from './slot/slots.ts'

/** What one atomic dispatch holds at the most. */
const STEP_ENTRIES_MAX = 10_000
const STEP_BYTES_MAX = 4 * 1024 * 1024

export interface PendingOptions {
  slots: Slots
  overflow: Overflow
  census: Census
  /** The last mark, as it was at the start. */
  mark: Mark
  /** What was found of an earlier run; undefined when the slots are derived again. */
  checkpoint: Checkpoint | undefined
  /** How far the wheel reaches. */
  reachSeconds: number
  /** Budget of the ready queue. */
  readBytes: number
  /** The most bytes that one atomic dispatch may have. */
  stepBytesMax: number
  nowMs: number
}

/**
 * How a message stands that was consumed and of which no fate is remembered. It is `leaving` when it is late or being
 * dispatched, `covered` when the mark says that it is done, and `gone` when it was withdrawn so long ago that nobody
 * remembers how.
 */
export type Standing = 'waiting' | 'leaving' | 'covered' | 'gone'

export class Pending {
  readonly slots: Slots
  readonly overflow: Overflow
  readonly census: Census
  readonly retention: DelayRetention
  readonly ready = new ReadyQueue()
  readonly #late = new LateQueue()
  /** What is being dispatched. */
  #step: readonly ReadyEntry[] = []
  /** The last durable mark. */
  mark: Mark
  readonly #readBytes: number
  readonly #stepBytesMax: number
  hand: Place
  horizon: Place
  moved: Place
  reachMs: number
  /** Messages that came within reach since the start. */
  arrived = 0

  constructor({
    slots,
    overflow,
    census,
    mark,
    checkpoint,
    reachSeconds,
    readBytes,
    stepBytesMax,
    nowMs,
  }: PendingOptions) {
    this.slots = slots
    this.overflow = overflow
    this.census = census
    this.retention = new DelayRetention(checkpoint?.stretches)
    this.mark = mark
    this.#readBytes = readBytes
    this.#stepBytesMax = Math.min(STEP_BYTES_MAX, stepBytesMax)
    this.hand = mark.hand
    this.horizon = mark.hand
    const moved = checkpoint?.moved ?? mark.hand
    this.moved = comparePlaces(moved, mark.hand) < 0 ? mark.hand : moved
    const handSecond = Math.floor((mark.hand.dueAtMs || nowMs) / 1000)
    this.reachMs = Math.max(this.moved.dueAtMs, (handSecond + reachSeconds) * 1000)
    for (const { second, fileSize } of checkpoint?.slots ?? []) {
      if (second >= Math.floor(mark.hand.dueAtMs / 1000)) slots.restore(second, fileSize)
    }
  }

  /**
   * Whether a checkpoint can tell where each message waits from its place and its offset alone. Not while one is late: what
   * is consumed behind it would be consumed again, and be counted twice; nor while the reach is ahead of `moved`: between
   * them messages lie in slots or in overflow.
   */
  get canSettle(): boolean {
    return this.#late.first === undefined && this.moved.dueAtMs >= this.reachMs
  }

  /** The due time of the message that is dispatched next, as far as it is in memory. */
  get nextDueAtMs(): number {
    return this.#late.first?.dueAtMs ?? this.ready.peek()?.dueAtMs ?? Number.POSITIVE_INFINITY
  }

  /** True when as much waits in memory as the budgets allow: dispatch and writing go first then. */
  get crowded(): boolean {
    const soonBytes = this.ready.bytes + this.#late.bytes
    return this.slots.crowded || this.overflow.crowded || soonBytes > 2 * this.#readBytes
  }

  /** Takes the message at `place` in. */
  add(place: Place, envelope: Buffer): void {
    const { dueAtMs, offset } = place
    if (comparePlaces(place, this.hand) <= 0) {
      this.#late.push({ dueAtMs, offset, envelope: Buffer.from(envelope), stored: false })
    } else if (comparePlaces(place, this.horizon) <= 0) {
      this.ready.push({ dueAtMs, offset, envelope: Buffer.from(envelope), stored: false })
    } else if (dueAtMs < this.reachMs) {
      this.slots.add(dueAtMs, offset, envelope)
    } else {
      this.overflow.put(place, envelope)
      this.census.addLater(topicIdOf(envelope), recordBytesOf(envelope))
      return
    }
    this.census.add(dueAtMs, topicIdOf(envelope), recordBytesOf(envelope))
    this.retention.note(offset, dueAtMs)
  }

  /**
   * Takes away the message at `target`, which waits ahead of the hand; the fact that says so has `factOffset` in `__delay`.
   * `recordBytes` is 0 where a fact of an earlier version does not say.
   */
  withdraw(target: Place, factOffset: number, topicId: number, recordBytes: number): void {
    const row = this.overflow.get(target)
    if (row !== undefined) this.overflow.remove(target)
    if (row !== undefined && comparePlaces(target, this.moved) > 0) {
      this.census.removeLater(topicId, recordBytesOf(row))
      return
    }
    if (comparePlaces(target, this.horizon) <= 0) this.ready.cancel(target.offset)
    this.slots.add(target.dueAtMs, factOffset, cancelledEnvelope(target, topicId))
    this.census.remove(target.dueAtMs, topicId, row === undefined ? recordBytes : recordBytesOf(row))
  }

  /** Copies a message into its slot that waited beyond the reach. */
  arrive(place: Place, envelope: Buffer): void {
    this.arrived++
    this.slots.add(place.dueAtMs, place.offset, envelope)
    this.census.arrive(place.dueAtMs, topicIdOf(envelope), recordBytesOf(envelope))
  }

  /** Takes messages that were read from slots, in the order of firing: all that they have up to `upTo`. */
  take(entries: readonly ReadyEntry[], upTo: Place): void {
    this.ready.append(entries)
    this.horizon = upTo
  }

  /** The entries of the next step, late ones first; the hand moves with the others. None when nothing is due. */
  takeDue(nowMs: number): readonly ReadyEntry[] {
    const isLate = this.#late.first !== undefined
    this.#step = isLate ? this.#late.take(STEP_ENTRIES_MAX, this.#stepBytesMax) : this.#takeReady(nowMs)
    return this.#step
  }

  #takeReady(nowMs: number): ReadyEntry[] {
    const entries: ReadyEntry[] = []
    for (let bytes = 0; entries.length < STEP_ENTRIES_MAX; ) {
      const entry = this.ready.peek()
      if (entry === undefined || entry.dueAtMs > nowMs) break
      if (entries.length > 0 && bytes + entry.envelope.length > this.#stepBytesMax) break
      this.ready.shift(entry)
      bytes += entry.envelope.length
      entries.push(entry)
    }
    const last = entries.at(-1)
    if (last !== undefined) this.hand = { dueAtMs: last.dueAtMs, offset: last.offset }
    return entries
  }

  /** What takeDue() answered is durably dispatched, as `mark` says. */
  stepDone(mark: Mark): void {
    for (const { dueAtMs, envelope } of this.#step) {
      this.census.remove(dueAtMs, topicIdOf(envelope), recordBytesOf(envelope))
    }
    this.#step = []
    this.mark = mark
  }

  /** Calls `each` for every message that waits in memory up to the horizon, or is leaving; in no order. */
  forEachSoon(each: (entry: ReadyEntry) => void): void {
    this.#late.forEach(each)
    for (const entry of this.#step) each(entry)
    this.ready.forEach(each)
  }

  standingOf(place: Place, nowMs: number): Standing {
    if (covers(this.mark, place)) return 'covered'
    if (comparePlaces(place, this.hand) > 0) return place.dueAtMs > this.doneMs(nowMs) ? 'waiting' : 'gone'
    const leaves = this.#late.has(place.offset) || this.#step.some(({ offset }) => offset === place.offset)
    return leaves ? 'leaving' : 'gone'
  }

  /** The C of a mark, or of a checkpoint, when `__delay` is consumed up to `consumed`: never beyond a late entry. */
  settledUpTo(consumed: number): number {
    return this.#late.first?.offset ?? consumed
  }

  /** Everything due up to here is dispatched or withdrawn, and nothing that arrives now changes that. */
  doneMs(nowMs: number): number {
    const readyMs = this.ready.peek()?.dueAtMs ?? Number.POSITIVE_INFINITY
    return Math.min(this.horizon.dueAtMs, nowMs, this.#late.leastDueAtMs, readyMs) - 1
  }

  /** Whether everything consumed that is due up to `timeMs`, where the hand's clock stands, is dispatched or withdrawn. */
  isDone(timeMs: number): boolean {
    if (this.#late.first !== undefined || this.#step.length > 0) return false
    if (comparePlaces(this.horizon, lastPlaceOf(timeMs)) < 0) return false
    return (this.ready.peek()?.dueAtMs ?? Number.POSITIVE_INFINITY) > timeMs
  }

  /**
   * Settles what a checkpoint will say, between two steps: everything in memory goes to the slots that are answered as
   * unwritten, to be written before the checkpoint is.
   */
  settle(
    bootId: string,
    consumed: number,
    nowMs: number,
  ): { checkpoint: Checkpoint; unwritten: Slot[]; doneMs: number } {
    this.ready.forEach((entry) => {
      if (entry.stored) return
      this.slots.add(entry.dueAtMs, entry.offset, entry.envelope)
      entry.stored = true
    })
    const unwritten = this.slots.sealAll()
    const checkpoint = {
      bootId,
      consumed: this.settledUpTo(consumed),
      moved: this.moved,
      overflowSequence: this.overflow.sequence,
      overflowCount: this.census.later,
      overflowLastDueAtMs: this.overflow.lastDueAtMs,
      slots: Array.from(this.slots.values(), ({ second, fileSize }) => {
        return { second, count: this.census.dueIn(second), fileSize }
      }),
      stretches: this.retention.stretches().map((stretch) => ({ ...stretch })),
      nowMs,
      census: this.census.encode(),
    }
    return { checkpoint, unwritten, doneMs: this.doneMs(nowMs) }
  }
}
