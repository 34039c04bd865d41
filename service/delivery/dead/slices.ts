// Long looks in short slices: publishers and consumers have their turns of the loop in between.

import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Clock } from '../../../storage/index.ts'

const SLICE_MS = 5

export class Slices {
  readonly #clock: Pick<Clock, 'monotonicMs'>
  #beganMs: number

  constructor(clock: Pick<Clock, 'monotonicMs'>) {
    this.#clock = clock
    this.#beganMs = clock.monotonicMs()
  }

  /** To be called between two pieces of work; undefined while there is no need to wait. */
  rest(): Promise<void> | undefined {
    return this.#clock.monotonicMs() - this.#beganMs < SLICE_MS ? undefined : this.#rest()
  }

  async #rest(): Promise<void> {
    await nextTurn()
    this.#beganMs = this.#clock.monotonicMs()
  }
}
