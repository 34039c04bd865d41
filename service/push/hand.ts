// The records that an endpoint has in hand: acquired and not acknowledged yet. Each is being pushed, or kept: because its turn
// has not come, or because the endpoint is paused.
//
// Always true:
//   1. What is in hand has its lock renewed in time, however long that lasts.
//   2. Its bytes are counted in what all endpoints share.

import type { Clock, Timer } from '../../storage/index.ts'
import type { Delivery } from '../delivery/groups.ts'
import type { Share } from './shared-bound.ts'

/** A record in hand. */
export interface Push {
  readonly delivery: Delivery
  lockedFromMs: number
}

export interface HandParts {
  clock: Clock
  bytes: Share
  lockMs(): number
  renew(receipt: string, lockMs: number): void
}

export class Hand {
  readonly #parts: HandParts
  readonly #all = new Set<Push>()
  readonly #kept: Push[] = []
  #renewal: Timer | undefined

  constructor(parts: HandParts) {
    this.#parts = parts
  }

  get count(): number {
    return this.#all.size
  }

  get keptCount(): number {
    return this.#kept.length
  }

  /** Takes records in, kept for now. */
  add(deliveries: readonly Delivery[]): void {
    const lockedFromMs = this.#parts.clock.monotonicMs()
    for (const delivery of deliveries) {
      const push = { delivery, lockedFromMs }
      this.#all.add(push)
      this.#kept.push(push)
      this.#parts.bytes.force(delivery.body.length)
    }
    if (this.#all.size > 0) this.#armRenewal()
  }

  /** The next `count` of those kept, to be pushed. */
  next(count: number): Push[] {
    return this.#kept.splice(0, count)
  }

  /** Keeps one that was pushed in vain; the others go first. */
  keep(push: Push): void {
    this.#kept.push(push)
  }

  letGo(push: Push): void {
    this.#all.delete(push)
    this.#parts.bytes.give(push.delivery.body.length)
  }

  #armRenewal(): void {
    this.#renewal ??= this.#parts.clock.setTimer(() => {
      this.#renewal = undefined
      this.#renew()
      if (this.#all.size > 0) this.#armRenewal()
    }, this.#parts.lockMs() / 3)
  }

  /** One turn in three is enough for those that came since the last one. */
  #renew(): void {
    const { clock, lockMs, renew } = this.#parts
    const nowMs = clock.monotonicMs()
    for (const push of this.#all) {
      if (nowMs - push.lockedFromMs < lockMs() / 4) continue
      push.lockedFromMs = nowMs
      renew(push.delivery.receipt, lockMs())
    }
  }

  close(): void {
    this.#renewal?.cancel()
  }
}
