// Large buffers that are used over and over: each 64 MiB of fresh ones make for a full garbage collection, and each page of
// them for a fault.
//
// Always true:
//   1. A buffer that somebody holds is not given out: what was taken is released once, and once more for each hold().
//      One that is never released is left to the garbage collector.
//   2. Sizes are powers of two and those times 1.5, so at most a third of a buffer is unused.
//   3. At most `freeBytesMax` wait to be used again.

import { assert } from './assert.ts'

const KIB = 1024
const MIB = 1024 * KIB
const SIZE_MIN = 16 * KIB

/** A buffer out of the pool. */
export class PooledBuffer {
  readonly bytes: Buffer
  #holders = 1
  readonly #onFree: (buffer: PooledBuffer) => void

  constructor(size: number, onFree: (buffer: PooledBuffer) => void) {
    this.bytes = Buffer.allocUnsafeSlow(size)
    this.#onFree = onFree
  }

  /** Keeps it from being used again until one more release(). */
  hold(): void {
    assert(this.#holders > 0, 'a free buffer is taken out of the pool')
    this.#holders++
  }

  /** It is taken out of the pool again. */
  reuse(): this {
    assert(this.#holders === 0, 'only a free buffer is used again')
    this.#holders = 1
    return this
  }

  /** When nobody holds it any more, its bytes may change at any time. */
  release(): void {
    assert(this.#holders > 0, 'a buffer is released as often as it was held')
    if (--this.#holders === 0) this.#onFree(this)
  }
}

export class BufferPool {
  readonly #freeBytesMax: number
  readonly #free = new Map<number, PooledBuffer[]>()
  #freeBytes = 0

  constructor(freeBytesMax = 8 * MIB) {
    this.#freeBytesMax = freeBytesMax
  }

  /** A buffer of at least `size` bytes, with anything in them. */
  take(size: number): PooledBuffer {
    const rounded = roundUp(size)
    const buffer = this.#free.get(rounded)?.pop()
    if (buffer === undefined) return new PooledBuffer(rounded, (freed) => this.#put(freed))
    this.#freeBytes -= rounded
    return buffer.reuse()
  }

  #put(buffer: PooledBuffer): void {
    const size = buffer.bytes.length
    if (this.#freeBytes + size > this.#freeBytesMax) return
    this.#freeBytes += size
    const free = this.#free.get(size)
    if (free === undefined) this.#free.set(size, [buffer])
    else free.push(buffer)
  }
}

function roundUp(size: number): number {
  let rounded = SIZE_MIN
  while (rounded < size) rounded *= 2
  return rounded > SIZE_MIN && size <= (rounded / 4) * 3 ? (rounded / 4) * 3 : rounded
}
