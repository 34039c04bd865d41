// Who asked for dead letters of a group to be taken away, by redrive or purge, and where dead letters were seen.

import type { Operation } from './checker.ts'
import type { Invoke, OfDeadLetters, OfGroup } from './history.ts'

export interface Begun {
  of: OfDeadLetters
  /** Absent when no answer came. */
  task?: string
  invokedMs: number
  /** When it was answered; for ever when it was not. */
  answeredMs: number
  /** When its answer came, or was lost. */
  overMs: number
  /** When somebody was told that it had ended; for ever when nobody was. */
  endedMs: number
}

interface Seen {
  n: number
  firstMs: number
  /** When the last list that has it was asked for. */
  lastAskedMs: number
}

const CALLS = ['redrive', 'purge', 'dead letters', 'look at redrives'] as const

type OfDeadLettersInvoke = Invoke & { call: (typeof CALLS)[number] }

function isOfDeadLetters(invoke: Invoke): invoke is OfDeadLettersInvoke {
  return (CALLS as readonly string[]).includes(invoke.call)
}

export class Removals {
  readonly redrives: Begun[] = []
  readonly #purges: Begun[] = []
  readonly #seen = new Map<string, Seen>()
  readonly purged = { count: 0, isSure: true }

  constructor({ topic, group }: OfGroup, operations: readonly Operation[]) {
    for (const { invoke, outcome } of operations) {
      if (!isOfDeadLetters(invoke)) continue
      if (invoke.value.topic !== topic || invoke.value.group !== group || outcome?.kind === 'fail') continue
      const answeredMs = outcome?.kind === 'ok' ? outcome.atMs : Number.POSITIVE_INFINITY
      const endedMs = invoke.call === 'purge' ? answeredMs : Number.POSITIVE_INFINITY
      const overMs = outcome?.atMs ?? Number.POSITIVE_INFINITY
      const begun: Begun = { of: invoke.value, invokedMs: invoke.atMs, answeredMs, overMs, endedMs }
      if (invoke.call === 'redrive') {
        if (invoke.value.dryRun) continue
        if (outcome?.call === 'redrive' && outcome.kind === 'ok') begun.task = outcome.value.task
        this.redrives.push(begun)
      } else if (invoke.call === 'purge') {
        this.#purges.push(begun)
        if (outcome?.call === 'purge' && outcome.kind === 'ok') this.purged.count += outcome.value.count
        else this.purged.isSure = false
      } else if (outcome?.call === 'look at redrives' && outcome.kind === 'ok') {
        this.#noteEnds(outcome.value.running, invoke.atMs, outcome.atMs)
      } else if (outcome?.call === 'dead letters' && outcome.kind === 'ok') {
        for (const { n, partition, offset } of outcome.value.letters) {
          const place = `${partition}/${offset}`
          const seen = this.#seen.get(place) ?? { n, firstMs: outcome.atMs, lastAskedMs: 0 }
          seen.lastAskedMs = Math.max(seen.lastAskedMs, invoke.atMs)
          this.#seen.set(place, seen)
        }
      }
    }
  }

  /** Of what was asked for before this look, whatever it does not name has ended. */
  #noteEnds(running: readonly string[], askedMs: number, atMs: number): void {
    for (const redrive of this.redrives) {
      if (redrive.overMs > askedMs || (redrive.task !== undefined && running.includes(redrive.task))) continue
      redrive.endedMs = Math.min(redrive.endedMs, atMs)
    }
  }

  redriveOf(task: string): Begun | undefined {
    return this.redrives.find((one) => one.task === task)
  }

  /** Whether nobody else may have taken any from when it began to when it was known to have ended. */
  isAlone(begun: Begun): boolean {
    const { invokedMs: fromMs, endedMs: toMs } = begun
    const isApart = (one: Begun) => one === begun || one.endedMs < fromMs || one.invokedMs > toMs
    return toMs < Number.POSITIVE_INFINITY && [...this.redrives, ...this.#purges].every(isApart)
  }

  /** When a list first had the dead letter of this place. */
  firstSeenMs({ partition, offset }: { partition: number; offset: number }): number {
    return this.#seen.get(`${partition}/${offset}`)?.firstMs ?? Number.POSITIVE_INFINITY
  }

  /** Dead letters that a list had before they were purged, and one that was asked for after. */
  *seenAgain(keyOf: (n: number) => string | undefined): Iterable<{ place: string; seenAgainMs: number; purge: Begun }> {
    for (const [place, { n, firstMs, lastAskedMs }] of this.#seen) {
      const purge = this.#purges.find(
        ({ of, invokedMs, answeredMs }) =>
          firstMs < invokedMs && lastAskedMs > answeredMs && (of.key === undefined || of.key === keyOf(n)),
      )
      if (purge) yield { place, seenAgainMs: lastAskedMs, purge }
    }
  }
}
