// A try of a record that failed, by its consumer's word or because its lock is over: what its departure goes by.

import type { AttemptCause } from '../delivery.ts'
import type { Source } from '../source/source.ts'

/** A record whose try failed. */
export interface Failure {
  source: Source
  epoch: number
  offset: number
  /** Whose result it is; -1 when nobody is told. */
  index: number
  cause: AttemptCause
  reason: string
  /** Its own delay instead of the tier's. */
  delayMs: number | undefined
}
