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

import type { LogEngine } from '../../storage/index.ts'
import { type Census, forecast } from '../../timewheel/index.ts'
import type { Group } from './group.ts'
import { isGone, type Source } from './source.ts'

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

/** Changes nothing. */
export async function scaleOf(group: Group, { engine, census, nowMs, untilMs }: ScaleParts): Promise<Scale> {
  const scale: Scale = { ready: 0, inFlight: 0, dueSoon: 0, isEstimate: false }
  for (const name of [group.topic, group.topicOf('delayed', 0)]) {
    const topicId = engine.topic(name)?.id
    if (topicId === undefined || census.countOf(topicId) === 0) continue
    const fromSecond = Math.floor(nowMs / 1000)
    const stepSeconds = untilMs / 1000 - fromSecond
    const { overdue, counts, isEstimate } = forecast(census, { fromSecond, stepSeconds, steps: 1, topicId })
    scale.dueSoon += overdue + counts[0]
    scale.isEstimate ||= isEstimate
  }
  const known = new Set<number>()
  const due: Promise<void>[] = []
  for (const source of group.sources) {
    scale.inFlight += source.inFlight
    if (source.place.kind === 'topic') known.add(source.place.partition)
    const waiting = waitingIn(source, engine)
    if (source.place.kind !== 'tier') scale.ready += waiting
    else if (waiting > 0) due.push(countDue(source, engine, { nowMs, untilMs }, scale))
  }
  // The group takes partitions in when it next acquires.
  for (let partition = 0; partition < (engine.topic(group.topic)?.partitions ?? 0); partition++) {
    if (known.has(partition)) continue
    const { logStartOffset, highWatermark } = engine.offsets(group.topic, partition)
    scale.ready += highWatermark - logStartOffset
  }
  await Promise.all(due)
  return scale
}

/** Records that nobody acquired, without those that retention took. */
function waitingIn(source: Source, engine: LogEngine): number {
  const { topic, topicId, partition } = source.place
  const description = engine.topic(topic)
  if (description?.id !== topicId || partition >= description.partitions) return 0
  const { logStartOffset, highWatermark } = engine.offsets(topic, partition)
  return Math.max(0, highWatermark - Math.max(source.next, logStartOffset)) + source.parked.countFrom(logStartOffset)
}

async function countDue(
  lane: Source,
  engine: LogEngine,
  { nowMs, untilMs }: { nowMs: number; untilMs: number },
  scale: Scale,
): Promise<void> {
  const { topic, partition, tierMs } = lane.place
  // Mostly known, and then nothing need be looked up.
  if ((lane.headDueMs ?? nowMs) >= untilMs) return
  try {
    const behindDue = await engine.offsetForTime(topic, partition, nowMs - tierMs + 1)
    const behindSoon = await engine.offsetForTime(topic, partition, untilMs - tierMs)
    // Looked at only now: what was acquired meanwhile is in flight.
    const { logStartOffset, highWatermark } = engine.offsets(topic, partition)
    const from = Math.max(lane.next, logStartOffset)
    const ready = Math.max(0, Math.min(behindDue, highWatermark) - from)
    scale.ready += ready
    scale.dueSoon += Math.max(0, Math.min(behindSoon, highWatermark) - from) - ready
  } catch (error) {
    if (!isGone(error)) throw error
  }
}
