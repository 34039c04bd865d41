// The one file that reads clocks and sets timers. Everything else receives a Clock, so that a test can move time.

import { readFileSync } from 'node:fs'
import { uptime } from 'node:os'

export interface Timer {
  cancel(): void
}

export interface Clock {
  /** Wall time: milliseconds since 1970 UTC, a whole number. May step in either direction. For due times and stamps. */
  wallMs(): number
  /** Monotonic time in milliseconds with fractions. Never steps; stands still in suspend. For durations and locks. */
  monotonicMs(): number
  /** Milliseconds since the machine booted. Goes on in suspend: tells a suspended machine from a stepped clock. */
  bootMs(): number
  /** Names this boot of the machine; empty when the system does not say. Another boot means the page cache was lost. */
  bootId(): string
  /** Runs `task` once, `delayMs` from now (monotonic). A timer alone does not keep the process alive. */
  setTimer(task: () => void, delayMs: number): Timer
}

const TIMER_MS_MAX = 2 ** 31 - 1

/** The machine's own clocks. */
export class SystemClock implements Clock {
  wallMs(): number {
    return Date.now()
  }

  monotonicMs(): number {
    return performance.now()
  }

  bootMs(): number {
    return uptime() * 1000
  }

  bootId(): string {
    try {
      return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
    } catch {
      return ''
    }
  }

  setTimer(task: () => void, delayMs: number): Timer {
    const timer = setTimeout(task, Math.min(delayMs, TIMER_MS_MAX))
    timer.unref()
    return { cancel: () => clearTimeout(timer) }
  }
}
