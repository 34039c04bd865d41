// So many a second, evenly: what is due since the beginning, less what was done. Who could not keep up catches up on at most
// a second's worth, so a disk that stood still is not followed by a flood.

const CATCH_UP_MS = 1_000

export class Pace {
  readonly #clock: { monotonicMs(): number }
  readonly #perSecond: number
  #beganMs: number
  #done = 0

  constructor(clock: { monotonicMs(): number }, perSecond: number) {
    this.#clock = clock
    this.#perSecond = perSecond
    this.#beganMs = clock.monotonicMs()
  }

  /** How many are due and not done. */
  get due(): number {
    const nowMs = this.#clock.monotonicMs()
    const due = Math.floor(((nowMs - this.#beganMs) * this.#perSecond) / 1_000 - this.#done)
    const most = Math.max(1, Math.ceil((this.#perSecond * CATCH_UP_MS) / 1_000))
    if (due <= most) return Math.max(0, due)
    this.#beganMs = nowMs - (most * 1_000) / this.#perSecond
    this.#done = 0
    return most
  }

  /** How long until `count` are due; 0 when they are. */
  waitMs(count: number): number {
    const atMs = this.#beganMs + ((this.#done + count) * 1_000) / this.#perSecond
    return Math.max(0, Math.ceil(atMs - this.#clock.monotonicMs()))
  }

  did(count: number): void {
    this.#done += count
  }
}
