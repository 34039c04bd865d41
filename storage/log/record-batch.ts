// Kafka's record batch, version 2: what lies in segments, in the journal's frames and in what read() answers.
//
//   ┌─────────────────┬──────────────────┬───────────┬───────────┬────────────┬─────────────────┬──────────────────────┐
//   │ baseOffset <8b> │ batchLength <4b> │ epoch <4b>│ magic <1b>│ crc32c <4b>│ attributes <2b> │ lastOffsetDelta <4b> │
//   ├─────────────────┴─┬────────────────┴─────┬─────┴───────────┼────────────┴─────┬───────────┴────┬─────────────────┤
//   │ baseTimestamp <8b>│ maxTimestamp <8b>    │ producerId <8b> │producerEpoch <2b>│baseSequence<4b>│ recordCount <4b>│
//   └───────────────────┴──────────────────────┴─────────────────┴──────────────────┴────────────────┴─────────────────┘
//   then each record: length varint · attributes <1b> · timestampDelta varint · offsetDelta varint · body
//
// The checksum covers everything from the attributes to the end. Source: kafka.apache.org/documentation/#recordbatch.

import { assert } from '../base/assert.ts'
import { crc32c } from '../base/crc.ts'
import { DwellError } from '../base/errors.ts'
import { VarintReader, varintSize, writeVarint } from '../base/varint.ts'
import type { LogRecord, StoredRecord } from '../engine.ts'

export const BATCH_HEADER_SIZE = 61
const LENGTH_AT = 8
const LENGTH_END = 12
const MAGIC_AT = 16
const CRC_AT = 17
const ATTRIBUTES_AT = 21
const LAST_OFFSET_DELTA_AT = 23
const BASE_TIMESTAMP_AT = 27
const MAX_TIMESTAMP_AT = 35
const PRODUCER_ID_AT = 43
const RECORD_COUNT_AT = 57
const MAGIC = 2
const CODEC_MASK = 0x07
const CONTROL_FLAG = 0x20

/** The size in bytes of one batch that holds `records`. */
export function batchSize(records: readonly LogRecord[]): number {
  let size = BATCH_HEADER_SIZE
  const baseTimestampMs = records[0].timestampMs
  for (let i = 0; i < records.length; i++) {
    const length = recordLength(records[i], baseTimestampMs, i)
    size += varintSize(length) + length
  }
  return size
}

function recordLength(record: LogRecord, baseTimestampMs: number, offsetDelta: number): number {
  return 1 + varintSize(record.timestampMs - baseTimestampMs) + varintSize(offsetDelta) + record.body.length
}

/** Writes `records` as one batch at `position`; answers the position behind it. At least one record. */
export function writeBatch(into: Buffer, position: number, baseOffset: number, records: readonly LogRecord[]): number {
  assert(records.length > 0, 'a batch holds at least one record')
  const baseTimestampMs = records[0].timestampMs
  let maxTimestampMs = baseTimestampMs
  let at = position + BATCH_HEADER_SIZE
  for (let i = 0; i < records.length; i++) {
    const record = records[i]
    if (record.timestampMs > maxTimestampMs) maxTimestampMs = record.timestampMs
    at = writeVarint(into, at, recordLength(record, baseTimestampMs, i))
    into[at++] = 0
    at = writeVarint(into, at, record.timestampMs - baseTimestampMs)
    at = writeVarint(into, at, i)
    into.set(record.body, at)
    at += record.body.length
  }
  writeUInt64(into, position, baseOffset)
  into.writeInt32BE(at - position - LENGTH_END, position + LENGTH_AT)
  into.writeInt32BE(0, position + 12)
  into[position + MAGIC_AT] = MAGIC
  into.writeInt16BE(0, position + ATTRIBUTES_AT)
  into.writeInt32BE(records.length - 1, position + LAST_OFFSET_DELTA_AT)
  writeUInt64(into, position + BASE_TIMESTAMP_AT, baseTimestampMs)
  writeUInt64(into, position + MAX_TIMESTAMP_AT, maxTimestampMs)
  into.fill(0xff, position + PRODUCER_ID_AT, position + RECORD_COUNT_AT)
  into.writeInt32BE(records.length, position + RECORD_COUNT_AT)
  into.writeUInt32BE(crc32c(into.subarray(position + ATTRIBUTES_AT, at)), position + CRC_AT)
  return at
}

/** The size of the batch that begins at `position`, its header included; 0 when not even its length is there. */
export function sizeOfBatchAt(bytes: Buffer, position: number): number {
  return position + LENGTH_END > bytes.length ? 0 : LENGTH_END + bytes.readInt32BE(position + LENGTH_AT)
}

/** The offset of the first record of the batch at `position`. */
export function baseOffsetAt(bytes: Buffer, position: number): number {
  return readUInt64(bytes, position)
}

/** The offset of the last record of the batch at `position`. */
export function lastOffsetAt(bytes: Buffer, position: number): number {
  return readUInt64(bytes, position) + bytes.readInt32BE(position + LAST_OFFSET_DELTA_AT)
}

/** The largest timestamp of the batch at `position`. */
export function maxTimestampAt(bytes: Buffer, position: number): number {
  return readUInt64(bytes, position + MAX_TIMESTAMP_AT)
}

/** What is wrong with the batch at `position`, in words; undefined when it is whole and its checksum matches. */
export function damageOfBatchAt(bytes: Buffer, position: number): string | undefined {
  const size = sizeOfBatchAt(bytes, position)
  if (size === 0) return 'it ends within its length'
  if (size < BATCH_HEADER_SIZE) return `its length ${size} is below that of a header`
  if (position + size > bytes.length) return 'it ends before its length says'
  if (bytes[position + MAGIC_AT] !== MAGIC) return `its magic is ${bytes[position + MAGIC_AT]}, not ${MAGIC}`
  const stored = bytes.readUInt32BE(position + CRC_AT)
  if (stored !== crc32c(bytes.subarray(position + ATTRIBUTES_AT, position + size))) return 'its checksum does not match'
  return undefined
}

/**
 * The records of all whole batches in `bytes` from `fromOffset` on, in order of offset; bodies are views into `bytes`.
 * Control batches are passed over, an incomplete last batch is left out. Checksums are taken as checked by the engine.
 * @throws RECORD_DAMAGED, CODEC_UNSUPPORTED
 */
export function readRecords(bytes: Buffer, fromOffset = 0): StoredRecord[] {
  const records: StoredRecord[] = []
  let position = 0
  for (;;) {
    const size = sizeOfBatchAt(bytes, position)
    if (size < BATCH_HEADER_SIZE || position + size > bytes.length) return records
    if (lastOffsetAt(bytes, position) >= fromOffset) readBatch(bytes, position, size, fromOffset, records)
    position += size
  }
}

function readBatch(bytes: Buffer, position: number, size: number, fromOffset: number, into: StoredRecord[]): void {
  const attributes = bytes.readInt16BE(position + ATTRIBUTES_AT)
  if (attributes & CONTROL_FLAG) return
  const baseOffset = readUInt64(bytes, position)
  if (attributes & CODEC_MASK) {
    throw new DwellError('CODEC_UNSUPPORTED', `The batch at offset ${baseOffset} is compressed.`, {
      offset: baseOffset,
    })
  }
  const baseTimestampMs = readUInt64(bytes, position + BASE_TIMESTAMP_AT)
  const count = bytes.readInt32BE(position + RECORD_COUNT_AT)
  const reader = new VarintReader(bytes, position + BATCH_HEADER_SIZE)
  for (let i = 0; i < count; i++) {
    const length = reader.next()
    const end = reader.position + length
    reader.position++ // attributes
    const timestampMs = baseTimestampMs + reader.next()
    const offset = baseOffset + reader.next()
    if (reader.failed || length <= 0 || reader.position > end || end > position + size) {
      throw new DwellError('RECORD_DAMAGED', `A record of the batch at offset ${baseOffset} is damaged.`, {
        offset: baseOffset,
      })
    }
    if (offset >= fromOffset) into.push({ offset, timestampMs, body: bytes.subarray(reader.position, end) })
    reader.position = end
  }
}

/** Writes a whole number below 2^53 as eight bytes, big-endian. */
export function writeUInt64(into: Buffer, position: number, value: number): void {
  into.writeUInt32BE(Math.floor(value / 2 ** 32), position)
  into.writeUInt32BE(value % 2 ** 32, position + 4)
}

/** Reads eight bytes, big-endian; exact below 2^53. */
export function readUInt64(bytes: Buffer, position: number): number {
  return bytes.readInt32BE(position) * 2 ** 32 + bytes.readUInt32BE(position + 4)
}
