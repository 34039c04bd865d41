// Decodes snappy (github.com/google/snappy: format_description.txt), bare or in the framing of xerial's library, which
// Kafka's Java client writes.
//
//   bare    ┌──────────────────────┬──────────┬─────────────────────────────────────────────────────────┐
//           │ unpacked size varint │ tag <1b> │ literals, or how far back a run begins, little-endian   │  per element
//           └──────────────────────┴──────────┴─────────────────────────────────────────────────────────┘
//   xerial  ┌─────────────────────┬──────────────┬──────────────────┬───────────┬────────────┐
//           │ 82 "SNAPPY" 00 <8b> │ version <4b> │ compatible <4b>  │ size <4b> │ bare block │  the last two repeat
//           └─────────────────────┴──────────────┴──────────────────┴───────────┴────────────┘

import type { DecompressionWindow } from './decompression-window.ts'

const XERIAL = Buffer.from('82534e4150505900', 'hex')
const XERIAL_HEADER_SIZE = 16

/** Unpacks all blocks; false when one is not whole, or too much for `into`. */
export function decodeSnappy(input: Buffer, into: DecompressionWindow): boolean {
  if (!input.subarray(0, XERIAL.length).equals(XERIAL)) return decodeBlock(input, 0, input.length, into)
  let at = XERIAL_HEADER_SIZE
  while (at + 4 <= input.length) {
    const end = at + 4 + input.readUInt32BE(at)
    if (end > input.length || !decodeBlock(input, at + 4, end, into)) return false
    at = end
  }
  return at === input.length
}

function decodeBlock(input: Buffer, at: number, end: number, into: DecompressionWindow): boolean {
  let size = 0
  let scale = 1
  for (;;) {
    if (at >= end || scale > 2 ** 28) return false
    const byte = input[at++]
    size += (byte & 0x7f) * scale
    scale *= 0x80
    if (byte < 0x80) break
  }
  into.beginBlock()
  const unpackedEnd = into.size + size
  while (at < end) {
    const tag = input[at++]
    const kind = tag & 3
    let length = (tag >>> 2) + 1
    // How many bytes of a length, or of a distance, follow the tag.
    const extra = kind === 0 ? Math.max(0, length - 60) : kind === 3 ? 4 : kind
    if (at + extra > end) return false
    const number = extra === 0 ? 0 : input.readUIntLE(at, extra)
    at += extra
    if (kind === 0) {
      if (extra > 0) length = number + 1
      if (at + length > end || !into.add(input, at, at + length)) return false
      at += length
    } else if (kind === 1) {
      if (!into.repeat(((tag >>> 5) << 8) | number, ((tag >>> 2) & 7) + 4)) return false
    } else if (!into.repeat(number, length)) return false
  }
  return into.size === unpackedEnd
}
