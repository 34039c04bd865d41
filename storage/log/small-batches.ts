// Copies of batches that are a small part of their frame, so that they do not keep all of it in memory: side by side in
// pages out of a pool. Each in a buffer of its own, they were the most of what made for a full garbage collection every few
// seconds at 2,000 delayed messages a second, and those are what the slowest of a hundred deliveries waits for.
//
// Always true: a page is used again when every batch in it was let go of, however often. So a batch that waits long keeps
// PAGE_SIZE at most.

import type { BufferPool, PooledBuffer } from '../base/buffer-pool.ts'

const KIB = 1024
const PAGE_SIZE = 16 * KIB
const BATCH_SIZE_MAX = 4 * KIB

export class SmallBatches {
  readonly #pool: BufferPool
  #page: PooledBuffer | undefined
  #used = 0

  constructor(pool: BufferPool) {
    this.#pool = pool
  }

  /** A copy, and the page that has to be held for as long as it is needed; none of a batch that is too large for one. */
  copy(batch: Buffer): { bytes: Buffer; page: PooledBuffer | undefined } {
    if (batch.length > BATCH_SIZE_MAX) return { bytes: Buffer.from(batch), page: undefined }
    if (this.#page === undefined || this.#used + batch.length > PAGE_SIZE) {
      this.#page?.release()
      this.#page = this.#pool.take(PAGE_SIZE)
      this.#used = 0
    }
    const bytes = this.#page.bytes.subarray(this.#used, this.#used + batch.length)
    bytes.set(batch)
    this.#used += batch.length
    return { bytes, page: this.#page }
  }
}
