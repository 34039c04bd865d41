// What the parts of the checker know together, of the history so far.

import type { Findings } from './findings.ts'
import type { HandLimit } from './hand-limit.ts'
import { ANSWERED, BY_TIME, type Messages } from './messages.ts'
import type { Places } from './places.ts'
import type { Registers } from './registers.ts'
import type { Retained } from './retained.ts'

/** The clocks of two processes on one machine, and their roundings. */
export const SLACK_MS = 5

export interface Known {
  messages: Messages
  places: Places
  registers: Registers
  retained: Retained
  hand: HandLimit
  findings: Findings
  /** Keys of messages that have one. */
  keys: Map<number, string>
  /** When there was no server. */
  downs: { fromMs: number; toMs: number }[]
  lateMsMax: number
  /** How often all was read in the end, and when that began last. */
  final: { count: number; atMs: number }
  /** What was seen how often, for people. */
  counts: Record<string, number>
}

/** Between which events a call was, when it was asked for, and how far the hand can have been at its end. */
export interface Span {
  from: number
  to: number
  askedMs: number
  handMaxMs: number
}

/** When a message can have been due: a delay that nobody answered was added to the server's own time. */
export function leastDueMs({ messages, hand }: Known, n: number): number {
  return messages.dueMs[n] - (messages.is(n, ANSWERED | BY_TIME) ? 0 : hand.behindMaxMs)
}

/** How long nobody was there between two times. */
export function downMs({ downs }: Known, fromMs: number, toMs: number): number {
  return downs.reduce((sum, down) => sum + Math.max(0, Math.min(toMs, down.toMs) - Math.max(fromMs, down.fromMs)), 0)
}

/** Message n was said to wait until `dueAtMs`, by a call of `askedMs`: not long after that. */
export function checkOverdue(known: Known, n: number, dueAtMs: number, askedMs: number): void {
  const lateMs = askedMs - dueAtMs - downMs(known, dueAtMs, askedMs) - known.hand.behindMaxMs
  if (lateMs > known.lateMsMax)
    known.findings.add('pending for ever', `message ${n}, due ${dueAtMs}, is pending at ${askedMs}`)
}

export function count({ counts }: Known, name: string, by = 1): void {
  counts[name] = (counts[name] ?? 0) + by
}
