// A dead letter: a record that tells how it died. What does not was published into the topic while there was no group, and is
// none.

import { decodeRecordBody } from '../../../storage/index.ts'
import type { Attempt } from '../delivery.ts'
import { type DeathCause, readDeathCause, readHistory } from '../failed-record.ts'

export interface DeadLetter {
  /** Its place in the dead-letter topic. */
  place: { topic: string; partition: number; offset: number }
  /** Epoch milliseconds. */
  diedAtMs: number
  /** Of the original record. */
  topic: string
  partition: number
  offset: number
  timestampMs: number
  /** Key, value and headers as stored; headers beginning with `__` are Dwell's own. */
  body: Buffer
  deliveryCount: number
  attempts: readonly Attempt[]
  /** Tries before those, which are not kept; absent when there are none. */
  attemptsDropped?: number
  cause: DeathCause
  /** The reason of the last attempt. */
  reason: string
}

/** undefined when the record is none. @throws RECORD_DAMAGED */
export function deadLetter(
  place: DeadLetter['place'],
  { timestampMs, body }: { timestampMs: number; body: Uint8Array },
): DeadLetter | undefined {
  const decoded = decodeRecordBody(body)
  const cause = readDeathCause(decoded)
  const history = readHistory(decoded)
  if (cause === undefined || history === undefined) return undefined
  const reason = history.attempts.at(-1)?.reason ?? ''
  return { ...history, place, diedAtMs: timestampMs, body: body as Buffer, cause, reason }
}
