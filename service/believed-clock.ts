// The clocks as the log has them: wall time as the hand tells it. What deletes by age must not go by a wall clock that is ten
// years ahead by mistake.

import type { Clock, Timer } from '../storage/index.ts'

export class BelievedClock implements Clock {
  readonly #clock: Clock
  /** There once the log is open, since that knows the last time. Until then it is 1970, and nothing is old. */
  hand: { nowMs(): number } | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  wallMs(): number {
    return this.hand?.nowMs() ?? 0
  }

  monotonicMs(): number {
    return this.#clock.monotonicMs()
  }

  bootMs(): number {
    return this.#clock.bootMs()
  }

  bootId(): string {
    return this.#clock.bootId()
  }

  setTimer(task: () => void, delayMs: number): Timer {
    return this.#clock.setTimer(task, delayMs)
  }
}
