// A message of the workload, and the forms in which it can be sent.

import type { PublishedMessage } from '../checker/history.ts'
import type { CallOptions } from '../support/http-client.ts'

export interface Message extends PublishedMessage {
  value: { n: number; notBeforeMs: number; batch?: number; filling: string }
  delay?: number
  deliverAt?: number
}

export type Form = 'json' | 'lines' | 'raw'

/** Path and body of the request that publishes these messages to a topic. */
export function publishRequest(topic: string, messages: Message[], form: Form): [string, CallOptions] {
  const bodies = messages.map(({ value, key, delay, deliverAt, id }) => ({ value, key, delay, deliverAt, id }))
  const path = `/v1/topics/${topic}/messages`
  if (form === 'raw') {
    const { value, key, delay, deliverAt, id } = messages[0]
    const named = { 'dwell-key': key, 'dwell-delay': delay, 'dwell-deliver-at': deliverAt, 'dwell-id': id }
    const headers: Record<string, string> = {}
    for (const [name, value] of Object.entries(named)) if (value !== undefined) headers[name] = String(value)
    return [`/v1/topics/${topic}/raw`, { raw: JSON.stringify(value), headers }]
  }
  if (form === 'lines') {
    const raw = bodies.map((body) => `${JSON.stringify(body)}\n`).join('')
    return [path, { raw, headers: { 'content-type': 'application/x-ndjson' } }]
  }
  return [path, { body: bodies.length === 1 ? bodies[0] : { messages: bodies } }]
}

/** The number that a message carries, in whatever form its value came back. */
export function numberOf(value: unknown): number {
  const parsed = typeof value === 'string' ? JSON.parse(value) : value
  const n = (parsed as { n?: unknown } | null)?.n
  return typeof n === 'number' ? n : -1
}
