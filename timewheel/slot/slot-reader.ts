// Reads a slot in pieces, in the order of firing, however large it is and in whatever order it lies in its file: an external
// merge sort. A survey goes through the file once and answers sorted runs, the merge of which is the slot in order.
//
// Always true:
//   1. Each piece is taken at one moment: what lies in the file up to its last byte, and what the slot holds in memory then.
//      The slot may be added to and be written to its file all the while; what the file grew by is surveyed first.
//   2. A withdrawal takes its target away wherever either of them lies, and stays in the slot itself.
//   3. Memory held stays inside the budget, of which the parts are below, whatever the size of the slot; beside one entry
//      that is larger than they are.
//   4. Damage ends the reading (SLOT_DAMAGED): what was taken up to there is right, nothing behind it was taken.

import type { Disk, DiskFile } from '../../storage/index.ts'
import { comparePlaces, type Place } from '../entry/place.ts'
import type { Run, RunCursor } from './run-cursor.ts'
import { RunMerge } from './run-merge.ts'
import type { Chunk, Slot } from './slot.ts'
import { dueAtMsAt, ENTRY_HEADER_SIZE, endAt, isMessageRank, offsetOf, ownOffsetAt, rankAt } from './slot-entry.ts'
import { sortedPath } from './slot-files.ts'
import { SlotSurvey } from './slot-survey.ts'
import type { Slots } from './slots.ts'

/** A message on its way to the hand. */
export interface ReadyEntry extends Place {
  envelope: Buffer
  /** Lies in the slot's file already, so a checkpoint need not write it. */
  stored: boolean
}

export interface SlotPiece {
  /** In the order of firing; doubles and withdrawn messages are left out. */
  entries: ReadyEntry[]
  /** The place up to which nothing is missing. */
  upTo: Place
}

/** What an entry costs in memory beside its bytes. */
export const READY_ENTRY_OVERHEAD = 200
// Shares of the budget for reading. Two surveys may be under way, that of the slot being read and that of the next large one.
const BLOCKS_SHARE = 1 / 4
const SURVEY_SHARE = 1 / 8
const KEPT_SHARE = 1 / 8
const PIECE_SHARE = 1 / 8
/** As much as a slot without a file may hold in memory, to be taken as one piece. */
const UNWRITTEN_SHARE = 1 / 4
const PAGE_SIZE = 64 * 1024

export interface SlotReaderOptions {
  disk: Disk
  slots: Slots
  slotsDirectory: string
  /** Budget for reading slots. */
  readBytes: number
  /** Opens the slot's file; close() closes it. */
  open: (slot: Slot) => Promise<DiskFile>
}

export class SlotReader {
  readonly slot: Slot
  readonly #options: SlotReaderOptions
  readonly #survey: SlotSurvey
  #merge: RunMerge
  /** Up to where the file was surveyed. */
  #surveyed: number
  #file: DiskFile | undefined
  #surveying: Promise<void> | undefined
  #page = Buffer.alloc(0)
  #pageUsed = 0

  constructor(slot: Slot, options: SlotReaderOptions) {
    const { disk, slotsDirectory, readBytes } = options
    this.slot = slot
    this.#options = options
    this.#surveyed = slot.from
    this.#survey = new SlotSurvey({
      disk,
      second: slot.second,
      sortedPath: sortedPath(slotsDirectory, slot.second),
      budgetBytes: readBytes * SURVEY_SHARE,
    })
    this.#merge = this.#mergeOf([])
  }

  /** Memory held beside what was taken. */
  get heldBytes(): number {
    return this.#survey.heldBytes + this.#merge.heldBytes
  }

  /** True when take() may be called. */
  get isPrepared(): boolean {
    return this.#surveyed === this.slot.fileSize && this.#merge.isFilled && !this.#holdsTooMuch
  }

  /**
   * Surveys what was added to the slot's file: all of it, the first time.
   * @throws SLOT_DAMAGED, ENTRY_DAMAGED
   */
  async survey(): Promise<void> {
    this.#surveying ??= this.#surveyGrowth().finally(() => {
      this.#surveying = undefined
    })
    await this.#surveying
  }

  /**
   * Makes the next piece ready to be taken, unless the slot is added to meanwhile: see isPrepared.
   * @throws SLOT_DAMAGED, ENTRY_DAMAGED
   */
  async prepare(): Promise<void> {
    if (this.#holdsTooMuch) await this.#options.slots.write([this.slot], true)
    await this.survey()
    await this.#merge.fill()
  }

  /** Takes the next piece behind `after`, at one go. */
  take(after: Place): SlotPiece {
    const piece = this.#takeFromRuns(after)
    const chunks = this.slot.takeUnsealed()
    return chunks.length > 0 ? this.#takeFromMemory(chunks, after, piece) : piece
  }

  async close(): Promise<void> {
    await this.#surveying?.catch(() => {})
    // Nothing was written through it, so that nothing is lost when closing fails.
    await this.#file?.close().catch(() => {})
    await this.#survey.close()
  }

  get #holdsTooMuch(): boolean {
    const { slot } = this
    const share = slot.inFile ? KEPT_SHARE : UNWRITTEN_SHARE
    return slot.unsealedBytes > this.#options.readBytes * share
  }

  #mergeOf(runs: readonly Run[]): RunMerge {
    return new RunMerge(runs, this.slot.second, this.#options.readBytes * BLOCKS_SHARE)
  }

  async #surveyGrowth(): Promise<void> {
    const { slot } = this
    const { open, slots, readBytes } = this.#options
    while (this.#surveyed < slot.fileSize) {
      // A checkpoint may have settled what the file holds and not have come to writing it.
      if (slot.writing) await slots.write([slot], false)
      await slot.written()
      if (slot.writing) continue
      const to = slot.fileSize
      this.#file ??= await open(slot)
      const keepBytes = readBytes * KEPT_SHARE - this.#merge.memoryBytes
      const runs = await this.#survey.runsIn(this.#file, this.#surveyed, to, keepBytes)
      // What was read ahead is read again: the budget is shared by more runs now.
      this.#merge = this.#mergeOf([...this.#merge.rest(), ...runs])
      this.#surveyed = to
    }
  }

  #takeFromRuns(after: Place): SlotPiece {
    const pieceBytes = this.#options.readBytes * PIECE_SHARE
    const entries: ReadyEntry[] = []
    let upTo = after
    for (let bytes = 0, run = this.#merge.head; run !== undefined && bytes < pieceBytes; run = this.#merge.head) {
      const { dueAtMs, rank } = run
      const offset = offsetOf(rank)
      // What comes again, or comes behind its withdrawal, has the same place.
      if (dueAtMs > upTo.dueAtMs || (dueAtMs === upTo.dueAtMs && offset > upTo.offset)) {
        upTo = { dueAtMs, offset }
        if (isMessageRank(rank)) {
          const envelope = run.isInMemory ? run.envelope : this.#kept(run)
          entries.push({ dueAtMs, offset, envelope, stored: true })
          bytes += envelope.length + READY_ENTRY_OVERHEAD
        }
      }
      this.#merge.shift()
    }
    if (this.#merge.isAtEnd) upTo = this.slot.lastPlace
    return { entries, upTo }
  }

  /** Adds to `piece` what the slot holds in memory of it, and gives the rest back. */
  #takeFromMemory(chunks: readonly Chunk[], after: Place, piece: SlotPiece): SlotPiece {
    const { slots } = this.#options
    const { entries, upTo } = piece
    const withdrawn = new Set<number>()
    for (const { bytes, used } of chunks) {
      for (let at = 0; at < used; ) {
        const end = endAt(bytes, at, this.slot.second, at)
        const envelope = bytes.subarray(at + ENTRY_HEADER_SIZE, end)
        const rank = rankAt(bytes, at)
        const place = { dueAtMs: dueAtMsAt(bytes, at), offset: offsetOf(rank) }
        const isTaken = comparePlaces(place, after) > 0 && comparePlaces(place, upTo) <= 0
        if (!isMessageRank(rank)) {
          if (isTaken) withdrawn.add(place.offset)
          slots.add(place.dueAtMs, ownOffsetAt(bytes, at), envelope)
        } else if (isTaken) entries.push({ ...place, envelope: Buffer.from(envelope), stored: false })
        else if (comparePlaces(place, upTo) > 0) slots.add(place.dueAtMs, place.offset, envelope)
        at = end
      }
    }
    slots.release(this.slot, chunks)
    entries.sort(comparePlaces)
    const left = entries.filter(({ offset }, i) => !withdrawn.has(offset) && entries[i - 1]?.offset !== offset)
    return { entries: left, upTo }
  }

  /** A copy, together with its neighbours: a view would keep a whole block in memory. */
  #kept(run: RunCursor): Buffer {
    const size = run.envelopeSize
    if (this.#pageUsed + size > this.#page.length) {
      this.#page = Buffer.allocUnsafeSlow(Math.max(PAGE_SIZE, size))
      this.#pageUsed = 0
    }
    const at = this.#pageUsed
    run.copyEnvelope(this.#page, at)
    this.#pageUsed += size
    return this.#page.subarray(at, this.#pageUsed)
  }
}
