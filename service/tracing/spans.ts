// Spans of the service's work, made by OpenTelemetry's API. Each is made when its call is over, but that of a push, whose
// context goes along with the request; so nothing is kept of a call meanwhile. What they say: tracing.ts.

import {
  type Attributes,
  createTraceState,
  type Link,
  ROOT_CONTEXT,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api'
import { type Clock, DwellError, decodeRecordBody } from '../../storage/index.ts'
import type { Delivery } from '../delivery/index.ts'
import { exportSpans } from './export.ts'
import {
  flagsOf,
  isSampled,
  recordContext,
  spanIdOf,
  TRACEPARENT,
  type TraceContext,
  traceIdOf,
} from './trace-context.ts'
import type { PushSpan, TracedCall, TracedPush, Tracing, TracingParts } from './tracing.ts'

/** As many as a span of the SDK takes. */
const LINKS_MAX = 128
const SYSTEM = { 'messaging.system': 'dwell' }
const TRACEPARENT_BYTES = Buffer.from(TRACEPARENT)

/** Spans that go to the endpoint of the setting. @throws INVALID_SETTING */
export function openSpans(parts: TracingParts): Tracing {
  const { tracer, close } = exportSpans(parts)
  return new Spans(tracer, parts.clock, close)
}

class Spans implements Tracing {
  readonly #tracer: Tracer
  readonly #clock: Clock
  readonly close: () => Promise<void>

  constructor(tracer: Tracer, clock: Clock, close: () => Promise<void>) {
    this.#tracer = tracer
    this.#clock = clock
    this.close = close
  }

  called({ operation, context, topic, group, deliveries = [], ...call }: TracedCall): void {
    if (context !== undefined && !isSampled(context)) return
    const links = linksOf(deliveries)
    if (context === undefined && links.length === 0) return
    const endMs = this.#clock.wallMs()
    const span = this.#tracer.startSpan(
      `${operation.name} ${topic}`,
      {
        kind: SpanKind.SERVER,
        startTime: endMs - call.tookMs,
        links,
        attributes: {
          ...SYSTEM,
          'messaging.operation.name': operation.name,
          'messaging.operation.type': operation.type,
          'messaging.destination.name': topic,
          'messaging.consumer.group.name': group,
          'messaging.batch.message_count': call.messages,
          'http.request.method': call.method,
          'http.route': call.route,
          'http.response.status_code': call.status,
          'error.type': call.status >= 500 ? String(call.status) : undefined,
        },
      },
      parentOf(context),
    )
    if (call.status >= 500) span.setStatus({ code: SpanStatusCode.ERROR })
    span.end(endMs)
  }

  push({ group, delivery, id, publisher, isContinued, delayMs, url }: TracedPush): PushSpan {
    const span = this.#tracer.startSpan(
      `push ${delivery.topic}`,
      {
        kind: SpanKind.CLIENT,
        startTime: this.#clock.wallMs(),
        links: isContinued ? [] : [{ context: spanContextOf(publisher) }],
        attributes: {
          ...SYSTEM,
          'messaging.operation.name': 'push',
          'messaging.operation.type': 'process',
          'messaging.destination.name': delivery.topic,
          'messaging.consumer.group.name': group,
          ...placeOf(delivery, id),
          'dwell.message.delay_ms': delayMs,
          'http.request.method': 'POST',
          'server.address': url.hostname,
          'server.port': Number(url.port) || (url.protocol === 'https:' ? 443 : 80),
        },
      },
      parentOf(isContinued ? publisher : undefined),
    )
    return {
      context: contextOf(span.spanContext()),
      end: ({ status, outcome, failure }) => {
        span.setAttributes({
          'http.response.status_code': status,
          'dwell.push.outcome': outcome,
          'error.type': failure,
        })
        if (failure !== undefined) span.setStatus({ code: SpanStatusCode.ERROR })
        span.end(this.#clock.wallMs())
      },
    }
  }
}

/** To the publishers of those records that carry a context; the first of them. */
function linksOf(deliveries: readonly Delivery[]): Link[] {
  const links: Link[] = []
  for (let i = 0; i < deliveries.length && links.length < LINKS_MAX; i++) {
    const link = linkOf(deliveries[i])
    if (link !== undefined) links.push(link)
  }
  return links
}

function linkOf(delivery: Delivery): Link | undefined {
  // Most of what is not traced costs no decoding.
  if (!delivery.body.includes(TRACEPARENT_BYTES)) return undefined
  const context = contextIn(delivery)
  return context && { context: spanContextOf(context), attributes: placeOf(delivery, '') }
}

/** What is damaged has none. */
function contextIn({ body }: Delivery): TraceContext | undefined {
  try {
    return recordContext(decodeRecordBody(body).headers)
  } catch (error) {
    if (error instanceof DwellError) return undefined
    throw error
  }
}

function placeOf({ partition, offset, deliveryCount }: Delivery, id: string): Attributes {
  return {
    'messaging.destination.partition.id': String(partition),
    'messaging.message.id': id === '' ? undefined : id,
    'dwell.message.offset': offset,
    'dwell.delivery.count': deliveryCount,
  }
}

function parentOf(context: TraceContext | undefined) {
  return context === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, spanContextOf(context))
}

function spanContextOf(context: TraceContext): SpanContext {
  return {
    traceId: traceIdOf(context),
    spanId: spanIdOf(context),
    traceFlags: flagsOf(context),
    traceState: context.tracestate === undefined ? undefined : createTraceState(context.tracestate),
    isRemote: true,
  }
}

function contextOf({ traceId, spanId, traceFlags, traceState }: SpanContext): TraceContext {
  const flags = traceFlags.toString(16).padStart(2, '0')
  return { traceparent: `00-${traceId}-${spanId}-${flags}`, tracestate: traceState?.serialize() || undefined }
}
