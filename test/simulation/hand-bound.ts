// The latest time at which a hand can stand that keeps its promises (timewheel/hand-clock.ts): it is never ahead of what
// the wall clock has shown, and follows a jump ahead only when the wall clock has stayed there for the settle time.
//
// It is told of every move of the clocks, the hand looks at them only now and then: so it may be behind this, never ahead.

import type { ManualClock } from '../support/manual-clock.ts'

const STEP_MS = 1_000
const SUSPEND_ERROR_MS = 2_000

export class HandBound {
  readonly #clock: ManualClock
  readonly #settleMs: number
  #wallMaxMs: number
  #believedMs: number
  /** By how much the wall clock was ahead of the monotonic one in the last settle time, each until the next. */
  readonly #offsets: { untilMs: number; offsetMs: number }[] = []
  #offsetMs: number

  constructor(clock: ManualClock, settleMs: number) {
    this.#clock = clock
    this.#settleMs = settleMs
    this.#wallMaxMs = this.#believedMs = clock.wallMs()
    this.#offsetMs = clock.wallMs() - clock.monotonicMs()
  }

  get maxMs(): number {
    return Math.min(this.#wallMaxMs, this.#believedMs)
  }

  /** A process starts: it believes the wall clock. */
  start(): void {
    this.#believedMs = Math.max(this.#believedMs, this.#clock.wallMs())
  }

  /** All clocks have moved by `ms`; or those that go on in suspend, when the machine was `suspended`. */
  passed(ms: number, suspended = false): void {
    this.#believedMs += ms + (suspended ? SUSPEND_ERROR_MS : 0)
    this.look()
  }

  /** The wall clock was moved. */
  look(): void {
    const wallMs = this.#clock.wallMs()
    const monotonicMs = this.#clock.monotonicMs()
    this.#wallMaxMs = Math.max(this.#wallMaxMs, wallMs)
    if (wallMs <= this.#believedMs + STEP_MS) this.#believedMs = Math.max(this.#believedMs, wallMs)
    this.#offsets.push({ untilMs: monotonicMs, offsetMs: this.#offsetMs })
    this.#offsetMs = wallMs - monotonicMs
    while (this.#offsets.length > 0 && this.#offsets[0].untilMs <= monotonicMs - this.#settleMs) this.#offsets.shift()
    const settledMs = this.#offsets.reduce((least, { offsetMs }) => Math.min(least, offsetMs), this.#offsetMs)
    this.#believedMs = Math.max(this.#believedMs, monotonicMs + settledMs + STEP_MS)
  }
}
