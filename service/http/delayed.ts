// /v1/topics/{topic}/delayed/{id}: delayed messages, looked up and cancelled.

import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import type { Delayed } from '../delivery/delayed.ts'
import { checkName } from '../names.ts'
import { formatTime } from '../time.ts'
import type { HttpParts } from './parts.ts'
import { answers, NoQuery } from './schemas.ts'

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

interface Request {
  Params: { topic: string; id: string }
}

export function delayedRoutes(app: FastifyInstance, { delayed }: HttpParts): void {
  const shared = { tags: ['Delayed messages'], params: Path, querystring: NoQuery }

  app.get<Request>(
    '/v1/topics/:topic/delayed/:id',
    { schema: { ...shared, summary: 'Look a delayed message up', ...answers({ 200: State }) } },
    async ({ params }) => stateJson(await delayed.lookUp(checkName(params.topic, 'topic'), params.id)),
  )

  app.delete<Request>(
    '/v1/topics/:topic/delayed/:id',
    { schema: { ...shared, summary: 'Cancel a delayed message', ...answers({ 200: Cancelled }) } },
    async ({ params }) => {
      await delayed.cancel(checkName(params.topic, 'topic'), params.id)
      return { state: 'cancelled' }
    },
  )
}

function stateJson({ id, state, dueAtMs, partition, offset }: Delayed) {
  return { id, state, ...(dueAtMs !== undefined && { dueAt: formatTime(dueAtMs), dueAtMs }), partition, offset }
}
