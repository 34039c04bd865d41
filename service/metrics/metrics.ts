// What Prometheus sees. The number of series is bounded, whatever the number of topics and groups; README.md beside
// this file has a line for each metric.

import { Counter, type Registry } from 'prom-client'
import type { Written } from '../../storage/index.ts'
import { CountedHistogram } from './counted-histogram.ts'
import { deliverySeries } from './delivery-series.ts'
import { HttpRequests } from './http-requests.ts'
import { type Acks, PublishedByTopic } from './published-by-topic.ts'
import { publishingSeries } from './publishing-series.ts'
import { Series } from './series.ts'
import { askedOnce, type MetricSources } from './sources.ts'
import { storageSeries } from './storage-series.ts'

const KIB = 1024
const LATENESS_SECONDS = [0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30, 300]
const PUSH_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 300]
const WRITE_SECONDS = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5]
const GROUP_APPENDS = [1, 2, 4, 8, 16, 32, 64, 128, 256, 1024]
const GROUP_BYTES = [4, 16, 64, 256, 1024, 4096, 16_384].map((kib) => kib * KIB)

export interface MetricsOptions {
  /** Topics, groups and tiers that have a series of their own, each. */
  namesMax: number
  /** What is known of the process, where it is one of its own. */
  process?: Registry
}

export class Metrics {
  readonly #series = new Series()
  readonly #process: Registry | undefined
  #forget = () => {}
  readonly #publishedByTopic: PublishedByTopic
  readonly #requests = new HttpRequests()
  readonly #lateness = this.#histogram(
    'dwell_dispatch_lateness_seconds',
    'How late delayed messages were published: durable, minus due.',
    LATENESS_SECONDS,
  )
  readonly #pushes = this.#histogram(
    'dwell_push_seconds',
    'How long pushes took, from the connection to the end of the answer.',
    PUSH_SECONDS,
  )
  readonly #canaryLateness = this.#histogram(
    'dwell_canary_lateness_seconds',
    'How late the canary was acquired: handed out, minus due.',
    LATENESS_SECONDS,
  )
  readonly #writes = this.#histogram(
    'dwell_journal_write_seconds',
    'How long it took to write a group to the journal and to sync it.',
    WRITE_SECONDS,
  )
  readonly #groupAppends = this.#histogram(
    'dwell_journal_group_appends',
    'Appends that became durable with one write to the journal.',
    GROUP_APPENDS,
  )
  readonly #groupBytes = this.#histogram('dwell_journal_group_bytes', 'Bytes of one write to the journal.', GROUP_BYTES)
  readonly #canariesLost = this.#counter('dwell_canary_lost_total', 'Canaries that were not acquired in time.')
  readonly #problems = this.#counter(
    'dwell_http_problems_total',
    'Requests that were answered with an error, by its code.',
    'code',
  )
  readonly #droppedConnections = this.#counter(
    'dwell_http_connections_dropped_total',
    'Connections that were not taken or closed: there were too many, or an answer was left unread.',
  )

  /** Counts what it is told of from now on; the numbers that others keep it reads from watch() on. */
  constructor({ namesMax, process }: MetricsOptions) {
    this.#process = process
    this.#publishedByTopic = new PublishedByTopic(namesMax)
    for (const metric of this.#requests.metrics()) this.#series.own(metric)
  }

  /** Reads these whenever somebody looks; to be called once. */
  watch(parts: MetricSources): void {
    const { sources, forget } = askedOnce(parts)
    this.#forget = forget
    publishingSeries(this.#series, sources, this.#publishedByTopic)
    deliverySeries(this.#series, sources)
    storageSeries(this.#series, sources)
  }

  get contentType(): string {
    return this.#series.registry.contentType
  }

  /** `count` messages were dispatched so late. */
  observeLateness(latenessMs: number, count: number): void {
    this.#lateness.observe(Math.max(0, latenessMs) / 1000, count)
  }

  observePush(tookMs: number): void {
    this.#pushes.observe(tookMs / 1000, 1)
  }

  observeCanary(latenessMs: number): void {
    this.#canaryLateness.observe(Math.max(0, latenessMs) / 1000, 1)
  }

  countLostCanary(): void {
    this.#canariesLost.inc()
  }

  observeWrite({ appends, bytes, tookMs }: Written): void {
    this.#writes.observe(tookMs / 1000, 1)
    this.#groupAppends.observe(appends, 1)
    this.#groupBytes.observe(bytes, 1)
  }

  /** Duplicates are none of them. */
  countPublished(topic: string, acks: Acks, messages: number): void {
    if (messages > 0) this.#publishedByTopic.count(topic, acks, messages)
  }

  /** A request to `route`, undefined when there is none, was answered. */
  countRequest(method: string, route: string | undefined, status: number, tookMs: number): void {
    this.#requests.count(method, route, status, tookMs)
  }

  countProblem(code: string): void {
    this.#problems.inc({ code })
  }

  countDroppedConnection(): void {
    this.#droppedConnections.inc()
  }

  /** All series in Prometheus' text format. */
  async text(): Promise<string> {
    this.#forget()
    const own = await this.#series.registry.metrics()
    this.#forget()
    return this.#process === undefined ? own : `${own}\n${await this.#process.metrics()}`
  }

  /** Each metric with what it says, by name. */
  describe(): { name: string; type: string; labels: readonly string[]; help: string }[] {
    const all = [this.#series.registry, this.#process].flatMap((registry) => registry?.getMetricsAsArray() ?? [])
    return all
      .map(({ name, type, help, ...rest }) => {
        const { labelNames = [] } = rest as { labelNames?: readonly string[] }
        return { name, type: String(type), labels: labelNames.filter((label) => label !== 'le'), help }
      })
      .sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  #histogram(name: string, help: string, bounds: readonly number[]): CountedHistogram {
    return this.#series.own(new CountedHistogram(name, help, bounds))
  }

  #counter(name: string, help: string, ...labelNames: string[]): Counter {
    return new Counter({ name, help, labelNames, registers: [this.#series.registry] })
  }
}
