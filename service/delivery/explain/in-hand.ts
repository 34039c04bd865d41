// What a group has in hand of a record: where it stands in a source, its topic's or a lane's. All of it is in memory.

import type { Clock } from '../../../storage/index.ts'
import { laneTier } from '../lane.ts'
import type { GroupView } from '../look/group-view.ts'
import { type Run, Status } from '../source/run.ts'
import type { Source } from '../source/source.ts'
import type { Because, GroupAccount } from './explanation.ts'
import { waitsFor, whyAcquired, whyKept, whyParked, whyReady, whyRetrying } from './why.ts'

export type Found = Omit<GroupAccount, 'group' | 'happened'>

/** A record in a source. */
export interface InHand {
  source: Source
  offset: number
  /** When it came into the source, which is what a tier waits from. */
  timestampMs: number
  /** Deliveries that ended. */
  deliveries: number
  /** Of its key; 0 when there is none. */
  hash: number
  /** Of its partition: what lies before it is gone. */
  logStartOffset: number
}

/** Whether the source has finished it, has it in flight or parked, or has not come to it. */
export function standsIn(source: Source, offset: number): 'ahead' | 'held' | 'finished' {
  if (offset >= source.next) return 'ahead'
  return source.parked.has(offset) || source.find(offset)?.isOpen(offset) ? 'held' : 'finished'
}

/** What to say of a record that a source has not finished. */
export function foundInHand(view: GroupView, inHand: InHand, clock: Clock, nowMs: number): Found {
  const { source, offset, deliveries, hash } = inHand
  const run = source.find(offset)
  if (run?.isOpen(offset)) return acquired(view, run, offset, deliveries + 1, clock)
  const { tier, place, parked } = source
  const common = { tier, deliveryCount: deliveries }
  const dueAtMs = place.kind === 'tier' ? source.dueMs(inHand) : undefined
  if (dueAtMs !== undefined && dueAtMs > nowMs) {
    const why = whyRetrying(nowMs, dueAtMs, waitsFor(tier))
    return { ...common, state: 'retrying', because: 'tier', why, dueAtMs, next: { event: 'due', atMs: dueAtMs } }
  }
  const parkedAhead = parked.aheadOf(offset)
  const isBusy = isKeyBusy(source, hash)
  if (isBusy && (parkedAhead !== 0 || source.turns?.isBusy(hash))) {
    const { because, why, ahead } = whyParked(view.group, source, hash, parkedAhead ?? parked.countOf(hash))
    return { ...common, state: 'parked', because, why, ahead, next: { event: 'freed' } }
  }
  const first = Math.max(source.next, inHand.logStartOffset)
  const ahead = parkedAhead === undefined ? offset - first : 0
  return {
    ...common,
    state: 'ready',
    ...whyReady(view, { ahead, source }),
    dueAtMs,
    ahead,
    next: { event: 'acquired' },
  }
}

/** The tier of a lane passes none over: what comes out of it has its key's turn. */
function isKeyBusy({ turns, parked, place }: Source, hash: number): boolean {
  if (turns === undefined || hash === 0 || place.kind === 'tier') return false
  return (turns.isLoaded && turns.isBusy(hash)) || parked.hasKey(hash)
}

function acquired({ group }: GroupView, run: Run, offset: number, deliveryCount: number, clock: Clock): Found {
  const leftMs = run.deadlineMs - clock.monotonicMs()
  const lockedUntilMs = clock.wallMs() + Math.ceil(leftMs)
  const tierMs = group.settings.retry[deliveryCount - 1]
  const to = tierMs === undefined ? 'dead' : laneTier('tier', tierMs)
  const isSettling = run.statuses[offset - run.first] === Status.leaving
  const { push, paused } = group.settings
  if (!isSettling && push?.paused !== undefined) {
    const why = whyKept(push.paused, paused !== undefined)
    const next = paused === undefined ? ({ event: 'probe' } as const) : undefined
    return { state: 'acquired', because: 'endpoint-paused', why, lockedUntilMs, deliveryCount, next }
  }
  const because: Because = isSettling ? 'settling' : leftMs > 0 ? 'locked' : 'lock-over'
  const why = whyAcquired(because, { deliveryCount, lockedUntilMs, leftMs, to, isPushed: push !== undefined })
  const next = { event: 'lock-expires', atMs: lockedUntilMs, to } as const
  return { state: 'acquired', because, why, lockedUntilMs, deliveryCount, next }
}
