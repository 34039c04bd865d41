// Calls about single messages as they are asked for and answered: what each of them is known to be between them. All of them
// together are judged at the end, by registers.ts.

import type { Outcome, Told } from './history.ts'
import { checkOverdue, count, type Known, SLACK_MS } from './known.ts'
import { CHANGED, TOLD_LATER, UNSURE } from './messages.ts'
import type { OneCall } from './registers.ts'

/** Somebody asks for one message, in the event of this `order`. */
export function asking({ messages, registers, hand }: Known, invoke: OneCall, order: number): void {
  const { n } = invoke.value
  const nowMs = invoke.atMs - hand.behindMaxMs - SLACK_MS
  registers.invoked(invoke, order, nowMs)
  if (invoke.call === 'look up') return
  messages.flags[n] |= messages.openChanges[n] > 0 ? CHANGED | UNSURE : CHANGED
  messages.openChanges[n] = Math.min(255, messages.openChanges[n] + 1)
  const toMs = invoke.call === 'reschedule' ? invoke.value.toMs : nowMs
  messages.askedMs[n] = Math.min(messages.askedMs[n], toMs)
}

/** Such a call has come to its end. */
export function answered(known: Known, invoke: OneCall, outcome: Outcome, order: number): void {
  const { messages, registers, places, hand } = known
  const { n, topic } = invoke.value
  const isChange = invoke.call !== 'look up'
  if (outcome.kind === 'info') {
    registers.lost(invoke)
    return
  }
  const told = outcome.kind === 'ok' ? (outcome.value as Told) : undefined
  registers.answered(invoke, told, order, hand.maxMs(outcome.atMs))
  if (isChange) messages.openChanges[n]--
  if (told === undefined) return
  count(known, `${invoke.call}: ${told.state}`)
  const { state, dueAtMs, partition, offset } = told
  if (partition !== undefined && offset !== undefined) {
    places.told(topic, partition, offset, order)
    toldPlace(known, n, topic, { partition, offset })
    messages.flags[n] |= TOLD_LATER
  }
  if (state === 'cancelled' || state === 'dispatched') messages.overFrom[n] = Math.min(messages.overFrom[n], order)
  if (state === 'pending' && isChange && dueAtMs !== undefined && !messages.is(n, UNSURE)) {
    messages.dueMs[n] = dueAtMs
    messages.sureFrom[n] = order
    messages.sureFromMs[n] = outcome.atMs
  }
  if (!isChange && state === 'pending') checkOverdue(known, n, dueAtMs ?? messages.dueMs[n], invoke.atMs)
}

/** A place that was answered: whatever is read there must be that message. */
function toldPlace(
  { messages, findings }: Known,
  n: number,
  topic: string,
  { partition, offset }: { partition: number; offset: number },
): void {
  if (messages.toldPartition[n] < 0) {
    messages.toldPartition[n] = partition
    messages.toldOffset[n] = offset
  } else if (messages.toldPartition[n] !== partition || messages.toldOffset[n] !== offset) {
    const before = `${messages.toldPartition[n]}/${messages.toldOffset[n]}`
    findings.add('wrong place', `message ${n} was said to be at ${topic} ${before} and at ${partition}/${offset}`)
  }
}
