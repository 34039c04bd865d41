// The dead letters of a group: its dead-letter topic, read as records that tell what happened to them. Looking changes
// nothing. Order and cursor are (partition, offset): records that die meanwhile come behind those of their partition.

import {
  DwellError,
  decodeRecordBody,
  type LogEngine,
  type RecordBody,
  readRecords,
  type StoredRecord,
} from '../../storage/index.ts'
import type { Attempt } from './delivery.ts'
import { type DeathCause, readDeathCause, readHistory } from './failed-record.ts'
import { deadLetterTopic } from './lane.ts'

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
  cause: DeathCause
  /** The reason of the last attempt. */
  reason: string
}

export interface DeadLetterFilter {
  /** Is part of the last reason. */
  reason?: string
  cause?: string
  key?: string
  /** Header name → value; all of them are equal. */
  headers?: Readonly<Record<string, string>>
  /** Died at or after this, and before that; epoch milliseconds. */
  fromMs?: number
  toMs?: number
}

export interface DeadLetterPage {
  records: DeadLetter[]
  /** Pass it as `after` for more; null at the end. A page may be short, even empty, and still have more behind it. */
  after: string | null
}

const READ_SIZE = 1024 * 1024
/** A filter that nothing matches must not read the whole topic in one call, nor a page fill memory. */
const SCAN_RECORDS_MAX = 20_000
const PAGE_BYTES_MAX = 16 * 1024 * 1024

export class DeadLetters {
  readonly #engine: LogEngine

  constructor(engine: LogEngine) {
    this.#engine = engine
  }

  /** @throws CURSOR_INVALID */
  async list(
    topic: string,
    group: string,
    { limit, after, filter }: { limit: number; after?: string; filter?: DeadLetterFilter },
  ): Promise<DeadLetterPage> {
    const records: DeadLetter[] = []
    const [partition, offset] = after === undefined ? [0, 0] : parseCursor(after)
    let scanned = 0
    let bytes = 0
    for await (const letter of this.#scan(deadLetterTopic(topic, group), partition, offset)) {
      const { place, body } = letter
      if (records.length >= limit || scanned >= SCAN_RECORDS_MAX || bytes >= PAGE_BYTES_MAX) {
        return { records, after: `${place.partition}.${place.offset}` }
      }
      scanned++
      if (!matches(letter, filter)) continue
      records.push(letter)
      bytes += body.length
    }
    return { records, after: null }
  }

  async count(topic: string, group: string, filter?: DeadLetterFilter): Promise<number> {
    const name = deadLetterTopic(topic, group)
    if (filter === undefined || Object.values(filter).every((value) => value === undefined)) return this.total(name)
    let count = 0
    for await (const letter of this.#scan(name, 0, 0)) if (matches(letter, filter)) count++
    return count
  }

  /** How many there are in all partitions. */
  total(name: string): number {
    let count = 0
    const partitions = this.#engine.topic(name)?.partitions ?? 0
    for (let partition = 0; partition < partitions; partition++) count += deadInPartition(this.#engine, name, partition)
    return count
  }

  async *#scan(name: string, fromPartition: number, fromOffset: number): AsyncGenerator<DeadLetter> {
    const partitions = this.#engine.topic(name)?.partitions ?? 0
    for (let partition = fromPartition; partition < partitions; partition++) {
      const { logStartOffset, highWatermark } = this.#engine.offsets(name, partition)
      let offset = Math.max(logStartOffset, partition === fromPartition ? fromOffset : 0)
      while (offset < highWatermark) {
        const records = readRecords(await this.#engine.read(name, partition, offset, READ_SIZE), offset)
        for (const record of records) yield deadLetter(name, partition, record)
        offset = records.length > 0 ? records[records.length - 1].offset + 1 : offset + 1
      }
    }
  }
}

/** How many records a partition of a dead-letter topic holds; 0 when there is none. */
export function deadInPartition(engine: LogEngine, name: string, partition: number): number {
  if (partition >= (engine.topic(name)?.partitions ?? 0)) return 0
  const { logStartOffset, highWatermark } = engine.offsets(name, partition)
  return highWatermark - logStartOffset
}

function deadLetter(name: string, partition: number, record: StoredRecord): DeadLetter {
  const body = decodeRecordBody(record.body)
  const place = { topic: name, partition, offset: record.offset }
  // A record that somebody published here by hand has no history: it is its own original.
  const history = readHistory(body) ?? { ...place, timestampMs: record.timestampMs, deliveryCount: 0, attempts: [] }
  return {
    ...history,
    place,
    diedAtMs: record.timestampMs,
    body: record.body as Buffer,
    cause: readDeathCause(body) ?? 'CLIENT_REJECT',
    reason: history.attempts.at(-1)?.reason ?? '',
  }
}

function matches(letter: DeadLetter, filter: DeadLetterFilter | undefined): boolean {
  if (filter === undefined) return true
  const { reason, cause, key, headers, fromMs, toMs } = filter
  if (reason !== undefined && !letter.reason.includes(reason)) return false
  if (cause !== undefined && letter.cause !== cause) return false
  if (fromMs !== undefined && letter.diedAtMs < fromMs) return false
  if (toMs !== undefined && letter.diedAtMs >= toMs) return false
  if (key === undefined && headers === undefined) return true
  const body = decodeRecordBody(letter.body)
  if (key !== undefined && body.key?.toString() !== key) return false
  return headers === undefined || Object.entries(headers).every(([name, value]) => hasHeader(body, name, value))
}

function hasHeader(body: RecordBody, name: string, value: string): boolean {
  return body.headers.some(([other, content]) => other === name && content?.toString() === value)
}

function parseCursor(text: string): [partition: number, offset: number] {
  const match = /^(\d{1,9})\.(\d{1,15})$/.exec(text)
  if (match === null)
    throw new DwellError('CURSOR_INVALID', 'The cursor is not one that a page answered.', { field: 'after' })
  return [Number(match[1]), Number(match[2])]
}
