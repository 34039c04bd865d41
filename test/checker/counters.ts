// The counters of one life of the server against what happened in it, as far as the history can tell. A counter begins
// anew with each process; what is consumed or found again at a start must not be counted again.

import type { Findings } from './findings.ts'
import type { Counters, Invoke, Outcome } from './history.ts'

/** Bounds of a counter as they stood when it was read: no less than `least`, which was over when the call began. */
interface Asked {
  published: number
  cancelled: number
  fromMs: number
}

interface Scrape extends Asked {
  lifeFromMs: number
  toMs: number
  said: Counters
}

/** A record may be counted so long after the time that it carries: its append takes its time. */
const APPEND_MS = 2_000

export class LifeCounters {
  readonly #findings: Findings
  /** From when on records can be of this life: when the one before ended. */
  #lifeFromMs = 0
  #endedMs = 0
  #publishedLeast = 0
  #publishedMost = 0
  #cancelledLeast = 0
  readonly #maybeCancelled = new Set<number>()
  /** Cancels of a message ever. */
  readonly #cancels = new Map<number, number>()
  readonly #asked = new Map<number, Asked>()
  readonly #scrapes: Scrape[] = []

  constructor(findings: Findings) {
    this.#findings = findings
  }

  ended(atMs: number): void {
    this.#endedMs = atMs
  }

  started(): void {
    this.#lifeFromMs = this.#endedMs
    this.#publishedLeast = 0
    this.#publishedMost = 0
    this.#cancelledLeast = 0
    this.#maybeCancelled.clear()
  }

  invoked(invoke: Invoke): void {
    if (invoke.call === 'publish') this.#publishedMost += invoke.value.messages.length
    else if (invoke.call === 'cancel') {
      const { n } = invoke.value
      this.#cancels.set(n, (this.#cancels.get(n) ?? 0) + 1)
      this.#maybeCancelled.add(n)
    } else if (invoke.call === 'metrics') {
      const asked = { published: this.#publishedLeast, cancelled: this.#cancelledLeast, fromMs: invoke.atMs }
      this.#asked.set(invoke.op, asked)
    }
  }

  answered(invoke: Invoke, outcome: Outcome): void {
    if (invoke.call === 'publish') {
      const count = invoke.value.messages.length
      if (outcome.kind === 'fail') this.#publishedMost -= count
      if (outcome.call !== 'publish' || outcome.kind !== 'ok') return
      const again = outcome.value.results.filter(({ duplicate }) => duplicate).length
      this.#publishedMost -= again
      this.#publishedLeast += count - again
    } else if (outcome.call === 'cancel' && outcome.kind === 'ok' && invoke.call === 'cancel') {
      const { n } = invoke.value
      // Who cancels again is told the same.
      if (outcome.value.state === 'cancelled' && this.#cancels.get(n) === 1) this.#cancelledLeast++
    } else if (invoke.call === 'metrics') {
      const asked = this.#asked.get(invoke.op) as Asked
      this.#asked.delete(invoke.op)
      if (outcome.call === 'metrics' && outcome.kind === 'ok') this.#check(asked, outcome.value, outcome.atMs)
    }
  }

  /**
   * At the end: the records that stand for what `name` counts, by their timestamps, as far as they are there; `unseen` more may
   * have been. The server's clock was off by `offMs` at the most.
   */
  finish(name: 'dispatched' | 'dead' | 'redriven', timestampsMs: Float64Array, unseen: number, offMs: number): void {
    const sorted = timestampsMs.toSorted()
    const countUpTo = (ms: number) => {
      let [low, high] = [0, sorted.length]
      while (low < high) {
        const middle = (low + high) >> 1
        if (sorted[middle] <= ms) low = middle + 1
        else high = middle
      }
      return low
    }
    for (const { lifeFromMs, fromMs, toMs, said } of this.#scrapes) {
      const count = said[name]
      if (count === undefined) continue
      const least = countUpTo(fromMs - APPEND_MS - offMs) - countUpTo(lifeFromMs + offMs)
      const most = countUpTo(toMs + offMs) - countUpTo(lifeFromMs - offMs) + unseen
      if (count < least || count > most) this.#complain(`${name} ${count}`, least, most)
    }
  }

  #check(asked: Asked, said: Counters, toMs: number): void {
    this.#scrapes.push({ ...asked, lifeFromMs: this.#lifeFromMs, toMs, said })
    const published = said.publishedNow + said.publishedDelayed
    if (published < asked.published || published > this.#publishedMost)
      this.#complain(`published ${published}`, asked.published, this.#publishedMost)
    const cancelledMost = this.#maybeCancelled.size
    if (said.cancelled < asked.cancelled || said.cancelled > cancelledMost)
      this.#complain(`cancelled ${said.cancelled}`, asked.cancelled, cancelledMost)
  }

  #complain(what: string, least: number, most: number): void {
    this.#findings.add(
      'dishonest metrics',
      `a life of the server counts ${what}, ${Math.max(0, least)} to ${most} were`,
    )
  }
}
