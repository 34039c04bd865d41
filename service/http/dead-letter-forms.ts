// Dead letters and what filters them, as they stand in queries, bodies and answers: the same names everywhere.

import { type Static, Type } from 'typebox'
import type { DeadLetter, DeadLetterFilter } from '../delivery/index.ts'
import { invalidField, unknownField } from '../publish/message.ts'
import { formatTime, parseTime } from '../time.ts'
import { AttemptSchema, attemptsJson } from './consume.ts'
import { bodyMembers } from './record-json.ts'
import { RecordMembers } from './records.ts'
import { Time } from './schemas.ts'

const CAUSES = ['CLIENT_REJECT', 'DELIVERY_COUNT_EXCEEDED']
const HEADER = 'header.'
/** Names and values together: tasks keep their filters, and there may be many. */
const FILTER_LENGTH_MAX = 4_096
const NAMES = ['reason', 'cause', 'key', 'header.<name>', 'from', 'to']

export const FILTER = {
  reason: Type.Optional(Type.String({ description: 'Is part of the last reason.' })),
  cause: Type.Optional(Type.Union([Type.Literal('CLIENT_REJECT'), Type.Literal('DELIVERY_COUNT_EXCEEDED')])),
  key: Type.Optional(Type.String()),
  from: Type.Optional(Time),
  to: Type.Optional(Time),
}
/** `header.<name>` cannot be listed; filterOf() checks the names. */
export const OPEN = { additionalProperties: Type.String({ description: 'header.<name>=<value>' }) }

export const Filter = Type.Object(
  {
    reason: FILTER.reason,
    cause: Type.Optional(Type.String({ description: CAUSES.join(' or ') })),
    key: FILTER.key,
    from: FILTER.from,
    to: FILTER.to,
  },
  { ...OPEN, description: 'All that is given must be true; an empty filter means all.' },
)

export const DeadLetterShown = Type.Object({
  topic: Type.String(),
  partition: Type.Integer(),
  offset: Type.Integer(),
  timestamp: Type.String({ format: 'date-time' }),
  ...RecordMembers,
  deliveryCount: Type.Integer(),
  cause: Type.String(),
  reason: Type.String(),
  diedAt: Type.String({ format: 'date-time' }),
  attempts: Type.Array(AttemptSchema),
  attemptsDropped: Type.Optional(Type.Integer()),
  deadLetter: Type.Object({ topic: Type.String(), partition: Type.Integer(), offset: Type.Integer() }),
})

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
      else if (name.startsWith(HEADER))
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

export type GivenFilter = Static<typeof Filter>
