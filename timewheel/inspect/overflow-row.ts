// A row of overflow (overflow.ts draws the keys), for those who look from outside.

import { readUInt64 } from '../../storage/index.ts'
import { decodeFate, type Fate } from '../entry/fate.ts'
import type { Place } from '../entry/place.ts'

export type OverflowRow =
  | { kind: 'message'; place: Place; envelope: Buffer }
  | { kind: 'fate'; place: Place; fate: Fate }
  | { kind: 'batch'; sequence: number }
  /** `batchesFrom` is the first batch that left a row. */
  | { kind: 'ledger'; sequence: number; batchesFrom: number }

/** What a row says; undefined when it is of no form that overflow has. */
export function readOverflowRow(key: Buffer, value: Buffer): OverflowRow | undefined {
  const letter = key.toString('latin1', 0, 1)
  if (letter === 'l' && key.length === 1 && value.length >= 8) {
    const sequence = readUInt64(value, 0)
    return { kind: 'ledger', sequence, batchesFrom: value.length >= 16 ? readUInt64(value, 8) : sequence + 1 }
  }
  if (letter === 'b' && key.length === 9) return { kind: 'batch', sequence: readUInt64(key, 1) }
  if (key.length !== 17) return undefined
  const place = { dueAtMs: readUInt64(key, 1), offset: readUInt64(key, 9) }
  if (letter === 'd') return { kind: 'message', place, envelope: value }
  const fate = letter === 'c' ? decodeFate(value) : undefined
  return fate && { kind: 'fate', place, fate }
}
