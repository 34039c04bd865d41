// /v1/redrives: the tasks that give dead letters back to their groups.

import type { FastifyInstance } from 'fastify'
import { type Static, Type } from 'typebox'
import { needsSome } from '../access/route-access.ts'
import type { RedriveTask } from '../delivery/index.ts'
import { formatTime } from '../time.ts'
import { Filter, filterJson } from './dead-letter-forms.ts'
import type { HttpParts } from './parts.ts'
import { WRITES } from './route-errors.ts'
import { At, answers, Count, NoQuery, oneOf } from './schemas.ts'

const Task = Type.Object(
  {
    task: Type.String({ description: 'Its name.' }),
    topic: Type.String({ description: 'The topic of the group.' }),
    group: Type.String({ description: 'The group that gets them.' }),
    filter: Filter,
    ratePerSecond: Type.Union([Type.Number(), Type.Null()], { description: 'null: as fast as it goes.' }),
    state: oneOf(
      ['running', 'done', 'stopped', 'failed'],
      'running: it goes on. done: all are moved. stopped: by a call; what was moved stays moved. failed: see reason.',
    ),
    matched: Count('Dead letters that the filter matched when the task began.'),
    moved: Count('How many were moved.'),
    failed: Count('Records that could not be read; they stay dead letters.'),
    started: At('When it began.'),
    finished: Type.Union([Type.String({ format: 'date-time' }), Type.Null()], { description: 'When it ended.' }),
    reason: Type.Optional(Type.String({ description: 'Why it failed.' })),
  },
  {
    title: 'RedriveTask',
    description: 'A task that gives dead letters back to their group.',
    examples: [
      {
        task: 'redrive-1',
        topic: 'orders',
        group: 'billing',
        filter: { reason: 'unknown customer' },
        ratePerSecond: 100,
        state: 'running',
        matched: 300,
        moved: 120,
        failed: 0,
        started: '2026-11-20T10:00:00.000Z',
        finished: null,
      },
    ],
  },
)
const RedriveList = Type.Object(
  { redrives: Type.Array(Task, { description: 'The newest first.' }) },
  {
    title: 'RedriveList',
    description: 'Those that run, and the last of those that ended.',
    examples: [{ redrives: [] }],
  },
)
const TaskPath = Type.Object({
  task: Type.String({ description: 'The name of the task, as redrive answered it.', examples: ['redrive-1'] }),
})

interface OfTask {
  Params: { task: string }
}

export function redriveRoutes(app: FastifyInstance, { groups }: HttpParts): void {
  const tags = ['Dead letters']
  const { redrives } = groups.deadLetters

  app.get(
    '/v1/redrives',
    {
      config: { access: needsSome('consume', 'admin') },
      schema: {
        tags,
        querystring: NoQuery,
        operationId: 'listRedrives',
        summary: 'List redrives, the newest first',
        description: 'Those of the topics that the token sees.',
        ...answers({ 200: RedriveList }, []),
      },
    },
    async ({ caller }) => ({
      redrives: redrives
        .list()
        .filter(({ topic }) => caller.sees(topic))
        .map(taskJson),
    }),
  )

  app.get<OfTask>(
    '/v1/redrives/:task',
    {
      config: { access: needsSome('consume', 'admin') },
      schema: {
        tags,
        params: TaskPath,
        querystring: NoQuery,
        operationId: 'getRedrive',
        summary: 'Show a redrive',
        description: 'How far it is.',
        ...answers({ 200: Task }, ['REDRIVE_NOT_FOUND']),
      },
    },
    async ({ params: { task }, caller }) => taskJson(redrives.get(task, caller)),
  )

  app.post<OfTask>(
    '/v1/redrives/:task/stop',
    {
      config: { access: needsSome('admin') },
      schema: {
        tags,
        params: TaskPath,
        querystring: NoQuery,
        operationId: 'stopRedrive',
        summary: 'Stop a redrive',
        description: 'What was moved stays moved. One that has ended stays as it is.',
        ...answers({ 200: Task }, ['REDRIVE_NOT_FOUND', ...WRITES]),
      },
    },
    async ({ params: { task }, caller }) => {
      redrives.get(task, caller)
      return taskJson(await redrives.stop(task))
    },
  )
}

function taskJson(given: RedriveTask): Static<typeof Task> {
  const { task, topic, group, filter, ratePerSecond, state, matched, moved, failed, reason } = given
  return {
    task,
    topic,
    group,
    filter: filterJson(filter),
    ratePerSecond: ratePerSecond ?? null,
    state,
    matched,
    moved,
    failed,
    started: formatTime(given.startedMs),
    finished: given.finishedMs === undefined ? null : formatTime(given.finishedMs),
    reason,
  }
}
