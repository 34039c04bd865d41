// Decides, batch by batch, which records of a compacted log stay.
//
// A record goes when a later one of its key is known, or when it is a tombstone whose time is over. It stays in all other
// cases, so also:
//   1. without a key: nothing supersedes it. (Kafka drops such records; here publishing them is refused, and what an
//      internal topic may hold without a key is not lost.)
//   2. in a batch that is not touched: of a transaction, for only its marker tells whether its records count; a control
//      batch; one that cannot be unpacked. Such records supersede nothing either.
//
// A tombstone may go once it has stood for the delete retention after the first pass that saw it: that pass sets the delete
// horizon of its batch. Always true: before a tombstone with a horizon no record of its key is left. So nothing gets a
// horizon that lies behind what this pass knows, or behind a batch that was not touched.

import { DwellError } from '../base/errors.ts'
import { VarintReader } from '../base/varint.ts'
import { headerOfBatchAt } from '../batch/record-batch.ts'
import { readRecords } from '../batch/record-page.ts'
import type { StoredRecord } from '../engine.ts'
import { compactedBatch } from './compacted-batch.ts'
import type { OffsetMap } from './offset-map.ts'

export interface CleaningRules {
  /** The last offset of each key before `knownTo`, of those at or behind the clean part. */
  latest: Pick<OffsetMap, 'get'>
  knownTo: number
  nowMs: number
  deleteRetentionMs: number
}

export class BatchCleaner {
  readonly #rules: CleaningRules
  #untouched = false
  #horizonMs = 0

  constructor(rules: CleaningRules) {
    this.#rules = rules
  }

  /** When the first tombstones of what was cleaned may go; 0 without any. */
  get horizonMs(): number {
    return this.#horizonMs
  }

  /** What stays of `batch`: the same buffer when all of it does, undefined when nothing. Batches come in order. */
  clean(batch: Buffer): Buffer | undefined {
    const records = recordsOf(batch)
    if (records === undefined) {
      this.#untouched = true
      return batch
    }
    const { knownTo, nowMs, deleteRetentionMs } = this.#rules
    const { deleteHorizonMs, lastOffset } = headerOfBatchAt(batch, 0)
    const tombstonesGo = deleteHorizonMs !== undefined && deleteHorizonMs <= nowMs && !this.#untouched
    const kept = records.filter((record) => this.#stays(record, tombstonesGo))
    if (kept.length === 0) return undefined
    const hasTombstones = kept.some(({ body }) => isTombstone(body))
    const mayGo = deleteHorizonMs ?? (lastOffset < knownTo && !this.#untouched ? nowMs + deleteRetentionMs : undefined)
    const horizonMs = hasTombstones ? mayGo : undefined
    if (horizonMs !== undefined && !this.#untouched) this.#horizonMs = Math.min(this.#horizonMs || horizonMs, horizonMs)
    const same = kept.length === records.length && (horizonMs === deleteHorizonMs || !hasTombstones)
    return same ? batch : compactedBatch(batch, kept, horizonMs)
  }

  #stays({ offset, body }: StoredRecord, tombstonesGo: boolean): boolean {
    const key = keyOf(body)
    if (key === null) return true
    if (this.#rules.latest.get(key) > offset) return false
    return !(tombstonesGo && isTombstone(body))
  }
}

/** The records of a batch that compaction may touch; undefined for one that it must not. */
export function recordsOf(batch: Buffer): StoredRecord[] | undefined {
  const { isControl, isTransactional } = headerOfBatchAt(batch, 0)
  if (isControl || isTransactional) return undefined
  try {
    return readRecords(batch)
  } catch (error) {
    if (error instanceof DwellError) return undefined
    throw error
  }
}

/** The key in a record's body, a view; null without one. */
export function keyOf(body: Uint8Array): Uint8Array | null {
  const reader = new VarintReader(body)
  const size = reader.next()
  return size < 0 ? null : body.subarray(reader.position, reader.position + size)
}

/** Whether a body has a key and no value. */
function isTombstone(body: Uint8Array): boolean {
  const reader = new VarintReader(body)
  const keySize = reader.next()
  if (keySize < 0) return false
  reader.position += keySize
  return reader.next() < 0
}
