// What can be set on a group. Durations are milliseconds; the HTTP layer parses the texts.

export interface GroupSettings {
  /** The tiers: how long a failed record waits before its 2nd, 3rd … delivery. Empty: straight to the dead letters. */
  retry: readonly number[]
  /** How long an acquisition lock holds unless acquire() says otherwise. */
  lockMs: number
  /** At most so many records of one source partition are acquired and unfinished at a time. */
  maxInFlight: number
  /** Where a new group begins. Later changes have no effect. */
  start: 'earliest' | 'latest'
}

export const DEFAULT_GROUP_SETTINGS: GroupSettings = {
  retry: [5_000, 10_000, 15_000],
  lockMs: 30_000,
  maxInFlight: 2_000,
  start: 'earliest',
}

/** The bounds that the HTTP layer checks before it calls; that of tiers also holds for the setting GROUP_RETRY. */
export const RETRY_TIERS_MAX = 20
export const IN_FLIGHT_MAX = 10_000
export const REASON_LENGTH_MAX = 1_000
