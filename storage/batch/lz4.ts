// Decodes lz4 frames (github.com/lz4/lz4: doc/lz4_Frame_format.md, doc/lz4_Block_format.md). The record batch around them
// has a checksum, so those of the frame are passed over.
//
//   ┌──────────────────┬────────────┬─────────────────┬───────────────────┬───────────────┐
//   │ 04 22 4d 18 <4b> │ flags <1b> │ block sizes <1b>│ content size <8b> │ checksum <1b> │  the content size if flagged
//   ├─────────────────┬┴────────────┴─────────────────┴───────────────────┴┬──────────────┤
//   │ block size <4b> │ sequences, or as it is if bit 31 of the size is set │ checksum <4b>│  per block, checksum if flagged
//   └─────────────────┴─────────────────────────────────────────────────────┴──────────────┘
//   a block size of 0 ends the frame; numbers are little-endian
//
// Ours, because what there is in packages for Node takes no bound for what a frame unpacks to.

import type { DecompressionWindow } from './decompression-window.ts'

const MAGIC = 0x184d2204
const VERSION_MASK = 0xc0
const VERSION = 0x40
const BLOCKS_STAND_ALONE = 0x20
const BLOCK_CHECKSUM = 0x10
const CONTENT_SIZE = 0x08
const DICTIONARY = 0x01
const STORED = 0x80000000
const MATCH_LENGTH_MIN = 4

/** Unpacks one frame; false when it is not whole, or too much for `into`. */
export function decodeLz4(input: Buffer, into: DecompressionWindow): boolean {
  if (input.length < 7 || input.readUInt32LE(0) !== MAGIC) return false
  const flags = input[4]
  if ((flags & VERSION_MASK) !== VERSION || flags & DICTIONARY) return false
  let at = 6 + (flags & CONTENT_SIZE ? 8 : 0) + 1
  while (at + 4 <= input.length) {
    const word = input.readUInt32LE(at)
    if (word === 0) return true
    const end = at + 4 + (word & ~STORED)
    if (end > input.length) return false
    if (flags & BLOCKS_STAND_ALONE) into.beginBlock()
    const whole = word & STORED ? into.add(input, at + 4, end) : decodeBlock(input, at + 4, end, into)
    if (!whole) return false
    at = end + (flags & BLOCK_CHECKSUM ? 4 : 0)
  }
  return false
}

/** Each sequence: a token with two lengths, literals, and, but for the last one, how far back a run begins. */
function decodeBlock(input: Buffer, at: number, end: number, into: DecompressionWindow): boolean {
  while (at < end) {
    const token = input[at++]
    let literals = token >>> 4
    if (literals === 15) {
      do {
        if (at >= end) return false
        literals += input[at]
      } while (input[at++] === 255)
    }
    if (at + literals > end || !into.add(input, at, at + literals)) return false
    at += literals
    if (at === end) return true
    if (at + 2 > end) return false
    const distance = input.readUInt16LE(at)
    at += 2
    let length = (token & 15) + MATCH_LENGTH_MIN
    if (length === 15 + MATCH_LENGTH_MIN) {
      do {
        if (at >= end) return false
        length += input[at]
      } while (input[at++] === 255)
    }
    if (!into.repeat(distance, length)) return false
  }
  return false
}
