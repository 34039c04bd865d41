// What a record becomes when a try of it failed: the same key, value and headers, and beside them headers that tell where
// it comes from and what happened to it. They travel through all lanes into the dead letters.
//
//   __dwell.origin.topic, .partition, .offset, .timestamp   the original record, numbers as text, epoch milliseconds
//   __dwell.delivery.count                                  how often it was delivered so far
//   __dwell.attempts                                        JSON [{at, cause, reason}, …], oldest first: the last ATTEMPTS_MAX,
//                                                           and no more than ATTEMPTS_BYTES_MAX
//   __dwell.attempts.dropped                                how many came before those; only where there are some
//   __dlq.errors.topic, .partition, .offset, .group, .delivery.count, .message, .cause   on a dead letter, Kafka's names

import { encodeRecordBody, type Header, type RecordBody, type StoredRecord } from '../../storage/index.ts'
import type { Attempt } from './delivery.ts'
import type { Source } from './source/source.ts'

/** A record with its life so far. */
export interface RecordHistory {
  topic: string
  partition: number
  offset: number
  timestampMs: number
  /** Deliveries that ended. */
  deliveryCount: number
  attempts: readonly Attempt[]
  /** Earlier ones that are not kept; absent when there are none. */
  attemptsDropped?: number
}

export type DeathCause = 'CLIENT_REJECT' | 'DELIVERY_COUNT_EXCEEDED'

const ORIGIN = '__dwell.origin.'
const COUNT = '__dwell.delivery.count'
const ATTEMPTS = '__dwell.attempts'
const DROPPED = '__dwell.attempts.dropped'
const DEATH = '__dlq.errors.'

/** A record that is redriven and dies again and again keeps so many attempts, the last ones, of so many bytes at the most. */
const ATTEMPTS_MAX = 100
const ATTEMPTS_BYTES_MAX = 64 * 1024

/** The headers of a dead letter that say what it died of, and the numbers without which it is none. */
export const DEATH_CAUSE = `${DEATH}cause`
export const DEATH_MESSAGE = `${DEATH}message`
export const HISTORY_NUMBERS = [`${ORIGIN}partition`, `${ORIGIN}offset`, `${ORIGIN}timestamp`, COUNT]

/** The life of a record up to the delivery under way. A record that somebody else put into a lane begins there. */
export function historyOf(source: Source, record: StoredRecord, body: RecordBody | undefined): RecordHistory {
  const { kind, topic, partition } = source.place
  const history = kind === 'topic' || body === undefined ? undefined : readHistory(body)
  if (history !== undefined) return history
  const { offset, timestampMs } = record
  return { topic, partition, offset, timestampMs, deliveryCount: 0, attempts: [] }
}

/** The history that a record in a lane or among the dead letters carries; undefined when somebody else put it there. */
export function readHistory(body: RecordBody): RecordHistory | undefined {
  const fields = new Map<string, string>()
  for (const [name, value] of body.headers) {
    if (name.startsWith('__dwell.') && value !== null) fields.set(name, value.toString())
  }
  const history = {
    topic: fields.get(`${ORIGIN}topic`) ?? '',
    partition: Number(fields.get(`${ORIGIN}partition`)),
    offset: Number(fields.get(`${ORIGIN}offset`)),
    timestampMs: Number(fields.get(`${ORIGIN}timestamp`)),
    deliveryCount: Number(fields.get(COUNT)),
    attempts: readAttempts(fields.get(ATTEMPTS)),
    ...(fields.has(DROPPED) && { attemptsDropped: Number(fields.get(DROPPED)) }),
  }
  const { partition, offset, timestampMs, deliveryCount } = history
  return [partition, offset, timestampMs, deliveryCount].every(Number.isSafeInteger) ? history : undefined
}

function readAttempts(text: string | undefined): Attempt[] {
  try {
    const attempts: unknown = JSON.parse(text ?? '[]')
    return Array.isArray(attempts) ? attempts : []
  } catch {
    return []
  }
}

/** The cause of death that a dead letter carries. */
export function readDeathCause(body: RecordBody): DeathCause | undefined {
  const header = body.headers.find(([name]) => name === DEATH_CAUSE)
  return header?.[1]?.toString() as DeathCause | undefined
}

/** The body for a lane: `history` already holds the try that failed. */
export function retriedBody({ key, value, headers }: RecordBody, history: RecordHistory): Buffer {
  return encodeRecordBody(key, value, [...withoutHistory(headers), ...historyHeaders(history)])
}

/** The body for the dead letters. */
export function deadBody(original: RecordBody, history: RecordHistory, group: string, cause: DeathCause): Buffer {
  const { key, value, headers } = original
  const death: Header[] = [
    [`${DEATH}topic`, text(history.topic)],
    [`${DEATH}partition`, text(history.partition)],
    [`${DEATH}offset`, text(history.offset)],
    [`${DEATH}group`, text(group)],
    [`${DEATH}delivery.count`, text(history.deliveryCount)],
    [DEATH_MESSAGE, text(history.attempts.at(-1)?.reason ?? '')],
    [DEATH_CAUSE, text(cause)],
  ]
  return encodeRecordBody(key, value, [...withoutHistory(headers), ...historyHeaders(history), ...death])
}

function withoutHistory(headers: readonly Header[]): Header[] {
  return headers.filter(
    ([name]) =>
      !name.startsWith(ORIGIN) && name !== COUNT && name !== ATTEMPTS && name !== DROPPED && !name.startsWith(DEATH),
  )
}

function historyHeaders(history: RecordHistory): Header[] {
  const kept = lastAttempts(history.attempts)
  const dropped = (history.attemptsDropped ?? 0) + history.attempts.length - kept.length
  const headers: Header[] = [
    [`${ORIGIN}topic`, text(history.topic)],
    [`${ORIGIN}partition`, text(history.partition)],
    [`${ORIGIN}offset`, text(history.offset)],
    [`${ORIGIN}timestamp`, text(history.timestampMs)],
    [COUNT, text(history.deliveryCount)],
    [ATTEMPTS, text(`[${kept.join(',')}]`)],
  ]
  if (dropped > 0) headers.push([DROPPED, text(dropped)])
  return headers
}

/** Of those that are kept, each as JSON; the last one always is. */
function lastAttempts(attempts: readonly Attempt[]): string[] {
  const kept: string[] = []
  let bytes = 0
  for (const attempt of attempts.slice(-ATTEMPTS_MAX).reverse()) {
    const json = JSON.stringify(attempt)
    bytes += Buffer.byteLength(json) + 1
    if (kept.length > 0 && bytes > ATTEMPTS_BYTES_MAX) break
    kept.push(json)
  }
  return kept.reverse()
}

function text(value: string | number): Buffer {
  return Buffer.from(String(value))
}
