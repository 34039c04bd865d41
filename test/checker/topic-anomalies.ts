// What can be wrong with topics: changes that were answered and are not there, offsets that do not rise, records of a key in
// another order than they were published in, and retention that took too much.

import type { Operation } from './checker.ts'
import type { ClockSteps } from './clock-steps.ts'
import type { FinalState } from './final-state.ts'
import type { AlterInvoke } from './history.ts'
import { placesOfAll } from './lookup.ts'

type Anomalies = Record<string, () => Iterable<string>>

/** A delayed message that was durable so long before it was due was consumed by then, unless the service was down. */
const IN_TIME_MS = 1_000

/** A message with a key that has its place, and when that was settled. */
interface Placed {
  n: number
  offset: number
  /** It comes after all of its key that were completed before this. */
  fromMs: number
  /** It comes before all of its key that begin after this. */
  toMs: number
}

export function topicAnomalies(operations: readonly Operation[], final: FinalState, clock: ClockSteps): Anomalies {
  return {
    *'change lost'() {
      const changes = Map.groupBy(
        operations.filter(({ invoke }) => invoke.call === 'alter'),
        ({ invoke }) => (invoke.value as AlterInvoke).topic,
      )
      for (const [topic, all] of changes) {
        const described = final.described[topic]
        const lastDone = all.findLastIndex(({ outcome }) => outcome?.kind === 'ok' && (outcome.value as Done).done)
        if (lastDone < 0) continue
        // Of what came after it, nobody knows.
        const possible = all.slice(lastDone).filter((one, i) => i === 0 || isInDoubt(one))
        const wanted = possible.map(({ invoke }) => (invoke.value as AlterInvoke).to)
        const is = described && { partitions: described.partitions.length, retentionBytes: described.retentionBytes }
        const fits = wanted.some((to) => {
          if (to === undefined || is === undefined) return to === is
          return (
            (to.partitions === undefined || is.partitions >= to.partitions) &&
            (to.retentionBytes === undefined || is.retentionBytes === to.retentionBytes)
          )
        })
        if (!fits) yield `${topic} was changed to ${JSON.stringify(wanted)} and is ${JSON.stringify(is)}`
      }
    },

    *'offsets out of order'() {
      for (const [topic, records] of Object.entries(final.topics)) {
        const last = new Map<number, number>()
        for (const { partition, offset } of records) {
          if (offset <= (last.get(partition) ?? -1))
            yield `${topic} ${partition}/${offset} comes after ${last.get(partition)}`
          last.set(partition, offset)
        }
      }
    },

    *'out of order within a key'() {
      for (const [name, placed] of keyedOf(operations, final, clock)) {
        // Those that began later must lie behind all that were completed by then.
        const byEnd = placed.toSorted((a, b) => a.toMs - b.toMs)
        let ended = 0
        let last: Placed | undefined
        for (const one of placed.toSorted((a, b) => a.fromMs - b.fromMs)) {
          for (; byEnd[ended].toMs < one.fromMs; ended++)
            if (last === undefined || byEnd[ended].offset > last.offset) last = byEnd[ended]
          if (last !== undefined && last.offset > one.offset)
            yield `${name}: message ${one.n} at ${one.offset} comes after message ${last.n} at ${last.offset}`
        }
      }
    },

    *'retention took too much'() {
      const limits = operations.flatMap(({ invoke }) => (invoke.call === 'alter' ? [invoke.value] : []))
      for (const [topic, { partitions, retentionBytes }] of Object.entries(final.described)) {
        if (retentionBytes === null) continue
        const asked = limits.flatMap((one) => (one.topic === topic ? [one.to?.retentionBytes ?? retentionBytes] : []))
        const least = Math.min(retentionBytes, ...asked)
        for (const [partition, { logStartOffset, sizeBytes }] of partitions.entries())
          if (logStartOffset > 0 && sizeBytes < least)
            yield `${topic}/${partition} begins at ${logStartOffset} and has ${sizeBytes} bytes; ${least} are kept at least`
      }
    },
  }
}

interface Done {
  done: boolean
}

function isInDoubt({ outcome }: Operation): boolean {
  return outcome === undefined || outcome.kind === 'info' || (outcome.kind === 'ok' && (outcome.value as Done).done)
}

/** Messages with keys by topic, partition and key: immediate ones, and apart from them delayed ones. */
function keyedOf(operations: readonly Operation[], final: FinalState, clock: ClockSteps): Map<string, Placed[]> {
  const keyed = new Map<string, Placed[]>()
  const moved = new Set<number>()
  for (const { invoke } of operations)
    if (invoke.call === 'reschedule' || invoke.call === 'dispatch') moved.add(invoke.value.n)
  const places = placesOfAll(final)
  for (const { invoke, outcome } of operations) {
    if (invoke.call !== 'publish' || outcome?.call !== 'publish' || outcome.kind !== 'ok') continue
    for (const [i, { n, key, delayed }] of invoke.value.messages.entries()) {
      const { duplicate, dueAtMs } = outcome.value.results[i]
      const place = places.get(`${invoke.value.topic}/${n}`)
      if (key === undefined || place === undefined || duplicate || moved.has(n)) continue
      const times = delayed
        ? dueTimes(dueAtMs, clock.shownBy(outcome.atMs))
        : { fromMs: invoke.atMs, toMs: outcome.atMs }
      if (times === undefined) continue
      const name = `${invoke.value.topic}/${place.partition}, key ${key}, ${delayed ? 'delayed' : 'immediate'}`
      const list = keyed.get(name) ?? []
      list.push({ n, offset: place.offset, ...times })
      keyed.set(name, list)
    }
  }
  return keyed
}

function dueTimes(dueAtMs: number | undefined, shownMs: number) {
  if (dueAtMs === undefined || shownMs + IN_TIME_MS > dueAtMs) return undefined
  return { fromMs: dueAtMs, toMs: dueAtMs }
}
