// Where an endpoint's pushes go, and what each of them needs of the settings: URL, headers, keys, sockets.
//
// Always true: a push ends with the settings with which it began. Sockets of other settings are closed when their last push is
// over, or are cut off with the rest.

import type { Dispatcher } from 'undici'
import type { Clock } from '../../storage/index.ts'
import type { Delivery, PushSettings } from '../delivery/index.ts'
import type { Tracing } from '../tracing/tracing.ts'
import { confidentialTexts } from './confidential.ts'
import { exchange } from './exchange.ts'
import { type PushRequest, pushRequest, type Sender } from './push-request.ts'
import { joinTrace } from './push-trace.ts'
import { keyOf } from './signature.ts'
import { judge, type Verdict } from './verdict.ts'

export interface TargetParts {
  clock: Clock
  clusterId: string
  openPool(push: PushSettings): Dispatcher
  /** Whether so many sockets are idle that the next push is to close its own. */
  isCrowded(): boolean
  /** Only where somebody collects traces. */
  tracing?: Tracing
  /** A push ended. */
  onEnd(outcome: Verdict['outcome'], tookMs: number): void
}

export class Target {
  readonly #group: string
  readonly #parts: TargetParts
  #push: PushSettings
  #url!: URL
  #sender!: Sender
  #confidential!: readonly string[]
  #pool: Dispatcher
  /** Closed, but for pushes that are under way still. */
  readonly #oldPools = new Set<Dispatcher>()

  constructor(group: string, push: PushSettings, parts: TargetParts) {
    this.#group = group
    this.#parts = parts
    this.#push = push
    this.#prepare()
    this.#pool = parts.openPool(push)
  }

  update(push: PushSettings): void {
    const before = this.#push
    this.#push = push
    this.#prepare()
    const { url, concurrency, timeoutMs } = before
    if (push.url === url && push.concurrency === concurrency && push.timeoutMs === timeoutMs) return
    const old = this.#pool
    this.#oldPools.add(old)
    // One that is cut off while it closes is gone as well.
    const gone = () => void this.#oldPools.delete(old)
    old.close().then(gone, gone)
    this.#pool = this.#parts.openPool(push)
  }

  #prepare(): void {
    const { url, headers, secrets } = this.#push
    const keys = secrets.map(keyOf).filter((key) => key !== undefined)
    this.#url = new URL(url)
    this.#sender = { group: this.#group, clusterId: this.#parts.clusterId, headers, keys }
    this.#confidential = confidentialTexts(this.#push)
  }

  /** Pushes a record; never rejects. */
  async push(delivery: Delivery): Promise<Verdict> {
    const { clock, onEnd, isCrowded, tracing } = this.#parts
    const confidential = this.#confidential
    const beganMs = clock.monotonicMs()
    let request: PushRequest
    try {
      request = pushRequest(delivery, this.#sender, clock.wallMs())
    } catch (error) {
      // Released, it is told and counted as what cannot be retried either.
      return { outcome: 'release', endpoint: 'failed', reason: String(error), blamesRequest: true }
    }
    const url = this.#url
    const span = joinTrace(request.headers, delivery, request.ofMessage, { group: this.#group, url }, tracing)
    const options = { clock, timeoutMs: this.#push.timeoutMs, closesSocket: isCrowded() }
    const result = await exchange(this.#pool, url.pathname + url.search, request, options)
    const verdict = judge(result, clock.wallMs(), confidential)
    span?.end({
      status: result.kind === 'answer' ? result.answer.status : undefined,
      outcome: verdict.outcome,
      failure: verdict.endpoint === 'works' ? undefined : verdict.outcome,
    })
    onEnd(verdict.outcome, clock.monotonicMs() - beganMs)
    return verdict
  }

  /** To be called when no push is under way. */
  async close(): Promise<void> {
    await this.#pool.destroy()
  }

  /** Ends what is under way without an answer. */
  cut(): void {
    for (const pool of [this.#pool, ...this.#oldPools]) pool.destroy().catch(() => {})
  }
}
