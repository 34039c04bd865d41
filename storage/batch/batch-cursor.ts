// Walks over the batches of a segment file by their headers, in order, reading ahead in bounded pieces.

import type { DiskFile } from '../base/disk.ts'
import {
  BATCH_HEADER_SIZE,
  baseOffsetAt,
  damageOfBatchAt,
  lastOffsetAt,
  maxTimestampAt,
  sizeOfBatchAt,
} from './record-batch.ts'

const WINDOW_BYTES = 256 * 1024

export class BatchCursor {
  readonly #file: DiskFile
  readonly #end: number
  #window: Buffer = Buffer.alloc(0)
  #windowAt = 0
  /** Where the current batch begins. */
  position: number
  size = 0
  baseOffset = -1
  lastOffset = -1
  maxTimestampMs = -1

  /** Walks from `position`, where a batch must begin, up to `end`. */
  constructor(file: DiskFile, position: number, end: number) {
    this.#file = file
    this.#end = end
    this.position = position
  }

  /** Goes to the next batch; false when no whole one follows. */
  async next(): Promise<boolean> {
    this.position += this.size
    this.size = 0
    if (this.position + BATCH_HEADER_SIZE > this.#end) return false
    await this.#reach(BATCH_HEADER_SIZE)
    const at = this.position - this.#windowAt
    const size = sizeOfBatchAt(this.#window, at)
    if (size < BATCH_HEADER_SIZE || this.position + size > this.#end) return false
    this.size = size
    this.baseOffset = baseOffsetAt(this.#window, at)
    this.lastOffset = lastOffsetAt(this.#window, at)
    this.maxTimestampMs = maxTimestampAt(this.#window, at)
    return true
  }

  /** The bytes of the current batch. */
  async bytes(): Promise<Buffer> {
    await this.#reach(this.size)
    const at = this.position - this.#windowAt
    return this.#window.subarray(at, at + this.size)
  }

  /** What is wrong with the current batch; undefined when nothing is. */
  async damage(): Promise<string | undefined> {
    return damageOfBatchAt(await this.bytes(), 0)
  }

  async #reach(size: number): Promise<void> {
    const at = this.position - this.#windowAt
    if (at >= 0 && at + size <= this.#window.length) return
    const window = Buffer.alloc(Math.min(Math.max(size, WINDOW_BYTES), this.#end - this.position))
    await this.#file.read(window, this.position)
    this.#window = window
    this.#windowAt = this.position
  }
}
