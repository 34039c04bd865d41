// How an endpoint does: failures in a row, and when a paused one is probed.
//
//   open ──pauseAfter failures in a row, 410, or not allowed──► paused ──a push that works, or a call of resume──► open
//
// While it is paused one push at a time is tried: the first 5 s after the pause began, then after twice as long each time, at
// most 5 min; an answer that blames the request tells that somebody is there, and the next probe is 5 s away again. Not durable, but for the pause itself (PushSettings.paused): a start begins with the first probe.

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
  }

  /** A push failed while the endpoint was open; whether it is to be paused. */
  failed(pauseAfter: number): boolean {
    return ++this.#failures >= pauseAfter
  }

  pause(): void {
    this.#probeAfter(PROBE_MS_FIRST)
  }

  probeFailed({ blamesRequest }: { blamesRequest: boolean }): void {
    this.#probeAfter(blamesRequest ? PROBE_MS_FIRST : Math.min(this.#probeMs * 2, PROBE_MS_MAX))
  }

  #probeAfter(ms: number): void {
    this.#probeMs = ms
    this.#probeAtMs = this.#clock.monotonicMs() + ms
  }

  /** How long it is until the next probe; 0 when it is due. */
  get probeInMs(): number {
    return Math.max(0, Math.ceil(this.#probeAtMs - this.#clock.monotonicMs()))
  }
}
