// The load of a volume run: publishers that send lines by the hundred, changers, lookers, and a reader at the end of each
// partition.

import type { History, PublishResult } from '../checker/history.ts'
import type { HttpClient } from '../support/http-client.ts'
import type { SeededRandom } from '../support/seeded-random.ts'
import { Caller, sleep } from './caller.ts'
import { Changers } from './changers.ts'
import { Lookers } from './lookers.ts'
import { type Message, publishRequest } from './publish-request.ts'
import { recordsIn } from './reading.ts'

export const VOLUME_TOPICS = ['north', 'east', 'south', 'west']
export const VOLUME_PARTITIONS = 4

const PUBLISHERS = 4
const BATCH = 500
const FILLING = 'x'.repeat(120)
/** One of so many messages is changed or asked for; of those, so many are asked for at the end as well. */
const CHANGED_ONE_OF = 20
const ASKED_LAST_MAX = 10_000

export interface VolumeOptions {
  history: History
  random: SeededRandom
  messages: number
  wheelMs: number
  /** How long after publishing they are due at the most. */
  delayMsMax: number
}

export class VolumeWorkload {
  readonly #caller: Caller
  readonly #options: VolumeOptions
  readonly #changers: Changers
  readonly #lookers: Lookers
  readonly changed: { topic: string; id: string; n: number }[] = []
  #nextMessage = 1
  #nextBatch = 1
  #working = true
  #others: Promise<void>[] = []
  #lastDueMs = 0

  constructor(options: VolumeOptions) {
    const { history, random, wheelMs } = options
    this.#options = options
    this.#caller = new Caller(history)
    this.#changers = new Changers(this.#caller, { wheelMs, random: random.fork(), oneOf: CHANGED_ONE_OF })
    this.#lookers = new Lookers(this.#caller, VOLUME_TOPICS)
  }

  /** Messages that were published, or may have been. */
  get published(): number {
    return this.#nextMessage - 1
  }

  get lastDueMs(): number {
    return Math.max(this.#lastDueMs, this.#changers.lastDueMs)
  }

  pause(): void {
    this.#caller.pause()
  }

  resume(client: HttpClient): void {
    this.#caller.resume(client)
  }

  /** Publishes everything; the others go on until stop(). */
  async run(client: HttpClient): Promise<void> {
    const { random } = this.#options
    this.resume(client)
    this.#others.push(this.#changers.work(), this.#lookers.work(random.fork()))
    for (const topic of VOLUME_TOPICS) {
      for (let partition = 0; partition < VOLUME_PARTITIONS; partition++)
        this.#others.push(this.#follow(topic, partition))
    }
    await Promise.all(Array.from({ length: PUBLISHERS }, (_, publisher) => this.#publish(publisher, random.fork())))
    this.#changers.stopMoving()
  }

  async stop(): Promise<void> {
    this.#working = false
    this.#changers.stop()
    this.#lookers.stop()
    await Promise.all(this.#others)
  }

  async #publish(publisher: number, random: SeededRandom): Promise<void> {
    while (this.#nextMessage <= this.#options.messages) {
      await this.#caller.ready
      const topic = random.pick(VOLUME_TOPICS)
      const batch = this.#nextBatch++
      const messages = this.#messages(batch, random)
      const published = messages.map(({ n, notBeforeMs, delayed, id, deliverAt }) => {
        return { n, notBeforeMs, delayed, id, byTime: deliverAt !== undefined }
      })
      // One with ids of its own is sent until it is answered.
      for (let attempt = 1, isDone = false; !isDone; attempt++) {
        await this.#caller.ready
        const op = this.#options.history.invoke('publish', { topic, messages: published, batch, publisher })
        const answer = await this.#caller.call(op, 'publish', 'POST', ...publishRequest(topic, messages, 'lines'))
        if (answer !== undefined)
          this.#answered(op, topic, messages, (answer.json as { results: PublishResult[] }).results)
        isDone = answer !== undefined || messages[0].id === undefined || attempt > 50
        if (!isDone) await sleep(50)
      }
    }
  }

  #messages(batch: number, random: SeededRandom): Message[] {
    const withIds = random.chance(0.2)
    const now = Date.now()
    return Array.from({ length: BATCH }, () => {
      const n = this.#nextMessage++
      const delayMs = random.chance(0.05) ? random.between(0, 50) : random.between(1_000, this.#options.delayMsMax)
      const notBeforeMs = now + delayMs
      const byTime = random.chance(0.5)
      return {
        n,
        notBeforeMs,
        delayed: delayMs > 0,
        ...(withIds ? { id: `message-${n}` } : {}),
        ...(delayMs > 0 ? (byTime ? { deliverAt: notBeforeMs } : { delay: delayMs }) : {}),
        value: { n, notBeforeMs, batch, filling: FILLING },
      }
    })
  }

  #answered(op: number, topic: string, messages: readonly Message[], results: readonly PublishResult[]): void {
    this.#options.history.ok(op, 'publish', {
      results: results.map(({ partition, offset, id, dueAtMs, duplicate }) => {
        return { partition, offset, id, dueAtMs, duplicate }
      }),
    })
    for (const [i, { id, dueAtMs }] of results.entries()) {
      if (id === undefined || dueAtMs === undefined) continue
      const { n } = messages[i]
      this.#lastDueMs = Math.max(this.#lastDueMs, dueAtMs)
      this.#changers.consider({ topic, id, n, dueAtMs })
      if (n % CHANGED_ONE_OF === 0 && this.changed.length < ASKED_LAST_MAX) this.changed.push({ topic, id, n })
    }
  }

  /** Reads a partition as it grows. */
  async #follow(topic: string, partition: number): Promise<void> {
    const { history } = this.#options
    for (let from = 0; this.#working; ) {
      await this.#caller.ready
      const op = history.invoke('read', { topic, partition })
      const path = `/v1/topics/${topic}/partitions/${partition}/records?offset=${from}&limit=1000`
      const page = await this.#caller.call(op, 'read', 'GET', path, {})
      const { nextOffset = from } = (page?.json ?? {}) as { nextOffset?: number }
      if (page !== undefined) history.ok(op, 'read', { records: recordsIn(page.json) })
      if (nextOffset === from) await sleep(500)
      from = nextOffset
    }
  }
}
