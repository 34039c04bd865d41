// Decides whether what clients were told and what stands in the logs at the end can both be true. It shares no code with
// the service: it knows only the history and the final state.
//
// Every anomaly is a function of its own, by name, so that each can be shown to fire on a hand-made bad history:
//
//   message-anomalies.ts   lost, doubled, early, late, from nowhere, in the wrong place, half a batch, cancelled and there,
//                          answers that disagree, pending for ever
//   group-anomalies.ts     lost acknowledgements, two holders, wrong counts, lanes and tiers, dead letters, left over
//   topic-anomalies.ts     lost changes, water marks that move back, order within a key, retention
//
// It cannot decide what counters say (they begin anew with each process; only that nothing waits at the end), nor what the
// load does not do: redrive, and answers after a failed sync (test/faults does that).

import { groupAnomalies } from './group-anomalies.ts'
import type { Event, FinalState } from './history.ts'
import { messageAnomalies } from './message-anomalies.ts'
import { topicAnomalies } from './topic-anomalies.ts'

export interface Violation {
  anomaly: string
  what: string
}

export interface CheckOptions {
  /** How many tiers a group's retries walk through. */
  tiers: number
  /** When there was no server. */
  downs?: readonly Down[]
  /** How late a message may be dispatched while there is one. */
  lateMsMax?: number
}

export interface Down {
  fromMs: number
  toMs: number
}

export interface Checked {
  violations: Violation[]
  counts: Record<string, number>
}

/** A call with its outcome; without one when the run ended first, which is the same as `info`. */
export interface Operation {
  invoke: Extract<Event, { kind: 'invoke' }>
  outcome: Exclude<Event, { kind: 'invoke' }> | undefined
}

export function check(history: readonly Event[], final: FinalState, options: CheckOptions): Checked {
  const operations = pair(history)
  const violations: Violation[] = []
  const all = [
    messageAnomalies(operations, final, options),
    groupAnomalies(operations, final, options),
    topicAnomalies(operations, final),
  ]
  for (const anomalies of all) {
    for (const [anomaly, find] of Object.entries(anomalies)) {
      for (const what of find()) violations.push({ anomaly, what })
    }
  }
  return { violations, counts: count(operations, final) }
}

function pair(history: readonly Event[]): Operation[] {
  const operations = new Map<number, Operation>()
  for (const event of history) {
    if (event.kind === 'invoke') operations.set(event.op, { invoke: event, outcome: undefined })
    else {
      const operation = operations.get(event.op)
      if (operation === undefined || operation.invoke.call !== event.call || operation.outcome !== undefined) {
        throw new Error(`the history is not one: event ${JSON.stringify(event)}`)
      }
      operation.outcome = event
    }
  }
  return [...operations.values()]
}

function count(operations: Operation[], final: FinalState): Record<string, number> {
  const counts: Record<string, number> = {}
  const add = (name: string, by = 1) => (counts[name] = (counts[name] ?? 0) + by)
  for (const { invoke, outcome } of operations) {
    add(`${invoke.call} ${outcome?.kind ?? 'info'}`)
    if (outcome?.kind !== 'ok') continue
    if (outcome.call === 'publish') {
      add('messages published', outcome.value.results.length)
      add('duplicate answers', outcome.value.results.filter(({ duplicate }) => duplicate).length)
    } else if (outcome.call === 'cancel') add(`cancel: ${outcome.value.state}`)
    else if (outcome.call === 'acquire') add('deliveries', outcome.value.records.length)
    else if (outcome.call === 'acknowledge') {
      for (const { state } of outcome.value.results) add(`acknowledge: ${state}`)
    } else if (outcome.value.done) add('topics changed')
  }
  for (const records of Object.values(final.topics)) add('records in the logs', records.length)
  for (const { dead } of final.groups) add('dead letters', dead.length)
  return counts
}
