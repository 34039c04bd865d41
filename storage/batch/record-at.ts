// One record out of record batches, without unpacking the others: a batch may hold ten thousand.

import { VarintReader } from '../base/varint.ts'
import type { StoredRecord } from '../engine.ts'
import {
  attributesAt,
  BATCH_HEADER_SIZE,
  baseOffsetAt,
  CODEC_MASK,
  CONTROL_FLAG,
  lastOffsetAt,
  recordCountAt,
  sizeOfBatchAt,
} from './record-batch.ts'
import { readRecords } from './record-page.ts'

/**
 * The body of the record at `offset`, a view into `bytes`, whose first whole batch holds it or the next offset there is;
 * undefined when there is no such record. Checksums are taken as checked by the engine.
 * @throws what readPage() throws
 */
export function bodyAt(bytes: Buffer, offset: number): Uint8Array | undefined {
  const size = sizeOfBatchAt(bytes, 0)
  if (size < BATCH_HEADER_SIZE || size > bytes.length) return undefined
  const baseOffset = baseOffsetAt(bytes, 0)
  const isPlain = (attributesAt(bytes, 0) & (CODEC_MASK | CONTROL_FLAG)) === 0
  const isDense = recordCountAt(bytes, 0) === lastOffsetAt(bytes, 0) - baseOffset + 1
  if (!isPlain || !isDense) return foundIn(readRecords(bytes.subarray(0, size), offset), offset)
  const reader = new VarintReader(bytes, BATCH_HEADER_SIZE)
  for (let at = baseOffset; at <= offset && reader.position < size; at++) {
    const end = reader.next() + reader.position
    if (at === offset) {
      reader.position++ // attributes
      reader.next() // timestamp
      if (baseOffset + reader.next() === offset && end <= size) return bytes.subarray(reader.position, end)
      break
    }
    reader.position = end
  }
  // It is not there, or the batch is damaged: then this says how.
  return foundIn(readRecords(bytes.subarray(0, size), offset), offset)
}

function foundIn([first]: readonly StoredRecord[], offset: number): Uint8Array | undefined {
  return first?.offset === offset ? first.body : undefined
}
