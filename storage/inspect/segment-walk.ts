// Walks over a segment as its readers do (segment/batch-walk.ts), checks every batch, and refuses nothing: good batches, and what is
// missing between them, by bytes and by offsets.

import type { DiskFile } from '../base/disk.ts'
import { damageOfBatchAt } from '../batch/record-batch.ts'
import { BatchWalk, type Extent } from '../segment/batch-walk.ts'
import { FileWindow } from '../segment/file-window.ts'

const PIECE_BYTES = 1024 * 1024

export interface WalkedBatch {
  kind: 'batch'
  position: number
  size: number
  baseOffset: number
  lastOffset: number
  maxTimestampMs: number
  bytes: Buffer
}

/** Bytes in which no good batch lies, or, when there are none, offsets that are not there between two good ones. */
export interface WalkedDamage {
  kind: 'damage'
  position: number
  /** Where the next good batch begins, or the end. */
  end: number
  /** The offsets that are missing with it; `lastOffset` is infinite when nothing tells how far they went. */
  offset: number
  lastOffset: number
  reason: string
}

/** Everything in the first `extent.size` bytes of a segment. */
export async function* walkSegment(file: DiskFile, extent: Extent): AsyncGenerator<WalkedBatch | WalkedDamage> {
  const window = new FileWindow(file, extent.size, PIECE_BYTES)
  const walk = new BatchWalk(window, extent)
  let position = 0
  let offset = extent.baseOffset
  let reason: string | undefined
  let more = await walk.next()
  while (more) {
    reason ??= walk.missing?.why
    const { size, baseOffset, lastOffset, maxTimestampMs } = walk
    const bytes = (await window.at(walk.position, size)).subarray(0, size)
    const why = damageOfBatchAt(bytes, 0)
    if (why !== undefined) {
      reason ??= why
      more = await walk.passOver(why)
      continue
    }
    if (walk.position > position || walk.missing !== undefined) {
      yield damage(position, walk.position, offset, baseOffset - 1, reason)
    }
    reason = undefined
    yield { kind: 'batch', position: walk.position, size, baseOffset, lastOffset, maxTimestampMs, bytes }
    position = walk.position + size
    offset = lastOffset + 1
    more = await walk.next()
  }
  reason ??= walk.missing?.why
  const endsEarly = offset < extent.endOffset && extent.endOffset !== Number.POSITIVE_INFINITY
  if (position < extent.size || (endsEarly && !extent.mayHaveGaps)) {
    yield damage(position, extent.size, offset, extent.endOffset - 1, reason)
  }
}

function damage(
  position: number,
  end: number,
  offset: number,
  lastOffset: number,
  reason = 'no whole batch begins here',
): WalkedDamage {
  return { kind: 'damage', position, end, offset, lastOffset, reason }
}
