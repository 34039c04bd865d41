// Spans that a collector never gets: because it does not take them, or because too many wait for it.
//
// Always true:
//   1. At most `waitingMax` spans wait; what ends beyond that is lost.
//   2. The log says once that spans are lost, and once that they are not any more, and how many they were.

import { TraceFlags } from '@opentelemetry/api'
import type { SpanExporter, SpanProcessor } from '@opentelemetry/sdk-trace'
import type { Log } from '../../storage/index.ts'

export interface LostSpansOptions {
  log: Log
  /** As the log is to name the collector. */
  endpoint: string
  waitingMax: number
}

export class LostSpans {
  readonly #options: LostSpansOptions
  #waiting = 0
  #lost = 0

  constructor(options: LostSpansOptions) {
    this.#options = options
  }

  /** `processor`, which is to take a span as waiting until it is exported. */
  before(processor: SpanProcessor): SpanProcessor {
    const { waitingMax } = this.#options
    return {
      onStart: (span, context) => processor.onStart(span, context),
      onEnd: (span) => {
        if ((span.spanContext().traceFlags & TraceFlags.SAMPLED) === 0) return
        if (this.#waiting === waitingMax) return this.#lose(1, `${waitingMax} wait already.`)
        this.#waiting++
        processor.onEnd(span)
      },
      forceFlush: () => processor.forceFlush(),
      shutdown: () => processor.shutdown(),
    }
  }

  /** `exporter`, which sends what waited. */
  after(exporter: SpanExporter): SpanExporter {
    return {
      export: (spans, done) => {
        this.#waiting -= spans.length
        exporter.export(spans, (result) => {
          if (result.error !== undefined) this.#lose(spans.length, result.error.message)
          else this.#deliver()
          done(result)
        })
      },
      shutdown: () => exporter.shutdown(),
      forceFlush: () => exporter.forceFlush?.() ?? Promise.resolve(),
    }
  }

  #lose(count: number, reason: string): void {
    const { log, endpoint } = this.#options
    if (this.#lost === 0) log.warn({ endpoint, reason }, 'Spans cannot be delivered; they are lost.')
    this.#lost += count
  }

  #deliver(): void {
    const { log, endpoint } = this.#options
    if (this.#lost === 0) return
    log.info({ endpoint, lost: this.#lost }, 'Spans can be delivered again.')
    this.#lost = 0
  }
}
