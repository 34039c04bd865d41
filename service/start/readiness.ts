// Whether requests should come here, and if not, what that waits for.
//
//   starting ──► serving ──► stopping       A start that is told to stop goes from the first to the last.
//
// After a crash: a service starts.

/** A wheel that has not run for so long hangs: it looks around four times a second, and waits for nothing but the disk. */
const TICK_AGE_MS_MAX = 30_000

export class Readiness {
  #state: 'starting' | 'serving' | 'stopping' = 'starting'
  #doing = 'The service is starting.'
  #tickAgeMs = () => 0

  /** What a start is at, as a sentence without names: it is told to everybody. */
  doing(sentence: string): void {
    this.#doing = sentence
  }

  /** Requests may come, as long as this says that the wheel runs: the time since its last tick. */
  serve(tickAgeMs: () => number): void {
    this.#tickAgeMs = tickAgeMs
    if (this.#state === 'starting') this.#state = 'serving'
  }

  stop(): void {
    this.#state = 'stopping'
  }

  /** Why requests should not come, as a sentence; undefined when they may. */
  whyNot(): string | undefined {
    if (this.#state === 'stopping') return 'The service is stopping.'
    if (this.#state === 'starting') return this.#doing
    const ageMs = this.#tickAgeMs()
    return ageMs > TICK_AGE_MS_MAX ? `The timing wheel has not run for ${Math.floor(ageMs / 1000)} s.` : undefined
  }
}
