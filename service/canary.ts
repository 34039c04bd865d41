// The canary: a message of our own that goes once in a while the way of everybody's: published with a delay, dispatched by the
// wheel, acquired and accepted. It tells what users see, whatever the other numbers say.
//
// Always true:
//   1. One flies at a time. Who was not acquired within LOST_MS of its due time counts as lost, once; so does one that could not be
//      published. A later one finds it in the topic, accepts it, and says nothing of it.
//   2. It never fails the service.
//   3. Its topic is an ordinary one, created with a retention of its own when it is not there; its records weigh nothing.
//
// After a crash: the one that flew is not counted.

import type { Clock, Log, Timer } from '../storage/index.ts'
import { decodeRecordBody } from '../storage/index.ts'
import type { Groups } from './delivery/index.ts'
import type { Publisher } from './publish/publish.ts'
import type { Topics } from './topics.ts'

const CANARY_TOPIC = 'dwell-canary'
const GROUP = 'canary'
const DELAY_MS = 5_000
const LOST_MS = 30_000
const RETENTION_MS = 3_600_000
const ACQUIRE_MAX = 100

export interface CanaryOptions {
  clock: Clock
  hand: { nowMs(): number }
  log: Log
  topics: Topics
  publisher: Publisher
  groups: Groups
  /** From one to the next. */
  intervalMs: number
  onPublished: (topic: string) => void
  onCaught: (latenessMs: number) => void
  onLost: () => void
}

export class Canary {
  readonly #options: CanaryOptions
  readonly #stopping = new AbortController()
  #timer: Timer | undefined
  #flying: Promise<void> | undefined

  private constructor(options: CanaryOptions) {
    this.#options = options
  }

  /** The first one flies after an interval. */
  static start(options: CanaryOptions): Canary {
    const canary = new Canary(options)
    canary.#again(options.intervalMs)
    return canary
  }

  /** Resolves when none flies any more; the one that does is not counted. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    this.#timer?.cancel()
    await this.#flying
  }

  #again(inMs: number): void {
    const { clock, intervalMs } = this.#options
    this.#timer = clock.setTimer(() => {
      const beganMs = clock.monotonicMs()
      this.#flying = this.#fly().then(() => {
        if (!this.#stopping.signal.aborted) this.#again(Math.max(0, beganMs + intervalMs - clock.monotonicMs()))
      })
    }, inMs)
  }

  async #fly(): Promise<void> {
    const { log, onCaught, onLost } = this.#options
    let why = 'It was not acquired in time.'
    try {
      const latenessMs = await this.#publishAndCatch()
      if (latenessMs !== undefined) return onCaught(latenessMs)
    } catch (error) {
      why = (error as Error).message
    }
    if (this.#stopping.signal.aborted) return
    onLost()
    log.warn({ topic: CANARY_TOPIC, why }, 'A canary is lost.')
  }

  /** How late it was; undefined when it did not come. */
  async #publishAndCatch(): Promise<number | undefined> {
    const { clock, hand, topics, publisher, groups, onPublished } = this.#options
    if (topics.find(CANARY_TOPIC) === undefined) {
      await topics.put(CANARY_TOPIC, { partitions: 1, retentionMs: RETENTION_MS })
    }
    const dueAtMs = hand.nowMs() + DELAY_MS
    const value = Buffer.from(String(dueAtMs))
    await publisher.publish(CANARY_TOPIC, [
      { value, form: undefined, key: null, headers: [], partition: -1, dueAtMs, id: '' },
    ])
    onPublished(CANARY_TOPIC)
    const lostAtMs = clock.monotonicMs() + DELAY_MS + LOST_MS
    const { signal } = this.#stopping
    for (let waitMs = DELAY_MS + LOST_MS; waitMs > 0 && !signal.aborted; waitMs = lostAtMs - clock.monotonicMs()) {
      const deliveries = await groups.acquire(CANARY_TOPIC, GROUP, { max: ACQUIRE_MAX, waitMs, signal })
      const latenessMs = hand.nowMs() - dueAtMs
      if (deliveries.length === 0) continue
      const acknowledgements = deliveries.map(({ receipt }) => ({ receipt, type: 'accept' as const }))
      await groups.acknowledge(CANARY_TOPIC, GROUP, acknowledgements)
      if (deliveries.some(({ body }) => decodeRecordBody(body).value?.equals(value))) return latenessMs
    }
    return undefined
  }
}
