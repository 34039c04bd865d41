// What a lane need not keep: records that the group is done with. They stay for an hour, for those who look at the log;
// a lane has no retention by time of its own, for what waits in it must never be lost.

import type { LogEngine } from '../../storage/index.ts'
import type { Group } from './group.ts'

const KEEP_MS = 3_600_000

export async function trimLanes(group: Group, engine: LogEngine, nowMs: number): Promise<void> {
  for (const source of [...group.sources]) {
    const { kind, topic, topicId, partition } = source.place
    if (kind === 'topic' || engine.topic(topic)?.id !== topicId) continue
    const { startOffset } = source
    if (startOffset <= engine.offsets(topic, partition).logStartOffset) continue
    const recentOffset = await engine.offsetForTime(topic, partition, nowMs - KEEP_MS)
    // A snapshot that is older than this start offset only means that the next start passes over what is gone.
    await engine.deleteRecords(topic, partition, Math.min(startOffset, recentOffset))
  }
}
