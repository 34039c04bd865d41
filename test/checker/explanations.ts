// What is said of single records to who asks where they are: never what cannot be so.
//
// A record that was accepted is accepted, as long as that is remembered, then `finished`; `unknown` says that it was not found in
// time. What is dead in the end was dead when everything had come to rest.

import type { Operation } from './checker.ts'
import type { GroupHistory } from './deliveries.ts'
import type { FinalState } from './final-state.ts'
import type { Anomalies } from './group-anomalies.ts'
import { recordAt } from './lookup.ts'

const DONE = ['accepted', 'finished', 'unknown']
const DEAD = ['dead', 'unknown']

export function explanationAnomalies(
  groups: readonly GroupHistory[],
  final: FinalState,
  operations: readonly Operation[],
  finalMs: number,
): Anomalies {
  return {
    *'explained wrong'() {
      for (const { invoke, outcome } of operations) {
        if (invoke.call !== 'explain' || outcome?.call !== 'explain' || outcome.kind !== 'ok') continue
        const { topic, group, partition, offset } = invoke.value
        const of = groups.find((one) => one.topic === topic && one.group === group)
        const n = recordAt(final, topic, partition, offset)?.n
        if (of === undefined || n === undefined || of.isMoved) continue
        const accepted = (of.deliveries.get(n) ?? []).flatMap(({ tries }) =>
          tries.filter(({ result }) => result?.state === 'acknowledged').map(({ answeredMs }) => answeredMs),
        )
        const { state } = outcome.value
        const isDead = invoke.atMs > finalMs && of.final?.dead.some((letter) => letter.n === n)
        const right = Math.min(...accepted) < invoke.atMs ? DONE : isDead ? DEAD : [state]
        if (!right.includes(state))
          yield `${topic}.${group}: message ${n} is explained as ${state} at ${outcome.atMs}, it is ${right[0]}`
      }
    },
  }
}
