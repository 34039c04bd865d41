// Goes once through what lies in a slot's file, checks it, and answers it as sorted runs, to be merged.
//
//   - What fits into memory is put in order there, and is one run.
//   - A long stretch whose entries lie in order already, as a hot slot is written, is a run where it is.
//   - What lies between such stretches is put in order in memory, a piece at a time, and written beside the slot's file, as
//     further runs: `<epoch second>.sorted`, entries without a header, gone when the slot was read.
//
// Always true: all that is held at once stays inside the budget, beside the one entry that is larger than a block.
//
// After a crash: a start deletes what was sorted; the slot's file itself is never changed.

import { type Disk, type DiskFile, DwellError } from '../../storage/index.ts'
import { FiringOrder } from './firing-order.ts'
import { type Gathered, LooseEntries } from './loose-entries.ts'
import type { MemoryRun, Run } from './run-cursor.ts'
import {
  checkEntry,
  checkSlotHeader,
  damaged,
  dueAtMsAt,
  ENTRY_HEADER_SIZE,
  endAt,
  rankAt,
  readWhole,
  SLOT_HEADER_SIZE,
} from './slot-entry.ts'
import { StagedWriter } from './staged-writer.ts'

const KIB = 1024
const BLOCK_SIZE_MAX = 256 * KIB
const BLOCK_SIZE_MIN = 64
const STAGE_SIZE = 64 * KIB
/** A stretch at least this long is a run: a shorter one costs more to be read by itself than to be put in order. */
const LONG_SIZE_MAX = 32 * KIB

export interface SlotSurveyOptions {
  disk: Disk
  second: number
  /** Where goes what was sorted and is too much for memory. */
  sortedPath: string
  budgetBytes: number
}

/** Entries that lie in order, so far. */
interface Stretch {
  position: number
  isLong: boolean
  /** Its last entry. */
  dueAtMs: number
  rank: number
  /** What was loose when it began: of a long one nothing is. */
  before: Gathered
}

export class SlotSurvey {
  readonly #options: SlotSurveyOptions
  readonly #longSize: number
  #sortedFile: DiskFile | undefined
  #sortedSize = 0
  /** Memory held now. */
  heldBytes = 0

  constructor(options: SlotSurveyOptions) {
    this.#options = options
    this.#longSize = Math.min(LONG_SIZE_MAX, Math.floor(options.budgetBytes / 4))
  }

  /**
   * The runs between `from` and `to` in the slot's file; at most `keepBytes` of them in memory.
   * @throws SLOT_DAMAGED, ENTRY_DAMAGED
   */
  async runsIn(file: DiskFile, from: number, to: number, keepBytes: number): Promise<Run[]> {
    try {
      if (to - from <= keepBytes) return [await this.#inMemory(file, from, to)]
      return await this.#inFile(file, from, to, keepBytes)
    } finally {
      this.heldBytes = 0
    }
  }

  /** Lets go of what was written beside the slot's file. What cannot be removed is deleted by a start. */
  async close(): Promise<void> {
    const file = this.#sortedFile
    if (file === undefined) return
    this.#sortedFile = undefined
    await file.close().catch(() => {})
    await this.#options.disk.remove(this.#options.sortedPath).catch(() => {})
  }

  async #inMemory(file: DiskFile, from: number, to: number): Promise<MemoryRun> {
    const { second } = this.#options
    const bytes = Buffer.allocUnsafeSlow(to - from)
    this.heldBytes = bytes.length
    await readWhole(file, bytes, from, second)
    const order = new FiringOrder()
    let at = this.#headerAt(bytes, from)
    while (at < bytes.length) {
      const end = this.#wholeEnd(bytes, at, from)
      if (end === undefined) throw damaged(second, from + at, 'its last entry is not whole')
      checkEntry(bytes, at, end, second, from + at)
      order.add(dueAtMsAt(bytes, at), rankAt(bytes, at), at)
      at = end
    }
    return { bytes, order: order.sorted(), next: 0 }
  }

  async #inFile(file: DiskFile, from: number, to: number, keepBytes: number): Promise<Run[]> {
    const { second, budgetBytes } = this.#options
    const loose = new LooseEntries(Math.floor((budgetBytes * 3) / 4))
    const runs: Run[] = []
    const blockSize = Math.max(BLOCK_SIZE_MIN, Math.min(BLOCK_SIZE_MAX, Math.floor(budgetBytes / 8)))
    let block: Buffer = Buffer.allocUnsafeSlow(blockSize)
    let stretch: Stretch | undefined
    for (let position = from; position < to; ) {
      const bytes = block.subarray(0, Math.min(block.length, to - position))
      await readWhole(file, bytes, position, second)
      this.heldBytes = block.length + loose.heldBytes
      let at = this.#headerAt(bytes, position)
      for (
        let end = this.#wholeEnd(bytes, at, position);
        end !== undefined;
        end = this.#wholeEnd(bytes, at, position)
      ) {
        checkEntry(bytes, at, end, second, position + at)
        const dueAtMs = dueAtMsAt(bytes, at)
        const rank = rankAt(bytes, at)
        if (stretch === undefined || isBefore(dueAtMs, rank, stretch)) {
          if (stretch?.isLong) runs.push({ file, position: stretch.position, end: position + at })
          stretch = { position: position + at, isLong: false, dueAtMs, rank, before: loose.gathered }
        }
        stretch.dueAtMs = dueAtMs
        stretch.rank = rank
        if (!stretch.isLong && position + end - stretch.position >= this.#longSize) {
          stretch.isLong = true
          loose.backTo(stretch.before)
        }
        if (!stretch.isLong) {
          if (!loose.fits(end - at)) {
            runs.push(await this.#write(loose))
            stretch.position = position + at
            stretch.before = loose.gathered
          }
          loose.add(bytes, at, end - at, dueAtMs, rank)
        }
        at = end
      }
      if (at === 0) block = this.#larger(bytes, position, to)
      else if (block.length > blockSize) block = Buffer.allocUnsafeSlow(blockSize)
      position += at
    }
    if (stretch?.isLong) runs.push({ file, position: stretch.position, end: to })
    if (loose.size > 0) runs.push(loose.size <= keepBytes ? loose.toRun() : await this.#write(loose))
    return runs
  }

  /** Where the entries begin in what was read from `position` on. */
  #headerAt(bytes: Buffer, position: number): number {
    if (position > 0) return 0
    if (bytes.length < SLOT_HEADER_SIZE) throw damaged(this.#options.second, 0, 'it ends within its header')
    checkSlotHeader(bytes, this.#options.second)
    return SLOT_HEADER_SIZE
  }

  /** Where the entry at `at` ends; undefined when it is not all there. `position` is where in the file `bytes` begin. */
  #wholeEnd(bytes: Buffer, at: number, position: number): number | undefined {
    if (at + ENTRY_HEADER_SIZE > bytes.length) return undefined
    const end = endAt(bytes, at, this.#options.second, position + at)
    return end > bytes.length ? undefined : end
  }

  /** A block for the entry at `position`, which is larger than the one that it was looked for in. */
  #larger(bytes: Buffer, position: number, to: number): Buffer {
    const { second } = this.#options
    if (position + bytes.length === to) throw damaged(second, position, 'its last entry is not whole')
    return Buffer.allocUnsafeSlow(endAt(bytes, 0, second, position))
  }

  /** @throws SLOT_WRITE_FAILED */
  async #write(loose: LooseEntries): Promise<Run> {
    const { disk, sortedPath: path, second } = this.#options
    try {
      this.#sortedFile ??= await disk.open(path, 'write')
      const position = this.#sortedSize
      const stage = Buffer.allocUnsafeSlow(Math.min(STAGE_SIZE, loose.size))
      const writer = new StagedWriter(this.#sortedFile, position, stage)
      await loose.writeTo(writer, second)
      await writer.flush()
      this.#sortedSize = writer.position
      return { file: this.#sortedFile, position, end: writer.position }
    } catch (error) {
      const sentence = `${path}, where a slot is put in order, cannot be written: ${(error as Error).message}`
      throw new DwellError('SLOT_WRITE_FAILED', sentence, { path }, error)
    }
  }
}

function isBefore(dueAtMs: number, rank: number, last: Stretch): boolean {
  return dueAtMs < last.dueAtMs || (dueAtMs === last.dueAtMs && rank < last.rank)
}
