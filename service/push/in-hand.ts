// The records that an endpoint has in hand: acquired and not acknowledged yet. Each is being pushed, or kept: because its turn
// has not come, or because the endpoint is paused.
//
// Always true:
//   1. What is in hand has its lock renewed in time, however long that lasts and whatever the group's lock becomes meanwhile.
//   2. What lost its lock all the same (a reset, a suspended machine) is kept no longer and never renewed again: it comes
//      anew. While it is being pushed it stays in hand.
//   3. Its bytes are counted in what all endpoints share.

import type { Clock, Timer } from '../../storage/index.ts'
import type { Delivery } from '../delivery/groups.ts'
import type { Share } from './shared-bound.ts'

/** A record in hand. */
export interface Push {
  readonly delivery: Delivery
  /** Its lock as it was last taken or renewed, whatever the group's is by now. */
  lockedFromMs: number
  lockMs: number
  /** Its lock is over. */
  isLost: boolean
}

export interface InHandParts {
  clock: Clock
  bytes: Share
  /** For how long locks are renewed. */
  lockMs(): number
  /** What it comes to is told with lose(). */
  renew(receipt: string, lockMs: number): void
}

export class InHand {
  readonly #parts: InHandParts
  /** By receipt. */
  readonly #all = new Map<string, Push>()
  #kept: Push[] = []
  #renewal: { atMs: number; timer: Timer } | undefined

  constructor(parts: InHandParts) {
    this.#parts = parts
  }

  get count(): number {
    return this.#all.size
  }

  get keptCount(): number {
    return this.#kept.length
  }

  /** Takes records in that were locked for `lockMs`, kept for now. */
  add(deliveries: readonly Delivery[], lockMs: number): void {
    if (deliveries.length === 0) return
    const lockedFromMs = this.#parts.clock.monotonicMs()
    for (const delivery of deliveries) {
      const push = { delivery, lockedFromMs, lockMs, isLost: false }
      this.#all.set(delivery.receipt, push)
      this.#kept.push(push)
      this.#parts.bytes.force(delivery.body.length)
    }
    this.#renewBy(lockedFromMs + lockMs / 3)
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

  /** An earlier renewal that is due anyhow serves as well. */
  #renewBy(atMs: number): void {
    if (this.#renewal !== undefined && this.#renewal.atMs <= atMs) return
    this.#renewal?.timer.cancel()
    const { clock } = this.#parts
    this.#renewal = { atMs, timer: clock.setTimer(() => this.#renew(), atMs - clock.monotonicMs()) }
  }

  /** What has most of its lock before it waits for the next turn: 1/4 and 1/3 of a lock are less than the whole. */
  #renew(): void {
    this.#renewal = undefined
    const { clock, renew } = this.#parts
    const nowMs = clock.monotonicMs()
    let leastMs = Number.POSITIVE_INFINITY
    for (const push of this.#all.values()) {
      if (push.isLost) continue
      if (nowMs - push.lockedFromMs >= push.lockMs / 4) {
        push.lockedFromMs = nowMs
        push.lockMs = this.#parts.lockMs()
        renew(push.delivery.receipt, push.lockMs)
      }
      leastMs = Math.min(leastMs, push.lockMs)
    }
    if (leastMs < Number.POSITIVE_INFINITY) this.#renewBy(nowMs + leastMs / 3)
  }

  close(): void {
    this.#renewal?.timer.cancel()
  }
}
