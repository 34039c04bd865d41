// What became of a message that was changed, or left alone, and whether that agrees with what was answered: a decision
// table, a row a case. It knows nothing of how Dwell works.

import type { ChangeAnswer } from './change-load.ts'
import { type ChangePlan, dueAtMs, kindOf, newDueAtMs } from './change-plan.ts'

export interface Outcome {
  /** Undefined when it was left alone. */
  answer: ChangeAnswer | undefined
  answeredMs: number
  /** When it is due by the answer to a reschedule. */
  grantedMs: number
  /** How often it is in the log; then where it was first, and when it was put there. */
  times: number
  partition: number
  offset: number
  timestampMs: number
  /** What a look-up said before the clock was moved on to the end; undefined when none was made. */
  lookUp: { state: string; dueAtMs?: number; partition?: number; offset?: number } | undefined
}

/** What does not agree; undefined when all does. */
export function disagreement(plan: ChangePlan, n: number, outcome: Outcome): string | undefined {
  const { answer, answeredMs, grantedMs, times, timestampMs, lookUp } = outcome
  const due = dueAtMs(plan, n)
  if (times > 1) return `is in the log ${times} times`
  if (answer === 'wrong') return 'was answered what nobody should be'
  if (times === 1) {
    if (answer === 'done' && kindOf(plan, n) === 'cancel') return 'was cancelled and is in the log'
    if (timestampMs < (answer === 'done' ? grantedMs : due)) return 'came early'
    if (answer === 'too late' && timestampMs > answeredMs) return 'was said to be dispatched before it was'
  } else {
    if (kindOf(plan, n) !== 'cancel') return 'is lost'
    if (answer === 'too late') return 'was said to be dispatched and is lost'
  }
  return lookUp && lookUpDisagreement(plan, n, outcome, lookUp)
}

function lookUpDisagreement(
  plan: ChangePlan,
  n: number,
  { answer, grantedMs, times, timestampMs, partition, offset }: Outcome,
  lookUp: NonNullable<Outcome['lookUp']>,
): string | undefined {
  const isCancelled = lookUp.state === 'cancelled'
  if (isCancelled !== (times === 0)) return `is ${lookUp.state} by look-up and ${times} times in the log`
  if (isCancelled) return undefined
  const { dueAtMs: nowDue = 0 } = lookUp
  // One that may have been rescheduled is due when it was asked for, or at once when that had passed.
  const mayBeMoved = answer === 'info' && kindOf(plan, n) === 'reschedule' && nowDue >= newDueAtMs(plan, n)
  const isRight = nowDue === (answer === 'done' ? grantedMs : dueAtMs(plan, n)) || mayBeMoved
  if (!isRight) return `is due at ${nowDue} by look-up`
  if (timestampMs < nowDue) return 'came before it was due by look-up'
  if (lookUp.state === 'pending') return undefined
  if (lookUp.state !== 'dispatched') return `is ${lookUp.state} by look-up`
  if (lookUp.partition !== partition || lookUp.offset !== offset) return 'is at another place by look-up'
  return undefined
}
