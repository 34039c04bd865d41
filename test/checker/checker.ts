// Decides whether what clients were told and what stands in the logs at the end can both be true. It shares no code with
// the service: it knows only the history and the final state.
//
// Every anomaly has a name, so that each can be shown to be found in a hand-made bad history:
//
//   history-checker.ts          messages, by the history alone, however long it is: anomalies 1 to 7, 9, 15 to 18, 20 to 22
//   group-anomalies.ts          10 lost acknowledgements, 11 two holders, 12 wrong counts, 14 tiers, what is left over
//   key-order-anomalies.ts      8 where a group keeps the order of keys
//   lane-anomalies.ts           13 double lanes, 14 wrong tiers
//   dead-letter-anomalies.ts    13 dead letters, 19 redrive and purge
//   explanations.ts             what is said of single records
//   topic-anomalies.ts          8 order within a key, lost changes, retention

import { ClockSteps } from './clock-steps.ts'
import { deadLetterAnomalies } from './dead-letter-anomalies.ts'
import { deliveriesOf } from './deliveries.ts'
import { explanationAnomalies } from './explanations.ts'
import type { FinalState } from './final-state.ts'
import type { Violation } from './findings.ts'
import { groupAnomalies } from './group-anomalies.ts'
import type { Event, Invoke, Outcome } from './history.ts'
import { HistoryChecker, type HistoryOptions } from './history-checker.ts'
import { laneAnomalies } from './lane-anomalies.ts'
import { topicAnomalies } from './topic-anomalies.ts'

export interface CheckOptions extends HistoryOptions {
  /** The tiers of a group that nobody configured. */
  retryMs: readonly number[]
  /** How long the machine slept in all. */
  sleptMs?: number
}

export interface Checked {
  violations: Violation[]
  counts: Record<string, number>
}

/** A call with its outcome; without one when the run ended first, which is the same as `info`. */
export interface Operation {
  invoke: Invoke
  outcome: Outcome | undefined
}

export function check(history: readonly Event[], final: FinalState, options: CheckOptions): Checked {
  const checker = new HistoryChecker(options)
  for (const event of history) checker.take(event)
  const violations = [...checker.finish()]
  const operations = pair(history)
  const clock = new ClockSteps(history, options.sleptMs)
  const groups = deliveriesOf(operations, final, options.retryMs, clock)
  for (const anomalies of [
    groupAnomalies(groups, final, clock),
    laneAnomalies(groups, final, clock),
    deadLetterAnomalies(groups, final, operations),
    explanationAnomalies(groups, final, operations, finalReadMs(history)),
    topicAnomalies(operations, final, clock),
  ]) {
    for (const [anomaly, find] of Object.entries(anomalies)) {
      for (const what of find()) violations.push({ anomaly, what })
    }
  }
  const { counts } = checker
  countDeliveries(operations, counts)
  for (const records of Object.values(final.topics)) add(counts, 'records in the logs', records.length)
  for (const { dead } of final.groups) add(counts, 'dead letters', dead.length)
  for (const { moved } of final.redrives) add(counts, 'dead letters redriven', moved)
  return { violations, counts }
}

/** When all was read for the first time, at rest. */
function finalReadMs(history: readonly Event[]): number {
  return history.find((event) => event.kind === 'note' && event.note === 'final read')?.atMs ?? Number.POSITIVE_INFINITY
}

function pair(history: readonly Event[]): Operation[] {
  const operations = new Map<number, Operation>()
  for (const event of history) {
    if (event.kind === 'note') continue
    if (event.kind === 'invoke') operations.set(event.op, { invoke: event, outcome: undefined })
    else (operations.get(event.op) as Operation).outcome = event
  }
  return [...operations.values()]
}

function countDeliveries(operations: readonly Operation[], counts: Record<string, number>): void {
  for (const { outcome } of operations) {
    if (outcome?.kind !== 'ok') continue
    if (outcome.call === 'acquire') add(counts, 'deliveries', outcome.value.records.length)
    else if (outcome.call === 'purge') add(counts, 'dead letters purged', outcome.value.count)
    else if (outcome.call === 'alter' && outcome.value.done) add(counts, 'topics changed')
    else if (outcome.call === 'acknowledge')
      for (const { state } of outcome.value.results) add(counts, `acknowledge: ${state}`)
  }
}

function add(counts: Record<string, number>, name: string, by = 1): void {
  counts[name] = (counts[name] ?? 0) + by
}
