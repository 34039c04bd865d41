// A filter as an index can ask it: for one look, because it remembers what it found out about each death.

import { type DeadLetterFilter, isWithin, matchesDeath } from './dead-letter-filter.ts'
import type { Death } from './deaths.ts'
import type { Fingerprints } from './fingerprint.ts'

export class DeadProbe {
  readonly filter: DeadLetterFilter
  /** A record has all of these, or does not match. */
  readonly prints: readonly number[]
  /** Headers that Dwell adds have no print: only the record itself can tell. */
  readonly #asksForOwn: boolean
  readonly #asksForDeath: boolean
  readonly #mayDieOf = new Map<Death, boolean>()

  constructor(filter: DeadLetterFilter, fingerprints: Fingerprints) {
    const { key, headers = {}, cause, reason } = filter
    const known = Object.entries(headers).filter(([name]) => !name.startsWith('__'))
    this.filter = filter
    this.prints = fingerprints.of({ key, headers: known })
    this.#asksForOwn = known.length < Object.keys(headers).length
    this.#asksForDeath = cause !== undefined || reason !== undefined
  }

  isWithin(diedAtMs: number): boolean {
    return isWithin(diedAtMs, this.filter)
  }

  /** A death that is not known may be any. */
  mayDieOf(death: Death | undefined): boolean {
    if (!this.#asksForDeath || death === undefined) return true
    let may = this.#mayDieOf.get(death)
    if (may === undefined) {
      may = matchesDeath(death.cause, death.reason, this.filter)
      this.#mayDieOf.set(death, may)
    }
    return may
  }

  /** Whether one that may match does. */
  isSureOf(death: Death | undefined): boolean {
    return !this.#asksForOwn && (!this.#asksForDeath || death !== undefined)
  }
}
