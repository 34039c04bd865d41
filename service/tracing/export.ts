// Where spans go: OpenTelemetry's SDK, which gathers them and sends them to a collector, OTLP over HTTP with JSON. What the
// exporter reads of the environment holds as well: OTEL_EXPORTER_OTLP_HEADERS for a token, OTEL_SERVICE_NAME,
// OTEL_RESOURCE_ATTRIBUTES.
//
// Always true:
//   1. At most QUEUE_MAX spans wait and one request is under way; what comes beyond that is lost, and told: lost-spans.ts.
//   2. A stop waits CLOSE_MS for the last of them, whatever the collector does.

import { type SpanContext, TraceFlags, type Tracer, trace } from '@opentelemetry/api'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { detectResources, envDetector, resourceFromAttributes } from '@opentelemetry/resources'
import { BatchSpanProcessor, type Sampler, SamplingDecision, TracerProvider } from '@opentelemetry/sdk-trace'
import { DwellError } from '../../storage/index.ts'
import { LostSpans } from './lost-spans.ts'
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
  const lost = new LostSpans({ log, endpoint: url.origin, waitingMax: QUEUE_MAX })
  const exporter = lost.after(new OTLPTraceExporter({ url: url.href, timeoutMillis: EXPORT_MS }))
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
      lost.before(
        new BatchSpanProcessor({
          exporter,
          maxQueueSize: QUEUE_MAX,
          maxExportBatchSize: BATCH_MAX,
          scheduledDelayMillis: EVERY_MS,
          exportTimeoutMillis: EXPORT_MS,
        }),
      ),
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

function urlOf(endpoint: string): URL {
  const url = URL.parse(endpoint)
  const isNamed = url !== null && /^https?:$/.test(url.protocol)
  // They would not be sent.
  const hasSecret = isNamed && (url.username !== '' || url.password !== '')
  if (isNamed && !hasSecret) return url
  const sentence = hasSecret
    ? 'DWELL_TRACES_ENDPOINT must be an address without a user and a password; OTEL_EXPORTER_OTLP_HEADERS carries what a collector asks for.'
    : 'DWELL_TRACES_ENDPOINT must be an address such as http://collector:4318/v1/traces.'
  throw new DwellError('INVALID_SETTING', sentence, { setting: 'DWELL_TRACES_ENDPOINT' })
}
