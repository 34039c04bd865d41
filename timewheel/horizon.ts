// Moves the horizon: reads the slots that are due soon into the ready queue, a second ahead of the hand, one at a time and
// beside everything else. A slot whose file cannot be read is derived again from `__delay` and overflow.

import { join } from 'node:path'
import { type Disk, type Log, type LogEngine, readPage, valueOfRecordBody } from '../storage/index.ts'
import { CANCEL, DELAY_TOPIC, dueAtMsOf, kindOf } from './entry.ts'
import type { Pending } from './pending.ts'
import { comparePlaces, lastPlaceOf, type Place } from './place.ts'
import type { Slot } from './slot.ts'
import { collectUnwritten, forEachEntry, PieceCollector, readSlotFile } from './slot-reader.ts'
import { Window } from './window.ts'

const LEAD_MS = 1_000
const DERIVE_READ_BYTES = 1024 * 1024
const DERIVE_ROWS = 1_000

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
  /** Called after a slot was read. */
  onMoved: () => void
  onFailure: (error: unknown) => void
}

export class Horizon {
  readonly #options: HorizonOptions
  readonly #window: Window
  #windowSecond = 0
  #reading: Promise<void> | undefined
  /** Slots that had to be derived again. */
  derived = 0

  constructor(options: HorizonOptions) {
    this.#options = options
    this.#window = new Window(options.disk, options.windowSeconds)
  }

  get openHandles(): number {
    return this.#window.openCount
  }

  /** While a slot is being read, what it holds in memory must stay there. */
  get reading(): boolean {
    return this.#reading !== undefined
  }

  /** Goes on towards `nowMs` and a second ahead. Answers true when there is more to do at once. */
  extend(nowMs: number): boolean {
    const { pending, readBytes } = this.#options
    const movedSecond = Math.floor(pending.moved.dueAtMs / 1000)
    const targetMs = Math.min(nowMs + LEAD_MS, movedSecond * 1000 - 1)
    if (this.reading || pending.horizon.dueAtMs >= targetMs || pending.ready.bytes > readBytes) return false
    const isEnd = comparePlaces(pending.horizon, lastPlaceOf(pending.horizon.dueAtMs)) === 0
    const from = Math.floor((pending.horizon.dueAtMs + (isEnd ? 1 : 0)) / 1000)
    const second = pending.slots.nextSecond(from, Math.floor(targetMs / 1000))
    if (second === undefined) {
      pending.horizon = lastPlaceOf(targetMs)
      return false
    }
    // No slot lies before it: what arrives while it is being read and is due earlier belongs behind the horizon already.
    if (second > from) pending.horizon = lastPlaceOf(second * 1000 - 1)
    this.#begin(pending.slots.get(second) as Slot)
    return true
  }

  /** Slides the window of read handles along. */
  async slide(): Promise<void> {
    const { pending, slotsDirectory } = this.#options
    const second = Math.floor(pending.horizon.dueAtMs / 1000)
    if (second === this.#windowSecond) return
    this.#windowSecond = second
    await this.#window.slide(second, (ahead) => {
      const slot = pending.slots.get(ahead)
      return slot?.inFile && !slot.writing ? join(slotsDirectory, slot.name) : undefined
    })
  }

  async close(): Promise<void> {
    await this.#reading
    await this.#window.close()
  }

  #begin(slot: Slot): void {
    const { pending, readBytes, onMoved, onFailure } = this.#options
    const collector = new PieceCollector(pending.horizon, readBytes)
    if (!slot.inFile) {
      this.#take(slot, collector)
      return
    }
    pending.slots.reading = slot
    this.#reading = this.#read(slot, collector)
      .then((whole) => {
        if (whole) this.#take(slot, collector)
      })
      .catch(onFailure)
      .finally(() => {
        pending.slots.reading = undefined
        this.#reading = undefined
        onMoved()
      })
  }

  /** Answers false when the slot had to be derived again instead. */
  async #read(slot: Slot, collector: PieceCollector): Promise<boolean> {
    const { disk, slotsDirectory, pending } = this.#options
    try {
      // A checkpoint may have settled what its file holds and not have come to writing it.
      if (slot.writing) await pending.slots.write([slot], false)
      await slot.written()
      const held = this.#window.handle(slot.second)
      const file = held ?? (await disk.open(join(slotsDirectory, slot.name), 'read'))
      try {
        await readSlotFile(file, slot.second, slot.fileSize, collector)
      } finally {
        if (file !== held) await file.close()
      }
      return true
    } catch (error) {
      await this.#derive(slot, error)
      return false
    }
  }

  /** Moves what the collector found, and what the slot holds in memory, into the ready queue, and the horizon with it. */
  #take(slot: Slot, collector: PieceCollector): void {
    const { pending } = this.#options
    const chunks = pending.slots.takeUnsealed(slot)
    collectUnwritten(chunks, slot.second, collector)
    const { entries, upTo } = collector.finish()
    pending.ready.append(entries)
    pending.horizon = upTo ?? lastPlaceOf(slot.second * 1000 + 999)
    slot.count = upTo === undefined ? 0 : slot.count - entries.length
    // Cancels go back, for their targets may lie in the file; messages behind the horizon as well.
    for (const { bytes, used } of chunks) {
      forEachEntry(bytes.subarray(0, used), 0, slot.second, (dueAtMs, offset, envelope) => {
        const staysBehind = upTo !== undefined && comparePlaces({ dueAtMs, offset }, upTo) > 0
        if (staysBehind || kindOf(envelope) === CANCEL) pending.slots.add(dueAtMs, offset, envelope)
      })
    }
    pending.slots.release(slot, chunks)
  }

  async #derive(slot: Slot, error: unknown): Promise<void> {
    const { engine, log, pending, consumed } = this.#options
    const { second } = slot
    log.error({ second, error: (error as Error).message }, 'A slot file cannot be read: the slot is derived again.')
    this.derived++
    // What lies behind comes by itself.
    const until = consumed()
    pending.slots.startAnew(slot)
    for (let at = 0; at < until; ) {
      // A checkpoint under way may let go of more meanwhile, of nothing that is needed here.
      at = Math.max(at, engine.offsets(DELAY_TOPIC, 0).logStartOffset)
      const { records, nextOffset } = readPage(await engine.read(DELAY_TOPIC, 0, at, DERIVE_READ_BYTES), at)
      for (const { offset, body } of records) {
        const envelope = valueOfRecordBody(body) as Buffer
        const dueAtMs = dueAtMsOf(envelope)
        if (offset < until && Math.floor(dueAtMs / 1000) === second) pending.slots.add(dueAtMs, offset, envelope)
      }
      at = nextOffset
    }
    await pending.overflow.flush()
    for (let after: Place = { dueAtMs: second * 1000, offset: -1 }; ; ) {
      const rows = await pending.overflow.rows(after, (second + 1) * 1000, DERIVE_ROWS)
      for (const row of rows) pending.slots.add(row.dueAtMs, row.offset, row.envelope)
      if (rows.length < DERIVE_ROWS) return
      after = rows[rows.length - 1]
    }
  }
}
