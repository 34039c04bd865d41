// Chance that can be repeated: the same seed gives the same numbers (mulberry32). Not for secrets.

import type { Random } from '../../storage/index.ts'

export class SeededRandom implements Random {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  /** From 0 to below 1. */
  fraction(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }

  /** A whole number from `low` to `high`, both included. */
  between(low: number, high: number): number {
    return low + Math.floor(this.fraction() * (high - low + 1))
  }

  chance(probability: number): boolean {
    return this.fraction() < probability
  }

  pick<T>(items: readonly T[]): T {
    return items[this.between(0, items.length - 1)]
  }

  /** One of the names, each as often as its weight says. */
  weighted<T extends string>(weights: Record<T, number>): T {
    const names = Object.keys(weights) as T[]
    let rest = this.fraction() * names.reduce((sum, name) => sum + weights[name], 0)
    for (const name of names) {
      rest -= weights[name]
      if (rest < 0) return name
    }
    return names[names.length - 1]
  }

  /** Another generator, whose numbers do not depend on how many are drawn here afterwards. */
  fork(): SeededRandom {
    return new SeededRandom(Math.floor(this.fraction() * 2 ** 32))
  }

  bytes(size: number): Buffer {
    return Buffer.from(Array.from({ length: size }, () => this.between(0, 255)))
  }
}
