// Kafka's record batch, version 2: what lies in segments, in the journal's frames and in what read() answers.
//
//   ┌─────────────────┬──────────────────┬───────────┬───────────┬────────────┬─────────────────┬──────────────────────┐
//   │ baseOffset <8b> │ batchLength <4b> │ epoch <4b>│ magic <1b>│ crc32c <4b>│ attributes <2b> │ lastOffsetDelta <4b> │
//   ├─────────────────┴─┬────────────────┴─────┬─────┴───────────┼────────────┴─────┬───────────┴────┬─────────────────┤
//   │ baseTimestamp <8b>│ maxTimestamp <8b>    │ producerId <8b> │producerEpoch <2b>│baseSequence<4b>│ recordCount <4b>│
//   └───────────────────┴──────────────────────┴─────────────────┴──────────────────┴────────────────┴─────────────────┘
//   then each record: length varint · attributes <1b> · timestampDelta varint · offsetDelta varint · body (record-page.ts)
//
// The checksum covers everything from the attributes to the end. Source: kafka.apache.org/documentation/#recordbatch.

import { assert } from '../base/assert.ts'
import { crc32c } from '../base/crc.ts'
import { varintSize, writeVarint } from '../base/varint.ts'
import type { LogRecord } from '../engine.ts'
import { CODECS, type Codec } from './codec.ts'

export const BATCH_HEADER_SIZE = 61
const LENGTH_AT = 8
const LENGTH_END = 12
const EPOCH_AT = 12
export const MAGIC_AT = 16
const CRC_AT = 17
const ATTRIBUTES_AT = 21
const LAST_OFFSET_DELTA_AT = 23
const BASE_TIMESTAMP_AT = 27
const MAX_TIMESTAMP_AT = 35
const PRODUCER_ID_AT = 43
const PRODUCER_EPOCH_AT = 51
const BASE_SEQUENCE_AT = 53
const RECORD_COUNT_AT = 57
export const MAGIC = 2
export const CODEC_MASK = 0x07
export const APPEND_TIME_FLAG = 0x08
const TRANSACTIONAL_FLAG = 0x10
export const CONTROL_FLAG = 0x20
const DELETE_HORIZON_FLAG = 0x40

/** All that stands before the records of a batch. */
export interface BatchHeader {
  /** Of the whole batch, header included. */
  size: number
  baseOffset: number
  lastOffset: number
  partitionLeaderEpoch: number
  crc: number
  attributes: number
  /** Undefined for a number that no codec has. */
  codec: Codec | undefined
  /** Whether all records have the time at which they were appended, maxTimestampMs. */
  hasAppendTime: boolean
  isTransactional: boolean
  /** A batch of the log itself (commit, abort): consumers do not see its record. */
  isControl: boolean
  /** When the tombstones in it may go. */
  deleteHorizonMs: number | undefined
  baseTimestampMs: number
  maxTimestampMs: number
  producerId: number
  producerEpoch: number
  baseSequence: number
  recordCount: number
}

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
    if (record.body instanceof Uint8Array) into.set(record.body, at)
    else record.body.writeTo(into, at)
    at += record.body.length
  }
  writeUInt64(into, position, baseOffset)
  into.writeInt32BE(at - position - LENGTH_END, position + LENGTH_AT)
  into.writeInt32BE(0, position + EPOCH_AT)
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

/** Codec and flags of the batch at `position`. */
export function attributesAt(bytes: Buffer, position: number): number {
  return bytes.readInt16BE(position + ATTRIBUTES_AT)
}

/** What the timestamps of the batch at `position` are counted from. */
export function baseTimestampAt(bytes: Buffer, position: number): number {
  return readUInt64(bytes, position + BASE_TIMESTAMP_AT)
}

export function recordCountAt(bytes: Buffer, position: number): number {
  return bytes.readInt32BE(position + RECORD_COUNT_AT)
}

/** The offset behind the last whole batch in `bytes`; `fromOffset` when there is none, or it ends below that. */
export function endOffsetOf(bytes: Buffer, fromOffset = 0): number {
  let endOffset = fromOffset
  for (let position = 0; ; ) {
    const size = sizeOfBatchAt(bytes, position)
    if (size < BATCH_HEADER_SIZE || position + size > bytes.length) return endOffset
    endOffset = Math.max(endOffset, lastOffsetAt(bytes, position) + 1)
    position += size
  }
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

/** The header of the batch at `position`, all 61 bytes of which must be there. */
export function headerOfBatchAt(bytes: Buffer, position: number): BatchHeader {
  const attributes = attributesAt(bytes, position)
  const baseTimestampMs = baseTimestampAt(bytes, position)
  return {
    size: sizeOfBatchAt(bytes, position),
    baseOffset: baseOffsetAt(bytes, position),
    lastOffset: lastOffsetAt(bytes, position),
    partitionLeaderEpoch: bytes.readInt32BE(position + EPOCH_AT),
    crc: bytes.readUInt32BE(position + CRC_AT),
    attributes,
    codec: CODECS[attributes & CODEC_MASK],
    hasAppendTime: (attributes & APPEND_TIME_FLAG) !== 0,
    isTransactional: (attributes & TRANSACTIONAL_FLAG) !== 0,
    isControl: (attributes & CONTROL_FLAG) !== 0,
    deleteHorizonMs: attributes & DELETE_HORIZON_FLAG ? baseTimestampMs : undefined,
    baseTimestampMs,
    maxTimestampMs: maxTimestampAt(bytes, position),
    producerId: readUInt64(bytes, position + PRODUCER_ID_AT),
    producerEpoch: bytes.readInt16BE(position + PRODUCER_EPOCH_AT),
    baseSequence: bytes.readInt32BE(position + BASE_SEQUENCE_AT),
    recordCount: recordCountAt(bytes, position),
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
