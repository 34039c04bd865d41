// The messages between the hand and the horizon: all that is due soon, in memory, in the order of firing. What was read
// from slots is sorted once; what arrives later goes into a heap beside it; the first of the two comes next.

import { comparePlaces } from './entry/place.ts'
import { Heap, type Order } from './heap.ts'
import { READY_ENTRY_OVERHEAD, type ReadyEntry } from './slot/slot-reader.ts'

class FiringFirst implements Order<ReadyEntry> {
  isBefore(a: ReadyEntry, b: ReadyEntry): boolean {
    return comparePlaces(a, b) < 0
  }
}

export class ReadyQueue {
  #sorted: ReadyEntry[] = []
  #next = 0
  readonly #heap = new Heap<ReadyEntry>(new FiringFirst())
  readonly #cancelled = new Set<number>()
  /** Memory held, as estimated. */
  bytes = 0

  /** Adds entries in the order of firing, all of them behind everything that append() was given before. */
  append(entries: readonly ReadyEntry[]): void {
    this.#sorted = this.#next === this.#sorted.length ? [...entries] : this.#sorted.slice(this.#next).concat(entries)
    this.#next = 0
    for (const entry of entries) this.bytes += entry.envelope.length + READY_ENTRY_OVERHEAD
  }

  push(entry: ReadyEntry): void {
    this.bytes += entry.envelope.length + READY_ENTRY_OVERHEAD
    this.#heap.push(entry)
  }

  /** Takes a message that is in this queue out of it. */
  cancel(offset: number): void {
    this.#cancelled.add(offset)
  }

  /** The entry that fires next; cancelled ones are passed over. */
  peek(): ReadyEntry | undefined {
    for (;;) {
      const entry = this.#first()
      if (entry === undefined || this.#cancelled.size === 0 || !this.#cancelled.delete(entry.offset)) return entry
      this.#drop(entry)
    }
  }

  /** Takes the entry that peek() answered. */
  shift(entry: ReadyEntry): void {
    this.#drop(entry)
  }

  /** Calls `each` for every entry that is not cancelled, in no order. */
  forEach(each: (entry: ReadyEntry) => void): void {
    for (let i = this.#next; i < this.#sorted.length; i++)
      if (!this.#cancelled.has(this.#sorted[i].offset)) each(this.#sorted[i])
    for (const entry of this.#heap.items) if (!this.#cancelled.has(entry.offset)) each(entry)
  }

  #first(): ReadyEntry | undefined {
    const sorted = this.#sorted[this.#next]
    const heaped = this.#heap.first
    if (sorted === undefined) return heaped
    return heaped === undefined || comparePlaces(sorted, heaped) <= 0 ? sorted : heaped
  }

  #drop(entry: ReadyEntry): void {
    this.bytes -= entry.envelope.length + READY_ENTRY_OVERHEAD
    if (entry === this.#sorted[this.#next]) {
      this.#next++
      if (this.#next === this.#sorted.length) {
        this.#sorted = []
        this.#next = 0
      }
    } else this.#heap.shift()
  }
}
