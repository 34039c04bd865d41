// The segments of one partition, in their folder `<topic>-<partition>/`.
//
// Always true:
//   1. Each segment begins where the one before it ended; the last one, and only it, grows.
//   2. Files are opened when they are first needed: a partition that nobody touches costs no handle.
//   3. A file is removed only after a checkpoint that no longer needs it.
//
// After a crash: the folder is brought to what the checkpoint calls safe (later segments go, the growing one is cut),
// the first time it is touched. `partition.metadata` names the topic's id as Kafka's does.

import { join } from 'node:path'
import type { Disk } from '../base/disk.ts'
import { DwellError } from '../base/errors.ts'
import type { OpenFiles } from './open-files.ts'
import { baseOffsetAt, lastOffsetAt } from './record-batch.ts'
import { Segment } from './segment.ts'

export const METADATA = 'partition.metadata'
/** Offsets in a segment are stored as 31-bit distances from its base. */
const OFFSETS_MAX = 2 ** 31 - 1

/** How far the files of a partition are known to be durable. */
export interface SafeEnd {
  /** The growing segment, and how many of its bytes are safe. */
  baseOffset: number
  size: number
  /** The offset behind the last safe record. */
  endOffset: number
  /** Bytes of all segments together. */
  sizeBytes: number
  /** Those of the bytes that lie in the last sector, when it is not full. */
  lastBytes: Buffer
}

export interface SegmentsOptions {
  disk: Disk
  files: OpenFiles
  directory: string
  topicId: number
  segmentBytes: number
  /** Whether the indexes of the growing segment can be believed: not after another boot. */
  indexesTrusted: boolean
  /** Where the log starts, as the checkpoint says. */
  logStartOffset: number
}

export class Segments {
  readonly #options: SegmentsOptions
  #segments: Segment[] = []
  #endOffset: number
  #sizeBytes: number
  #safe: SafeEnd | undefined
  #loaded: Promise<void> | undefined
  /** Nothing before this offset is left to be removed, as far as is known. */
  #cleanedTo: number
  /** Segments that a sync has to visit, those that are complete in front. */
  readonly #dirty = new Set<Segment>()
  #namesDirty = false
  /** The folder was made since the last sync. */
  #isNew = false

  /** `safe` is undefined for a partition that no checkpoint knows: its folder is not there. */
  constructor(options: SegmentsOptions, safe: SafeEnd | undefined) {
    this.#options = options
    this.#safe = safe
    this.#cleanedTo = options.logStartOffset
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
    const removed = this.#removable(offset).reduce((sum, { size }) => sum + size, 0)
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
  async read(fromOffset: number, maxBytes: number): Promise<Buffer> {
    await this.#load()
    const i = this.#indexOf(fromOffset)
    const bytes = (await this.#segments[i]?.read(fromOffset, maxBytes)) ?? Buffer.alloc(0)
    const next = this.#segments[i + 1]
    if (bytes.length > 0 || next === undefined) return bytes
    const sentence = `Offsets ${fromOffset} to ${next.baseOffset - 1} are missing before ${next.path}.`
    throw new DwellError('BATCH_DAMAGED', sentence, {
      path: next.path,
      offset: fromOffset,
      lastOffset: next.baseOffset - 1,
    })
  }

  /** The first offset whose record is not earlier than `timestampMs`; undefined when all are earlier. */
  async offsetForTime(timestampMs: number): Promise<number | undefined> {
    await this.#load()
    for (const segment of this.#segments) {
      const offset = await segment.offsetForTime(timestampMs)
      if (offset !== undefined) return offset
    }
    return undefined
  }

  /**
   * From which offset on the log must be kept: whole segments in front go while they are too old or too much. The last
   * one, when all of it is too old, is completed so that it can go as well.
   */
  async retainedFrom(limits: { earliestMs?: number; bytesMax?: number }): Promise<number> {
    await this.#load()
    let from = this.#segments[0]?.baseOffset ?? 0
    let sizeBytes = this.#sizeBytes
    for (const [i, segment] of this.#segments.entries()) {
      await segment.ready()
      const tooOld = limits.earliestMs !== undefined && segment.maxTimestampMs < limits.earliestMs
      const last = i === this.#segments.length - 1
      const tooMuch = !last && limits.bytesMax !== undefined && sizeBytes - segment.size >= limits.bytesMax
      if (segment.size === 0 || !(tooOld || tooMuch)) break
      if (last) await this.#roll(this.#endOffset)
      sizeBytes -= segment.size
      from = last ? this.#endOffset : this.#segments[i + 1].baseOffset
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
    const namesDirty = this.#namesDirty
    this.#namesDirty = false
    for (const segment of segments) {
      this.#dirty.delete(segment)
      await segment.sync(segment !== active)
    }
    if (this.#isNew) await this.#syncMetadata()
    if (namesDirty) await this.#options.disk.syncDirectory(this.#options.directory)
    this.#safe = safe
  }

  /** Removes the segments that lie wholly before `offset` and that the checkpoint does not name. */
  async removeBefore(offset: number): Promise<void> {
    if (offset <= this.#cleanedTo) return
    await this.#load()
    this.#cleanedTo = offset
    for (const segment of this.#removable(offset)) {
      this.#segments.shift()
      this.#dirty.delete(segment)
      this.#sizeBytes -= segment.size
      if (this.#safe !== undefined) this.#safe = { ...this.#safe, sizeBytes: this.#safe.sizeBytes - segment.size }
      await segment.remove()
    }
  }

  async close(): Promise<void> {
    for (const segment of this.#segments) await segment.close()
  }

  /** Removes the folder. Nothing may be under way. */
  async remove(): Promise<void> {
    await this.close()
    await this.#options.disk.removeTree(this.#options.directory)
  }

  /** The segments in front that lie wholly before `offset` and that the checkpoint does not name. */
  #removable(offset: number): Segment[] {
    const keptFrom = Math.min(offset, this.#safe?.baseOffset ?? 0)
    const firstKept = this.#segments.findIndex((_, i) => (this.#segments[i + 1]?.baseOffset ?? Infinity) > keptFrom)
    return this.#segments.slice(0, Math.max(0, firstKept))
  }

  #load(): Promise<void> {
    this.#loaded ??= (this.#safe === undefined ? this.#create() : this.#restore(this.#safe)).catch((error) => {
      // The next one tries again: a read that failed once may succeed.
      this.#loaded = undefined
      this.#segments = []
      throw error
    })
    return this.#loaded
  }

  async #create(): Promise<void> {
    const { disk, directory, topicId } = this.#options
    await disk.makeDirectory(directory)
    const file = await disk.open(join(directory, METADATA), 'write')
    try {
      await file.write(Buffer.from(metadataText(topicId)), 0)
    } finally {
      await file.close()
    }
    this.#isNew = true
    this.#namesDirty = true
  }

  async #syncMetadata(): Promise<void> {
    const file = await this.#options.disk.open(join(this.#options.directory, METADATA), 'write')
    try {
      await file.sync()
    } finally {
      await file.close()
    }
    this.#isNew = false
  }

  async #restore(safe: SafeEnd): Promise<void> {
    const { disk, directory, indexesTrusted } = this.#options
    const names = await disk.list(directory)
    const bases = names.filter((name) => /^\d{20}\.log$/.test(name)).map((name) => Number(name.slice(0, 20)))
    for (const baseOffset of bases.sort((a, b) => a - b)) {
      const segment = this.#segment(baseOffset, 0)
      const size = (await disk.size(segment.path)) ?? 0
      if (baseOffset > safe.baseOffset) {
        await segment.remove()
        continue
      }
      segment.size = baseOffset === safe.baseOffset ? safe.size : size
      if (size < segment.size) throw damaged(segment.path, `it has ${size} bytes, ${segment.size} were made durable`)
      if (baseOffset === safe.baseOffset) {
        await segment.restore(safe.lastBytes)
        await segment.ready(indexesTrusted)
      }
      this.#segments.push(segment)
    }
    if (this.#segments.at(-1)?.baseOffset !== safe.baseOffset) {
      throw damaged(this.#segment(safe.baseOffset, 0).path, 'it is missing')
    }
    // A crash may have come between a checkpoint and the removals that it allowed.
    this.#cleanedTo = -1
    this.#sizeBytes = this.#segments.reduce((sum, { size }) => sum + size, 0)
  }

  async #segmentFor(batch: Buffer): Promise<Segment> {
    const active = this.#segments.at(-1)
    if (active !== undefined && (active.size === 0 || this.#fits(active, active.size, batch))) return active
    return this.#roll(baseOffsetAt(batch, 0))
  }

  async #roll(baseOffset: number): Promise<Segment> {
    await this.#segments.at(-1)?.finish()
    const segment = this.#segment(baseOffset, 0)
    segment.begin()
    this.#segments.push(segment)
    this.#dirty.add(segment)
    this.#namesDirty = true
    return segment
  }

  #fits(segment: Segment, size: number, batch: Buffer): boolean {
    return (
      size + batch.length <= this.#options.segmentBytes && lastOffsetAt(batch, 0) - segment.baseOffset <= OFFSETS_MAX
    )
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

  #segment(baseOffset: number, size: number): Segment {
    const { disk, files, directory } = this.#options
    return new Segment({ disk, files, directory, baseOffset }, size)
  }
}

/** The text of `partition.metadata`: the topic id as the last four of sixteen bytes. */
export function metadataText(topicId: number): string {
  const id = Buffer.from('dwell-topic-____', 'latin1')
  id.writeUInt32BE(topicId, 12)
  return `version: 0\ntopic_id: ${id.toString('base64url')}`
}

/** The topic id in the text of a `partition.metadata`; undefined when it is none of ours. */
export function topicIdOf(text: string): number | undefined {
  const found = /^version: 0\ntopic_id: ([A-Za-z0-9_-]{22})$/.exec(text)
  const id = found === null ? undefined : Buffer.from(found[1], 'base64url')
  return id?.toString('latin1', 0, 12) === 'dwell-topic-' ? id.readUInt32BE(12) : undefined
}

function damaged(path: string, why: string): DwellError {
  return new DwellError('SEGMENT_DAMAGED', `${path} is damaged: ${why}.`, { path })
}
