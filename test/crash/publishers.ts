// Publishers. Each message carries its own number, the earliest time at which it may appear and the number of its batch in
// its value.

import type { PublishedMessage, PublishResult } from '../checker/history.ts'
import type { SeededRandom } from '../support/seeded-random.ts'
import { type Caller, sleep } from './caller.ts'
import type { Sent } from './changers.ts'
import { type Form, type Message, publishRequest } from './publish-request.ts'
import { TOPICS, type TopicName } from './topics.ts'

/** So few that most records of a compacted topic are superseded. */
const KEYS = 20
/** So many that a batch with one of each reaches most partitions of the wide topic. */
const WIDE_KEYS = 200

interface Batch {
  count: number
  delayMs: () => number
  form: Form
}

export class Publishers {
  readonly #caller: Caller
  /** What is due later than this lies beyond the wheel. */
  readonly #wheelMs: number
  readonly #weights: Record<TopicName, number>
  #nextMessage = 1
  #nextBatch = 1
  #publishing = true
  /** Told of each delayed message that was published with success. */
  readonly #onDelayed: (sent: Sent) => void
  #nextPublisher = 1
  /** Messages with an own id of which no answer came: sent again until one does. */
  #unanswered: { topic: TopicName; message: Message }[] = []
  /** When the last of what was published so far is due. */
  lastDueMs = 0
  /** Delayed messages that were published with success and whose state is asked for at the end. */
  readonly delayed: { topic: string; id: string; n: number }[] = []

  constructor(caller: Caller, wheelMs: number, onDelayed: (sent: Sent) => void) {
    this.#caller = caller
    this.#onDelayed = onDelayed
    this.#wheelMs = wheelMs
    this.#weights = Object.fromEntries(Object.entries(TOPICS).map(([topic, { weight }]) => [topic, weight])) as never
  }

  get messages(): number {
    return this.#nextMessage - 1
  }

  /** Whether nothing is left that has to be sent until an answer comes. */
  get answered(): boolean {
    return this.#unanswered.length === 0
  }

  /** Only what has no answer yet is sent from now on. */
  stopPublishing(): void {
    this.#publishing = false
  }

  async publish(random: SeededRandom): Promise<void> {
    const publisher = this.#nextPublisher++
    while (this.#publishing || this.#unanswered.length > 0) {
      await this.#caller.ready
      const again = this.#unanswered.shift()
      if (again) await this.#publish(again.topic, [again.message], { publisher }, 'json')
      else if (this.#publishing) await this.#publishSomething(random, publisher)
      await sleep(random.between(0, 15))
    }
  }

  /** Publishes `count` messages to `topic`, due so far from now that nobody will wait for them. */
  async publishFar(topic: TopicName, count: number, random: SeededRandom): Promise<void> {
    await this.#publishBatch(topic, random, 0, {
      count,
      delayMs: () => random.between(3_000, 7_200) * 1_000,
      form: 'json',
    })
  }

  async #publishSomething(random: SeededRandom, publisher: number): Promise<void> {
    const topic = random.weighted<TopicName>(this.#weights)
    const one = (delayMs: number, form: Form, id: boolean) => {
      return this.#publish(topic, [this.#message(random, topic, delayMs, undefined, id)], { publisher }, form)
    }
    const many = (batch: Batch, to = topic) => this.#publishBatch(to, random, publisher, batch)
    const few = random.between(2, 20)
    switch (
      random.weighted({
        immediate: 30,
        soon: 40,
        delayed: 50,
        far: 10,
        raw: 10,
        'immediate batch': 10,
        'mixed batch': 10,
        lines: 10,
        wide: 2,
      })
    ) {
      case 'immediate':
        return one(0, 'json', random.chance(0.3))
      // So soon that the hand may have passed it when it is consumed.
      case 'soon':
        return one(random.between(1, 12), 'json', false)
      case 'delayed':
        return one(random.between(1, 5_000), 'json', random.chance(0.5))
      case 'far':
        return one(this.#wheelMs + random.between(500, 12_000), 'json', random.chance(0.5))
      case 'raw':
        return one(random.between(0, 3_000), 'raw', true)
      case 'immediate batch':
        return many({ count: few, delayMs: () => 0, form: 'json' })
      case 'mixed batch':
        return many({ count: few, delayMs: () => random.between(-500, 4_000), form: 'json' })
      case 'lines':
        return many({ count: few, delayMs: () => random.between(-2_000, this.#wheelMs + 4_000), form: 'lines' })
      case 'wide':
        return many({ count: WIDE_KEYS, delayMs: () => 0, form: 'lines' }, 'wide')
    }
  }

  #publishBatch(
    topic: TopicName,
    random: SeededRandom,
    publisher: number,
    { count, delayMs, form }: Batch,
  ): Promise<void> {
    const batch = this.#nextBatch++
    const messages = Array.from({ length: count }, () =>
      this.#message(random, topic, Math.max(0, delayMs()), batch, false),
    )
    return this.#publish(topic, messages, { batch, publisher }, form)
  }

  #message(
    random: SeededRandom,
    topic: TopicName,
    delayMs: number,
    batch: number | undefined,
    ownId: boolean,
  ): Message {
    const n = this.#nextMessage++
    const notBeforeMs = Date.now() + delayMs
    const byTime = ownId || random.chance(0.5)
    const keyed = topic === 'compacted' || random.chance(0.5)
    const key = topic === 'wide' ? n % WIDE_KEYS : keyed ? random.between(1, KEYS) : undefined
    const fillingSize = topic === 'wide' ? 0 : random.between(0, random.chance(0.05) ? 20_000 : 600)
    return {
      n,
      notBeforeMs,
      delayed: delayMs > 0,
      ...(ownId ? { id: `message-${n}` } : {}),
      ...(delayMs > 0 ? (byTime ? { deliverAt: notBeforeMs } : { delay: delayMs }) : {}),
      ...(key === undefined ? {} : { key: `key-${key}` }),
      value: { n, notBeforeMs, batch, filling: 'x'.repeat(fillingSize) },
    }
  }

  async #publish(
    topic: TopicName,
    messages: Message[],
    by: { batch?: number; publisher: number },
    form: Form,
  ): Promise<void> {
    const { history } = this.#caller
    const published = messages.map(({ n, notBeforeMs, delayed, id, key, deliverAt }): PublishedMessage => {
      return { n, notBeforeMs, delayed, id, key, byTime: deliverAt !== undefined }
    })
    const op = history.invoke('publish', { topic, messages: published, ...by })
    for (const { notBeforeMs } of messages) this.lastDueMs = Math.max(this.lastDueMs, notBeforeMs)
    const outcome = await this.#caller.call(op, 'publish', 'POST', ...publishRequest(topic, messages, form))
    if (outcome === undefined) {
      if (messages.length === 1 && messages[0].id) this.#unanswered.push({ topic, message: messages[0] })
      return
    }
    const { results } = outcome.json as { results: PublishResult[] }
    history.ok(op, 'publish', {
      results: results.map(({ partition, offset, id, dueAtMs, duplicate }) => {
        return { partition, offset, id, dueAtMs, duplicate }
      }),
    })
    for (const [i, { id, dueAtMs }] of results.entries()) {
      if (id === undefined || dueAtMs === undefined) continue
      this.lastDueMs = Math.max(this.lastDueMs, dueAtMs)
      const { n } = messages[i]
      this.delayed.push({ topic, id, n })
      this.#onDelayed({ topic, id, n, dueAtMs })
    }
  }
}
