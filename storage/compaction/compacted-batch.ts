// A record batch out of which records were taken, as Kafka's compaction leaves it.
//
//   1. Base and last offset stay, so numbering stays whole; what is gone is a gap inside.
//   2. It is not compressed any more, whatever it was; producer fields, epoch and type of timestamp stay.
//   3. With a delete horizon (attribute bit 6) baseTimestamp is that horizon, and timestamps count from it.
//   4. Without any record it is its header alone, without timestamps: so nothing points to a time that no record has.

import { crc32c } from '../base/crc.ts'
import { varintSize, writeVarint } from '../base/varint.ts'
import { APPEND_TIME_FLAG, BATCH_HEADER_SIZE, baseOffsetAt, maxTimestampAt } from '../batch/record-batch.ts'
import type { StoredRecord } from '../engine.ts'

const DELETE_HORIZON_FLAG = 0x40
const KEPT_ATTRIBUTES = APPEND_TIME_FLAG

/** `batch` with only `records`, which were read from it. `horizonMs`: when the tombstones among them may go. */
export function compactedBatch(batch: Buffer, records: readonly StoredRecord[], horizonMs?: number): Buffer {
  const baseOffset = baseOffsetAt(batch, 0)
  const baseTimestampMs = horizonMs ?? records[0]?.timestampMs ?? -1
  const lengths = records.map(({ offset, timestampMs, body }) => {
    return 1 + varintSize(timestampMs - baseTimestampMs) + varintSize(offset - baseOffset) + body.length
  })
  const size = lengths.reduce((sum, length) => sum + varintSize(length) + length, BATCH_HEADER_SIZE)
  const bytes = Buffer.allocUnsafe(size)
  batch.copy(bytes, 0, 0, BATCH_HEADER_SIZE)
  let at = BATCH_HEADER_SIZE
  let maxTimestampMs = -1
  for (const [i, { offset, timestampMs, body }] of records.entries()) {
    maxTimestampMs = Math.max(maxTimestampMs, timestampMs)
    at = writeVarint(bytes, at, lengths[i])
    bytes[at++] = 0
    at = writeVarint(bytes, at, timestampMs - baseTimestampMs)
    at = writeVarint(bytes, at, offset - baseOffset)
    bytes.set(body, at)
    at += body.length
  }
  const kept = batch.readInt16BE(21) & KEPT_ATTRIBUTES
  bytes.writeInt32BE(size - 12, 8)
  bytes.writeInt16BE(horizonMs === undefined ? kept : kept | DELETE_HORIZON_FLAG, 21)
  bytes.writeBigInt64BE(BigInt(baseTimestampMs), 27)
  bytes.writeBigInt64BE(BigInt(kept !== 0 && records.length > 0 ? maxTimestampAt(batch, 0) : maxTimestampMs), 35)
  bytes.writeInt32BE(records.length, 57)
  bytes.writeUInt32BE(crc32c(bytes.subarray(21)), 17)
  return bytes
}
