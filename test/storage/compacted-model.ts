// What compaction has to leave of a log: of each key its last record. And what a log really holds, read as a client would.

import { sizeOfBatchAt } from '../../storage/batch/record-batch.ts'
import { decodeRecordBody, encodeRecordBody, type LogEngine, type LogRecord, readPage } from '../../storage/index.ts'

/** A record out of `key=value`; without a value a tombstone. */
export function keyed(text: string, timestampMs = 1_000): LogRecord {
  const at = text.indexOf('=')
  const value = text.slice(at + 1)
  return {
    timestampMs,
    body: encodeRecordBody(Buffer.from(text.slice(0, at)), value === '' ? null : Buffer.from(value), []),
  }
}

export class CompactedModel {
  readonly #last = new Map<string, { text: string; offset: number }>()

  append(text: string, offset: number): void {
    this.#last.set(text.slice(0, text.indexOf('=')), { text, offset })
  }

  /** In order of offsets. */
  texts(): string[] {
    return this.records().map(({ text }) => text)
  }

  records(): { text: string; offset: number }[] {
    return [...this.#last.values()].sort((a, b) => a.offset - b.offset)
  }
}

export interface FoundRecord {
  offset: number
  timestampMs: number
  text: string
}

/** All records from the log start on, read page by page; every page has to lead further. */
export async function recordsIn(
  engine: LogEngine,
  topic: string,
  partition = 0,
  maxBytes = 4096,
): Promise<FoundRecord[]> {
  const found: FoundRecord[] = []
  for (let next = engine.offsets(topic, partition).logStartOffset; ; ) {
    if (next >= engine.offsets(topic, partition).highWatermark) return found
    const { records, nextOffset } = readPage(await engine.read(topic, partition, next, maxBytes), next)
    if (nextOffset <= next) throw new Error(`nothing at offset ${next} of ${topic}-${partition}`)
    for (const { offset, timestampMs, body } of records) {
      const { key, value } = decodeRecordBody(body)
      found.push({ offset, timestampMs, text: `${key ?? ''}=${value ?? ''}` })
    }
    next = nextOffset
  }
}

/** All batches from the log start on. */
export async function readBatches(engine: LogEngine, topic: string, partition = 0): Promise<Buffer[]> {
  const batches: Buffer[] = []
  for (let next = engine.offsets(topic, partition).logStartOffset; ; ) {
    if (next >= engine.offsets(topic, partition).highWatermark) return batches
    const bytes = await engine.read(topic, partition, next, 1)
    batches.push(bytes.subarray(0, sizeOfBatchAt(bytes, 0)))
    next = readPage(batches[batches.length - 1], next).nextOffset
  }
}
