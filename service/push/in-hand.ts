// The records that an endpoint has in hand: acquired and not acknowledged yet. Each is being pushed, or kept: because its turn
// has not come, or because the endpoint is paused. What it had in hand when the service ended is taken over at the start, and
// unread at first: a receipt and a lock.
//
// Always true:
//   1. What is in hand has its lock renewed in time, however long that lasts and whatever the group's lock becomes meanwhile.
//   2. What lost its lock all the same (a reset, a suspended machine) is kept no longer and never renewed again: it comes
//      anew. While it is being pushed it stays in hand.
//   3. Its bytes are counted in what all endpoints share; what is unread has none.

import type { Clock, Timer } from '../../storage/index.ts'
import type { Delivery, TakenOver } from '../delivery/index.ts'
import type { Share } from './shared-bound.ts'

/** A lock in hand. */
interface Held {
  readonly receipt: string
  /** As it was last taken or renewed, whatever the group's is by now. */
  lockedFromMs: number
  lockMs: number
  /** Its lock is over. */
  isLost: boolean
}

/** A record in hand. */
export interface Push extends Held {
  readonly delivery: Delivery
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
  readonly #all = new Map<string, Held>()
  #kept: Push[] = []
  #unread: Held[] = []
  #count = 0
  #renewal: { atMs: number; timer: Timer } | undefined

  constructor(parts: InHandParts) {
    this.#parts = parts
  }

  /** Without those unread. */
  get count(): number {
    return this.#count
  }

  get keptCount(): number {
    return this.#kept.length
  }

  get unreadCount(): number {
    return this.#unread.length
  }

  /** Takes in what was in hand when the service ended, locked from now on. */
  takeOver(taken: readonly TakenOver[]): void {
    const lockedFromMs = this.#parts.clock.monotonicMs()
    for (const { receipt, lockMs } of taken) {
      const held = { receipt, lockedFromMs, lockMs, isLost: false }
      this.#all.set(receipt, held)
      this.#unread.push(held)
      this.#renewBy(lockedFromMs + lockMs / 3)
    }
  }

  /**
   * Has the next `count` of those unread read, and keeps what comes; `read` answers for the first of them, at least one, and
   * undefined for what is no longer there: its lock runs out.
   */
  async read(count: number, read: (receipts: string[]) => Promise<(Delivery | undefined)[]>): Promise<void> {
    const asked = this.#unread.slice(0, count)
    const deliveries = await read(asked.map(({ receipt }) => receipt))
    const done = asked.slice(0, deliveries.length)
    const isDone = new Set(done)
    this.#unread = this.#unread.filter((held) => !isDone.has(held))
    for (const [i, held] of done.entries()) {
      const delivery = deliveries[i]
      if (delivery === undefined || held.isLost) this.#all.delete(held.receipt)
      else this.#take({ ...held, delivery })
    }
  }

  /** Takes records in that were locked for `lockMs`, kept for now. */
  add(deliveries: readonly Delivery[], lockMs: number): void {
    if (deliveries.length === 0) return
    const lockedFromMs = this.#parts.clock.monotonicMs()
    for (const delivery of deliveries) {
      this.#take({ receipt: delivery.receipt, delivery, lockedFromMs, lockMs, isLost: false })
    }
    this.#renewBy(lockedFromMs + lockMs / 3)
  }

  #take(push: Push): void {
    this.#all.set(push.receipt, push)
    this.#kept.push(push)
    this.#count++
    this.#parts.bytes.force(push.delivery.body.length)
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
      const held = this.#all.get(receipt)
      if (held !== undefined) held.isLost = true
    }
    for (const { receipt, isLost } of this.#unread) if (isLost) this.#all.delete(receipt)
    this.#unread = this.#unread.filter(({ isLost }) => !isLost)
    const lost = this.#kept.filter(({ isLost }) => isLost)
    this.#kept = this.#kept.filter(({ isLost }) => !isLost)
    for (const push of lost) this.letGo(push)
  }

  letGo(push: Push): void {
    this.#all.delete(push.receipt)
    this.#count--
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
    for (const held of this.#all.values()) {
      if (held.isLost) continue
      if (nowMs - held.lockedFromMs >= held.lockMs / 4) {
        held.lockedFromMs = nowMs
        held.lockMs = this.#parts.lockMs()
        renew(held.receipt, held.lockMs)
      }
      leastMs = Math.min(leastMs, held.lockMs)
    }
    if (leastMs < Number.POSITIVE_INFINITY) this.#renewBy(nowMs + leastMs / 3)
  }

  close(): void {
    this.#renewal?.timer.cancel()
  }
}
