// Why a record is not where somebody expects it: one sentence each, for people.

import { formatDuration } from '../../duration.ts'
import { formatTime } from '../../time.ts'
import type { RecordHistory } from '../failed-record.ts'
import type { Group } from '../group/group.ts'
import type { Pause } from '../group/group-settings.ts'
import type { GroupView } from '../look/group-view.ts'
import type { Source } from '../source/source.ts'
import type { Because } from './explanation.ts'

interface Reason {
  because: Because
  why: string
}

/** `2026-11-20T10:30:00.000Z, in 29m`: when, and how far away. */
function ahead(atMs: number, nowMs: number): string {
  const leftMs = atMs - nowMs
  if (leftMs <= 0) return `${formatTime(atMs)}, which is over`
  const shownMs = leftMs < 10_000 ? leftMs : Math.round(leftMs / 1_000) * 1_000
  return `${formatTime(atMs)}, in ${formatDuration(shownMs)}`
}

export function whyPending(nowMs: number, dueAtMs: number, clockWrong: string | undefined): Reason {
  if (clockWrong !== undefined) {
    return { because: 'clock', why: `It is due at ${formatTime(dueAtMs)}, but the hand stands: ${clockWrong}` }
  }
  if (dueAtMs > nowMs) return { because: 'not-due', why: `It is delayed until ${ahead(dueAtMs, nowMs)}.` }
  return { because: 'wheel-behind', why: `It was due at ${formatTime(dueAtMs)} and is about to be dispatched.` }
}

export function whyUnknown(rememberMs: number): string {
  const window = formatDuration(rememberMs)
  return `No message with this id is pending, and none was published, dispatched or cancelled within the last ${window}.`
}

/** Of a record that groups may take; each of them is told of beside it. */
export function whyLogged(partition: number, offset: number, groups: number): string {
  const place = `It is in the log, in partition ${partition} at offset ${offset}`
  if (groups === 0) return `${place}; the topic has no group that could take it.`
  return `${place}; what ${groups === 1 ? 'its group' : 'each group'} did with it stands in groups.`
}

const REMOVED: Partial<Record<Because, string>> = {
  retention: 'Retention took it out of the log',
  compaction: 'Compaction took it out of the log: a later message has its key',
}

export function whyRemoved(because: Because): string {
  return `${REMOVED[because] ?? 'No record lies at this offset: it was given up by a repair, or was never one'}.`
}

/** What a retry waits for: the tier of its lane, or what it has in the wheel. */
export function waitsFor(tier: string | undefined, jitter = 0): string {
  if (tier !== undefined) return `the tier of ${tier}`
  return jitter > 0 ? 'its tier with jitter, or a delay of its own' : 'a delay of its own'
}

export function whyRetrying(nowMs: number, dueAtMs: number, waits: string): string {
  if (dueAtMs > nowMs) return `Its last try failed; it waits for ${waits}, until ${ahead(dueAtMs, nowMs)}.`
  return `Its last try failed; ${waits} is over since ${formatTime(dueAtMs)}, and it is about to be handed out again.`
}

export function whyAcquired(
  because: Because,
  lock: { deliveryCount: number; lockedUntilMs: number; leftMs: number; to: string; isPushed: boolean },
): string {
  const { deliveryCount, lockedUntilMs, leftMs, to, isPushed } = lock
  const has = `${isPushed ? 'The endpoint' : 'A consumer'} has it, for the ${ordinal(deliveryCount)} time`
  const leads = to === 'dead' ? 'to the dead letters' : `to the tier of ${to}`
  if (because === 'settling') return `${has}; what it said about it is being written down.`
  if (because === 'lock-over') return `${has}, and its lock is over: it is about to go ${leads}.`
  const until = ahead(lockedUntilMs, lockedUntilMs - Math.ceil(leftMs))
  return `${has}, under a lock until ${until}; if nothing is said about it by then, it goes ${leads}.`
}

export function whyDead({ deliveryCount, attempts }: RecordHistory): string {
  const last = attempts.at(-1)
  const said = last === undefined || last.reason === '' ? '' : `: ${last.reason}`
  const cause = last?.cause === 'CLIENT_REJECT' ? 'a consumer rejected it' : 'no tier is left'
  const times = deliveryCount === 1 ? '1 delivery' : `${deliveryCount} deliveries`
  return `It is a dead letter after ${times}, because ${cause}${ended(said)}`
}

/** Of a record that is due and that nobody holds; `source` is undefined while the group has not seen its partition. */
export function whyReady(
  { group, waiting }: GroupView,
  { ahead, source }: { ahead: number; source: Source | undefined },
): Reason {
  const { paused, push, maxInFlight } = group.settings
  const place = ahead === 0 ? 'It is the next one' : `${records(ahead)} of this partition ${are(ahead)} before it`
  if (paused !== undefined) {
    const said = paused.reason === '' ? '' : `: ${paused.reason}`
    return { because: 'paused', why: `The group is paused since ${formatTime(paused.sinceMs)}${ended(said)}` }
  }
  if (push?.paused !== undefined) {
    return { because: 'endpoint-paused', why: endpointPaused(push.paused) }
  }
  if (source !== undefined && source.inFlight >= maxInFlight) {
    const why = `${place}, and ${source.inFlight} records of this partition are in flight: no more than ${maxInFlight} may be.`
    return { because: 'in-flight-bound', why }
  }
  const asks = push === undefined ? 'nobody asks for records at this moment' : 'the endpoint has not taken it yet'
  if (ahead > 0) return { because: 'records-ahead', why: `${place}${waiting === 0 ? `, and ${asks}` : ''}.` }
  if (waiting === 0) return { because: 'no-consumer', why: `${place}, and ${asks}.` }
  return { because: 'next', why: `${place}, and is about to be handed out.` }
}

function endpointPaused({ sinceMs, reason }: Pause): string {
  const said = reason === '' ? '' : `: ${reason}`
  return `The endpoint of the group is paused since ${formatTime(sinceMs)}${ended(said)}`
}

/** Of a record that a paused endpoint has in hand. */
export function whyKept(paused: Pause, isGroupPaused: boolean): string {
  const probe = isGroupPaused
    ? 'the group is paused too, and after its resume the record goes on'
    : 'a probe asks now and then whether the endpoint is back; then the record goes on'
  return `${endpointPaused(paused)} It keeps the record in hand, and no try is counted: ${probe}.`
}

/** Of a record whose key is busy, or has `before` others that wait for it too. */
export function whyParked(group: Group, source: Source, hash: number, before: number): Reason & { ahead: number } {
  const others = before === 0 ? '' : `, and ${records(before)} of the key ${before === 1 ? 'waits' : 'wait'} before it`
  return {
    because: 'key-busy',
    why: `The group keeps the order of keys: an earlier record of its key ${holderOf(group, source, hash)}${others}.`,
    ahead: before,
  }
}

/** What the record does that has the turn of a key. */
function holderOf(group: Group, { place: { partition } }: Source, hash: number): string {
  for (const { place, runs, holds, tier } of group.sources) {
    if (place.partition !== partition) continue
    for (const run of runs) {
      for (let offset = run.first; offset < run.end; offset++) {
        if (!run.isOpen(offset) || run.hashOf(offset) !== hash) continue
        return place.kind === 'topic' ? `(offset ${offset}) is in flight` : `is in flight, out of ${tier}`
      }
    }
    for (const hold of holds.list) {
      if (hold.hash === hash) return `(offset ${hold.offset}) waits until ${formatTime(hold.dueAtMs)}`
    }
  }
  return 'waits for its retry'
}

const GONE = {
  accepted: 'The group is done with it: a consumer accepted it',
  before: 'The group has nothing to do with it: it lies before the place at which the group began or was reset',
  trimmed: 'The group is done with it, too long ago to say how: accepted, or removed from its dead letters',
  purged: 'It was a dead letter and is removed for good: purged',
  removed: 'It was removed from the log before the group took it',
  moving: 'It moves at this very moment; ask again',
  unfound:
    'The group has taken it; where it is now was not found in the part of its lanes and dead letters that one look reads',
}

export function whyGone(how: keyof typeof GONE, atMs?: number): string {
  return `${GONE[how]}${atMs === undefined ? '' : ` at ${formatTime(atMs)}`}.`
}

function ended(said: string): string {
  return said.endsWith('.') ? said : `${said}.`
}

function records(count: number): string {
  return count === 1 ? '1 record' : `${count} records`
}

function are(count: number): string {
  return count === 1 ? 'is' : 'are'
}

function ordinal(n: number): string {
  const last = n % 100 >= 11 && n % 100 <= 13 ? 0 : n % 10
  return `${n}${['th', 'st', 'nd', 'rd'][last] ?? 'th'}`
}
