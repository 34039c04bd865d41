// How often values fell into each bucket of a histogram for Prometheus, and what a registry is told of that.

export interface Bucketed {
  metricName: string
  labels: Record<string, string | number>
  value: number
}

export class Buckets {
  readonly #bounds: readonly number[]
  /** By bucket, not cumulated; the last one has no bound. */
  readonly #counts: number[]
  #sum = 0

  /** `bounds`: what the buckets hold at the most, rising. */
  constructor(bounds: readonly number[]) {
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

  /** The series of the histogram `name` with these labels. */
  *series(name: string, labels: Bucketed['labels'] = {}): Generator<Bucketed> {
    let count = 0
    for (const [i, inBucket] of this.#counts.entries()) {
      count += inBucket
      const le = i < this.#bounds.length ? String(this.#bounds[i]) : '+Inf'
      yield { metricName: `${name}_bucket`, labels: { ...labels, le }, value: count }
    }
    yield { metricName: `${name}_sum`, labels, value: this.#sum }
    yield { metricName: `${name}_count`, labels, value: count }
  }
}
