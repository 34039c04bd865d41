// How a record ended of which nothing is left that the group has to do with. Of one that was accepted nothing is written down but that
// its source has finished it: so it was accepted if it can have been nothing else. The first row that fits decides:
//
//   it, or its last copy, lies before the place where that source began            before
//   more dead letters of it were taken out than came back, all that did is kept     purged
//   the same, but what came back may have been trimmed since                        trimmed
//   the record itself is gone, or dead letters of its time were trimmed             trimmed
//   all else                                                                        accepted

import type { LogEngine } from '../../../storage/index.ts'
import { deadLetterTopic } from '../lane.ts'
import type { GroupView } from '../look/group-view.ts'
import type { Source } from '../source/source.ts'
import type { Copy, Origin } from './copy-search.ts'

export type Ending = 'before' | 'purged' | 'trimmed' | 'accepted'

/** `copies` are all that were found of it, none of them open. */
export async function endingOf(
  { group }: GroupView,
  { origin, source, copies, isThere }: { origin: Origin; source: Source; copies: readonly Copy[]; isThere: boolean },
  engine: LogEngine,
): Promise<Ending> {
  const last = newestInLane(copies)
  if (origin.offset < source.began || (last !== undefined && last.offset < last.lane.began)) return 'before'
  const { partition, timestampMs } = origin
  const died = copies.filter((copy) => copy.in === 'dead').length
  const redriven = copies.filter((copy) => copy.in === 'lane' && copy.lane.place.kind === 'redrive').length
  if (died > redriven) {
    const isKept = await keepsSince(engine, group.topicOf('redrive', 0), partition, timestampMs)
    return isKept ? 'purged' : 'trimmed'
  }
  const isKept = await keepsSince(engine, deadLetterTopic(group.topic, group.name), partition, timestampMs)
  return isThere && isKept ? 'accepted' : 'trimmed'
}

export function newestInLane(copies: readonly Copy[]): Extract<Copy, { in: 'lane' }> | undefined {
  let newest: Extract<Copy, { in: 'lane' }> | undefined
  for (const copy of copies) {
    if (copy.in === 'lane' && copy.timestampMs >= (newest?.timestampMs ?? 0)) newest = copy
  }
  return newest
}

/** Whether a partition still has all that came into it since a time. */
async function keepsSince(engine: LogEngine, topic: string, partition: number, timestampMs: number): Promise<boolean> {
  if (partition >= (engine.topic(topic)?.partitions ?? 0)) return true
  if (engine.offsets(topic, partition).logStartOffset === 0) return true
  const since = await engine.offsetForTime(topic, partition, timestampMs)
  // Of what is older than the first one since then, something is left: so nothing since was trimmed.
  return since > engine.offsets(topic, partition).logStartOffset
}
