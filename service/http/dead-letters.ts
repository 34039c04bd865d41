// /v1/topics/{topic}/groups/{group}/dead-letters: listed, counted, grouped by reason, redriven, purged.

import type { FastifyInstance } from 'fastify'
import { type Static, Type } from 'typebox'
import { Turns } from '../../storage/index.ts'
import { needs } from '../access/route-access.ts'
import type { ErrorCode } from '../errors.ts'
import { invalidField } from '../publish/message.ts'
import { formatTime } from '../time.ts'
import {
  DeadLetterPage,
  DeadLetterReasons,
  deadLetterJson,
  FILTER,
  Filter,
  filterOf,
  OPEN,
  textOf,
} from './dead-letter-forms.ts'
import { JSON_TYPE } from './json-writer.ts'
import { PageMemory } from './page-memory.ts'
import type { HttpParts } from './parts.ts'
import { READS, WRITES } from './route-errors.ts'
import {
  answered,
  answers,
  bodyMayBeMissing,
  CLOSED,
  Count,
  GroupPath,
  here,
  NoQuery,
  namesOf,
  optionalBody,
  QueryCount,
  RATE_MAX,
  RATE_MIN,
} from './schemas.ts'

const LIMIT_MAX = 1_000
const LIMIT = 100
/** Pages that are made at once: each may be of many records. */
const MAKING_MAX = 8

const FilterQuery = Type.Object(FILTER, OPEN)
const ListQuery = Type.Object(
  {
    ...FILTER,
    limit: QueryCount({ maximum: LIMIT_MAX, default: LIMIT, description: 'How many at most.' }),
    after: Type.Optional(Type.String({ description: 'Where the page before ended: what it answered as after.' })),
  },
  OPEN,
)
const DeadLetterCount = Type.Object(
  { count: Count('How many.') },
  { title: 'DeadLetterCount', description: 'How many dead letters.', examples: [{ count: 3 }] },
)
const FILTER_EXAMPLE = { reason: 'unknown customer', 'header.trace': 'abc', from: '2026-11-20T00:00:00Z' }
const RedriveBody = Type.Object(
  {
    filter: Type.Optional(here(Filter, 'Which; all when absent.')),
    ratePerSecond: Type.Optional(
      Type.Number({ minimum: RATE_MIN, maximum: RATE_MAX, description: 'As fast as it goes when absent.' }),
    ),
    dryRun: Type.Optional(Type.Boolean({ description: 'Only count.' })),
  },
  {
    ...CLOSED,
    title: 'Redrive',
    description: 'Which dead letters, and how fast.',
    examples: [
      { filter: FILTER_EXAMPLE, ratePerSecond: 100 },
      { filter: { cause: 'CLIENT_REJECT' }, dryRun: true },
    ],
  },
)
const RedriveBegun = Type.Object(
  { task: Type.String({ description: 'The redrive: see /v1/redrives/{task}.' }) },
  {
    title: 'RedriveBegun',
    description: 'It goes on by itself, also over a restart.',
    examples: [{ task: 'redrive-1' }],
  },
)
const PurgeBody = Type.Object(
  { filter: Type.Optional(here(Filter, 'Which; all when absent.')) },
  { ...CLOSED, title: 'Purge', description: 'Which dead letters.', examples: [{ filter: FILTER_EXAMPLE }] },
)
const FINDS: readonly ErrorCode[] = [
  'INVALID_FIELD',
  'INVALID_TIME',
  'TOPIC_NOT_FOUND',
  'GROUP_NOT_FOUND',
  'OVERLOADED',
  ...READS,
]
const BY_HEADER = 'A filter by a header is header.<name>=<value>, for any name.'

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
        operationId: 'listDeadLetters',
        summary: 'List dead letters',
        description: BY_HEADER,
        params: GroupPath,
        querystring: ListQuery,
        ...answers({ 200: DeadLetterPage }, [...FINDS, 'CURSOR_INVALID']),
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
        operationId: 'countDeadLetters',
        summary: 'Count dead letters',
        description: BY_HEADER,
        params: GroupPath,
        querystring: FilterQuery,
        ...answers({ 200: DeadLetterCount }, FINDS),
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
        operationId: 'listDeadLetterReasons',
        summary: 'What dead letters died of',
        description: `Grouped by cause and reason. ${BY_HEADER}`,
        params: GroupPath,
        querystring: FilterQuery,
        ...answers({ 200: DeadLetterReasons }, FINDS),
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
        operationId: 'redriveDeadLetters',
        summary: 'Give dead letters back to their group',
        description:
          'Only to the group in which they failed, as if for the first time, with their attempts. A task does it, which can be ' +
          'watched and stopped; a dry run counts, and moves nothing.',
        params: GroupPath,
        querystring: NoQuery,
        ...optionalBody(RedriveBody),
        ...answers({ 200: answered(DeadLetterCount, 'Of a dry run: how many it would be.'), 202: RedriveBegun }, [
          ...FINDS,
          ...WRITES,
          'TOO_MANY_REDRIVES',
        ]),
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
        operationId: 'purgeDeadLetters',
        summary: 'Remove dead letters for ever',
        description: 'All that match the filter; without one, all.',
        params: GroupPath,
        querystring: NoQuery,
        ...optionalBody(PurgeBody),
        ...answers({ 200: DeadLetterCount }, [...FINDS, ...WRITES]),
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
