// GET /v1/forecast: how many delayed messages will fall due, second by second or minute by minute.

import { setImmediate as nextTurn } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import { type Static, Type } from 'typebox'
import { DwellError } from '../../storage/index.ts'
import { type Forecast, type ForecastOptions, forecast } from '../../timewheel/index.ts'
import type { Caller } from '../access/caller.ts'
import { RIGHTS } from '../access/rights.ts'
import { needsSome } from '../access/route-access.ts'
import { checkName } from '../names.ts'
import { formatTime } from '../time.ts'
import type { HttpParts } from './parts.ts'
import { At, AtMs, answers, CLOSED, Count, QueryCount, TopicName } from './schemas.ts'

const MINUTE_SECONDS = 60
const SECONDS_DEFAULT = 60

const Answer = Type.Object(
  {
    from: At('Where the first step begins: at the second that it is now.'),
    fromMs: AtMs('Where the first step begins'),
    stepMs: Type.Integer({ minimum: 1, description: 'How long each step is.' }),
    counts: Type.Array(Type.Integer({ minimum: 0 }), { description: 'How many messages are due in each step.' }),
    overdue: Count('Those that were due before, and are not dispatched yet.'),
    later: Count('Those that are due behind the last step.'),
    approximate: Type.Optional(
      Type.Literal(true, {
        description: 'The counts are an estimate: so many topics are counted by minute, not by second.',
      }),
    ),
  },
  {
    title: 'Forecast',
    description: 'How many messages fall due in each step.',
    examples: [
      {
        from: '2026-11-20T10:00:00.000Z',
        fromMs: 1_795_168_800_000,
        stepMs: 1000,
        counts: [0, 3, 1],
        overdue: 0,
        later: 12,
      },
    ],
  },
)

export function forecastRoutes(app: FastifyInstance, { settings, topics, hand, wheel }: HttpParts): void {
  const secondsMax = settings.WHEEL_SLOTS
  const minutesMax = Math.max(1, Math.floor(secondsMax / MINUTE_SECONDS))
  const Query = Type.Object(
    {
      seconds: QueryCount({
        maximum: secondsMax,
        default: SECONDS_DEFAULT,
        description: 'How many steps of a second, as far as the wheel reaches.',
      }),
      minutes: QueryCount({ maximum: minutesMax, description: 'How many steps of a minute; instead of seconds.' }),
      topic: Type.Optional({ ...TopicName, description: 'Only what is for this topic.' }),
    },
    CLOSED,
  )

  app.get<{ Querystring: Static<typeof Query> }>(
    '/v1/forecast',
    {
      config: { access: needsSome(...RIGHTS) },
      schema: {
        tags: ['Delayed messages'],
        operationId: 'forecast',
        summary: 'How many messages will fall due',
        description:
          'From counters, not by reading messages. overdue, counts and later add up to all that is pending; what is due ' +
          'beyond the reach of the wheel is only in later.',
        querystring: Query,
        ...answers({ 200: Answer }, ['INVALID_FIELD', 'INVALID_NAME', 'CONFLICTING_FIELDS', 'TOPIC_NOT_FOUND']),
      },
    },
    async ({ query: { seconds, minutes, topic }, caller }) => {
      if (seconds !== undefined && minutes !== undefined) {
        throw new DwellError('CONFLICTING_FIELDS', 'Give seconds or minutes, not both.', { field: 'minutes' })
      }
      if (topic !== undefined) caller.checkSees(topic)
      const fromSecond = Math.floor(hand.nowMs() / 1000)
      const stepSeconds = minutes === undefined ? 1 : MINUTE_SECONDS
      const steps = minutes ?? seconds ?? SECONDS_DEFAULT
      const asked = { fromSecond, stepSeconds, steps }
      const { counts, overdue, later, isEstimate } =
        topic === undefined && !caller.seesAll
          ? await forecastOf(topicsOf(caller), asked)
          : forecast(wheel.census, { ...asked, topicId: idOf(topic) })
      const fromMs = fromSecond * 1000
      return {
        from: formatTime(fromMs),
        fromMs,
        stepMs: stepSeconds * 1000,
        counts,
        overdue,
        later,
        ...(isEstimate && { approximate: true as const }),
      }
    },
  )

  function idOf(topic: string | undefined): number | undefined {
    return topic === undefined ? undefined : topics.describe(checkName(topic, 'topic')).id
  }

  /** The topics that a caller sees, of those for which anything waits. */
  function topicsOf(caller: Caller): number[] {
    const seen = topics.list().filter(({ name, id }) => caller.sees(name) && wheel.census.countOf(id) > 0)
    return seen.map(({ id }) => id)
  }

  /** All of these topics together; others have their turns in between. */
  async function forecastOf(topicIds: readonly number[], asked: ForecastOptions): Promise<Forecast> {
    const sum: Forecast = { counts: new Array(asked.steps).fill(0), overdue: 0, later: 0, isEstimate: false }
    for (const topicId of topicIds) {
      const one = forecast(wheel.census, { ...asked, topicId })
      for (let i = 0; i < asked.steps; i++) sum.counts[i] += one.counts[i]
      sum.overdue += one.overdue
      sum.later += one.later
      sum.isEstimate ||= one.isEstimate
      await nextTurn()
    }
    return sum
  }
}
