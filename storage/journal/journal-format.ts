// The bytes of a journal file. Pure: what is read and written here is a Buffer, never a file.
//
//   block 0:
//   ┌────────────┬──────────────┬────────────────┬───────────┬────────────────┬─────────────┐
//   │ magic <4b> │ version <4b> │ sequence <8b>  │ salt <4b> │ fileBytes <4b> │ crc32c <4b> │  then zeros up to 4096;
//   └────────────┴──────────────┴────────────────┴───────────┴────────────────┴─────────────┘  in version 1 no fileBytes
//   then frames, each beginning at a multiple of 4096 and padded with zeros up to the next:
//   ┌────────────┬───────────┬─────────────┬───────────────┬─────────────┬────────────────┐
//   │ magic <4b> │ size <4b> │ crc32c <4b> │ sequence <8b> │ number <8b> │ partCount <4b> │
//   ├────────────┴──┬────────┴───────┬─────┴─────┬─────────┴─┬───────────┴────────────────┤
//   │ topicId <4b>  │ partition <4b> │ kind <4b> │ size <4b> │ contents                   │  per part
//   └───────────────┴────────────────┴───────────┴───────────┴────────────────────────────┘
//
// A frame's size counts its header and parts without the padding; its checksum covers everything behind the checksum
// and starts from the file's salt. Salt and sequence tell a frame from what a recycled file held before, also from
// bytes that a publisher made to look like a frame: nobody outside knows the salt. Blocks keep a torn write away from
// the sectors of an earlier, acknowledged frame. Parts: a record batch, or a log start (8 bytes).

import { crc32c } from '../base/crc.ts'
import { readUInt64, writeUInt64 } from '../batch/record-batch.ts'

export const BLOCK_SIZE = 4096
export const FRAME_HEADER_SIZE = 32
export const PART_HEADER_SIZE = 16

const FILE_MAGIC = 0x4457_4a4c // DWJL
const FILE_VERSION = 2
/** By version: how many bytes the checksum of the header covers; it stands behind them. */
const COVERED_SIZE: Record<number, number | undefined> = { 1: 20, 2: 24 }
const FRAME_MAGIC = 0x4457_4a46 // DWJF
export const CRC_AT = 8
export const CRC_END = 12

export const PartKind = { batch: 1, logStart: 2 } as const

export interface FileHeader {
  sequence: number
  salt: number
  /** The size that the file must have: a shorter one has lost frames. Not known of files of version 1. */
  fileBytes?: number
}

/** One part of a frame; `contents` is a view into the frame's buffer. */
export interface Part {
  topicId: number
  partition: number
  kind: number
  contents: Buffer
}

/** `size` rounded up to whole blocks. */
export function blocks(size: number): number {
  return Math.ceil(size / BLOCK_SIZE) * BLOCK_SIZE
}

/** The first block of a journal file. */
export function encodeFileHeader({ sequence, salt, fileBytes = 0 }: FileHeader): Buffer {
  const block = Buffer.alloc(BLOCK_SIZE)
  block.writeUInt32BE(FILE_MAGIC, 0)
  block.writeUInt32BE(FILE_VERSION, 4)
  writeUInt64(block, 8, sequence)
  block.writeUInt32BE(salt, 16)
  block.writeUInt32BE(fileBytes, 20)
  block.writeUInt32BE(crc32c(block.subarray(0, 24)), 24)
  return block
}

/** Reads the first block of a journal file, or answers in words what is wrong with it. */
export function decodeFileHeader(block: Buffer): FileHeader | string {
  if (block.length < 8) return 'it ends within its header'
  if (block.readUInt32BE(0) !== FILE_MAGIC) return 'it does not begin as a journal file does'
  const version = block.readUInt32BE(4)
  const coveredSize = COVERED_SIZE[version]
  if (coveredSize === undefined) return `its version is ${version}, this program reads up to ${FILE_VERSION}`
  if (block.length < coveredSize + 4) return 'it ends within its header'
  if (block.readUInt32BE(coveredSize) !== crc32c(block.subarray(0, coveredSize))) {
    return 'the checksum of its header does not match'
  }
  const header = { sequence: readUInt64(block, 8), salt: block.readUInt32BE(16) }
  return version === 1 ? header : { ...header, fileBytes: block.readUInt32BE(20) }
}

/** Writes the header of one part at `position`; answers the position of its contents. */
export function writePartHeader(
  into: Buffer,
  position: number,
  part: { topicId: number; partition: number; kind: number; size: number },
): number {
  into.writeUInt32BE(part.topicId, position)
  into.writeUInt32BE(part.partition, position + 4)
  into.writeUInt32BE(part.kind, position + 8)
  into.writeUInt32BE(part.size, position + 12)
  return position + PART_HEADER_SIZE
}

/** Completes a frame whose parts are written: header, padding and, last, the checksum. */
export function sealFrame(frame: Buffer, size: number, partCount: number, header: FileHeader, number: number): void {
  frame.writeUInt32BE(FRAME_MAGIC, 0)
  frame.writeUInt32BE(size, 4)
  writeUInt64(frame, 12, header.sequence)
  writeUInt64(frame, 20, number)
  frame.writeUInt32BE(partCount, 28)
  frame.fill(0, size)
  frame.writeUInt32BE(crc32c(frame.subarray(CRC_END, size), header.salt), CRC_AT)
}

/** The size that the frame at `position` claims, when it begins as a frame of this file does; 0 when it does not. */
export function frameSizeAt(bytes: Buffer, position: number, { sequence }: FileHeader): number {
  if (position + FRAME_HEADER_SIZE > bytes.length) return 0
  if (bytes.readUInt32BE(position) !== FRAME_MAGIC) return 0
  if (readUInt64(bytes, position + 12) !== sequence) return 0
  return Math.max(FRAME_HEADER_SIZE, bytes.readUInt32BE(position + 4))
}

/**
 * The size that a frame claims which was to have this number and is not whole; 0 when nothing was written there. What a
 * recycled file held before agrees in none of sequence and number; one damaged field leaves two.
 */
export function tornSizeAt(bytes: Buffer, position: number, { sequence }: FileHeader, number: number): number {
  if (position + FRAME_HEADER_SIZE > bytes.length) return 0
  const agreeing = [
    bytes.readUInt32BE(position) === FRAME_MAGIC,
    readUInt64(bytes, position + 12) === sequence,
    readUInt64(bytes, position + 20) === number,
  ].filter((agrees) => agrees)
  return agreeing.length < 2 ? 0 : Math.max(FRAME_HEADER_SIZE, bytes.readUInt32BE(position + 4))
}

/** The number of the frame at `position`; undefined when it is not whole. */
export function frameNumberAt(bytes: Buffer, position: number, header: FileHeader): number | undefined {
  const size = frameSizeAt(bytes, position, header)
  if (size === 0 || position + size > bytes.length) return undefined
  const stored = bytes.readUInt32BE(position + CRC_AT)
  if (stored !== crc32c(bytes.subarray(position + CRC_END, position + size), header.salt)) return undefined
  return readUInt64(bytes, position + 20)
}

/** The parts of the whole frame at `position`. */
export function* partsAt(bytes: Buffer, position: number): Generator<Part> {
  let at = position + FRAME_HEADER_SIZE
  const count = bytes.readUInt32BE(position + 28)
  for (let i = 0; i < count; i++) {
    const contentsAt = at + PART_HEADER_SIZE
    const end = contentsAt + bytes.readUInt32BE(at + 12)
    yield {
      topicId: bytes.readUInt32BE(at),
      partition: bytes.readUInt32BE(at + 4),
      kind: bytes.readUInt32BE(at + 8),
      contents: bytes.subarray(contentsAt, end),
    }
    at = end
  }
}
