// The forms in which the tiers of a group can be given: a list, a growing series, or the schedule of Standard Webhooks; and by
// how much a record may wait longer.

import { type Static, Type } from 'typebox'
import { RETRY_TIERS_MAX } from '../delivery/index.ts'
import { formatDuration, parseDuration } from '../duration.ts'
import { between, invalidField } from '../publish/message.ts'
import { CLOSED, Duration, here } from './schemas.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
/** github.com/standard-webhooks/standard-webhooks, "Retry schedule". */
const STANDARD_WEBHOOKS = [
  5_000,
  5 * MINUTE_MS,
  30 * MINUTE_MS,
  2 * HOUR_MS,
  5 * HOUR_MS,
  10 * HOUR_MS,
  14 * HOUR_MS,
  20 * HOUR_MS,
  24 * HOUR_MS,
]

const Series = Type.Object(
  {
    first: here(Duration, 'The first tier.'),
    factor: Type.Number({ minimum: 1, description: 'How much longer each is than the one before.' }),
    count: Type.Integer({ minimum: 1, maximum: RETRY_TIERS_MAX, description: 'How many tiers.' }),
    max: Type.Optional(here(Duration, 'None is longer.')),
  },
  { ...CLOSED, title: 'RetrySeries', description: 'Tiers that grow.' },
)
export const Retry = Type.Union(
  [
    Type.Array(Duration, {
      maxItems: RETRY_TIERS_MAX,
      description: 'The tiers, in order. None: to the dead letters at once.',
    }),
    Series,
    Type.Literal('standard-webhooks', { description: `${STANDARD_WEBHOOKS.map(formatDuration).join(', ')}.` }),
  ],
  {
    title: 'Retry',
    description: 'How long a record waits after its 1st, 2nd … failure, before it is with the dead letters.',
  },
)

export const Jitter = Type.Number({
  minimum: 0,
  maximum: 1,
  description: 'A share of the tier: a record waits for its tier, and up to so much longer.',
})

/** @throws INVALID_FIELD when the longest tier could become longer than a delay may be */
export function checkJitter(tiers: readonly number[], jitter: number | undefined, delayMaxMs: number): void {
  if (Math.max(0, ...tiers) * (1 + (jitter ?? 0)) <= delayMaxMs) return
  const limit = formatDuration(delayMaxMs)
  throw invalidField('jitter', `such that no tier becomes longer than ${limit}`, { limit, limitMs: delayMaxMs })
}

/** The tiers in milliseconds. @throws INVALID_DURATION, INVALID_FIELD */
export function tiersOf(retry: Static<typeof Retry>, tierMaxMs: number): number[] {
  const tiers = listOf(retry)
  const isList = Array.isArray(retry)
  for (const [i, ms] of tiers.entries()) between(ms, 1, tierMaxMs, isList ? `retry.${i}` : 'each tier of retry')
  return tiers
}

function listOf(retry: Static<typeof Retry>): number[] {
  if (retry === 'standard-webhooks') return STANDARD_WEBHOOKS
  if (Array.isArray(retry)) return retry.map((tier, i) => parseDuration(tier, `retry.${i}`))
  const firstMs = parseDuration(retry.first, 'retry.first')
  const maxMs = retry.max === undefined ? Number.POSITIVE_INFINITY : parseDuration(retry.max, 'retry.max')
  return Array.from({ length: retry.count }, (_, i) => Math.ceil(Math.min(firstMs * retry.factor ** i, maxMs)))
}
