// All that happens in a simulation, line by line: every call of the disk and how it ended, every answer, every move of
// the clock. The hash over all lines is what tells whether two runs of one seed were the same run.

import { createHash } from 'node:crypto'

const REMEMBERED = 60
const HASHED_AT_ONCE = 1000

export class Trace {
  readonly #hash = createHash('sha256')
  readonly #print: ((line: string) => void) | undefined
  #unhashed: string[] = []
  #last: string[] = []
  count = 0

  /** `print` is given every line at once. */
  constructor(print?: (line: string) => void) {
    this.#print = print
  }

  add(line: string): void {
    this.count++
    this.#unhashed.push(line)
    this.#print?.(line)
    if (this.#unhashed.length >= HASHED_AT_ONCE) this.#drain()
  }

  /** The last lines. */
  last(): string[] {
    return [...this.#last, ...this.#unhashed].slice(-REMEMBERED)
  }

  /** Ends the trace: sixteen hexadecimal digits. */
  digest(): string {
    this.#drain()
    return this.#hash.digest('hex').slice(0, 16)
  }

  #drain(): void {
    if (this.#unhashed.length === 0) return
    this.#hash.update(this.#unhashed.join('\n'))
    this.#last = this.last()
    this.#unhashed = []
  }
}
