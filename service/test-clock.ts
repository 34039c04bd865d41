// A clock that people move, so that a delay of three days can be tried in a blink: the machine's clocks, all of them as far
// ahead as was asked for so far. Never in a directory with real messages: see storage/base/identity.ts.
//
// Always true:
//   1. It only moves ahead, and everything moves together, so that nobody takes it for a jump of the wall clock: it is as if
//      the process had stood still meanwhile. Timers that come due on the way run at once, in their order.
//   2. How far it was moved is durable before it moves, so that after a restart it is not behind what was already dispatched.

import { type Clock, DwellError, type Timer, Turns } from '../storage/index.ts'
import { formatDuration } from './duration.ts'
import { TIME_MS_MAX } from './time.ts'

export interface TestClockOptions {
  /** The machine's clocks. */
  clock: Clock
  /** How far it was moved by earlier runs. */
  aheadMs: number
  /** Times that are reckoned from it have to be below the last that can be written: this far ahead it has to stay. */
  spareMs: number
  /** Resolves when it is durable that the clock is so far ahead. */
  remember: (aheadMs: number) => Promise<void>
}

interface WaitingTimer {
  /** On this clock's monotonic time. */
  atMs: number
  task: () => void
  /** The one of the machine that brings it. */
  timer: Timer | undefined
}

export class TestClock implements Clock {
  readonly #options: TestClockOptions
  /** The clocks that it is ahead of. */
  readonly machine: Clock
  readonly #timers = new Set<WaitingTimer>()
  readonly #turns = new Turns(1)
  #aheadMs: number

  constructor(options: TestClockOptions) {
    this.#options = options
    this.machine = options.clock
    this.#aheadMs = options.aheadMs
  }

  wallMs(): number {
    return this.machine.wallMs() + this.#aheadMs
  }

  monotonicMs(): number {
    return this.machine.monotonicMs() + this.#aheadMs
  }

  bootMs(): number {
    return this.machine.bootMs() + this.#aheadMs
  }

  bootId(): string {
    return this.machine.bootId()
  }

  setTimer(task: () => void, delayMs: number): Timer {
    const waiting: WaitingTimer = { atMs: this.monotonicMs() + Math.max(0, delayMs), task, timer: undefined }
    this.#timers.add(waiting)
    this.#arm(waiting)
    return { cancel: () => this.#drop(waiting) }
  }

  /**
   * Moves the clock by `ms`, one call after the other; answers the wall time that it shows then.
   * @throws INVALID_DURATION when that is beyond what can be written
   */
  advance(ms: number): Promise<number> {
    return this.#turns.run(async () => {
      const roomMs = TIME_MS_MAX - this.#options.spareMs - this.wallMs()
      if (ms > roomMs) throw tooFar(Math.max(0, roomMs))
      if (ms > 0) {
        await this.#options.remember(this.#aheadMs + ms)
        this.#aheadMs += ms
        this.#runTimers()
      }
      return this.wallMs()
    })
  }

  #arm(waiting: WaitingTimer): void {
    waiting.timer = this.machine.setTimer(() => {
      // The machine's timers have a longest delay, and may come a moment early.
      if (waiting.atMs - this.monotonicMs() > 1) this.#arm(waiting)
      else this.#run(waiting)
    }, waiting.atMs - this.monotonicMs())
  }

  #runTimers(): void {
    const nowMs = this.monotonicMs()
    for (const waiting of [...this.#timers].sort((a, b) => a.atMs - b.atMs)) {
      // One that ran before may have cancelled it.
      if (!this.#timers.has(waiting)) continue
      if (waiting.atMs <= nowMs) {
        this.#run(waiting)
        continue
      }
      waiting.timer?.cancel()
      this.#arm(waiting)
    }
  }

  #run(waiting: WaitingTimer): void {
    this.#drop(waiting)
    waiting.task()
  }

  #drop(waiting: WaitingTimer): void {
    waiting.timer?.cancel()
    this.#timers.delete(waiting)
  }
}

function tooFar(limit: number): DwellError {
  const sentence = `advance would take the clock beyond what a date can hold; at most ${formatDuration(Math.floor(limit))} are left.`
  return new DwellError('INVALID_DURATION', sentence, { field: 'advance', limit: Math.floor(limit) })
}
