// Series whose numbers are kept elsewhere, and read when somebody looks.

import { Counter, Gauge, type Metric, Registry } from 'prom-client'

/** What a registry asks of a metric. */
export interface OwnMetric {
  name: string
  get(): Promise<unknown>
}

export type Labelled = Iterable<readonly [labels: readonly string[], value: number]>

export class Series {
  readonly registry = new Registry()

  /** A number that goes up and down. */
  gauge(name: string, help: string, read: () => number): void {
    new Gauge({
      name,
      help,
      registers: [this.registry],
      collect() {
        this.set(read())
      },
    })
  }

  /** A number that only grows while the process runs. */
  counter(name: string, help: string, read: () => number): void {
    new Counter({
      name,
      help,
      registers: [this.registry],
      collect() {
        this.reset()
        this.inc(read())
      },
    })
  }

  /** Gauges with these labels; what is not read any more is no series any more. */
  gauges(name: string, help: string, labelNames: readonly string[], read: () => Labelled): void {
    this.#labelled(Gauge<string>, { name, help, labelNames }, read)
  }

  /** Counters with these labels, as above. */
  counters(name: string, help: string, labelNames: readonly string[], read: () => Labelled): void {
    this.#labelled(Counter<string>, { name, help, labelNames }, read)
  }

  #labelled(
    Kind: typeof Gauge<string> | typeof Counter<string>,
    described: { name: string; help: string; labelNames: readonly string[] },
    read: () => Labelled,
  ): void {
    new Kind({
      ...described,
      registers: [this.registry],
      collect() {
        this.reset()
        for (const [labels, value] of read()) this.inc(named(described.labelNames, labels), value)
      },
    })
  }

  own<M extends OwnMetric>(metric: M): M {
    this.registry.registerMetric(metric as unknown as Metric)
    return metric
  }
}

function named(names: readonly string[], labels: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.map((name, i) => [name, labels[i]]))
}

/** Numbers by the value of one label. */
export function byLabel(numbers: Readonly<Record<string, number>>): Labelled {
  return Object.entries(numbers).map(([label, value]) => [[label], value] as const)
}
