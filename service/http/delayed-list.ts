// GET /v1/topics/{topic}/delayed: the delayed messages of a topic that are pending, in order of due time.

import type { FastifyInstance } from 'fastify'
import { type Static, Type } from 'typebox'
import { DwellError } from '../../storage/index.ts'
import { type Listed, messageId, type Place, parseMessageId } from '../../timewheel/index.ts'
import { needs } from '../access/route-access.ts'
import { checkName } from '../names.ts'
import { invalidField } from '../publish/message.ts'
import { formatTime, parseTime, TIME_FORMS, TIME_MS_MAX } from '../time.ts'
import { JSON_TYPE } from './json-writer.ts'
import { PageMemory } from './page-memory.ts'
import type { HttpParts } from './parts.ts'
import { RecordMembers } from './record-forms.ts'
import { bodyMembers } from './record-json.ts'
import { READS, WHEEL } from './route-errors.ts'
import { At, AtMs, answers, CLOSED, here, Offset, QueryCount, Time, TopicPath } from './schemas.ts'

const LIMIT = 100
const LIMIT_MAX = 1_000

const Query = Type.Object(
  {
    from: Type.Optional(here(Time, `Due at or after this time: ${TIME_FORMS}.`)),
    to: Type.Optional(here(Time, `Due before this time: ${TIME_FORMS}.`)),
    limit: QueryCount({ maximum: LIMIT_MAX, default: LIMIT, description: 'How many at most.' }),
    after: Type.Optional(Type.String({ description: 'Where the page before ended: what it answered as after.' })),
  },
  CLOSED,
)
const PendingMessage = Type.Object(
  {
    ...RecordMembers,
    id: Type.String({ description: 'Its own id, or the one that it got.' }),
    dueAt: At('When it is due.'),
    dueAtMs: AtMs('When it is due'),
    partition: Type.Optional(Offset('If one was chosen.')),
  },
  { title: 'PendingMessage', description: 'A delayed message that waits.' },
)
const Page = Type.Object(
  {
    messages: Type.Array(PendingMessage, { description: 'In order of due time.' }),
    after: Type.Union([Type.String(), Type.Null()], {
      description:
        'Where the next page goes on; null at the end. A page may be short, even empty, and still have more behind it.',
    }),
  },
  {
    title: 'PendingMessages',
    description: 'A page of what waits.',
    examples: [
      {
        messages: [
          {
            dueAt: '2026-11-20T10:00:30.000Z',
            dueAtMs: 1_795_168_830_000,
            key: 'customer-4',
            value: { order: 17 },
            headers: { trace: 'abc' },
            id: 'order-17-reminder',
          },
        ],
        after: null,
      },
    ],
  },
)

export function delayedListRoutes(app: FastifyInstance, { topics, wheel }: HttpParts): void {
  const memory = new PageMemory()

  app.get<{ Params: Static<typeof TopicPath>; Querystring: Static<typeof Query> }>(
    '/v1/topics/:topic/delayed',
    {
      config: { access: needs('consume', 'admin') },
      serializerCompiler: () => (text) => text as string,
      schema: {
        tags: ['Delayed messages'],
        operationId: 'listDelayedMessages',
        summary: 'List delayed messages in order of due time',
        description: 'Those that are pending. What is moved while pages are turned is found where it is then.',
        params: TopicPath,
        querystring: Query,
        ...answers({ 200: Page }, [
          'INVALID_FIELD',
          'INVALID_TIME',
          'CURSOR_INVALID',
          'TOPIC_NOT_FOUND',
          'OVERLOADED',
          ...READS,
          ...WHEEL,
        ]),
      },
    },
    async ({ params, query }, reply) => {
      const { id: topicId } = topics.describe(checkName(params.topic, 'topic'))
      const fromMs = query.from === undefined ? 0 : parseTime(query.from, 'from')
      const toMs = query.to === undefined ? TIME_MS_MAX : parseTime(query.to, 'to')
      if (fromMs > toMs) throw invalidField('from', 'not later than to')
      const after = query.after === undefined ? undefined : placeOf(query.after)
      const page = await wheel.list({ topicId, fromMs, toMs, after, limit: query.limit ?? LIMIT })
      reply.header('content-type', JSON_TYPE)
      const next = page.after === undefined ? null : messageId(page.after)
      const text = `{"messages":[${page.messages.map(messageJson).join(',')}],"after":${JSON.stringify(next)}}`
      memory.lend(text.length).endWith(reply.raw)
      return text
    },
  )
}

/** A cursor is the place where a page ended, written as the ids of messages are. */
function placeOf(cursor: string): Place {
  const place = parseMessageId(cursor)
  if (place !== undefined) return place
  throw new DwellError('CURSOR_INVALID', 'The cursor is not one that a page answered.', { field: 'after' })
}

function messageJson({ id, dueAtMs, partition, body }: Listed): string {
  const chosen = partition === undefined ? '' : `,"partition":${partition}`
  return `{"dueAt":"${formatTime(dueAtMs)}","dueAtMs":${dueAtMs}${chosen},${bodyMembers(body, id)}}`
}
