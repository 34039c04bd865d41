// /v1/topics/{topic}/groups/{group}/dead-letters: listed, counted, grouped by reason, redriven, purged.

import type { FastifyInstance } from 'fastify'
import { type Static, Type } from 'typebox'
import { Turns } from '../../storage/index.ts'
import { needs } from '../access/route-access.ts'
import { invalidField } from '../publish/message.ts'
import { formatTime } from '../time.ts'
import { namesOf } from './consume.ts'
import { DeadLetterShown, deadLetterJson, FILTER, Filter, filterOf, OPEN, textOf } from './dead-letter-forms.ts'
import { JSON_TYPE } from './messages.ts'
import { PageMemory } from './page-memory.ts'
import type { HttpParts } from './parts.ts'
import { answers, bodyMayBeMissing, CLOSED, GroupPath, NoQuery, QueryCount, RATE_MAX, RATE_MIN } from './schemas.ts'

const LIMIT_MAX = 1_000
const LIMIT = 100
/** Pages that are made at once: each may be of many records. */
const MAKING_MAX = 8

const FilterQuery = Type.Object(FILTER, OPEN)
const ListQuery = Type.Object(
  {
    ...FILTER,
    limit: QueryCount({ maximum: LIMIT_MAX, default: LIMIT }),
    after: Type.Optional(Type.String()),
  },
  OPEN,
)
const Page = Type.Object({
  records: Type.Array(DeadLetterShown),
  after: Type.Union([Type.String(), Type.Null()]),
})
const Count = Type.Object({ count: Type.Integer() })
const Reasons = Type.Object({
  reasons: Type.Array(
    Type.Object({
      cause: Type.String(),
      reason: Type.String(),
      count: Type.Integer(),
      first: Type.String({ format: 'date-time' }),
      last: Type.String({ format: 'date-time' }),
    }),
  ),
  others: Type.Integer({ description: 'How many died of something that is not listed.' }),
})
const RedriveBody = Type.Object(
  {
    filter: Type.Optional(Filter),
    ratePerSecond: Type.Optional(
      Type.Number({ minimum: RATE_MIN, maximum: RATE_MAX, description: 'As fast as it goes when absent.' }),
    ),
    dryRun: Type.Optional(Type.Boolean({ description: 'Only count.' })),
  },
  CLOSED,
)
const PurgeBody = Type.Object({ filter: Type.Optional(Filter) }, CLOSED)

interface OfGroup {
  Params: { topic: string; group: string }
  Querystring: Record<string, unknown>
}

export function deadLetterRoutes(app: FastifyInstance, { groups }: HttpParts): void {
  const tags = ['Dead letters']
  const path = '/v1/topics/:topic/groups/:group/dead-letters'
  const memory = new PageMemory()
  const making = new Turns(MAKING_MAX)
  // The names of the query are open, so the schema describes and filterOf() checks.
  const unchecked = { validatorCompiler: () => () => true }

  app.get<OfGroup>(
    path,
    {
      config: { access: needs('consume', 'admin') },
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
      const page = {
        limit: limitOf(limit),
        after: textOf('after', after),
        filter: filterOf(rest, 'query', ['limit', 'after']),
      }
      const text = await making.run(async () => {
        const { records, after: next } = await groups.deadLetters.list(topic, group, page)
        return `{"records":[${records.map(deadLetterJson).join(',')}],"after":${JSON.stringify(next)}}`
      })
      memory.lend(text.length).endWith(reply.raw)
      reply.header('content-type', JSON_TYPE)
      return text
    },
  )

  app.get<OfGroup>(
    `${path}/count`,
    {
      config: { access: needs('consume', 'admin') },
      ...unchecked,
      schema: {
        tags,
        summary: 'Count dead letters',
        params: GroupPath,
        querystring: FilterQuery,
        ...answers({ 200: Count }),
      },
    },
    async ({ params, query }) => {
      const { topic, group } = namesOf(params)
      return { count: await groups.deadLetters.count(topic, group, filterOf(query)) }
    },
  )

  app.get<OfGroup>(
    `${path}/reasons`,
    {
      config: { access: needs('consume', 'admin') },
      ...unchecked,
      schema: {
        tags,
        summary: 'What dead letters died of',
        params: GroupPath,
        querystring: FilterQuery,
        ...answers({ 200: Reasons }),
      },
    },
    async ({ params, query }) => {
      const { topic, group } = namesOf(params)
      const { reasons, others } = await groups.deadLetters.reasons(topic, group, filterOf(query))
      const shown = reasons.map(({ cause, reason, count, firstMs, lastMs }) => {
        return { cause, reason, count, first: formatTime(firstMs), last: formatTime(lastMs) }
      })
      return { reasons: shown, others }
    },
  )

  app.post<{ Params: OfGroup['Params']; Body: Static<typeof RedriveBody> }>(
    `${path}/redrive`,
    {
      config: { access: needs('admin') },
      ...bodyMayBeMissing,
      schema: {
        tags,
        summary: 'Give dead letters back to their group',
        params: GroupPath,
        querystring: NoQuery,
        body: RedriveBody,
        ...answers({ 200: Count, 202: Type.Object({ task: Type.String() }) }),
      },
    },
    async ({ params, body }, reply) => {
      const { topic, group } = namesOf(params)
      const filter = filterOf(body.filter ?? {}, 'filter')
      if (body.dryRun === true) return { count: await groups.deadLetters.count(topic, group, filter) }
      const { redrives } = groups.deadLetters
      const { task } = await redrives.begin(topic, group, { filter, ratePerSecond: body.ratePerSecond })
      return reply.code(202).send({ task })
    },
  )

  app.post<{ Params: OfGroup['Params']; Body: Static<typeof PurgeBody> }>(
    `${path}/purge`,
    {
      config: { access: needs('admin') },
      ...bodyMayBeMissing,
      schema: {
        tags,
        summary: 'Remove dead letters for ever',
        params: GroupPath,
        querystring: NoQuery,
        body: PurgeBody,
        ...answers({ 200: Count }),
      },
    },
    async ({ params, body }) => {
      const { topic, group } = namesOf(params)
      return { count: await groups.deadLetters.purge(topic, group, filterOf(body.filter ?? {}, 'filter')) }
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
