// The mark {C, H}: the wheel has consumed `__delay` up to offset C, and the hand stands at H. It is appended to `__mark`
// in the same atomic append as the records it dispatches.
//
//   An entry e has been dispatched (or was cancelled, or moved) if and only if e.offset < C and (e.dueAtMs, e.offset) ≤ H.
//
// Always true: both C and H only grow. So the dispatch of any entry is found by a binary search over `__mark`, and the mark
// found there names the places that its records were given. The value of a record of `__mark`, big-endian:
//
//   ┌──────────────┬───────────────┬─────────────┬────────────────┐
//   │ version <1b> │ consumed <8b> │ H.due <8b>  │ H.offset <8b>  │
//   ├──────────────┴─┬───────┬─────┴──────────┬──┴───────────────┬┴───────────┐
//   │ topicSize <1b> │ topic │ partition <4b> │ baseOffset <8b>  │ count <4b> │   per partition that records went to
//   └────────────────┴───────┴────────────────┴──────────────────┴────────────┘
//
// H.offset is stored plus one, so that the beginning (-1) is zero.

import {
  DwellError,
  encodeRecordBody,
  type LogEngine,
  readPage,
  readUInt64,
  type StoredRecord,
  valueOfRecordBody,
  writeUInt64,
} from '../storage/index.ts'
import { BEGINNING, comparePlaces, type Place } from './entry/place.ts'

export const MARK_TOPIC = '__mark'
const VERSION = 1
const HEADER_SIZE = 25

export interface Target {
  topic: string
  partition: number
  baseOffset: number
  count: number
}

export interface Mark {
  consumed: number
  hand: Place
  targets: Target[]
}

/** The body of a mark's record. */
export function encodeMark({ consumed, hand, targets }: Mark): Buffer {
  const size = targets.reduce((sum, { topic }) => sum + 17 + Buffer.byteLength(topic), HEADER_SIZE)
  const bytes = Buffer.allocUnsafe(size)
  bytes[0] = VERSION
  writeUInt64(bytes, 1, consumed)
  writeUInt64(bytes, 9, hand.dueAtMs)
  writeUInt64(bytes, 17, hand.offset + 1)
  let at = HEADER_SIZE
  for (const { topic, partition, baseOffset, count } of targets) {
    bytes[at] = Buffer.byteLength(topic)
    at += 1 + bytes.write(topic, at + 1)
    at = bytes.writeUInt32BE(partition, at)
    writeUInt64(bytes, at, baseOffset)
    at = bytes.writeUInt32BE(count, at + 8)
  }
  return encodeRecordBody(null, bytes, [])
}

export function decodeMark(record: StoredRecord): Mark {
  const bytes = valueOfRecordBody(record.body) as Buffer
  if (bytes[0] !== VERSION) {
    const { offset } = record
    const sentence = `The mark at offset ${offset} has version ${bytes[0]}; this program reads ${VERSION}.`
    throw new DwellError('MARK_UNREADABLE', sentence, { offset })
  }
  const targets: Target[] = []
  for (let at = HEADER_SIZE; at < bytes.length; ) {
    const topicEnd = at + 1 + bytes[at]
    targets.push({
      topic: bytes.toString('utf8', at + 1, topicEnd),
      partition: bytes.readUInt32BE(topicEnd),
      baseOffset: readUInt64(bytes, topicEnd + 4),
      count: bytes.readUInt32BE(topicEnd + 12),
    })
    at = topicEnd + 16
  }
  const hand = { dueAtMs: readUInt64(bytes, 9), offset: readUInt64(bytes, 17) - 1 }
  return { consumed: readUInt64(bytes, 1), hand, targets }
}

export const FIRST_MARK: Mark = { consumed: 0, hand: BEGINNING, targets: [] }

/** Whether the entry at `place` is done according to `mark`. */
export function covers(mark: Mark, place: Place): boolean {
  return place.offset < mark.consumed && comparePlaces(place, mark.hand) <= 0
}

/** The last mark there is. */
export async function lastMark(engine: LogEngine): Promise<Mark> {
  const { logStartOffset, highWatermark } = engine.offsets(MARK_TOPIC, 0)
  return highWatermark === logStartOffset ? FIRST_MARK : readMark(engine, highWatermark - 1)
}

/** The first mark that covers `place`; undefined when none does, or when the first that does may have been forgotten already. */
export async function findMark(engine: LogEngine, place: Place): Promise<Mark | undefined> {
  for (;;) {
    const { logStartOffset, highWatermark } = engine.offsets(MARK_TOPIC, 0)
    try {
      return await searchMark(engine, place, logStartOffset, highWatermark)
    } catch (error) {
      // A checkpoint let go of old marks meanwhile.
      if (engine.offsets(MARK_TOPIC, 0).logStartOffset === logStartOffset) throw error
    }
  }
}

async function searchMark(
  engine: LogEngine,
  place: Place,
  logStartOffset: number,
  highWatermark: number,
): Promise<Mark | undefined> {
  let low = logStartOffset
  let high = highWatermark
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    if (covers(await readMark(engine, middle), place)) high = middle
    else low = middle + 1
  }
  if (low === highWatermark || (low === logStartOffset && logStartOffset > 0)) return undefined
  return readMark(engine, low)
}

/** The mark at `offset`, or the first one behind it, where a repair had to give offsets up: marks only grow. */
async function readMark(engine: LogEngine, offset: number): Promise<Mark> {
  for (let at = offset; ; ) {
    const { records, nextOffset } = readPage(await engine.read(MARK_TOPIC, 0, at, 1), at)
    if (records.length > 0) return decodeMark(records[0])
    if (nextOffset === at)
      throw new DwellError('MARK_UNREADABLE', `There is no mark from offset ${offset} on.`, { offset })
    at = nextOffset
  }
}
