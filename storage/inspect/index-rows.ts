// The entries of a `.index` or `.timeindex` file as they stand there. Neither file begins with a magic: which it is, its name
// says, and the base offset is in the name too.

import type { Disk } from '../base/disk.ts'
import { readUInt64 } from '../batch/record-batch.ts'

const OFFSET_ENTRY_SIZE = 8
const TIME_ENTRY_SIZE = 12
/** No segment has an index as large as this. */
const INDEX_BYTES_MAX = 1024 * 1024 * 1024

export interface OffsetRow {
  lastOffset: number
  position: number
}

export interface TimeRow {
  timestampMs: number
  offset: number
}

export interface IndexRows<Row> {
  rows: Row[]
  /** Bytes behind the last whole entry. */
  restBytes: number
  /** The index of the first entry that is not above the one before it; -1 when all are. */
  disorderedAt: number
}

/** The entries of the offset index at `path`, of the segment with `baseOffset`. */
export async function readOffsetRows(disk: Disk, path: string, baseOffset: number): Promise<IndexRows<OffsetRow>> {
  const bytes = await readAll(disk, path)
  const count = Math.floor(bytes.length / OFFSET_ENTRY_SIZE)
  const rows = Array.from({ length: count }, (_, i) => ({
    lastOffset: baseOffset + bytes.readInt32BE(i * OFFSET_ENTRY_SIZE),
    position: bytes.readInt32BE(i * OFFSET_ENTRY_SIZE + 4),
  }))
  const disorderedAt = rows.findIndex(
    (row, i) =>
      row.lastOffset <= (rows[i - 1]?.lastOffset ?? baseOffset - 1) || row.position <= (rows[i - 1]?.position ?? 0),
  )
  return { rows, restBytes: bytes.length % OFFSET_ENTRY_SIZE, disorderedAt }
}

/** The entries of the time index at `path`, of the segment with `baseOffset`. */
export async function readTimeRows(disk: Disk, path: string, baseOffset: number): Promise<IndexRows<TimeRow>> {
  const bytes = await readAll(disk, path)
  const count = Math.floor(bytes.length / TIME_ENTRY_SIZE)
  const rows = Array.from({ length: count }, (_, i) => ({
    timestampMs: readUInt64(bytes, i * TIME_ENTRY_SIZE),
    offset: baseOffset + bytes.readInt32BE(i * TIME_ENTRY_SIZE + 8),
  }))
  const disorderedAt = rows.findIndex(
    (row, i) =>
      row.timestampMs <= (rows[i - 1]?.timestampMs ?? -1) || row.offset <= (rows[i - 1]?.offset ?? baseOffset - 1),
  )
  return { rows, restBytes: bytes.length % TIME_ENTRY_SIZE, disorderedAt }
}

async function readAll(disk: Disk, path: string): Promise<Buffer> {
  const size = Math.min((await disk.size(path)) ?? 0, INDEX_BYTES_MAX)
  const bytes = Buffer.alloc(size)
  const file = await disk.open(path, 'read')
  try {
    return bytes.subarray(0, await file.read(bytes, 0))
  } finally {
    await file.close()
  }
}
