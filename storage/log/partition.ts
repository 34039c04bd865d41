// A partition: its offsets, its newest batches in memory (the tail), before them what runs hold of it, if anything, and
// before that its segments.
//
// Always true:
//   1. logStartOffset ≤ highWatermark ≤ logEndOffset. Offsets are given out at the log end when an append is taken in;
//      the high watermark is the first offset whose record is not durable, and nothing at or above it is read.
//   2. Every batch below the high watermark is in a segment, a run (runs.ts) or the tail; they follow one another in this
//      order without a gap. The tail is durable in the journal, and dropped once it is written to a segment or a run.
//
// After a crash: the segments up to the checkpoint, the runs that it names, then the journal's batches in the tail.

import type { PooledBuffer } from '../base/buffer-pool.ts'
import { baseOffsetAt, lastOffsetAt, maxTimestampAt } from '../batch/record-batch.ts'
import { readRecords } from '../batch/record-page.ts'
import type { Allocate } from '../engine.ts'
import type { Runs } from '../run/runs.ts'
import type { Segment } from '../segment/segment.ts'
import type { Segments } from '../segment/segments.ts'
import type { GroupPart } from './commit-group.ts'
import { TOPICS_ID } from './topic-record.ts'

/** A tail below this size may go to a run: a write to the segments of its own would be too small. */
const SPILL_BYTES_MAX = 64 * 1024

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
  /** The log start that a crash does not take back; retention is ahead of it until the next checkpoint. */
  durableStart: number
  highWatermark: number
  logEndOffset: number
  #tail: Buffer[] = []
  /** What the batches of the tail lie in, where that is to be given back. */
  #frames: (PooledBuffer | undefined)[] = []
  /** Memory that the tail holds, the frames around the batches counted in. */
  #tailBytes = 0
  #batchBytes = 0
  #runs: Runs | undefined
  /** Bytes of batches that are in runs and in no segment. */
  #runsBytes = 0
  readonly #onTail: TailListener
  /** What changes segments: each waits for the one before. */
  #last: Promise<unknown> = Promise.resolve()
  #waitingCount = 0
  #compaction: Promise<void> | undefined
  #dropped = false

  constructor({ topicId, topic, index, logStartOffset }: PartitionStart, segments: Segments, onTail: TailListener) {
    this.#onTail = onTail
    this.topicId = topicId
    this.topic = topic
    this.index = index
    this.segments = segments
    this.logStartOffset = this.durableStart = logStartOffset
    this.highWatermark = segments.endOffset
    this.logEndOffset = segments.endOffset
  }

  get sizeBytes(): number {
    return this.segments.sizeBytes + this.#runsBytes + this.#batchBytes
  }

  get tailBytes(): number {
    return this.#tailBytes
  }

  /** Whether anything waits to be made durable without the journal. */
  get dirty(): boolean {
    return this.#tail.length > 0 || this.segments.dirty || this.#startsInRuns
  }

  /** Whether its tail may go to a run: it is small, and nothing else is under way or waits to be synced. */
  get spillable(): boolean {
    const small = this.#tail.length > 0 && this.#tailBytes < SPILL_BYTES_MAX
    if (!small || this.#waitingCount > 0 || this.#dropped || this.segments.dirty) return false
    // The catalogue is read before there are runs, and a checkpoint keeps a log start only beside segments.
    return this.topicId !== TOPICS_ID && this.logStartOffset <= this.segments.endOffset
  }

  /** Whether the topic was deleted. */
  get dropped(): boolean {
    return this.#dropped
  }

  /**
   * Takes in a batch that has become durable; `memoryBytes` is what it keeps from being freed. If it lies in a frame of the
   * journal, that is held until the batch is in a segment.
   */
  commit(batch: Buffer, memoryBytes: number, frame?: PooledBuffer): void {
    if (this.#dropped) return
    frame?.hold()
    this.#tail.push(batch)
    this.#frames.push(frame)
    this.#tailBytes += memoryBytes
    this.#batchBytes += batch.length
    this.#onTail(this, memoryBytes)
    this.highWatermark = lastOffsetAt(batch, 0) + 1
    if (this.logEndOffset < this.highWatermark) this.logEndOffset = this.highWatermark
  }

  /** Moves the log start forward to `offset`, at most to the high watermark. */
  startAt(offset: number): void {
    this.durableStart = Math.max(this.durableStart, Math.min(offset, this.highWatermark))
    this.logStartOffset = Math.max(this.logStartOffset, this.durableStart)
  }

  /** Whole batches from the one that holds `fromOffset` on, below the high watermark; see LogEngine.read(). */
  async read(fromOffset: number, maxBytes: number, allocate?: Allocate): Promise<Buffer> {
    if (fromOffset >= this.highWatermark) return Buffer.alloc(0)
    if (this.#tail.length === 0 || fromOffset < baseOffsetAt(this.#tail[0], 0)) {
      const bytes = await this.#readStored(fromOffset, maxBytes, allocate)
      if (bytes.length > 0 || this.#tail.length === 0) return bytes
    }
    const from = this.#tailIndex(fromOffset)
    let to = from
    let size = 0
    while (to < this.#tail.length && (to === from || size + this.#tail[to].length <= maxBytes)) {
      size += this.#tail[to++].length
    }
    // A copy: frames are used again once their batches are in segments.
    return Buffer.concat(this.#tail.slice(from, to), size)
  }

  /** The first offset from `fromOffset` and the log start on whose record is not earlier; the high watermark when there is none. */
  async offsetForTime(timestampMs: number, fromOffset: number): Promise<number> {
    for (let from = Math.max(fromOffset, this.logStartOffset); from < this.#tailStart; ) {
      const tailStart = this.#tailStart
      const stored = await this.segments.offsetForTime(timestampMs, from)
      if (stored !== undefined) return stored
      const inRuns = await this.#runs?.offsetForTime(this, from, timestampMs)
      if (inRuns !== undefined) return inRuns
      // What went from the tail to segments meanwhile was not looked at.
      from = tailStart
    }
    for (const batch of this.#tail) {
      if (maxTimestampAt(batch, 0) < timestampMs) continue
      const from = Math.max(fromOffset, this.logStartOffset)
      const found = readRecords(batch, from).find((record) => record.timestampMs >= timestampMs)
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

  /**
   * Gives its tail, as it is now, to a run, and lets go of it once that is `written` (then it is `done`); till then nothing
   * else changes what is stored. Only while `spillable`.
   */
  spill(runs: Runs, written: Promise<void>): { batches: readonly Buffer[]; done: Promise<void> } {
    const batches = this.#tail.slice()
    const tailBytes = this.#tailBytes
    const batchBytes = this.#batchBytes
    this.#runs = runs
    const done = this.#alone(async () => {
      await written
      this.#runsBytes += batchBytes
      this.#forgetTail(batches.length, tailBytes, batchBytes)
    })
    // Whoever writes the run reports what went wrong.
    done.catch(() => {})
    return { batches, done }
  }

  /** Adds what runs had of it to its segments, durably; what is there already is passed over. */
  async merge(batches: readonly Buffer[]): Promise<void> {
    await this.#alone(async () => {
      await this.#takeFromRuns(batches)
      await this.segments.sync()
    })
  }

  /** At a start: goes on behind the piece that it has in a run, unless its segments hold that already. */
  adopt(runs: Runs, endOffset: number, size: number): void {
    if (endOffset <= this.logEndOffset) return
    this.#runs = runs
    this.#runsBytes += size
    this.highWatermark = endOffset
    this.logEndOffset = endOffset
  }

  /** Moves the log start over whole segments that are beyond these limits; see Segments.retainedFrom(). */
  async retain(limits: { earliestMs?: number; bytesMax?: number }): Promise<void> {
    await this.#alone(async () => {
      const from = await this.segments.retainedFrom(limits)
      if (from > this.logStartOffset) this.logStartOffset = from
    })
  }

  /** A checkpoint is durable: removes the segments that nobody needs any more. */
  async removeExpired(): Promise<void> {
    await this.#alone(() => this.segments.removeBefore(this.logStartOffset))
  }

  /** Runs `task`, a compaction of this partition; at most one at a time. It has to end soon once the topic is dropped. */
  async compact(task: () => Promise<void>): Promise<void> {
    this.#compaction = task()
    try {
      await this.#compaction
    } finally {
      this.#compaction = undefined
    }
  }

  /** As Segments.exchange(). */
  async exchange(stretch: readonly Segment[], cleaned: Segment): Promise<boolean> {
    let exchanged = false
    await this.#alone(async () => {
      exchanged = await this.segments.exchange(stretch, cleaned)
    })
    return exchanged
  }

  /** Forgets everything and removes the files: the topic was deleted. */
  async drop(): Promise<void> {
    this.#dropped = true
    await Promise.allSettled([this.#compaction, this.#last])
    this.#forgetTail(this.#tail.length, this.#tailBytes, this.#batchBytes)
    // What cannot be removed now is in nobody's way: the next start, or the next topic of this name, removes it.
    await this.segments.remove().catch(() => {})
  }

  /**
   * What changes segments runs one at a time. After a failure nothing does any more: part of a tail may have been
   * written, and writing it again would double it.
   */
  async #alone(task: () => Promise<void>): Promise<void> {
    this.#waitingCount++
    const done = this.#last.then(() => (this.#dropped ? undefined : task()))
    this.#last = done
    await done
    this.#waitingCount--
  }

  /** The first offset that is not in a segment. */
  get #tailStart(): number {
    return this.#tail.length === 0 ? this.highWatermark : baseOffsetAt(this.#tail[0], 0)
  }

  /** Whether its log starts behind its segments, in what runs hold. */
  get #startsInRuns(): boolean {
    const { endOffset } = this.segments
    return this.#runs !== undefined && endOffset < this.#tailStart && endOffset < this.logStartOffset
  }

  #readStored(fromOffset: number, maxBytes: number, allocate?: Allocate): Promise<Buffer> {
    if (this.#runs === undefined || fromOffset < this.segments.endOffset)
      return this.segments.read(fromOffset, maxBytes, allocate)
    return this.#runs.read(this, fromOffset, maxBytes)
  }

  async #takeFromRuns(batches: readonly Buffer[]): Promise<void> {
    const from = this.segments.endOffset
    const to = this.#tailStart
    const missing = batches.filter((batch) => lastOffsetAt(batch, 0) >= from && lastOffsetAt(batch, 0) < to)
    if (missing.length === 0) return
    await this.segments.append(missing)
    for (const { length } of missing) this.#runsBytes = Math.max(0, this.#runsBytes - length)
  }

  async #writeTail(): Promise<void> {
    if (this.#tail.length === 0 && !this.#startsInRuns) return
    if (this.#runs !== undefined && this.segments.endOffset < this.#tailStart) {
      await this.#takeFromRuns(await this.#runs.batches(this, this.segments.endOffset))
    }
    const batches = this.#tail.slice()
    const tailBytes = this.#tailBytes
    const batchBytes = this.#batchBytes
    await this.segments.append(batches)
    this.#forgetTail(batches.length, tailBytes, batchBytes)
  }

  #forgetTail(count: number, tailBytes: number, batchBytes: number): void {
    this.#tail = this.#tail.slice(count)
    for (const frame of this.#frames.splice(0, count)) frame?.release()
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
