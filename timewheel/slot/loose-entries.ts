// Entries in memory, in no order, gathered to be put in order: up to a number of bytes, what sorting them takes included.

import { FiringOrder } from './firing-order.ts'
import type { MemoryRun } from './run-cursor.ts'
import { endAt } from './slot-entry.ts'
import type { StagedWriter } from './staged-writer.ts'

/** What an entry takes beside its bytes while it is sorted. */
const SORT_OVERHEAD = 40

/** How much was gathered at some time, to go back to. */
export interface Gathered {
  size: number
  count: number
}

export class LooseEntries {
  readonly #bytes: Buffer
  readonly #memoryBytes: number
  #order = new FiringOrder()
  size = 0

  constructor(memoryBytes: number) {
    this.#memoryBytes = memoryBytes
    this.#bytes = Buffer.allocUnsafeSlow(memoryBytes)
  }

  get heldBytes(): number {
    return this.#bytes.length + this.#order.count * SORT_OVERHEAD
  }

  get gathered(): Gathered {
    return { size: this.size, count: this.#order.count }
  }

  fits(size: number): boolean {
    return this.size + size + (this.#order.count + 1) * SORT_OVERHEAD <= this.#memoryBytes
  }

  /** Takes in the entry that lies in `bytes` from `at` on. */
  add(bytes: Buffer, at: number, size: number, dueAtMs: number, rank: number): void {
    bytes.copy(this.#bytes, this.size, at, at + size)
    this.#order.add(dueAtMs, rank, this.size)
    this.size += size
  }

  /** Forgets what was gathered since. */
  backTo({ size, count }: Gathered): void {
    this.size = size
    this.#order.truncate(count)
  }

  /** Puts all of it in order, to stay in memory; this is empty then. */
  toRun(): MemoryRun {
    const bytes = Buffer.allocUnsafeSlow(this.size)
    this.#bytes.copy(bytes, 0, 0, this.size)
    const run = { bytes, order: this.#order.sorted(), next: 0 }
    this.#clear()
    return run
  }

  /** Writes all of it in order; this is empty then. */
  async writeTo(writer: StagedWriter, second: number): Promise<void> {
    for (const at of this.#order.sorted()) {
      const full = writer.put(this.#bytes, at, endAt(this.#bytes, at, second, at))
      if (full !== undefined) await full
    }
    this.#clear()
  }

  #clear(): void {
    this.size = 0
    this.#order = new FiringOrder()
  }
}
