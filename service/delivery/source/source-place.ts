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
export function isGone(error: unknown): boolean {
  return error instanceof DwellError && (error.code === 'TOPIC_NOT_FOUND' || error.code === 'PARTITION_NOT_FOUND')
}
