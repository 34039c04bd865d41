// How many records of a group died within the last minute, in steps of a second. In memory only: after a restart it begins
// at nothing, which pauses a group a minute later at most.

const MINUTE_S = 60

export class Flood {
  readonly #clock: { monotonicMs(): number }
  /** By second, oldest first. */
  #steps: { second: number; count: number }[] = []

  constructor(clock: { monotonicMs(): number }) {
    this.#clock = clock
  }

  /** Counts `count` more; answers how many died within a minute. */
  add(count: number): number {
    const second = Math.floor(this.#clock.monotonicMs() / 1_000)
    const last = this.#steps.at(-1)
    if (last?.second === second) last.count += count
    else this.#steps.push({ second, count })
    while (this.#steps[0].second <= second - MINUTE_S) this.#steps.shift()
    return this.#steps.reduce((sum, step) => sum + step.count, 0)
  }

  /** After a pause it begins anew. */
  clear(): void {
    this.#steps = []
  }
}
