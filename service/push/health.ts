// How an endpoint does: failures in a row, and when a paused one is probed.
//
//   open ──pauseAfter failures in a row, 410, or not allowed──► paused ──a push that works, or a call of resume──► open
//
// While it is paused one push at a time is tried: the first 5 s after the pause began, then after twice as long each time, at
// most 5 min. Not durable, but for the pause itself (PushSettings.paused): a start begins with the first probe.

const PROBE_MS_FIRST = 5_000
const PROBE_MS_MAX = 5 * 60_000

export class Health {
  readonly #clock: { monotonicMs(): number }
  #failures = 0
  #probeMs = PROBE_MS_FIRST
  #probeAtMs = 0

  constructor(clock: { monotonicMs(): number }) {
    this.#clock = clock
  }

  /** A push worked, or somebody says that it will. */
  works(): void {
    this.#failures = 0
    this.#probeMs = PROBE_MS_FIRST
  }

  /** A push failed while the endpoint was open; whether it is to be paused. */
  failed(pauseAfter: number): boolean {
    return ++this.#failures >= pauseAfter
  }

  pause(): void {
    this.#probeMs = PROBE_MS_FIRST
    this.#probeAtMs = this.#clock.monotonicMs() + this.#probeMs
  }

  probeFailed(): void {
    this.#probeMs = Math.min(this.#probeMs * 2, PROBE_MS_MAX)
    this.#probeAtMs = this.#clock.monotonicMs() + this.#probeMs
  }

  /** How long it is until the next probe; 0 when it is due. */
  get probeInMs(): number {
    return Math.max(0, Math.ceil(this.#probeAtMs - this.#clock.monotonicMs()))
  }
}
