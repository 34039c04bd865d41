// One of each of our files and records: how today's code makes it, how it is read, and what it holds. What it is held
// against lies in golden/formats/, one file each, named with its version.
//
// A format whose bytes change gets a new version and with it a new file; its old file stays here without `make`, and must
// still be read.

import { decodeTask, encodeTask, type RedriveTask } from '../service/delivery/dead/redrive-task.ts'
import { decodePage, encodePage, Removed } from '../service/delivery/dead/removed.ts'
import { decodeSnapshot, encodeSnapshot, type GroupState } from '../service/delivery/group/group-log.ts'
import { decodeIdEntry, encodeIdEntry } from '../service/publish/id-entry.ts'
import { writeBatch } from '../storage/batch/record-batch.ts'
import { decodeRecordBody } from '../storage/batch/record-body.ts'
import { identify, type KeyRange, readRecords, SILENT } from '../storage/index.ts'
import * as journal from '../storage/journal/journal-format.ts'
import { readCheckpoint, writeCheckpoint } from '../storage/log/checkpoint.ts'
import { decodeTopic, encodeTopic } from '../storage/log/topic-record.ts'
import { damageOfRunIndex, encodeRunIndex, pieceAt } from '../storage/run/run-format.ts'
import { readCleanedMark, writeCleanedMark } from '../storage/segment/cleaned-mark.ts'
import { OffsetIndex } from '../storage/segment/offset-index.ts'
import { metadataText, topicIdOf } from '../storage/segment/partition-metadata.ts'
import { TimeIndex } from '../storage/segment/time-index.ts'
import { Census } from '../timewheel/census/census.ts'
import * as wheelCheckpoint from '../timewheel/checkpoint/checkpoint.ts'
import { readSynced, writeSynced } from '../timewheel/checkpoint/synced-file.ts'
import {
  cancelledEnvelope,
  decodeMessage,
  isWithdrawal,
  movedEnvelope,
  recordBytesOf,
  targetOf,
  topicIdOf as targetTopicIdOf,
  withdrawalOf,
} from '../timewheel/entry/entry.ts'
import { envelopeBody, messageBody } from '../timewheel/entry/entry-body.ts'
import { BEGINNING } from '../timewheel/entry/place.ts'
import { walkSlot } from '../timewheel/inspect/slot-walk.ts'
import { decodeMark, encodeMark } from '../timewheel/mark.ts'
import { Overflow } from '../timewheel/overflow.ts'
import { ChunkPool } from '../timewheel/slot/chunk-pool.ts'
import { Slot } from '../timewheel/slot/slot.ts'
import { slotPath } from '../timewheel/slot/slot-files.ts'
import { SimulatedDisk } from './storage/simulated-disk.ts'
import { MemoryStore } from './support/memory-store.ts'
import { SeededRandom } from './support/seeded-random.ts'
import { written } from './support/written.ts'

export interface Format {
  /** Makes the bytes; undefined for a version that is only read any more. */
  make?: () => Promise<Buffer>
  read: (bytes: Buffer) => unknown
  holds: unknown
}

const D = '/data'
const DUE_MS = 1_790_000_000_123
const SECOND = 1_790_000_000
const TOPIC = { name: 'orders', id: 17, partitions: 4, retentionMs: 604_800_000, cleanup: 'delete' as const }
const SAFE = { baseOffset: 90, size: 1_234, endOffset: 120, sizeBytes: 9_999, lastBytes: Buffer.from('tail') }
const CHECKPOINT = {
  bootId: 'boot-1',
  journal: { sequence: 7, position: 8_192, frameNumber: 33 },
  entries: [{ topicId: 17, partition: 3, logStartOffset: 5, safe: SAFE }],
  runs: [4, 6],
}
const WHEEL = {
  bootId: 'boot-1',
  consumed: 12,
  moved: { dueAtMs: 5_000, offset: -1 },
  overflowSequence: 3,
  overflowCount: 2,
  overflowLastDueAtMs: DUE_MS,
  slots: [{ second: SECOND, count: 2, fileSize: 100 }],
  stretches: [{ fromOffset: 4, neededUntilMs: 8_000 }],
  nowMs: DUE_MS - 9,
  census: Buffer.from('census'),
}
const SYNCED = { checkpoint: WHEEL, tails: new Map([[SECOND, Buffer.from('tail')]]) }
const MARK = {
  consumed: 9,
  hand: { dueAtMs: DUE_MS, offset: 8 },
  targets: [{ topic: 'orders', partition: 3, baseOffset: 70, count: 2 }],
}
const PAGE = new Removed().with([0, 1, 9, 8_191]).get(0) as Uint8Array
const TASK: RedriveTask = {
  task: '00112233445566ff',
  topic: 'orders',
  group: 'billing',
  topicId: 7,
  filter: { reason: 'bank', headers: { trace: 't' }, fromMs: 1_000 },
  ratePerSecond: 100,
  state: 'running',
  matched: 12,
  moved: 3,
  failed: 1,
  startedMs: 2_000,
  ends: [8, 4],
  next: { partition: 0, offset: 5 },
}
const PENDING_ENTRY = {
  state: 'pending' as const,
  atMs: DUE_MS,
  dueAtMs: DUE_MS + 5,
  delayOffset: 8,
  partition: 0,
  offset: 0,
  recordBytes: 4_321,
}
const ENTRY = {
  state: 'dispatched' as const,
  atMs: DUE_MS,
  dueAtMs: DUE_MS - 5,
  delayOffset: 8,
  partition: 3,
  offset: 71,
}
const MESSAGE = {
  topic: 'orders',
  partition: 2,
  dueAtMs: DUE_MS,
  body: Buffer.from('body'),
  ownId: 'own-1',
  fillId: false,
}
/** Where MESSAGE waits in what follows, and where it is moved to. */
const PLACE = { dueAtMs: DUE_MS, offset: 4 }
const LATER_MS = DUE_MS + 400
const CLEANED = { cleanedTo: 50, gapsTo: 60, horizonMs: DUE_MS }
const PIECES = [{ topicId: 17, partition: 3, baseOffset: 90, endOffset: 120, size: 1_234 }]
const RECORDS = [1, 2].map((n) => ({ timestampMs: DUE_MS + n, body: Buffer.from([1, 4, 0x60 + n, 0x60, 0]) }))
const OWN_HEADER = { sequence: 7, salt: 0x0102_0304, fileBytes: 16_384 }

const GROUP: GroupState = {
  topicId: 17,
  settings: { retry: [5_000, 10_000], lockMs: 30_000, maxInFlight: 500, order: 'none', start: 'earliest' },
  nextSourceIndex: 3,
  sources: [
    {
      place: { index: 1, kind: 'topic', tierMs: 0, topicId: 17, partition: 3 },
      next: 70,
      runs: [],
      parked: { columns: { offsets: new Float64Array(), hashes: new Uint32Array() } },
      holds: { list: [], count: 0 },
      wheelEnd: 0,
      began: 0,
    },
  ],
}
const PUSHED_GROUP: GroupState = {
  ...GROUP,
  settings: {
    ...GROUP.settings,
    paused: { sinceMs: DUE_MS, reason: 'bank offline' },
    push: {
      url: 'https://example.com/hook',
      concurrency: 16,
      timeoutMs: 10_000,
      rate: 100,
      pauseAfter: 10,
      headers: { 'x-tenant': 'a' },
      secrets: ['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'],
      paused: { sinceMs: DUE_MS + 1, reason: 'gone' },
    },
  },
}

const ORDERED_GROUP: GroupState = {
  ...PUSHED_GROUP,
  settings: { ...PUSHED_GROUP.settings, order: 'key' },
  sources: [
    {
      ...GROUP.sources[0],
      parked: {
        columns: { offsets: Float64Array.of(64, 69), hashes: Uint32Array.of(0xfedc_ba98, 7) },
      },
    },
    {
      ...GROUP.sources[0],
      place: { index: 2, kind: 'delayed', tierMs: 0, topicId: 18, partition: 3 },
      holds: { list: [{ offset: 61, hash: 0xfedc_ba98, dueAtMs: DUE_MS }], count: 1 },
    },
    {
      ...GROUP.sources[0],
      place: { index: 0, kind: 'redrive', tierMs: 0, topicId: 19, partition: 3 },
      parked: { columns: { offsets: Float64Array.of(8), hashes: Uint32Array.of(7) } },
    },
  ],
}
/** Some of its records are on their way through the wheel. */
const JITTERED_GROUP: GroupState = {
  ...ORDERED_GROUP,
  settings: { ...ORDERED_GROUP.settings, jitter: 0.2 },
  sources: ORDERED_GROUP.sources.map((source, i) => ({ ...source, wheelEnd: i === 1 ? 77 : 0, began: 40 + i })),
}

const asStored = (body: Buffer) => ({ offset: 5, timestampMs: DUE_MS, body })
const envelopeOf = (body: Buffer) => decodeRecordBody(body).value as Buffer

/** Writes with `task` on a new disk; answers the file at `path`. */
async function fileOf(path: string, task: (disk: SimulatedDisk) => Promise<unknown>): Promise<Buffer> {
  const disk = new SimulatedDisk()
  await disk.makeDirectory(D)
  await task(disk)
  return Buffer.from(disk.contents(path))
}

async function diskWith(path: string, bytes: Buffer): Promise<SimulatedDisk> {
  const disk = new SimulatedDisk()
  await disk.makeDirectory(D)
  disk.place(path, bytes)
  return disk
}

async function journalFile(): Promise<Buffer> {
  const batch = Buffer.alloc(200)
  const size = writeBatch(batch, 0, 70, RECORDS)
  const frame = Buffer.alloc(journal.BLOCK_SIZE)
  const header = { topicId: 17, partition: 3, kind: journal.PartKind.batch, size }
  const contentsAt = journal.writePartHeader(frame, journal.FRAME_HEADER_SIZE, header)
  batch.copy(frame, contentsAt, 0, size)
  journal.sealFrame(frame, contentsAt + size, 1, OWN_HEADER, 33)
  return Buffer.concat([journal.encodeFileHeader(OWN_HEADER), frame, Buffer.alloc(2 * journal.BLOCK_SIZE)])
}

function readJournalFile(bytes: Buffer): unknown {
  const header = journal.decodeFileHeader(bytes)
  if (typeof header === 'string') return header
  const number = journal.frameNumberAt(bytes, journal.BLOCK_SIZE, header)
  const parts = [...journal.partsAt(bytes, journal.BLOCK_SIZE)].map(({ contents, ...part }) => {
    return { ...part, offsets: readRecords(contents).map(({ offset }) => offset) }
  })
  return { header, number, parts }
}

const JOURNAL_PARTS = { number: 33, parts: [{ topicId: 17, partition: 3, kind: 1, offsets: [70, 71] }] }

const messageEnvelope = () => envelopeOf(written(messageBody(MESSAGE, 17)))
const moved = () => movedEnvelope(PLACE, messageEnvelope(), LATER_MS)

async function readIdentity(bytes: Buffer): Promise<unknown> {
  const disk = await diskWith(`${D}/identity`, bytes)
  const testClock = bytes.includes('testClockAheadMs')
  return identify({
    disk,
    random: new SeededRandom(8),
    log: SILENT,
    directory: D,
    place: { host: 'a', path: D },
    testClock,
  })
}

async function overflowRows(): Promise<Buffer> {
  const store = new MemoryStore()
  const overflow = new Overflow(store)
  overflow.put(PLACE, messageEnvelope())
  overflow.remember({ dueAtMs: DUE_MS, offset: 2 }, { cancelledBy: 6 })
  overflow.remember({ dueAtMs: DUE_MS, offset: 3 }, { movedTo: { dueAtMs: LATER_MS, offset: 7 } })
  await overflow.flush()
  const rows = await store.rows({}, 100)
  return Buffer.from(rows.map(([key, value]) => `${key.toString('hex')} ${value.toString('hex')}\n`).join(''))
}

async function readOverflowRows(bytes: Buffer): Promise<unknown> {
  const rows = String(bytes).trim().split('\n').map((line) => line.split(' ').map((hex) => Buffer.from(hex, 'hex'))) // biome-ignore format: short
  const found = (key: Buffer) => rows.find((row) => row[0].equals(key))?.[1]
  const store = Object.assign(new MemoryStore(), {
    get: found,
    rows: async ({ gte, lt }: KeyRange) => rows.filter(([key]) => gte!.compare(key) <= 0 && lt!.compare(key) > 0),
  })
  const overflow = new Overflow(store as MemoryStore)
  const [row] = await overflow.rows(BEGINNING, DUE_MS + 1, 10)
  const fates = [2, 3].map((offset) => overflow.fateOf({ dueAtMs: DUE_MS, offset }))
  return { sequence: overflow.sequence, lost: await overflow.lostBatch(), offset: row.offset, fates }
}

async function readSlot(bytes: Buffer): Promise<unknown> {
  const disk = await diskWith(`${D}/slot`, bytes)
  const found: unknown[] = []
  for await (const item of walkSlot(await disk.open(`${D}/slot`, 'read'), SECOND, bytes.length)) {
    if (item.kind === 'damage') return item.reason
    const { offset, envelope } = item
    found.push(isWithdrawal(envelope) ? { offset, withdraws: targetOf(envelope).offset } : { offset })
  }
  return found
}

async function slotFile(): Promise<Buffer> {
  const slot = new Slot(SECOND, new ChunkPool())
  for (const offset of [4, 5]) slot.add(DUE_MS, offset, messageEnvelope())
  slot.add(DUE_MS, 6, cancelledEnvelope({ dueAtMs: DUE_MS, offset: 5 }, 17))
  slot.add(DUE_MS, 7, withdrawalOf(moved()))
  slot.add(LATER_MS, 7, moved())
  slot.seal()
  return fileOf(slotPath(D, slot.second), (disk) => slot.write(disk, D, Buffer.alloc(8_192)))
}

const COUNTED = { count: 5, later: 1, due: 3, dueOf: 1, of: 3 }

function readCensus(bytes: Buffer): unknown {
  const census = Census.decode(bytes)
  const { count, later } = census
  const due = { due: census.dueIn(SECOND), dueOf: census.dueIn(SECOND, 18), of: census.countOf(17) }
  return { count, later, ...due, bytes: census.bytesOf(17), otherBytes: census.bytesOf(18) }
}

const ROWS = { sequence: 1, lost: undefined, offset: 4, fates: [{ cancelledBy: 6 }, undefined] }

export const FORMATS: Record<string, Format> = {
  'journal.v2': { make: journalFile, read: readJournalFile, holds: { header: OWN_HEADER, ...JOURNAL_PARTS } },
  'journal.v1': { read: readJournalFile, holds: { header: { sequence: 7, salt: 0x0102_0304 }, ...JOURNAL_PARTS } },
  'checkpoint.v2': {
    make: () => fileOf(`${D}/checkpoint`, (disk) => writeCheckpoint(disk, D, CHECKPOINT)),
    read: async (bytes) => readCheckpoint(await diskWith(`${D}/checkpoint`, bytes), D),
    holds: CHECKPOINT,
  },
  'checkpoint.v1': {
    read: async (bytes) => readCheckpoint(await diskWith(`${D}/checkpoint`, bytes), D),
    holds: { ...CHECKPOINT, runs: [] },
  },
  'run-index.v1': {
    make: async () => encodeRunIndex(4, PIECES),
    read: (bytes) => ({ damage: damageOfRunIndex(bytes, 4), piece: pieceAt(bytes, 0) }),
    holds: { damage: undefined, piece: PIECES[0] },
  },
  'cleaned.v1': {
    make: () => fileOf(`${D}/cleaned`, (disk) => writeCleanedMark(disk, D, CLEANED)),
    read: async (bytes) => readCleanedMark(await diskWith(`${D}/cleaned`, bytes), D),
    holds: CLEANED,
  },
  'batch.kafka-v2': {
    make: async () => {
      const batch = Buffer.alloc(200)
      return batch.subarray(0, writeBatch(batch, 0, 70, RECORDS))
    },
    read: (bytes) => readRecords(bytes),
    holds: RECORDS.map((record, i) => ({ ...record, offset: 70 + i })),
  },
  'offset-index.kafka': {
    make: () =>
      fileOf(`${D}/index`, async (disk) => {
        const index = new OffsetIndex(disk, `${D}/index`, 70)
        index.begin()
        index.append({ lastOffset: 75, position: 5_000 })
        index.append({ lastOffset: 90, position: 9_100 })
        await index.flush(true)
      }),
    read: async (bytes) => new OffsetIndex(await diskWith(`${D}/index`, bytes), `${D}/index`, 70).last(),
    holds: { lastOffset: 90, position: 9_100 },
  },
  'time-index.kafka': {
    make: () =>
      fileOf(`${D}/index`, async (disk) => {
        const index = new TimeIndex(disk, `${D}/index`, 70)
        index.begin()
        index.append({ timestampMs: DUE_MS, offset: 75 })
        index.append({ timestampMs: DUE_MS + 9, offset: 90 })
        await index.flush(true)
      }),
    read: async (bytes) => new TimeIndex(await diskWith(`${D}/index`, bytes), `${D}/index`, 70).last(),
    holds: { timestampMs: DUE_MS + 9, offset: 90 },
  },
  'partition-metadata.kafka-v0': {
    make: async () => Buffer.from(metadataText(17)),
    read: (bytes) => topicIdOf(String(bytes)),
    holds: 17,
  },
  'identity.v2': {
    make: () => fileOf(`${D}/identity`, (disk) => identify({ disk, random: new SeededRandom(7), log: SILENT, directory: D, place: { host: 'a', path: D }, testClock: true })), // biome-ignore format: one call
    read: readIdentity,
    holds: { clusterId: '020ffab28567773d8dba4227c384325e', host: 'a', path: D, testClockAheadMs: 0 },
  },
  'identity.v1': {
    read: readIdentity,
    holds: { clusterId: '020ffab28567773d8dba4227c384325e', host: 'a', path: D },
  },
  'slot.v1-withdrawals': {
    make: slotFile,
    read: readSlot,
    holds: [{ offset: 4 }, { offset: 5 }, { offset: 6, withdraws: 5 }, { offset: 7, withdraws: 4 }, { offset: 7 }],
  },
  'slot.v1': { read: readSlot, holds: [{ offset: 4 }, { offset: 5 }, { offset: 6, withdraws: 4 }] },
  'wheel-checkpoint.v1': {
    read: async (bytes) => wheelCheckpoint.readCheckpoint(await diskWith(`${D}/checkpoint`, bytes), `${D}/checkpoint`),
    holds: { ...WHEEL, nowMs: undefined, census: undefined },
  },
  'wheel-checkpoint.v2': {
    make: () => fileOf(`${D}/checkpoint`, (disk) => wheelCheckpoint.writeCheckpoint(disk, `${D}/checkpoint`, WHEEL)),
    read: async (bytes) => wheelCheckpoint.readCheckpoint(await diskWith(`${D}/checkpoint`, bytes), `${D}/checkpoint`),
    holds: WHEEL,
  },
  'wheel-synced.v1': {
    make: () => fileOf(`${D}/synced`, (disk) => writeSynced(disk, `${D}/synced`, SYNCED)),
    read: async (bytes) => readSynced(await diskWith(`${D}/synced`, bytes), `${D}/synced`),
    holds: SYNCED,
  },
  'wheel-census.v2': {
    make: async () => {
      const census = new Census()
      for (const topicId of [17, 17, 18]) census.add(DUE_MS, topicId, 2 ** 31)
      census.add(LATER_MS + 61_000, 18, 300)
      census.addLater(17, 70)
      return census.encode()
    },
    read: readCensus,
    holds: { ...COUNTED, bytes: 2 ** 32 + 70, otherBytes: 2 ** 31 + 300 },
  },
  'wheel-census.v1': { read: readCensus, holds: { ...COUNTED, bytes: 0, otherBytes: 0 } },
  'overflow-rows.v3': {
    make: overflowRows,
    read: readOverflowRows,
    holds: { ...ROWS, fates: [{ cancelledBy: 6 }, { movedTo: { dueAtMs: LATER_MS, offset: 7 } }] },
  },
  'overflow-rows.v2': { read: readOverflowRows, holds: ROWS },
  'overflow-rows.v1': { read: readOverflowRows, holds: ROWS },
  'record-topics.v1': {
    make: async () => encodeTopic(TOPIC, DUE_MS).body as Buffer,
    read: (bytes) => decodeTopic(asStored(bytes)).description,
    holds: TOPIC,
  },
  'record-mark.v1': { make: async () => encodeMark(MARK), read: (bytes) => decodeMark(asStored(bytes)), holds: MARK },
  'record-delay-message': {
    make: async () => written(messageBody(MESSAGE, 17)),
    read: (bytes) => decodeMessage(envelopeOf(bytes), 5),
    holds: { ...MESSAGE, topicId: 17 },
  },
  'record-delay-cancelled': {
    make: async () => written(envelopeBody(cancelledEnvelope(PLACE, 17))),
    read: (bytes) => ({ target: targetOf(envelopeOf(bytes)), topicId: targetTopicIdOf(envelopeOf(bytes)) }),
    holds: { target: PLACE, topicId: 17 },
  },
  'record-delay-cancelled-bytes': {
    make: async () => written(envelopeBody(cancelledEnvelope(PLACE, 17, 4_321))),
    read: (bytes) => ({ target: targetOf(envelopeOf(bytes)), recordBytes: recordBytesOf(envelopeOf(bytes)) }),
    holds: { target: PLACE, recordBytes: 4_321 },
  },
  'record-delay-moved': {
    make: async () => written(envelopeBody(moved())),
    read: (bytes) => ({ target: targetOf(envelopeOf(bytes)), ...decodeMessage(envelopeOf(bytes), 7) }),
    holds: { target: PLACE, ...MESSAGE, dueAtMs: LATER_MS, topicId: 17 },
  },
  'record-delay-cancel': { read: (bytes) => targetOf(envelopeOf(bytes)), holds: PLACE },
  'record-groups-snapshot.v4': {
    make: async () => encodeSnapshot(JITTERED_GROUP),
    read: (bytes) => decodeSnapshot(bytes, (lockMs) => lockMs),
    holds: JITTERED_GROUP,
  },
  'record-groups-snapshot.v3': {
    read: (bytes) => decodeSnapshot(bytes, (lockMs) => lockMs),
    holds: ORDERED_GROUP,
  },
  'record-groups-snapshot.v2': {
    read: (bytes) => decodeSnapshot(bytes, (lockMs) => lockMs),
    holds: PUSHED_GROUP,
  },
  'record-groups-snapshot.v1': {
    read: (bytes) => decodeSnapshot(bytes, (lockMs) => lockMs),
    holds: GROUP,
  },
  'record-dead-page.v1': { make: async () => encodePage(PAGE), read: (bytes) => decodePage(bytes), holds: PAGE },
  'record-dead-redrive.v1': { make: async () => encodeTask(TASK), read: (bytes) => decodeTask(bytes), holds: TASK },
  'row-ids.v1-pending': {
    make: async () => encodeIdEntry(PENDING_ENTRY),
    read: (bytes) => decodeIdEntry(bytes),
    holds: PENDING_ENTRY,
  },
  'row-ids.v1': { make: async () => encodeIdEntry(ENTRY), read: (bytes) => decodeIdEntry(bytes), holds: ENTRY },
}
