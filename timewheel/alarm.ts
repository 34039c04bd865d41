// Lets the wheel's loop rest until its next message is due, or until somebody has something for it.

import type { Clock, Timer } from '../storage/index.ts'

export class Alarm {
  readonly #clock: Clock
  #wake: (() => void) | undefined
  #isSet = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Ends the rest that is under way, or else the next one before it begins. */
  ring(): void {
    this.#isSet = true
    this.#wake?.()
  }

  /** Rests for `ms` at the most. */
  async rest(ms: number): Promise<void> {
    if (!this.#isSet) {
      let timer: Timer | undefined
      await new Promise<void>((resolve) => {
        this.#wake = resolve
        timer = this.#clock.setTimer(resolve, Math.max(0, ms))
      })
      timer?.cancel()
      this.#wake = undefined
    }
    this.#isSet = false
  }
}
