// A clock that stands still until a test moves it. Timers run, in order, while advance() passes them.

import type { Clock, Timer } from '../../storage/index.ts'

export class ManualClock implements Clock {
  #wallMs: number
  #monotonicMs = 1_000
  #bootMs = 5_000_000
  #bootId = 'boot-1'
  #timers: { atMs: number; sequence: number; task: () => void }[] = []
  #sequence = 0

  constructor(wallMs = Date.UTC(2026, 10, 20, 10)) {
    this.#wallMs = wallMs
  }

  wallMs(): number {
    return Math.floor(this.#wallMs)
  }

  monotonicMs(): number {
    return this.#monotonicMs
  }

  bootMs(): number {
    return this.#bootMs
  }

  bootId(): string {
    return this.#bootId
  }

  setTimer(task: () => void, delayMs: number): Timer {
    const timer = { atMs: this.#monotonicMs + Math.max(0, delayMs), sequence: this.#sequence++, task }
    this.#timers.push(timer)
    return {
      cancel: () => {
        this.#timers = this.#timers.filter((other) => other !== timer)
      },
    }
  }

  /** Moves all clocks by `ms`, running the timers on the way and letting what they start settle. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#monotonicMs + ms
    for (;;) {
      const next = this.#timers.toSorted((a, b) => a.atMs - b.atMs || a.sequence - b.sequence)[0]
      if (next === undefined || next.atMs > untilMs) break
      this.#move(Math.max(0, next.atMs - this.#monotonicMs))
      this.#timers = this.#timers.filter((other) => other !== next)
      next.task()
      await settle()
    }
    this.#move(untilMs - this.#monotonicMs)
    await settle()
  }

  /** How long it is until the next timer; infinity without one. */
  get nextTimerInMs(): number {
    return this.#timers.reduce((least, { atMs }) => Math.min(least, atMs - this.#monotonicMs), Number.POSITIVE_INFINITY)
  }

  /** Moves all clocks by `ms` at once, as a process sees it that was stopped so long, and then runs the timers passed. */
  jump(ms: number): void {
    this.#move(ms)
    const due = this.#timers.filter(({ atMs }) => atMs <= this.#monotonicMs)
    for (const timer of due.sort((a, b) => a.atMs - b.atMs || a.sequence - b.sequence)) {
      if (!this.#timers.includes(timer)) continue
      this.#timers = this.#timers.filter((other) => other !== timer)
      timer.task()
    }
  }

  /** The process that set the timers is gone. */
  forgetTimers(): void {
    this.#timers = []
  }

  /** Steps the wall clock alone, as NTP or a hand would. */
  stepWall(ms: number): void {
    this.#wallMs += ms
  }

  /** Steps the monotonic clock alone, as a machine may see it that is moved to another. */
  stepMonotonic(ms: number): void {
    this.#monotonicMs += ms
  }

  /** A machine asleep for `ms`: wall and boot time go on, monotonic time stands. */
  suspend(ms: number): void {
    this.#wallMs += ms
    this.#bootMs += ms
  }

  /** The machine booted anew: what was not synced is gone. */
  reboot(): void {
    this.#bootId = `boot-${Number(this.#bootId.slice(5)) + 1}`
    this.#timers = []
  }

  #move(ms: number): void {
    this.#wallMs += ms
    this.#monotonicMs += ms
    this.#bootMs += ms
  }
}

/** Lets promises and finished input and output run until nothing more is immediately ready. */
export async function settle(turns = 10): Promise<void> {
  for (let i = 0; i < turns; i++) await new Promise((resolve) => setImmediate(resolve))
}
