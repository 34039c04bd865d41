// /v1/topics/{topic}/delayed/{id}: delayed messages, looked up, cancelled, rescheduled, dispatched now.

import type { FastifyInstance, FastifyRequest } from 'fastify'
import { type Static, Type } from 'typebox'
import { DwellError } from '../../storage/index.ts'
import { needs } from '../access/route-access.ts'
import { checkName } from '../names.ts'
import type { Delayed } from '../publish/delayed.ts'
import { delayConflict, dueAfter, dueAt, type MessageRules } from '../publish/message.ts'
import { formatTime } from '../time.ts'
import { messageRules } from './message-rules.ts'
import type { HttpParts } from './parts.ts'
import { answers, CLOSED, Duration, NoQuery, Time } from './schemas.ts'

const Path = Type.Object({ topic: Type.String(), id: Type.String() })
const State = Type.Object({
  id: Type.String(),
  state: Type.Union([Type.Literal('pending'), Type.Literal('dispatched'), Type.Literal('cancelled')]),
  dueAt: Type.Optional(Type.String({ format: 'date-time' })),
  dueAtMs: Type.Optional(Type.Integer()),
  partition: Type.Optional(Type.Integer()),
  offset: Type.Optional(Type.Integer()),
})
const Cancelled = Type.Object({ state: Type.Literal('cancelled') })
const Due = Type.Object({ delay: Type.Optional(Duration), deliverAt: Type.Optional(Time) }, CLOSED)

/** Whoever says when, wants the call that moves a message. */
const Nothing = Type.Object({}, CLOSED)
const noBodyIsNothing = async (request: FastifyRequest) => {
  request.body ??= {}
}

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
      schema: { ...shared, summary: 'Look a delayed message up', ...answers({ 200: State }) },
    },
    async ({ params }) => stateJson(await delayed.lookUp(checkName(params.topic, 'topic'), params.id)),
  )

  app.delete<Request>(
    '/v1/topics/:topic/delayed/:id',
    {
      config: { access: needs('publish', 'admin') },
      preValidation: noBodyIsNothing,
      schema: { ...shared, summary: 'Cancel a delayed message', body: Nothing, ...answers({ 200: Cancelled }) },
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
        summary: 'Reschedule a delayed message',
        description: 'Exactly one of delay and deliverAt; zero or past: due now. The id stays.',
        body: Due,
        ...answers({ 200: State }),
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
      preValidation: noBodyIsNothing,
      schema: {
        ...shared,
        summary: 'Dispatch a delayed message now',
        description: 'Answers where it is in its topic, also when it was dispatched before.',
        body: Nothing,
        ...answers({ 200: State }),
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

function stateJson({ id, state, dueAtMs, partition, offset }: Delayed) {
  return { id, state, ...(dueAtMs !== undefined && { dueAt: formatTime(dueAtMs), dueAtMs }), partition, offset }
}
