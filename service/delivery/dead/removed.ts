// Which dead letters of one partition were redriven or purged. The log cannot delete in its middle, so it is remembered here.
//
// Always true:
//   1. A bit a record, in pages of PAGE_RECORDS: whatever is removed in whatever order, it takes at most a bit a dead letter.
//   2. A page changes only by being replaced; what with() made is what stands in `__dead` before set() takes it in.
//
// After a crash: read from `__dead` (dead-store.ts).

export const PAGE_RECORDS = 8_192
export const PAGE_SIZE = PAGE_RECORDS / 8

/** What one removed record adds to an append at most: a page of its own, with its key and the record around it. */
export const REMOVAL_BYTES_MAX = PAGE_SIZE + 128

const VERSION = 1

/** A page as it stands in `__dead`. */
export function encodePage(bits: Uint8Array): Buffer {
  return Buffer.concat([Buffer.of(VERSION), bits])
}

/** undefined when it is of a version that this code does not know. */
export function decodePage(value: Buffer): Uint8Array | undefined {
  return value[0] === VERSION && value.length === 1 + PAGE_SIZE ? Uint8Array.from(value.subarray(1)) : undefined
}

export class Removed {
  readonly #pages = new Map<number, { bits: Uint8Array; count: number }>()

  has(offset: number): boolean {
    const page = this.#pages.get(Math.floor(offset / PAGE_RECORDS))
    return page !== undefined && isSet(page.bits, offset % PAGE_RECORDS)
  }

  /** The pages as they will be when `offsets` are removed too. Changes nothing. */
  with(offsets: Iterable<number>): Map<number, Uint8Array> {
    const changed = new Map<number, Uint8Array>()
    for (const offset of offsets) {
      const number = Math.floor(offset / PAGE_RECORDS)
      const bits = changed.get(number) ?? Uint8Array.from(this.#pages.get(number)?.bits ?? new Uint8Array(PAGE_SIZE))
      changed.set(number, bits)
      const at = offset % PAGE_RECORDS
      bits[at >> 3] |= 1 << (at & 7)
    }
    return changed
  }

  set(page: number, bits: Uint8Array): void {
    this.#pages.set(page, { bits, count: countFrom(bits, 0) })
  }

  forget(page: number): void {
    this.#pages.delete(page)
  }

  /** The pages that hold nothing at or above `offset`. */
  pagesBelow(offset: number): number[] {
    return [...this.#pages.keys()].filter((page) => (page + 1) * PAGE_RECORDS <= offset)
  }

  get pages(): number[] {
    return [...this.#pages.keys()]
  }

  /** How many are removed at or above `offset`. */
  countFrom(offset: number): number {
    const first = Math.floor(offset / PAGE_RECORDS)
    let count = 0
    for (const [number, page] of this.#pages) {
      if (number > first) count += page.count
      else if (number === first) count += countFrom(page.bits, offset % PAGE_RECORDS)
    }
    return count
  }

  /** The first offset from `offset` on, and below `end`, that is not removed; `end` when all are. */
  firstKept(offset: number, end: number): number {
    let at = offset
    while (at < end && this.has(at)) {
      // Behind a purge of millions most pages are full: one that is is passed over at once.
      const page = Math.floor(at / PAGE_RECORDS)
      at = this.#pages.get(page)?.count === PAGE_RECORDS ? (page + 1) * PAGE_RECORDS : at + 1
    }
    return Math.min(at, end)
  }
}

function isSet(bits: Uint8Array, at: number): boolean {
  return (bits[at >> 3] & (1 << (at & 7))) !== 0
}

function countFrom(bits: Uint8Array, from: number): number {
  let count = 0
  for (let at = from; at < PAGE_RECORDS; at++) {
    if ((at & 7) === 0 && bits[at >> 3] === 0) at += 7
    else if (isSet(bits, at)) count++
  }
  return count
}
