// Who is cancelled and who is rescheduled, from when to when: all of it follows from the number of a message, so that the
// load, which sends the changes, and the judge, who reads what came of them, need not tell each other.
//
//   0 … changes - 1             cancelled        even numbers race their own dispatch, odd ones are due much later
//   changes … 2 changes - 1     rescheduled      likewise
//   2 changes … count - 1       left alone

import { scattered } from './numbered.ts'

export interface ChangePlan {
  /** All messages. */
  count: number
  /** Of each kind. */
  changes: number
  /** The race: racing messages are due in it one after the other, and quiet changes are sent in it. */
  raceFromMs: number
  raceSpanMs: number
}

export type Kind = 'cancel' | 'reschedule' | 'none'

const MINUTE_MS = 60_000
const SECOND_MS = 1_000
const SPAN_MS = 120 * MINUTE_MS

export function kindOf({ changes }: ChangePlan, n: number): Kind {
  return n < changes ? 'cancel' : n < 2 * changes ? 'reschedule' : 'none'
}

/** Whether it is to be changed at the very moment at which it is dispatched. */
export function isRacing(n: number): boolean {
  return n % 2 === 0
}

/** When in the race the turn of a message is. */
export function turnMs({ changes, raceFromMs, raceSpanMs }: ChangePlan, n: number): number {
  // Cancels and reschedules take turns.
  const turn = ((n % changes) & ~1) + (n < changes ? 0 : 1)
  return raceFromMs + Math.floor((turn * raceSpanMs) / changes)
}

/** When the message is due as it is published. */
export function dueAtMs(plan: ChangePlan, n: number): number {
  if (kindOf(plan, n) !== 'none' && isRacing(n)) return turnMs(plan, n)
  return plan.raceFromMs + plan.raceSpanMs + 10 * MINUTE_MS + scattered(n, SPAN_MS)
}

/** When it is to be due instead: half of them soon, half of them much later. */
export function newDueAtMs(plan: ChangePlan, n: number): number {
  const isSoon = n % 4 < 2
  if (isRacing(n)) return dueAtMs(plan, n) + (isSoon ? SECOND_MS : 30 * MINUTE_MS)
  return isSoon ? turnMs(plan, n) + 3 * SECOND_MS : dueAtMs(plan, n) + 30 * MINUTE_MS
}

/** Nothing is due any more, however it was changed. */
export function endMs(plan: ChangePlan): number {
  return plan.raceFromMs + plan.raceSpanMs + 10 * MINUTE_MS + SPAN_MS + 30 * MINUTE_MS
}
