// How far the hand of a server can have got, told from what the harness did to its wall clock. A hand that keeps its
// promises is never ahead of what the wall clock has shown, and follows a jump ahead only when the clock has stayed there
// for the settle time; a server that starts believes its clock at once. While the clock is behind, the hand is, too.

/** What the hand follows at once. */
const STEP_MS = 1_000

interface Stretch {
  fromMs: number
  aheadMs: number
}

export class HandLimit {
  readonly #settleMs: number
  /** Since when the clock was ahead by how much: the last one holds now. */
  readonly #stretches: Stretch[] = [{ fromMs: Number.NEGATIVE_INFINITY, aheadMs: 0 }]
  /** The furthest that the wall clock has shown, and that was to be believed, before the last stretch. */
  #shownMs = Number.NEGATIVE_INFINITY
  #believed = { atMs: 0, ms: Number.NEGATIVE_INFINITY }
  /** By how much the clock was ahead, and behind, at the most, ever. */
  aheadMaxMs = 0
  behindMaxMs = 0

  constructor(settleMs: number) {
    this.#settleMs = settleMs
  }

  /** From `atMs` on the wall clock is ahead by `aheadMs`. */
  step(atMs: number, aheadMs: number): void {
    this.#settle(atMs)
    this.#stretches.push({ fromMs: atMs, aheadMs })
    this.aheadMaxMs = Math.max(this.aheadMaxMs, aheadMs)
    this.behindMaxMs = Math.max(this.behindMaxMs, -aheadMs)
  }

  /** A server started, some time up to now: it believed its clock then. */
  start(atMs: number): void {
    this.#settle(atMs)
    const ms = atMs + this.#stretches[this.#stretches.length - 1].aheadMs
    this.#believed.ms = Math.max(this.#believed.ms, ms)
  }

  /** The latest time at which a hand can stand at `atMs`, which is no earlier than the last step. */
  maxMs(atMs: number): number {
    const { aheadMs } = this.#stretches[this.#stretches.length - 1]
    const shownMs = Math.max(this.#shownMs, atMs + aheadMs)
    return this.#stretches.length === 1 ? shownMs : Math.min(shownMs, this.#believedMs(atMs))
  }

  #settle(atMs: number): void {
    const { aheadMs } = this.#stretches[this.#stretches.length - 1]
    this.#shownMs = Math.max(this.#shownMs, atMs + aheadMs)
    this.#believed = { atMs, ms: this.#believedMs(atMs) }
    // The first that is kept is the one that held when the settle time began.
    const heldFrom = this.#stretches.findLastIndex(({ fromMs }) => fromMs <= atMs - this.#settleMs)
    this.#stretches.splice(0, heldFrom)
  }

  #believedMs(atMs: number): number {
    const heldFrom = this.#stretches.findLastIndex(({ fromMs }) => fromMs <= atMs - this.#settleMs)
    const least = Math.min(...this.#stretches.slice(heldFrom).map(({ aheadMs }) => aheadMs))
    return Math.max(this.#believed.ms + (atMs - this.#believed.atMs), atMs + least + STEP_MS)
  }
}
