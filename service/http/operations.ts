// /healthz, /readyz, /metrics, /openapi.json: for those who run the service.

import type { FastifyInstance } from 'fastify'
import { type Static, Type } from 'typebox'
import { CLOCK_STATES } from '../../timewheel/index.ts'
import { STRANGER } from '../access/caller.ts'
import { RIGHTS } from '../access/rights.ts'
import { ANYONE, needsAll, needsSome } from '../access/route-access.ts'
import { detailsOfGroup, detailsOfTopic } from '../metrics/detailed.ts'
import type { HttpParts } from './parts.ts'
import { READS } from './route-errors.ts'
import { answers, CLOSED, GroupName, NoQuery, oneOf, TopicName } from './schemas.ts'

const Details = Type.Object(
  { topic: TopicName, group: Type.Optional({ ...GroupName, description: 'Of this group, instead of the topic.' }) },
  CLOSED,
)
const Alive = Type.Object(
  { alive: Type.Literal(true, { description: 'Always true.' }) },
  { title: 'Alive', description: 'The process answers.', examples: [{ alive: true }] },
)
const Ready = Type.Object(
  {
    ready: Type.Literal(true, { description: 'It can be sent requests.' }),
    clusterId: Type.Optional(
      Type.String({ description: 'The id of the data directory; a copy of it has the same. Not for strangers.' }),
    ),
    publishing: Type.Boolean({ description: 'Whether messages can be published.' }),
    clock: oneOf(
      CLOCK_STATES,
      'How the hand stands to the wall clock: followed, behind (the wall clock is), settling (after a jump ahead), not ' +
        'believed (the wall clock cannot be right).',
    ),
    why: Type.Optional(
      Type.String({ description: 'Why not, or why the wall clock is not followed. Not for strangers.' }),
    ),
  },
  {
    title: 'Ready',
    description: 'Ready.',
    examples: [{ ready: true, publishing: true, clock: 'followed' }],
  },
)
const NotReady = Type.Object(
  {
    ready: Type.Literal(false, { description: 'Send nothing now.' }),
    why: Type.String({ description: 'What it waits for.' }),
  },
  { title: 'NotReady', description: 'Not ready.', examples: [{ ready: false, why: 'The service is stopping.' }] },
)
const METRICS_PAGE = {
  description: 'In the text format of Prometheus.',
  content: { 'text/plain': { schema: Type.String({ description: 'One sample a line.' }) } },
}
const DOCUMENT = {
  description: 'This document.',
  content: {
    'application/json': { schema: Type.Object({}, { additionalProperties: true, description: 'OpenAPI 3.1.' }) },
  },
}

export function operationRoutes(app: FastifyInstance, parts: HttpParts): void {
  const { settings, engine, topics, groups, metrics, space, hand, wheel, clusterId, readiness } = parts
  // They name topics.
  const METRICS = settings.METRICS_OPEN ? ANYONE : needsAll(...RIGHTS)
  const tags = ['Operations']
  const querystring = NoQuery

  app.get(
    '/healthz',
    {
      config: { access: ANYONE },
      schema: {
        tags,
        querystring,
        operationId: 'getHealth',
        summary: 'Alive',
        description: 'For liveness probes: whether the process answers at all.',
        ...answers({ 200: Alive }, []),
      },
    },
    async () => ({ alive: true as const }),
  )

  app.get(
    '/readyz',
    {
      config: { access: ANYONE },
      schema: {
        tags,
        querystring,
        operationId: 'getReadiness',
        summary: 'Ready, or why not',
        description: 'For readiness probes and balancers.',
        ...answers({ 200: Ready, 503: NotReady }, []),
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
    {
      config: { access: METRICS },
      schema: {
        tags,
        querystring,
        operationId: 'getMetrics',
        summary: 'Counters for Prometheus',
        description: 'As many series whatever the number of topics: only the busiest are named.',
        ...answers({ 200: METRICS_PAGE }, []),
      },
    },
    async (_request, reply) => {
      reply.header('content-type', metrics.contentType)
      return metrics.text()
    },
  )

  app.get<{ Querystring: Static<typeof Details> }>(
    '/metrics/detailed',
    {
      config: { access: settings.METRICS_OPEN ? ANYONE : needsSome(...RIGHTS) },
      schema: {
        tags,
        querystring: Details,
        operationId: 'getDetailedMetrics',
        summary: 'Numbers of one topic, or of one group, for Prometheus',
        description:
          'By partition and tier, for tokens that see the topic. /metrics names only the busiest topics and groups.',
        ...answers({ 200: METRICS_PAGE }, ['MISSING_FIELD', 'TOPIC_NOT_FOUND', 'GROUP_NOT_FOUND', ...READS]),
      },
    },
    async ({ query: { topic, group }, caller }, reply) => {
      if (!settings.METRICS_OPEN) caller.checkSees(topic)
      topics.describe(topic)
      reply.header('content-type', metrics.contentType)
      if (group === undefined) return detailsOfTopic(engine, wheel.census, topic)
      const { waiting } = await groups.view(topic, group)
      return detailsOfGroup(groups.describe(topic, group), waiting)
    },
  )

  let document: string | undefined
  app.get(
    '/openapi.json',
    {
      config: { access: ANYONE },
      schema: {
        tags,
        querystring,
        operationId: 'getOpenApi',
        summary: 'This document',
        description: 'OpenAPI 3.1. Limits are those that this service is set to.',
        ...answers({ 200: DOCUMENT }, []),
      },
    },
    async (_request, reply) => {
      document ??= JSON.stringify(app.swagger())
      reply.header('content-type', 'application/json; charset=utf-8')
      return document
    },
  )
}
