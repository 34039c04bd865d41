// Makes a delivery out of a record of a source: what comes out of a lane is handed out as the original record that it is.

import { decodeRecordBody, type RecordBody, type StoredRecord } from '../../storage/index.ts'
import type { Attempt, Delivery } from './delivery.ts'
import { historyOf } from './failed-record.ts'
import type { Source } from './source/source.ts'

const NO_ATTEMPTS: readonly Attempt[] = []

export function deliver(source: Source, record: StoredRecord, receipt: string, lockedUntilMs: number): Delivery {
  const { kind, topic, partition } = source.place
  const body = record.body as Buffer
  if (kind === 'topic') {
    const { offset, timestampMs } = record
    return {
      receipt,
      topic,
      partition,
      offset,
      timestampMs,
      body,
      deliveryCount: 1,
      lockedUntilMs,
      attempts: NO_ATTEMPTS,
    }
  }
  const history = historyOf(source, record, tryDecode(body))
  return {
    receipt,
    topic: history.topic,
    partition: history.partition,
    offset: history.offset,
    timestampMs: history.timestampMs,
    body,
    deliveryCount: history.deliveryCount + 1,
    lockedUntilMs,
    attempts: history.attempts,
    ...(history.attemptsDropped !== undefined && { attemptsDropped: history.attemptsDropped }),
  }
}

/** undefined when it is damaged: whoever decodes the delivery says so, and the lane goes on. */
function tryDecode(bytes: Uint8Array): RecordBody | undefined {
  try {
    return decodeRecordBody(bytes)
  } catch {
    return undefined
  }
}
