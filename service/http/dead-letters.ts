// /v1/topics/{topic}/groups/{group}/dead-letters: listed and counted.

import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import type { DeadLetter, DeadLetterFilter } from '../delivery/groups.ts'
import { invalidField, unknownField } from '../delivery/message.ts'
import { formatTime, parseTime } from '../time.ts'
import { AttemptSchema, attemptsJson, namesOf } from './consume.ts'
import { JSON_TYPE } from './messages.ts'
import type { HttpParts } from './parts.ts'
import { bodyMembers } from './record-json.ts'
import { RecordMembers } from './records.ts'
import { answers, GroupPath, QueryCount, Time } from './schemas.ts'

const LIMIT_MAX = 1_000
const LIMIT = 100
const CAUSES = ['CLIENT_REJECT', 'DELIVERY_COUNT_EXCEEDED']
const HEADER = 'header.'

const FILTER = {
  reason: Type.Optional(Type.String({ description: 'Is part of the last reason.' })),
  cause: Type.Optional(Type.Union([Type.Literal('CLIENT_REJECT'), Type.Literal('DELIVERY_COUNT_EXCEEDED')])),
  key: Type.Optional(Type.String()),
  from: Type.Optional(Time),
  to: Type.Optional(Time),
}
// header.<name> cannot be listed; names are checked below.
const OPEN = { additionalProperties: Type.String({ description: 'header.<name>=<value>' }) }
const CountQuery = Type.Object(FILTER, OPEN)
const ListQuery = Type.Object(
  {
    ...FILTER,
    limit: QueryCount({ maximum: LIMIT_MAX, default: LIMIT }),
    after: Type.Optional(Type.String()),
  },
  OPEN,
)
const Page = Type.Object({
  records: Type.Array(
    Type.Object({
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
      deadLetter: Type.Object({ topic: Type.String(), partition: Type.Integer(), offset: Type.Integer() }),
    }),
  ),
  after: Type.Union([Type.String(), Type.Null()]),
})

interface OfGroup {
  Params: { topic: string; group: string }
  Querystring: Record<string, unknown>
}

export function deadLetterRoutes(app: FastifyInstance, { groups }: HttpParts): void {
  const tags = ['Dead letters']
  const path = '/v1/topics/:topic/groups/:group/dead-letters'
  // The names of the query are open, so the schema describes and the functions below check.
  const unchecked = { validatorCompiler: () => () => true }

  app.get<OfGroup>(
    path,
    {
      ...unchecked,
      serializerCompiler: () => (text) => text as string,
      schema: {
        tags,
        summary: 'List dead letters',
        params: GroupPath,
        querystring: ListQuery,
        ...answers({ 200: Page }),
      },
    },
    async ({ params, query: { limit, after, ...rest } }, reply) => {
      const { topic, group } = namesOf(params)
      const page = { limit: limitOf(limit), after: textOf('after', after), filter: filterOf(rest) }
      const { records, after: next } = await groups.deadLetters.list(topic, group, page)
      reply.header('content-type', JSON_TYPE)
      return `{"records":[${records.map(deadLetterJson).join(',')}],"after":${JSON.stringify(next)}}`
    },
  )

  app.get<OfGroup>(
    `${path}/count`,
    {
      ...unchecked,
      schema: {
        tags,
        summary: 'Count dead letters',
        params: GroupPath,
        querystring: CountQuery,
        ...answers({ 200: Type.Object({ count: Type.Integer() }) }),
      },
    },
    async ({ params, query }) => {
      const { topic, group } = namesOf(params)
      return { count: await groups.deadLetters.count(topic, group, filterOf(query)) }
    },
  )
}

function limitOf(given: unknown): number {
  const text = textOf('limit', given)
  if (text === undefined) return LIMIT
  const limit = /^\d{1,9}$/.test(text) ? Number(text) : 0
  if (limit < 1 || limit > LIMIT_MAX)
    throw invalidField('limit', `a whole number from 1 to ${LIMIT_MAX}`, { limit: LIMIT_MAX })
  return limit
}

function textOf(field: string, given: unknown): string | undefined {
  if (given === undefined || typeof given === 'string') return given
  throw invalidField(field, 'given once')
}

function filterOf(query: Record<string, unknown>): DeadLetterFilter {
  const filter: DeadLetterFilter & { headers?: Record<string, string> } = {}
  for (const name in query) {
    const text = textOf(name, query[name]) as string
    if (name === 'reason') filter.reason = text
    else if (name === 'cause') filter.cause = causeOf(text)
    else if (name === 'key') filter.key = text
    else if (name === 'from') filter.fromMs = parseTime(text, 'from')
    else if (name === 'to') filter.toMs = parseTime(text, 'to')
    else if (name.startsWith(HEADER))
      (filter.headers ??= Object.create(null) as Record<string, string>)[name.slice(HEADER.length)] = text
    else throw unknownField(name, ['reason', 'cause', 'key', 'header.<name>', 'from', 'to', 'limit', 'after'])
  }
  return filter
}

function causeOf(text: string): string {
  if (!CAUSES.includes(text)) throw invalidField('cause', CAUSES.join(' or '))
  return text
}

function deadLetterJson(letter: DeadLetter): string {
  const { topic, partition, offset, timestampMs, body, deliveryCount, attempts, cause, reason, diedAtMs, place } =
    letter
  return (
    `{"topic":${JSON.stringify(topic)},"partition":${partition},"offset":${offset},"timestamp":"${formatTime(timestampMs)}",` +
    `${bodyMembers(body)},"deliveryCount":${deliveryCount},"cause":"${cause}","reason":${JSON.stringify(reason)},` +
    `"diedAt":"${formatTime(diedAtMs)}","attempts":${attemptsJson(attempts)},"deadLetter":${JSON.stringify(place)}}`
  )
}
