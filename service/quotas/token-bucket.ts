// A rate: so many tokens a second flow into a bucket that holds a tenth of a second's, at least one, when nothing else is
// said. Who spends more than there is leaves a debt, which is paid first.

export class TokenBucket {
  readonly #clock: { monotonicMs(): number }
  readonly #perMs: number
  readonly #size: number
  #tokens: number
  #atMs: number

  constructor(clock: { monotonicMs(): number }, perSecond: number, atOnce: number = Math.max(1, perSecond / 10)) {
    this.#clock = clock
    this.#perMs = perSecond / 1_000
    this.#size = atOnce
    this.#tokens = this.#size
    this.#atMs = clock.monotonicMs()
  }

  /** Whole tokens that are there. */
  get available(): number {
    this.#fill()
    return Math.max(0, Math.floor(this.#tokens))
  }

  spend(count: number): void {
    this.#fill()
    this.#tokens -= count
  }

  /** How long it is until one is there; 0 when one is. */
  get waitMs(): number {
    this.#fill()
    return this.#tokens >= 1 ? 0 : Math.ceil((1 - this.#tokens) / this.#perMs)
  }

  #fill(): void {
    const nowMs = this.#clock.monotonicMs()
    this.#tokens = Math.min(this.#size, this.#tokens + (nowMs - this.#atMs) * this.#perMs)
    this.#atMs = nowMs
  }
}
