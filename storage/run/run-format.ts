// The bytes of a run. Pure: what is read and written here is a Buffer, never a file.
//
//   ┌──────────────┬──────────────┬─────────────┬─────────────────┬─────────────┐
//   │ "DWRN" <4b>  │ version <4b> │ number <8b> │ pieceCount <4b> │ crc32c <4b> │
//   ├──────────────┼──────────────┴─┬───────────┴─────┬───────────┴────┬────────┴──┐
//   │ topicId <4b> │ partition <4b> │ baseOffset <8b> │ endOffset <8b> │ size <4b> │  per piece, in order of topicId, partition
//   ├──────────────┴────────────────┴─────────────────┴────────────────┴───────────┘
//   │ contents of each piece, in the same order: record batches
//   └───────────────────────────────────────────────────────────────────
//
// The checksum covers the 20 bytes before it and all that is said of the pieces; their batches have their own.

import { crc32c } from '../base/crc.ts'
import { readUInt64, writeUInt64 } from '../batch/record-batch.ts'

export const RUN_HEADER_SIZE = 24
export const PIECE_SIZE = 28
const MAGIC = 0x4457_524e // DWRN
const VERSION = 1
const CRC_AT = 20

/** The batches of one partition in a run. */
export interface Piece {
  topicId: number
  partition: number
  baseOffset: number
  /** The offset behind its last record. */
  endOffset: number
  size: number
}

/** Header and index of a run. */
export function encodeRunIndex(number: number, pieces: readonly Piece[]): Buffer {
  const bytes = Buffer.alloc(RUN_HEADER_SIZE + pieces.length * PIECE_SIZE)
  bytes.writeUInt32BE(MAGIC, 0)
  bytes.writeUInt32BE(VERSION, 4)
  writeUInt64(bytes, 8, number)
  bytes.writeUInt32BE(pieces.length, 16)
  let at = RUN_HEADER_SIZE
  for (const { topicId, partition, baseOffset, endOffset, size } of pieces) {
    bytes.writeUInt32BE(topicId, at)
    bytes.writeUInt32BE(partition, at + 4)
    writeUInt64(bytes, at + 8, baseOffset)
    writeUInt64(bytes, at + 16, endOffset)
    bytes.writeUInt32BE(size, at + 24)
    at += PIECE_SIZE
  }
  bytes.writeUInt32BE(checksum(bytes), CRC_AT)
  return bytes
}

/** How many bytes header and index of a run take that begins with `header`; in words what is wrong with it. */
export function runIndexSize(header: Buffer): number | string {
  if (header.length < RUN_HEADER_SIZE) return 'it ends within its header'
  if (header.readUInt32BE(0) !== MAGIC) return 'it does not begin as a run does'
  const version = header.readUInt32BE(4)
  if (version !== VERSION) return `its version is ${version}, this program reads ${VERSION}`
  return RUN_HEADER_SIZE + header.readUInt32BE(16) * PIECE_SIZE
}

/** Whether header and index, together `bytes`, are those of the run with this number; if not, in words why. */
export function damageOfRunIndex(bytes: Buffer, number: number): string | undefined {
  if (bytes.readUInt32BE(CRC_AT) !== checksum(bytes)) return 'the checksum of its index does not match'
  if (readUInt64(bytes, 8) !== number) return `its header has number ${readUInt64(bytes, 8)}`
  return undefined
}

/** The piece at `index` in the index of a run. */
export function pieceAt(bytes: Buffer, index: number): Piece {
  const at = RUN_HEADER_SIZE + index * PIECE_SIZE
  return {
    topicId: bytes.readUInt32BE(at),
    partition: bytes.readUInt32BE(at + 4),
    baseOffset: readUInt64(bytes, at + 8),
    endOffset: readUInt64(bytes, at + 16),
    size: bytes.readUInt32BE(at + 24),
  }
}

/** Below 0 when the piece at `index` belongs to a partition before this one, 0 when to this one. */
export function comparePiece(bytes: Buffer, index: number, topicId: number, partition: number): number {
  const at = RUN_HEADER_SIZE + index * PIECE_SIZE
  return bytes.readUInt32BE(at) - topicId || bytes.readUInt32BE(at + 4) - partition
}

function checksum(bytes: Buffer): number {
  return crc32c(bytes.subarray(RUN_HEADER_SIZE), crc32c(bytes.subarray(0, CRC_AT)))
}
