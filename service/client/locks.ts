// Keeps the locks of the records that a consumer has in hand: each is renewed when a third of it is over. One timer for all.
//
// Always true:
//   1. A record whose lock is over, as the service says or as the clock here tells, has its signal aborted with LOCK_LOST: its
//      handler learns that somebody else may have it now.
//   2. Time is monotonic and counted from when the record arrived here; the clocks of the two machines need not agree.

import type { Said } from './acknowledger.ts'
import { CallError } from './call-error.ts'
import type { Acknowledgement, AcquiredRecord } from './group.ts'
import type { Surroundings } from './surroundings.ts'

const SHARE = 3
const LOOKS_PER_SHARE = 4

interface Kept {
  sinceMs: number
  abort: AbortController
  renewing: boolean
}

export interface LocksOptions {
  lockMs: number
  surroundings: Surroundings
  say(acknowledgement: Acknowledgement): Promise<Said>
}

export class Locks {
  readonly #options: LocksOptions
  readonly #kept = new Map<string, Kept>()
  #cancelTimer: (() => void) | undefined

  constructor(options: LocksOptions) {
    this.#options = options
  }

  /** From now on the lock is renewed; the signal aborts when it is lost. */
  keep({ receipt }: AcquiredRecord): AbortSignal {
    const abort = new AbortController()
    this.#kept.set(receipt, { sinceMs: this.#options.surroundings.monotonicMs(), abort, renewing: false })
    this.#plan()
    return abort.signal
  }

  /** Nothing more is renewed for it. */
  letGo({ receipt }: AcquiredRecord): void {
    this.#kept.delete(receipt)
    if (this.#kept.size > 0) return
    this.#cancelTimer?.()
    this.#cancelTimer = undefined
  }

  /** Tells the handlers of all that is in hand to end. */
  abortAll(reason: unknown): void {
    for (const { abort } of this.#kept.values()) abort.abort(reason)
  }

  #plan(): void {
    const { surroundings, lockMs } = this.#options
    this.#cancelTimer ??= surroundings.after(lockMs / SHARE / LOOKS_PER_SHARE, () => {
      this.#cancelTimer = undefined
      this.#look()
      if (this.#kept.size > 0) this.#plan()
    })
  }

  #look(): void {
    const { surroundings, lockMs } = this.#options
    const nowMs = surroundings.monotonicMs()
    for (const [receipt, kept] of this.#kept) {
      const ageMs = nowMs - kept.sinceMs
      if (ageMs >= lockMs) kept.abort.abort(lost('could not be renewed in time'))
      else if (ageMs >= lockMs / SHARE && !kept.renewing) void this.#renew(receipt, kept, nowMs)
    }
  }

  async #renew(receipt: string, kept: Kept, askedMs: number): Promise<void> {
    kept.renewing = true
    const { state } = await this.#options.say({ receipt, type: 'renew', lock: this.#options.lockMs })
    kept.renewing = false
    if (state === 'acquired') kept.sinceMs = askedMs
    // What is acknowledged meanwhile is not kept any more, and its lock no loss.
    else if (state === 'invalid' && this.#kept.get(receipt) === kept) kept.abort.abort(lost('is over'))
  }
}

function lost(what: string): CallError {
  const sentence = `The lock of the record ${what}: somebody else may have it.`
  return new CallError({ code: 'LOCK_LOST', sentence, sent: true })
}
