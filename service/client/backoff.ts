// How long to wait before the next try: twice as long each time, up to a bound, with as much chance in it that those who failed
// together do not come back together.

import type { Surroundings } from './surroundings.ts'

const FIRST_MS = 100
const LONGEST_MS = 10_000

/** Before try number `failures` + 1: from half of the step to all of it; at least what the service asked for. */
export function backoffMs(surroundings: Surroundings, failures: number, retryAfterMs = 0): number {
  const stepMs = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(failures - 1, 30))
  const jitteredMs = stepMs * (0.5 + surroundings.fraction() / 2)
  // Those who were told the same time spread behind it.
  return Math.max(jitteredMs, retryAfterMs * (1 + surroundings.fraction() / 10))
}

/** Measures how long tries have gone on; a machine that was suspended counts too, since the service's windows went on. */
export class Stopwatch {
  readonly #surroundings: Surroundings
  readonly #monotonicMs: number
  readonly #wallMs: number

  constructor(surroundings: Surroundings) {
    this.#surroundings = surroundings
    this.#monotonicMs = surroundings.monotonicMs()
    this.#wallMs = surroundings.wallMs()
  }

  elapsedMs(): number {
    const monotonicMs = this.#surroundings.monotonicMs() - this.#monotonicMs
    return Math.max(monotonicMs, this.#surroundings.wallMs() - this.#wallMs)
  }
}
