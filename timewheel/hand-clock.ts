// The clock of the hand: wall time as far as it can be believed. Everything that fires by wall time asks it.
//
// Always true:
//   1. It never goes back. While the wall clock is behind it, it stands.
//   2. It never runs ahead of the wall clock by itself: it moves by monotonic time, corrected to wall time.
//   3. When the wall clock is suddenly more than a second ahead of what monotonic time allows, it goes on by monotonic time
//      until the wall clock has stayed ahead for the settle time: clocks that jump ahead often jump back. A second jump
//      meanwhile begins that time anew.
//   4. A suspended machine is no jump: the time since boot went on as well, so wall time is believed at once.
//   5. A wall clock that cannot be right (ClockLimits) is not believed, neither at the start nor later, however long it stays
//      so: from the last known time on the hand goes on by monotonic time where the wall clock is too far ahead, and stands
//      where it is before the program was made.

import type { Clock, Log } from '../storage/index.ts'

const STEP_MS = 1_000
/** Time since boot is read in whole seconds: two readings may be off by one each. */
const BOOT_ERROR_MS = 2_000
/** How often time since boot is read when nothing is unusual. */
const BOOT_READ_MS = 500
/** Clocks are set back by so little all the time: not worth a line in the log. */
const WORTH_SAYING_MS = 10
/** How much later than it was made a program may be run, where no time is known to start from. */
const AGE_MS_MAX = 20 * 365 * 86_400_000

export interface ClockLimits {
  /** When the program was made: no wall clock that is right shows an earlier time. */
  earliestMs: number
  /** The furthest that the wall clock may be ahead of the last known time. */
  jumpMaxMs: number
  /** The latest time that an earlier run wrote down; 0 when there is none. */
  lastKnownMs: number
}

export interface HandClockOptions {
  clock: Clock
  log: Log
  /** How long the wall clock must stay ahead before a forward step is followed. */
  settleMs: number
  /** What a wall clock may show; anything when absent. */
  limits?: ClockLimits
}

/**
 * `followed`: the hand is where the wall clock is, give or take a second. `behind`: the wall clock is behind the hand, which
 * stands. `settling`: it has jumped ahead; the hand goes on by monotonic time and waits whether it stays there.
 * `not believed`: it cannot be right. What is reckoned from the hand then may be wrong by as long as the service was down.
 */
export const CLOCK_STATES = ['followed', 'behind', 'settling', 'not believed'] as const
export type ClockState = (typeof CLOCK_STATES)[number]

export class HandClock {
  readonly #clock: Clock
  readonly #log: Log
  readonly #settleMs: number
  readonly #earliestMs: number
  readonly #jumpMaxMs: number
  /** Beyond this no wall clock is believed while no time is known; undefined once one is. */
  #latestMs: number | undefined
  #handMs: number
  #monotonicMs: number
  #bootMs: number
  #bootReadAtMs: number
  /** How long the wall clock has been ahead; undefined when it is not. */
  #aheadForMs: number | undefined
  /** By how much the wall clock has been ahead at least since then. */
  #aheadMs = 0
  #state: ClockState = 'followed'
  /** Whether the wall clock was behind the hand, or too far ahead of it, when it was last looked at. */
  #held = false
  #tooFar = false
  #said = false
  /** How often the wall clock stepped back below the hand, and forward beyond it. */
  readonly steps = { back: 0, forward: 0 }

  constructor({ clock, log, settleMs, limits }: HandClockOptions) {
    this.#clock = clock
    this.#log = log
    this.#settleMs = settleMs
    this.#earliestMs = limits?.earliestMs ?? Number.NEGATIVE_INFINITY
    this.#jumpMaxMs = limits?.jumpMaxMs ?? Number.POSITIVE_INFINITY
    this.#handMs = limits === undefined ? clock.wallMs() : this.#startAt(limits)
    this.#monotonicMs = clock.monotonicMs()
    this.#bootMs = clock.bootMs()
    this.#bootReadAtMs = this.#monotonicMs
  }

  /** Where the hand stands: epoch milliseconds, a whole number. */
  nowMs(): number {
    const wallMs = this.#clock.wallMs()
    const monotonicMs = this.#clock.monotonicMs()
    // A machine that was moved to another may show less than before: that is neither time that went back, nor sleep.
    if (monotonicMs < this.#monotonicMs) this.#suspendedMs(monotonicMs)
    const elapsedMs = Math.max(0, monotonicMs - this.#monotonicMs)
    this.#monotonicMs = monotonicMs
    const ahead = wallMs > this.#handMs + elapsedMs + STEP_MS
    // Time since boot is a read from a file: not for each of 20,000 publishes a second.
    const suspendedMs = ahead || monotonicMs >= this.#bootReadAtMs + BOOT_READ_MS ? this.#suspendedMs(monotonicMs) : 0
    if (wallMs < this.#handMs) this.#hold(wallMs)
    else {
      this.#held = false
      const allowedMs = elapsedMs + (suspendedMs > BOOT_ERROR_MS ? suspendedMs + BOOT_ERROR_MS : 0) + STEP_MS
      if (wallMs <= this.#handMs + allowedMs) this.#follow(wallMs)
      else if (this.#isTooFar(wallMs)) this.#disbelieve(wallMs, elapsedMs)
      else this.#runAhead(wallMs, elapsedMs)
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

  /**
   * Up to here time is past beyond doubt: where the hand stands, or the wall clock behind it. A message that is wanted between
   * the two is not to come at once: the hand may have been led astray.
   */
  pastMs(): number {
    const handMs = this.nowMs()
    const wallMs = this.#clock.wallMs()
    return wallMs >= this.#earliestMs ? Math.min(wallMs, handMs) : handMs
  }

  /** How the hand stands to the wall clock. */
  state(): ClockState {
    this.nowMs()
    return this.#state
  }

  /** Why the hand is not where the wall clock is, in a sentence; undefined when it is. */
  why(): string | undefined {
    const handMs = this.nowMs()
    const wallMs = this.#clock.wallMs()
    const says = `The wall clock says ${time(wallMs)}, the hand stands at ${time(handMs)}`
    switch (this.#state) {
      case 'followed':
        return undefined
      case 'behind':
        return `${says}: it waits until the wall clock has caught up, and dispatches nothing until then.`
      case 'settling':
        return `${says}: the jump is followed when it has lasted for ${this.#settleMs / 1000} s.`
      case 'not believed':
        if (wallMs < handMs)
          return `${says}: that cannot be right, so nothing is dispatched until the clock is set right.`
        return `${says}: that is too far ahead to be right. If it is right, start once with a longer DWELL_CLOCK_JUMP_MAX.`
    }
  }

  /** Where the hand begins. Without a known time it takes the program's own word for what is certainly past. */
  #startAt({ earliestMs, jumpMaxMs, lastKnownMs }: ClockLimits): number {
    const wallMs = this.#clock.wallMs()
    const isKnown = lastKnownMs >= earliestMs
    const latestMs = isKnown ? lastKnownMs + jumpMaxMs : earliestMs + Math.max(jumpMaxMs, AGE_MS_MAX)
    if (wallMs >= earliestMs && wallMs <= latestMs) return wallMs
    if (!isKnown) this.#latestMs = latestMs
    return isKnown ? lastKnownMs : earliestMs
  }

  #isTooFar(wallMs: number): boolean {
    return wallMs > (this.#latestMs ?? this.#handMs + this.#jumpMaxMs)
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
    this.#aheadForMs = undefined
    this.#tooFar = false
    const behindMs = Math.ceil(this.#handMs - wallMs)
    this.#state = wallMs < this.#earliestMs ? 'not believed' : behindMs > STEP_MS ? 'behind' : 'followed'
    if (this.#held) return
    this.#held = true
    this.steps.back++
    if (behindMs > WORTH_SAYING_MS)
      this.#say({ behindMs, wallMs }, 'The wall clock is behind the hand: the hand stands until it has caught up.')
  }

  #follow(wallMs: number): void {
    if (this.#said) this.#log.info({ wallMs }, 'The hand follows the wall clock again.')
    this.#said = false
    this.#state = 'followed'
    this.#tooFar = false
    this.#aheadForMs = undefined
    this.#latestMs = undefined
    this.#handMs = wallMs
  }

  #disbelieve(wallMs: number, elapsedMs: number): void {
    this.#aheadForMs = undefined
    this.#handMs += elapsedMs
    this.#state = 'not believed'
    if (this.#tooFar) return
    this.#tooFar = true
    this.steps.forward++
    const handMs = Math.floor(this.#handMs)
    this.#say({ wallMs, handMs }, 'The wall clock is too far ahead to be believed: the hand goes on without it.')
  }

  #runAhead(wallMs: number, elapsedMs: number): void {
    const aheadMs = Math.floor(wallMs - this.#handMs - elapsedMs)
    if (this.#aheadForMs === undefined || aheadMs > this.#aheadMs + STEP_MS) {
      this.#state = 'settling'
      this.#tooFar = false
      this.#aheadForMs = 0
      this.#aheadMs = aheadMs
      this.steps.forward++
      const settleMs = this.#settleMs
      this.#say({ aheadMs, settleMs }, 'The wall clock jumped ahead: followed when it has stayed there.')
    } else this.#aheadForMs += elapsedMs
    this.#aheadMs = Math.min(this.#aheadMs, aheadMs)
    if (this.#aheadForMs >= this.#settleMs) this.#follow(wallMs)
    else this.#handMs += elapsedMs
  }

  #say(fields: Record<string, number>, sentence: string): void {
    this.#said = true
    this.#log.warn(fields, sentence)
  }
}

/** A clock may show what no date can hold. */
function time(ms: number): string {
  return Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString() : `${ms} ms`
}
