// What a group looks like from outside.

import type { LogEngine } from '../../../storage/index.ts'
import type { Group } from '../group/group.ts'
import type { GroupSettings } from '../group/group-settings.ts'
import { laneTier } from '../lane.ts'

export interface GroupDescription {
  topic: string
  group: string
  settings: GroupSettings
  partitions: GroupPartition[]
}

/** One partition of the topic, with what of it waits in lanes and lies dead. */
export interface GroupPartition {
  partition: number
  /** The first offset that is not finished. */
  startOffset: number
  /** The high watermark. */
  endOffset: number
  /** Records of the partition that are not finished: never acquired, or in flight for the first time. */
  lag: number
  /** Acquired and not finished, first deliveries and retries. */
  inFlight: number
  /** Waiting in lanes, per tier that the group has or had; of `delayed` also what the wheel still has. */
  waiting: { tier: string; count: number }[]
  /** Records in the dead-letter topic that were not removed, those too that were published there while there was no group. */
  dead: number
}

/** `deadIn` counts the dead letters of a partition. */
/** Changes nothing. */
export function describeGroup(
  group: Group,
  engine: LogEngine,
  deadIn: (partition: number) => number,
): GroupDescription {
  const { topic, name, settings, sources } = group
  const tiers = new Set(settings.retry.map((tierMs) => laneTier('tier', tierMs)))
  for (const { tier } of sources) if (tier !== undefined) tiers.add(tier)
  const partitions: GroupPartition[] = []
  for (const source of sources) {
    if (source.place.kind !== 'topic') continue
    const { partition } = source.place
    const lanes = sources.filter(({ place }) => place.kind !== 'topic' && place.partition === partition)
    partitions.push({
      partition,
      startOffset: source.startOffset,
      endOffset: source.highWatermark,
      lag: source.available + source.inFlight,
      inFlight: lanes.reduce((sum, lane) => sum + lane.inFlight, source.inFlight),
      waiting: [...tiers].map((tier) => ({ tier, count: waitingIn(lanes, tier) })),
      dead: deadIn(partition),
    })
  }
  // The group takes partitions in when it next acquires.
  for (let partition = 0; partition < (engine.topic(topic)?.partitions ?? 0); partition++) {
    if (group.sourceAt(topic, partition) !== undefined) continue
    const { logStartOffset: startOffset, highWatermark: endOffset } = engine.offsets(topic, partition)
    const waiting = [...tiers].map((tier) => ({ tier, count: 0 }))
    const lag = endOffset - startOffset
    partitions.push({ partition, startOffset, endOffset, lag, inFlight: 0, waiting, dead: deadIn(partition) })
  }
  return { topic, group: name, settings, partitions: partitions.sort((a, b) => a.partition - b.partition) }
}

function waitingIn(lanes: Group['sources'], tier: string): number {
  return lanes.reduce((sum, lane) => (lane.tier === tier ? sum + lane.available + lane.inWheel : sum), 0)
}
