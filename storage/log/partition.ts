// A partition: its offsets, its newest batches in memory (the tail), and behind them its segments.
//
// Always true:
//   1. logStartOffset ≤ highWatermark ≤ logEndOffset. Offsets are given out at the log end when an append is taken in;
//      the high watermark is the first offset whose record is not durable, and nothing at or above it is read.
//   2. Every batch below the high watermark is in the tail or in a segment. The tail is durable in the journal and
//      follows the segments without a gap; it is dropped once it is written to them.
//
// After a crash: the segments up to the checkpoint, then the journal's batches in the tail.

import type { GroupPart } from './commit-group.ts'
import { baseOffsetAt, lastOffsetAt, maxTimestampAt, readRecords } from './record-batch.ts'
import type { Segments } from './segments.ts'

export interface PartitionStart {
  topicId: number
  topic: string
  index: number
  logStartOffset: number
}

/** Called when the tail takes `delta` bytes of memory more, or less. */
export type TailListener = (partition: Partition, delta: number) => void

export class Partition {
  readonly topicId: number
  readonly topic: string
  readonly index: number
  readonly segments: Segments
  /** The batch of the open commit group that takes this partition's next records in. */
  openPart: GroupPart | undefined
  logStartOffset: number
  highWatermark: number
  logEndOffset: number
  #tail: Buffer[] = []
  /** Memory that the tail holds, the frames around the batches counted in. */
  #tailBytes = 0
  #batchBytes = 0
  readonly #onTail: TailListener
  #busy: Promise<void> | undefined
  #dropped = false

  constructor({ topicId, topic, index, logStartOffset }: PartitionStart, segments: Segments, onTail: TailListener) {
    this.#onTail = onTail
    this.topicId = topicId
    this.topic = topic
    this.index = index
    this.segments = segments
    this.logStartOffset = logStartOffset
    this.highWatermark = segments.endOffset
    this.logEndOffset = segments.endOffset
  }

  get sizeBytes(): number {
    return this.segments.sizeBytes + this.#batchBytes
  }

  get tailBytes(): number {
    return this.#tailBytes
  }

  /** Whether anything waits to be made durable in segments. */
  get dirty(): boolean {
    return this.#tail.length > 0 || this.segments.dirty
  }

  /** Whether the topic was deleted. */
  get dropped(): boolean {
    return this.#dropped
  }

  /** Takes in a batch that has become durable; `memoryBytes` is what it keeps from being freed. */
  commit(batch: Buffer, memoryBytes: number): void {
    if (this.#dropped) return
    this.#tail.push(batch)
    this.#tailBytes += memoryBytes
    this.#batchBytes += batch.length
    this.#onTail(this, memoryBytes)
    this.highWatermark = lastOffsetAt(batch, 0) + 1
    if (this.logEndOffset < this.highWatermark) this.logEndOffset = this.highWatermark
  }

  /** Moves the log start forward to `offset`, at most to the high watermark. */
  startAt(offset: number): void {
    this.logStartOffset = Math.max(this.logStartOffset, Math.min(offset, this.highWatermark))
  }

  /** Whole batches from the one that holds `fromOffset` on, below the high watermark; see LogEngine.read(). */
  async read(fromOffset: number, maxBytes: number): Promise<Buffer> {
    if (fromOffset >= this.highWatermark) return Buffer.alloc(0)
    if (this.#tail.length === 0 || fromOffset < baseOffsetAt(this.#tail[0], 0)) {
      const bytes = await this.segments.read(fromOffset, maxBytes)
      if (bytes.length > 0 || this.#tail.length === 0) return bytes
    }
    const from = this.#tailIndex(fromOffset)
    let to = from
    let size = 0
    while (to < this.#tail.length && (to === from || size + this.#tail[to].length <= maxBytes)) {
      size += this.#tail[to++].length
    }
    return to - from === 1 ? this.#tail[from] : Buffer.concat(this.#tail.slice(from, to), size)
  }

  /** The first offset at or above the log start whose record is not earlier; the high watermark when there is none. */
  async offsetForTime(timestampMs: number): Promise<number> {
    if (this.logStartOffset === this.highWatermark) return this.highWatermark
    const stored = await this.segments.offsetForTime(timestampMs)
    if (stored !== undefined) return Math.max(stored, this.logStartOffset)
    for (const batch of this.#tail) {
      if (maxTimestampAt(batch, 0) < timestampMs) continue
      const found = readRecords(batch, this.logStartOffset).find((record) => record.timestampMs >= timestampMs)
      if (found !== undefined) return found.offset
    }
    return this.highWatermark
  }

  /** Writes the tail, as it is now, to the segments. */
  async flush(): Promise<void> {
    await this.#alone(() => this.#writeTail())
  }

  /** Makes all batches that are in the tail or in segments now durable in segments. */
  async sync(): Promise<void> {
    await this.#alone(async () => {
      await this.#writeTail()
      await this.segments.sync()
    })
  }

  /** Moves the log start over whole segments that are beyond these limits; see Segments.retainedFrom(). */
  async retain(limits: { earliestMs?: number; bytesMax?: number }): Promise<void> {
    await this.#alone(async () => {
      const from = await this.segments.retainedFrom(limits)
      if (from > this.logStartOffset) this.logStartOffset = from
    })
  }

  /** Removes the segments that nobody needs any more, once a checkpoint says so. */
  async removeExpired(): Promise<void> {
    await this.#alone(() => this.segments.removeBefore(this.logStartOffset))
  }

  /** Forgets everything and removes the files: the topic was deleted. */
  async drop(): Promise<void> {
    this.#dropped = true
    while (this.#busy !== undefined) await this.#busy.catch(() => {})
    this.#forgetTail(this.#tail.length, this.#tailBytes, this.#batchBytes)
    await this.segments.remove()
  }

  /**
   * What changes segments runs one at a time. After a failure nothing does any more: part of a tail may have been
   * written, and writing it again would double it.
   */
  async #alone(task: () => Promise<void>): Promise<void> {
    while (this.#busy !== undefined) await this.#busy
    if (this.#dropped) return
    this.#busy = task()
    await this.#busy
    this.#busy = undefined
  }

  async #writeTail(): Promise<void> {
    if (this.#tail.length === 0) return
    const batches = this.#tail.slice()
    const tailBytes = this.#tailBytes
    const batchBytes = this.#batchBytes
    await this.segments.append(batches)
    this.#forgetTail(batches.length, tailBytes, batchBytes)
  }

  #forgetTail(count: number, tailBytes: number, batchBytes: number): void {
    this.#tail = this.#tail.slice(count)
    this.#tailBytes -= tailBytes
    this.#batchBytes -= batchBytes
    if (tailBytes > 0) this.#onTail(this, -tailBytes)
  }

  /** The index in the tail of the batch that holds `offset`. */
  #tailIndex(offset: number): number {
    let low = 0
    let high = this.#tail.length - 1
    while (low < high) {
      const middle = (low + high) >>> 1
      if (lastOffsetAt(this.#tail[middle], 0) < offset) low = middle + 1
      else high = middle
    }
    return low
  }
}
