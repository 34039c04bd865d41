// Where spans go: OpenTelemetry's SDK, which gathers them and sends them to a collector, OTLP over HTTP with JSON. What the
// exporter reads of the environment holds as well: OTEL_EXPORTER_OTLP_HEADERS for a token, OTEL_SERVICE_NAME,
// OTEL_RESOURCE_ATTRIBUTES.
//
// Always true:
//   1. At most QUEUE_MAX spans wait and one request is under way; what comes beyond that is dropped.
//   2. That spans cannot be delivered is said once, and once that they can be again.
//   3. A stop waits CLOSE_MS for the last of them, whatever the collector does.

import { type SpanContext, TraceFlags, type Tracer, trace } from '@opentelemetry/api'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { detectResources, envDetector, resourceFromAttributes } from '@opentelemetry/resources'
import {
  BatchSpanProcessor,
  type Sampler,
  SamplingDecision,
  type SpanExporter,
  TracerProvider,
} from '@opentelemetry/sdk-trace'
import { DwellError, type Log } from '../../storage/index.ts'
import type { TracingParts } from './tracing.ts'

const QUEUE_MAX = 4_096
const BATCH_MAX = 512
const EVERY_MS = 2_000
const EXPORT_MS = 5_000
const CLOSE_MS = 2_000

/** @throws INVALID_SETTING */
export function exportSpans(parts: TracingParts): { tracer: Tracer; close(): Promise<void> } {
  const { random, clock, log, clusterId } = parts
  const url = urlOf(parts.endpoint)
  const exporter = told(new OTLPTraceExporter({ url: url.href, timeoutMillis: EXPORT_MS }), log, url)
  const provider = new TracerProvider({
    sampler: FOLLOWS,
    resource: resourceFromAttributes({ 'service.name': 'dwell', 'service.instance.id': clusterId }).merge(
      detectResources({ detectors: [envDetector] }),
    ),
    idGenerator: {
      generateTraceId: () => random.bytes(16).toString('hex'),
      generateSpanId: () => random.bytes(8).toString('hex'),
    },
    spanProcessors: [
      new BatchSpanProcessor({
        exporter,
        maxQueueSize: QUEUE_MAX,
        maxExportBatchSize: BATCH_MAX,
        scheduledDelayMillis: EVERY_MS,
        exportTimeoutMillis: EXPORT_MS,
      }),
    ],
  })
  const close = async () => {
    const { promise: isLate, resolve } = Promise.withResolvers<void>()
    const timer = clock.setTimer(resolve, CLOSE_MS)
    await Promise.race([isLate, provider.shutdown().catch(() => {})])
    timer.cancel()
  }
  log.info({ endpoint: url.origin }, 'Spans of sampled traces are sent to a collector.')
  return { tracer: provider.getTracer('dwell'), close }
}

/** Sampled is what follows something sampled: its parent, or without one what it links to. */
const FOLLOWS: Sampler = {
  shouldSample(context, _traceId, _name, _kind, _attributes, links) {
    const parent = trace.getSpanContext(context)
    const follows = parent === undefined ? links.some((link) => isSampled(link.context)) : isSampled(parent)
    return { decision: follows ? SamplingDecision.RECORD_AND_SAMPLED : SamplingDecision.NOT_RECORD }
  },
  toString: () => 'follows its parent, else its links',
}

function isSampled({ traceFlags }: SpanContext): boolean {
  return (traceFlags & TraceFlags.SAMPLED) !== 0
}

/** An exporter whose failures stand in the log, once each time that they begin and end. */
function told(exporter: SpanExporter, log: Log, { origin: endpoint }: URL): SpanExporter {
  let lost = 0
  return {
    export: (spans, done) =>
      exporter.export(spans, (result) => {
        if (result.error !== undefined) {
          if (lost === 0)
            log.warn({ endpoint, reason: result.error.message }, 'Spans cannot be delivered; they are lost.')
          lost += spans.length
        } else if (lost > 0) {
          log.info({ endpoint, lost }, 'Spans can be delivered again.')
          lost = 0
        }
        done(result)
      }),
    shutdown: () => exporter.shutdown(),
    forceFlush: () => exporter.forceFlush?.() ?? Promise.resolve(),
  }
}

function urlOf(endpoint: string): URL {
  const url = URL.parse(endpoint)
  if (url !== null && /^https?:$/.test(url.protocol)) return url
  const sentence = 'TRACES_ENDPOINT must be an address such as http://collector:4318/v1/traces.'
  throw new DwellError('INVALID_SETTING', sentence, { setting: 'TRACES_ENDPOINT' })
}
