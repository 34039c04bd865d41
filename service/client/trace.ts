// The trace in which a program publishes, handed on in the words of W3C Trace Context. Which one it is, the program says by a
// function; so OpenTelemetry, or whatever else it uses, is its own business.

/** Fields of a header; what else stands there is left alone. */
export interface TraceContext {
  traceparent?: string
  tracestate?: string
}

/** Called when a method of the client is called, so that it finds what is active there. Undefined, or empty: no trace. */
export type TraceSource = () => TraceContext | undefined

const NONE: TraceContext = {}
const FIELD = /^[\x21-\x7e](?:[\x20-\x7e]{0,510}[\x21-\x7e])?$/

/** What `source` says, without what no header can carry. */
export function traceFields(source: TraceSource | undefined): Record<string, string> | undefined {
  const { traceparent, tracestate } = source?.() ?? NONE
  if (traceparent === undefined || !FIELD.test(traceparent)) return undefined
  return tracestate !== undefined && FIELD.test(tracestate) ? { traceparent, tracestate } : { traceparent }
}
