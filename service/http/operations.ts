// /healthz, /readyz, /metrics, /openapi.json: for those who run the service.

import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import { DwellError } from '../../storage/index.ts'
import { STRANGER } from '../access/caller.ts'
import { RIGHTS } from '../access/rights.ts'
import { ANYONE, needsAll } from '../access/route-access.ts'
import { ERRORS, errorRow } from '../errors.ts'
import type { HttpParts } from './parts.ts'
import { NoQuery } from './schemas.ts'

/** A wheel that has not run for so long hangs: it looks around four times a second, and waits for nothing but the disk. */
const TICK_AGE_MS_MAX = 30_000

export function operationRoutes(app: FastifyInstance, parts: HttpParts): void {
  const { settings, metrics, space, hand, wheel, clusterId, stopping } = parts
  // They name topics.
  const METRICS = settings.METRICS_OPEN ? ANYONE : needsAll(...RIGHTS)
  const tags = ['Operations']
  const querystring = NoQuery

  app.get('/healthz', { config: { access: ANYONE }, schema: { tags, querystring, summary: 'Alive' } }, async () => ({
    alive: true,
  }))

  app.get(
    '/readyz',
    {
      config: { access: ANYONE },
      schema: {
        tags,
        querystring,
        summary: 'Ready, or why not',
        response: {
          200: Type.Object({
            ready: Type.Literal(true),
            clusterId: Type.Optional(
              Type.String({
                description: 'The id of the data directory; a copy of it has the same. Not for strangers.',
              }),
            ),
            publishing: Type.Boolean({ description: 'Whether messages can be published.' }),
            clock: Type.String({
              description:
                'How the hand stands to the wall clock: followed, behind (the wall clock is), settling (after a jump ahead), not believed (the wall clock cannot be right).',
            }),
            why: Type.Optional(Type.String({ description: 'Why not, or why the wall clock is not followed.' })),
          }),
          503: Type.Object({ ready: Type.Literal(false), why: Type.String() }),
        },
      },
    },
    async ({ caller }, reply) => {
      const tickAgeMs = wheel.stats().lastTickAgeMs
      if (stopping.aborted || tickAgeMs > TICK_AGE_MS_MAX) {
        const stood = `The timing wheel has not run for ${Math.floor(tickAgeMs / 1000)} s.`
        reply.code(503)
        return { ready: false as const, why: stopping.aborted ? 'The service is stopping.' : stood }
      }
      // It stays ready: consumers must reach it, they are the ones who make room; and what is not delayed goes on whatever
      // the clock says.
      const reasons = [space.low ? space.refusal().message : undefined, hand.why()].filter(
        (reason) => reason !== undefined,
      )
      const why = reasons.length > 0 ? reasons.join(' ') : undefined
      const state = { ready: true as const, publishing: !space.low, clock: hand.state() }
      // Reasons have paths in them, which are nobody's business who does not say who he is.
      return caller === STRANGER ? state : { ...state, clusterId, why }
    },
  )

  app.get(
    '/metrics',
    { config: { access: METRICS }, schema: { tags, querystring, summary: 'Counters for Prometheus' } },
    async (_request, reply) => {
      reply.header('content-type', metrics.contentType)
      return metrics.text()
    },
  )

  app.get<{ Params: { code: string } }>(
    '/docs/errors/:code',
    {
      config: { access: ANYONE },
      schema: { tags, querystring, summary: 'What a code means', params: Type.Object({ code: Type.String() }) },
    },
    async ({ params: { code } }) => {
      if (!Object.hasOwn(ERRORS, code)) throw new DwellError('ROUTE_NOT_FOUND', 'There is no error with this code.')
      return { code, ...errorRow(code) }
    },
  )

  let document: string | undefined
  app.get(
    '/openapi.json',
    { config: { access: ANYONE }, schema: { hide: true, querystring } },
    async (_request, reply) => {
      document ??= JSON.stringify(app.swagger())
      reply.header('content-type', 'application/json; charset=utf-8')
      return document
    },
  )
}
