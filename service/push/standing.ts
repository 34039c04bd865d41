// How an endpoint stands: open, or paused. Decided by what its pushes come to, and by a call of resume.
//
//   open ──pauseAfter failures in a row, 410, or not allowed──► paused ──a push that works, or a call of resume──► open
//
// While it is paused one push at a time is tried: the first 5 s after the pause began, then after twice as long each time, at
// most 5 min; an answer that blames the request tells that somebody is there, and the next probe is 5 s away again.
//
// After a crash: the pause stands in the group's settings (PushSettings.paused); a start begins with the first probe.

import type { Clock, Log } from '../../storage/index.ts'
import type { Groups, PushSettings } from '../delivery/index.ts'
import type { Push } from './in-hand.ts'
import type { Verdict } from './verdict.ts'

const PROBE_MS_FIRST = 5_000
const PROBE_MS_MAX = 5 * 60_000

/** The label of its metric. */
export type PauseCause = 'failures' | 'gone' | 'denied'

export interface StandingParts {
  groups: Groups
  clock: Clock
  log: Log
  /** An endpoint was paused. */
  onPause(cause: PauseCause): void
}

export class Standing {
  readonly #place: { topic: string; group: string }
  readonly #parts: StandingParts
  #push: PushSettings
  #failures = 0
  #probe: Push | undefined
  #probeMs = PROBE_MS_FIRST
  #probeAtMs = 0

  constructor(place: { topic: string; group: string }, push: PushSettings, parts: StandingParts) {
    this.#place = place
    this.#parts = parts
    this.#push = push
    if (push.paused) this.#probeAfter(PROBE_MS_FIRST)
  }

  get isPaused(): boolean {
    return this.#push.paused !== undefined
  }

  update(push: PushSettings): void {
    // Somebody says that it will work.
    if (this.isPaused && !push.paused) this.#failures = 0
    this.#push = push
  }

  /** How long it is until a probe may be sent, 0 when it may be; infinite while one is under way. */
  get probeInMs(): number {
    if (this.#probe !== undefined) return Number.POSITIVE_INFINITY
    return Math.max(0, Math.ceil(this.#probeAtMs - this.#parts.clock.monotonicMs()))
  }

  /** A push is sent; while the endpoint is paused, it is the probe. */
  sent(push: Push): void {
    if (this.isPaused) this.#probe = push
  }

  /** A push came to this; whether its record is to be kept, as one that was not tried. */
  ended(push: Push, verdict: Verdict): boolean {
    const { endpoint, outcome, reason, blamesRequest } = verdict
    const wasProbe = this.#probe === push
    if (wasProbe) this.#probe = undefined
    if (endpoint === 'works') {
      this.#works()
      return false
    }
    if (!this.isPaused) this.#failed(endpoint === 'paused' ? outcome : undefined, reason)
    else if (wasProbe) this.#probeAfter(blamesRequest ? PROBE_MS_FIRST : Math.min(this.#probeMs * 2, PROBE_MS_MAX))
    return this.isPaused && !blamesRequest
  }

  #works(): void {
    this.#failures = 0
    if (!this.isPaused) return
    this.#parts.log.info(this.#names, 'The endpoint works again.')
    this.#write(undefined)
  }

  /** `atOnce`: what pauses without a row of failures. */
  #failed(atOnce: Verdict['outcome'] | undefined, why: string): void {
    const { pauseAfter } = this.#push
    const isTooMuch = ++this.#failures >= pauseAfter
    if (atOnce === undefined && !isTooMuch) return
    const reason = atOnce ? why : `${pauseAfter} failures in a row, the last of them: ${why}`
    const { clock, log, onPause } = this.#parts
    onPause(atOnce === 'gone' || atOnce === 'denied' ? atOnce : 'failures')
    log.warn({ ...this.#names, reason }, 'The endpoint is paused, and probed now and then.')
    this.#probeAfter(PROBE_MS_FIRST)
    this.#write({ sinceMs: clock.wallMs(), reason })
  }

  #probeAfter(ms: number): void {
    this.#probeMs = ms
    this.#probeAtMs = this.#parts.clock.monotonicMs() + ms
  }

  /** Holds from this turn on: the group tells of its change, by update(), before it is durable. */
  #write(paused: PushSettings['paused']): void {
    const { groups, log } = this.#parts
    const written = groups.pauseEndpoint(this.#place.topic, this.#place.group, paused)
    written.catch((err) => log.error({ ...this.#names, err }, 'The pause of an endpoint is not written down.'))
  }

  /** Of what follows the host logs say nothing: it may hold a secret. */
  get #names() {
    return { ...this.#place, host: new URL(this.#push.url).host }
  }
}
