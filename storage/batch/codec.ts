// The codecs of record batches: how the records of a batch were compressed, and how to have them again. Nothing of ours
// compresses; what a Kafka client compressed is kept as it is, and unpacked only by those who look into records.

import { gunzipSync, zstdDecompressSync } from 'node:zlib'
import { DecompressionWindow } from './decompression-window.ts'
import { decodeLz4 } from './lz4.ts'
import { decodeSnappy } from './snappy.ts'

/** By their numbers in a batch's attributes. */
export const CODECS = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const

export type Codec = (typeof CODECS)[number]

/** The unpacked bytes of `block`, at most `bytesMax`; else, in a word, why not. Takes no more memory than that either. */
export function decompress(codec: Codec, block: Buffer, bytesMax: number): Buffer | 'damaged' | 'too large' {
  switch (codec) {
    case 'none':
      return block
    case 'gzip':
      return byZlib(gunzipSync, block, bytesMax)
    case 'zstd':
      return byZlib(zstdDecompressSync, block, bytesMax)
    case 'lz4':
      return intoWindow(decodeLz4, block, bytesMax)
    case 'snappy':
      return intoWindow(decodeSnappy, block, bytesMax)
  }
}

function byZlib(
  unpack: (block: Buffer, options: { maxOutputLength: number }) => Buffer,
  block: Buffer,
  bytesMax: number,
): Buffer | 'damaged' | 'too large' {
  try {
    // Zlib knows no bound of 0.
    const unpacked = unpack(block, { maxOutputLength: Math.max(1, bytesMax) })
    return unpacked.length <= bytesMax ? unpacked : 'too large'
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE' ? 'too large' : 'damaged'
  }
}

function intoWindow(
  unpack: (block: Buffer, into: DecompressionWindow) => boolean,
  block: Buffer,
  bytesMax: number,
): Buffer | 'damaged' | 'too large' {
  const window = new DecompressionWindow(bytesMax, 4 * block.length)
  const whole = unpack(block, window)
  if (window.overflowed) return 'too large'
  return whole ? window.bytes() : 'damaged'
}
