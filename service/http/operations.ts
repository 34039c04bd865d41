// /healthz, /readyz, /metrics, /openapi.json: for those who run the service.

import type { FastifyInstance } from 'fastify'
import { type Static, Type } from 'typebox'
import { DwellError } from '../../storage/index.ts'
import { STRANGER } from '../access/caller.ts'
import { RIGHTS } from '../access/rights.ts'
import { ANYONE, needsAll } from '../access/route-access.ts'
import { ERRORS, errorRow } from '../errors.ts'
import { detailsOfGroup, detailsOfTopic } from '../metrics/detailed.ts'
import type { HttpParts } from './parts.ts'
import { CLOSED, NoQuery } from './schemas.ts'

const Details = Type.Object({ topic: Type.String(), group: Type.Optional(Type.String()) }, CLOSED)

export function operationRoutes(app: FastifyInstance, parts: HttpParts): void {
  const { settings, engine, topics, groups, metrics, space, hand, wheel, clusterId, readiness } = parts
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
      const notReady = readiness.whyNot()
      if (notReady !== undefined) {
        reply.code(503)
        return { ready: false as const, why: notReady }
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

  app.get<{ Querystring: Static<typeof Details> }>(
    '/metrics/detailed',
    {
      config: { access: METRICS },
      schema: {
        tags,
        querystring: Details,
        summary: 'Numbers of one topic, or of one group, for Prometheus',
        description: 'By partition and tier. /metrics names only the busiest topics and groups.',
      },
    },
    async ({ query: { topic, group } }, reply) => {
      topics.describe(topic)
      reply.header('content-type', metrics.contentType)
      if (group === undefined) return detailsOfTopic(engine, wheel.census, topic)
      const { waiting } = await groups.view(topic, group)
      return detailsOfGroup(groups.describe(topic, group), waiting)
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
