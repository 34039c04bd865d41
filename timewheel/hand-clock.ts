// The clock of the hand: wall time as far as it can be believed. Everything that fires by wall time asks it.
//
// Always true:
//   1. It never goes back. While the wall clock is behind it, it stands.
//   2. It never runs ahead of the wall clock by itself: it moves by monotonic time, corrected to wall time.
//   3. When the wall clock is suddenly more than a second ahead of what monotonic time allows, it goes on by monotonic time
//      until the wall clock has stayed ahead for the settle time: clocks that jump ahead often jump back. A second jump
//      meanwhile begins that time anew.
//   4. A suspended machine is no jump: the time since boot went on as well, so wall time is believed at once.

import type { Clock, Log } from '../storage/index.ts'

const STEP_MS = 1_000
/** Time since boot is read in whole seconds: two readings may be off by one each. */
const BOOT_ERROR_MS = 2_000
/** How often time since boot is read when nothing is unusual. */
const BOOT_READ_MS = 500

export interface HandClockOptions {
  clock: Clock
  log: Log
  /** How long the wall clock must stay ahead before a forward step is followed. */
  settleMs: number
}

export class HandClock {
  readonly #clock: Clock
  readonly #log: Log
  readonly #settleMs: number
  #handMs: number
  #monotonicMs: number
  #bootMs: number
  #bootReadAtMs: number
  #aheadSinceMs: number | undefined
  /** By how much the wall clock has been ahead at least since then. */
  #aheadMs = 0
  #held = false
  /** How often the wall clock stepped back below the hand, and forward beyond it. */
  readonly steps = { back: 0, forward: 0 }

  constructor({ clock, log, settleMs }: HandClockOptions) {
    this.#clock = clock
    this.#log = log
    this.#settleMs = settleMs
    this.#handMs = clock.wallMs()
    this.#monotonicMs = clock.monotonicMs()
    this.#bootMs = clock.bootMs()
    this.#bootReadAtMs = this.#monotonicMs
  }

  /** Where the hand stands: epoch milliseconds, a whole number. */
  nowMs(): number {
    const wallMs = this.#clock.wallMs()
    const monotonicMs = this.#clock.monotonicMs()
    const elapsedMs = monotonicMs - this.#monotonicMs
    this.#monotonicMs = monotonicMs
    const ahead = wallMs > this.#handMs + elapsedMs + STEP_MS
    // Time since boot is a read from a file: not for each of 20,000 publishes a second.
    const suspendedMs = ahead || monotonicMs >= this.#bootReadAtMs + BOOT_READ_MS ? this.#suspendedMs(monotonicMs) : 0
    if (wallMs < this.#handMs) this.#hold(wallMs)
    else {
      this.#held = false
      const allowedMs = elapsedMs + (suspendedMs > BOOT_ERROR_MS ? suspendedMs + BOOT_ERROR_MS : 0) + STEP_MS
      if (wallMs <= this.#handMs + allowedMs) this.#follow(wallMs)
      else this.#runAhead(wallMs, monotonicMs, elapsedMs)
    }
    return Math.floor(this.#handMs)
  }

  /** The hand has been here before this start, so it does not stand earlier. */
  notBefore(timeMs: number): void {
    if (timeMs > this.#handMs) this.#handMs = timeMs
  }

  /** How far the wall clock is from the hand, in milliseconds; negative when it is behind. */
  offsetMs(): number {
    return this.#clock.wallMs() - this.nowMs()
  }

  /** How long the machine slept since this was last asked. */
  #suspendedMs(monotonicMs: number): number {
    const bootMs = this.#clock.bootMs()
    const suspendedMs = bootMs - this.#bootMs - (monotonicMs - this.#bootReadAtMs)
    this.#bootMs = bootMs
    this.#bootReadAtMs = monotonicMs
    return suspendedMs
  }

  #hold(wallMs: number): void {
    this.#aheadSinceMs = undefined
    if (this.#held) return
    this.#held = true
    this.steps.back++
    const behindMs = Math.ceil(this.#handMs - wallMs)
    if (behindMs > 10)
      this.#log.warn({ behindMs }, 'The wall clock is behind the hand: the hand stands until it has caught up.')
  }

  #follow(wallMs: number): void {
    this.#aheadSinceMs = undefined
    this.#handMs = wallMs
  }

  #runAhead(wallMs: number, monotonicMs: number, elapsedMs: number): void {
    const aheadMs = Math.floor(wallMs - this.#handMs - elapsedMs)
    if (this.#aheadSinceMs === undefined || aheadMs > this.#aheadMs + STEP_MS) {
      this.#aheadSinceMs = monotonicMs
      this.#aheadMs = aheadMs
      this.steps.forward++
      this.#log.warn(
        { aheadMs, settleMs: this.#settleMs },
        'The wall clock jumped ahead: followed when it has stayed there.',
      )
    }
    this.#aheadMs = Math.min(this.#aheadMs, aheadMs)
    if (monotonicMs - this.#aheadSinceMs >= this.#settleMs) this.#follow(wallMs)
    else this.#handMs += elapsedMs
  }
}
