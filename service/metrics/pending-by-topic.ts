// How many delayed messages wait, topic by topic, for the topics that have most: as many series as a setting allows, whatever
// the number of topics.

import type { Census } from '../../timewheel/index.ts'
import { OTHER } from './other.ts'

/**
 * The pending messages of the busiest topics, and of all others together; they add up to all that is pending. What is for a
 * topic that was deleted meanwhile is among the others.
 */
export function pendingByTopic(
  census: Census,
  topics: Iterable<{ id: number; name: string }>,
  topicsMax: number,
): Map<string, number> {
  const busiest = new Map(census.busiest(topicsMax).map(({ topicId, waiting }) => [topicId, waiting]))
  const pending = new Map<string, number>()
  let others = census.count
  for (const { id, name } of topics) {
    const waiting = busiest.get(id)
    if (waiting === undefined || name === OTHER) continue
    pending.set(name, waiting)
    others -= waiting
  }
  return pending.set(OTHER, others)
}
