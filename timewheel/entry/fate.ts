// What became of a message before it was due: it was cancelled, or moved to another place. The value of a row of overflow,
// under the place where the message waited; remembered for look-ups, and for who still asks by that place.
//
//   ┌──────────────────────┐              ┌────────────────┬───────────────────┐
//   │ offset of the cancel │   cancelled  │ moved.due <8b> │ moved.offset <8b> │   moved: the place since then
//   └──────────────────────┘              └────────────────┴───────────────────┘

import { readUInt64, writeUInt64 } from '../../storage/index.ts'
import type { Place } from './place.ts'

export type Fate = { cancelledBy: number } | { movedTo: Place }

export function encodeFate(fate: Fate): Buffer {
  if ('cancelledBy' in fate) {
    const bytes = Buffer.allocUnsafe(8)
    writeUInt64(bytes, 0, fate.cancelledBy)
    return bytes
  }
  const bytes = Buffer.allocUnsafe(16)
  writeUInt64(bytes, 0, fate.movedTo.dueAtMs)
  writeUInt64(bytes, 8, fate.movedTo.offset)
  return bytes
}

/** Undefined when the bytes are none of encodeFate(). */
export function decodeFate(bytes: Buffer): Fate | undefined {
  if (bytes.length === 8) return { cancelledBy: readUInt64(bytes, 0) }
  if (bytes.length !== 16) return undefined
  return { movedTo: { dueAtMs: readUInt64(bytes, 0), offset: readUInt64(bytes, 8) } }
}
