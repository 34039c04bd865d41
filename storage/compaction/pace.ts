// Holds work in the background to so many bytes a second, so that the disk stays free for what somebody waits for.

import type { Clock, Timer } from '../base/clock.ts'

/** So far ahead of its rate the work may be before it waits. */
const AHEAD_MS = 20

export class Pace {
  readonly #clock: Clock
  readonly #bytesPerMs: number
  #nextMs = 0
  #timer: Timer | undefined
  #waiting: (() => void) | undefined
  #stopped = false

  constructor(clock: Clock, bytesPerSecond: number) {
    this.#clock = clock
    this.#bytesPerMs = bytesPerSecond / 1000
  }

  /** Resolves when `bytes` more may be read or written. Calls do not overlap. */
  async spend(bytes: number): Promise<void> {
    const nowMs = this.#clock.monotonicMs()
    this.#nextMs = Math.max(this.#nextMs, nowMs) + bytes / this.#bytesPerMs
    const aheadMs = this.#nextMs - nowMs
    if (aheadMs < AHEAD_MS || this.#stopped) return
    await new Promise<void>((resolve) => {
      this.#waiting = resolve
      this.#timer = this.#clock.setTimer(resolve, aheadMs)
    })
  }

  /** Nothing waits any more. */
  stop(): void {
    this.#stopped = true
    this.#timer?.cancel()
    this.#waiting?.()
  }
}
