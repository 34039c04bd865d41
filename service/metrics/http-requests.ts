// Requests by route and status, and how long they took by route. Routes are those of the server: a path that is none of them
// counts as `none`, so there are only so many series. It is what prom-client calls a metric, as far as its registry asks.

import { type Bucketed, Buckets } from './buckets.ts'

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30]

/** What is not one of the server's routes. */
const NO_ROUTE = 'none'

interface Route {
  method: string
  route: string
  byStatus: Map<number, number>
  seconds: Buckets
}

export class HttpRequests {
  readonly #routes = new Map<string, Map<string, Route>>()

  /** A request to `route` (undefined for none) was answered with `status` after `tookMs`. */
  count(method: string, route: string | undefined, status: number, tookMs: number): void {
    const found = this.#route(route === undefined ? NO_ROUTE : method, route ?? NO_ROUTE)
    found.byStatus.set(status, (found.byStatus.get(status) ?? 0) + 1)
    found.seconds.observe(tookMs / 1000, 1)
  }

  #route(method: string, route: string): Route {
    let methods = this.#routes.get(route)
    if (methods === undefined) this.#routes.set(route, (methods = new Map()))
    let found = methods.get(method)
    if (found === undefined) {
      methods.set(method, (found = { method, route, byStatus: new Map(), seconds: new Buckets(SECONDS) }))
    }
    return found
  }

  *#all(): Generator<Route> {
    for (const methods of this.#routes.values()) yield* methods.values()
  }

  /** The two metrics of it. */
  metrics() {
    const requests = {
      name: 'dwell_http_requests_total',
      help: 'Requests that were answered, by route and status; none is a path that is no route.',
      type: 'counter' as const,
      labelNames: ['method', 'route', 'status'],
    }
    const seconds = {
      name: 'dwell_http_request_seconds',
      help: 'How long requests took, by route; an acquire may wait for records as long as it was told to.',
      type: 'histogram' as const,
      labelNames: ['method', 'route'],
    }
    return [
      { ...requests, get: async () => ({ ...requests, aggregator: 'sum', values: [...this.#byStatus()] }) },
      { ...seconds, get: async () => ({ ...seconds, aggregator: 'sum', values: [...this.#times(seconds.name)] }) },
    ]
  }

  *#byStatus(): Generator<Omit<Bucketed, 'metricName'>> {
    for (const { method, route, byStatus } of this.#all()) {
      for (const [status, value] of byStatus) yield { labels: { method, route, status }, value }
    }
  }

  *#times(name: string): Generator<Bucketed> {
    for (const { method, route, seconds } of this.#all()) yield* seconds.series(name, { method, route })
  }
}
