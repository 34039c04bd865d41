// Moves a group to another place of its topic: to the first record, behind the last, or to a time.

import type { LogEngine } from '../../../storage/index.ts'
import type { Group } from './group.ts'

/** A number is a time in epoch milliseconds. */
export type ResetTo = 'earliest' | 'latest' | number

/**
 * Moves all sources in one turn, in which the caller has to append the snapshot that is due then. `latest` gives up what waits in
 * lanes as well.
 * @throws what the group ended with meanwhile
 */
export async function resetGroup(
  group: Group,
  to: ResetTo,
  { engine, hand }: { engine: LogEngine; hand: { nowMs(): number } },
): Promise<void> {
  group.takeTopicIn()
  const moved = await Promise.all(
    group.sources.map(async (source) => {
      const { kind, topic, partition } = source.place
      if (kind !== 'topic') return { source, next: undefined }
      return { source, next: typeof to === 'number' ? await engine.offsetForTime(topic, partition, to) : undefined }
    }),
  )
  if (group.end) throw group.end
  // Of what the wheel brought, nothing is waited for any more.
  if (to === 'latest') for (const { holds } of group.sources) holds.removeBefore(hand.nowMs())
  for (const { source, next } of moved) {
    const { kind, topic, partition } = source.place
    if (next !== undefined) source.reset(next)
    else if (to === 'latest') source.reset(source.highWatermark)
    else if (kind === 'topic') source.reset(engine.offsets(topic, partition).logStartOffset)
  }
  group.snapshotDue = true
}
