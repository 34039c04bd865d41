// What the wheel writes down now and then, so that a start need not read all of `__delay` again.
//
// Always true: it was put together between two steps of the hand, so every entry below `consumed` is dispatched, cancelled,
// in the counted part of a slot's file, or in overflow up to `overflowSequence`.
//
//   bootIdSize <1b> · boot id · consumed <8b> · moved.due <8b> · moved.offset <8b>
//   overflowSequence <8b> · overflowCount <8b> · overflowLastDue <8b>
//   slotCount <4b>    · per slot:    second <8b> · count <4b> · fileSize <8b>
//   stretchCount <4b> · per stretch: fromOffset <8b> · neededUntil <8b>
//   now <8b> · censusSize <4b> · census                                           since version 2
//
// Inside a durable file with the magic DWWC. moved.offset is stored plus one. A start that finds version 1 derives: it has
// no census to go on from. The counts of rows and slots are for who looks at the file.

import { type Disk, readDurableFile, readUInt64, writeDurableFile, writeUInt64 } from '../../storage/index.ts'
import type { Place } from '../entry/place.ts'
import type { Stretch } from './delay-retention.ts'

export const CHECKPOINT_FORMAT = { magic: 'DWWC', version: 2, oldestVersion: 1 }

export interface SlotRow {
  second: number
  /** How many messages are due in this second, wherever they wait. */
  count: number
  fileSize: number
}

export interface Checkpoint {
  /** The boot during which it was written: after another one, files that were not synced cannot be trusted. */
  bootId: string
  /** Where to go on in `__delay`. */
  consumed: number
  /** The last overflow row that was copied into a slot. */
  moved: Place
  overflowSequence: number
  /** How many messages wait beyond the reach. */
  overflowCount: number
  overflowLastDueAtMs: number
  slots: SlotRow[]
  stretches: readonly Stretch[]
  /** The hand's clock when it was put together; undefined in one of version 1. */
  nowMs: number | undefined
  /** How many messages waited, as census.ts writes it; undefined in one that was of version 1. */
  census: Buffer | undefined
}

export async function writeCheckpoint(disk: Disk, path: string, checkpoint: Checkpoint): Promise<void> {
  await writeDurableFile(disk, path, CHECKPOINT_FORMAT, encodeCheckpoint(checkpoint))
}

/** The contents of a checkpoint file. */
export function encodeCheckpoint(checkpoint: Checkpoint): Buffer {
  const { bootId, slots, stretches, nowMs, census } = checkpoint
  const listsSize = 8 + slots.length * 20 + stretches.length * 16
  const bytes = Buffer.allocUnsafe(1 + Buffer.byteLength(bootId) + 48 + listsSize + 12 + (census?.length ?? 0))
  let at = 1 + bytes.write(bootId, 1, 'latin1')
  bytes[0] = at - 1
  const put = (value: number) => {
    writeUInt64(bytes, at, value)
    at += 8
  }
  put(checkpoint.consumed)
  put(checkpoint.moved.dueAtMs)
  put(checkpoint.moved.offset + 1)
  put(checkpoint.overflowSequence)
  put(checkpoint.overflowCount)
  put(checkpoint.overflowLastDueAtMs)
  at = bytes.writeUInt32BE(slots.length, at)
  for (const { second, count, fileSize } of slots) {
    put(second)
    at = bytes.writeUInt32BE(count, at)
    put(fileSize)
  }
  at = bytes.writeUInt32BE(stretches.length, at)
  for (const { fromOffset, neededUntilMs } of stretches) {
    put(fromOffset)
    put(neededUntilMs)
  }
  put(nowMs ?? 0)
  at = bytes.writeUInt32BE(census?.length ?? 0, at)
  if (census !== undefined) at += census.copy(bytes, at)
  return bytes.subarray(0, at)
}

/** @throws FILE_DAMAGED */
export async function readCheckpoint(disk: Disk, path: string): Promise<Checkpoint | undefined> {
  const bytes = await readDurableFile(disk, path, CHECKPOINT_FORMAT)
  return bytes === undefined ? undefined : decodeCheckpoint(bytes)
}

/** Reads the contents of a checkpoint file, of any version. */
export function decodeCheckpoint(bytes: Buffer): Checkpoint {
  let at = 1 + bytes[0]
  const next = () => {
    at += 8
    return readUInt64(bytes, at - 8)
  }
  const next32 = () => {
    at += 4
    return bytes.readUInt32BE(at - 4)
  }
  const known = {
    bootId: bytes.toString('latin1', 1, at),
    consumed: next(),
    moved: { dueAtMs: next(), offset: next() - 1 },
    overflowSequence: next(),
    overflowCount: next(),
    overflowLastDueAtMs: next(),
    slots: Array.from({ length: next32() }, () => ({ second: next(), count: next32(), fileSize: next() })),
    stretches: Array.from({ length: next32() }, () => ({ fromOffset: next(), neededUntilMs: next() })),
  }
  // A checkpoint of version 1 ends here.
  if (at === bytes.length) return { ...known, nowMs: undefined, census: undefined }
  const nowMs = next()
  const censusSize = next32()
  return { ...known, nowMs, census: censusSize === 0 ? undefined : bytes.subarray(at, at + censusSize) }
}
