// A topic as large as is asked for, written through the real engine onto the real disk, with everything that a record
// can be: keys null and empty, values null (tombstones) and from 0 bytes to 100 KB, headers null, empty and repeated,
// times that go back. What lies at a partition's offset follows from the two alone, so that it can be told again.

import { EmbeddedEngine, encodeRecordBody, type Header, SILENT, SystemClock, SystemDisk } from '../../storage/index.ts'
import { SeededRandom } from '../support/seeded-random.ts'

export const TOPIC = 'written'
export const PARTITIONS = 2
const KIB = 1024
const RECORDS_PER_APPEND_MAX = 60
const APPENDS_AT_ONCE = 8
const FIRST_TIMESTAMP_MS = Date.UTC(2026, 0, 1)
/** Few enough that compaction finds most records superseded. */
const KEYS = 2_000
const FILLING = Buffer.alloc(100 * KIB, 'So much text as is needed to fill a value. ')

export interface WrittenRecord {
  timestampMs: number
  key: Buffer | null
  value: Buffer | null
  headers: Header[]
}

export interface WrittenTopic {
  /** In all partitions together. */
  records: number
  cleanup: 'delete' | 'compact'
}

/** The record at an offset of a partition. A topic that is compacted has no null keys. */
export function writtenRecord(partition: number, offset: number, cleanup: 'delete' | 'compact'): WrittenRecord {
  const random = new SeededRandom(partition * 2 ** 28 + offset)
  const kind = random.weighted({ none: 2, empty: 1, named: 20, binary: 2 })
  const name = Buffer.from(`schlüssel-${random.between(1, KEYS)}`)
  const key =
    kind === 'none'
      ? null
      : kind === 'empty'
        ? Buffer.alloc(0)
        : kind === 'binary'
          ? Buffer.of(0xff, 0, offset & 7)
          : name
  return {
    timestampMs: FIRST_TIMESTAMP_MS + offset * 10 + random.between(-500, 500),
    key: key ?? (cleanup === 'compact' ? name : null),
    value: madeValue(random),
    headers: madeHeaders(random),
  }
}

function madeValue(random: SeededRandom): Buffer | null {
  const sizes = { null: 60, empty: 40, small: 840, middle: 55, large: 5 }
  const size = random.weighted(sizes)
  if (size === 'null') return null
  const most = { empty: 0, small: 300, middle: 8 * KIB, large: 100 * KIB }[size]
  return FILLING.subarray(0, random.between(size === 'empty' ? 0 : 1, most))
}

function madeHeaders(random: SeededRandom): Header[] {
  const all: Header[] = [
    ['trace', Buffer.from('t-1')],
    ['null', null],
    ['empty', Buffer.alloc(0)],
    ['trace', Buffer.from('twice')],
    ['überschrift', Buffer.of(0, 255, 128)],
  ]
  return random.chance(0.7) ? [] : all.slice(0, random.between(1, all.length))
}

export function openEngine(directory: string, segmentBytes: number): Promise<EmbeddedEngine> {
  return EmbeddedEngine.open({
    disk: new SystemDisk(),
    clock: new SystemClock(),
    directory,
    log: SILENT,
    segmentBytes,
    journalFileBytes: 16 * KIB * KIB,
    onFailure: (error) => {
      throw error
    },
  })
}

/** Appends what the topic lacks of `records`, some records at a time, several appends at once. */
export async function writeTopic(engine: EmbeddedEngine, { records, cleanup }: WrittenTopic): Promise<void> {
  if (engine.topic(TOPIC) === undefined) await engine.createTopic(TOPIC, { partitions: PARTITIONS, cleanup })
  const random = new SeededRandom(records)
  const under = new Set<Promise<unknown>>()
  for (let partition = 0; partition < PARTITIONS; partition++) {
    const end = Math.floor((records + partition) / PARTITIONS)
    for (let offset = engine.offsets(TOPIC, partition).logEndOffset; offset < end; ) {
      const count = Math.min(end - offset, random.between(1, random.pick([1, 5, RECORDS_PER_APPEND_MAX])))
      const made = Array.from({ length: count }, (_, i) => {
        const { timestampMs, key, value, headers } = writtenRecord(partition, offset + i, cleanup)
        return { timestampMs, body: encodeRecordBody(key, value, headers) }
      })
      offset += count
      const appended = engine.append([{ topic: TOPIC, partition, records: made }])
      under.add(appended)
      void appended.finally(() => under.delete(appended))
      if (under.size >= APPENDS_AT_ONCE) await Promise.race(under)
    }
  }
  await Promise.all(under)
}
