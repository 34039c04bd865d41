// What happened to a record in a group so far, in order of time: out of the history that its copies carry, the copies
// themselves, and what `__groups` still tells.

import type { AttemptCause } from '../delivery.ts'
import type { Copy } from './copy-search.ts'
import type { Happened } from './explanation.ts'
import type { Traced } from './group-trace.ts'

const EVENT_OF: Record<AttemptCause, Happened['event']> = {
  CLIENT_RELEASE: 'released',
  CLIENT_REJECT: 'rejected',
  LOCK_EXPIRED: 'lock-expired',
}

/** `copies` in the order in which they were found, the newest of a kind last. */
export function happenedOf(copies: readonly Copy[], traced: readonly Traced[]): Happened[] {
  const happened: Happened[] = []
  for (const { atMs, event } of traced) if (event !== 'finished') happened.push({ atMs, event })
  let attempts: NonNullable<Copy['history']>['attempts'] = []
  let most = 0
  for (const { history } of copies) {
    // Two copies may keep the same number of them: the later one has dropped more.
    const count = history === undefined ? 0 : history.attempts.length + (history.attemptsDropped ?? 0)
    if (history === undefined || count <= most) continue
    attempts = history.attempts
    most = count
  }
  for (const { at, cause, reason } of attempts) {
    happened.push({ atMs: at, event: EVENT_OF[cause] ?? 'released', ...(reason !== '' && { reason }) })
  }
  for (const copy of copies) if (copy.in === 'dead') happened.push({ atMs: copy.timestampMs, event: 'died' })
  for (const copy of copies) {
    if (copy.in !== 'lane' || copy.lane.place.kind !== 'redrive') continue
    happened.push({ atMs: copy.timestampMs, event: 'redriven' })
  }
  // What happened in one millisecond stays as it is here.
  return happened.sort((a, b) => a.atMs - b.atMs)
}
