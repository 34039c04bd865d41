// What `__groups` still tells of single records: when they were acquired, renewed, finished. Checkpoints trim it, so it goes back
// some minutes, and no more of it is read than the budget of the look. What is trimmed or damaged at that moment is left out.

import { DwellError, decodeRecordBody, type LogEngine, readPage } from '../../../storage/index.ts'
import type { Group } from '../group/group.ts'
import { encodeKey, playDelta } from '../group/group-log.ts'
import { GROUPS_TOPIC } from '../group/group-store.ts'
import type { LookBudget } from './copy-search.ts'

const READ_SIZE = 1024 * 1024
const TRACE_BYTES_MAX = 4 * 1024 * 1024
const TRACE_LOSSES: ReadonlySet<string> = new Set(['OFFSET_OUT_OF_RANGE', 'BATCH_DAMAGED'])

export interface Traced {
  atMs: number
  event: 'acquired' | 'renewed' | 'finished'
}

/** A record in a source. */
export interface TracedPlace {
  sourceIndex: number
  offset: number
}

/** What happened to a group's record in these places, in order. */
export async function traceOf(
  group: Group,
  places: readonly TracedPlace[],
  engine: LogEngine,
  budget: LookBudget,
): Promise<(Traced & TracedPlace)[]> {
  const key = encodeKey(group.topic, group.name)
  const found: (Traced & TracedPlace)[] = []
  let atMs = 0
  const note = (event: Traced['event']) => (source: number, first: number, count: number) => {
    for (const { sourceIndex, offset } of places) {
      if (source === sourceIndex && offset >= first && offset < first + count) {
        found.push({ atMs, event, sourceIndex, offset })
      }
    }
  }
  const nothing = () => {}
  const visitor = {
    acquired: note('acquired'),
    renewed: note('renewed'),
    finished: note('finished'),
    parked: nothing,
    held: nothing,
    freed: nothing,
    sent: nothing,
  }
  const { logStartOffset, highWatermark, sizeBytes } = engine.offsets(GROUPS_TOPIC, 0)
  const bytesMax = Math.min(TRACE_BYTES_MAX, budget.bytes)
  const share = sizeBytes > bytesMax ? bytesMax / sizeBytes : 1
  let at = highWatermark - Math.floor((highWatermark - logStartOffset) * share)
  for (let left = bytesMax; at < highWatermark && left > 0; ) {
    const bytes = await readTrace(engine, at)
    if (bytes === undefined) {
      const { logStartOffset } = engine.offsets(GROUPS_TOPIC, 0)
      if (logStartOffset <= at) break
      at = logStartOffset
      continue
    }
    left -= bytes.length
    budget.bytes -= bytes.length
    const { records, nextOffset } = readPage(bytes, at)
    for (const { timestampMs, body } of records) {
      const record = decodeRecordBody(body)
      if (record.value === null || !record.key?.equals(key)) continue
      atMs = timestampMs
      playDelta(record.value, visitor)
    }
    at = Math.max(nextOffset, at + 1)
  }
  return found
}

/** undefined for what a checkpoint has trimmed meanwhile, or is damaged. */
async function readTrace(engine: LogEngine, fromOffset: number): Promise<Buffer | undefined> {
  try {
    return await engine.read(GROUPS_TOPIC, 0, fromOffset, READ_SIZE)
  } catch (error) {
    if (error instanceof DwellError && TRACE_LOSSES.has(error.code)) return undefined
    throw error
  }
}
