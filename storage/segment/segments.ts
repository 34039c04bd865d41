// The segments of one partition, in their folder `<topic>-<partition>/`.
//
// Always true:
//   1. Each segment begins where the one before it ended; the last one, and only it, grows.
//   2. Files are opened when they are first needed: a partition that nobody touches costs no handle.
//   3. A file is removed only after a checkpoint that no longer needs it, and after its last reader.
//   4. Compaction exchanges only segments before the one that the last checkpoint calls growing: no checkpoint names what
//      it takes away, no replay brings it back.
//
// After a crash: partition-folder.ts, the first time it is touched.

import { DwellError } from '../base/errors.ts'
import { baseOffsetAt, lastOffsetAt } from '../batch/record-batch.ts'
import type { Allocate } from '../engine.ts'
import { type CleanedMark, NEVER_CLEANED } from './cleaned-mark.ts'
import type { PartitionFolder, SafeEnd } from './partition-folder.ts'
import { mayGo, type RetentionLimits } from './retention.ts'
import { OFFSETS_MAX, type Segment } from './segment.ts'

export interface SegmentsOptions {
  folder: PartitionFolder
  segmentBytes: number
  /** Where the log starts, as the checkpoint says. */
  logStartOffset: number
}

export class Segments {
  readonly #folder: PartitionFolder
  readonly #segmentBytes: number
  #segments: Segment[] = []
  #endOffset: number
  #sizeBytes: number
  #safe: SafeEnd | undefined
  #loaded: Promise<void> | undefined
  /** Nothing before this offset is left to be removed, as far as is known. */
  #removedTo: number
  /** Segments that a sync has to visit, those that are complete in front. */
  readonly #dirty = new Set<Segment>()
  /** The base of the segment that grows, as the checkpoint that is being written says it. */
  #offeredBase: number
  /** The base of the segment that grew at the last checkpoint: what lies before it is named by none any more. */
  #checkpointedBase: number
  #cleaned: CleanedMark = NEVER_CLEANED
  /** While segments are exchanged, who wants to read them waits for this. */
  #exchanging: Promise<void> | undefined

  /** `safe` is undefined for a partition that no checkpoint knows: its folder is not there. */
  constructor({ folder, segmentBytes, logStartOffset }: SegmentsOptions, safe: SafeEnd | undefined) {
    this.#folder = folder
    this.#segmentBytes = segmentBytes
    this.#safe = safe
    this.#removedTo = logStartOffset
    this.#offeredBase = this.#checkpointedBase = safe?.baseOffset ?? 0
    this.#endOffset = safe?.endOffset ?? 0
    this.#sizeBytes = safe?.sizeBytes ?? 0
  }

  /** The offset behind the last record that lies in a segment. */
  get endOffset(): number {
    return this.#endOffset
  }

  get sizeBytes(): number {
    return this.#sizeBytes
  }

  get safe(): SafeEnd | undefined {
    return this.#safe
  }

  /** What a checkpoint says that lets removeBefore(`offset`) do its work: without what that will remove. */
  safeFrom(offset: number): SafeEnd | undefined {
    if (this.#safe === undefined) return undefined
    this.#offeredBase = this.#safe.baseOffset
    const removed = this.#removable(offset, this.#offeredBase).reduce((sum, { size }) => sum + size, 0)
    return { ...this.#safe, sizeBytes: this.#safe.sizeBytes - removed }
  }

  /** Whether there is anything that sync() would make durable. */
  get dirty(): boolean {
    return this.#dirty.size > 0
  }

  /** Adds whole batches in order, beginning new segments as they fill up. */
  async append(batches: readonly Buffer[]): Promise<void> {
    await this.#load()
    for (let from = 0; from < batches.length; ) {
      const segment = await this.#segmentFor(batches[from])
      let size = segment.size
      let to = from
      while (to < batches.length && this.#fits(segment, size, batches[to])) size += batches[to++].length
      // A batch larger than a segment has one to itself.
      if (to === from) to++
      this.#dirty.add(segment)
      await segment.append(batches.slice(from, to))
      for (; from < to; from++) this.#sizeBytes += batches[from].length
      this.#endOffset = lastOffsetAt(batches[to - 1], 0) + 1
    }
  }

  /**
   * As Segment.read(), over all segments.
   * @throws BATCH_DAMAGED, also when a segment is missing, with the offsets that cannot be read
   */
  async read(fromOffset: number, maxBytes: number, allocate?: Allocate): Promise<Buffer> {
    await this.#load()
    for (;;) {
      const i = this.#indexOf(fromOffset)
      const segment = this.#segments[i] as Segment | undefined
      if (segment?.retired) {
        await this.#exchanging
        continue
      }
      if (segment !== undefined) return segment.read(fromOffset, maxBytes, allocate)
      const first = this.#segments[0] as Segment | undefined
      if (first === undefined) return Buffer.alloc(0)
      const sentence = `Offsets ${fromOffset} to ${first.baseOffset - 1} are missing before ${first.path}.`
      const fields = { path: first.path, offset: fromOffset, lastOffset: first.baseOffset - 1 }
      throw new DwellError('BATCH_DAMAGED', sentence, fields)
    }
  }

  /** The first offset from `fromOffset` on whose record is not earlier than `timestampMs`; undefined without one. */
  async offsetForTime(timestampMs: number, fromOffset: number): Promise<number | undefined> {
    await this.#load()
    for (let from = fromOffset; ; ) {
      const segment = this.#segments[Math.max(0, this.#indexOf(from))] as Segment | undefined
      if (segment?.retired) {
        await this.#exchanging
        continue
      }
      const offset = await segment?.offsetForTime(timestampMs, fromOffset)
      if (offset !== undefined) return offset
      const next = this.#segments[this.#indexOf(from) + 1] as Segment | undefined
      if (next === undefined) return undefined
      from = next.baseOffset
    }
  }

  /**
   * From which offset on the log must be kept: whole segments in front go while they are too old or too much. The last
   * one, when all of it is too old, is completed so that it can go as well.
   */
  async retainedFrom(limits: RetentionLimits): Promise<number> {
    await this.#load()
    let from = this.#segments[0]?.baseOffset ?? 0
    let sizeBytes = this.#sizeBytes
    for (const [i, segment] of this.#segments.entries()) {
      await segment.ready()
      const isGrowing = i === this.#segments.length - 1
      if (!mayGo(segment, isGrowing, sizeBytes, limits)) break
      if (isGrowing) await this.#roll(this.#endOffset)
      sizeBytes -= segment.size
      from = isGrowing ? this.#endOffset : this.#segments[i + 1].baseOffset
    }
    return from
  }

  /** Makes all that was appended before this call durable, and remembers that it is. */
  async sync(): Promise<void> {
    if (!this.dirty) return
    const active = this.#segments.at(-1) as Segment
    const { baseOffset, size, lastBytes } = active
    const safe = { baseOffset, size, lastBytes, endOffset: this.#endOffset, sizeBytes: this.#sizeBytes }
    const segments = [...this.#dirty]
    await this.#folder.sync(async () => {
      for (const segment of segments) {
        this.#dirty.delete(segment)
        await segment.sync(segment !== active)
      }
    })
    this.#safe = safe
  }

  /**
   * A checkpoint that says what safeFrom(`offset`) said is durable: removes the segments that lie wholly before `offset` and
   * that it does not name.
   */
  async removeBefore(offset: number): Promise<void> {
    this.#checkpointedBase = this.#offeredBase
    if (offset <= this.#removedTo) return
    await this.#load()
    this.#removedTo = offset
    for (const segment of this.#removable(offset, this.#checkpointedBase)) {
      this.#segments.shift()
      this.#dirty.delete(segment)
      this.#grow(-segment.size)
      await segment.retire()
      await segment.remove()
    }
  }

  /** How far it is cleaned; only known when it was loaded. */
  get cleaned(): CleanedMark {
    return this.#cleaned
  }

  /** Whether there may be something to clean; looks at no file. */
  get hasComplete(): boolean {
    return this.#checkpointedBase > 0 && this.#sizeBytes > (this.#safe?.size ?? 0)
  }

  /** The segments that compaction may take, in order: those that lie wholly before `logStartOffset` are about to go. */
  async complete(logStartOffset: number): Promise<readonly Segment[]> {
    await this.#load()
    return this.#segments.filter(({ baseOffset, endOffset }) => {
      return endOffset > logStartOffset && baseOffset < this.#checkpointedBase
    })
  }

  /** Remembers, durably, how far it is cleaned. */
  async markCleaned(mark: CleanedMark): Promise<void> {
    await this.#folder.markCleaned(mark)
    this.#cleaned = mark
  }

  /** As PartitionFolder.beginCleaned(). */
  beginCleaned(baseOffset: number): Promise<Segment> {
    return this.#folder.beginCleaned(baseOffset)
  }

  /** Puts `cleaned` in the place of `stretch`; false when a part of that is gone meanwhile. */
  async exchange(stretch: readonly Segment[], cleaned: Segment): Promise<boolean> {
    const at = this.#segments.indexOf(stretch[0])
    if (at < 0 || stretch.some((segment, i) => this.#segments[at + i] !== segment)) return false
    await this.#folder.commitExchange(cleaned)
    const exchanging = async () => {
      for (const segment of stretch) await segment.retire()
      await this.#folder.completeExchange(stretch, cleaned)
      this.#segments.splice(at, stretch.length, cleaned)
    }
    this.#exchanging = exchanging()
    await this.#exchanging
    this.#exchanging = undefined
    this.#grow(cleaned.size - stretch.reduce((sum, { size }) => sum + size, 0))
    return true
  }

  async close(): Promise<void> {
    for (const segment of this.#segments) await segment.close()
  }

  /** Removes the folder. Nothing may be under way. */
  async remove(): Promise<void> {
    const segments = this.#segments
    this.#segments = []
    for (const segment of segments) await segment.retire()
    await this.#folder.remove()
  }

  /** The segments in front that lie wholly before `offset`, and before the one that begins at `growingBase`. */
  #removable(offset: number, growingBase: number): Segment[] {
    const keptFrom = Math.min(offset, growingBase)
    const firstKept = this.#segments.findIndex((_, i) => (this.#segments[i + 1]?.baseOffset ?? Infinity) > keptFrom)
    return this.#segments.slice(0, Math.max(0, firstKept))
  }

  #load(): Promise<void> {
    this.#loaded ??= (this.#safe === undefined ? this.#folder.create() : this.#restore(this.#safe)).catch((error) => {
      // The next one tries again: a read that failed once may succeed.
      this.#loaded = undefined
      this.#segments = []
      throw error
    })
    return this.#loaded
  }

  async #restore(safe: SafeEnd): Promise<void> {
    const { segments, cleaned } = await this.#folder.restore(safe)
    this.#segments = segments
    this.#cleaned = cleaned
    // A crash may have come between a checkpoint and the removals that it allowed.
    this.#removedTo = -1
    this.#sizeBytes = this.#segments.reduce((sum, { size }) => sum + size, 0)
    this.#safe = { ...safe, sizeBytes: this.#sizeBytes }
  }

  /** All segments together have `delta` bytes more, also as the next checkpoint has to say it. */
  #grow(delta: number): void {
    this.#sizeBytes += delta
    if (this.#safe !== undefined) this.#safe = { ...this.#safe, sizeBytes: this.#safe.sizeBytes + delta }
  }

  async #segmentFor(batch: Buffer): Promise<Segment> {
    const active = this.#segments.at(-1)
    if (active !== undefined && (active.size === 0 || this.#fits(active, active.size, batch))) return active
    return this.#roll(baseOffsetAt(batch, 0))
  }

  async #roll(baseOffset: number): Promise<Segment> {
    const last = this.#segments.at(-1)
    await last?.finish()
    // Also when all of its bytes were synced before: its time index has got its last entry only now.
    if (last !== undefined) this.#dirty.add(last)
    const segment = this.#folder.begin(baseOffset)
    this.#segments.push(segment)
    this.#dirty.add(segment)
    return segment
  }

  #fits(segment: Segment, size: number, batch: Buffer): boolean {
    return size + batch.length <= this.#segmentBytes && lastOffsetAt(batch, 0) - segment.baseOffset <= OFFSETS_MAX
  }

  /** The index of the segment that holds `offset`; -1 before the first. */
  #indexOf(offset: number): number {
    let low = 0
    let high = this.#segments.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#segments[middle].baseOffset <= offset) low = middle + 1
      else high = middle
    }
    return low - 1
  }
}
