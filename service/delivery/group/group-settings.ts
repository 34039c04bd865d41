// What is set on a group. Durations are milliseconds; the HTTP layer parses the texts and checks the bounds below.
//
// A group's settings are kept as JSON text (group-log.ts): a field that this version does not know stays as it is, one that is
// missing has its default, so fields can come without a new version of the bytes. Whoever changes a field's meaning renames it.

export interface GroupSettings {
  /** The tiers: how long a failed record waits before its 2nd, 3rd … delivery. Empty: straight to the dead letters. */
  retry: readonly number[]
  /** A share of the tier, 0 to 1, up to which a record waits longer than it. None when absent. */
  jitter?: number
  /** How long an acquisition lock holds unless acquire() says otherwise. */
  lockMs: number
  /** At most so many records of one source partition are acquired and unfinished at a time. */
  maxInFlight: number
  /** `key`: a record waits while an earlier one of its key, of the same partition, is in flight or waits for its retry. */
  order: 'none' | 'key'
  /** Where a new group begins. Later changes have no effect. */
  start: 'earliest' | 'latest'
  /** Set while nothing is handed out. What was handed out before goes on: locks, acknowledgements, retries. */
  paused?: Pause
  /** What is to become of its dead letters. */
  deadLetters?: DeadLetterSettings
  /** Where records are sent to, instead of being acquired over HTTP. */
  push?: PushSettings
}

export interface Pause {
  sinceMs: number
  /** Why; empty when nobody said. */
  reason: string
}

export interface DeadLetterSettings {
  /** When more die within a minute, the group is paused: it looks as if all of them would. Without bound when absent. */
  perMinuteMax?: number
  /** How long they are kept; for ever when absent. */
  retentionMs?: number
}

export interface PushSettings {
  url: string
  /** At most so many pushes are under way at a time. */
  concurrency: number
  /** For the whole exchange, from the name's look-up to the last byte of the answer. */
  timeoutMs: number
  /** Pushes a second; as fast as they go when absent. */
  rate?: number
  /** After so many failures in a row the endpoint is paused. */
  pauseAfter: number
  /** Sent with each push. */
  headers: Readonly<Record<string, string>>
  /** `whsec_…`; each signs, so that receivers can change from one to the next. Empty: pushes are not signed. */
  secrets: readonly string[]
  /** Set while the endpoint is only probed. */
  paused?: Pause
}

export const DEFAULT_GROUP_SETTINGS: GroupSettings = {
  retry: [5_000, 10_000, 15_000],
  lockMs: 30_000,
  maxInFlight: 2_000,
  order: 'none',
  start: 'earliest',
}

/** The bounds that the HTTP layer checks before it calls; that of tiers also holds for the setting GROUP_RETRY. */
export const RETRY_TIERS_MAX = 20
export const IN_FLIGHT_MAX = 10_000
export const DEAD_PER_MINUTE_MAX = 1_000_000
export const REASON_LENGTH_MAX = 1_000
