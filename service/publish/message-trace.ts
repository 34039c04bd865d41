// What a message keeps of the trace in which it was published (tracing/trace-context.ts).
//
// Always true:
//   1. A message that has a `traceparent` or a `tracestate` among its own headers keeps them as they are, and nothing of the
//      request's.
//   2. A message with a delay and a trace also keeps when it was published, in `__dwell.published` (epoch milliseconds as
//      text): its delivery starts a trace of its own, instead of going on with one that may be days old.
//
// A request without a context, whose messages have no headers, pays a comparison for each.

import type { Header } from '../../storage/index.ts'
import { hasContext } from '../tracing/trace-context.ts'
import type { Message } from './message.ts'

const PUBLISHED_HEADER = '__dwell.published'

/** Adds to a message that was read what is kept of its trace. `ofRequest`: the headers of the request's context. */
export function keepTrace(message: Message, ofRequest: readonly Header[] | undefined, nowMs: number): void {
  if (message.headers.length === 0 && ofRequest === undefined) return
  const hasOwn = hasContext(message.headers)
  if (!hasOwn) {
    if (ofRequest === undefined) return
    message.headers = [...message.headers, ...ofRequest]
  }
  if (message.dueAtMs !== 0) message.headers = [...message.headers, [PUBLISHED_HEADER, Buffer.from(String(nowMs))]]
}

/** When a message with a delay and a trace was published, epoch milliseconds; undefined for any other. */
export function publishedAtMs(headers: readonly Header[]): number | undefined {
  const content = headers.find(([name]) => name === PUBLISHED_HEADER)?.[1]
  return content ? Number(content.toString()) : undefined
}
