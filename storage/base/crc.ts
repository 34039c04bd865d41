// CRC-32C (Castagnoli), the checksum of every file of ours and of Kafka's record batches.

import { crc32c as native } from '@node-rs/crc32'

/** The CRC-32C of `bytes`, as an unsigned 32-bit number. Continue an earlier one by passing it as `initial`. */
export function crc32c(bytes: Uint8Array, initial?: number): number {
  return native(bytes, initial)
}
