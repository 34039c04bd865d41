// /healthz, /readyz, /metrics, /openapi.json: for those who run the service.

import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import { DwellError } from '../../storage/index.ts'
import { ERRORS, errorRow } from '../errors.ts'
import type { HttpParts } from './parts.ts'
import { NoQuery } from './schemas.ts'

export function operationRoutes(app: FastifyInstance, { metrics, stopping }: HttpParts): void {
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
          200: Type.Object({ ready: Type.Literal(true) }),
          503: Type.Object({ ready: Type.Literal(false), why: Type.String() }),
        },
      },
    },
    async (_request, reply) => {
      if (!stopping.aborted) return { ready: true as const }
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
