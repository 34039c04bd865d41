// The entries of a slot, as they lie in its memory and in its file (drawn in slot.ts): found, checked, and put in order.
//
// The order of firing within a second: by due time, then by rank. The rank of a message follows from its offset; that of a
// withdrawal from its target's offset, and is just below that of its target. So a withdrawal always comes directly before
// what it takes away, and whoever goes through entries in order need not remember any other.

import { crc32c, type DiskFile, DwellError, readUInt64 } from '../../storage/index.ts'
import { CANCEL, CANCELLED, checkEnvelope, targetOf } from '../entry/entry.ts'

export const SLOT_MAGIC = 'DWSL'
export const SLOT_VERSION = 1
export const SLOT_HEADER_SIZE = 6
export const ENTRY_HEADER_SIZE = 24
/** As much of an entry as its rank is read from. */
export const RANKED_SIZE = ENTRY_HEADER_SIZE + 18
const ENTRY_SIZE_MAX = 64 * 1024 * 1024

/** The rank of a message at `offset`. */
function rankOf(offset: number): number {
  return 2 * offset + 1
}

/** The offset of the message that has this rank, or that a withdrawal of this rank takes away. */
export function offsetOf(rank: number): number {
  return Math.floor(rank / 2)
}

export function isMessageRank(rank: number): boolean {
  return rank % 2 === 1
}

export function dueAtMsAt(bytes: Buffer, position: number): number {
  return readUInt64(bytes, position + 8)
}

/** The offset in `__delay` of the entry at `position`; of a withdrawal not that of its target. */
export function ownOffsetAt(bytes: Buffer, position: number): number {
  return readUInt64(bytes, position + 16)
}

/** The rank of the entry at `position`, of which at least RANKED_SIZE bytes, or all, are there. */
export function rankAt(bytes: Buffer, position: number): number {
  const kind = bytes[position + ENTRY_HEADER_SIZE]
  if (kind !== CANCELLED && kind !== CANCEL) return rankOf(readUInt64(bytes, position + 16))
  return 2 * targetOf(bytes.subarray(position + ENTRY_HEADER_SIZE)).offset
}

/**
 * Where the entry that begins at `position` ends; its header must be there.
 * @throws SLOT_DAMAGED
 */
export function endAt(bytes: Buffer, position: number, second: number, filePosition: number): number {
  const size = 8 + bytes.readUInt32BE(position)
  if (size < ENTRY_HEADER_SIZE) throw damaged(second, filePosition, 'an entry is shorter than its header')
  if (size > ENTRY_SIZE_MAX) throw damaged(second, filePosition, 'an entry is larger than any can be')
  return position + size
}

/**
 * Checks the whole entry from `position` to `end`, and that it belongs here; answers its envelope, a view.
 * @throws SLOT_DAMAGED, ENTRY_DAMAGED
 */
export function checkEntry(bytes: Buffer, position: number, end: number, second: number, filePosition: number): Buffer {
  checkSum(bytes, position, end, second, filePosition)
  if (Math.floor(dueAtMsAt(bytes, position) / 1000) !== second) {
    throw damaged(second, filePosition, 'an entry is of another second')
  }
  const envelope = bytes.subarray(position + ENTRY_HEADER_SIZE, end)
  checkEnvelope(envelope, ownOffsetAt(bytes, position))
  return envelope
}

/** @throws SLOT_DAMAGED */
export function checkSum(bytes: Buffer, position: number, end: number, second: number, filePosition: number): void {
  const covered = new Uint8Array(bytes.buffer, bytes.byteOffset + position + 8, end - position - 8)
  if (bytes.readUInt32BE(position + 4) !== crc32c(covered))
    throw damaged(second, filePosition, 'a checksum does not match')
}

/**
 * Calls `each` for every whole entry from `position` on, after it was checked; answers the position behind the last of them.
 * @throws SLOT_DAMAGED, ENTRY_DAMAGED
 */
export function forEachEntry(
  bytes: Buffer,
  position: number,
  second: number,
  each: (dueAtMs: number, offset: number, envelope: Buffer, position: number) => void,
): number {
  while (position + ENTRY_HEADER_SIZE <= bytes.length) {
    const end = endAt(bytes, position, second, position)
    if (end > bytes.length) break
    const envelope = checkEntry(bytes, position, end, second, position)
    each(dueAtMsAt(bytes, position), readUInt64(bytes, position + 16), envelope, position)
    position = end
  }
  return position
}

/**
 * Reads `into` full from `position` of a slot's file, or of what was sorted of it, on.
 * @throws SLOT_DAMAGED when the file ends before
 */
export async function readWhole(file: DiskFile, into: Buffer, position: number, second: number): Promise<void> {
  const read = await file.read(into, position)
  if (read === into.length) return
  throw damaged(second, position + read, `it ends ${into.length - read} bytes too early`)
}

/** @throws SLOT_DAMAGED */
export function checkSlotHeader(bytes: Buffer, second: number): void {
  const magic = bytes.toString('latin1', 0, 4)
  if (magic !== SLOT_MAGIC) throw damaged(second, 0, `it does not begin with ${SLOT_MAGIC}`)
  const version = bytes.readUInt16BE(4)
  if (version !== SLOT_VERSION)
    throw damaged(second, 4, `its version is ${version}, this program reads ${SLOT_VERSION}`)
}

export function damaged(second: number, position: number, why: string): DwellError {
  return new DwellError('SLOT_DAMAGED', `The slot ${second} is damaged at byte ${position}: ${why}.`, {
    second,
    position,
  })
}
