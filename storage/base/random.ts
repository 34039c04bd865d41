// The one file that rolls dice. Everything else receives a Random, so that a test can repeat a run from its seed.

import { randomBytes } from 'node:crypto'

export interface Random {
  /** `size` bytes that nobody can guess. */
  bytes(size: number): Buffer
}

/** The operating system's generator. */
export class SystemRandom implements Random {
  bytes(size: number): Buffer {
    return randomBytes(size)
  }
}
