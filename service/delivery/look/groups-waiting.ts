// What all groups together have before them, for those who watch. From counters: no record is looked at, and the numbers of names
// that are answered are bounded.

import type { LogEngine } from '../../../storage/index.ts'
import type { Group } from '../group/group.ts'

export interface GroupsWaiting {
  /** The groups that lag most, the worst first. */
  lags: { topic: string; group: string; lag: number }[]
  /** Of all the other groups together. */
  otherLag: number
  /** Failed records that wait for their next try, by tier (`5s`, `delayed`, `redrive`): the tiers with most, the fullest first. */
  tiers: { tier: string; waiting: number }[]
  otherTiers: number
}

/** Answers at most `namesMax` groups and as many tiers. */
export function groupsWaiting(groups: Iterable<Group>, engine: LogEngine, namesMax: number): GroupsWaiting {
  const lags: GroupsWaiting['lags'] = []
  const byTier = new Map<string, number>()
  for (const group of groups) {
    lags.push({ topic: group.topic, group: group.name, lag: lagOf(group, engine) })
    for (const { tier, available, inWheel } of group.sources) {
      if (tier !== undefined) byTier.set(tier, (byTier.get(tier) ?? 0) + available + inWheel)
    }
  }
  lags.sort((a, b) => b.lag - a.lag)
  const tiers = [...byTier].map(([tier, waiting]) => ({ tier, waiting })).sort((a, b) => b.waiting - a.waiting)
  return {
    lags: lags.slice(0, namesMax),
    otherLag: lags.slice(namesMax).reduce((sum, { lag }) => sum + lag, 0),
    tiers: tiers.slice(0, namesMax),
    otherTiers: tiers.slice(namesMax).reduce((sum, { waiting }) => sum + waiting, 0),
  }
}

/** Records of the topic that the group has not finished, in partitions too that it takes in when it next acquires. */
function lagOf({ topic, sources }: Group, engine: LogEngine): number {
  let lag = 0
  let known = 0
  for (const { place, available, inFlight } of sources) {
    if (place.kind !== 'topic') continue
    known++
    lag += available + inFlight
  }
  const partitions = engine.topic(topic)?.partitions ?? 0
  if (known === partitions) return lag
  const there = new Set(sources.filter(({ place }) => place.kind === 'topic').map(({ place }) => place.partition))
  for (let partition = 0; partition < partitions; partition++) {
    if (there.has(partition)) continue
    const { logStartOffset, highWatermark } = engine.offsets(topic, partition)
    lag += highWatermark - logStartOffset
  }
  return lag
}
