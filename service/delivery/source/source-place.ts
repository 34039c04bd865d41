// Where a source lies: one partition of the group's topic or of one of its lanes.

import { DwellError } from '../../../storage/index.ts'
import type { LaneKind } from '../lane.ts'

/** What a source is part of: the group's topic, the lane of a tier, or one that the wheel or a redrive fills. */
export type SourceKind = 'topic' | LaneKind

export interface SourcePlace {
  /** Names the source in receipts and in `__groups`; never used again in this group. */
  index: number
  kind: SourceKind
  /** How long records wait here after their timestamp; 0 but for tiers. */
  tierMs: number
  topic: string
  topicId: number
  partition: number
}

/** Whether an engine's error says that the place is no longer there. */
export function isGone(error: unknown): error is DwellError {
  return error instanceof DwellError && (error.code === 'TOPIC_NOT_FOUND' || error.code === 'PARTITION_NOT_FOUND')
}

const UNREADABLE = new Set([
  'OFFSET_OUT_OF_RANGE',
  'BATCH_DAMAGED',
  'RECORD_DAMAGED',
  'CODEC_UNSUPPORTED',
  'BATCH_TOO_LARGE',
])

/** Whether an engine's error says that a record is not there, or not readable, which trying again does not mend. */
export function isUnreadable(error: unknown): error is DwellError {
  return error instanceof DwellError && UNREADABLE.has(error.code)
}
