// Messages to another topic that go on while something large happens, and how late they are: at a steady, moderate rate,
// published and consumed in processes of their own.

import type { BenchServer } from './bench-server.ts'
import { LoadProcess } from './load-process.ts'
import type { ConsumerOptions, ConsumerResult, Finish } from './peers/consumer.ts'
import type { PublisherOptions, PublisherResult } from './peers/publisher.ts'
import { quantile, type Row } from './table.ts'

const PER_SECOND = 1_000
const SECONDS = 20
const DUE = { aheadMs: 2_000, spanMs: 1 }
const SHARED = { peer: 'Dwell', topic: 'bystanders', count: PER_SECOND * SECONDS }
const PATIENCE_MS = 60_000

export class Bystanders {
  readonly #consumer: LoadProcess<ConsumerResult>
  readonly #publisher: LoadProcess<PublisherResult>

  private constructor(port: number) {
    const publishing: PublisherOptions = {
      ...SHARED,
      port,
      from: 0,
      size: 1024,
      messages: 1,
      underWay: 64,
      perSecond: PER_SECOND,
      due: DUE,
    }
    const consuming: ConsumerOptions = { ...SHARED, port, consumers: 1 }
    this.#publisher = new LoadProcess<PublisherResult>('peers/publisher.ts', publishing)
    this.#consumer = new LoadProcess<ConsumerResult>('peers/consumer.ts', consuming)
  }

  /** They begin at once. */
  static async start(server: BenchServer): Promise<Bystanders> {
    await server.call('PUT', `/v1/topics/${SHARED.topic}`, { partitions: 4 })
    return new Bystanders(server.port)
  }

  /** Resolves when they are through. */
  async row(): Promise<Row> {
    const { dueAtMs } = await this.#publisher.result
    this.#consumer.tell({ withinMs: PATIENCE_MS } satisfies Finish)
    const { takenMs, taken } = await this.#consumer.result
    const lateMs = Array.from(takenMs, (atMs, n) => (atMs === 0 ? Number.POSITIVE_INFINITY : atMs - dueAtMs[n]))
    lateMs.sort((a, b) => a - b)
    return {
      'bystanders p50 ms': quantile(lateMs, 0.5),
      'p99 ms': quantile(lateMs, 0.99),
      'of them missing': SHARED.count - taken,
    }
  }

  kill(): void {
    this.#publisher.kill()
    this.#consumer.kill()
  }
}
