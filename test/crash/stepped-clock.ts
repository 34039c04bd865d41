// The clock of a server in a crash run. Its wall clock is ahead of the machine's by what stands in a file, in milliseconds;
// SIGUSR2 makes it look there again, and it says in a file beside what it follows now. Monotonic time goes on untouched.
// After a power cut the machine has booted anew.

import { randomUUID } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { SystemClock } from '../../storage/index.ts'

export class SteppedClock extends SystemClock {
  readonly #bootId: string | undefined
  #aheadMs: number

  constructor(path: string, rebooted: boolean) {
    super()
    this.#bootId = rebooted ? randomUUID() : undefined
    this.#aheadMs = Number(readFileSync(path, 'latin1'))
    process.on('SIGUSR2', () => {
      this.#aheadMs = Number(readFileSync(path, 'latin1'))
      writeFileSync(followedPath(path), String(this.#aheadMs))
    })
  }

  override wallMs(): number {
    return super.wallMs() + this.#aheadMs
  }

  override bootId(): string {
    return this.#bootId ?? super.bootId()
  }
}

/** Where a server says by how much its clock is ahead now. */
export function followedPath(path: string): string {
  return `${path}.followed`
}
