// What an exchange means: for the record, and for the endpoint.
//
//   answer                                   record                      endpoint
//   any with Dwell-Acknowledge: reject       rejected                    works
//   2xx                                      accepted                    works
//   410                                      kept for a probe            paused
//   429, 503 with Retry-After                released with that delay    failed
//   400 and others that blame the request    released                    failed
//   3xx, 5xx, other 4xx                      released                    failed
//   none in time, none at all, half of one   released                    failed
//   the connector refused to dial            kept for a probe            paused
//
// Failed so often in a row, an endpoint is paused; then a failure is no try of the record, unless the answer blames the
// request: that endpoint is there, and another record may be to its liking (endpoint.ts).

import type { Exchange } from './exchange.ts'

export interface Verdict {
  /** The label of its metric. */
  outcome: 'accept' | 'reject' | 'retry-after' | 'release' | 'timeout' | 'unreachable' | 'denied' | 'gone'
  endpoint: 'works' | 'failed' | 'paused'
  /** What the dead letter will say; empty when it was accepted. */
  reason: string
  /** Its own delay instead of the tier's. */
  delayMs?: number
  /** Whether it was the request, not the endpoint, that the answer is about. */
  blamesRequest: boolean
}

/** What says nothing about this very request: wrong address or rights, too early, too much. */
const BLAMES_ENDPOINT = new Set([401, 403, 404, 405, 407, 408, 410, 421, 425, 429])
const RETRY_AFTER_MS_MIN = 1_000
const RETRY_AFTER_MS_MAX = 24 * 3_600_000
const REASON_LENGTH_MAX = 300

/** `secrets` are left out of the reason, should the endpoint repeat them. */
export function judge(exchange: Exchange, nowMs: number, secrets: readonly string[] = []): Verdict {
  if (exchange.kind !== 'answer') {
    const { kind } = exchange
    const reason = kind === 'timeout' ? 'No answer in time' : shown(exchange.why, secrets)
    return { outcome: kind, endpoint: kind === 'denied' ? 'paused' : 'failed', reason, blamesRequest: false }
  }
  const { status, text, retryAfter, acknowledge } = exchange.answer
  const reason = shown(`HTTP ${status}${text === '' ? '' : `: ${text}`}`, secrets)
  if (acknowledge?.trim().toLowerCase() === 'reject') {
    return { outcome: 'reject', endpoint: 'works', reason, blamesRequest: false }
  }
  if (status >= 200 && status < 300) return { outcome: 'accept', endpoint: 'works', reason: '', blamesRequest: false }
  if (status === 410) return { outcome: 'gone', endpoint: 'paused', reason, blamesRequest: false }
  const delayMs = status === 429 || status === 503 ? retryAfterMs(retryAfter, nowMs) : undefined
  if (delayMs !== undefined) {
    return { outcome: 'retry-after', endpoint: 'failed', reason, delayMs, blamesRequest: false }
  }
  const blamesRequest = status >= 400 && status < 500 && !BLAMES_ENDPOINT.has(status)
  return { outcome: 'release', endpoint: 'failed', reason, blamesRequest }
}

/** Seconds or an HTTP date (RFC 9110, 10.2.3), within bounds; undefined when it is neither. */
function retryAfterMs(field: string | undefined, nowMs: number): number | undefined {
  const text = field?.trim() ?? ''
  const ms = /^\d{1,10}$/.test(text)
    ? Number(text) * 1_000
    : HTTP_DATE.test(text)
      ? Date.parse(text) - nowMs
      : Number.NaN
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(ms, RETRY_AFTER_MS_MIN), RETRY_AFTER_MS_MAX)
}

const HTTP_DATE = /^[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT$/

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
const UNSHOWN = /[\u0000-\u0020\u007f-\u00a0\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufffd]+/g

/** A foreign text made fit for logs and terminals: short, in one line, without control characters, without our secrets. */
function shown(text: string, secrets: readonly string[]): string {
  let clean = text
  for (const secret of secrets) clean = clean.replaceAll(secret, '…')
  return clean.replace(UNSHOWN, ' ').trim().slice(0, REASON_LENGTH_MAX)
}
