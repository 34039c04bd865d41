// The two sparse indexes of one segment, kept in step: where an offset lies (offset-index.ts), and from which offset on
// records may be as late as a given time (time-index.ts).
//
// After a crash: derived. resume() takes them up when they fit what the segment holds, else rebuild() writes them anew.

import type { Disk } from '../base/disk.ts'
import type { BatchWalk } from './batch-walk.ts'
import { INDEX_INTERVAL_BYTES, type OffsetEntry, OffsetIndex } from './offset-index.ts'
import { type TimeEntry, TimeIndex } from './time-index.ts'

/** A batch as the indexes see it. */
export interface IndexedBatch {
  position: number
  size: number
  lastOffset: number
  maxTimestampMs: number
}

/** Walks over the segment's batches from an entry on, or from the beginning. */
export type WalkFrom = (entry?: OffsetEntry) => BatchWalk

export interface SegmentIndexesOptions {
  disk: Disk
  /** The path of the segment without its ending. */
  stem: string
  baseOffset: number
  /** A batch gets an entry when more bytes than these came before it since the last one. */
  intervalBytes?: number | undefined
}

export class SegmentIndexes {
  /** The latest timestamp; -1 without records. */
  maxTimestampMs = -1
  readonly #disk: Disk
  readonly #paths: string[]
  readonly #baseOffset: number
  readonly #intervalBytes: number
  readonly #offsets: OffsetIndex
  readonly #times: TimeIndex
  /** The last offset of the first batch that holds maxTimestampMs. */
  #maxTimestampOffset = -1
  #bytesSinceEntry = 0

  constructor({ disk, stem, baseOffset, intervalBytes = INDEX_INTERVAL_BYTES }: SegmentIndexesOptions) {
    this.#disk = disk
    this.#paths = [`${stem}.timeindex`, `${stem}.index`]
    this.#baseOffset = baseOffset
    this.#intervalBytes = intervalBytes
    this.#offsets = new OffsetIndex(disk, `${stem}.index`, baseOffset)
    this.#times = new TimeIndex(disk, `${stem}.timeindex`, baseOffset)
  }

  /** Their files are not there yet, or must not be looked at. */
  begin(): void {
    this.#offsets.begin()
    this.#times.begin()
  }

  /** A batch lies behind all others. */
  add(batch: IndexedBatch): void {
    const due = this.#bytesSinceEntry > this.#intervalBytes
    if (due) this.#bytesSinceEntry = 0
    this.#count(batch)
    if (!due) return
    this.#offsets.append(batch)
    this.#times.append({ timestampMs: this.maxTimestampMs, offset: this.#maxTimestampOffset })
  }

  /** No batch will be added any more: completes the time index. */
  finish(): void {
    if (this.maxTimestampMs < 0) return
    this.#times.append({ timestampMs: this.maxTimestampMs, offset: this.#maxTimestampOffset })
  }

  /** The last entry not above `offset`; undefined for the beginning. */
  entryBefore(offset: number): Promise<OffsetEntry | undefined> {
    return this.#offsets.entryBefore(offset)
  }

  /** The last entry before which every record is earlier than `timestampMs`; undefined for the beginning. */
  async entryBeforeTime(timestampMs: number, walkFrom: WalkFrom): Promise<OffsetEntry | undefined> {
    for await (const time of this.#times.entriesBefore(timestampMs)) {
      const entry = await this.#offsets.entryBefore(time.offset)
      if (await bearsOut(walkFrom(entry), time)) return entry
    }
    return undefined
  }

  /**
   * Takes the state of both up from their files. False when they do not fit what the segment holds.
   */
  async resume(walkFrom: WalkFrom): Promise<boolean> {
    const entry = await this.#offsets.last()
    const time = await this.#times.last()
    if (entry === 'disordered' || time === 'disordered') return false
    if (time !== undefined) {
      const before = await this.#offsets.entryBefore(time.offset)
      if (!(await bearsOut(walkFrom(before), time))) return false
    }
    this.maxTimestampMs = time?.timestampMs ?? -1
    this.#maxTimestampOffset = time?.offset ?? -1
    this.#bytesSinceEntry = 0
    const walk = walkFrom(entry)
    let lastOffset = this.#baseOffset - 1
    let first = true
    while (await walk.next()) {
      if (first && entry === undefined && time === undefined) return false
      if (first && entry !== undefined && walk.position !== entry.position) return false
      if (first && entry !== undefined && walk.maxTimestampMs > this.maxTimestampMs) return false
      if (!(first && entry !== undefined) && this.#bytesSinceEntry > this.#intervalBytes) return false
      first = false
      this.#count(walk)
      lastOffset = walk.lastOffset
    }
    if (entry !== undefined && lastOffset < entry.lastOffset) return false
    return time === undefined || time.offset <= lastOffset
  }

  /** Writes both anew. */
  async rebuild(walk: BatchWalk): Promise<void> {
    await this.#offsets.clear()
    await this.#times.clear()
    this.maxTimestampMs = -1
    this.#bytesSinceEntry = 0
    while (await walk.next()) this.add(walk)
  }

  /** Writes what is only in memory; durable when `sync` is set. */
  async flush(sync: boolean): Promise<void> {
    await this.#offsets.flush(sync)
    await this.#times.flush(sync)
  }

  /** Lets go of what the files hold as well. */
  forget(): void {
    this.#offsets.forget()
    this.#times.forget()
  }

  async remove(): Promise<void> {
    for (const path of this.#paths) await this.#disk.remove(path)
  }

  #count({ size, lastOffset, maxTimestampMs }: IndexedBatch): void {
    this.#bytesSinceEntry += size
    if (maxTimestampMs <= this.maxTimestampMs) return
    this.maxTimestampMs = maxTimestampMs
    this.#maxTimestampOffset = lastOffset
  }
}

/**
 * Whether the batch that a time entry names is there, and is as late as the entry says. A time that nothing confirms would
 * have records passed over, or deleted too early, and nobody would know.
 */
async function bearsOut(walk: BatchWalk, { timestampMs, offset }: TimeEntry): Promise<boolean> {
  while (await walk.next()) {
    if (walk.lastOffset >= offset) return walk.lastOffset === offset && walk.maxTimestampMs === timestampMs
  }
  return false
}
