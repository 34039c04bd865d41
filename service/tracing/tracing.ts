// What the service tells of its work to whoever collects traces. Without the setting TRACES_ENDPOINT nobody does: then there is
// no Tracing, and of OpenTelemetry nothing is loaded.
//
// Which spans there are, by the conventions of OpenTelemetry for messaging:
//
//   span           type      parent                            links
//   publish T      send      the request's context             none
//   acquire T      receive   the request's context             the publishers of the records that it brought
//   acknowledge T  settle    the request's context             none
//   push T         process   the publisher's context, or none  the publisher, where it has no parent
//
// A push goes on with the publisher's trace when it is the first try of a message without a delay. A delayed message, and any
// later try, is a trace of its own.
//
// Always true:
//   1. A span is made when what it follows is sampled: its parent, or where it has none, one that it links to.
//   2. Topics, groups, ids and numbers stand in spans; no value, key or header of a message, no URL, no token.
//   3. Spans that cannot be delivered are bounded and given up; the service does not wait for them, nor its stop for long.

import type { Clock, Log, Random } from '../../storage/index.ts'
import type { Delivery } from '../delivery/index.ts'
import type { TraceContext } from './trace-context.ts'

export interface Operation {
  /** The span is called by it and the topic. */
  name: 'publish' | 'acquire' | 'acknowledge'
  type: 'send' | 'receive' | 'settle'
}

/** A call of the HTTP interface that was answered. */
export interface TracedCall {
  operation: Operation
  method: string
  route: string
  topic: string
  group?: string
  status: number
  tookMs: number
  /** What the request carries. */
  context: TraceContext | undefined
  /** How many messages, or acknowledgements, it was about. */
  messages: number
  /** The records that it brought. */
  deliveries?: readonly Delivery[]
}

/** A push that begins. */
export interface TracedPush {
  group: string
  delivery: Delivery
  /** The message's id; empty when it has none. */
  id: string
  publisher: TraceContext
  /** Whether it goes on with the publisher's trace. */
  isContinued: boolean
  /** Between publishing and coming due, where a delayed message tells. */
  delayMs?: number
  /** Where it goes. */
  url: URL
}

export interface PushSpan {
  /** What the request is to carry. */
  context: TraceContext
  /** `status` of the answer, if there was one; `failure` says in a word why it did not work. */
  end(result: { status?: number; outcome: string; failure?: string }): void
}

export interface Tracing {
  called(call: TracedCall): void
  push(push: TracedPush): PushSpan
  /** Delivers what there is, if that can be done soon. */
  close(): Promise<void>
}

export interface TracingParts {
  endpoint: string
  clock: Clock
  random: Random
  log: Log
  clusterId: string
}

/** Undefined without an endpoint. @throws INVALID_SETTING for one that is no address */
export async function openTracing(parts: TracingParts): Promise<Tracing | undefined> {
  if (parts.endpoint === '') return undefined
  const { openSpans } = await import('./spans.ts')
  return openSpans(parts)
}
