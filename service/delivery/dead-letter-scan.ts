// Reads a partition of a dead-letter topic in order.
//
// A dead letter says how it died. What says nothing was published into the topic while there was no group, and is none.
// What is damaged is passed over: one bad batch must not hide all the others.

import {
  DwellError,
  decodeRecordBody,
  type Log,
  type LogEngine,
  type Page,
  type RecordBody,
  readPage,
  type StoredRecord,
} from '../../storage/index.ts'
import type { Attempt } from './delivery.ts'
import { type DeathCause, readDeath, readDeathCause, readHistory } from './failed-record.ts'

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

/** What an index needs of a dead letter. */
export interface DeathRow {
  offset: number
  diedAtMs: number
  cause: DeathCause
  reason: string
  body: RecordBody
}

export interface DeadLetterScanParts {
  engine: LogEngine
  log: Log
  counters: { skipped: number }
}

const READ_SIZE = 1024 * 1024

export class DeadLetterScan {
  readonly #parts: DeadLetterScanParts

  constructor(parts: DeadLetterScanParts) {
    this.#parts = parts
  }

  /** The dead letters of a partition from `first` to before `end`, and how far each piece goes. */
  async *partition(
    name: string,
    partition: number,
    { first, end }: { first: number; end: number },
  ): AsyncGenerator<{ rows: DeathRow[]; nextOffset: number }> {
    for (let offset = first; offset < end; ) {
      const page = await this.#read(name, partition, offset)
      const nextOffset = Math.min(end, Math.max(page.nextOffset, offset + 1))
      const rows: DeathRow[] = []
      for (const record of page.records) {
        const row = record.offset < end ? this.#rowOf(name, partition, record) : undefined
        if (row !== undefined) rows.push(row)
      }
      yield { rows, nextOffset }
      offset = nextOffset
    }
  }

  /** What lies from `offset` on: nothing where the records are damaged or were deleted meanwhile. */
  async #read(topic: string, partition: number, offset: number): Promise<Page> {
    const { engine, log, counters } = this.#parts
    try {
      return readPage(await engine.read(topic, partition, offset, READ_SIZE), offset)
    } catch (error) {
      if (!(error instanceof DwellError)) throw error
      const { logStartOffset } = engine.offsets(topic, partition)
      if (error.code === 'OFFSET_OUT_OF_RANGE' && logStartOffset > offset) {
        return { records: [], nextOffset: logStartOffset }
      }
      const { lastOffset } = error.fields
      if (typeof lastOffset !== 'number') throw error
      const to = Math.max(lastOffset, offset) + 1
      counters.skipped += to - offset
      log.error({ topic, partition, from: offset, to, code: error.code }, 'Damaged dead letters are passed over.')
      return { records: [], nextOffset: to }
    }
  }

  #rowOf(topic: string, partition: number, { offset, timestampMs, body: bytes }: StoredRecord): DeathRow | undefined {
    try {
      const body = decodeRecordBody(bytes)
      const death = readDeath(body)
      return death && { offset, diedAtMs: timestampMs, ...death, body }
    } catch (error) {
      if (!(error instanceof DwellError) || error.code !== 'RECORD_DAMAGED') throw error
      this.#parts.counters.skipped++
      this.#parts.log.error({ topic, partition, offset, code: error.code }, 'A damaged dead letter is passed over.')
      return undefined
    }
  }
}

/** undefined when the record is none. @throws RECORD_DAMAGED */
export function deadLetter(place: DeadLetter['place'], record: StoredRecord): DeadLetter | undefined {
  const body = decodeRecordBody(record.body)
  const cause = readDeathCause(body)
  const history = readHistory(body)
  if (cause === undefined || history === undefined) return undefined
  return {
    ...history,
    place,
    diedAtMs: record.timestampMs,
    body: record.body as Buffer,
    cause,
    reason: history.attempts.at(-1)?.reason ?? '',
  }
}
