// Mixed load over HTTP, as several clients would make it, and the history of what they were told.
//
// Workers stand still while the server is down (`pause`, `resume`) and never wait for each other.

import type { History } from '../checker/history.ts'
import type { HttpClient } from '../support/http-client.ts'
import type { SeededRandom } from '../support/seeded-random.ts'
import { Administrator } from './administrator.ts'
import { Caller, sleep } from './caller.ts'
import { Changers } from './changers.ts'
import { Consumers } from './consumers.ts'
import { GroupKeepers } from './group-keepers.ts'
import { Lookers } from './lookers.ts'
import { Publishers } from './publishers.ts'
import type { PushEndpoint } from './push-endpoint.ts'
import { GROUPS, TOPICS } from './topics.ts'

/** Longer than any lock, tier or own delay, that of an endpoint too: when nothing came for so long, nothing will. */
const QUIET_MS = 7_000
const REST_MS_MAX = 60_000

export interface WorkloadOptions {
  history: History
  random: SeededRandom
  publishers: number
  endpoint: PushEndpoint
  /** What is due later than this lies beyond the wheel. */
  wheelMs: number
}

export class Workload {
  readonly #options: WorkloadOptions
  readonly #caller: Caller
  readonly #publishers: Publishers
  readonly #consumers: Consumers
  readonly #administrator: Administrator
  readonly #changers: Changers
  readonly #lookers: Lookers
  readonly #keepers: GroupKeepers
  #workers: Promise<void>[] = []

  constructor(options: WorkloadOptions) {
    this.#options = options
    this.#caller = new Caller(options.history)
    const changers = new Changers(this.#caller, { wheelMs: options.wheelMs, random: options.random.fork(), oneOf: 3 })
    this.#changers = changers
    this.#publishers = new Publishers(this.#caller, options.wheelMs, (sent) => changers.consider(sent))
    this.#lookers = new Lookers(this.#caller, Object.keys(TOPICS), GROUPS)
    this.#consumers = new Consumers(this.#caller)
    this.#administrator = new Administrator(this.#caller)
    this.#keepers = new GroupKeepers(this.#caller)
  }

  start(client: HttpClient): void {
    this.resume(client)
    const { random, publishers } = this.#options
    for (let i = 0; i < publishers; i++) this.#workers.push(this.#publishers.publish(random.fork()))
    this.#workers.push(this.#changers.work(), this.#administrator.work(random.fork()))
    this.#workers.push(this.#lookers.work(random.fork()))
    for (const group of GROUPS) {
      for (let i = 0; i < group.consumers; i++) this.#workers.push(this.#consumers.consume(group, random.fork()))
    }
    this.#workers.push(this.#keepers.work(random.fork()))
  }

  pause(): void {
    this.#caller.pause()
  }

  resume(client: HttpClient): void {
    this.#consumers.lastDeliveryMs = Date.now()
    this.#caller.resume(client)
  }

  /** Stops publishing, lets consumers accept everything, resolves when nothing comes any more. */
  async drain(): Promise<void> {
    const publishers = this.#publishers
    const changers = this.#changers
    publishers.stopPublishing()
    changers.stopMoving()
    this.#administrator.stop()
    this.#consumers.acceptAll()
    this.#options.endpoint.acceptAll()
    this.#keepers.settle()
    const lastDueMs = () => Math.max(publishers.lastDueMs, changers.lastDueMs)
    const lastDeliveryMs = () => Math.max(this.#consumers.lastDeliveryMs, this.#options.endpoint.lastPushMs)
    const isQuiet = () => Date.now() > Math.max(lastDueMs(), lastDeliveryMs()) + QUIET_MS
    const untilMs = Math.max(Date.now(), lastDueMs()) + REST_MS_MAX
    while (!isQuiet() || !publishers.answered || !this.#keepers.isSettled) {
      if (Date.now() > untilMs) throw new Error('it does not come to rest: deliveries go on, or an answer never comes')
      await sleep(100)
    }
    this.#keepers.stop()
    changers.stop()
    this.#lookers.stop()
    this.#consumers.stop()
    await Promise.all(this.#workers)
  }

  /** Publishes messages that stay. */
  async publishFar(count: number): Promise<void> {
    const { random } = this.#options
    for (const topic of ['alpha', 'gamma'] as const) await this.#publishers.publishFar(topic, count, random)
  }

  get messages(): number {
    return this.#publishers.messages
  }

  /** Delayed messages that were published with success and whose state is asked for at the end. */
  get delayed(): { topic: string; id: string; n: number }[] {
    return this.#publishers.delayed
  }
}
