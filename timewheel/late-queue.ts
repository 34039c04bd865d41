// Messages that were behind the hand already when they were consumed: in the order in which they came, to be dispatched
// before the hand moves on. There may be very many, and each change of a message asks for them: has() and leastDueAtMs do not
// walk.

import { READY_ENTRY_OVERHEAD, type ReadyEntry } from './slot/slot-reader.ts'

export class LateQueue {
  #entries: ReadyEntry[] = []
  readonly #offsets = new Set<number>()
  #leastDueAtMs = Number.POSITIVE_INFINITY
  /** Memory held, as estimated. */
  bytes = 0

  get first(): ReadyEntry | undefined {
    return this.#entries[0]
  }

  /** The earliest due time of any of them; infinity when there is none. */
  get leastDueAtMs(): number {
    return this.#leastDueAtMs
  }

  push(entry: ReadyEntry): void {
    this.#entries.push(entry)
    this.#offsets.add(entry.offset)
    this.#leastDueAtMs = Math.min(this.#leastDueAtMs, entry.dueAtMs)
    this.bytes += entry.envelope.length + READY_ENTRY_OVERHEAD
  }

  /** Takes the first ones, at least one if there is one, as far as that many entries and bytes go. */
  take(entriesMax: number, bytesMax: number): ReadyEntry[] {
    let bytes = 0
    let count = 0
    while (count < this.#entries.length && count < entriesMax) {
      bytes += this.#entries[count].envelope.length
      if (count > 0 && bytes > bytesMax) break
      count++
    }
    const taken = this.#entries.splice(0, count)
    for (const { offset, envelope } of taken) {
      this.#offsets.delete(offset)
      this.bytes -= envelope.length + READY_ENTRY_OVERHEAD
    }
    this.#leastDueAtMs = leastDueAtMsOf(this.#entries)
    return taken
  }

  forEach(each: (entry: ReadyEntry) => void): void {
    this.#entries.forEach(each)
  }

  has(offset: number): boolean {
    return this.#offsets.has(offset)
  }
}

function leastDueAtMsOf(entries: readonly ReadyEntry[]): number {
  return entries.reduce((least, { dueAtMs }) => Math.min(least, dueAtMs), Number.POSITIVE_INFINITY)
}
