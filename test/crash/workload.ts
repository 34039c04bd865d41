// Mixed load over HTTP, as several clients would make it, and the history of what they were told. Each message carries
// its own number, the earliest time at which it may appear and the number of its batch in its value.
//
// Workers stand still while the server is down (`pause`, `resume`) and never wait for each other.

import { type Answer, type HttpClient, NoAnswer } from '../support/http-client.ts'
import type { SeededRandom } from '../support/seeded-random.ts'
import type {
  AcknowledgeInvoke,
  AcknowledgeResult,
  AcknowledgeType,
  Call,
  DeliveredRecord,
  History,
  PublishedMessage,
  PublishResult,
} from './history.ts'
import { type Form, type Message, publishRequest } from './publish-request.ts'

export const TOPICS = { alpha: 4, beta: 1, gamma: 2 } as const
export const GROUPS = [
  { topic: 'alpha', group: 'one' },
  { topic: 'alpha', group: 'two' },
  { topic: 'beta', group: 'one' },
] as const
export const RETRY_TIERS = ['1s', '2s', '3s']
const LOCK_MS_MAX = 2_500
/** Longer than any lock, tier or own delay: when nothing came for so long, nothing will. */
export const QUIET_MS = 6_000
const REST_MS_MAX = 60_000

export interface WorkloadOptions {
  history: History
  random: SeededRandom
  publishers: number
  consumersPerGroup: number
  /** What is due later than this lies beyond the wheel. */
  wheelMs: number
}

interface Sent {
  topic: string
  n: number
  id: string
  dueAtMs: number
}

type Topic = keyof typeof TOPICS

export class Workload {
  readonly #options: WorkloadOptions
  readonly #history: History
  #client: HttpClient | undefined
  #resumed = Promise.withResolvers<HttpClient>()
  #nextMessage = 1
  #nextBatch = 1
  #publishing = true
  #consuming = true
  #acceptAll = false
  #workers: Promise<void>[] = []
  #toCancel: (Sent & { atMs: number })[] = []
  #lastDueMs = 0
  #lastDeliveryMs = 0
  /** Messages with an own id of which no answer came: sent again until one does. */
  #unanswered: { topic: Topic; message: Message }[] = []
  /** Delayed messages that were published with success and whose state is asked for at the end. */
  readonly delayed: { topic: string; id: string; n: number }[] = []

  constructor(options: WorkloadOptions) {
    this.#options = options
    this.#history = options.history
  }

  start(client: HttpClient): void {
    this.resume(client)
    const { random, publishers, consumersPerGroup } = this.#options
    for (let i = 0; i < publishers; i++) this.#workers.push(this.#publisher(random.fork()))
    this.#workers.push(this.#canceller(random.fork()))
    for (const { topic, group } of GROUPS) {
      for (let i = 0; i < consumersPerGroup; i++) this.#workers.push(this.#consumer(topic, group, random.fork()))
    }
  }

  pause(): void {
    if (this.#client === undefined) return
    this.#client = undefined
    this.#resumed = Promise.withResolvers()
  }

  resume(client: HttpClient): void {
    this.#client = client
    this.#lastDeliveryMs = Date.now()
    this.#resumed.resolve(client)
  }

  /** Stops publishing, lets consumers accept everything, resolves when nothing comes any more. */
  async drain(): Promise<void> {
    this.#publishing = false
    this.#acceptAll = true
    const quiet = () => Date.now() > Math.max(this.#lastDueMs, this.#lastDeliveryMs) + QUIET_MS
    const untilMs = Math.max(Date.now(), this.#lastDueMs) + REST_MS_MAX
    while (!quiet() || this.#unanswered.length > 0) {
      if (Date.now() > untilMs) throw new Error('it does not come to rest: deliveries go on, or an answer never comes')
      await sleep(100)
    }
    this.#consuming = false
    await Promise.all(this.#workers)
  }

  get messages(): number {
    return this.#nextMessage - 1
  }

  async #publisher(random: SeededRandom): Promise<void> {
    while (this.#publishing || this.#unanswered.length > 0) {
      await this.#resumed.promise
      const again = this.#unanswered.shift()
      if (again) await this.#publish(again.topic, [again.message], undefined, 'json')
      else if (this.#publishing) await this.#publishSomething(random)
      await sleep(random.between(0, 15))
    }
  }

  async #publishSomething(random: SeededRandom): Promise<void> {
    const topic = random.weighted<Topic>({ alpha: 5, beta: 2, gamma: 3 })
    const one = (delayMs: number, id?: boolean) => this.#message(random, delayMs, undefined, id)
    switch (
      random.weighted({
        immediate: 3,
        soon: 4,
        delayed: 5,
        far: 1,
        raw: 1,
        'immediate batch': 1,
        'mixed batch': 1,
        lines: 1,
      })
    ) {
      case 'immediate':
        return this.#publish(topic, [one(0, random.chance(0.3))], undefined, 'json')
      // So soon that the hand may have passed it when it is consumed.
      case 'soon':
        return this.#publish(topic, [one(random.between(1, 12))], undefined, 'json')
      case 'delayed':
        return this.#publish(topic, [one(random.between(1, 5_000), random.chance(0.5))], undefined, 'json')
      case 'far': {
        const delayMs = this.#options.wheelMs + random.between(500, 12_000)
        return this.#publish(topic, [one(delayMs, random.chance(0.5))], undefined, 'json')
      }
      case 'raw':
        return this.#publish(topic, [one(random.between(0, 3_000), true)], undefined, 'raw')
      case 'immediate batch':
        return this.#publishBatch(topic, random, () => 0, 'json')
      case 'mixed batch':
        return this.#publishBatch(topic, random, () => random.between(-500, 4_000), 'json')
      case 'lines':
        return this.#publishBatch(topic, random, () => random.between(-2_000, this.#options.wheelMs + 4_000), 'lines')
    }
  }

  #publishBatch(topic: Topic, random: SeededRandom, delayMs: () => number, form: Form): Promise<void> {
    const batch = this.#nextBatch++
    const messages = Array.from({ length: random.between(2, 20) }, () =>
      this.#message(random, Math.max(0, delayMs()), batch),
    )
    return this.#publish(topic, messages, batch, form)
  }

  #message(random: SeededRandom, delayMs: number, batch?: number, id = false): Message {
    const n = this.#nextMessage++
    const notBeforeMs = Date.now() + delayMs
    const byTime = id || random.chance(0.5)
    return {
      n,
      notBeforeMs,
      delayed: delayMs > 0,
      ...(id ? { id: `message-${n}` } : {}),
      ...(delayMs > 0 ? (byTime ? { deliverAt: notBeforeMs } : { delay: delayMs }) : {}),
      ...(random.chance(0.5) ? { key: `key-${random.between(0, 20)}` } : {}),
      value: { n, notBeforeMs, batch, filling: 'x'.repeat(random.between(0, random.chance(0.05) ? 20_000 : 600)) },
    }
  }

  async #publish(topic: Topic, messages: Message[], batch: number | undefined, form: Form): Promise<void> {
    const published = messages.map(
      ({ n, notBeforeMs, delayed, id }): PublishedMessage => ({ n, notBeforeMs, delayed, id }),
    )
    const op = this.#history.invoke('publish', { topic, messages: published, batch })
    for (const { notBeforeMs } of messages) this.#lastDueMs = Math.max(this.#lastDueMs, notBeforeMs)
    const outcome = await this.#call(op, 'publish', 'POST', ...publishRequest(topic, messages, form))
    if (outcome === undefined) {
      if (messages.length === 1 && messages[0].id) this.#unanswered.push({ topic, message: messages[0] })
      return
    }
    const results = (outcome.json as { results: PublishResult[] }).results
    this.#history.ok(op, 'publish', {
      results: results.map(({ partition, offset, id, dueAtMs, duplicate }) => ({
        partition,
        offset,
        id,
        dueAtMs,
        duplicate,
      })),
    })
    for (const [i, { id, dueAtMs }] of results.entries()) {
      if (id === undefined || dueAtMs === undefined) continue
      this.#lastDueMs = Math.max(this.#lastDueMs, dueAtMs)
      this.delayed.push({ topic, id, n: messages[i].n })
      // Not those of batches: a batch stands or falls together.
      if (batch === undefined && messages[i].n % 4 === 0) {
        const atMs = Date.now() + (dueAtMs - Date.now()) * ((messages[i].n % 23) / 20)
        this.#toCancel.push({ topic, n: messages[i].n, id, dueAtMs, atMs })
      }
    }
  }

  async #canceller(random: SeededRandom): Promise<void> {
    while (this.#consuming) {
      await this.#resumed.promise
      const now = Date.now()
      const ripe = this.#toCancel.filter(({ atMs }) => atMs <= now)
      this.#toCancel = this.#toCancel.filter(({ atMs }) => atMs > now)
      await Promise.all(ripe.map((sent) => this.#cancel(sent, random)))
      await sleep(20)
    }
  }

  async #cancel(sent: Sent, random: SeededRandom): Promise<void> {
    const { topic, id, n } = sent
    const op = this.#history.invoke('cancel', { topic, id, n })
    const path = `/v1/topics/${topic}/delayed/${encodeURIComponent(id)}`
    const answer = await this.#call(op, 'cancel', 'DELETE', path, {}, [404, 409])
    if (answer === undefined) {
      // Asked again, as a client would: cancelling twice is the same as once.
      if (random.chance(0.7)) this.#toCancel.push({ ...sent, atMs: Date.now() })
      return
    }
    const state = ({ 200: 'cancelled', 409: 'dispatched', 404: 'unknown' } as const)[answer.status] ?? 'unknown'
    this.#history.ok(op, 'cancel', { state })
  }

  async #consumer(topic: string, group: string, random: SeededRandom): Promise<void> {
    const base = `/v1/topics/${topic}/groups/${group}`
    while (this.#consuming) {
      await this.#resumed.promise
      const records = await this.#acquire(base, topic, group, random)
      if (records === undefined || records.length === 0) {
        await sleep(20)
        continue
      }
      this.#lastDeliveryMs = Date.now()
      if (random.chance(0.2)) await sleep(random.between(0, 100))
      const decided = records.map((record) => this.#decide(record, random)).filter((decision) => decision !== undefined)
      await this.#acknowledge(base, topic, group, decided)
    }
  }

  async #acquire(
    base: string,
    topic: string,
    group: string,
    random: SeededRandom,
  ): Promise<DeliveredRecord[] | undefined> {
    const op = this.#history.invoke('acquire', { topic, group })
    const body = {
      max: random.between(1, this.#acceptAll ? 500 : 60),
      wait: 500,
      lock: random.between(500, LOCK_MS_MAX),
    }
    const answer = await this.#call(op, 'acquire', 'POST', `${base}/acquire`, { body })
    if (answer === undefined) return undefined
    const { records } = answer.json as { records: AcquiredJson[] }
    const delivered = records.map(({ value, receipt, deliveryCount, lockedUntil, partition, offset }) => ({
      n: numberOf(value),
      receipt,
      deliveryCount,
      lockedUntilMs: Date.parse(lockedUntil),
      partition,
      offset,
    }))
    this.#history.ok(op, 'acquire', { records: delivered })
    return delivered
  }

  #decide({ n, receipt, deliveryCount }: DeliveredRecord, random: SeededRandom): Acknowledgement | undefined {
    const decision = this.#acceptAll
      ? 'accept'
      : random.weighted({ accept: 78, release: 10, 'release late': 3, reject: 3, renew: 3, forget: 3 })
    const type: AcknowledgeType = decision === 'release late' ? 'release' : decision === 'forget' ? 'accept' : decision
    if (decision === 'forget') return undefined
    return {
      n,
      receipt,
      deliveryCount,
      type,
      delayMs: decision === 'release late' ? random.between(1, 2_000) : undefined,
    }
  }

  async #acknowledge(base: string, topic: string, group: string, decided: Acknowledgement[]): Promise<void> {
    if (decided.length === 0) return
    const op = this.#history.invoke('acknowledge', { topic, group, acknowledgements: decided })
    const acknowledgements = decided.map(({ receipt, type, delayMs, n }) => ({
      receipt,
      type,
      ...(delayMs === undefined ? {} : { delay: delayMs }),
      ...(type === 'release' || type === 'reject' ? { reason: `decided for ${n}` } : {}),
      ...(type === 'renew' ? { lock: LOCK_MS_MAX } : {}),
    }))
    const answer = await this.#call(op, 'acknowledge', 'POST', `${base}/acknowledge`, { body: { acknowledgements } })
    if (answer === undefined) return
    const { results } = answer.json as { results: ResultJson[] }
    this.#history.ok(op, 'acknowledge', {
      results: results.map(
        ({ state, dueAt, tier, lockedUntil }): AcknowledgeResult => ({
          state,
          tier,
          dueAtMs: dueAt === undefined ? undefined : Date.parse(dueAt),
          lockedUntilMs: lockedUntil === undefined ? undefined : Date.parse(lockedUntil),
        }),
      ),
    })
    // What was renewed is accepted with the same receipt.
    const renewed = decided.filter((_, i) => results[i].state === 'acquired')
    await this.#acknowledge(
      base,
      topic,
      group,
      renewed.map((one) => ({ ...one, type: 'accept', delayMs: undefined })),
    )
  }

  /** The answer when it is a success (or one of `also`); otherwise undefined, and the event that says why. */
  async #call(
    op: number,
    call: Call,
    method: string,
    path: string,
    options: Parameters<HttpClient['call']>[2],
    also: number[] = [],
  ): Promise<Answer | undefined> {
    const client = this.#client
    if (client === undefined) {
      this.#history.fail(op, call, 'the server is down')
      return undefined
    }
    try {
      const answer = await client.call(method, path, options)
      if (answer.status < 300 || also.includes(answer.status)) return answer
      const why = `${answer.status} ${answer.text.slice(0, 300)}`
      if (answer.status >= 500) this.#history.info(op, call, why)
      else this.#history.fail(op, call, why)
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error
      if (error.sent) this.#history.info(op, call, error.message)
      else this.#history.fail(op, call, error.message)
    }
    return undefined
  }
}

type Acknowledgement = AcknowledgeInvoke['acknowledgements'][number]
interface AcquiredJson {
  value: unknown
  receipt: string
  deliveryCount: number
  lockedUntil: string
  partition: number
  offset: number
}

interface ResultJson {
  state: string
  dueAt?: string
  tier?: string
  lockedUntil?: string
}

/** The number that a message carries, in whatever form its value came back. */
export function numberOf(value: unknown): number {
  const parsed = typeof value === 'string' ? JSON.parse(value) : value
  const n = (parsed as { n?: unknown } | null)?.n
  return typeof n === 'number' ? n : -1
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
