// What is seen: records that somebody reads or is handed.

import type { ReadRecord } from './history.ts'
import { type Known, leastDueMs, type Span } from './known.ts'
import { CHANGED, DELAYED, RECEIVED } from './messages.ts'

/** A record was read. */
export function saw(
  known: Known,
  { topic, partition }: { topic: string; partition: number },
  record: ReadRecord,
  span: Span,
): void {
  const { findings, messages, places, retained } = known
  const { n, offset, timestampMs } = record
  const where = `${topic} ${partition}/${offset}`
  places.told(topic, partition, offset, span.to)
  const other = places.saw(topic, partition, offset, n)
  if (other !== undefined) findings.add('wrong place', `${where} held message ${other} and holds message ${n}`)
  retained.saw(topic, partition, record)
  if (!messages.has(n)) {
    findings.add('phantom', `${where} holds message ${n}, which nobody published`)
    return
  }
  if (messages.topicOf(n) !== topic) findings.add('phantom', `message ${n} of ${messages.topicOf(n)} is at ${where}`)
  messages.seenIn[n] = known.final.count
  if (messages.wasSeen(n)) {
    if (messages.partition[n] !== partition || messages.offset[n] !== offset)
      findings.add('duplicate', `message ${n} is at ${where} and at ${messages.partition[n]}/${messages.offset[n]}`)
    return
  }
  messages.partition[n] = partition
  messages.offset[n] = offset
  messages.timestampMs[n] = timestampMs
  messages.seenAsked[n] = span.from
  messages.seenFrom[n] = span.to
  messages.overFrom[n] = Math.min(messages.overFrom[n], span.to)
  received(known, n, span)
}

/** Somebody has it: its time must have come. Of those that were changed the register knows when that is. */
export function received(known: Known, n: number, { handMaxMs }: Span): void {
  const { findings, messages } = known
  if (!messages.has(n)) return
  messages.flags[n] |= RECEIVED
  if (!messages.is(n, DELAYED) || messages.is(n, CHANGED)) return
  if (leastDueMs(known, n) > handMaxMs)
    findings.add('early', `message ${n}, due ${messages.dueMs[n]}, was received when it was ${handMaxMs} at the latest`)
}
