// Moves the horizon: reads the slots that are due soon into the ready queue, a second ahead of the hand, piece by piece. A
// large slot is surveyed earlier, so that it can be taken when its second comes; one whose file cannot be read is derived again.
//
// Always true:
//   1. extend() takes pieces, in the loop of the wheel; surveys and reads go on beside everything else. So a slot may be added
//      to, written and settled by a checkpoint at any time, but not settled while it is being derived: half of it is missing.
//   2. The ready queue, the pieces and what readers hold share the budget for reading.
//   3. A slot is derived only when its file is at fault, and once: it would not be right the second time either. Any other
//      error is the end of the wheel.

import type { Disk, DwellError, Log, LogEngine } from '../storage/index.ts'
import { deriveSlot } from './derivation.ts'
import { comparePlaces, lastPlaceOf } from './entry/place.ts'
import type { Pending } from './pending.ts'
import type { Slot } from './slot/slot.ts'
import { slotPath } from './slot/slot-files.ts'
import { SlotReader } from './slot/slot-reader.ts'
import { Window } from './slot/window.ts'

const LEAD_MS = 1_000
/** How fast a slot is surveyed at the least, beside everything else. */
const SURVEY_BYTES_PER_MS = 50_000
const LOOK_AHEAD_SECONDS = 60
/** Beyond this share of the budget for reading, the ready queue takes no more pieces. */
const READY_SHARE = 1 / 4
/** A slot beyond this share of it is large. */
const LARGE_SHARE = 1 / 8
/** After downtime many seconds are overdue, each with a little: so many are taken before what is ready is dispatched. */
const PIECES_AT_ONCE = 256
/** So far behind it is after downtime, and a slot that large is read within a moment. */
const OVERDUE_MS = 10_000
const SMALL_BYTES = 64 * 1024

/** What says that a slot's file is damaged or gone, or cannot be read where it lies. */
const FILE_AT_FAULT = new Set(['SLOT_DAMAGED', 'ENTRY_DAMAGED', 'ENOENT', 'EIO', 'EBADMSG', 'EUCLEAN', 'ESTALE'])

export interface HorizonOptions {
  engine: LogEngine
  disk: Disk
  log: Log
  slotsDirectory: string
  windowSeconds: number
  readBytes: number
  pending: Pending
  /** Up to where `__delay` is consumed. */
  consumed: () => number
  /** Called when extend() can go on. */
  onMoved: () => void
  onFailure: (error: unknown) => void
}

export class Horizon {
  readonly #options: HorizonOptions
  readonly #window: Window
  #windowSecond = 0
  /** Of the slot at the horizon, until it is taken to its end. */
  #reader: SlotReader | undefined
  #preparing: Promise<void> | undefined
  /** Of the next large slot, being surveyed or surveyed already. */
  #ahead: SlotReader | undefined
  #surveying: Promise<void> | undefined
  #lookedAtSecond = 0
  /** Seconds whose slots are being derived. */
  readonly #deriving = new Set<number>()
  /** Seconds whose slots were derived, from the horizon on. */
  readonly #derivedSeconds = new Set<number>()
  #closing: Promise<void> = Promise.resolve()
  /** Slots that had to be derived again. */
  derived = 0

  constructor(options: HorizonOptions) {
    this.#options = options
    this.#window = new Window(options.disk, options.windowSeconds)
  }

  get openHandles(): number {
    return this.#window.openCount
  }

  /** While a slot is being derived, no checkpoint may settle what it holds. */
  get deriving(): boolean {
    return this.#deriving.size > 0
  }

  isDeriving(second: number): boolean {
    return this.#deriving.has(second)
  }

  /** Memory that readers hold. */
  get heldBytes(): number {
    return (this.#reader?.heldBytes ?? 0) + (this.#ahead?.heldBytes ?? 0)
  }

  /** Goes on towards `nowMs` and a second ahead. Answers true when there is more to do at once. */
  extend(nowMs: number): boolean {
    const { pending, readBytes } = this.#options
    this.#lookAhead(nowMs)
    for (let pieces = 0; pieces < PIECES_AT_ONCE; pieces++) {
      if (this.#preparing !== undefined || pending.ready.bytes > readBytes * READY_SHARE) return false
      this.#reader ??= this.#nextReader(nowMs)
      if (this.#reader === undefined) return false
      if (!this.#reader.isPrepared) this.#prepare(this.#reader)
      else this.#take(this.#reader)
    }
    return true
  }

  /** Whether much is overdue, and a small slot of it is being read: what is ready need not go without it. */
  gathers(nowMs: number): boolean {
    const isRead = this.#preparing !== undefined && this.#options.pending.horizon.dueAtMs < nowMs - OVERDUE_MS
    return isRead && (this.#reader?.slot.fileSize ?? 0) <= SMALL_BYTES
  }

  /** Slides the window of read handles along. */
  slide(): void {
    const { pending, slotsDirectory } = this.#options
    const second = Math.floor(pending.horizon.dueAtMs / 1000)
    if (second === this.#windowSecond) return
    this.#windowSecond = second
    this.#window.slide(second, (ahead) => {
      const slot = pending.slots.get(ahead)
      return slot?.inFile && !slot.writing ? slotPath(slotsDirectory, slot.second) : undefined
    })
  }

  async close(): Promise<void> {
    await Promise.all([this.#preparing, this.#surveying])
    await Promise.all([this.#reader?.close(), this.#ahead?.close()])
    await this.#closing
    await this.#window.close()
  }

  /** The next slot up to a second ahead; the horizon moves up to it, for nothing lies before it. */
  #nextReader(nowMs: number): SlotReader | undefined {
    const { pending } = this.#options
    const movedSecond = Math.floor(pending.moved.dueAtMs / 1000)
    const targetMs = Math.min(nowMs + LEAD_MS, movedSecond * 1000 - 1)
    const { dueAtMs } = pending.horizon
    if (dueAtMs >= targetMs) return undefined
    const isEnd = comparePlaces(pending.horizon, lastPlaceOf(dueAtMs)) === 0
    const from = Math.floor((dueAtMs + (isEnd ? 1 : 0)) / 1000)
    const second = pending.slots.nextSecond(from, Math.floor(targetMs / 1000))
    if (second === undefined) {
      pending.horizon = lastPlaceOf(targetMs)
      return undefined
    }
    if (second > from) pending.horizon = lastPlaceOf(second * 1000 - 1)
    // Half of it is missing.
    if (this.#deriving.has(second)) return undefined
    const slot = pending.slots.get(second) as Slot
    const ahead = this.#ahead
    if (ahead?.slot !== slot) return this.#readerOf(slot)
    this.#ahead = undefined
    return ahead
  }

  #readerOf(slot: Slot): SlotReader {
    const { disk, slotsDirectory, readBytes, pending } = this.#options
    const open = async () => this.#window.take(slot.second) ?? disk.open(slotPath(slotsDirectory, slot.second), 'read')
    return new SlotReader(slot, { disk, slotsDirectory, readBytes, slots: pending.slots, open })
  }

  /** Makes the next piece ready; or derives the slot, when `damage` was found while one was taken. */
  #prepare(reader: SlotReader, damage?: unknown): void {
    const { onMoved, onFailure } = this.#options
    const preparing = damage === undefined ? reader.prepare() : Promise.reject(damage)
    this.#preparing = preparing
      .catch((error) => this.#derive(reader, error))
      .catch(onFailure)
      .finally(() => {
        this.#preparing = undefined
        onMoved()
      })
  }

  #take(reader: SlotReader): void {
    const { pending } = this.#options
    try {
      const { entries, upTo } = reader.take(pending.horizon)
      pending.take(entries, upTo)
      if (comparePlaces(upTo, reader.slot.lastPlace) >= 0) this.#letGo(reader)
    } catch (error) {
      this.#prepare(reader, error)
    }
  }

  /** Begins to survey the next large slot, early enough for its size. */
  #lookAhead(nowMs: number): void {
    const { pending, readBytes } = this.#options
    const nowSecond = Math.floor(nowMs / 1000)
    if (nowSecond === this.#lookedAtSecond || this.#ahead !== undefined) return
    this.#lookedAtSecond = nowSecond
    for (let second = nowSecond; second <= nowSecond + LOOK_AHEAD_SECONDS; second++) {
      const slot = pending.slots.get(second)
      if (slot === undefined || slot === this.#reader?.slot || this.#deriving.has(second)) continue
      if (second * 1000 <= pending.horizon.dueAtMs) continue
      const isLarge = slot.fileSize - slot.from > readBytes * LARGE_SHARE
      if (isLarge && second * 1000 - slot.fileSize / SURVEY_BYTES_PER_MS < nowMs + LEAD_MS) {
        this.#survey(this.#readerOf(slot))
        return
      }
    }
  }

  #survey(reader: SlotReader): void {
    this.#ahead = reader
    this.#surveying = reader
      .survey()
      .catch((error) => {
        if (this.#ahead === reader) this.#ahead = undefined
        return this.#derive(reader, error)
      })
      .catch(this.#options.onFailure)
      .finally(this.#options.onMoved)
  }

  /** The slot of `reader` is filled anew, to be read by another. */
  async #derive(reader: SlotReader, error: unknown): Promise<void> {
    const { engine, log, pending, consumed, onFailure } = this.#options
    const { slot } = reader
    const { second } = slot
    // A survey and a read that waited for it fail together.
    if (this.#deriving.has(second)) return
    this.#letGo(reader)
    if (pending.slots.get(second) !== slot) return
    for (const past of this.#derivedSeconds)
      if (past * 1000 + 999 < pending.horizon.dueAtMs) this.#derivedSeconds.delete(past)
    if (!FILE_AT_FAULT.has((error as DwellError).code) || this.#derivedSeconds.has(second)) throw error
    this.#derivedSeconds.add(second)
    // With its own code: a file that cannot be read where it lies, as on a network, need not be damaged.
    const { code, message } = error as DwellError
    log.error({ code, second, error: message }, 'A slot file cannot be read: the slot is derived again.')
    this.derived++
    this.#deriving.add(second)
    try {
      // The next reader may write where this one removes what it had sorted.
      await this.#closing
      await deriveSlot(slot, { engine, pending, consumed })
    } catch (failure) {
      // Before the slot counts as derived: half of it is missing, which no checkpoint may settle.
      onFailure(failure)
    } finally {
      this.#deriving.delete(second)
    }
  }

  #letGo(reader: SlotReader): void {
    if (this.#reader === reader) this.#reader = undefined
    this.#closing = Promise.all([this.#closing, reader.close()]).then(
      () => {},
      () => {},
    )
  }
}
