// Groups that keep the order of keys: of each key of a partition one record is under way at a time, and as long as nothing is
// redriven they come in the order in which they stand in the log.

import {
  type Delivered,
  freeFrom,
  type GroupHistory,
  isFirstLife,
  livesOf,
  ROUNDING_MS,
  settles,
} from './deliveries.ts'
import type { FinalState } from './final-state.ts'
import type { Anomalies } from './group-anomalies.ts'
import { recordAt } from './lookup.ts'

interface Turn {
  n: number
  fromMs: number
  toMs: number
}

interface Keyed {
  n: number
  offset: number
  all: Delivered[]
}

export function keyOrderAnomalies(groups: readonly GroupHistory[], final: FinalState): Anomalies {
  /** The records of each key, by where they stand, of groups that kept its order all the time. */
  function* keys(): Iterable<{ name: string; records: Keyed[] }> {
    for (const of of groups) {
      if (of.isMoved || of.plans.some(({ plan }, i) => i > 0 && plan.order !== 'key') || of.plans.length < 2) continue
      const byKey = new Map<string, Keyed[]>()
      for (const [n, all] of of.deliveries) {
        const { partition, offset } = all[0]
        const key = recordAt(final, of.topic, partition, offset)?.key
        if (key === undefined) continue
        const name = `${of.topic}.${of.group} ${partition}, key ${key}`
        const records = byKey.get(name) ?? []
        byKey.set(name, records)
        records.push({ n, offset, all })
      }
      for (const [name, records] of byKey) yield { name, records: records.sort((a, b) => a.offset - b.offset) }
    }
  }

  return {
    *'overtaken within a key'() {
      for (const { name, records } of keys()) {
        let later = { n: 0, receivedMs: Number.POSITIVE_INFINITY }
        for (const { n, all } of records.reverse()) {
          const firstLife = all.filter(isFirstLife)
          const late = firstLife.find(({ invokedMs }) => invokedMs > later.receivedMs)
          const settledMs = firstLife.flatMap(({ tries }) => tries.filter(settles).map(({ invokedMs }) => invokedMs))
          if (late) yield `${name}: message ${n} was delivered at ${late.receivedMs}, behind message ${later.n}`
          else if (settledMs.some((atMs) => atMs > later.receivedMs))
            yield `${name}: message ${later.n} was delivered at ${later.receivedMs}, before message ${n} was done`
          const receivedMs = Math.min(...all.map((one) => one.receivedMs))
          if (receivedMs < later.receivedMs) later = { n, receivedMs }
        }
      }
    },

    *'two of a key under way'() {
      for (const { name, records } of keys()) {
        const turns = records.flatMap(({ n, all }) => turnsOf(n, all)).sort((a, b) => a.fromMs - b.fromMs)
        let last: Turn = { n: 0, fromMs: 0, toMs: 0 }
        for (const turn of turns) {
          if (turn.n !== last.n && turn.fromMs + ROUNDING_MS < last.toMs)
            yield `${name}: message ${turn.n} was delivered at ${turn.fromMs}, message ${last.n} was under way until ${last.toMs}`
          if (turn.toMs > last.toMs) last = turn
        }
      }
    },
  }
}

/** From when to when a record was under way: between two deliveries of a life it waited for its retry. */
function turnsOf(n: number, all: readonly Delivered[]): Turn[] {
  return livesOf(all).flatMap((life) =>
    life.map((one, i) => ({ n, fromMs: one.receivedMs, toMs: life[i + 1]?.receivedMs ?? freeFrom(one) })),
  )
}
