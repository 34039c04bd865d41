// What a partition has in a run, taken apart into its batches.

import { DwellError } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import { blankBatch } from '../batch/blank-batch.ts'
import {
  BATCH_HEADER_SIZE,
  baseOffsetAt,
  damageOfBatchAt,
  lastOffsetAt,
  MAGIC,
  MAGIC_AT,
  sizeOfBatchAt,
} from '../batch/record-batch.ts'
import type { Piece } from './run-format.ts'

/**
 * Whole batches from the one that holds `fromOffset` on, at least one and at most about `maxBytes`; each is checked.
 * @throws BATCH_DAMAGED
 */
export function pageOfPiece(
  path: string,
  { baseOffset, endOffset }: Piece,
  bytes: Buffer,
  fromOffset: number,
  maxBytes: number,
): Buffer {
  const damaged = (why: string, lastOffset: number) => {
    const sentence = `The batch with offsets ${fromOffset} to ${lastOffset} in ${path} is damaged: ${why}.`
    return new DwellError('BATCH_DAMAGED', sentence, { path, offset: fromOffset, lastOffset })
  }
  let expected = baseOffset
  let from = -1
  let at = 0
  while (at < bytes.length) {
    const fits = isBatch(bytes, at, expected, endOffset)
    if (!fits && from < 0) throw damaged('its header cannot be right', endOffset - 1)
    if (!fits) break
    const end = at + sizeOfBatchAt(bytes, at)
    const lastOffset = lastOffsetAt(bytes, at)
    if (lastOffset >= fromOffset) {
      const why = damageOfBatchAt(bytes, at)
      if (why !== undefined && from < 0) throw damaged(why, lastOffset)
      if (why !== undefined || (from >= 0 && end - from > maxBytes)) break
      if (from < 0) from = at
    }
    expected = lastOffset + 1
    at = end
  }
  if (from < 0) throw damaged('it is missing', endOffset - 1)
  return bytes.subarray(from, at)
}

/**
 * All batches of a piece from `fromOffset` on. One whose contents are damaged stays as it is: whoever reads it is told.
 * What has no sound header is not known to be a batch any more: its offsets are given up, which is reported, and a batch
 * without records stands for them, so that what follows can be kept.
 */
export function splitPiece(
  path: string,
  { baseOffset, endOffset }: Piece,
  bytes: Buffer,
  fromOffset: number,
  log: Log,
): Buffer[] {
  const batches: Buffer[] = []
  let expected = baseOffset
  for (let at = 0; expected < endOffset; ) {
    if (!isBatch(bytes, at, expected, endOffset)) {
      const offset = Math.max(expected, fromOffset)
      const lost = { code: 'RUN_DAMAGED', path, offset, lastOffset: endOffset - 1 }
      log.error(lost, `Offsets in ${path} are lost: the file is damaged.`)
      batches.push(blankBatch(offset, endOffset - 1))
      break
    }
    const end = at + sizeOfBatchAt(bytes, at)
    expected = lastOffsetAt(bytes, at) + 1
    if (expected > fromOffset) batches.push(bytes.subarray(at, end))
    at = end
  }
  return batches
}

function isBatch(bytes: Buffer, at: number, expected: number, endOffset: number): boolean {
  if (at + BATCH_HEADER_SIZE > bytes.length || bytes[at + MAGIC_AT] !== MAGIC) return false
  const size = sizeOfBatchAt(bytes, at)
  if (size < BATCH_HEADER_SIZE || at + size > bytes.length) return false
  const lastOffset = lastOffsetAt(bytes, at)
  return baseOffsetAt(bytes, at) === expected && lastOffset >= expected && lastOffset < endOffset
}
