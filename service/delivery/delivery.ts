// What a consumer gets in hand: a record under an acquisition lock.

export type AttemptCause = 'CLIENT_RELEASE' | 'CLIENT_REJECT' | 'LOCK_EXPIRED'

/** One failed try of a record. */
export interface Attempt {
  /** When the try ended, epoch milliseconds. */
  at: number
  cause: AttemptCause
  /** What the consumer said; empty when it said nothing. */
  reason: string
}

export interface Delivery {
  /** Stands for this record in this acquisition; good for acknowledge() until the lock is over. */
  receipt: string
  /** Of the original record, also when this is a retry. */
  topic: string
  partition: number
  offset: number
  timestampMs: number
  /** Key, value and headers as stored (decodeRecordBody); headers beginning with `__` are Dwell's own. */
  body: Buffer
  /** 1 at the first delivery. */
  deliveryCount: number
  lockedUntilMs: number
  /** The tries before this one, oldest first. */
  attempts: readonly Attempt[]
  /** Tries before those, which are not kept; absent when there are none. */
  attemptsDropped?: number
}
