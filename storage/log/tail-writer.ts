// Writes the tails of partitions to their segments, lazily: what is durable in the journal needs no haste, and one
// large write replaces many small ones. Where small tails are many they go to a run together (run.ts), for the same reason.
//
// Always true:
//   1. A partition is written when its tail is large (`partitionBytes`), when all tails together take more memory than
//      `memoryBytes` (those that wait longest first: they keep the oldest frames), or at a checkpoint.
//   2. Tails take at most twice `memoryBytes` and one group: beyond that no group is committed until some are written.
//   3. At most `writesMax` writes are under way, so that the journal finds a free thread; a run counts as one.
//   4. A run is written only for `runTailsMin` tails or more; fewer go to their segments.

import type { Runs } from '../run/runs.ts'
import type { Partition } from './partition.ts'

const KIB = 1024
const MIB = 1024 * KIB

export interface TailWriterOptions {
  runs: Runs
  memoryBytes?: number
  partitionBytes?: number
  writesMax?: number
  runTailsMin?: number
  onFailure: (error: unknown) => void
}

export class TailWriter {
  readonly #runs: Runs
  readonly #memoryBytes: number
  readonly #partitionBytes: number
  readonly #writesMax: number
  readonly #runTailsMin: number
  readonly #onFailure: (error: unknown) => void
  /** Partitions with a tail, the one that waits longest first. */
  readonly #waiting = new Set<Partition>()
  /** Those whose tail is large. */
  readonly #large = new Set<Partition>()
  readonly #writing = new Map<Partition, Promise<void>>()
  #spilling: Promise<void> | undefined
  #bytes = 0
  #stopped = false

  constructor(options: TailWriterOptions) {
    const { runs, memoryBytes = 32 * MIB, partitionBytes = 256 * KIB, writesMax = 2, runTailsMin = 64 } = options
    this.#runs = runs
    this.#memoryBytes = memoryBytes
    this.#partitionBytes = partitionBytes
    this.#writesMax = writesMax
    this.#runTailsMin = runTailsMin
    this.#onFailure = options.onFailure
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
      if (partition.spillable && this.#spillMany()) continue
      this.#writing.set(partition, this.#write(partition))
    }
  }

  /** Makes what these partitions have in tails, segments and runs now durable without the journal. */
  async sync(partitions: Iterable<Partition>): Promise<void> {
    await this.#runs.idle()
    const dirty = [...partitions].filter((partition) => partition.dirty)
    const small = dirty.filter((partition) => partition.spillable)
    const asRun = small.length >= this.#runTailsMin
    const others = asRun ? dirty.filter((partition) => !partition.spillable) : dirty
    if (asRun) await this.#runs.spill(small)
    let next = 0
    const worker = async () => {
      while (next < others.length) await others[next++].sync()
    }
    await Promise.all(Array.from({ length: this.#writesMax }, worker))
    // Last: a tail that waited for its turn here may have gone to a run meanwhile.
    await this.#runs.sync()
  }

  /** Resolves when there is room for a group; undefined when there is already. */
  room(): Promise<void> | undefined {
    return this.#full() ? this.#waitForRoom() : undefined
  }

  /** Begins no further write, and resolves when none is under way. */
  async stop(): Promise<void> {
    this.#stopped = true
    await Promise.all([...this.#writing.values(), this.#spilling])
  }

  #next(): Partition | undefined {
    for (const partition of this.#large) if (this.#mayWrite(partition)) return partition
    if (this.#bytes <= this.#memoryBytes || this.#spilling !== undefined) return undefined
    for (const partition of this.#waiting) if (this.#mayWrite(partition)) return partition
    return undefined
  }

  /** One write of a partition at a time. A dropped one writes nothing: its tail goes once nothing of it is under way. */
  #mayWrite(partition: Partition): boolean {
    return !this.#writing.has(partition) && !partition.dropped
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

  /** Begins to move all small tails into a run; false when they are too few. */
  #spillMany(): boolean {
    const small = [...this.#waiting].filter((partition) => partition.spillable)
    if (small.length < this.#runTailsMin) return false
    this.#spilling = this.#spill(small)
    return true
  }

  async #spill(partitions: readonly Partition[]): Promise<void> {
    try {
      // With too many runs it waits for their merge instead, and run() decides anew.
      await (this.#runs.full ? this.#runs.idle() : this.#runs.spill(partitions))
    } catch (error) {
      this.#stopped = true
      this.#onFailure(error)
    }
    this.#spilling = undefined
    this.run()
  }

  #full(): boolean {
    return this.#bytes >= 2 * this.#memoryBytes
  }

  async #waitForRoom(): Promise<void> {
    this.run()
    for (;;) {
      const under = [...this.#writing.values(), ...(this.#spilling === undefined ? [] : [this.#spilling])]
      if (!this.#full() || under.length === 0) return
      await Promise.race(under)
    }
  }
}
