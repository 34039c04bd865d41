// A segment: a run of record batches of one partition in a file of Kafka's format, named by the first offset it may
// hold, with its two sparse indexes beside it.
//
//   <20-digit base offset>.log · .index (offset-index.ts) · .timeindex (time-index.ts)
//
// Always true:
//   1. Batches lie in order of their offsets, one behind the other; only the last segment of a partition grows.
//   2. What lies behind `size` does not count: it is written, but not yet part of the log, or left from before a crash.
//   3. Bytes are answered only after their checksum was seen to match.
//   4. A sector that is being written when the power goes may be lost as a whole, also what was durable in it. So the
//      checkpoint keeps the bytes of the last sector, and restore() writes them again.
//
// After a crash: segments.ts cuts the file to what the checkpoint says is safe, the journal brings the rest again. The
// indexes are derived: ready() checks them against the file and writes them anew when they disagree.

import { join } from 'node:path'
import type { Disk, DiskFile } from '../base/disk.ts'
import { DwellError } from '../base/errors.ts'
import { BatchCursor } from './batch-cursor.ts'
import { INDEX_INTERVAL_BYTES, OffsetIndex } from './offset-index.ts'
import type { FileOwner, OpenFiles } from './open-files.ts'
import {
  BATCH_HEADER_SIZE,
  baseOffsetAt,
  damageOfBatchAt,
  lastOffsetAt,
  maxTimestampAt,
  readRecords,
  sizeOfBatchAt,
} from './record-batch.ts'
import { TimeIndex } from './time-index.ts'

const READ_BYTES_MIN = 16 * 1024
export const SECTOR_SIZE = 512

export interface SegmentPlace {
  disk: Disk
  files: OpenFiles
  directory: string
  baseOffset: number
}

export class Segment implements FileOwner {
  readonly path: string
  readonly baseOffset: number
  /** Bytes that are part of the log. */
  size: number
  /** The latest timestamp, once ready; -1 without records. */
  maxTimestampMs = -1
  readonly #disk: Disk
  readonly #files: OpenFiles
  readonly #index: OffsetIndex
  readonly #times: TimeIndex
  /** The last offset of the first batch that holds maxTimestampMs. */
  #maxTimestampOffset = -1
  #bytesSinceEntry = 0
  #lastBytes: Buffer = Buffer.alloc(0)
  #ready: Promise<void> | undefined

  constructor({ disk, files, directory, baseOffset }: SegmentPlace, size: number) {
    const stem = join(directory, String(baseOffset).padStart(20, '0'))
    this.#disk = disk
    this.#files = files
    this.path = `${stem}.log`
    this.baseOffset = baseOffset
    this.size = size
    this.#index = new OffsetIndex(disk, `${stem}.index`, baseOffset)
    this.#times = new TimeIndex(disk, `${stem}.timeindex`, baseOffset)
  }

  /** The segment is new: its files are not there yet. */
  begin(): void {
    this.#index.begin()
    this.#times.begin()
    this.#ready = Promise.resolve()
  }

  /** Makes sure, once, that the indexes say what the file holds; with `trusted` false they are written anew. */
  ready(trusted = true): Promise<void> {
    this.#ready ??= this.#files
      .use(this, (file) => this.#checkIndexes(file, trusted))
      .catch((error) => {
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
    this.#lastBytes = lastBytes
    await this.#files.use(this, async (file) => {
      await file.truncate(this.size)
      if (lastBytes.length > 0) await file.write(lastBytes, this.size - lastBytes.length)
    })
  }

  /** Adds whole batches, in order, with one write. They are part of the log when this resolves, not yet durable. */
  async append(batches: readonly Buffer[]): Promise<void> {
    await this.ready()
    const bytes = batches.length === 1 ? batches[0] : Buffer.concat(batches)
    await this.#files.use(this, (file) => file.write(bytes, this.size))
    let position = this.size
    for (const batch of batches) {
      this.#note(position, batch.length, lastOffsetAt(batch, 0), maxTimestampAt(batch, 0))
      position += batch.length
    }
    this.size = position
    const lastSize = position % SECTOR_SIZE
    const known = bytes.length < lastSize ? Buffer.concat([this.#lastBytes, bytes]) : bytes
    this.#lastBytes = Buffer.from(known.subarray(known.length - lastSize))
  }

  /**
   * Whole batches from the one that holds `fromOffset`, or the next one there is, up to about `maxBytes`, at least one;
   * empty when nothing of that kind is here.
   * @throws BATCH_DAMAGED
   */
  async read(fromOffset: number, maxBytes: number): Promise<Buffer> {
    await this.ready()
    let position = await this.#index.positionBefore(fromOffset)
    return this.#files.use(this, async (file) => {
      let bytes = await this.#piece(file, position, maxBytes)
      let at = 0
      while (position + at < this.size) {
        const size = this.#checkedSize(bytes, at, position + at)
        if (size > 0 && at + size <= bytes.length) {
          if (lastOffsetAt(bytes, at) >= fromOffset) return this.#wholeBatches(bytes, at, maxBytes, fromOffset)
          at += size
        } else {
          position += at
          bytes = await this.#piece(file, position, Math.max(maxBytes, size))
          at = 0
        }
      }
      return Buffer.alloc(0)
    })
  }

  /** The first offset whose record is not earlier than `timestampMs`; undefined when all are earlier. */
  async offsetForTime(timestampMs: number): Promise<number | undefined> {
    await this.ready()
    if (this.maxTimestampMs < timestampMs) return undefined
    const from = await this.#index.positionBefore(await this.#times.offsetBefore(timestampMs))
    return this.#files.use(this, async (file) => {
      const cursor = new BatchCursor(file, from, this.size)
      while (await cursor.next()) {
        if (cursor.maxTimestampMs < timestampMs) continue
        const records = readRecords(await cursor.bytes())
        return records.find((record) => record.timestampMs >= timestampMs)?.offset
      }
      return undefined
    })
  }

  /** Completes the time index: nothing will be added any more. */
  async finish(): Promise<void> {
    await this.ready()
    if (this.size > 0) this.#times.append({ timestampMs: this.maxTimestampMs, offset: this.#maxTimestampOffset })
  }

  /** Makes what is part of the log durable; the indexes only when `indexes` is set (those of a growing segment need not). */
  async sync(indexes: boolean): Promise<void> {
    await this.#files.use(this, (file) => file.sync())
    await this.#index.flush(indexes)
    await this.#times.flush(indexes)
  }

  /** Removes the files. The `.log` goes last: while it is there, the segment is. */
  async remove(): Promise<void> {
    await this.#files.close(this)
    const stem = this.path.slice(0, -'.log'.length)
    await this.#disk.remove(`${stem}.timeindex`)
    await this.#disk.remove(`${stem}.index`)
    await this.#disk.remove(this.path)
  }

  async close(): Promise<void> {
    await this.#files.close(this)
  }

  forget(): void {
    this.#index.forget()
    this.#times.forget()
  }

  async #checkIndexes(file: DiskFile, trusted: boolean): Promise<void> {
    if (trusted && (await this.#resume(file))) return
    await this.#index.clear()
    await this.#times.clear()
    this.maxTimestampMs = -1
    this.#bytesSinceEntry = 0
    const cursor = new BatchCursor(file, 0, this.size)
    while (await cursor.next()) this.#note(cursor.position, cursor.size, cursor.lastOffset, cursor.maxTimestampMs)
  }

  /** Takes the state of both indexes up from their files; false when they do not fit what the segment holds. */
  async #resume(file: DiskFile): Promise<boolean> {
    const entry = await this.#index.last()
    const time = await this.#times.last()
    if (entry === 'disordered' || time === 'disordered') return false
    if (this.size > 0 && entry === undefined && time === undefined) return false
    this.maxTimestampMs = time?.timestampMs ?? -1
    this.#maxTimestampOffset = time?.offset ?? -1
    this.#bytesSinceEntry = 0
    const cursor = new BatchCursor(file, entry?.position ?? 0, this.size)
    let lastOffset = this.baseOffset - 1
    while (await cursor.next()) {
      if (cursor.position === entry?.position) {
        if (cursor.lastOffset !== entry.lastOffset || cursor.maxTimestampMs > this.maxTimestampMs) return false
      } else if (this.#bytesSinceEntry > INDEX_INTERVAL_BYTES) return false
      this.#count(cursor.size, cursor.lastOffset, cursor.maxTimestampMs)
      lastOffset = cursor.lastOffset
    }
    if (entry !== undefined && lastOffset < entry.lastOffset) return false
    return time === undefined || time.offset <= lastOffset
  }

  #note(position: number, size: number, lastOffset: number, maxTimestampMs: number): void {
    const due = this.#bytesSinceEntry > INDEX_INTERVAL_BYTES
    if (due) this.#bytesSinceEntry = 0
    this.#count(size, lastOffset, maxTimestampMs)
    if (!due) return
    this.#index.append({ lastOffset, position })
    this.#times.append({ timestampMs: this.maxTimestampMs, offset: this.#maxTimestampOffset })
  }

  #count(size: number, lastOffset: number, maxTimestampMs: number): void {
    this.#bytesSinceEntry += size
    if (maxTimestampMs <= this.maxTimestampMs) return
    this.maxTimestampMs = maxTimestampMs
    this.#maxTimestampOffset = lastOffset
  }

  /** The size of the batch at `at`, 0 when its length was not read yet; one that cannot be is damage. */
  #checkedSize(bytes: Buffer, at: number, position: number): number {
    const left = this.size - position
    const known = at + BATCH_HEADER_SIZE <= bytes.length
    const size = known ? sizeOfBatchAt(bytes, at) : 0
    if (left < BATCH_HEADER_SIZE || size > left) throw this.#damaged(position, 'it ends behind the segment')
    if (known && size < BATCH_HEADER_SIZE) throw this.#damaged(position, `its size ${size} is below that of a header`)
    return size
  }

  async #piece(file: DiskFile, position: number, maxBytes: number): Promise<Buffer> {
    const size = Math.max(0, Math.min(Math.max(maxBytes, READ_BYTES_MIN), this.size - position))
    const bytes = Buffer.allocUnsafeSlow(size)
    const filled = await file.read(bytes, position)
    if (filled < size) throw this.#damaged(position, 'the file ends early')
    return bytes
  }

  /** The whole batches from `at` on whose sum stays below `maxBytes`, the first in any case; each is checked. */
  #wholeBatches(bytes: Buffer, at: number, maxBytes: number, fromOffset: number): Buffer {
    const baseOffset = baseOffsetAt(bytes, at)
    if (baseOffset > fromOffset) throw this.#missing(fromOffset, baseOffset - 1)
    let end = at
    for (;;) {
      const size = sizeOfBatchAt(bytes, end)
      if (size === 0 || end + size > bytes.length || (end > at && end + size - at > maxBytes)) break
      const why = damageOfBatchAt(bytes, end)
      if (why !== undefined && end === at) throw this.#damagedBatch(bytes, end, why, fromOffset)
      if (why !== undefined) break
      end += size
    }
    return bytes.subarray(at, end)
  }

  /** Nothing takes single records out of a segment, so a gap is damage. */
  #missing(offset: number, lastOffset: number): DwellError {
    const sentence = `Offsets ${offset} to ${lastOffset} are missing in ${this.path}.`
    return new DwellError('BATCH_DAMAGED', sentence, { path: this.path, offset, lastOffset })
  }

  #damagedBatch(bytes: Buffer, at: number, why: string, fromOffset: number): DwellError {
    const lastOffset = lastOffsetAt(bytes, at)
    const sentence = `The batch with offsets ${fromOffset} to ${lastOffset} in ${this.path} is damaged: ${why}.`
    return new DwellError('BATCH_DAMAGED', sentence, { path: this.path, offset: fromOffset, lastOffset })
  }

  #damaged(position: number, why: string): DwellError {
    const sentence = `The batch at byte ${position} of ${this.path} is damaged: ${why}.`
    return new DwellError('BATCH_DAMAGED', sentence, { path: this.path, position })
  }
}
