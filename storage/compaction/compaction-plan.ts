// Which segments compaction takes together, and whether it is worth it.

import type { CleanedMark } from '../segment/cleaned-mark.ts'
import { OFFSETS_MAX } from '../segment/segment.ts'

/** What the plan needs to know of a segment. */
export interface PlannedSegment {
  baseOffset: number
  endOffset: number
  size: number
}

/** How much of these bytes was never cleaned, from 0 to 1; 0 where there are none. */
export function dirtyShare(segments: readonly PlannedSegment[], { cleanedTo }: CleanedMark): number {
  const dirty = segments.filter(({ endOffset }) => endOffset > cleanedTo)
  const dirtyBytes = bytesOf(dirty)
  return dirtyBytes === 0 ? 0 : dirtyBytes / bytesOf(segments)
}

/** Whether tombstones may go at `nowMs` that could not when the log was cleaned. */
export function tombstonesDue({ horizonMs }: CleanedMark, nowMs: number): boolean {
  return horizonMs > 0 && horizonMs <= nowMs
}

/**
 * Parts `segments` into stretches, in order: each becomes one segment, which is not larger than `segmentBytes` unless its
 * only one was.
 */
export function stretchesOf<S extends PlannedSegment>(segments: readonly S[], segmentBytes: number): S[][] {
  const stretches: S[][] = []
  let sizeBytes = 0
  for (const segment of segments) {
    const stretch = stretches.at(-1)
    const fits =
      stretch !== undefined &&
      sizeBytes + segment.size <= segmentBytes &&
      segment.endOffset - stretch[0].baseOffset <= OFFSETS_MAX
    if (fits) stretch.push(segment)
    else stretches.push([segment])
    sizeBytes = fits ? sizeBytes + segment.size : segment.size
  }
  return stretches
}

function bytesOf(segments: readonly PlannedSegment[]): number {
  return segments.reduce((sum, { size }) => sum + size, 0)
}
