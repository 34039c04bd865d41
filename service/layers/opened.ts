// What a service has open, in the order in which it was opened.
//
// Always true: each is closed once, the last one first; one that cannot be closed keeps none of the others open.

import type { Log } from '../../storage/index.ts'

interface Part {
  name: string
  close: () => Promise<unknown>
}

export class Opened {
  readonly #log: Log
  readonly #parts: Part[] = []

  constructor(log: Log) {
    this.#log = log
  }

  /** Remembers how the part of this name is closed. */
  add(name: string, close: () => Promise<unknown>): void {
    this.#parts.push({ name, close })
  }

  /**
   * Closes all that is open, one after the other.
   * @throws what the first of them threw that could not be closed, once the others are
   */
  async close(): Promise<void> {
    const failures: unknown[] = []
    for (let last = this.#parts.pop(); last !== undefined; last = this.#parts.pop()) {
      try {
        await last.close()
      } catch (error) {
        this.#log.error({ part: last.name, err: error }, 'A part could not be closed; the others are.')
        failures.push(error)
      }
    }
    if (failures.length > 0) throw failures[0]
  }
}
