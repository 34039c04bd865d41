// What the wheel writes down now and then, so that a start need not read all of `__delay` again.
//
// Always true: it was put together between two steps of the hand, so every entry below `consumed` is dispatched, cancelled,
// in the counted part of a slot's file, or in overflow up to `overflowSequence`.
//
//   bootIdSize <1b> · boot id · consumed <8b> · moved.due <8b> · moved.offset <8b>
//   overflowSequence <8b> · overflowCount <8b> · overflowLastDue <8b>
//   slotCount <4b>    · per slot:    second <8b> · count <4b> · fileSize <8b>
//   stretchCount <4b> · per stretch: fromOffset <8b> · neededUntil <8b>
//
// Inside a durable file with the magic DWWC. moved.offset is stored plus one.

import { type Disk, readDurableFile, readUInt64, writeDurableFile, writeUInt64 } from '../storage/index.ts'
import type { Stretch } from './delay-retention.ts'
import type { Place } from './place.ts'

export const CHECKPOINT_FORMAT = { magic: 'DWWC', version: 1 }

export interface SlotRow {
  second: number
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
  overflowCount: number
  overflowLastDueAtMs: number
  slots: SlotRow[]
  stretches: readonly Stretch[]
}

export async function writeCheckpoint(disk: Disk, path: string, checkpoint: Checkpoint): Promise<void> {
  const { bootId, slots, stretches } = checkpoint
  const bytes = Buffer.allocUnsafe(1 + Buffer.byteLength(bootId) + 48 + 8 + slots.length * 20 + stretches.length * 16)
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
  await writeDurableFile(disk, path, CHECKPOINT_FORMAT, bytes.subarray(0, at))
}

/** @throws FILE_DAMAGED */
export async function readCheckpoint(disk: Disk, path: string): Promise<Checkpoint | undefined> {
  const bytes = await readDurableFile(disk, path, CHECKPOINT_FORMAT)
  return bytes === undefined ? undefined : decodeCheckpoint(bytes)
}

/** Reads the contents of a checkpoint file. */
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
  return {
    bootId: bytes.toString('latin1', 1, at),
    consumed: next(),
    moved: { dueAtMs: next(), offset: next() - 1 },
    overflowSequence: next(),
    overflowCount: next(),
    overflowLastDueAtMs: next(),
    slots: Array.from({ length: next32() }, () => ({ second: next(), count: next32(), fileSize: next() })),
    stretches: Array.from({ length: next32() }, () => ({ fromOffset: next(), neededUntilMs: next() })),
  }
}
