// A histogram for Prometheus that takes many equal values at once: a dispatch may hold ten thousand messages, of which each
// millisecond is one value. It is what prom-client calls a metric, as far as its registry asks.

import { Buckets } from './buckets.ts'

export class CountedHistogram {
  readonly name: string
  readonly help: string
  readonly type = 'histogram'
  readonly #buckets: Buckets

  /** `bounds`: what the buckets hold at the most, rising. */
  constructor(name: string, help: string, bounds: readonly number[]) {
    this.name = name
    this.help = help
    this.#buckets = new Buckets(bounds)
  }

  /** Takes `value`, `count` times. */
  observe(value: number, count: number): void {
    this.#buckets.observe(value, count)
  }

  /** What the registry asks for when somebody looks. */
  async get() {
    const { name, help, type } = this
    return { name, help, type, values: [...this.#buckets.series(name)], aggregator: 'sum' }
  }
}
