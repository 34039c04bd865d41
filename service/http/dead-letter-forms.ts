// Dead letters and what filters them, as they stand in queries, bodies and answers: the same names everywhere.

import { Type } from 'typebox'
import type { DeadLetter, DeadLetterFilter } from '../delivery/index.ts'
import { invalidField, unknownField } from '../publish/message.ts'
import { formatTime, parseTime } from '../time.ts'
import { Attempts, AttemptsDropped, RecordMembers } from './record-forms.ts'
import { attemptsJson, bodyMembers } from './record-json.ts'
import { At, byHand, Count, here, Offset, oneOf, Time } from './schemas.ts'

const CAUSES: readonly string[] = ['CLIENT_REJECT', 'DELIVERY_COUNT_EXCEEDED']
const HEADER = 'header.'
/** Names and values together: tasks keep their filters, and there may be many. */
const FILTER_LENGTH_MAX = 4_096
const NAMES = ['reason', 'cause', 'key', 'header.<name>', 'from', 'to']

const REASON = Type.String({ description: 'Is part of the last reason.' })
const CAUSE = 'CLIENT_REJECT: a consumer rejected it. DELIVERY_COUNT_EXCEEDED: it failed in every tier.'
const KEY = Type.String({ description: 'Is the key.' })
const FROM = 'Died at or after this time.'
const TO = 'Died before this time.'
const BY_HEADER = Type.String({ description: 'header.<name>: is the value of this header.' })

/** In a query; filterOf() checks the names, since `header.<name>` cannot be listed. */
export const FILTER = {
  reason: Type.Optional(REASON),
  cause: Type.Optional(oneOf(CAUSES, CAUSE)),
  key: Type.Optional(KEY),
  from: Type.Optional(here(Time, FROM)),
  to: Type.Optional(here(Time, TO)),
}
export const OPEN = { additionalProperties: BY_HEADER }

export const Filter = Type.Object(
  {
    reason: Type.Optional(REASON),
    cause: Type.Optional(Type.String({ description: CAUSE, ...byHand({ enum: CAUSES }) })),
    key: Type.Optional(KEY),
    from: Type.Optional(here(Time, FROM)),
    to: Type.Optional(here(Time, TO)),
  },
  {
    ...OPEN,
    title: 'DeadLetterFilter',
    description: 'All that is given must be true; an empty filter means all.',
    ...byHand({ propertyNames: { pattern: '^((reason|cause|key|from|to)$|header[.])' } }),
  },
)

const EXAMPLE = {
  topic: 'orders',
  partition: 0,
  offset: 12,
  timestamp: '2026-11-20T10:00:00.000Z',
  key: 'customer-4',
  value: { order: 17 },
  headers: { trace: 'abc' },
  deliveryCount: 1,
  cause: 'CLIENT_REJECT',
  reason: 'unknown customer',
  diedAt: '2026-11-20T10:00:07.000Z',
  attempts: [{ at: '2026-11-20T10:00:07.000Z', cause: 'CLIENT_REJECT', reason: 'unknown customer' }],
  deadLetter: { topic: 'orders.billing.dlq', partition: 0, offset: 3 },
}
const DeadLetterShown = Type.Object(
  {
    topic: Type.String({ description: 'Where it was published.' }),
    partition: Offset('Where it was published.'),
    offset: Offset('Where it was published.'),
    timestamp: At('When it was published.'),
    ...RecordMembers,
    deliveryCount: Count('How often it was delivered.'),
    cause: oneOf(CAUSES, CAUSE),
    reason: Type.String({ description: 'What the consumer said last.' }),
    diedAt: At('When it became a dead letter.'),
    attempts: Attempts,
    attemptsDropped: AttemptsDropped,
    deadLetter: Type.Object(
      {
        topic: Type.String({ description: 'The dead-letter topic.' }),
        partition: Offset('Its partition.'),
        offset: Offset('Its offset.'),
      },
      { title: 'Place', description: 'Where it lies now.' },
    ),
  },
  { title: 'DeadLetter', description: 'A record that failed for good.' },
)
export const DeadLetterPage = Type.Object(
  {
    records: Type.Array(DeadLetterShown, { description: 'In order of death, partition by partition.' }),
    after: Type.Union([Type.String(), Type.Null()], {
      description: 'Where the next page goes on; null at the end. A page may be short, even empty, before its end.',
    }),
  },
  { title: 'DeadLetterPage', description: 'A page of dead letters.', examples: [{ records: [EXAMPLE], after: null }] },
)
const DeadLetterReason = Type.Object(
  {
    cause: oneOf(CAUSES, CAUSE),
    reason: Type.String({ description: 'What the consumer said last.' }),
    count: Count('How many died of it.'),
    first: At('When the first did.'),
    last: At('When the last did.'),
  },
  { title: 'DeadLetterReason', description: 'What dead letters died of, and how many.' },
)
export const DeadLetterReasons = Type.Object(
  {
    reasons: Type.Array(DeadLetterReason, { description: 'The most frequent first.' }),
    others: Count('How many died of something that is not listed.'),
  },
  {
    title: 'DeadLetterReasons',
    description: 'What dead letters died of.',
    examples: [
      {
        reasons: [
          {
            cause: 'CLIENT_REJECT',
            reason: 'unknown customer',
            count: 3,
            first: '2026-11-20T10:00:07.000Z',
            last: '2026-11-20T11:20:00.000Z',
          },
        ],
        others: 0,
      },
    ],
  },
)

/**
 * `within` is what the filter is part of, and `beside` what else may stand there, for the refusal.
 * @throws INVALID_FIELD, UNKNOWN_FIELD, INVALID_TIME
 */
export function filterOf(
  given: Record<string, unknown>,
  within: 'query' | 'filter' = 'query',
  beside: readonly string[] = [],
): DeadLetterFilter {
  const filter: DeadLetterFilter & { headers?: Record<string, string> } = {}
  let length = 0
  for (const name in given) {
    length += name.length + String(given[name]).length
    if (length > FILTER_LENGTH_MAX)
      throw invalidField(within, `at most ${FILTER_LENGTH_MAX} characters`, { limit: FILTER_LENGTH_MAX })
    const field = within === 'query' ? name : `${within}.${name}`
    if (name === 'from') filter.fromMs = timeOf(given[name], field)
    else if (name === 'to') filter.toMs = timeOf(given[name], field)
    else {
      const text = textOf(field, given[name]) as string
      if (name === 'reason') filter.reason = text
      else if (name === 'cause') filter.cause = causeOf(text, field)
      else if (name === 'key') filter.key = text
      else if (name.startsWith(HEADER) && name !== HEADER)
        (filter.headers ??= Object.create(null) as Record<string, string>)[name.slice(HEADER.length)] = text
      else throw unknownField(field, [...NAMES, ...beside], within === 'query' ? 'query' : undefined)
    }
  }
  return filter
}

/** A filter as it was given. */
export function filterJson({ headers, fromMs, toMs, ...rest }: DeadLetterFilter): Record<string, string> {
  const filter: Record<string, string> = { ...rest }
  for (const [name, value] of Object.entries(headers ?? {})) filter[`${HEADER}${name}`] = value
  if (fromMs !== undefined) filter.from = formatTime(fromMs)
  if (toMs !== undefined) filter.to = formatTime(toMs)
  return filter
}

function timeOf(given: unknown, field: string): number {
  if (typeof given === 'number') return parseTime(given, field)
  return parseTime(textOf(field, given) as string, field)
}

export function textOf(field: string, given: unknown): string | undefined {
  if (given === undefined || typeof given === 'string') return given
  throw invalidField(field, Array.isArray(given) ? 'given once' : 'a text')
}

function causeOf(text: string, field: string): string {
  if (!CAUSES.includes(text)) throw invalidField(field, CAUSES.join(' or '))
  return text
}

export function deadLetterJson(letter: DeadLetter): string {
  const { topic, partition, offset, timestampMs, body, deliveryCount, cause, reason, diedAtMs, place } = letter
  return (
    `{"topic":${JSON.stringify(topic)},"partition":${partition},"offset":${offset},"timestamp":"${formatTime(timestampMs)}",` +
    `${bodyMembers(body)},"deliveryCount":${deliveryCount},"cause":"${cause}","reason":${JSON.stringify(reason)},` +
    `"diedAt":"${formatTime(diedAtMs)}",${attemptsJson(letter)},"deadLetter":${JSON.stringify(place)}}`
  )
}
