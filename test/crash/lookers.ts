// People who only look: at lists of what waits, page by page, at the forecast, at the metrics, at the logs and how far they
// go.

import type { ForecastOk, OfGroup } from '../checker/history.ts'
import type { SeededRandom } from '../support/seeded-random.ts'
import { type Caller, sleep } from './caller.ts'
import { numberOf } from './publish-request.ts'
import { countersIn, describedIn, explainPath, recordsIn } from './reading.ts'

const PAGES_MAX = 20
const FOREVER_MS = Date.UTC(2100, 0)

export class Lookers {
  readonly #caller: Caller
  readonly #topics: readonly string[]
  readonly #groups: readonly OfGroup[]
  #looking = true

  constructor(caller: Caller, topics: readonly string[], groups: readonly OfGroup[] = []) {
    this.#caller = caller
    this.#topics = topics
    this.#groups = groups
  }

  stop(): void {
    this.#looking = false
  }

  async work(random: SeededRandom): Promise<void> {
    while (this.#looking) {
      await this.#caller.ready
      const topic = random.pick(this.#topics)
      switch (
        random.weighted({ list: 3, forecast: 2, metrics: 2, read: 4, explain: this.#groups.length > 0 ? 4 : 0 })
      ) {
        case 'list':
          await this.#list(topic, random)
          break
        case 'forecast':
          await this.#forecast(random.chance(0.5) ? topic : undefined, random)
          break
        case 'metrics':
          await this.#metrics()
          break
        case 'read':
          await this.#read(topic, random)
          break
        case 'explain':
          await this.#explain(random.pick(this.#groups), random)
      }
      await sleep(random.between(10, 150))
    }
  }

  /** Walks through a list, a page at a time. */
  async #list(topic: string, random: SeededRandom): Promise<void> {
    const limit = random.pick([1, 7, 100, 1_000])
    let fromMs = random.chance(0.3) ? Date.now() + random.between(-1_000, 5_000) : 0
    const toMs = random.chance(0.3) ? Math.max(fromMs, Date.now()) + random.between(0, 10_000) : FOREVER_MS
    let query = `limit=${limit}${fromMs > 0 ? `&from=${fromMs}` : ''}${toMs < FOREVER_MS ? `&to=${toMs}` : ''}`
    let after: string | null | undefined
    for (let pages = 0; pages < PAGES_MAX && after !== null; pages++) {
      const { history } = this.#caller
      const op = history.invoke('list', { topic, fromMs, toMs })
      const cursor: string = after === undefined ? '' : `&after=${encodeURIComponent(after)}`
      const answer = await this.#caller.call(op, 'list', 'GET', `/v1/topics/${topic}/delayed?${query}${cursor}`, {})
      if (answer === undefined) return
      const page = answer.json as { messages: { value: unknown; dueAtMs: number }[]; after: string | null }
      const messages = page.messages.map(({ value, dueAtMs }) => ({ n: numberOf(value), dueAtMs }))
      history.ok(op, 'list', { messages, more: page.after !== null })
      after = page.after
      fromMs = messages.at(-1)?.dueAtMs ?? fromMs
      query = `limit=${limit}${toMs < FOREVER_MS ? `&to=${toMs}` : ''}`
    }
  }

  async #forecast(topic: string | undefined, random: SeededRandom): Promise<void> {
    const { history } = this.#caller
    const op = history.invoke('forecast', { topic })
    const query = `seconds=${random.between(1, 6)}${topic === undefined ? '' : `&topic=${topic}`}`
    const answer = await this.#caller.call(op, 'forecast', 'GET', `/v1/forecast?${query}`, {})
    if (answer === undefined) return
    const { from, ...said } = answer.json as Omit<ForecastOk, 'fromMs'> & { from: string }
    history.ok(op, 'forecast', { ...said, fromMs: Date.parse(from) })
  }

  async #metrics(): Promise<void> {
    const { history } = this.#caller
    const op = history.invoke('metrics', {})
    const answer = await this.#caller.call(op, 'metrics', 'GET', '/metrics', {})
    if (answer !== undefined) history.ok(op, 'metrics', countersIn(answer.text))
  }

  /** Asks for a record that its group has just had, or will have. */
  async #explain({ topic, group }: OfGroup, random: SeededRandom): Promise<void> {
    const { history } = this.#caller
    const op = history.invoke('describe', { topic })
    const answer = await this.#caller.call(op, 'describe', 'GET', `/v1/topics/${topic}`, {})
    if (answer === undefined) return
    const described = describedIn(answer.json)
    history.ok(op, 'describe', described)
    const partition = random.between(0, described.partitions.length - 1)
    const { logStartOffset, highWatermark } = described.partitions[partition]
    const offset = random.between(Math.max(logStartOffset, highWatermark - 50), highWatermark)
    const asked = { topic, group, partition, offset }
    const asking = history.invoke('explain', asked)
    const told = await this.#caller.call(asking, 'explain', 'GET', explainPath(asked), {}, [404, 416])
    // The last one may not be written yet.
    if (told !== undefined)
      history.ok(asking, 'explain', { state: (told.json as { state?: string }).state ?? 'unknown' })
  }

  /** Reads some records, after asking how far the log goes. */
  async #read(topic: string, random: SeededRandom): Promise<void> {
    const { history } = this.#caller
    const op = history.invoke('describe', { topic })
    const answer = await this.#caller.call(op, 'describe', 'GET', `/v1/topics/${topic}`, {})
    if (answer === undefined) return
    const described = describedIn(answer.json)
    history.ok(op, 'describe', described)
    const partition = random.between(0, described.partitions.length - 1)
    const { logStartOffset, highWatermark } = described.partitions[partition]
    // The end is what changes.
    const from = Math.max(logStartOffset, highWatermark - random.pick([1, 20, 200]))
    const reading = history.invoke('read', { topic, partition })
    const path = `/v1/topics/${topic}/partitions/${partition}/records?offset=${from}&limit=500`
    const page = await this.#caller.call(reading, 'read', 'GET', path, {}, [404])
    if (page === undefined) return
    // Retention may have come by meanwhile.
    history.ok(reading, 'read', { records: recordsIn(page.json) })
  }
}
