// The records that an endpoint has in hand: acquired and not acknowledged yet. Each is being pushed, or kept: because its turn
// has not come, or because the endpoint is paused.
//
// Always true:
//   1. What is in hand has its lock renewed in time, however long that lasts.
//   2. What lost its lock all the same (a reset, a suspended machine) is kept no longer and never renewed again: it comes
//      anew. While it is being pushed it stays in hand.
//   3. Its bytes are counted in what all endpoints share.

import type { Clock, Timer } from '../../storage/index.ts'
import type { Delivery } from '../delivery/groups.ts'
import type { Share } from './shared-bound.ts'

/** A record in hand. */
export interface Push {
  readonly delivery: Delivery
  lockedFromMs: number
  /** Its lock is over. */
  isLost: boolean
}

export interface InHandParts {
  clock: Clock
  bytes: Share
  lockMs(): number
  /** What it comes to is told with lose(). */
  renew(receipt: string, lockMs: number): void
}

export class InHand {
  readonly #parts: InHandParts
  /** By receipt. */
  readonly #all = new Map<string, Push>()
  #kept: Push[] = []
  #renewal: Timer | undefined

  constructor(parts: InHandParts) {
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
      const push = { delivery, lockedFromMs, isLost: false }
      this.#all.set(delivery.receipt, push)
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
    if (push.isLost) this.letGo(push)
    else this.#kept.push(push)
  }

  /** Their locks are over. */
  lose(receipts: readonly string[]): void {
    for (const receipt of receipts) {
      const push = this.#all.get(receipt)
      if (push !== undefined) push.isLost = true
    }
    const lost = this.#kept.filter(({ isLost }) => isLost)
    this.#kept = this.#kept.filter(({ isLost }) => !isLost)
    for (const push of lost) this.letGo(push)
  }

  letGo(push: Push): void {
    this.#all.delete(push.delivery.receipt)
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
    for (const push of this.#all.values()) {
      if (push.isLost || nowMs - push.lockedFromMs < lockMs() / 4) continue
      push.lockedFromMs = nowMs
      renew(push.delivery.receipt, lockMs())
    }
  }

  close(): void {
    this.#renewal?.cancel()
  }
}
