// Records that were read from the log but not yet acquired, a buffer per source: an acquisition goes on in the middle of
// what was read for the one before it. Derived: dropping a buffer at any time only costs reading again.
// The bound is on all buffers together (read-ahead-budget.ts).

import type { StoredRecord } from '../../../storage/index.ts'
import { hashOfRecord } from '../keys/key-turns.ts'
import type { ReadAheadBudget } from './read-ahead-budget.ts'

export class ReadAhead {
  readonly #budget: ReadAheadBudget
  #records: StoredRecord[] = []
  /** Of their keys, where somebody asked. */
  #hashes: number[] = []
  #at = 0
  #bytes = 0

  constructor(budget: ReadAheadBudget) {
    this.#budget = budget
  }

  get count(): number {
    return this.#records.length - this.#at
  }

  /** What they pin, at most. */
  get bytes(): number {
    return this.#bytes
  }

  /** The record at `index` of those that are left. */
  peek(index: number): StoredRecord {
    return this.#records[this.#at + index]
  }

  /** Of its key (key-turns.ts). Asked for several times a record, so it is reckoned once. */
  hash(index: number): number {
    return (this.#hashes[this.#at + index] ??= hashOfRecord(this.peek(index).body))
  }

  /** Adds what was read: `records` are views into a buffer of `size` bytes. */
  add(records: StoredRecord[], size: number): void {
    const kept = this.count
    this.#records = kept === 0 ? records : this.#records.slice(this.#at).concat(records)
    this.#hashes = kept === 0 ? [] : this.#hashes.slice(this.#at)
    this.#at = 0
    // What is left of the readings before pins their whole buffers.
    this.#bytes = kept === 0 ? size : this.#bytes + size
    this.#budget.hold(this, this.#bytes)
  }

  skip(count: number): void {
    this.#at += count
    if (this.count === 0) this.drop()
  }

  drop(): void {
    this.#records = []
    this.#hashes = []
    this.#at = 0
    this.#bytes = 0
    this.#budget.letGo(this)
  }
}
