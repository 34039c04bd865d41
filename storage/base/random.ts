// The one file that rolls dice. Everything else receives a Random, so that a test can repeat a run from its seed.

import { randomBytes } from 'node:crypto'

export interface Random {
  /** `size` bytes that nobody can guess. */
  bytes(size: number): Buffer
}

/** So much is asked for at once: for a token of 16 bytes alone the call took 4 % of the time of a small request. */
const POOL_BYTES = 4 * 1024

/** The operating system's generator. */
export class SystemRandom implements Random {
  #pool = Buffer.alloc(0)
  #at = 0

  bytes(size: number): Buffer {
    if (size > POOL_BYTES) return randomBytes(size)
    if (this.#at + size > this.#pool.length) {
      this.#pool = randomBytes(POOL_BYTES)
      this.#at = 0
    }
    // A copy: whoever keeps a few bytes is not to keep all of them.
    const bytes = Buffer.alloc(size)
    bytes.set(this.#pool.subarray(this.#at, this.#at + size))
    this.#pool.fill(0, this.#at, this.#at + size)
    this.#at += size
    return bytes
  }
}
