// Which trace a push belongs to. The first try of a message without a delay goes on with the trace in which it was published.
// A delayed message, and any later try, has a trace of its own, which links to that one: it would go on for days.
//
// Where nobody collects traces there is no span to begin one with. Then a push that would have its own carries none, and the
// endpoint begins it; the publisher's is among the message's headers in any case.

import type { Header } from '../../storage/index.ts'
import type { Delivery } from '../delivery/index.ts'
import { ID_HEADER } from '../publish/message.ts'
import { publishedAtMs } from '../publish/message-trace.ts'
import { recordContext, TRACEPARENT, TRACESTATE } from '../tracing/trace-context.ts'
import type { PushSpan, Tracing } from '../tracing/tracing.ts'

export interface PushPlace {
  group: string
  url: URL
}

/**
 * Adds the context that a push is to carry to the header of its request; answers its span, where there is one.
 * `ofMessage`: the headers of the record.
 */
export function joinTrace(
  fields: string[],
  delivery: Delivery,
  ofMessage: readonly Header[],
  { group, url }: PushPlace,
  tracing: Tracing | undefined,
): PushSpan | undefined {
  const publisher = recordContext(ofMessage)
  if (publisher === undefined) return undefined
  const publishedMs = publishedAtMs(ofMessage)
  const isContinued = publishedMs === undefined && delivery.deliveryCount === 1 && delivery.attempts.length === 0
  const span = tracing?.push({
    ...{ group, url, delivery, publisher, isContinued },
    id: ofMessage.find(([name]) => name === ID_HEADER)?.[1]?.toString() ?? '',
    delayMs: publishedMs === undefined ? undefined : delivery.timestampMs - publishedMs,
  })
  const context = span?.context ?? (isContinued ? publisher : undefined)
  if (context !== undefined) fields.push(TRACEPARENT, context.traceparent)
  if (context?.tracestate !== undefined) fields.push(TRACESTATE, context.tracestate)
  return span
}
