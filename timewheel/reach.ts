// Moves the reach of the wheel along with the hand: overflow rows that come within it are copied into slots, a bounded piece
// at a time, from where the last piece ended. Rows that are gone are never crawled over, and time in which nothing is due is
// passed over in one step, however long: after downtime the reach goes from row to row, not from hour to hour.

import { ROWS_AT_ONCE } from './overflow.ts'
import type { Pending } from './pending.ts'

/** While what is overdue waits for them, so many pieces are copied before it is dispatched: one append for many of them. */
const PIECES_BEHIND = 24
/** But not more seconds than the horizon takes at once: slots would gather, and be written to files only to be read again. */
const SECONDS_BEHIND = 128
/** The reach moves by this part of itself at a time, so that few pieces are small. */
const STEPS = 120

/** Copies what comes next, towards `reachSeconds` ahead of the hand. Answers true when there may be more. */
export async function moveOverflow(pending: Pending, nowMs: number, reachSeconds: number): Promise<boolean> {
  const pieces = nowMs > pending.horizon.dueAtMs ? PIECES_BEHIND : 1
  for (let i = 0, seconds = 0; i < pieces && seconds < SECONDS_BEHIND; i++) {
    const copied = await movePiece(pending, nowMs, reachSeconds)
    if (copied === undefined) return i > 0
    seconds += copied
  }
  return true
}

/** Copies a piece; answers to how many seconds, undefined when there is nothing to do. */
async function movePiece(pending: Pending, nowMs: number, reachSeconds: number): Promise<number | undefined> {
  if (pending.slots.crowded) return undefined
  if (pending.moved.dueAtMs >= pending.reachMs && !(await moveReach(pending, nowMs, reachSeconds))) return undefined
  const rows = await pending.overflow.rows(pending.moved, pending.reachMs, ROWS_AT_ONCE)
  const seconds = new Set<number>()
  for (const row of rows) {
    // Withdrawn: the store did not know yet when it was asked, and may know by now.
    if (pending.overflow.fateOf(row) !== undefined) continue
    pending.arrive(row, row.envelope)
    seconds.add(Math.floor(row.dueAtMs / 1000))
  }
  const last = rows.at(ROWS_AT_ONCE - 1)
  pending.moved = last ? { dueAtMs: last.dueAtMs, offset: last.offset } : { dueAtMs: pending.reachMs, offset: -1 }
  return seconds.size
}

/** Sets the reach anew when it is worth it, and makes visible what was gathered for overflow until then. */
async function moveReach(pending: Pending, nowMs: number, reachSeconds: number): Promise<boolean> {
  const { overflow, horizon, moved } = pending
  const stepMs = Math.max(1, Math.floor(reachSeconds / STEPS)) * 1000
  const reachOf = (timeMs: number) => (Math.floor(timeMs / 1000) + reachSeconds) * 1000
  let aheadOfMs = Math.min(nowMs, horizon.dueAtMs)
  // The slots are used up, and the clock is further: what comes next may be far.
  const isEmpty = horizon.dueAtMs + 1 >= Math.floor(moved.dueAtMs / 1000) * 1000
  if (isEmpty && reachOf(nowMs) - pending.reachMs >= stepMs) {
    await overflow.flush()
    const next = await overflow.rows(moved, nowMs, ROWS_AT_ONCE)
    aheadOfMs = Math.max(aheadOfMs, next.at(ROWS_AT_ONCE - 1)?.dueAtMs ?? nowMs)
  }
  const reachMs = reachOf(aheadOfMs)
  if (reachMs - pending.reachMs < stepMs) return false
  // From here on new messages below it go to slots.
  pending.reachMs = reachMs
  await overflow.flush()
  return true
}
