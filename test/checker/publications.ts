// Publications as they are asked for and answered: what is to be in its topic, and when.

import type { PublishInvoke, PublishResult } from './history.ts'
import { count, type Known } from './known.ts'
import { ANSWERED, BY_TIME, CHANGED, DELAYED, OWN_ID, POSSIBLE, TRYING } from './messages.ts'

/** Somebody asks for messages to be published. */
export function publishing(known: Known, { topic, messages: published, batch, publisher = 0 }: PublishInvoke): void {
  const { messages, keys } = known
  for (const { n, notBeforeMs, delayed, byTime, id, key } of published) {
    if (messages.has(n)) {
      messages.flags[n] |= TRYING
      continue
    }
    messages.add(n, topic)
    messages.flags[n] = TRYING | (delayed ? DELAYED : 0) | (byTime ? BY_TIME : 0) | (id === undefined ? 0 : OWN_ID)
    messages.askedMs[n] = messages.dueMs[n] = notBeforeMs
    messages.batch[n] = batch ?? 0
    messages.publisher[n] = publisher
    if (key !== undefined) keys.set(n, key)
  }
}

/** Clocks are read in whole milliseconds, by server and harness each. */
const ROUNDING_MS = 2

/** A publication has come to its end, the same for all its messages. */
export function publicationEnded(known: Known, { messages: published }: PublishInvoke, mayHaveHappened: boolean): void {
  const { flags } = known.messages
  for (const { n } of published) flags[n] = (flags[n] & ~TRYING) | (mayHaveHappened ? POSSIBLE : 0)
}

/** It was answered with success, in the event of this `order`. */
export function published(
  known: Known,
  { topic, messages: published }: PublishInvoke,
  results: readonly PublishResult[],
  { order, atMs }: { order: number; atMs: number },
): void {
  const { messages, places, registers, findings, hand } = known
  count(known, 'messages published', results.length)
  for (const [i, { partition, offset, dueAtMs, duplicate }] of results.entries()) {
    const { n, notBeforeMs, byTime } = published[i]
    if (duplicate) count(known, 'duplicate answers')
    if (dueAtMs !== undefined) {
      // The server adds a delay to its own time.
      const behindMs = byTime ? 0 : hand.behindMaxMs + ROUNDING_MS
      const leastMs = notBeforeMs - behindMs
      if (dueAtMs < leastMs && !messages.is(n, CHANGED))
        findings.add('early', `message ${n} asked for ${notBeforeMs}, was promised ${dueAtMs}`)
    }
    if (partition !== undefined && offset !== undefined) places.told(topic, partition, offset, order)
    if (messages.is(n, ANSWERED)) continue
    messages.flags[n] |= ANSWERED
    messages.answeredMs[n] = atMs
    messages.sureFrom[n] = order
    messages.sureFromMs[n] = atMs
    if (partition !== undefined && offset !== undefined) {
      // Its time had come when it arrived.
      messages.flags[n] &= ~DELAYED
      messages.toldPartition[n] = partition
      messages.toldOffset[n] = offset
    } else {
      messages.dueMs[n] = dueAtMs ?? messages.dueMs[n]
      registers.published(n, order, hand.maxMs(atMs))
    }
  }
}
