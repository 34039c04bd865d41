// POST /v1/test/clock: moves the clock of a directory for tests. Without that there is no such route.

import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import { DwellError } from '../../storage/index.ts'
import { needsAll } from '../access/route-access.ts'
import { parseDuration } from '../duration.ts'
import type { TestClock } from '../test-clock.ts'
import { formatTime } from '../time.ts'
import type { HttpParts } from './parts.ts'
import { WHEEL, WRITES } from './route-errors.ts'
import { At, AtMs, answers, CLOSED, Duration, here, NoQuery } from './schemas.ts'

/** A call does not wait longer for what is due by then: a million messages take seconds, not minutes. */
const WAIT_MS_MAX = 5 * 60_000

const Advance = Type.Object(
  { advance: here(Duration, 'By how much. 0 waits for what is due already.') },
  { ...CLOSED, title: 'Advance', description: 'How far to move the clock.', examples: [{ advance: '3d' }] },
)
const Moved = Type.Object(
  {
    now: At('What the clock shows now.'),
    nowMs: AtMs('What the clock shows now'),
    dispatched: Type.Boolean({
      description: 'Whether all that is due by then is dispatched; if not, {"advance": 0} waits on.',
    }),
  },
  {
    title: 'Moved',
    description: 'Where the clock stands.',
    examples: [{ now: '2026-11-20T10:00:00.000Z', nowMs: 1_795_168_800_000, dispatched: true }],
  },
)

export function testClockRoutes(app: FastifyInstance, parts: HttpParts, testClock: TestClock): void {
  app.post<{ Body: { advance: number | string } }>(
    '/v1/test/clock',
    {
      config: { access: needsAll('admin') },
      schema: {
        tags: ['Operations'],
        operationId: 'moveTestClock',
        summary: 'Move the test clock ahead',
        description:
          'Only where the service was started with --test-clock. Answers when all that is due by then is dispatched. Locks, ' +
          'tiers and waiting calls run out as well.',
        querystring: NoQuery,
        body: Advance,
        ...answers({ 200: Moved }, ['MISSING_FIELD', 'INVALID_DURATION', ...WRITES, ...WHEEL]),
      },
    },
    async ({ body }) => {
      const advanceMs = parseDuration(body.advance, 'advance')
      if (parts.stopping.aborted) throw new DwellError('ENGINE_CLOSED', 'The service is stopping.')
      const nowMs = await testClock.advance(advanceMs)
      return { now: formatTime(nowMs), nowMs, dispatched: await isDispatched(parts, testClock, nowMs) }
    },
  )
}

async function isDispatched({ wheel, stopping }: HttpParts, { machine }: TestClock, timeMs: number): Promise<boolean> {
  const given = Promise.withResolvers<boolean>()
  const giveUp = () => given.resolve(false)
  const timer = machine.setTimer(giveUp, WAIT_MS_MAX)
  stopping.addEventListener('abort', giveUp)
  // It may have come while the clock was moved.
  if (stopping.aborted) giveUp()
  try {
    wheel.untilDispatched(timeMs).then(() => given.resolve(true), given.reject)
    return await given.promise
  } finally {
    timer.cancel()
    stopping.removeEventListener('abort', giveUp)
  }
}
