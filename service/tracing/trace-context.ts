// The context of a trace as it travels with requests and records: W3C Trace Context.
//
//   traceparent   00-<trace id, 32 hex>-<id of the span, 16 hex>-<flags, 2 hex>; the lowest bit of the flags: it is sampled
//   tracestate    what tracing systems add to it, at most 512 characters here
//
// A publisher's context is kept in the headers `traceparent` and `tracestate` of a record, where everybody looks for it who
// knows traces in Kafka.
//
// Always true: what is no context by the specification is none, and no error; a tracestate without one, or that is too long, is
// left out. Of a version that we do not know only what version 00 knows is kept.

import type { Header } from '../../storage/index.ts'

export const TRACEPARENT = 'traceparent'
export const TRACESTATE = 'tracestate'

export interface TraceContext {
  /** Version 00. */
  traceparent: string
  tracestate: string | undefined
}

type Fields = Readonly<Record<string, string | string[] | undefined>>

const TRACESTATE_SIZE_MAX = 512
const VERSION_00 = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/
const LATER_VERSION = /^(?!00|ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?$/
const TRACESTATE_TEXT = /^[\x20-\x7e]+$/
const SAMPLED = 1

/** The context that a request carries, if it is one. */
export function requestContext(fields: Fields): TraceContext | undefined {
  const traceparent = fields[TRACEPARENT]
  return traceparent === undefined ? undefined : contextOf(traceparent, fields[TRACESTATE])
}

/** The context that a record carries, if it is one. */
export function recordContext(headers: readonly Header[]): TraceContext | undefined {
  const traceparent = textOf(headers, TRACEPARENT)
  return traceparent === undefined ? undefined : contextOf(traceparent, textOf(headers, TRACESTATE))
}

/** The headers of a record that keep a context. */
export function contextHeaders({ traceparent, tracestate }: TraceContext): Header[] {
  const headers: Header[] = [[TRACEPARENT, Buffer.from(traceparent)]]
  if (tracestate !== undefined) headers.push([TRACESTATE, Buffer.from(tracestate)])
  return headers
}

/** Whether a publisher gave a message a context, or something that stands in its place. */
export function hasContext(headers: readonly Header[]): boolean {
  for (let i = 0; i < headers.length; i++)
    if (headers[i][0] === TRACEPARENT || headers[i][0] === TRACESTATE) return true
  return false
}

export function traceIdOf({ traceparent }: TraceContext): string {
  return traceparent.slice(3, 35)
}

export function spanIdOf({ traceparent }: TraceContext): string {
  return traceparent.slice(36, 52)
}

export function flagsOf({ traceparent }: TraceContext): number {
  return Number.parseInt(traceparent.slice(53), 16)
}

export function isSampled(context: TraceContext): boolean {
  return (flagsOf(context) & SAMPLED) !== 0
}

function contextOf(given: string | string[], tracestate: string | string[] | undefined): TraceContext | undefined {
  if (typeof given !== 'string') return undefined
  const traceparent = VERSION_00.test(given) ? given : fromLaterVersion(given)
  return traceparent === undefined ? undefined : { traceparent, tracestate: stateOf(tracestate) }
}

function fromLaterVersion(given: string): string | undefined {
  const found = LATER_VERSION.exec(given)
  if (found === null) return undefined
  const [, traceId, spanId, flags] = found
  return `00-${traceId}-${spanId}-${(Number.parseInt(flags, 16) & SAMPLED) === 0 ? '00' : '01'}`
}

/** Fields that come several times are one list. */
function stateOf(given: string | string[] | undefined): string | undefined {
  if (given === undefined) return undefined
  const text = Array.isArray(given) ? given.join(',') : given
  return text.length <= TRACESTATE_SIZE_MAX && TRACESTATE_TEXT.test(text) ? text : undefined
}

function textOf(headers: readonly Header[], name: string): string | undefined {
  const content = headers.find(([other]) => other === name)?.[1]
  // Longer than this, it is none anyhow.
  if (content === undefined || content === null || content.length > TRACESTATE_SIZE_MAX) return undefined
  return Buffer.from(content.buffer, content.byteOffset, content.length).toString('latin1')
}
