// Every message that waits, and where it waits. That follows from its place (dueAtMs, offset) alone:
//
//        … hand ──────────── horizon ─────── moved ─────── reach ────────────────→ due
//     late │  ready queue      │  slots: memory and files    │  overflow
//
// Always true:
//   1. hand ≤ horizon < moved ≤ reach, and each only moves forward. Everything up to the horizon is in memory; every
//      overflow row up to `moved` has been copied into a slot; what arrives with a due time below the reach goes to a slot.
//   2. An entry that arrives behind the hand is late. It is dispatched before the hand moves on, can no longer be cancelled,
//      and the mark's C stays below it until then.
//   3. A cancel that takes effect is remembered in overflow, and lies in the slot of its target too, so that a target read
//      from the slot's file is known to be cancelled.
//
// After a crash: derived, from the checkpoint and from `__delay` behind it.

import type { Checkpoint } from './checkpoint.ts'
import { DelayRetention } from './delay-retention.ts'
import { targetOf } from './entry.ts'
import { covers, type Mark } from './mark.ts'
import type { Overflow } from './overflow.ts'
import { comparePlaces, type Place } from './place.ts'
import { ReadyQueue } from './ready-queue.ts'
import type { Slot } from './slot.ts'
import { READY_ENTRY_OVERHEAD, type ReadyEntry } from './slot-reader.ts'
import type { Slots } from './slots.ts'

/** What one atomic dispatch holds at the most. */
const STEP_ENTRIES_MAX = 10_000
const STEP_BYTES_MAX = 4 * 1024 * 1024

export interface PendingOptions {
  slots: Slots
  overflow: Overflow
  /** The last mark, as it was at the start. */
  mark: Mark
  /** What was found of an earlier run; undefined when the slots are derived again. */
  checkpoint: Checkpoint | undefined
  /** Where `__delay` is read on. */
  consumed: number
  /** How far the wheel reaches. */
  reachSeconds: number
  /** Budget of the ready queue. */
  readBytes: number
  /** The most bytes that one atomic dispatch may have. */
  stepBytesMax: number
  nowMs: number
}

export class Pending {
  readonly slots: Slots
  readonly overflow: Overflow
  readonly retention: DelayRetention
  readonly ready = new ReadyQueue()
  readonly #late: ReadyEntry[] = []
  #lateBytes = 0
  /** The step that was taken last: under way, or covered by the mark. */
  #step: readonly ReadyEntry[] = []
  readonly #markAtStart: Mark
  readonly #deriving: boolean
  readonly #consumedAtStart: number
  readonly #movedAtCheckpoint: Place
  readonly #readBytes: number
  readonly #stepBytesMax: number
  hand: Place
  horizon: Place
  moved: Place
  reachMs: number
  /** Messages cancelled since the start. */
  cancelled = 0

  constructor({
    slots,
    overflow,
    mark,
    checkpoint,
    consumed,
    reachSeconds,
    readBytes,
    stepBytesMax,
    nowMs,
  }: PendingOptions) {
    this.slots = slots
    this.overflow = overflow
    this.retention = new DelayRetention(checkpoint?.stretches)
    this.#markAtStart = mark
    this.#deriving = checkpoint === undefined
    this.#consumedAtStart = consumed
    this.#readBytes = readBytes
    this.#stepBytesMax = Math.min(STEP_BYTES_MAX, stepBytesMax)
    this.hand = mark.hand
    this.horizon = mark.hand
    this.#movedAtCheckpoint = checkpoint?.moved ?? mark.hand
    this.moved = comparePlaces(this.#movedAtCheckpoint, mark.hand) < 0 ? mark.hand : this.#movedAtCheckpoint
    const handSecond = Math.floor((mark.hand.dueAtMs || nowMs) / 1000)
    this.reachMs = Math.max(this.moved.dueAtMs, (handSecond + reachSeconds) * 1000)
    for (const { second, count, fileSize } of checkpoint?.slots ?? []) {
      if (second >= Math.floor(mark.hand.dueAtMs / 1000)) slots.restore(second, count, fileSize)
    }
  }

  /** How many messages wait. */
  get count(): number {
    let inSlots = 0
    for (const { count } of this.slots.values()) inSlots += count
    return inSlots + this.ready.count + this.#late.length + this.overflow.count
  }

  /**
   * Whether a checkpoint can tell where each message waits from its place and its offset alone. Not while one is late: what
   * is consumed behind it would be consumed again, and be counted twice; nor while the reach is ahead of `moved`: between
   * them messages lie in slots or in overflow.
   */
  get canSettle(): boolean {
    return this.#late.length === 0 && this.moved.dueAtMs >= this.reachMs
  }

  /** The due time of the message that is dispatched next, as far as it is in memory. */
  get nextDueAtMs(): number {
    return this.#late[0]?.dueAtMs ?? this.ready.peek()?.dueAtMs ?? Number.POSITIVE_INFINITY
  }

  /** True when as much waits in memory as the budgets allow: dispatch and writing go first then. */
  get crowded(): boolean {
    const soonBytes = this.ready.bytes + this.#lateBytes
    return this.slots.crowded || this.overflow.crowded || soonBytes > 2 * this.#readBytes
  }

  /** Takes the message at `place` in. `catchingUp` while `__delay` is read again after a start. */
  add(place: Place, envelope: Buffer, catchingUp: boolean): void {
    if (covers(this.#markAtStart, place)) return
    const { dueAtMs, offset } = place
    if (comparePlaces(place, this.hand) <= 0) {
      this.#late.push({ dueAtMs, offset, envelope: Buffer.from(envelope), stored: false })
      this.#lateBytes += envelope.length + READY_ENTRY_OVERHEAD
    } else if (catchingUp && comparePlaces(place, this.moved) > 0 && this.overflow.get(place) !== undefined) {
      // Its row brings it. When deriving, all rows were counted at the start.
      if (!this.#deriving) this.overflow.count++
      return
    } else if (comparePlaces(place, this.horizon) <= 0) {
      this.ready.push({ dueAtMs, offset, envelope: Buffer.from(envelope), stored: false })
    } else if (dueAtMs < this.reachMs) {
      this.slots.add(dueAtMs, offset, envelope).count++
    } else {
      this.overflow.put(place, envelope)
      this.overflow.count++
      return
    }
    this.retention.note(offset, dueAtMs)
  }

  /**
   * Takes a cancel in; it takes effect unless its target is behind the hand or was cancelled before. `catchingUp` while
   * `__delay` is read again after a start: then what it cancels may be gone already.
   */
  cancel(offset: number, envelope: Buffer, catchingUp: boolean): void {
    const target = targetOf(envelope)
    if (comparePlaces(target, this.hand) <= 0) return
    const earlier = this.overflow.cancelOf(target)
    if (earlier !== undefined && earlier < offset) return
    this.overflow.rememberCancelled(target, offset)
    this.cancelled++
    const hasRow = this.overflow.get(target) !== undefined
    if (hasRow) this.overflow.remove(target)
    const isCopied = comparePlaces(target, this.moved) <= 0
    const hadRow = hasRow || (catchingUp && target.offset < this.#consumedAtStart)
    if (!isCopied && hadRow) {
      // A row that went before the crash is in the count of the checkpoint, not in one made anew.
      if (hasRow || !this.#deriving) this.overflow.count--
    } else if (comparePlaces(target, this.horizon) <= 0) this.ready.cancel(target.offset)
    if (target.dueAtMs >= this.reachMs) return
    const slot = this.slots.add(target.dueAtMs, offset, envelope)
    if ((isCopied || !hadRow) && comparePlaces(target, this.horizon) > 0) slot.count--
    this.retention.note(offset, target.dueAtMs)
  }

  /**
   * A cancel that took effect is consumed again after a start, its target behind the hand. If it removed the target's row,
   * that row is in the checkpoint's count, but was not among those that restore() took out of it.
   */
  cancelAgain(target: Place): void {
    if (this.#deriving || target.offset >= this.#consumedAtStart) return
    if (comparePlaces(target, this.#movedAtCheckpoint) <= 0 || this.overflow.get(target) !== undefined) return
    this.overflow.count--
  }

  /** The entries of the next step, late ones first; the hand moves with the others. None when nothing is due. */
  takeDue(nowMs: number): readonly ReadyEntry[] {
    this.#step = this.#late.length > 0 ? this.#takeLate() : this.#takeReady(nowMs)
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

  #takeLate(): ReadyEntry[] {
    let bytes = 0
    let count = 0
    while (count < this.#late.length && count < STEP_ENTRIES_MAX) {
      bytes += this.#late[count].envelope.length
      if (count > 0 && bytes > this.#stepBytesMax) break
      count++
    }
    const entries = this.#late.splice(0, count)
    for (const { envelope } of entries) this.#lateBytes -= envelope.length + READY_ENTRY_OVERHEAD
    return entries
  }

  /**
   * Whether a message still waits, or is being dispatched, that was consumed and that the mark does not cover; if it does not,
   * it was cancelled, though nobody may remember that any more.
   */
  holds(place: Place, nowMs: number): boolean {
    if (comparePlaces(place, this.hand) > 0) return place.dueAtMs > this.doneMs(nowMs)
    const isIt = ({ offset }: Place) => offset === place.offset
    return this.#late.some(isIt) || this.#step.some(isIt)
  }

  /** The C of a mark, or of a checkpoint, when `__delay` is consumed up to `consumed`: never beyond a late entry. */
  settledUpTo(consumed: number): number {
    return this.#late[0]?.offset ?? consumed
  }

  /** Everything due up to here is dispatched or cancelled, and nothing that arrives now changes that. */
  doneMs(nowMs: number): number {
    const lateMs = this.#late.reduce((least, { dueAtMs }) => Math.min(least, dueAtMs), Number.POSITIVE_INFINITY)
    const readyMs = this.ready.peek()?.dueAtMs ?? Number.POSITIVE_INFINITY
    return Math.min(this.horizon.dueAtMs, nowMs, lateMs, readyMs) - 1
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
    const readyCounts = new Map<number, number>()
    this.ready.forEach((entry) => {
      const second = Math.floor(entry.dueAtMs / 1000)
      readyCounts.set(second, (readyCounts.get(second) ?? 0) + 1)
      if (entry.stored) return
      this.slots.add(entry.dueAtMs, entry.offset, entry.envelope)
      entry.stored = true
    })
    const unwritten = this.slots.sealAll()
    const doneMs = this.doneMs(nowMs)
    const slots = Array.from(this.slots.values(), ({ second, count, fileSize }) => {
      return { second, count: Math.max(0, count) + (readyCounts.get(second) ?? 0), fileSize }
    }).filter(({ second }) => second >= Math.floor(doneMs / 1000))
    const checkpoint = {
      bootId,
      consumed: this.settledUpTo(consumed),
      moved: this.moved,
      overflowSequence: this.overflow.sequence,
      overflowCount: Math.max(0, this.overflow.count),
      overflowLastDueAtMs: this.overflow.lastDueAtMs,
      slots,
      stretches: this.retention.stretches().map((stretch) => ({ ...stretch })),
    }
    return { checkpoint, unwritten, doneMs }
  }
}
