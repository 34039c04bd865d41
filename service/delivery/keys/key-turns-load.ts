// Finds out which keys of a partition have a record under way: reads what is in flight and what waits in the lanes of tiers,
// and takes what is held. Memory: a hash a record, at most TURNS_MAX of them.
//
// Called by the one pump of a group, so nothing is acquired meanwhile. What leaves meanwhile is not counted at the end; what
// goes into a lane meanwhile lies behind the end that was taken in the turn in which the reading began, and is told to
// KeyTurns. All before that end is durable when an append of the group is, for appends become durable in order.

import { DwellError, type LogEngine, readPage } from '../../../storage/index.ts'
import type { Group } from '../group/group.ts'
import { DeltaWriter } from '../group/group-log.ts'
import type { Source } from '../source/source.ts'
import { isGone } from '../source/source-place.ts'
import { hashOfRecord, type KeyTurns, TURNS_MAX } from './key-turns.ts'

const READ_SIZE = 1024 * 1024

/** False while so much waits in lanes that no further key may begin: they flow on without it. */
export async function loadTurns(group: Group, partition: number, turns: KeyTurns, engine: LogEngine): Promise<boolean> {
  const sources = sourcesOf(group, partition)
  const tiers = sources.filter(({ place }) => place.kind === 'tier')
  if (countUnderWay(sources) > TURNS_MAX) return false
  turns.beginLoading()
  const ends = new Map(tiers.map((lane) => [lane, endOf(lane, engine)]))
  if (tiers.some((lane) => (ends.get(lane) ?? 0) > lane.highWatermark)) await group.append(new DeltaWriter())
  const inLanes = new Map<Source, { offset: number; hash: number }[]>()
  for (const [lane, end] of ends) {
    const found: { offset: number; hash: number }[] = []
    await visit(engine, lane, lane.next, end, (offset, hash) => {
      if (offset < end) found.push({ offset, hash })
    })
    inLanes.set(lane, found)
  }
  const inFlight = new Map<Source, Map<number, number>>()
  for (const source of sources) inFlight.set(source, await hashesInFlight(engine, source))

  // From here on it is one turn. Lanes may have come meanwhile.
  const hashes: number[] = []
  for (const source of sourcesOf(group, partition)) {
    const { next, runs, holds } = source
    for (const { offset, hash } of inLanes.get(source) ?? []) if (offset >= next) hashes.push(hash)
    for (const { hash } of holds.list) hashes.push(hash)
    for (const run of runs) {
      run.hashes ??= Uint32Array.from(run.statuses, (_, i) => inFlight.get(source)?.get(run.first + i) ?? 0)
      for (let offset = run.first; offset < run.end; offset++) if (run.isOpen(offset)) hashes.push(run.hashOf(offset))
    }
  }
  if (!turns.loaded(hashes)) return false
  for (const source of sourcesOf(group, partition)) source.sortParked()
  return true
}

function sourcesOf(group: Group, partition: number): Source[] {
  return group.sources.filter(({ place }) => place.partition === partition)
}

function countUnderWay(sources: readonly Source[]): number {
  let count = 0
  for (const { place, available, inFlight, holds } of sources) {
    count += inFlight + holds.count + (place.kind === 'tier' ? available : 0)
  }
  return count
}

function endOf({ place }: Source, engine: LogEngine): number {
  const isThere = engine.topic(place.topic)?.id === place.topicId
  return isThere ? engine.offsets(place.topic, place.partition).logEndOffset : 0
}

/** By offset, of all records in flight whose key is not known. */
async function hashesInFlight(engine: LogEngine, source: Source): Promise<Map<number, number>> {
  const hashes = new Map<number, number>()
  const unknown = source.runs.filter((run) => run.hashes === undefined)
  let read = 0
  for (const { first, end } of unknown) {
    if (end <= read) continue
    // Neighbouring runs lie in the same bytes: what is read for one is kept for the next.
    read = await visit(engine, source, Math.max(first, read), end, (offset, hash) => hashes.set(offset, hash))
  }
  return hashes
}

/** Visits all records from `from` on that are readable, at least to before `end`; answers the offset behind the last read. */
async function visit(
  engine: LogEngine,
  { place: { topic, partition } }: Source,
  from: number,
  end: number,
  found: (offset: number, hash: number) => void,
): Promise<number> {
  let at = from
  while (at < end) {
    try {
      const { records, nextOffset } = readPage(await engine.read(topic, partition, at, READ_SIZE), at)
      for (const { offset, body } of records) found(offset, hashOfRecord(body))
      at = Math.max(nextOffset, at + 1)
    } catch (error) {
      if (isGone(error)) return end
      const after = behindLoss(engine, topic, partition, at, error)
      if (after === undefined) throw error
      at = after
    }
  }
  return at
}

/** Where to go on when records were deleted or are damaged; whoever acquires them says so. */
function behindLoss(
  engine: LogEngine,
  topic: string,
  partition: number,
  at: number,
  error: unknown,
): number | undefined {
  if (!(error instanceof DwellError)) return undefined
  if (typeof error.fields.lastOffset === 'number') return error.fields.lastOffset + 1
  const { logStartOffset } = engine.offsets(topic, partition)
  return error.code === 'OFFSET_OUT_OF_RANGE' && logStartOffset > at ? logStartOffset : undefined
}
