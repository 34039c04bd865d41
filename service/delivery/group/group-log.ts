// The records of `__groups`: one partition, key `topic NUL group`, value null when the group was forgotten, else
//
//   ┌──────────────┬───────────┬──────────┐
//   │ version <1b> │ kind <1b> │ contents │            numbers below are Kafka's varints (v)
//   └──────────────┴───────────┴──────────┘
//
// kind 1, snapshot, version 4: all that is known of a group; what came before it is not needed any more. Settings are JSON
// text, with whatever fields they have (group-settings.ts).
//
//   topicId v · settingsSize v · settings <settingsSize b> · nextSourceIndex v · sourceCount v, each:
//   index v · kind <1b> · tierMs v · topicId v · partition v · next v · runCount v, each:
//   first v · count v · lockMs v · token <16b> · open <⌈count/8⌉b>, a bit a record, lowest first, set while not finished
//
// and behind the runs of a source:
//
//   parkedCount v · and where there are any, columns in order of their offsets, numbers of both little-endian:
//     first v · width <1b> · offset - first <width b each> · hash <4b each>       width 4, or 8 (IEEE 754) where 4 are too few
//   holdCount v, each: offset v · hash v · dueAtMs v
//   wheelEnd v · began v
//
// There may be a million parked places, and a snapshot is written in one turn: columns are copied, not gone through byte by byte.
//
// A source's kind is 0 topic, 1 tier, 2 delayed, 3 redrive.
//
// Older versions are still read. Version 3 has of each parked place `offset v · hash v` in place of columns, no wheelEnd (what is in the
// wheel then is not counted) and no began. Versions 1 and 2 end with the runs and have no kind 3; in place of settingsSize and settings version 1 has:
//
//   lockMs v · maxInFlight v · start <1b> · tierCount v · tierMs v …
//
// kind 2, delta, version 1: what one append changed, operations in order until the end.
//
//   ACQUIRED <1> · source v · first v · count v · lockMs v · token <16b>
//   FINISHED <2> · source v · first v · count v
//   RENEWED  <3> · source v · first v · count v · lockMs v
//   PARKED   <4> · source v · offset v · hash v               passed over: its key is busy
//   HELD     <5> · source v · offset v · hash v · dueAtMs v    the original at `offset` comes through the wheel
//   FREED    <6> · source v · offset v                        and has come
//   SENT     <7> · source v · wheelEnd v                       the lane ends there when the wheel has brought what it was given
//
// A finished record may also be a parked one that was no longer readable. A version of this code that does not know an
// operation refuses the delta, so new ones need no new version.
//
// Not a compacted topic: compaction keeps the last record of a key, and here a key's deltas stand on its snapshot. Groups
// trims the topic itself (group-store.ts).

import { VarintReader, varintSize, writeVarint } from '../../../storage/index.ts'
import type { Hold } from '../keys/holds.ts'
import type { ParkedColumns } from '../keys/parked-places.ts'
import { Run, Status, TOKEN_SIZE } from '../source/run.ts'
import type { SourceKind, SourcePlace } from '../source/source-place.ts'
import { DEFAULT_GROUP_SETTINGS, type GroupSettings } from './group-settings.ts'

const SNAPSHOT = 1
const DELTA = 2
const SNAPSHOT_VERSION = 4
const DELTA_VERSION = 1
const ACQUIRED = 1
const FINISHED = 2
const RENEWED = 3
const PARKED = 4
const HELD = 5
const FREED = 6
const SENT = 7
const KINDS: readonly SourceKind[] = ['topic', 'tier', 'delayed', 'redrive']
const STARTS = ['earliest', 'latest'] as const

/** A group as it stands in a snapshot; `topic` of a place is left to the reader, who knows the group's name. */
export interface GroupState {
  topicId: number
  settings: GroupSettings
  nextSourceIndex: number
  sources: SourceState[]
}

export interface SourceState {
  place: Omit<SourcePlace, 'topic'>
  next: number
  runs: readonly Run[]
  parked: { columns: ParkedColumns }
  holds: { list: Iterable<Hold>; count: number }
  wheelEnd: number
  began: number
}

/** What a delta does, in order; numbers are source, first offset, count, lock in milliseconds. */
export interface DeltaVisitor {
  acquired(source: number, first: number, count: number, lockMs: number, token: Buffer): void
  finished(source: number, first: number, count: number): void
  renewed(source: number, first: number, count: number, lockMs: number): void
  parked(source: number, offset: number, hash: number): void
  held(source: number, hold: Hold): void
  freed(source: number, offset: number): void
  sent(source: number, wheelEnd: number): void
}

/** The text of a group's key: no name holds a NUL. */
export function groupKey(topic: string, group: string): string {
  return `${topic}\0${group}`
}

export function encodeKey(topic: string, group: string): Buffer {
  return Buffer.from(groupKey(topic, group))
}

export function decodeKey(key: Buffer): [topic: string, group: string] {
  const [topic, group] = key.toString().split('\0')
  return [topic, group]
}

export function encodeSnapshot(state: GroupState): Buffer {
  const settings = Buffer.from(JSON.stringify(state.settings))
  const bytes = new Bytes().byte(SNAPSHOT_VERSION).byte(SNAPSHOT)
  bytes.varint(state.topicId).varint(settings.length).raw(settings)
  bytes.varint(state.nextSourceIndex).varint(state.sources.length)
  for (const { place, next, runs, parked, holds, wheelEnd, began } of state.sources) {
    bytes.varint(place.index).byte(KINDS.indexOf(place.kind)).varint(place.tierMs).varint(place.topicId)
    bytes.varint(place.partition).varint(next).varint(runs.length)
    for (const run of runs) {
      bytes.varint(run.first).varint(run.statuses.length).varint(run.lockMs).raw(run.token).raw(openBits(run.statuses))
    }
    writeParked(bytes, parked.columns)
    bytes.varint(holds.count)
    for (const { offset, hash, dueAtMs } of holds.list) bytes.varint(offset).varint(hash).varint(dueAtMs)
    bytes.varint(wheelEnd).varint(began)
  }
  return bytes.done()
}

function writeParked(bytes: Bytes, { offsets, hashes }: ParkedColumns): void {
  const { length } = offsets
  bytes.varint(length)
  if (length === 0) return
  const [first] = offsets
  const isWide = offsets[length - 1] - first > 0xffff_ffff
  const column = isWide ? new Float64Array(length) : new Uint32Array(length)
  for (let i = 0; i < length; i++) column[i] = offsets[i] - first
  bytes.varint(first).byte(column.BYTES_PER_ELEMENT).raw(bytesOf(column)).raw(bytesOf(hashes))
}

function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength)
}

function openBits(statuses: Uint8Array): Buffer {
  const bits = Buffer.alloc(Math.ceil(statuses.length / 8))
  for (let i = 0; i < statuses.length; i++) if (statuses[i] !== Status.finished) bits[i >> 3] |= 1 << (i & 7)
  return bits
}

/** Gathers the operations of one append. */
export class DeltaWriter {
  readonly #bytes = new Bytes().byte(DELTA_VERSION).byte(DELTA)

  acquired(source: number, run: Run): void {
    this.#bytes.byte(ACQUIRED).varint(source).varint(run.first).varint(run.statuses.length).varint(run.lockMs)
    this.#bytes.raw(run.token)
  }

  finished(source: number, first: number, count: number): void {
    this.#bytes.byte(FINISHED).varint(source).varint(first).varint(count)
  }

  renewed(source: number, first: number, count: number, lockMs: number): void {
    this.#bytes.byte(RENEWED).varint(source).varint(first).varint(count).varint(lockMs)
  }

  parked(source: number, offset: number, hash: number): void {
    this.#bytes.byte(PARKED).varint(source).varint(offset).varint(hash)
  }

  held(source: number, { offset, hash, dueAtMs }: Hold): void {
    this.#bytes.byte(HELD).varint(source).varint(offset).varint(hash).varint(dueAtMs)
  }

  freed(source: number, offset: number): void {
    this.#bytes.byte(FREED).varint(source).varint(offset)
  }

  sent(source: number, wheelEnd: number): void {
    this.#bytes.byte(SENT).varint(source).varint(wheelEnd)
  }

  done(): Buffer {
    return this.#bytes.done()
  }
}

/** The state in a snapshot, with the deadlines of all locks at `deadlineMs(lockMs)`; undefined when it is none. */
export function decodeSnapshot(value: Buffer, deadlineMs: (lockMs: number) => number): GroupState | undefined {
  const version = value[0]
  if (version < 1 || version > SNAPSHOT_VERSION || value[1] !== SNAPSHOT) return undefined
  const reader = new VarintReader(value, 2)
  const topicId = reader.next()
  const settings = version === 1 ? readOldSettings(reader) : readSettings(value, reader)
  if (settings === undefined) return undefined
  const nextSourceIndex = reader.next()
  const sources = Array.from({ length: reader.next() }, () => readSource(reader, version, deadlineMs))
  return { topicId, settings, nextSourceIndex, sources }
}

function readSettings(value: Buffer, reader: VarintReader): GroupSettings | undefined {
  const size = reader.next()
  const from = reader.position
  reader.position += size
  try {
    return { ...DEFAULT_GROUP_SETTINGS, ...JSON.parse(value.toString('utf8', from, from + size)) }
  } catch {
    return undefined
  }
}

function readOldSettings(reader: VarintReader): GroupSettings {
  const lockMs = reader.next()
  const maxInFlight = reader.next()
  const start = STARTS[reader.bytes[reader.position++]]
  const retry = Array.from({ length: reader.next() }, () => reader.next())
  return { ...DEFAULT_GROUP_SETTINGS, retry, lockMs, maxInFlight, start }
}

function readSource(reader: VarintReader, version: number, deadlineMs: (lockMs: number) => number): SourceState {
  const index = reader.next()
  const kind = KINDS[reader.bytes[reader.position++]]
  const place = { index, kind, tierMs: reader.next(), topicId: reader.next(), partition: reader.next() }
  const next = reader.next()
  const runs = Array.from({ length: reader.next() }, () => readRun(reader, deadlineMs))
  const columns = readParked(reader, version)
  const list = version < 3 ? [] : Array.from({ length: reader.next() }, () => readHold(reader))
  const wheelEnd = version < 4 ? 0 : reader.next()
  const began = version < 4 ? 0 : reader.next()
  const holds = { list, count: list.length }
  return { place, next, runs, parked: { columns }, holds, wheelEnd, began }
}

function readParked(reader: VarintReader, version: number): ParkedColumns {
  const length = version < 3 ? 0 : reader.next()
  const offsets = new Float64Array(length)
  const hashes = new Uint32Array(length)
  if (version < 4) {
    for (let i = 0; i < length; i++) {
      offsets[i] = reader.next()
      hashes[i] = reader.next()
    }
  } else if (length > 0) {
    const first = reader.next()
    const isWide = reader.bytes[reader.position++] === 8
    const column = isWide ? new Float64Array(length) : new Uint32Array(length)
    for (const into of [column, hashes]) {
      const bytes = reader.bytes.subarray(reader.position, (reader.position += into.byteLength))
      bytesOf(into).set(bytes)
    }
    for (let i = 0; i < length; i++) offsets[i] = first + column[i]
  }
  return { offsets, hashes }
}

function readHold(reader: VarintReader): Hold {
  return { offset: reader.next(), hash: reader.next(), dueAtMs: reader.next() }
}

function readRun(reader: VarintReader, deadlineMs: (lockMs: number) => number): Run {
  const first = reader.next()
  const count = reader.next()
  const lockMs = reader.next()
  const token = readToken(reader)
  const bits = reader.bytes.subarray(reader.position, (reader.position += Math.ceil(count / 8)))
  const statuses = new Uint8Array(count)
  for (let i = 0; i < count; i++) statuses[i] = bits[i >> 3] & (1 << (i & 7)) ? Status.acquired : Status.finished
  return new Run(first, token, statuses, { lockMs, deadlineMs: deadlineMs(lockMs) })
}

function readToken(reader: VarintReader): Buffer {
  return Buffer.from(reader.bytes.subarray(reader.position, (reader.position += TOKEN_SIZE)))
}

/** Plays a delta back. False when it is of a version that this code does not know. */
export function playDelta(value: Buffer, visitor: DeltaVisitor): boolean {
  if (value[0] !== DELTA_VERSION || value[1] !== DELTA) return false
  const reader = new VarintReader(value, 2)
  while (reader.position < value.length) {
    const operation = value[reader.position++]
    const source = reader.next()
    const first = reader.next()
    if (operation === ACQUIRED) visitor.acquired(source, first, reader.next(), reader.next(), readToken(reader))
    else if (operation === FINISHED) visitor.finished(source, first, reader.next())
    else if (operation === RENEWED) visitor.renewed(source, first, reader.next(), reader.next())
    else if (operation === PARKED) visitor.parked(source, first, reader.next())
    else if (operation === HELD) visitor.held(source, { offset: first, hash: reader.next(), dueAtMs: reader.next() })
    else if (operation === FREED) visitor.freed(source, first)
    else if (operation === SENT) visitor.sent(source, first)
    else return false
  }
  return !reader.failed
}

/** A buffer that grows. */
class Bytes {
  #bytes = Buffer.allocUnsafe(256)
  #size = 0

  byte(value: number): this {
    this.#room(1)
    this.#bytes[this.#size++] = value
    return this
  }

  varint(value: number): this {
    this.#room(varintSize(value))
    this.#size = writeVarint(this.#bytes, this.#size, value)
    return this
  }

  raw(value: Uint8Array): this {
    this.#room(value.length)
    this.#bytes.set(value, this.#size)
    this.#size += value.length
    return this
  }

  done(): Buffer {
    return this.#bytes.subarray(0, this.#size)
  }

  #room(size: number): void {
    if (this.#size + size <= this.#bytes.length) return
    const larger = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#size + size))
    larger.set(this.#bytes.subarray(0, this.#size))
    this.#bytes = larger
  }
}
