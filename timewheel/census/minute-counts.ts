// Counts by second and topic, a minute at a time: a hash table finds the cell of a minute and a topic, and the cell has a page
// of sixty counts, one a second, and the bytes of all that it counts. Numbers in typed arrays: maps of objects would take ten
// times the memory and the time.
//
// A page is sixty counts, and a bit for each of them that is above zero: a page has few as a rule when there are many pages,
// and to look at all sixty when a checkpoint is made would hold the wheel up for a tenth of a second.
//
// Always true:
//   1. A cell is there if and only if its sum is above zero. Its page, if it has one, adds up to its sum.
//   2. There are at most `pagesMax` pages. A cell that is made when all are in use has none for as long as it is there: it
//      counts by minute only.
//   3. What is taken off with its bytes leaves a cell's bytes exact. What is taken off without them takes its share; whatever
//      that left over or lacks goes with the last one of the cell.
//   4. A cell that goes closes the gap it leaves in its row (linear probing without tombstones). Table and pages are as large
//      as they ever were: 24 bytes a place, at most two thirds of them in use, and 256 bytes a page.

import { writeBytes } from './byte-words.ts'

export const SECONDS_A_MINUTE = 60
const PLACES_MIN = 256
const FULL_SHARE = 2 / 3
/** Of a place: minute, topic id, sum, and the number of the page plus one. */
const WIDTH = 4
const SUM = 2
const PAGE = 3
/** Powers of two: the remainder and the quotient of doubles would take most of the time. */
const PAGE_WIDTH = 64
const SLAB_PAGES = 256
const SLAB_BITS = 8
/** In a page: the bits of its seconds, 32 to a word. */
const MASK_AT = SECONDS_A_MINUTE

/** How add() and remove() counted a message: not at all, in its second, or only in its minute. */
export const NOWHERE = 0
export const BY_SECOND = 1
export const BY_MINUTE = 2
export type Counted = typeof NOWHERE | typeof BY_SECOND | typeof BY_MINUTE

export class MinuteCounts {
  readonly #pagesMax: number
  #places = new Uint32Array(PLACES_MIN * WIDTH)
  /** By place. */
  #bytesHeld = new Float64Array(PLACES_MIN)
  #bytesFreed = 0
  #mask = PLACES_MIN - 1
  #size = 0
  readonly #slabs: Uint32Array[] = []
  readonly #freePages: number[] = []

  constructor(pagesMax = Number.POSITIVE_INFINITY) {
    this.#pagesMax = pagesMax
  }

  /** How many cells there are. */
  get size(): number {
    return this.#size
  }

  /** Memory taken. */
  get bytes(): number {
    return this.#places.byteLength + this.#bytesHeld.byteLength + this.#slabs.length * SLAB_PAGES * PAGE_WIDTH * 4
  }

  /** The bytes of what was taken off last. */
  get bytesFreed(): number {
    return this.#bytesFreed
  }

  add(second: number, topicId: number, count: number, bytes = 0): Counted {
    const minute = minuteOf(second)
    let at = this.#find(minute, topicId)
    if (this.#places[at + SUM] === 0) at = this.#begin(at, minute, topicId, this.#takePage())
    this.#places[at + SUM] += count
    this.#bytesHeld[at / WIDTH] += bytes
    const page = this.#places[at + PAGE]
    if (page === 0) return BY_MINUTE
    const slab = this.#slabOf(page)
    const from = startOf(page)
    const i = second - minute * SECONDS_A_MINUTE
    slab[from + i] += count
    slab[maskOf(from, i)] |= 1 << i
    return BY_SECOND
  }

  /** Counts in a minute only; there is no page for it, or will be none. */
  addToMinute(minute: number, topicId: number, count: number): void {
    let at = this.#find(minute, topicId)
    if (this.#places[at + SUM] === 0) at = this.#begin(at, minute, topicId, 0)
    this.#places[at + SUM] += count
  }

  /** Adds bytes to what is counted of a topic in a minute; answers false when that is nothing. */
  addBytes(minute: number, topicId: number, bytes: number): boolean {
    const at = this.#find(minute, topicId)
    if (this.#places[at + SUM] === 0) return false
    this.#bytesHeld[at / WIDTH] += bytes
    return true
  }

  /** Takes one off again; nowhere when that would be one too many. */
  remove(second: number, topicId: number, bytes = 0): Counted {
    this.#bytesFreed = 0
    const minute = minuteOf(second)
    const at = this.#find(minute, topicId)
    if (this.#places[at + SUM] === 0) return NOWHERE
    const page = this.#places[at + PAGE]
    if (page > 0) {
      const slab = this.#slabOf(page)
      const from = startOf(page)
      const i = second - minute * SECONDS_A_MINUTE
      if (slab[from + i] === 0) return NOWHERE
      if (--slab[from + i] === 0) slab[maskOf(from, i)] &= ~(1 << i)
    }
    this.#lower(at, 1, bytes)
    return page > 0 ? BY_SECOND : BY_MINUTE
  }

  /** Takes all of a second off; answers how many that were. */
  removeSecond(second: number, topicId: number): number {
    this.#bytesFreed = 0
    const minute = minuteOf(second)
    const at = this.#find(minute, topicId)
    const page = this.#places[at + PAGE]
    if (page === 0) return 0
    const slab = this.#slabOf(page)
    const from = startOf(page)
    const i = second - minute * SECONDS_A_MINUTE
    const count = slab[from + i]
    slab[from + i] = 0
    slab[maskOf(from, i)] &= ~(1 << i)
    this.#lower(at, count)
    return count
  }

  /** Takes up to `count` off what is counted by minute only; answers how many that were. */
  removeFromMinute(minute: number, topicId: number, count: number): number {
    this.#bytesFreed = 0
    const at = this.#find(minute, topicId)
    if (this.#places[at + PAGE] > 0) return 0
    const taken = Math.min(count, this.#places[at + SUM])
    this.#lower(at, taken)
    return taken
  }

  /** What is counted of a topic in a second; without what is counted by minute only. */
  inSecond(second: number, topicId: number): number {
    const minute = minuteOf(second)
    const page = this.#places[this.#find(minute, topicId) + PAGE]
    return page === 0 ? 0 : this.#slabOf(page)[startOf(page) + second - minute * SECONDS_A_MINUTE]
  }

  /** All that is counted of a topic in a minute, whether by second or not. */
  inMinute(minute: number, topicId: number): number {
    return this.#places[this.#find(minute, topicId) + SUM]
  }

  /** What is counted of a topic in a minute only. */
  onlyInMinute(minute: number, topicId: number): number {
    const at = this.#find(minute, topicId)
    return this.#places[at + PAGE] > 0 ? 0 : this.#places[at + SUM]
  }

  /**
   * Makes room for so many cells. Cells in the order of another table's places would fill a smaller table from one end on:
   * one long row, which takes forever to probe.
   */
  reserve(size: number): void {
    while (size > (this.#mask + 1) * FULL_SHARE) this.#grow()
  }

  /** Calls `each` for every cell, in no order; it must not change anything here. */
  forEach(each: (minute: number, topicId: number, sum: number, hasPage: boolean) => void): void {
    const places = this.#places
    for (let at = 0; at < places.length; at += WIDTH) {
      if (places[at + SUM] > 0) each(places[at], places[at + 1], places[at + SUM], places[at + PAGE] > 0)
    }
  }

  /** Every cell of all topics, or of one, in words, behind how many there are: as census-bytes.ts draws them. */
  pack(onlyTopicId?: number): Uint32Array {
    const places = this.#places
    const pages = this.#slabs.length * SLAB_PAGES - this.#freePages.length
    const words = new Uint32Array(1 + this.#size * 5 + pages * SECONDS_A_MINUTE)
    let to = 1
    for (let at = 0; at < places.length; at += WIDTH) {
      if (places[at + SUM] === 0 || (onlyTopicId !== undefined && places[at + 1] !== onlyTopicId)) continue
      words[0]++
      words[to] = places[at]
      words[to + 1] = places[at + 1]
      const page = places[at + PAGE]
      if (page === 0) {
        words[to + 4] = places[at + SUM]
        to += 5
        continue
      }
      const slab = this.#slabOf(page)
      const from = startOf(page)
      const low = slab[from + MASK_AT]
      const high = slab[from + MASK_AT + 1]
      words[to + 2] = high
      words[to + 3] = low
      to += 4
      for (let mask = low; mask !== 0; mask &= mask - 1) words[to++] = slab[from + lowestBit(mask)]
      for (let mask = high; mask !== 0; mask &= mask - 1) words[to++] = slab[from + 32 + lowestBit(mask)]
    }
    return words.subarray(0, to)
  }

  /** The bytes of every cell, in words: as census-bytes.ts draws them. */
  packBytes(): Uint32Array {
    const places = this.#places
    const words = new Uint32Array(this.#size * 4)
    let to = 0
    for (let at = 0; at < places.length; at += WIDTH) {
      if (places[at + SUM] === 0) continue
      words[to] = places[at]
      words[to + 1] = places[at + 1]
      writeBytes(words, to + 2, this.#bytesHeld[at / WIDTH])
      to += 4
    }
    return words
  }

  /** Where the cell is, or where it would be put; that place is all zeros. */
  #find(minute: number, topicId: number): number {
    const places = this.#places
    for (let place = this.#home(minute, topicId); ; place = (place + 1) & this.#mask) {
      const at = place * WIDTH
      if (places[at + SUM] === 0 || (places[at] === minute && places[at + 1] === topicId)) return at
    }
  }

  /** Neighbouring minutes and topics are the rule: both are spread over all bits (the finalizer of MurmurHash3). */
  #home(minute: number, topicId: number): number {
    let hash = Math.imul(minute, 0x9e3779b1) ^ Math.imul(topicId, 0x85ebca6b)
    hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
    return (hash ^ (hash >>> 16)) & this.#mask
  }

  /** Makes the cell whose place find() answered; its sum must be raised at once. */
  #begin(found: number, minute: number, topicId: number, page: number): number {
    let at = found
    if (++this.#size > (this.#mask + 1) * FULL_SHARE) {
      this.#grow()
      at = this.#find(minute, topicId)
    }
    this.#places[at] = minute
    this.#places[at + 1] = topicId
    this.#places[at + PAGE] = page
    return at
  }

  /** Without `bytes` these are the count's share. */
  #lower(at: number, count: number, bytes?: number): void {
    this.#bytesFreed = 0
    if (count === 0) return
    const sum = this.#places[at + SUM]
    const held = this.#bytesHeld[at / WIDTH]
    this.#bytesFreed = count === sum ? held : Math.min(held, bytes ?? Math.round((held * count) / sum))
    this.#bytesHeld[at / WIDTH] -= this.#bytesFreed
    this.#places[at + SUM] -= count
    if (this.#places[at + SUM] > 0) return
    const page = this.#places[at + PAGE]
    if (page > 0) this.#freePages.push(page)
    this.#close(at)
  }

  /** Moves up the cells behind a place that became free which would not be found any more otherwise. */
  #close(freed: number): void {
    const places = this.#places
    const mask = this.#mask
    this.#size--
    let free = freed / WIDTH
    for (let place = (free + 1) & mask; places[place * WIDTH + SUM] > 0; place = (place + 1) & mask) {
      const at = place * WIDTH
      const home = this.#home(places[at], places[at + 1])
      // It stays where it is when its home lies behind the free place, seen in the direction of probing.
      if (((place - home) & mask) < ((place - free) & mask)) continue
      copyPlace(places, at, places, free * WIDTH)
      this.#bytesHeld[free] = this.#bytesHeld[place]
      free = place
    }
    places.fill(0, free * WIDTH, (free + 1) * WIDTH)
    this.#bytesHeld[free] = 0
  }

  #grow(): void {
    const smaller = this.#places
    const held = this.#bytesHeld
    this.#places = new Uint32Array(smaller.length * 2)
    this.#bytesHeld = new Float64Array(held.length * 2)
    this.#mask = this.#mask * 2 + 1
    for (let at = 0; at < smaller.length; at += WIDTH) {
      if (smaller[at + SUM] === 0) continue
      const to = this.#find(smaller[at], smaller[at + 1])
      copyPlace(smaller, at, this.#places, to)
      this.#bytesHeld[to / WIDTH] = held[at / WIDTH]
    }
  }

  /** A page of zeros; 0 when all are in use. */
  #takePage(): number {
    if (this.#freePages.length === 0) {
      const first = this.#slabs.length * SLAB_PAGES
      if (first >= this.#pagesMax) return 0
      this.#slabs.push(new Uint32Array(SLAB_PAGES * PAGE_WIDTH))
      for (let page = Math.min(first + SLAB_PAGES, this.#pagesMax); page > first; page--) this.#freePages.push(page)
    }
    return this.#freePages.pop() as number
  }

  #slabOf(page: number): Uint32Array {
    return this.#slabs[(page - 1) >>> SLAB_BITS]
  }
}

export function minuteOf(second: number): number {
  return Math.floor(second / SECONDS_A_MINUTE)
}

/** Where a page begins in its slab. */
function startOf(page: number): number {
  return ((page - 1) & (SLAB_PAGES - 1)) * PAGE_WIDTH
}

/** The number of the lowest bit that is set. */
export function lowestBit(mask: number): number {
  return 31 - Math.clz32(mask & -mask)
}

/** Where the bit of second `i` lies, of a page that begins at `from`. */
function maskOf(from: number, i: number): number {
  return from + MASK_AT + (i >> 5)
}

function copyPlace(from: Uint32Array, at: number, to: Uint32Array, toAt: number): void {
  for (let i = 0; i < WIDTH; i++) to[toAt + i] = from[at + i]
}
