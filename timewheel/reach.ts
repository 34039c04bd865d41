// Moves the reach of the wheel along with the hand: overflow rows that come within it are copied into slots, a bounded piece
// at a time, from where the last piece ended. Rows that are gone are never crawled over.

import type { Pending } from './pending.ts'

const ROWS_AT_ONCE = 1_000
/** The reach moves by this part of itself at a time, so that few pieces are small. */
const STEPS = 120

/** Copies the next piece, towards `reachSeconds` ahead of the hand. Answers true when there may be more. */
export async function moveOverflow(pending: Pending, nowMs: number, reachSeconds: number): Promise<boolean> {
  if (pending.slots.crowded) return false
  if (pending.moved.dueAtMs >= pending.reachMs) {
    const handSecond = Math.floor(Math.min(nowMs, pending.horizon.dueAtMs) / 1000)
    const reachMs = (handSecond + reachSeconds) * 1000
    if (reachMs - pending.reachMs < Math.max(1, Math.floor(reachSeconds / STEPS)) * 1000) return false
    // From here on new messages below it go to slots; what was gathered for overflow before is made visible.
    pending.reachMs = reachMs
    await pending.overflow.flush()
  }
  const rows = await pending.overflow.rows(pending.moved, pending.reachMs, ROWS_AT_ONCE)
  for (const row of rows) {
    // Cancelled since the flush: the store does not know yet.
    if (pending.overflow.isRemoved(row)) continue
    pending.slots.add(row.dueAtMs, row.offset, row.envelope).count++
    pending.overflow.count--
  }
  const last = rows.at(ROWS_AT_ONCE - 1)
  pending.moved = last ? { dueAtMs: last.dueAtMs, offset: last.offset } : { dueAtMs: pending.reachMs, offset: -1 }
  return true
}
