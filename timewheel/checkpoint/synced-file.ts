// The file of the synced checkpoint, `checkpoint.synced`: a checkpoint whose slot files are on the disk, and of each of them the
// tail of what counts, from the beginning of its last sector on. For a slot is appended to after it was synced, which writes
// that sector again: when the power is cut meanwhile, all of it may be gone. A start that goes on from here puts it back.
//
//   checkpointSize <4b> · checkpoint
//   tailCount <4b>      · per tail: second <8b> · size <2b> · bytes
//
// Inside a durable file with the magic DWWS.

import { type Disk, readDurableFile, readUInt64, writeDurableFile, writeUInt64 } from '../../storage/index.ts'
import { slotPath } from '../slot/slot-files.ts'
import { type Checkpoint, decodeCheckpoint, encodeCheckpoint } from './checkpoint.ts'

export const SYNCED_FORMAT = { magic: 'DWWS', version: 1 }
const SECTOR_SIZE = 4_096
const WRITES_AT_ONCE = 4

export interface Synced {
  checkpoint: Checkpoint
  /** By second. */
  tails: ReadonlyMap<number, Buffer>
}

/** How many bytes the tail of a file of `fileSize` bytes has. */
export function tailSizeOf(fileSize: number): number {
  return fileSize % SECTOR_SIZE
}

export async function writeSynced(disk: Disk, path: string, { checkpoint, tails }: Synced): Promise<void> {
  const encoded = encodeCheckpoint(checkpoint)
  let size = 8 + encoded.length
  for (const tail of tails.values()) size += 10 + tail.length
  const bytes = Buffer.allocUnsafe(size)
  let at = bytes.writeUInt32BE(encoded.length)
  at += encoded.copy(bytes, at)
  at = bytes.writeUInt32BE(tails.size, at)
  for (const [second, tail] of tails) {
    writeUInt64(bytes, at, second)
    at = bytes.writeUInt16BE(tail.length, at + 8)
    at += tail.copy(bytes, at)
  }
  await writeDurableFile(disk, path, SYNCED_FORMAT, bytes)
}

/** @throws FILE_DAMAGED */
export async function readSynced(disk: Disk, path: string): Promise<Synced | undefined> {
  const bytes = await readDurableFile(disk, path, SYNCED_FORMAT)
  return bytes === undefined ? undefined : decodeSynced(bytes)
}

/** Reads the contents of the file. */
export function decodeSynced(bytes: Buffer): Synced {
  const checkpointEnd = 4 + bytes.readUInt32BE(0)
  const tails = new Map<number, Buffer>()
  let at = checkpointEnd + 4
  for (let left = bytes.readUInt32BE(checkpointEnd); left > 0; left--) {
    const end = at + 10 + bytes.readUInt16BE(at + 8)
    tails.set(readUInt64(bytes, at), bytes.subarray(at + 10, end))
    at = end
  }
  return { checkpoint: decodeCheckpoint(bytes.subarray(4, checkpointEnd)), tails }
}

/** Writes the tails of the slots from `fromSecond` on where they belong; `directory` is that of the slots. */
export async function restoreTails(
  disk: Disk,
  directory: string,
  { checkpoint, tails }: Synced,
  fromSecond: number,
): Promise<void> {
  const slots = checkpoint.slots.filter(({ second }) => second >= fromSecond && tails.has(second))
  let next = 0
  const writer = async () => {
    while (next < slots.length) {
      const { second, fileSize } = slots[next++]
      const tail = tails.get(second) as Buffer
      const file = await disk.open(slotPath(directory, second), 'write')
      try {
        await file.write(tail, fileSize - tail.length)
      } finally {
        await file.close()
      }
    }
  }
  await Promise.all(Array.from({ length: WRITES_AT_ONCE }, writer))
}
