// Makes the header of a journal file again that was damaged. Its sequence is in the file's name, and its salt in each of
// its frames: their checksums begin from it. So one flipped bit in the first block does not cost a file of good frames.
//
// A checksum is linear in what it begins from: crc(bytes, salt) = crc(bytes, 0) ⊕ L(salt), where L depends only on how many
// bytes there are. L is solved for the salt; that the record batches in the frame match their own checksums is the proof.

import { crc32c } from '../base/crc.ts'
import type { DiskFile } from '../base/disk.ts'
import { damageOfBatchAt } from '../batch/record-batch.ts'
import {
  BLOCK_SIZE,
  CRC_AT,
  CRC_END,
  type FileHeader,
  frameNumberAt,
  frameSizeAt,
  PartKind,
  partsAt,
} from '../journal/journal-format.ts'

/** The header that the file with this sequence must have had; undefined when no frame of it tells. */
export async function remakeHeader(file: DiskFile, sequence: number): Promise<FileHeader | undefined> {
  const size = await file.size()
  const block = Buffer.alloc(BLOCK_SIZE)
  for (let position = BLOCK_SIZE; position < size; position += BLOCK_SIZE) {
    await file.read(block, position)
    const frameSize = frameSizeAt(block, 0, { sequence, salt: 0 })
    if (frameSize === 0 || position + frameSize > size) continue
    const frame = Buffer.alloc(frameSize)
    await file.read(frame, position)
    const salt = saltOf(frame)
    if (salt === undefined) continue
    const header = { sequence, salt }
    if (frameNumberAt(frame, 0, header) !== undefined && isProven(frame)) return header
  }
  return undefined
}

function saltOf(frame: Buffer): number | undefined {
  const covered = frame.subarray(CRC_END)
  const zeros = Buffer.alloc(covered.length)
  const ofNothing = crc32c(zeros, 0)
  // Rows of the equation L(salt) = wanted, one for each bit of the salt: what that bit alone does to the checksum.
  let wanted = (frame.readUInt32BE(CRC_AT) ^ crc32c(covered, 0)) >>> 0
  let salt = 0
  const reduced: { effect: number; bits: number }[] = []
  for (let bit = 0; bit < 32; bit++) {
    let effect = (crc32c(zeros, (1 << bit) >>> 0) ^ ofNothing) >>> 0
    let bits = (1 << bit) >>> 0
    for (const row of reduced) {
      if ((effect ^ row.effect) >>> 0 >= effect) continue
      effect = (effect ^ row.effect) >>> 0
      bits = (bits ^ row.bits) >>> 0
    }
    if (effect === 0) return undefined
    reduced.push({ effect, bits })
    reduced.sort((a, b) => b.effect - a.effect)
  }
  for (const { effect, bits } of reduced) {
    if ((wanted ^ effect) >>> 0 >= wanted) continue
    wanted = (wanted ^ effect) >>> 0
    salt = (salt ^ bits) >>> 0
  }
  return wanted === 0 ? salt : undefined
}

function isProven(frame: Buffer): boolean {
  let batches = 0
  try {
    for (const { kind, contents } of partsAt(frame, 0)) {
      if (kind !== PartKind.batch) continue
      if (damageOfBatchAt(contents, 0) !== undefined) return false
      batches++
    }
  } catch (error) {
    if (error instanceof RangeError) return false
    throw error
  }
  return batches > 0
}
