// GET /v1/topics/{topic}/groups/{group}/scale: how much there is to do, one number each, for an autoscaler.

import type { FastifyInstance } from 'fastify'
import { type Static, Type } from 'typebox'
import { needs } from '../access/route-access.ts'
import { DURATION_FORMS, parseDuration } from '../duration.ts'
import { between } from '../publish/message.ts'
import type { HttpParts } from './parts.ts'
import { READS } from './route-errors.ts'
import { answers, CLOSED, Count, DurationText, GroupPath, namesOf } from './schemas.ts'

const WITHIN_MS = 30_000
const DIGITS = /^\d{1,15}$/

const Query = Type.Object(
  {
    within: Type.Optional({
      ...DurationText(`How far ahead dueSoon looks, a duration: ${DURATION_FORMS}.`),
      default: '30s',
    }),
  },
  CLOSED,
)
const Scale = Type.Object(
  {
    ready: Count('Records that are due and that nobody holds, retries too.'),
    inFlight: Count('Records that are acquired and not finished.'),
    dueSoon: Count(
      'What falls due within, by whole seconds: retries that wait for their tier, delayed messages of the topic, and ' +
        'records of the group that wait for a delay of their own.',
    ),
    paused: Type.Optional(
      Type.Literal(true, {
        description: 'Nothing is handed out until resume, or, where its endpoint is paused, until a probe works.',
      }),
    ),
    approximate: Type.Optional(
      Type.Literal(true, {
        description: 'dueSoon is an estimate: so many topics are counted by minute, not by second.',
      }),
    ),
  },
  {
    title: 'Scale',
    description: 'How much there is to do, one number each.',
    examples: [{ ready: 120, inFlight: 16, dueSoon: 30 }],
  },
)

export function scaleRoutes(app: FastifyInstance, { groups, hand, wheel, settings }: HttpParts): void {
  // What is due beyond the reach of the wheel is not counted by second; half of it is always within.
  const withinMsMax = settings.WHEEL_SLOTS * 500

  app.get<{ Params: Static<typeof GroupPath>; Querystring: Static<typeof Query> }>(
    '/v1/topics/:topic/groups/:group/scale',
    {
      config: { access: needs('consume', 'admin') },
      schema: {
        tags: ['Consume'],
        operationId: 'getScale',
        summary: 'How much there is to do',
        description: 'From counters, exact, however much waits; reading it changes nothing.',
        params: GroupPath,
        querystring: Query,
        ...answers({ 200: Scale }, [
          'INVALID_FIELD',
          'INVALID_DURATION',
          'TOPIC_NOT_FOUND',
          'GROUP_NOT_FOUND',
          ...READS,
        ]),
      },
    },
    async ({ params, query }) => {
      const { topic, group } = namesOf(params)
      const withinMs =
        query.within === undefined
          ? Math.min(WITHIN_MS, withinMsMax)
          : between(durationOf(query.within), 0, withinMsMax, 'within')
      const untilMs = (Math.floor((hand.nowMs() + withinMs) / 1000) + 1) * 1000
      const { ready, inFlight, dueSoon, isEstimate } = await groups.scale(topic, group, wheel.census, untilMs)
      const settings = groups.settingsOf(topic, group)
      const isPaused = settings?.paused !== undefined || settings?.push?.paused !== undefined
      return {
        ready,
        inFlight,
        dueSoon,
        ...(isPaused && { paused: true as const }),
        ...(isEstimate && { approximate: true as const }),
      }
    },
  )
}

function durationOf(text: string): number {
  return parseDuration(DIGITS.test(text) ? Number(text) : text, 'within')
}
