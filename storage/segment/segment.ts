// A segment: a run of record batches of one partition in a file of Kafka's format, named by the first offset it may
// hold, with its two sparse indexes beside it.
//
//   <20-digit base offset>.log · .index (offset-index.ts) · .timeindex (time-index.ts)
//
// Always true:
//   1. Batches lie in order of their offsets, one behind the other; only the last segment of a partition grows.
//   2. What lies behind `size` does not count: it is written, but not yet part of the log, or left from before a crash.
//   3. Bytes are answered only after their checksum was seen to match. Damage is reported with exactly the offsets that
//      cannot be read (batch-walk.ts), so that a reader can go on behind them.
//   4. A sector that is being written when the power goes may be lost as a whole, also what was durable in it. So the
//      checkpoint keeps the bytes of the last sector, and restore() writes them again.
//   5. Its files are not taken away while somebody reads them: retire() lets no reader in, and waits for the last.
//
// After a crash: segments.ts cuts the file to what the checkpoint says is safe, the journal brings the rest again. The
// indexes are derived: ready() checks them against the file and writes them anew when they disagree.

import { join } from 'node:path'
import { BufferPool, type PooledBuffer } from '../base/buffer-pool.ts'
import type { Disk, DiskFile, OpenMode } from '../base/disk.ts'
import { DwellError } from '../base/errors.ts'
import {
  BATCH_HEADER_SIZE,
  baseOffsetAt,
  damageOfBatchAt,
  lastOffsetAt,
  maxTimestampAt,
  sizeOfBatchAt,
} from '../batch/record-batch.ts'
import { readRecords } from '../batch/record-page.ts'
import type { Allocate } from '../engine.ts'
import { BatchWalk, type Extent, type Missing } from './batch-walk.ts'
import { FileWindow } from './file-window.ts'
import type { OffsetEntry } from './offset-index.ts'
import type { FileOwner, OpenFiles } from './open-files.ts'
import { SegmentIndexes } from './segment-indexes.ts'

const READ_BYTES_MIN = 16 * 1024
const WALK_BYTES = 256 * 1024
export const SECTOR_SIZE = 512
/** Offsets in a segment lie at most so far apart: indexes store 31-bit distances from its base. */
export const OFFSETS_MAX = 2 ** 31 - 1

export interface SegmentPlace {
  disk: Disk
  files: OpenFiles
  directory: string
  baseOffset: number
  /** Records may have been compacted away: a gap between offsets is no damage. */
  mayHaveGaps?: boolean
  /** See SegmentIndexesOptions. */
  indexIntervalBytes?: number
  /** For the bytes of one write. */
  pool?: BufferPool
}

/** What a segment's file is called behind its base offset: see segment-exchange.ts. */
export type SegmentEnding = '.log' | '.log.cleaned' | '.log.swap'

export class Segment implements FileOwner {
  readonly baseOffset: number
  readonly mayHaveGaps: boolean
  /** Bytes that are part of the log. */
  size: number
  /** The offset behind the last batch; infinite when that is not known. */
  endOffset: number
  /** Growing ones are written to; others must not be made anew when they are missing. */
  mode: OpenMode = 'read'
  ending: SegmentEnding = '.log'
  readonly #stem: string
  readonly #files: OpenFiles
  readonly #pool: BufferPool
  readonly #disk: Disk
  readonly #indexes: SegmentIndexes
  #lastBytes: Buffer = Buffer.alloc(0)
  #ready: Promise<void> | undefined
  #retired = false

  constructor(place: SegmentPlace, size: number, endOffset = Number.POSITIVE_INFINITY) {
    const { disk, files, directory, baseOffset, mayHaveGaps = false, indexIntervalBytes } = place
    const { pool = new BufferPool(0) } = place
    this.#stem = join(directory, String(baseOffset).padStart(20, '0'))
    this.#disk = disk
    this.#files = files
    this.#pool = pool
    this.baseOffset = baseOffset
    this.mayHaveGaps = mayHaveGaps
    this.size = size
    this.endOffset = endOffset
    this.#indexes = new SegmentIndexes({ disk, stem: this.#stem, baseOffset, intervalBytes: indexIntervalBytes })
  }

  get path(): string {
    return `${this.#stem}${this.ending}`
  }

  /** The latest timestamp, once ready; -1 without records. */
  get maxTimestampMs(): number {
    return this.#indexes.maxTimestampMs
  }

  /** The segment is new: its files are not there yet. */
  begin(ending: SegmentEnding = '.log'): void {
    this.mode = 'write'
    this.ending = ending
    this.endOffset = this.baseOffset
    this.#indexes.begin()
    this.#ready = Promise.resolve()
  }

  /** Makes sure, once, that the indexes say what the file holds; with `trusted` false they are written anew. */
  async ready(trusted = true): Promise<void> {
    if (this.#ready === undefined) await this.#files.use(this, (file) => this.#readyWith(file, trusted))
    else await this.#ready
  }

  #readyWith(file: DiskFile, trusted: boolean): Promise<void> {
    this.#ready ??= this.#checkIndexes(file, trusted).catch((error) => {
      // The next one tries again: a read that failed once may succeed.
      this.#ready = undefined
      throw error
    })
    return this.#ready
  }

  /** Those of its bytes that lie in the last sector, when it is not full. */
  get lastBytes(): Buffer {
    return this.#lastBytes
  }

  /** Drops what lies behind `size`, and writes the bytes of the last sector again. */
  async restore(lastBytes: Buffer): Promise<void> {
    this.mode = 'write'
    this.#lastBytes = lastBytes
    await this.#files.use(this, async (file) => {
      await file.truncate(this.size)
      if (lastBytes.length > 0) await file.write(lastBytes, this.size - lastBytes.length)
    })
  }

  /** Adds whole batches, in order, with one write. They are part of the log when this resolves, not yet durable. */
  async append(batches: readonly Buffer[]): Promise<void> {
    await this.ready()
    const joined = batches.length === 1 ? undefined : this.#join(batches)
    const bytes = joined?.bytes ?? batches[0]
    await this.#files.use(this, (file) => file.write(bytes, this.size))
    let position = this.size
    for (const batch of batches) {
      const lastOffset = lastOffsetAt(batch, 0)
      this.#indexes.add({ position, size: batch.length, lastOffset, maxTimestampMs: maxTimestampAt(batch, 0) })
      position += batch.length
      this.endOffset = lastOffset + 1
    }
    this.size = position
    const lastSize = position % SECTOR_SIZE
    const known = bytes.length < lastSize ? Buffer.concat([this.#lastBytes, bytes]) : bytes
    this.#lastBytes = Buffer.from(known.subarray(known.length - lastSize))
    joined?.buffer.release()
  }

  #join(batches: readonly Buffer[]): { buffer: PooledBuffer; bytes: Buffer } {
    const buffer = this.#pool.take(batches.reduce((sum, { length }) => sum + length, 0))
    let size = 0
    for (const batch of batches) size += batch.copy(buffer.bytes, size)
    return { buffer, bytes: buffer.bytes.subarray(0, size) }
  }

  /**
   * Whole batches from the one that holds `fromOffset`, or the next one there is, up to about `maxBytes`, at least one;
   * empty when nothing of that kind is here.
   * @throws BATCH_DAMAGED with the offsets that cannot be read
   */
  async read(fromOffset: number, maxBytes: number, allocate?: Allocate): Promise<Buffer> {
    return this.#held(fromOffset, async (file) => {
      // Small: the batches before are only walked over, the page is read once it is known where it begins.
      const window = new FileWindow(file, this.size, READ_BYTES_MIN)
      const extent = this.#extent()
      const walk = new BatchWalk(window, extent, fromOffset, await this.#indexes.entryBefore(fromOffset))
      let more = await walk.next()
      for (; more && !isMissing(walk.missing, fromOffset); ) {
        if (walk.lastOffset < fromOffset) {
          more = await walk.next()
          continue
        }
        const bytes = await window.at(walk.position, Math.max(maxBytes, walk.size), allocate)
        const why = damageOfBatchAt(bytes, 0) ?? overlapIn(bytes, walk)
        if (why === undefined) return wholeBatches(bytes, maxBytes, extent)
        more = await walk.passOver(why)
      }
      if (isMissing(walk.missing, fromOffset)) throw this.#damaged(fromOffset, walk.missing)
      return Buffer.alloc(0)
    })
  }

  /** The first offset from `fromOffset` on whose record is not earlier than `timestampMs`; undefined without one. */
  async offsetForTime(timestampMs: number, fromOffset = 0): Promise<number | undefined> {
    return this.#held(fromOffset, async (file) => {
      if (this.maxTimestampMs < timestampMs) return undefined
      const window = new FileWindow(file, this.size, WALK_BYTES)
      const walkFrom = (entry?: OffsetEntry) => new BatchWalk(window, this.#extent(), -1, entry)
      const walk = walkFrom(await this.#indexes.entryBeforeTime(timestampMs, walkFrom))
      while (await walk.next()) {
        if (walk.maxTimestampMs < timestampMs || walk.lastOffset < fromOffset) continue
        const bytes = (await window.at(walk.position, walk.size)).subarray(0, walk.size)
        if (damageOfBatchAt(bytes, 0) !== undefined) continue
        const found = readRecords(bytes, fromOffset).find((record) => record.timestampMs >= timestampMs)
        if (found !== undefined) return found.offset
      }
      return undefined
    })
  }

  /** Completes the time index: nothing will be added any more. */
  async finish(): Promise<void> {
    await this.ready()
    this.#indexes.finish()
  }

  /** Makes what is part of the log durable; the indexes only when `indexes` is set (those of a growing segment need not). */
  async sync(indexes: boolean): Promise<void> {
    await this.#files.use(this, (file) => file.sync())
    await this.#indexes.flush(indexes)
    if (indexes) this.mode = 'read'
  }

  /** Makes the indexes durable, those of a segment that takes the place of others. */
  async syncIndexes(): Promise<void> {
    await this.#indexes.flush(true)
    this.mode = 'read'
  }

  /** Makes the log durable, the indexes not. */
  async syncLog(): Promise<void> {
    await this.#files.use(this, (file) => file.sync())
  }

  /** Whether readers have to look for what they want elsewhere. */
  get retired(): boolean {
    return this.#retired
  }

  /** Lets no reader in any more; resolves when the last one has left and the file is closed. */
  async retire(): Promise<void> {
    this.#retired = true
    await this.#files.close(this)
  }

  /** Removes the files of a retired segment. The `.log` goes last: while it is there, the segment is. */
  async remove(): Promise<void> {
    await this.#files.close(this)
    await this.#indexes.remove()
    await this.#disk.remove(this.path)
  }

  /** Removes a segment that was to take the place of others and does not: the indexes of that name are theirs. */
  async discard(): Promise<void> {
    await this.#files.close(this)
    await this.#disk.remove(this.path)
  }

  async removeIndexes(): Promise<void> {
    await this.#indexes.remove()
  }

  async close(): Promise<void> {
    await this.#files.close(this)
  }

  forget(): void {
    this.#indexes.forget()
  }

  /** Reads the file, which stays until `task` is done, for what lies from `fromOffset` on; the indexes are ready. */
  async #held<T>(fromOffset: number, task: (file: DiskFile) => Promise<T>): Promise<T> {
    try {
      // One use for all of it: as long as it lasts, retire() waits.
      return await this.#files.use(this, async (file) => {
        await this.#readyWith(file, true)
        return task(file)
      })
    } catch (error) {
      const { code, path } = error as NodeJS.ErrnoException
      if (code !== 'ENOENT' || path !== this.path) throw error
      throw this.#damaged(fromOffset, {
        offset: fromOffset,
        lastOffset: this.endOffset - 1,
        why: 'the file is missing',
      })
    }
  }

  #extent(): Extent {
    const { size, baseOffset, endOffset, mayHaveGaps } = this
    return { size, baseOffset, endOffset, mayHaveGaps }
  }

  async #checkIndexes(file: DiskFile, trusted: boolean): Promise<void> {
    const window = new FileWindow(file, this.size, WALK_BYTES)
    const walkFrom = (entry?: OffsetEntry) => new BatchWalk(window, this.#extent(), -1, entry)
    if (trusted && (await this.#indexes.resume(walkFrom))) return
    await this.#indexes.rebuild(walkFrom())
  }

  #damaged(offset: number, { lastOffset, why }: Missing): DwellError {
    const sentence = `Offsets ${offset} to ${lastOffset} in ${this.path} cannot be read: ${why}.`
    return new DwellError('BATCH_DAMAGED', sentence, { path: this.path, offset, lastOffset })
  }
}

function isMissing(missing: Missing | undefined, offset: number): missing is Missing {
  return missing !== undefined && offset <= missing.lastOffset
}

function overlapIn(bytes: Buffer, { size, lastOffset, followsGap }: BatchWalk): string | undefined {
  if (!followsGap || size + BATCH_HEADER_SIZE > bytes.length) return undefined
  if (damageOfBatchAt(bytes, size) !== undefined) return undefined
  return baseOffsetAt(bytes, size) > lastOffset ? undefined : 'its offsets overlap those of the next batch'
}

/** The batches in front whose sum stays below `maxBytes`, the first in any case, as far as they are good. */
function wholeBatches(bytes: Buffer, maxBytes: number, { endOffset, mayHaveGaps }: Extent): Buffer {
  let end = sizeOfBatchAt(bytes, 0)
  let nextOffset = lastOffsetAt(bytes, 0) + 1
  while (end + BATCH_HEADER_SIZE <= bytes.length && nextOffset < endOffset) {
    const size = sizeOfBatchAt(bytes, end)
    if (end + size > maxBytes || damageOfBatchAt(bytes, end) !== undefined) break
    const baseOffset = baseOffsetAt(bytes, end)
    if (mayHaveGaps ? baseOffset < nextOffset : baseOffset !== nextOffset) break
    nextOffset = lastOffsetAt(bytes, end) + 1
    end += size
  }
  return bytes.subarray(0, end)
}
