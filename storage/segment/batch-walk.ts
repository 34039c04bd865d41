// Walks over the batches of a segment, in order, and over damage to the next batch that can be trusted.
//
// Always true:
//   1. A batch is passed by its header alone while offsets go on as they must. Where they do not, the batch before is
//      looked at too: a damaged length or last offset shows only in what follows.
//   2. Behind damage goes on what has a good checksum and agrees with its neighbour. (The base offset is not under the
//      checksum; a number that nothing confirms is not believed.)
//   3. `missing` says which offsets cannot be read before the current batch: from the end of the last good one to the
//      base of the next good one, never what a damaged header says.
//
// A gap between batches is damage, but where `mayHaveGaps` says that records were compacted away: there a gap around the
// offset that is sought is believed only when the batch before it is whole.

import {
  BATCH_HEADER_SIZE,
  baseOffsetAt,
  damageOfBatchAt,
  lastOffsetAt,
  MAGIC,
  MAGIC_AT,
  maxTimestampAt,
  sizeOfBatchAt,
} from '../batch/record-batch.ts'
import type { FileWindow } from './file-window.ts'
import type { OffsetEntry } from './offset-index.ts'

const SEARCH_BYTES = 64 * 1024
/** Checksums of so many bytes are made in one search: contents that look like batches must not take for ever. */
const CHECKED_BYTES_MAX = 64 * 1024 * 1024

/** What is known of a segment from outside. */
export interface Extent {
  size: number
  baseOffset: number
  /** The offset behind its last batch; infinite when that is not known. */
  endOffset: number
  mayHaveGaps: boolean
}

/** Offsets that cannot be read. */
export interface Missing {
  offset: number
  lastOffset: number
  why: string
}

interface Passed {
  position: number
  baseOffset: number
}

export class BatchWalk {
  readonly #window: FileWindow
  readonly #extent: Extent
  readonly #sought: number
  /** Where to begin; it has to be proved right by the first batch. */
  #entry: OffsetEntry | undefined
  /** The offset at which the next batch has to begin, or after which where there are gaps. */
  #expected: number
  /** The same, of the current batch. */
  #expectedBefore = 0
  /** The batch before, and its checksum is not known. */
  #before: Passed | undefined
  /** Where the current batch begins. */
  position = 0
  size = 0
  baseOffset = -1
  lastOffset = -1
  maxTimestampMs = -1
  missing: Missing | undefined

  /** Walks from `entry`, or from the beginning, looking for `sought` (-1: for nothing). */
  constructor(window: FileWindow, extent: Extent, sought = -1, entry?: OffsetEntry) {
    this.#window = window
    this.#extent = extent
    this.#sought = sought
    this.#entry = entry
    this.#expected = extent.baseOffset
  }

  /** Goes to the next batch, over what is damaged; false at the end. */
  async next(): Promise<boolean> {
    this.missing = undefined
    if (this.#entry !== undefined && (await this.#begin(this.#entry))) return true
    if (this.size > 0) this.#before = { position: this.position, baseOffset: this.baseOffset }
    const position = this.position + this.size
    if (position >= this.#extent.size) return this.#end()
    const header = await this.#window.at(position, BATCH_HEADER_SIZE)
    const why = this.#wrongWith(header, 0, position, this.#expected) ?? (await this.#gapBefore(header))
    if (why !== undefined) return this.#search(position, why)
    this.#take(header, position)
    return true
  }

  /**
   * Whether the current batch does not follow the one before directly. Of two batches that overlap it is the wrong one then:
   * nothing confirms its base offset, which is not under the checksum.
   */
  get followsGap(): boolean {
    return this.baseOffset > this.#expectedBefore
  }

  /** The current batch turned out to be damaged: goes on behind it. */
  async passOver(why: string): Promise<boolean> {
    const hint = { position: this.position + this.size, baseOffset: this.lastOffset + 1 }
    this.#before = undefined
    return this.#goOn(this.position + 1, this.#expectedBefore, why, hint)
  }

  async #begin({ position, lastOffset }: OffsetEntry): Promise<boolean> {
    this.#entry = undefined
    const header = await this.#window.at(position, BATCH_HEADER_SIZE)
    const wrong = this.#wrongWith(header, 0, position, this.#extent.baseOffset)
    if (wrong !== undefined || lastOffsetAt(header, 0) !== lastOffset) return false
    this.#expected = baseOffsetAt(header, 0)
    this.#take(header, position)
    return true
  }

  #take(header: Buffer, position: number): void {
    this.#expectedBefore = this.#expected
    this.position = position
    this.size = sizeOfBatchAt(header, 0)
    this.baseOffset = baseOffsetAt(header, 0)
    this.lastOffset = lastOffsetAt(header, 0)
    this.maxTimestampMs = maxTimestampAt(header, 0)
    this.#expected = this.lastOffset + 1
  }

  /** What cannot be right in the header at `at`, whatever its checksum says. */
  #wrongWith(bytes: Buffer, at: number, position: number, expected: number): string | undefined {
    if (at + BATCH_HEADER_SIZE > bytes.length) return 'the file ends within it'
    const size = sizeOfBatchAt(bytes, at)
    if (size < BATCH_HEADER_SIZE) return `its size ${size} is below that of a header`
    if (size > this.#extent.size - position) return 'it ends behind the segment'
    if (bytes[at + MAGIC_AT] !== MAGIC) return `its magic is ${bytes[at + MAGIC_AT]}, not ${MAGIC}`
    const baseOffset = baseOffsetAt(bytes, at)
    const lastOffset = lastOffsetAt(bytes, at)
    if (!(baseOffset >= expected && lastOffset >= baseOffset && lastOffset < this.#extent.endOffset)) {
      return `its offsets ${baseOffset} to ${lastOffset} cannot be here`
    }
    return undefined
  }

  async #gapBefore(header: Buffer): Promise<string | undefined> {
    const baseOffset = baseOffsetAt(header, 0)
    if (baseOffset === this.#expected) return undefined
    const why = `offsets ${this.#expected} to ${baseOffset - 1} are not there`
    if (!this.#extent.mayHaveGaps) return why
    if (this.#sought < this.#expected || this.#sought >= baseOffset || this.#before === undefined) return undefined
    return (await this.#damageAt(this.#before.position)) === undefined ? undefined : why
  }

  async #end(): Promise<boolean> {
    const { size, endOffset } = this.#extent
    if (this.#expected === endOffset || endOffset === Number.POSITIVE_INFINITY) {
      this.position = size
      this.size = 0
      return false
    }
    return this.#search(size, 'the segment ends before its last offset')
  }

  /** Something is wrong at `position`, or with the batch before. */
  async #search(position: number, why: string): Promise<boolean> {
    const before = this.#before
    this.#before = undefined
    if (before === undefined) return this.#goOn(position, this.#expected, why)
    const damage = await this.#damageAt(before.position)
    if (damage !== undefined) return this.#goOn(before.position + 1, this.#expectedBefore, damage)
    const beforeIsWrong = this.followsGap && (await this.#isTrustedFrom(position, this.#expectedBefore))
    return this.#goOn(position, beforeIsWrong ? this.#expectedBefore : this.#expected, why)
  }

  async #goOn(position: number, offset: number, why: string, hint?: Passed): Promise<boolean> {
    const found = await this.#nextTrusted(position, offset, hint)
    if (found === undefined) {
      const { size, endOffset } = this.#extent
      this.missing = { offset, lastOffset: endOffset - 1, why }
      this.position = size
      this.size = 0
      this.#expected = endOffset
      return false
    }
    this.#take(await this.#window.at(found, BATCH_HEADER_SIZE), found)
    if (this.baseOffset > offset) this.missing = { offset, lastOffset: this.baseOffset - 1, why }
    return true
  }

  /** The first position from `from` on where a batch begins that can be trusted. */
  async #nextTrusted(from: number, offset: number, hint: Passed | undefined): Promise<number | undefined> {
    let checkedBytes = 0
    for (let at = from; at + BATCH_HEADER_SIZE <= this.#extent.size; ) {
      const piece = await this.#window.at(at, SEARCH_BYTES)
      let i = 0
      for (; i + BATCH_HEADER_SIZE <= piece.length; i++) {
        if (piece[i] !== 0 || piece[i + MAGIC_AT] !== MAGIC) continue
        if (this.#wrongWith(piece, i, at + i, offset) !== undefined) continue
        checkedBytes += sizeOfBatchAt(piece, i)
        if (checkedBytes > CHECKED_BYTES_MAX) return undefined
        if (await this.#isTrusted(at + i, hint)) return at + i
      }
      if (i === 0) return undefined
      at += i
    }
    return undefined
  }

  async #isTrustedFrom(position: number, offset: number): Promise<boolean> {
    const header = await this.#window.at(position, BATCH_HEADER_SIZE)
    return this.#wrongWith(header, 0, position, offset) === undefined && this.#isTrusted(position, undefined)
  }

  async #isTrusted(position: number, hint: Passed | undefined): Promise<boolean> {
    if ((await this.#damageAt(position)) !== undefined) return false
    const header = await this.#window.at(position, BATCH_HEADER_SIZE)
    if (hint?.position === position && hint.baseOffset === baseOffsetAt(header, 0)) return true
    const { size, endOffset, mayHaveGaps } = this.#extent
    const behind = position + sizeOfBatchAt(header, 0)
    const expected = lastOffsetAt(header, 0) + 1
    if (behind === size) return expected === endOffset || endOffset === Number.POSITIVE_INFINITY
    const next = await this.#window.at(behind, BATCH_HEADER_SIZE)
    if (this.#wrongWith(next, 0, behind, expected) !== undefined) return false
    return mayHaveGaps || baseOffsetAt(next, 0) === expected
  }

  async #damageAt(position: number): Promise<string | undefined> {
    const header = await this.#window.at(position, BATCH_HEADER_SIZE)
    const size = sizeOfBatchAt(header, 0)
    if (size < BATCH_HEADER_SIZE || size > this.#extent.size - position) return 'its length cannot be right'
    return damageOfBatchAt(await this.#window.at(position, size), 0)
  }
}
