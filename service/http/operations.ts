// /healthz, /readyz, /metrics, /openapi.json: for those who run the service.

import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import { DwellError } from '../../storage/index.ts'
import { ERRORS, errorRow } from '../errors.ts'
import type { HttpParts } from './parts.ts'
import { NoQuery } from './schemas.ts'

export function operationRoutes(app: FastifyInstance, { metrics, space, clusterId, stopping }: HttpParts): void {
  const tags = ['Operations']
  const querystring = NoQuery

  app.get('/healthz', { schema: { tags, querystring, summary: 'Alive' } }, async () => ({ alive: true }))

  app.get(
    '/readyz',
    {
      schema: {
        tags,
        querystring,
        summary: 'Ready, or why not',
        response: {
          200: Type.Object({
            ready: Type.Literal(true),
            clusterId: Type.String({ description: 'The id of the data directory; a copy of it has the same.' }),
            publishing: Type.Boolean({ description: 'Whether messages can be published.' }),
            why: Type.Optional(Type.String({ description: 'Why they cannot.' })),
          }),
          503: Type.Object({ ready: Type.Literal(false), why: Type.String() }),
        },
      },
    },
    async (_request, reply) => {
      const ready = { ready: true as const, clusterId, publishing: !space.low }
      // It stays ready: consumers must reach it, they are the ones who make room.
      if (!stopping.aborted) return space.low ? { ...ready, why: space.refusal().message } : ready
      reply.code(503)
      return { ready: false as const, why: 'The service is stopping.' }
    },
  )

  app.get(
    '/metrics',
    { schema: { tags, querystring, summary: 'Counters for Prometheus' } },
    async (_request, reply) => {
      reply.header('content-type', metrics.contentType)
      return metrics.text()
    },
  )

  app.get<{ Params: { code: string } }>(
    '/docs/errors/:code',
    { schema: { tags, querystring, summary: 'What a code means', params: Type.Object({ code: Type.String() }) } },
    async ({ params: { code } }) => {
      if (!Object.hasOwn(ERRORS, code)) throw new DwellError('ROUTE_NOT_FOUND', 'There is no error with this code.')
      return { code, ...errorRow(code) }
    },
  )

  let document: string | undefined
  app.get('/openapi.json', { schema: { hide: true, querystring } }, async (_request, reply) => {
    document ??= JSON.stringify(app.swagger())
    reply.header('content-type', 'application/json; charset=utf-8')
    return document
  })
}
