// A record batch without records: it keeps the numbering where records had to be given up. Kafka's own compaction leaves
// such batches. It may be larger than its header, to stand exactly where a damaged batch stood, so that nothing behind
// it moves; the bytes behind the header are zeros, and its checksum covers them.

import { assert } from '../base/assert.ts'
import { crc32c } from '../base/crc.ts'
import { BATCH_HEADER_SIZE, writeUInt64 } from './record-batch.ts'

/** No batch spans more offsets: the distance is stored in 31 bits. */
const OFFSETS_MAX = 2 ** 31 - 1

/** A batch of `size` bytes for the offsets from `baseOffset` to `lastOffset`. */
export function blankBatch(baseOffset: number, lastOffset: number, size: number = BATCH_HEADER_SIZE): Buffer {
  assert(size >= BATCH_HEADER_SIZE && lastOffset >= baseOffset, 'a batch has a header and at least one offset')
  assert(lastOffset - baseOffset <= OFFSETS_MAX, 'a batch spans at most 2^31 offsets')
  const bytes = Buffer.alloc(size)
  writeUInt64(bytes, 0, baseOffset)
  bytes.writeInt32BE(size - 12, 8)
  bytes[16] = 2
  bytes.writeInt32BE(lastOffset - baseOffset, 23)
  // No timestamps, no producer.
  bytes.fill(0xff, 27, 57)
  bytes.writeUInt32BE(crc32c(bytes.subarray(21)), 17)
  return bytes
}

/** Whether the batch at `position` holds no record. */
export function isBlank(bytes: Buffer, position = 0): boolean {
  return bytes.readInt32BE(position + 57) === 0
}
