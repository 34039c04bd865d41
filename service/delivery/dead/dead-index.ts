// What is asked of dead letters most, in columns, so that 100,000 are filtered and counted in milliseconds instead of reading
// them all. Of one partition, from `first` to before `end`. A row is 24 bytes, and 8 more for its key and for each header of
// the publisher's; each reason stands there once (deaths.ts). With a key and three headers that is 6 MB for 100,000, and up to
// twice as much while the columns have room.
//
// Always true:
//   1. Every dead letter of that range has a row, in order of offset, also those that are removed since.
//   2. A row may be found too often, never too seldom. One that is found and `isCertain` matches, but for two fingerprints
//      that are the same by chance (fingerprint.ts); of another one the record has to be looked at.
//
// Derived, built from the log.

import type { DeadProbe } from './dead-probe.ts'
import type { DeathRow } from './death-row.ts'
import { type Death, Deaths } from './deaths.ts'
import type { Removed } from './removed.ts'

export interface Row {
  offset: number
  diedAtMs: number
  /** What it died of; undefined when that is not known. */
  death: Death | undefined
  isCertain: boolean
}

const ROW_SIZE = 24
const PRINT_SIZE = 8
/** Of a record with more keys and headers none is remembered: it is looked at each time. */
const PRINTS_MAX = 16
/** So many rows are looked at in one turn of the loop. */
const ROWS_AT_ONCE = 65_536

export class DeadIndex {
  readonly topicId: number
  readonly first: number
  /** Where to go on with the log. */
  end: number
  readonly deaths = new Deaths()
  #count = 0
  #offsets = new Float64Array(64)
  #diedAtMs = new Float64Array(64)
  #death = new Uint32Array(64)
  /** By row, where its fingerprints end; they begin where those of the row before do. */
  #printsEnd = new Uint32Array(64)
  #prints = new Uint32Array(256)

  constructor(topicId: number, first: number) {
    this.topicId = topicId
    this.first = first
    this.end = first
  }

  /** Bytes of memory, about. */
  get size(): number {
    return this.#offsets.length * ROW_SIZE + this.#prints.length * (PRINT_SIZE / 2) + this.deaths.size
  }

  add(offset: number, diedAtMs: number, { cause, reason, prints }: DeathRow): void {
    if (this.#count === this.#offsets.length) this.#grow()
    const row = this.#count++
    this.#offsets[row] = offset
    this.#diedAtMs[row] = diedAtMs
    this.#death[row] = this.deaths.idOf(cause, reason)
    this.#printsEnd[row] = this.#addPrints(row, prints.length > 2 * PRINTS_MAX ? UNKNOWN : prints)
  }

  #addPrints(row: number, prints: readonly number[]): number {
    const from = row === 0 ? 0 : this.#printsEnd[row - 1]
    const to = from + prints.length
    if (to > this.#prints.length) this.#prints = grown(this.#prints, new Uint32Array(this.#prints.length * 2))
    for (let i = 0; i < prints.length; i++) this.#prints[from + i] = prints[i]
    return to
  }

  #grow(): void {
    const size = this.#count * 2
    this.#offsets = grown(this.#offsets, new Float64Array(size))
    this.#diedAtMs = grown(this.#diedAtMs, new Float64Array(size))
    this.#death = grown(this.#death, new Uint32Array(size))
    this.#printsEnd = grown(this.#printsEnd, new Uint32Array(size))
  }

  /** The first `max` rows from `from` to before `to` that are not removed and may match, and where to go on; `to` at the end. */
  select(
    probe: DeadProbe,
    { from, to, removed, max }: { from: number; to: number; removed: Removed; max: number },
  ): { rows: Row[]; next: number } {
    const rows: Row[] = []
    const firstRow = this.#rowOf(from)
    const endRow = Math.min(this.#rowOf(to), firstRow + ROWS_AT_ONCE)
    for (let row = firstRow; row < endRow; row++) {
      const offset = this.#offsets[row]
      if (rows.length === max) return { rows, next: offset }
      const diedAtMs = this.#diedAtMs[row]
      const death = this.deaths.at(this.#death[row])
      if (!probe.isWithin(diedAtMs) || !probe.mayDieOf(death)) continue
      const isKnown = probe.prints.length === 0 || this.#knowsPrints(row)
      if (isKnown && !this.#hasPrints(row, probe.prints)) continue
      if (removed.has(offset)) continue
      rows.push({ offset, diedAtMs, death, isCertain: isKnown && probe.isSureOf(death) })
    }
    return { rows, next: endRow < this.#rowOf(to) ? this.#offsets[endRow] : to }
  }

  #knowsPrints(row: number): boolean {
    const from = row === 0 ? 0 : this.#printsEnd[row - 1]
    return this.#printsEnd[row] - from !== UNKNOWN.length
  }

  #hasPrints(row: number, wanted: readonly number[]): boolean {
    const from = row === 0 ? 0 : this.#printsEnd[row - 1]
    const to = this.#printsEnd[row]
    for (let i = 0; i < wanted.length; i += 2) {
      let at = from
      while (at < to && (this.#prints[at] !== wanted[i] || this.#prints[at + 1] !== wanted[i + 1])) at += 2
      if (at >= to) return false
    }
    return true
  }

  /** The first row at or behind an offset. */
  #rowOf(offset: number): number {
    let low = 0
    let high = this.#count
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#offsets[middle] < offset) low = middle + 1
      else high = middle
    }
    return low
  }
}

/** In place of the fingerprints of a record that has too many: no pair, so they cannot be taken for one. */
const UNKNOWN: readonly number[] = [0]

function grown<T extends Float64Array | Uint32Array>(column: T, larger: T): T {
  larger.set(column)
  return larger
}
