// What is asked of dead letters most, in columns: 24 bytes each, so that 100,000 are filtered and counted in milliseconds
// instead of reading them all. Of one partition, from `first` to before `end`.
//
// Always true:
//   1. Every dead letter of that range has a row, in order of offset, also those that are removed since.
//   2. A row may claim too much, never too little: by its marks, and by a death that is not known (0). Who needs to be
//      certain reads the record.
//
// Derived, built from the log.

import { crc32c, type RecordBody } from '../../../storage/index.ts'
import type { DeathRow } from '../dead-letter-scan.ts'
import { type DeadLetterFilter, isWithin, matchesDeath } from './dead-letter-filter.ts'
import type { Removed } from './removed.ts'

/** A cause and a reason that records died of. */
export interface Death {
  cause: string
  reason: string
}

/** Reasons that differ each time must not fill memory: those beyond so many are not remembered. */
const DEATHS_MAX = 10_000
const ROW_SIZE = 24

export class DeadIndex {
  readonly topicId: number
  readonly first: number
  end: number
  /** The first one stands for all that are not known. */
  readonly deaths: Death[] = [{ cause: '', reason: '' }]
  readonly #deathIds = new Map<string, number>()
  #reasonSize = 0
  #count = 0
  #offsets = new Float64Array(64)
  #diedAtMs = new Float64Array(64)
  #death = new Uint32Array(64)
  #marks = new Uint32Array(64)

  constructor(topicId: number, first: number) {
    this.topicId = topicId
    this.first = first
    this.end = first
  }

  /** Bytes of memory, about. */
  get size(): number {
    return this.#offsets.length * ROW_SIZE + this.#reasonSize
  }

  add(letter: DeathRow): void {
    if (this.#count === this.#offsets.length) this.#grow()
    const row = this.#count++
    this.#offsets[row] = letter.offset
    this.#diedAtMs[row] = letter.diedAtMs
    this.#death[row] = this.#deathOf(letter)
    this.#marks[row] = marksOf(letter.body)
  }

  #grow(): void {
    const larger = <T extends Float64Array | Uint32Array>(column: T, grown: T): T => {
      grown.set(column)
      return grown
    }
    const size = this.#count * 2
    this.#offsets = larger(this.#offsets, new Float64Array(size))
    this.#diedAtMs = larger(this.#diedAtMs, new Float64Array(size))
    this.#death = larger(this.#death, new Uint32Array(size))
    this.#marks = larger(this.#marks, new Uint32Array(size))
  }

  #deathOf({ cause, reason }: DeathRow): number {
    const key = `${cause}\0${reason}`
    const known = this.#deathIds.get(key)
    if (known !== undefined) return known
    if (this.deaths.length > DEATHS_MAX) return 0
    const id = this.deaths.push({ cause, reason }) - 1
    this.#deathIds.set(key, id)
    this.#reasonSize += 4 * key.length
    return id
  }

  /** The first `max` rows from `from` to before `to` that are not removed and may match. */
  select(
    filter: DeadLetterFilter,
    { from, to, removed, max }: { from: number; to: number; removed: Removed; max: number },
  ): Row[] {
    const wanted = this.deaths.map(({ cause, reason }, id) => id === 0 || matchesDeath(cause, reason, filter))
    const marks = marksOfFilter(filter)
    const rows: Row[] = []
    for (let row = this.#rowOf(from); row < this.#count && this.#offsets[row] < to && rows.length < max; row++) {
      if (!wanted[this.#death[row]] || (this.#marks[row] & marks) >>> 0 !== marks) continue
      const offset = this.#offsets[row]
      const diedAtMs = this.#diedAtMs[row]
      if (!isWithin(diedAtMs, filter) || removed.has(offset)) continue
      rows.push({ offset, diedAtMs, death: this.#death[row] })
    }
    return rows
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

export interface Row {
  offset: number
  diedAtMs: number
  /** Its place in `deaths`; 0 when it is not known. */
  death: number
}

/** Two bits of 32 for the key and for each header: what carries a key or a header has its bits. */
function marksOf({ key, headers }: RecordBody): number {
  let marks = key === null ? 0 : markOf(`k${key.toString()}`)
  for (const [name, value] of headers) {
    if (value !== null && !isOwn(name)) marks |= markOf(`h${name}\0${value.toString()}`)
  }
  return marks >>> 0
}

function marksOfFilter({ key, headers = {} }: DeadLetterFilter): number {
  let marks = key === undefined ? 0 : markOf(`k${key}`)
  for (const [name, value] of Object.entries(headers)) if (!isOwn(name)) marks |= markOf(`h${name}\0${value}`)
  return marks >>> 0
}

/** What Dwell itself adds differs in each record and would set all bits. */
function isOwn(name: string): boolean {
  return name.startsWith('__')
}

function markOf(text: string): number {
  const hash = crc32c(Buffer.from(text))
  return (1 << (hash & 31)) | (1 << ((hash >>> 5) & 31))
}
