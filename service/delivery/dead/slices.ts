// Long looks in short slices: publishers and consumers have their turns of the loop in between. However many look at once by
// the same Slices, together they have about SLICE_MS of each turn of the loop; they take it one after the other.

import type { Clock } from '../../../storage/index.ts'

const SLICE_MS = 3

export class Slices {
  readonly #clock: Pick<Clock, 'monotonicMs'>
  readonly #waiting: (() => void)[] = []
  #beganMs: number

  constructor(clock: Pick<Clock, 'monotonicMs'>) {
    this.#clock = clock
    this.#beganMs = clock.monotonicMs()
  }

  /** To be called between two pieces of work; undefined while there is no need to wait. */
  rest(): Promise<void> | undefined {
    if (this.#waiting.length === 0 && this.#clock.monotonicMs() - this.#beganMs < SLICE_MS) return undefined
    return new Promise((resolve) => {
      if (this.#waiting.push(resolve) === 1) setImmediate(() => this.#next())
    })
  }

  #next(): void {
    this.#beganMs = this.#clock.monotonicMs()
    this.#waiting.shift()?.()
    if (this.#waiting.length > 0) setImmediate(() => this.#next())
  }
}
