// What the server's wall clock showed, from the notes of a whole history: by how much it was ahead of the harness's.

import type { Event } from './history.ts'

interface Stretch {
  fromMs: number
  toMs: number
  aheadMs: number
}

export class ClockSteps {
  readonly #stretches: Stretch[] = [{ fromMs: Number.NEGATIVE_INFINITY, toMs: Number.POSITIVE_INFINITY, aheadMs: 0 }]

  readonly #sleptMs: number

  /** `sleptMs` is how long the machine slept in all: a hand that does not believe its wall clock may be behind by that. */
  constructor(history: readonly Event[], sleptMs = 0) {
    this.#sleptMs = sleptMs
    for (const event of history) {
      if (event.kind !== 'note' || event.note !== 'clock') continue
      const { atMs, aheadMs } = event
      this.#stretches[this.#stretches.length - 1].toMs = atMs
      this.#stretches.push({ fromMs: atMs, toMs: Number.POSITIVE_INFINITY, aheadMs })
    }
  }

  /** By how much the hand was behind at the most, ever. */
  get behindMost(): number {
    return this.#sleptMs + Math.max(...this.#stretches.map(({ aheadMs }) => -aheadMs))
  }

  /** By how much it was ahead at the most at any time between two. */
  aheadMost(fromMs: number, toMs: number): number {
    const within = this.#stretches.filter((stretch) => stretch.fromMs <= toMs && stretch.toMs >= fromMs)
    return Math.max(...within.map(({ aheadMs }) => aheadMs))
  }

  /** The latest time that it had shown by `atMs`. */
  shownBy(atMs: number): number {
    const begun = this.#stretches.filter(({ fromMs }) => fromMs <= atMs)
    return Math.max(...begun.map(({ toMs, aheadMs }) => Math.min(toMs, atMs) + aheadMs))
  }
}
