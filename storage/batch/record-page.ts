// The records in a run of record batches, as readers of the log want them: unpacked, without what is only the log's own
// business. What a real Kafka writes is read as well: all of its codecs, gaps that compaction left, batches that it
// emptied, control batches of transactions, and times of appending.

import { DwellError } from '../base/errors.ts'
import { VarintReader } from '../base/varint.ts'
import type { StoredRecord } from '../engine.ts'
import { CODECS, decompress } from './codec.ts'
import {
  APPEND_TIME_FLAG,
  attributesAt,
  BATCH_HEADER_SIZE,
  baseOffsetAt,
  baseTimestampAt,
  CODEC_MASK,
  CONTROL_FLAG,
  lastOffsetAt,
  maxTimestampAt,
  recordCountAt,
  sizeOfBatchAt,
} from './record-batch.ts'

/** What the compressed batches of one page may unpack to: as much as the largest append. */
export const UNPACKED_BYTES_MAX = 32 * 1024 * 1024

export interface Page {
  /** In order of their offsets, which may have gaps; none where there are only gaps and control batches. */
  records: StoredRecord[]
  /** Where to read on. */
  nextOffset: number
}

/**
 * The records of all whole batches in `bytes` from `fromOffset` on; bodies are views into `bytes`, or into what a batch
 * was unpacked to. Control batches are passed over; an incomplete last batch is left out, and so are the batches with
 * which more than UNPACKED_BYTES_MAX would be unpacked. Checksums are taken as checked by the engine.
 * @throws RECORD_DAMAGED, CODEC_UNSUPPORTED, BATCH_TOO_LARGE (it alone unpacks to too much)
 */
export function readPage(bytes: Buffer, fromOffset = 0): Page {
  const records: StoredRecord[] = []
  let nextOffset = fromOffset
  let room = UNPACKED_BYTES_MAX
  let position = 0
  for (;;) {
    const size = sizeOfBatchAt(bytes, position)
    if (size < BATCH_HEADER_SIZE || position + size > bytes.length) break
    const lastOffset = lastOffsetAt(bytes, position)
    if (lastOffset >= fromOffset) {
      const attributes = attributesAt(bytes, position)
      if (!(attributes & CONTROL_FLAG)) {
        const block = attributes & CODEC_MASK ? unpack(bytes, position, size, room) : bytes
        if (block === undefined) break
        if (block !== bytes) room -= block.length
        addRecords(bytes, position, block, fromOffset, records)
      }
      nextOffset = lastOffset + 1
    }
    position += size
  }
  return { records, nextOffset }
}

/** The records of readPage(): for those who want one record, or read a log without gaps and control batches. */
export function readRecords(bytes: Buffer, fromOffset = 0): StoredRecord[] {
  return readPage(bytes, fromOffset).records
}

/** The records of the compressed batch at `position`; undefined if they are more than is left of the page's `room`. */
function unpack(bytes: Buffer, position: number, size: number, room: number): Buffer | undefined {
  const block = bytes.subarray(position + BATCH_HEADER_SIZE, position + size)
  const number = attributesAt(bytes, position) & CODEC_MASK
  if (block.length === 0) return block
  const codec = CODECS[number]
  if (codec === undefined)
    throw unreadable('CODEC_UNSUPPORTED', bytes, position, `is compressed by codec ${number}, which is not known`)
  const unpacked = decompress(codec, block, room)
  if (unpacked === 'damaged')
    throw unreadable('RECORD_DAMAGED', bytes, position, `does not hold the ${codec} that it says`)
  if (unpacked !== 'too large') return unpacked
  if (room < UNPACKED_BYTES_MAX) return undefined
  throw unreadable('BATCH_TOO_LARGE', bytes, position, `unpacks to more than ${UNPACKED_BYTES_MAX} bytes`)
}

/**
 * Adds the records of the batch at `position` from `fromOffset` on. They lie in `block`, unpacked, or behind the header
 * when that is `bytes` itself: a view for each batch costs as much as parsing a record.
 */
function addRecords(bytes: Buffer, position: number, block: Buffer, fromOffset: number, to: StoredRecord[]): void {
  const baseOffset = baseOffsetAt(bytes, position)
  const lastOffset = lastOffsetAt(bytes, position)
  const baseTimestampMs = baseTimestampAt(bytes, position)
  const appendTimeMs = attributesAt(bytes, position) & APPEND_TIME_FLAG ? maxTimestampAt(bytes, position) : undefined
  const count = recordCountAt(bytes, position)
  const end = block === bytes ? position + sizeOfBatchAt(bytes, position) : block.length
  const reader = new VarintReader(block, block === bytes ? position + BATCH_HEADER_SIZE : 0)
  let before = baseOffset - 1
  for (let i = 0; i < count; i++) {
    const length = reader.next()
    const recordEnd = reader.position + length
    reader.position++ // attributes
    const timestampMs = baseTimestampMs + reader.next()
    const offset = baseOffset + reader.next()
    const misread = reader.failed || length <= 0 || reader.position > recordEnd || recordEnd > end
    if (misread || offset <= before || offset > lastOffset) throw damaged(bytes, position)
    if (offset >= fromOffset) {
      to.push({ offset, timestampMs: appendTimeMs ?? timestampMs, body: block.subarray(reader.position, recordEnd) })
    }
    before = offset
    reader.position = recordEnd
  }
  if (reader.position !== end) throw damaged(bytes, position)
}

function damaged(bytes: Buffer, position: number): DwellError {
  return unreadable('RECORD_DAMAGED', bytes, position, 'holds a damaged record')
}

/** `offset` and `lastOffset` say what cannot be read: who must go on goes on behind. */
function unreadable(code: string, bytes: Buffer, position: number, why: string): DwellError {
  const offset = baseOffsetAt(bytes, position)
  const lastOffset = lastOffsetAt(bytes, position)
  return new DwellError(code, `The batch with offsets ${offset} to ${lastOffset} ${why}.`, { offset, lastOffset })
}
