// What a body source writes, as bytes.

import type { BodySource } from '../../storage/index.ts'

export function written(source: BodySource): Buffer {
  const bytes = Buffer.alloc(source.length)
  source.writeTo(bytes, 0)
  return bytes
}
