// POST /v1/test/clock: moves the clock of a directory for tests. Without that there is no such route.

import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import { DwellError } from '../../storage/index.ts'
import { needsAll } from '../access/route-access.ts'
import { parseDuration } from '../duration.ts'
import type { TestClock } from '../test-clock.ts'
import { formatTime } from '../time.ts'
import type { HttpParts } from './parts.ts'
import { answers, CLOSED, Duration, NoQuery } from './schemas.ts'

/** A call does not wait longer for what is due by then: a million messages take seconds, not minutes. */
const WAIT_MS_MAX = 5 * 60_000

const Moved = Type.Object({
  now: Type.String({ format: 'date-time', description: 'What the clock shows now.' }),
  nowMs: Type.Integer(),
  dispatched: Type.Boolean({
    description: 'Whether all that is due by then is dispatched; if not, {"advance": 0} waits on.',
  }),
})

export function testClockRoutes(app: FastifyInstance, parts: HttpParts, testClock: TestClock): void {
  app.post<{ Body: { advance: number | string } }>(
    '/v1/test/clock',
    {
      config: { access: needsAll('admin') },
      schema: {
        tags: ['Operations'],
        summary: 'Move the test clock ahead',
        description:
          'Answers when all that is due by then is dispatched. Locks, tiers and waiting calls run out as well.',
        querystring: NoQuery,
        body: Type.Object({ advance: Duration }, CLOSED),
        ...answers({ 200: Moved }),
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
