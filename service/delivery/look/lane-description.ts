// What waits in the lanes of a group. Counted by offsets; only the first record of a lane is read, so it takes as long whatever
// waits. Changes nothing.

import { DwellError, decodeRecordBody, type LogEngine, readPage, type StoredRecord } from '../../../storage/index.ts'
import { readHistory } from '../failed-record.ts'
import type { Group } from '../group/group.ts'
import { laneTier } from '../lane.ts'
import type { Source } from '../source/source.ts'

export interface LaneDescription {
  /** `5s`, `delayed`, `redrive`. */
  tier: string
  topic: string
  /** In all partitions, due or not, and on their way through the wheel. */
  waiting: number
  /** When the one that waits longest came here; undefined when there is none. What is still in the wheel is not looked at. */
  oldestAtMs: number | undefined
}

/** The lanes of all tiers that the group has or had, the tiers first. */
export async function describeLanes(group: Group, engine: LogEngine): Promise<LaneDescription[]> {
  const lanes = new Map<string, LaneDescription>()
  const laneOf = (topic: string, tier: string) => {
    const lane = lanes.get(topic) ?? { tier, topic, waiting: 0, oldestAtMs: undefined }
    lanes.set(topic, lane)
    return lane
  }
  for (const tierMs of group.settings.retry) laneOf(group.topicOf('tier', tierMs), laneTier('tier', tierMs))
  await Promise.all(
    [...group.sources].map(async (source) => {
      const { place, tier } = source
      if (tier === undefined) return
      const lane = laneOf(place.topic, tier)
      lane.waiting += source.available + source.inWheel
      const atMs = await sinceMs(source, engine)
      if (atMs !== undefined) lane.oldestAtMs = Math.min(lane.oldestAtMs ?? atMs, atMs)
    }),
  )
  return [...lanes.values()]
}

async function sinceMs(source: Source, engine: LogEngine): Promise<number | undefined> {
  const { kind, topic, partition } = source.place
  if (source.headOffset === undefined) return undefined
  const head = await recordFrom(engine, topic, partition, source.headOffset)
  if (head === undefined) return undefined
  const cameAtMs = source.cameAtMs(head)
  // The wheel brought it much later.
  const tried = kind === 'delayed' ? readHistory(decodeRecordBody(head.body))?.attempts.at(-1) : undefined
  return Math.min(tried?.at ?? cameAtMs, cameAtMs)
}

/** The first record from `offset` on; undefined when it was deleted or cannot be read, which is for those to say who deliver it. */
async function recordFrom(
  engine: LogEngine,
  topic: string,
  partition: number,
  offset: number,
): Promise<StoredRecord | undefined> {
  try {
    return readPage(await engine.read(topic, partition, offset, 1), offset).records[0]
  } catch (error) {
    if (error instanceof DwellError) return undefined
    throw error
  }
}
