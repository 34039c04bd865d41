// How many messages were published, by topic and acks, for as many topics as a setting allows; the others count together.
//
// Always true:
//   1. A series only grows while it is there, and each message is in exactly one: rates add up to what was published.
//   2. When somebody looks, a topic that was more than twice as busy as the least busy one with a series takes its place. Its
//      series begins at 0 then, and what either is published while it has none counts as OTHER: no series ever jumps.
//   3. Counting takes two look-ups, however many topics there are; of topics without a series CANDIDATES_MAX are remembered.

import { OTHER } from './other.ts'

/** What the publisher waited for: nothing, or until it was durable, which 1 and all both mean. */
export type Acks = '0' | '1' | 'all'

const CANDIDATES_MAX = 10_000

interface Counted {
  byAcks: Map<Acks, number>
  /** Messages lately: halved at each look. */
  busy: number
}

export class PublishedByTopic {
  readonly #topicsMax: number
  readonly #own = new Map<string, Counted>()
  readonly #others: Counted = { byAcks: new Map(), busy: 0 }
  /** Messages since the last look, of topics without a series. */
  readonly #candidates = new Map<string, number>()

  constructor(topicsMax: number) {
    this.#topicsMax = topicsMax
  }

  count(topic: string, acks: Acks, messages: number): void {
    const counted = this.#own.get(topic) ?? this.#without(topic, messages)
    counted.byAcks.set(acks, (counted.byAcks.get(acks) ?? 0) + messages)
    counted.busy += messages
  }

  /** Who counts now for a topic that has no series; it gets one if there is room. */
  #without(topic: string, messages: number): Counted {
    if (topic === OTHER) return this.#others
    if (this.#own.size < this.#topicsMax) return this.#begin(topic, 0)
    const before = this.#candidates.get(topic)
    if (before !== undefined || this.#candidates.size < CANDIDATES_MAX) {
      this.#candidates.set(topic, (before ?? 0) + messages)
    }
    return this.#others
  }

  #begin(topic: string, busy: number): Counted {
    const counted: Counted = { byAcks: new Map(), busy }
    this.#own.set(topic, counted)
    return counted
  }

  /** All series; to be called when somebody looks. */
  *series(): Generator<{ topic: string; acks: Acks; count: number }> {
    this.#settle()
    for (const [topic, { byAcks }] of [...this.#own, [OTHER, this.#others] as const]) {
      for (const [acks, count] of byAcks) yield { topic, acks, count }
    }
  }

  #settle(): void {
    const byBusy = [...this.#own].sort(([, a], [, b]) => a.busy - b.busy)
    const rising = [...this.#candidates].sort(([, a], [, b]) => b - a)
    for (const [i, [topic, busy]] of rising.slice(0, byBusy.length).entries()) {
      const [least, { busy: leastBusy }] = byBusy[i]
      if (busy <= 2 * leastBusy) break
      this.#own.delete(least)
      this.#begin(topic, busy)
    }
    this.#candidates.clear()
    for (const counted of this.#own.values()) counted.busy /= 2
  }
}
