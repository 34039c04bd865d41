// Retention: whole segments go from the front of a log while they are too old, or while what is behind them is enough.

export interface RetentionLimits {
  /** Records earlier than this need not be kept. */
  earliestMs?: number | undefined
  /** So many bytes are enough. */
  bytesMax?: number | undefined
}

export interface RetainedSegment {
  size: number
  /** -1 when it holds no record. */
  maxTimestampMs: number
}

/**
 * Whether the first of a partition's segments, which have `sizeBytes` together, may go. The growing one goes only when all of
 * it is too old.
 */
export function mayGo(
  { size, maxTimestampMs }: RetainedSegment,
  isGrowing: boolean,
  sizeBytes: number,
  { earliestMs, bytesMax }: RetentionLimits,
): boolean {
  if (size === 0) return false
  if (earliestMs !== undefined && maxTimestampMs < earliestMs) return true
  return !isGrowing && bytesMax !== undefined && sizeBytes - size >= bytesMax
}
