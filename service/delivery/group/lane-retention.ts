// What a lane need not keep: records that the group is done with. They stay for an hour, for those who look at the log;
// a lane has no retention by time of its own, for what waits in it must never be lost.

import type { LogEngine } from '../../../storage/index.ts'
import { deadLetterTopic } from '../lane.ts'
import type { Source } from '../source/source.ts'
import { isGone } from '../source/source-place.ts'
import type { Group } from './group.ts'

const KEEP_MS = 3_600_000

/** Trims the lanes of a group; `nowMs` is wall time. */
export async function trimLanes(group: Group, engine: LogEngine, nowMs: number): Promise<void> {
  for (const source of [...group.sources]) {
    if (source.place.kind === 'topic') continue
    // A lane that was deleted, also while it is looked at, needs no trimming.
    await trimLane(source, engine, nowMs).catch((error) => {
      if (!isGone(error)) throw error
    })
  }
}

async function trimLane(lane: Source, engine: LogEngine, nowMs: number): Promise<void> {
  const { startOffset } = lane
  const { topic, topicId, partition } = lane.place
  if (engine.topic(topic)?.id !== topicId) return
  const { logStartOffset } = engine.offsets(topic, partition)
  if (startOffset <= logStartOffset) return
  const recentOffset = await lane.offsetSince(nowMs - KEEP_MS, engine)
  // A snapshot that is older than this start offset only means that the next start passes over what is gone.
  const before = Math.min(startOffset, recentOffset)
  if (before > logStartOffset) await engine.deleteRecords(topic, partition, before)
}

/** Keeps the dead letters of a group as long as it says. */
export async function keepDeadLetters({ topic, name, settings }: Group, engine: LogEngine): Promise<void> {
  const { retentionMs } = settings.deadLetters ?? {}
  const dead = engine.topic(deadLetterTopic(topic, name))
  if (dead === undefined || dead.retentionMs === retentionMs) return
  await engine.alterTopic(dead.name, { ...dead, retentionMs }).catch((error) => {
    if (!isGone(error)) throw error
  })
}
