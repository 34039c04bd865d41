// /v1/redrives: the tasks that give dead letters back to their groups.

import type { FastifyInstance } from 'fastify'
import { type Static, Type } from 'typebox'
import { needsSome } from '../access/route-access.ts'
import type { RedriveTask } from '../delivery/index.ts'
import { formatTime } from '../time.ts'
import { Filter, filterJson } from './dead-letter-forms.ts'
import type { HttpParts } from './parts.ts'
import { answers, NoQuery } from './schemas.ts'

const State = Type.Union([
  Type.Literal('running'),
  Type.Literal('done'),
  Type.Literal('stopped'),
  Type.Literal('failed'),
])
const Task = Type.Object({
  task: Type.String(),
  topic: Type.String(),
  group: Type.String(),
  filter: Filter,
  ratePerSecond: Type.Union([Type.Number(), Type.Null()]),
  state: State,
  matched: Type.Integer({ description: 'Dead letters that the filter matched when the task began.' }),
  moved: Type.Integer(),
  failed: Type.Integer({ description: 'Records that could not be read; they stay dead letters.' }),
  started: Type.String({ format: 'date-time' }),
  finished: Type.Union([Type.String({ format: 'date-time' }), Type.Null()]),
  reason: Type.Optional(Type.String({ description: 'Why it failed.' })),
})
const TaskPath = Type.Object({ task: Type.String() })

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
        summary: 'List redrives, the newest first',
        ...answers({ 200: Type.Object({ redrives: Type.Array(Task) }) }),
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
      schema: { tags, params: TaskPath, querystring: NoQuery, summary: 'Show a redrive', ...answers({ 200: Task }) },
    },
    async ({ params: { task }, caller }) => taskJson(redrives.get(task, caller)),
  )

  app.post<OfTask>(
    '/v1/redrives/:task/stop',
    {
      config: { access: needsSome('admin') },
      schema: { tags, params: TaskPath, querystring: NoQuery, summary: 'Stop a redrive', ...answers({ 200: Task }) },
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
