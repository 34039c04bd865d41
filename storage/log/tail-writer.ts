// Writes the tails of partitions to their segments, lazily: what is durable in the journal needs no haste, and one
// large write replaces many small ones.
//
// Always true:
//   1. A partition is written when its tail is large (`partitionBytes`), when all tails together take more memory than
//      `memoryBytes` (those that wait longest first: they keep the oldest frames), or at a checkpoint.
//   2. Tails take at most twice `memoryBytes` and one group: beyond that no group is committed until some are written.
//   3. At most `writesMax` writes are under way, so that the journal finds a free thread.

import type { Partition } from './partition.ts'

const KIB = 1024
const MIB = 1024 * KIB

export interface TailWriterOptions {
  memoryBytes?: number
  partitionBytes?: number
  writesMax?: number
  onFailure: (error: unknown) => void
}

export class TailWriter {
  readonly #memoryBytes: number
  readonly #partitionBytes: number
  readonly #writesMax: number
  readonly #onFailure: (error: unknown) => void
  /** Partitions with a tail, the one that waits longest first. */
  readonly #waiting = new Set<Partition>()
  /** Those whose tail is large. */
  readonly #large = new Set<Partition>()
  readonly #writing = new Map<Partition, Promise<void>>()
  #bytes = 0
  #stopped = false

  constructor({ memoryBytes = 16 * MIB, partitionBytes = 256 * KIB, writesMax = 2, onFailure }: TailWriterOptions) {
    this.#memoryBytes = memoryBytes
    this.#partitionBytes = partitionBytes
    this.#writesMax = writesMax
    this.#onFailure = onFailure
  }

  /** Memory that all tails take. */
  get bytes(): number {
    return this.#bytes
  }

  /** The tail of `partition` takes `delta` bytes more, or less. */
  changed(partition: Partition, delta: number): void {
    this.#bytes += delta
    if (partition.tailBytes === 0) {
      this.#waiting.delete(partition)
      this.#large.delete(partition)
    } else if (delta > 0) {
      this.#waiting.add(partition)
      if (partition.tailBytes >= this.#partitionBytes) this.#large.add(partition)
    }
  }

  /** Begins as many writes as are due. */
  run(): void {
    while (this.#writing.size < this.#writesMax && !this.#stopped) {
      const partition = this.#next()
      if (partition === undefined) return
      this.#writing.set(partition, this.#write(partition))
    }
  }

  /** Resolves when there is room for a group; undefined when there is already. */
  room(): Promise<void> | undefined {
    return this.#full() ? this.#waitForRoom() : undefined
  }

  /** Begins no further write, and resolves when none is under way. */
  async stop(): Promise<void> {
    this.#stopped = true
    await Promise.all(this.#writing.values())
  }

  #next(): Partition | undefined {
    for (const partition of this.#large) if (!this.#writing.has(partition)) return partition
    if (this.#bytes <= this.#memoryBytes) return undefined
    for (const partition of this.#waiting) if (!this.#writing.has(partition)) return partition
    return undefined
  }

  async #write(partition: Partition): Promise<void> {
    try {
      await partition.flush()
    } catch (error) {
      this.#stopped = true
      this.#onFailure(error)
    }
    this.#writing.delete(partition)
    this.run()
  }

  #full(): boolean {
    return this.#bytes >= 2 * this.#memoryBytes
  }

  async #waitForRoom(): Promise<void> {
    this.run()
    while (this.#full() && this.#writing.size > 0) await Promise.race(this.#writing.values())
  }
}
