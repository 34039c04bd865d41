// A histogram for Prometheus that takes many equal values at once: a dispatch may hold ten thousand messages, of which each
// millisecond is one value. It is what prom-client calls a metric, as far as its registry asks.

interface Series {
  metricName: string
  labels: { le?: string }
  value: number
}

export class CountedHistogram {
  readonly name: string
  readonly help: string
  readonly type = 'histogram'
  readonly #bounds: readonly number[]
  /** By bucket, not cumulated; the last one has no bound. */
  readonly #counts: number[]
  #sum = 0

  /** `bounds`: what the buckets hold at the most, rising. */
  constructor(name: string, help: string, bounds: readonly number[]) {
    this.name = name
    this.help = help
    this.#bounds = bounds
    this.#counts = new Array<number>(bounds.length + 1).fill(0)
  }

  /** Takes `value`, `count` times. */
  observe(value: number, count: number): void {
    let bucket = 0
    while (bucket < this.#bounds.length && value > this.#bounds[bucket]) bucket++
    this.#counts[bucket] += count
    this.#sum += value * count
  }

  /** What the registry asks for when somebody looks. */
  async get() {
    const { name, help, type } = this
    const values: Series[] = []
    let count = 0
    for (const [i, inBucket] of this.#counts.entries()) {
      count += inBucket
      const le = i < this.#bounds.length ? String(this.#bounds[i]) : '+Inf'
      values.push({ metricName: `${name}_bucket`, labels: { le }, value: count })
    }
    values.push({ metricName: `${name}_sum`, labels: {}, value: this.#sum })
    values.push({ metricName: `${name}_count`, labels: {}, value: count })
    return { name, help, type, values, aggregator: 'sum' }
  }
}
