// /v1/topics/{topic}/delayed/{id}: delayed messages, looked up, cancelled, rescheduled, dispatched now.

import type { FastifyInstance } from 'fastify'
import { type Static, Type } from 'typebox'
import { DwellError } from '../../storage/index.ts'
import { needs } from '../access/route-access.ts'
import type { ErrorCode } from '../errors.ts'
import { checkName } from '../names.ts'
import type { Delayed as State } from '../publish/delayed.ts'
import { delayConflict, dueAfter, dueAt, type MessageRules } from '../publish/message.ts'
import { formatTime } from '../time.ts'
import { messageRules } from './message-rules.ts'
import type { HttpParts } from './parts.ts'
import { READS, WHEEL, WRITES } from './route-errors.ts'
import {
  At,
  AtMs,
  answers,
  bodyMayBeMissing,
  byHand,
  CLOSED,
  Duration,
  here,
  NoQuery,
  Offset,
  oneOf,
  optionalBody,
  Time,
  TopicName,
} from './schemas.ts'

const Path = Type.Object({
  topic: TopicName,
  id: Type.String({
    description: 'The id of the message: your own, or the one that publishing answered.',
    ...byHand({ minLength: 1 }),
    examples: ['order-17-reminder'],
  }),
})
const EXAMPLE = { id: 'order-17-reminder', dueAt: '2026-11-20T10:00:30.000Z', dueAtMs: 1_795_168_830_000 }
const Delayed = Type.Object(
  {
    id: Type.String({ description: 'Its id.' }),
    state: oneOf(
      ['pending', 'dispatched', 'cancelled'],
      'pending: it waits. dispatched: it is in its topic. cancelled: it will not come.',
    ),
    dueAt: Type.Optional(At('When it is, or was, due.')),
    dueAtMs: Type.Optional(AtMs('When it is, or was, due')),
    partition: Type.Optional(Offset('Where it was dispatched to.')),
    offset: Type.Optional(Offset('Where it was dispatched to.')),
  },
  {
    title: 'DelayedMessage',
    description: 'A delayed message, and what became of it as long as that is remembered.',
    examples: [
      { ...EXAMPLE, state: 'pending' },
      { ...EXAMPLE, state: 'dispatched', partition: 2, offset: 41 },
    ],
  },
)
const Cancelled = Type.Object(
  { state: Type.Literal('cancelled', { description: 'It will not come.' }) },
  { title: 'Cancelled', description: 'Cancelled, now or before.', examples: [{ state: 'cancelled' }] },
)
const Due = Type.Object(
  {
    delay: Type.Optional(here(Duration, 'From now on. Zero: at once.')),
    deliverAt: Type.Optional(here(Time, 'When. Past: at once.')),
  },
  {
    ...CLOSED,
    title: 'Due',
    description: 'When: one of delay and deliverAt.',
    examples: [{ delay: '10m' }, { deliverAt: '2026-11-20T10:00:00Z' }],
    ...byHand({ minProperties: 1, maxProperties: 1 }),
  },
)
/** Whoever says when, wants the call that moves a message. */
const Nothing = optionalBody(Type.Object({}, { ...CLOSED, description: 'Nothing.' }))
const FINDS: readonly ErrorCode[] = ['TOPIC_NOT_FOUND', 'MESSAGE_NOT_FOUND', ...READS, ...WHEEL]
const CHANGES: readonly ErrorCode[] = [...FINDS, 'TOPIC_OWNED_BY_GROUP', ...WRITES]

interface Request {
  Params: { topic: string; id: string }
}

export function delayedRoutes(app: FastifyInstance, parts: HttpParts): void {
  const { delayed } = parts
  const shared = { tags: ['Delayed messages'], params: Path, querystring: NoQuery }

  app.get<Request>(
    '/v1/topics/:topic/delayed/:id',
    {
      config: { access: needs('publish', 'admin') },
      schema: {
        ...shared,
        operationId: 'getDelayedMessage',
        summary: 'Look a delayed message up',
        description: 'What became of it is remembered for the deduplication window; then it is not found any more.',
        ...answers({ 200: Delayed }, FINDS),
      },
    },
    async ({ params }) => stateJson(await delayed.lookUp(checkName(params.topic, 'topic'), params.id)),
  )

  app.delete<Request>(
    '/v1/topics/:topic/delayed/:id',
    {
      config: { access: needs('publish', 'admin') },
      ...bodyMayBeMissing,
      schema: {
        ...shared,
        operationId: 'cancelDelayedMessage',
        summary: 'Cancel a delayed message',
        description: 'The same answer when it is repeated. Too late, it is 409 ALREADY_DISPATCHED.',
        ...Nothing,
        ...answers({ 200: Cancelled }, [...CHANGES, 'ALREADY_DISPATCHED']),
      },
    },
    async ({ params }) => {
      await delayed.cancel(checkName(params.topic, 'topic'), params.id)
      return { state: 'cancelled' }
    },
  )

  app.patch<Request & { Body: Static<typeof Due> }>(
    '/v1/topics/:topic/delayed/:id',
    {
      config: { access: needs('publish', 'admin') },
      schema: {
        ...shared,
        operationId: 'rescheduleDelayedMessage',
        summary: 'Reschedule a delayed message',
        description: 'Exactly one of delay and deliverAt; zero or past: due now. The id stays.',
        body: Due,
        ...answers({ 200: Delayed }, [
          ...CHANGES,
          'MISSING_FIELD',
          'CONFLICTING_FIELDS',
          'INVALID_DURATION',
          'INVALID_TIME',
          'DELAY_TOO_LONG',
          'ALREADY_DISPATCHED',
          'ALREADY_CANCELLED',
          'CLOCK_WRONG',
          'DISK_LOW',
        ]),
      },
    },
    async ({ params, body }) => {
      const topic = checkName(params.topic, 'topic')
      return stateJson(await delayed.reschedule(topic, params.id, dueAtMsOf(body, messageRules(parts))))
    },
  )

  app.post<Request>(
    '/v1/topics/:topic/delayed/:id/dispatch',
    {
      config: { access: needs('publish', 'admin') },
      ...bodyMayBeMissing,
      schema: {
        ...shared,
        operationId: 'dispatchDelayedMessage',
        summary: 'Dispatch a delayed message now',
        description: 'Answers where it is in its topic, also when it was dispatched before.',
        ...Nothing,
        ...answers({ 200: Delayed }, [...CHANGES, 'ALREADY_CANCELLED']),
      },
    },
    async ({ params }) => stateJson(await delayed.dispatchNow(checkName(params.topic, 'topic'), params.id)),
  )
}

/** @throws MISSING_FIELD, CONFLICTING_FIELDS, INVALID_DURATION, INVALID_TIME, DELAY_TOO_LONG, CLOCK_WRONG */
function dueAtMsOf({ delay, deliverAt }: Static<typeof Due>, rules: MessageRules): number {
  if (delay !== undefined && deliverAt !== undefined) throw delayConflict()
  if (delay !== undefined) return dueAfter(delay, rules)
  if (deliverAt !== undefined) return dueAt(deliverAt, rules)
  throw new DwellError('MISSING_FIELD', 'One of delay and deliverAt is needed.', { field: 'delay' })
}

function stateJson({ id, state, dueAtMs, partition, offset }: State) {
  return { id, state, ...(dueAtMs !== undefined && { dueAt: formatTime(dueAtMs), dueAtMs }), partition, offset }
}
