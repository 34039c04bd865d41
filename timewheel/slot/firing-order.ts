// Puts entries of one second in the order of firing (slot-entry.ts says which), each standing for a number of the caller's,
// say where it lies. Counted by millisecond, not compared: entries come by offset mostly, so that little is left to compare.
// A hundred thousand take some five milliseconds.

export class FiringOrder {
  #dueMs: number[] = []
  #ranks: number[] = []
  #entries: number[] = []

  get count(): number {
    return this.#entries.length
  }

  add(dueAtMs: number, rank: number, entry: number): void {
    this.#dueMs.push(dueAtMs % 1000)
    this.#ranks.push(rank)
    this.#entries.push(entry)
  }

  /** Forgets all entries but the first `count`. */
  truncate(count: number): void {
    this.#dueMs.length = this.#ranks.length = this.#entries.length = count
  }

  /** The entries in order. */
  sorted(): Float64Array {
    const [dueMs, ranks, entries] = [this.#dueMs, this.#ranks, this.#entries]
    const ends = new Uint32Array(1001)
    for (let i = 0; i < dueMs.length; i++) ends[dueMs[i] + 1]++
    for (let ms = 0; ms < 1000; ms++) ends[ms + 1] += ends[ms]
    const starts = ends.slice()
    const order = new Uint32Array(dueMs.length)
    for (let i = 0; i < dueMs.length; i++) order[starts[dueMs[i]]++] = i
    for (let ms = 0; ms < 1000; ms++) {
      const [from, to] = [ends[ms], ends[ms + 1]]
      for (let at = from + 1; at < to; at++) {
        if (ranks[order[at - 1]] <= ranks[order[at]]) continue
        order.subarray(from, to).sort((a, b) => ranks[a] - ranks[b])
        break
      }
    }
    return Float64Array.from(order, (i) => entries[i])
  }
}
