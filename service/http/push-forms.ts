// The endpoint of a group, as it is given and shown. What is given changes what is there field by field; null takes it away.
//
// Secrets go in and never come out: what is shown of them, and of the headers, which often hold one, is that they are set.

import { type Static, Type } from 'typebox'
import { DwellError } from '../../storage/index.ts'
import type { PushSettings } from '../delivery/index.ts'
import { formatDuration, parseDuration } from '../duration.ts'
import { between, invalidField } from '../publish/message.ts'
import type { AllowedHosts } from '../push/allowed-hosts.ts'
import { keyOf, SECRET_SIZE_MAX, SECRET_SIZE_MIN } from '../push/signature.ts'
import { byHand, CLOSED, Duration, here, oneOf, Pause, pauseJson, RATE_MAX, RATE_MIN, TextMap } from './schemas.ts'

const CONCURRENCY_MAX = 256
const TIMEOUT_MS_MAX = 5 * 60_000
const PAUSE_AFTER_MAX = 10_000
const SECRETS_MAX = 5
const URL_LENGTH_MAX = 2_000
const HEADERS_MAX = 32
const HEADERS_SIZE_MAX = 8 * 1024
const DEFAULTS = { concurrency: 16, timeoutMs: 10_000, pauseAfter: 10, headers: {}, secrets: [] }

const Secret = Type.String({
  description: `whsec_ and the base64 of ${SECRET_SIZE_MIN} to ${SECRET_SIZE_MAX} bytes.`,
  ...byHand({ pattern: '^whsec_[A-Za-z0-9+/]+={0,2}$' }),
})
const CONCURRENCY = { minimum: 1, maximum: CONCURRENCY_MAX, description: 'At most so many pushes at a time.' }
const RATE = { minimum: RATE_MIN, maximum: RATE_MAX, description: 'Pushes a second; as fast as they go when absent.' }
const PAUSE_AFTER = { minimum: 1, maximum: PAUSE_AFTER_MAX, description: 'Failures in a row that pause the endpoint.' }
const Change = Type.Object(
  {
    url: Type.Optional(
      Type.String({
        maxLength: URL_LENGTH_MAX,
        ...byHand({ pattern: '^https?://' }),
        description: 'http or https, at a host that DWELL_PUSH_ALLOWED_HOSTS names. A new endpoint needs it.',
      }),
    ),
    concurrency: Type.Optional(Type.Integer(CONCURRENCY)),
    timeout: Type.Optional(here(Duration, 'For the whole exchange, 1 ms to five minutes.')),
    rate: Type.Optional(Type.Union([Type.Number(RATE), Type.Null()], { description: 'null: as fast as they go.' })),
    pauseAfter: Type.Optional(Type.Integer(PAUSE_AFTER)),
    headers: Type.Optional(
      Type.Record(Type.String(), Type.String(), {
        description: `Sent with each push; at most ${HEADERS_MAX}. Not those about the connection or the body, nor Dwell-, Proxy-, Webhook-.`,
        ...byHand({ maxProperties: HEADERS_MAX }),
      }),
    ),
    secret: Type.Optional(
      Type.Union([Secret, Type.Array(Secret, { maxItems: SECRETS_MAX }), Type.Null()], {
        description:
          'Signs each push (Standard Webhooks). Several: each signs, while receivers change from one to the next.',
      }),
    ),
  },
  { ...CLOSED, title: 'PushChange', description: 'An endpoint: what is given is set, the rest stays.' },
)
export const PushChange = Type.Union([Change, Type.Null()], { description: 'Where to push to; null: push no more.' })
export const PushShown = Type.Object(
  {
    url: Type.String({ description: 'Where records are sent to.' }),
    concurrency: Type.Integer(CONCURRENCY),
    timeout: Type.String({ description: 'For the whole exchange.' }),
    rate: Type.Optional(Type.Number(RATE)),
    pauseAfter: Type.Integer(PAUSE_AFTER),
    headers: TextMap('Their names; the values are not shown.'),
    secret: oneOf(['set', 'not set'], 'Whether pushes are signed; the secret is not shown.'),
    paused: Type.Optional(here(Pause, 'Set while the endpoint is only probed.')),
  },
  { title: 'Push', description: 'The endpoint of a group.' },
)

/**
 * The endpoint as `change` leaves it, `known` being what was there; undefined when there is none.
 * @throws PUSH_OFF, PUSH_HOST_NOT_ALLOWED, MISSING_FIELD, INVALID_FIELD, INVALID_DURATION
 */
export function pushAfter(
  change: Static<typeof PushChange>,
  known: PushSettings | undefined,
  hosts: AllowedHosts,
): PushSettings | undefined {
  if (change === null) return undefined
  const { url, concurrency, timeout, rate, pauseAfter, headers, secret } = change
  const given = url === undefined ? known?.url : url
  if (given === undefined) {
    throw new DwellError('MISSING_FIELD', 'An endpoint needs a url.', { field: 'push.url' })
  }
  const push: PushSettings = { ...DEFAULTS, ...known, url: urlOf(given, hosts) }
  if (concurrency !== undefined) push.concurrency = concurrency
  if (timeout !== undefined) push.timeoutMs = timeoutOf(timeout)
  if (rate !== undefined) push.rate = rate ?? undefined
  if (pauseAfter !== undefined) push.pauseAfter = pauseAfter
  if (headers !== undefined) push.headers = headersOf(headers)
  if (secret !== undefined) push.secrets = secretsOf(secret)
  // Another endpoint has done nothing wrong yet.
  if (push.url !== known?.url) push.paused = undefined
  return push
}

export function pushJson({ url, concurrency, timeoutMs, rate, pauseAfter, headers, secrets, paused }: PushSettings) {
  return {
    url,
    concurrency,
    timeout: formatDuration(timeoutMs),
    rate,
    pauseAfter,
    headers: Object.fromEntries(Object.keys(headers).map((name) => [name, 'set'])),
    secret: secrets.length > 0 ? ('set' as const) : ('not set' as const),
    paused: paused && pauseJson(paused),
  }
}

/** As it is used from now on. The refusals do not repeat it: it may hold a secret. */
function urlOf(given: string, hosts: AllowedHosts): string {
  if (hosts.isEmpty) {
    throw new DwellError('PUSH_OFF', 'Push is off: the setting DWELL_PUSH_ALLOWED_HOSTS names no hosts.', {
      field: 'push.url',
    })
  }
  const url = URL.canParse(given) ? new URL(given) : undefined
  if (url === undefined || (url.protocol !== 'https:' && url.protocol !== 'http:')) {
    throw invalidField('push.url', 'an http or https URL')
  }
  if (url.username !== '' || url.password !== '') throw invalidField('push.url', 'without a user and a password')
  url.hash = ''
  const { hostname, href } = url
  const refusal = hosts.names(hostname) ? undefined : 'is not one of DWELL_PUSH_ALLOWED_HOSTS'
  if (refusal !== undefined) {
    throw new DwellError('PUSH_HOST_NOT_ALLOWED', `The host ${hostname} ${refusal}.`, {
      field: 'push.url',
      host: hostname,
    })
  }
  return href
}

function timeoutOf(given: number | string): number {
  return between(parseDuration(given, 'push.timeout'), 1, TIMEOUT_MS_MAX, 'push.timeout')
}

function secretsOf(given: string | string[] | null): string[] {
  const secrets = given === null ? [] : [given].flat()
  if (secrets.every((secret) => keyOf(secret) !== undefined)) return secrets
  throw invalidField('push.secret', `whsec_ and the base64 of ${SECRET_SIZE_MIN} to ${SECRET_SIZE_MAX} bytes`)
}

const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}$/
const HEADER_VALUE = /^[\t\x20-\x7e]{0,4096}$/
/** What is about the connection, the body, or ours to say. */
const HEADERS_OURS = new Set(
  'connection content-encoding content-length content-type expect host keep-alive te traceparent tracestate trailer transfer-encoding upgrade'.split(
    ' ',
  ),
)
const HEADERS_OURS_PREFIX = /^(?:dwell|proxy|webhook)-/

function headersOf(given: Record<string, string>): Record<string, string> {
  const headers = Object.entries(given)
  const names = new Set<string>()
  let size = 0
  for (const [name, value] of headers) {
    const lower = name.toLowerCase()
    if (!HEADER_NAME.test(name) || HEADERS_OURS.has(lower) || HEADERS_OURS_PREFIX.test(lower) || names.has(lower)) {
      const header = name.slice(0, 100)
      throw invalidField('push.headers', 'of names that are not about the connection, the body or Dwell', { header })
    }
    if (!HEADER_VALUE.test(value)) throw invalidField('push.headers', 'of values in printable ASCII', { header: name })
    names.add(lower)
    size += name.length + value.length
  }
  if (headers.length <= HEADERS_MAX && size <= HEADERS_SIZE_MAX) return given
  throw invalidField('push.headers', `at most ${HEADERS_MAX}, of ${HEADERS_SIZE_MAX} bytes in all`)
}
