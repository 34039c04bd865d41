// Lanes: the topics through which failed records of a group walk. Ordinary topics, visible, with the partition numbers of
// the source; only their names are special.
//
//   <topic>.<group>.retry.5s        one a tier, named by its duration: all of its records wait equally long
//   <topic>.<group>.retry.delayed   records released with a delay of their own; the wheel brings them when they are due
//   <topic>.<group>.retry.redrive   dead letters that begin anew
//   <topic>.<group>.dlq             the dead letters

/** What a lane is for: one tier, records that the wheel brings, or dead letters that begin anew. */
export type LaneKind = 'tier' | 'delayed' | 'redrive'

const UNITS: readonly (readonly [sizeMs: number, name: string])[] = [
  [86_400_000, 'd'],
  [3_600_000, 'h'],
  [60_000, 'm'],
  [1_000, 's'],
  [1, 'ms'],
]

/** A tier's name: its duration in the largest unit that divides it. One name per duration, so one lane too. */
export function tierName(tierMs: number): string {
  for (const [sizeMs, name] of UNITS) {
    if (tierMs % sizeMs === 0 && tierMs > 0) return `${tierMs / sizeMs}${name}`
  }
  return `${tierMs}ms`
}

/** What the names of all topics of a group begin with. */
export function laneBase(topic: string, group: string): string {
  return `${topic}.${group}`
}

/** `5s`, `delayed`, `redrive`: how a lane is called in its name and in answers. */
export function laneTier(kind: LaneKind, tierMs: number): string {
  return kind === 'tier' ? tierName(tierMs) : kind
}

export function laneTopic(topic: string, group: string, kind: LaneKind, tierMs: number): string {
  return `${laneBase(topic, group)}.retry.${laneTier(kind, tierMs)}`
}

export function deadLetterTopic(topic: string, group: string): string {
  return `${laneBase(topic, group)}.dlq`
}

const TIER = /^(?:delayed|redrive|[1-9]\d*(?:ms|s|m|h|d))$/
const RETRY = '.retry'

/**
 * The lane base that the name of a lane or of a dead-letter topic begins with; undefined when it is neither. Asked for
 * every request that publishes, so it looks only at the end of the name.
 */
export function laneBaseOf(name: string): string | undefined {
  const dot = name.lastIndexOf('.')
  if (dot < 0) return undefined
  const last = name.slice(dot + 1)
  if (last === 'dlq') return name.slice(0, dot)
  if (!name.endsWith(RETRY, dot) || !TIER.test(last)) return undefined
  return name.slice(0, dot - RETRY.length)
}
