// One timer per group for all of its locks. It stands at or before the first deadline: accepting does not move it, so that
// busy groups pay for one look at their runs per lock time, not per call.

import type { Clock, Timer } from '../../storage/index.ts'

export class LockTimer {
  readonly #clock: Clock
  readonly #expire: (nowMs: number) => number
  #timer: Timer | undefined
  #atMs = Number.POSITIVE_INFINITY

  /** `expire` lets go of what is over at `nowMs` and answers the next deadline, infinity when there is none. */
  constructor(clock: Clock, expire: (nowMs: number) => number) {
    this.#clock = clock
    this.#expire = expire
  }

  /** Makes sure that the timer fires at `deadlineMs` on the monotonic clock or before. */
  arm(deadlineMs: number): void {
    if (deadlineMs >= this.#atMs) return
    this.#timer?.cancel()
    this.#atMs = deadlineMs
    const delayMs = Math.max(0, Math.ceil(deadlineMs - this.#clock.monotonicMs()))
    this.#timer = this.#clock.setTimer(() => this.#fire(), delayMs)
  }

  #fire(): void {
    this.#timer = undefined
    this.#atMs = Number.POSITIVE_INFINITY
    this.arm(this.#expire(this.#clock.monotonicMs()))
  }

  stop(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    this.#atMs = Number.NEGATIVE_INFINITY
  }
}
