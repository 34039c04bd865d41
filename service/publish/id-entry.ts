// What is known of a message that was published under its caller's own id: the value of a record in `__ids`, and of a
// row in the index.
//
//   key    ┌──────────────┬──────────┐
//          │ topicId <4b> │ UTF-8 id │      a later topic of the same name has another topicId
//          └──────────────┴──────────┘
//   value  ┌──────────────┬────────────┬───────────┬──────────────┬──────────────────┬────────────────┬─────────────┐
//          │ version <1b> │ state <1b> │ atMs <8b> │ dueAtMs <8b> │ delayOffset <8b> │ partition <4b> │ offset <8b> │
//          └──────────────┴────────────┴───────────┴──────────────┴──────────────────┴────────────────┴─────────────┘
//
// Big-endian. Of one that is pending, the bytes of its record stand where the partition will be; 0 where an earlier version
// wrote it. A record without a value says that the id is forgotten.

import { DwellError, readUInt64, writeUInt64 } from '../../storage/index.ts'

export type IdState = 'published' | 'pending' | 'dispatched' | 'cancelled'

export interface IdEntry {
  state: IdState
  /** When this state began, epoch milliseconds. */
  atMs: number
  /** Of a delayed message, and its offset in `__delay`; 0 for one that was published at once. */
  dueAtMs: number
  delayOffset: number
  /** Where the record is, once it was published or dispatched; else 0. */
  partition: number
  offset: number
  /** Of one that is pending: the bytes of its record, as far as they are known. */
  recordBytes?: number
}

const VERSION = 1
const SIZE = 38
const STATES: readonly IdState[] = ['published', 'pending', 'dispatched', 'cancelled']

export function idKey(topicId: number, id: string): Buffer {
  const key = Buffer.allocUnsafe(4 + Buffer.byteLength(id))
  key.writeUInt32BE(topicId, 0)
  key.write(id, 4)
  return key
}

export function encodeIdEntry(entry: IdEntry): Buffer {
  const bytes = Buffer.allocUnsafe(SIZE)
  bytes[0] = VERSION
  bytes[1] = STATES.indexOf(entry.state)
  writeUInt64(bytes, 2, entry.atMs)
  writeUInt64(bytes, 10, entry.dueAtMs)
  writeUInt64(bytes, 18, entry.delayOffset)
  bytes.writeUInt32BE(entry.state === 'pending' ? (entry.recordBytes ?? 0) : entry.partition, 26)
  writeUInt64(bytes, 30, entry.offset)
  return bytes
}

/** @throws RECORD_DAMAGED */
export function decodeIdEntry(bytes: Buffer): IdEntry {
  const state = STATES[bytes[1]]
  if (bytes.length !== SIZE || bytes[0] !== VERSION || state === undefined) {
    throw new DwellError('RECORD_DAMAGED', 'An entry of __ids cannot be read.')
  }
  const known = {
    state,
    atMs: readUInt64(bytes, 2),
    dueAtMs: readUInt64(bytes, 10),
    delayOffset: readUInt64(bytes, 18),
    partition: bytes.readUInt32BE(26),
    offset: readUInt64(bytes, 30),
  }
  if (state !== 'pending' || known.partition === 0) return known
  return { ...known, partition: 0, recordBytes: known.partition }
}
