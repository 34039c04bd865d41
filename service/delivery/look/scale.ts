// How much there is to do for a group, for whoever starts and stops its consumers. From counters: no record is read one by one,
// however many wait. A tier's lane is in due order, so how many of it are due is the place of one time in it; what waits in
// the wheel is counted there by second.
//
// Every record that the group is not done with is in one of these numbers, or is due later:
//
//   inFlight   acquired, from the topic or from a lane, and not finished
//   ready      due, and held by nobody: in the topic, or in a lane with its tier over. What has to wait for its key, or for a
//              paused group, is in it: it is work, though not yet
//   dueSoon    due before `untilMs`: in the lane of a tier, or in the wheel, for the topic or with a delay of its own for the group

import type { LogEngine, PartitionOffsets } from '../../../storage/index.ts'
import { type Census, forecast } from '../../../timewheel/index.ts'
import type { Group } from '../group/group.ts'
import type { Source } from '../source/source.ts'
import { isGone } from '../source/source-place.ts'

export interface Scale {
  ready: number
  inFlight: number
  dueSoon: number
  /** So many topics have delayed messages that those of this one are counted by minute: `dueSoon` is an estimate. */
  isEstimate: boolean
}

export interface ScaleParts {
  engine: LogEngine
  census: Census
  nowMs: number
  /** The beginning of a second behind now: the wheel counts no finer. */
  untilMs: number
}

/** Changes nothing. All numbers are of one moment: what has to be looked up is looked up before. */
export async function scaleOf(group: Group, parts: ScaleParts): Promise<Scale> {
  const { engine } = parts
  const lanes = group.sources.filter(({ place }) => place.kind === 'tier')
  const dueIn = new Map(await Promise.all(lanes.map(async (lane) => [lane, await lookUp(lane, parts)] as const)))
  const scale: Scale = { ready: 0, inFlight: 0, dueSoon: 0, isEstimate: false }
  countWheel(group, parts, scale)
  const known = new Set<number>()
  for (const source of group.sources) {
    scale.inFlight += source.inFlight
    if (source.place.kind === 'topic') known.add(source.place.partition)
    const offsets = offsetsOf(source, engine)
    if (offsets === undefined) continue
    const { logStartOffset, highWatermark } = offsets
    const from = Math.max(source.next, logStartOffset)
    const until = (offset: number) => Math.max(0, Math.min(offset, highWatermark) - from)
    if (source.place.kind === 'tier') {
      const { behindDue, behindSoon } = dueIn.get(source) ?? NOTHING_DUE
      scale.ready += until(behindDue)
      scale.dueSoon += until(behindSoon) - until(behindDue)
    } else scale.ready += until(highWatermark) + source.parked.countFrom(logStartOffset)
  }
  // The group takes partitions in when it next acquires.
  for (let partition = 0; partition < (engine.topic(group.topic)?.partitions ?? 0); partition++) {
    if (known.has(partition)) continue
    const { logStartOffset, highWatermark } = engine.offsets(group.topic, partition)
    scale.ready += highWatermark - logStartOffset
  }
  return scale
}

/** The offsets behind what of a lane is due, and will be soon. */
interface DueIn {
  behindDue: number
  behindSoon: number
}

const NOTHING_DUE: DueIn = { behindDue: 0, behindSoon: 0 }

async function lookUp(lane: Source, { engine, nowMs, untilMs }: ScaleParts): Promise<DueIn> {
  const { tierMs } = lane.place
  // Mostly the head is known, and then nothing need be looked up.
  if (lane.next >= lane.highWatermark || (lane.headDueMs ?? nowMs) >= untilMs) return NOTHING_DUE
  try {
    const behindDue = await lane.offsetSince(nowMs - tierMs + 1, engine)
    return { behindDue, behindSoon: await lane.offsetSince(untilMs - tierMs, engine) }
  } catch (error) {
    if (isGone(error)) return NOTHING_DUE
    throw error
  }
}

/** What waits in the wheel, for the topic or with a delay of its own. What is overdue there comes at any moment. */
function countWheel(group: Group, { engine, census, nowMs, untilMs }: ScaleParts, scale: Scale): void {
  const fromSecond = Math.floor(nowMs / 1000)
  const stepSeconds = untilMs / 1000 - fromSecond
  for (const name of [group.topic, group.topicOf('delayed', 0)]) {
    const topicId = engine.topic(name)?.id
    if (topicId === undefined || census.countOf(topicId) === 0) continue
    const { overdue, counts, isEstimate } = forecast(census, { fromSecond, stepSeconds, steps: 1, topicId })
    scale.dueSoon += overdue + counts[0]
    scale.isEstimate ||= isEstimate
  }
}

/** undefined for a lane that was deleted, and perhaps made anew. */
function offsetsOf({ place }: Source, engine: LogEngine): PartitionOffsets | undefined {
  const description = engine.topic(place.topic)
  if (description?.id !== place.topicId || place.partition >= description.partitions) return undefined
  return engine.offsets(place.topic, place.partition)
}
