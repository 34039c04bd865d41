// The memory of unwritten entries: chunks of one size, cut from slabs and used again and again. Chunks of any size, given
// back to the allocator, leave the heap so full of holes that the process stays a third larger than what it holds.
//
// Always true: a chunk is either free or held by one slot; slabs are never given back, so the pool is as large as it ever was.

const SLAB_CHUNKS = 256
/** Holds three entries of a kibibyte; a slot wastes half a chunk on average, so small ones suit thousands of slots. */
export const CHUNK_SIZE = 4096

export class ChunkPool {
  readonly #free: Buffer[] = []

  /** A chunk of at least `size` bytes; one of its own where an entry is larger than a chunk. */
  take(size: number): Buffer {
    if (size > CHUNK_SIZE) return Buffer.allocUnsafeSlow(size)
    if (this.#free.length === 0) this.#addSlab()
    return this.#free.pop() as Buffer
  }

  /** Gives a chunk back; nobody may hold a view into it any more. */
  give(chunk: Buffer): void {
    if (chunk.length === CHUNK_SIZE) this.#free.push(chunk)
  }

  #addSlab(): void {
    const slab = Buffer.allocUnsafeSlow(SLAB_CHUNKS * CHUNK_SIZE)
    for (let at = slab.length - CHUNK_SIZE; at >= 0; at -= CHUNK_SIZE) {
      this.#free.push(slab.subarray(at, at + CHUNK_SIZE))
    }
  }
}
