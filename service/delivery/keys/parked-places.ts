// Where records lie that were passed over, by offset and by key: columns, because there may be a million of them. 16 bytes
// each, and about 100 for each key.
//
// Always true:
//   1. Rows are in order of offset. A row whose hash is 0 is gone.
//   2. The rows of a key are a chain in that order, and leave it at its head: of each key the first is the next.
//   3. Room is made when the columns are full: rows that are gone are squeezed out, and where they are less than half the
//      columns grow. So adding and removing cost the same however many there are.

import { assert } from '../../../storage/index.ts'

export interface ParkedPlace {
  offset: number
  /** Of its key (key-turns.ts). */
  hash: number
}

/** Places in order of their offsets: the same number of both. */
export interface ParkedColumns {
  offsets: Float64Array
  hashes: Uint32Array
}

const ROWS_MIN = 64
const NONE = -1

export class ParkedPlaces {
  #offsets = new Float64Array(ROWS_MIN)
  #hashes = new Uint32Array(ROWS_MIN)
  /** The row of the key's next record. */
  #nexts = new Int32Array(ROWS_MIN)
  /** Rows of the first and the last record, by hash. */
  readonly #firsts = new Map<number, number>()
  readonly #lasts = new Map<number, number>()
  /** All rows before it are gone. */
  #first = 0
  #end = 0
  #count = 0

  get count(): number {
    return this.#count
  }

  /** undefined when there is none. */
  get firstOffset(): number | undefined {
    while (this.#first < this.#end && this.#hashes[this.#first] === 0) this.#first++
    return this.#count === 0 ? undefined : this.#offsets[this.#first]
  }

  /** By hash. */
  get keys(): Iterable<number> {
    return this.#firsts.keys()
  }

  /** In order of their offsets. */
  *[Symbol.iterator](): Iterator<ParkedPlace> {
    for (let row = this.#first; row < this.#end; row++) {
      if (this.#hashes[row] !== 0) yield { offset: this.#offsets[row], hash: this.#hashes[row] }
    }
  }

  /** All places as they lie; valid until something is added or removed. */
  get columns(): ParkedColumns {
    const [from, to, count] = [this.#first, this.#end, this.#count]
    if (to - from === count) {
      return { offsets: this.#offsets.subarray(from, to), hashes: this.#hashes.subarray(from, to) }
    }
    const offsets = new Float64Array(count)
    const hashes = new Uint32Array(count)
    for (let row = from, i = 0; row < to; row++) {
      if (this.#hashes[row] === 0) continue
      offsets[i] = this.#offsets[row]
      hashes[i++] = this.#hashes[row]
    }
    return { offsets, hashes }
  }

  has(offset: number): boolean {
    return this.#rowOf(offset) !== NONE
  }

  hasKey(hash: number): boolean {
    return this.#firsts.has(hash)
  }

  /** The offset of the key's first record; undefined when it has none. */
  firstOf(hash: number): number | undefined {
    const row = this.#firsts.get(hash)
    return row === undefined ? undefined : this.#offsets[row]
  }

  /** How many of its key come before a record; undefined for one that is not here. For who asks: it goes along the chain. */
  aheadOf(offset: number): number | undefined {
    const row = this.#rowOf(offset)
    return row === NONE ? undefined : this.#lengthTo(this.#firsts.get(this.#hashes[row]), row)
  }

  /** Whether it is one of the first `max` of its key. */
  isNear(offset: number, max: number): boolean {
    const row = this.#rowOf(offset)
    let near = row === NONE ? undefined : this.#firsts.get(this.#hashes[row])
    for (let i = 1; i < max && near !== undefined && near !== row && near !== NONE; i++) near = this.#nexts[near]
    return near === row
  }

  /** How many a key has; it goes along the chain. */
  countOf(hash: number): number {
    return this.#lengthTo(this.#firsts.get(hash), NONE)
  }

  #lengthTo(first: number | undefined, end: number): number {
    let length = 0
    for (let row = first ?? end; row !== end; row = this.#nexts[row]) length++
    return length
  }

  /** Adds one behind all others. */
  add(offset: number, hash: number): void {
    assert(hash !== 0, 'a record without a key waits for nothing')
    assert(this.#end === 0 || this.#offsets[this.#end - 1] < offset, 'records are passed over in their order')
    if (this.#end === this.#offsets.length) this.#makeRoom()
    this.#put(offset, hash)
    this.#count++
  }

  #put(offset: number, hash: number): void {
    const row = this.#end++
    this.#offsets[row] = offset
    this.#hashes[row] = hash
    this.#nexts[row] = NONE
    const last = this.#lasts.get(hash)
    if (last === undefined) this.#firsts.set(hash, row)
    else this.#nexts[last] = row
    this.#lasts.set(hash, row)
  }

  /** Removes the first record of a key; answers its hash, 0 when there is no record at `offset`. */
  remove(offset: number): number {
    const row = this.#rowOf(offset)
    if (row === NONE) return 0
    const hash = this.#hashes[row]
    assert(this.#firsts.get(hash) === row, 'the first of a key is the next')
    const next = this.#nexts[row]
    this.#hashes[row] = 0
    this.#count--
    if (next !== NONE) this.#firsts.set(hash, next)
    else {
      this.#firsts.delete(hash)
      this.#lasts.delete(hash)
    }
    if (this.#count === 0) this.clear()
    return hash
  }

  clear(): void {
    this.#firsts.clear()
    this.#lasts.clear()
    this.#first = 0
    this.#end = 0
    this.#count = 0
    if (this.#offsets.length > ROWS_MIN) this.#columns(ROWS_MIN)
  }

  #columns(rows: number): void {
    this.#offsets = new Float64Array(rows)
    this.#hashes = new Uint32Array(rows)
    this.#nexts = new Int32Array(rows)
  }

  #makeRoom(): void {
    const [offsets, hashes, end] = [this.#offsets, this.#hashes, this.#end]
    this.#columns(this.#count * 2 > end ? end * 2 : end)
    this.#firsts.clear()
    this.#lasts.clear()
    const first = this.#first
    this.#first = 0
    this.#end = 0
    for (let row = first; row < end; row++) if (hashes[row] !== 0) this.#put(offsets[row], hashes[row])
  }

  #rowOf(offset: number): number {
    let low = this.#first
    let high = this.#end
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#offsets[middle] < offset) low = middle + 1
      else high = middle
    }
    return low < this.#end && this.#offsets[low] === offset && this.#hashes[low] !== 0 ? low : NONE
  }
}
