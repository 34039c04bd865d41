// What a block of the LZ77 family (lz4.ts, snappy.ts) unpacks to: literal bytes, and runs of what was unpacked before.
//
// Always true: it holds at most `bytesMax` bytes, so that no input, however made, takes more memory than that. What would
// go beyond sets `overflowed`.

const CAPACITY_MIN = 64 * 1024

export class DecompressionWindow {
  readonly #bytesMax: number
  #memory: Buffer
  size = 0
  overflowed = false
  /** Runs reach back no further than this. */
  #from = 0

  /** `sizeHint` is how much is expected. */
  constructor(bytesMax: number, sizeHint = CAPACITY_MIN) {
    this.#bytesMax = bytesMax
    this.#memory = Buffer.allocUnsafeSlow(Math.min(bytesMax, Math.max(sizeHint, CAPACITY_MIN)))
  }

  /** From here on runs do not reach back behind this place: a block begins that stands by itself. */
  beginBlock(): void {
    this.#from = this.size
  }

  /** Adds `input` from `at` to `end`; false when that is too much. */
  add(input: Buffer, at: number, end: number): boolean {
    if (!this.#reserve(end - at)) return false
    input.copy(this.#memory, this.size, at, end)
    this.size += end - at
    return true
  }

  /** Adds `length` bytes, the first being the one `distance` bytes ago; false when there is none, or that is too much. */
  repeat(distance: number, length: number): boolean {
    if (distance <= 0 || distance > this.size - this.#from || !this.#reserve(length)) return false
    const start = this.size - distance
    const end = this.size + length
    // A run may overlap what it adds: then what is there repeats, and doubles with each copy.
    while (this.size < end) {
      const count = Math.min(end - this.size, this.size - start)
      this.#memory.copyWithin(this.size, start, start + count)
      this.size += count
    }
    return true
  }

  bytes(): Buffer {
    return this.#memory.subarray(0, this.size)
  }

  #reserve(count: number): boolean {
    const size = this.size + count
    if (size <= this.#memory.length) return true
    if (size > this.#bytesMax) {
      this.overflowed = true
      return false
    }
    const larger = Buffer.allocUnsafeSlow(Math.min(this.#bytesMax, Math.max(size, 2 * this.#memory.length)))
    this.#memory.copy(larger, 0, 0, this.size)
    this.#memory = larger
    return true
  }
}
