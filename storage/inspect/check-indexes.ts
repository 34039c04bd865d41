// Holds the two indexes of a segment against its batches, while those are walked over.
//
// An entry is right when the batch that it names stands there; which batches have one only makes looking up quicker.

import type { Disk } from '../base/disk.ts'
import { type IndexRows, type OffsetRow, readOffsetRows, readTimeRows, type TimeRow } from './index-rows.ts'
import type { WalkedBatch } from './segment-walk.ts'
import type { StoredSegment } from './stored-partition.ts'

export interface IndexFault {
  path: string
  /** Undefined when the whole file is missing. */
  position: number | undefined
  reason: string
}

const OFFSET_ENTRY_SIZE = 8
const TIME_ENTRY_SIZE = 12

export class IndexCheck {
  readonly #segment: StoredSegment
  readonly #offsetPath: string
  readonly #timePath: string
  readonly #offsets: IndexRows<OffsetRow> | undefined
  readonly #times: IndexRows<TimeRow> | undefined
  readonly #faults: IndexFault[] = []
  #nextOffset = 0
  #nextTime = 0
  #maxTimestampMs = -1
  /** The latest time up to the last batch that has an entry in the offset index. */
  #indexedMaxMs = -1
  #bytes = 0

  private constructor(
    segment: StoredSegment,
    offsets: IndexRows<OffsetRow> | undefined,
    times: IndexRows<TimeRow> | undefined,
  ) {
    this.#segment = segment
    this.#offsetPath = segment.path.replace(/\.log$/, '.index')
    this.#timePath = segment.path.replace(/\.log$/, '.timeindex')
    this.#offsets = offsets
    this.#times = times
  }

  static async of(disk: Disk, segment: StoredSegment): Promise<IndexCheck> {
    const { path, baseOffset } = segment
    const [offsetPath, timePath] = [path.replace(/\.log$/, '.index'), path.replace(/\.log$/, '.timeindex')]
    const has = async (file: string) => (await disk.size(file)) !== undefined
    return new IndexCheck(
      segment,
      (await has(offsetPath)) ? await readOffsetRows(disk, offsetPath, baseOffset) : undefined,
      (await has(timePath)) ? await readTimeRows(disk, timePath, baseOffset) : undefined,
    )
  }

  add({ position, size, lastOffset, maxTimestampMs }: WalkedBatch): void {
    this.#bytes = position + size
    const offset = this.#offsets?.rows[this.#nextOffset]
    if (offset !== undefined && offset.position <= position) {
      if (offset.position < position) this.#offsetFault('no batch begins there')
      else if (offset.lastOffset !== lastOffset) this.#offsetFault(`the batch there ends with offset ${lastOffset}`)
      this.#nextOffset++
    }
    const isIndexed = offset?.position === position
    const grew = maxTimestampMs > this.#maxTimestampMs
    if (grew) this.#maxTimestampMs = maxTimestampMs
    // What lies behind the last batch with an entry is looked at whenever a segment is opened.
    if (isIndexed) this.#indexedMaxMs = this.#maxTimestampMs
    const time = this.#times?.rows[this.#nextTime]
    if (time === undefined || time.offset > lastOffset) return
    if (time.offset < lastOffset) this.#timeFault('no batch ends with that offset')
    else if (!grew || time.timestampMs !== maxTimestampMs) {
      this.#timeFault(`the latest time up to offset ${lastOffset} is ${this.#maxTimestampMs}, not ${time.timestampMs}`)
    }
    this.#nextTime++
  }

  /** What is wrong, at most one fault for each file; missing files last. */
  finish(): IndexFault[] {
    const { isGrowing } = this.#segment
    const offset = this.#offsets?.rows[this.#nextOffset]
    // Entries of a growing segment are written before its bytes count.
    if (offset !== undefined && !isGrowing) this.#offsetFault('it lies behind the last batch')
    const time = this.#times?.rows[this.#nextTime]
    if (time !== undefined && !isGrowing) this.#timeFault('it lies behind the last batch')
    const lastMs = this.#times?.rows.at(-1)?.timestampMs ?? -1
    if (!isGrowing && this.#times !== undefined && lastMs < this.#indexedMaxMs) {
      this.#timeFault(`there are later times up to ${this.#indexedMaxMs}`)
    }
    for (const [path, rows, size] of [
      [this.#offsetPath, this.#offsets, OFFSET_ENTRY_SIZE],
      [this.#timePath, this.#times, TIME_ENTRY_SIZE],
    ] as const) {
      if (rows === undefined) {
        // A growing segment has none before it has grown by some kilobytes.
        if (this.#bytes > 0 && !isGrowing) this.#faults.push({ path, position: undefined, reason: 'it is missing' })
      } else if (rows.disorderedAt >= 0) {
        this.#faults.unshift({ path, position: rows.disorderedAt * size, reason: 'its entries do not grow' })
      } else if (rows.restBytes > 0 && !isGrowing) {
        this.#faults.push({ path, position: rows.rows.length * size, reason: `${rows.restBytes} bytes are no entry` })
      }
    }
    return this.#faults.filter(({ path }, i, all) => all.findIndex((fault) => fault.path === path) === i)
  }

  #offsetFault(reason: string): void {
    this.#faults.push({ path: this.#offsetPath, position: this.#nextOffset * OFFSET_ENTRY_SIZE, reason })
  }

  #timeFault(reason: string): void {
    this.#faults.push({ path: this.#timePath, position: this.#nextTime * TIME_ENTRY_SIZE, reason })
  }
}
