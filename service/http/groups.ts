// /v1/topics/{topic}/groups: settings, description, reset, deletion.

import type { FastifyInstance } from 'fastify'
import { type Static, Type } from 'typebox'
import { needs } from '../access/route-access.ts'
import {
  type GroupDescription,
  type GroupSettings,
  IN_FLIGHT_MAX,
  type LaneDescription,
  REASON_LENGTH_MAX,
} from '../delivery/index.ts'
import { tierName } from '../delivery/lane.ts'
import { formatDuration } from '../duration.ts'
import { checkName } from '../names.ts'
import { formatTime, parseTime } from '../time.ts'
import { lockOf, namesOf } from './consume.ts'
import { DeadLettersChange, DeadLettersShown, deadLettersAfter, deadLettersJson } from './dead-letter-settings.ts'
import type { HttpParts } from './parts.ts'
import { PushChange, PushShown, pushAfter, pushJson } from './push-forms.ts'
import { checkJitter, Jitter, Retry, tiersOf } from './retry-forms.ts'
import {
  answers,
  bodyMayBeMissing,
  CLOSED,
  Duration,
  GroupPath,
  NoBody,
  NoQuery,
  Pause,
  pauseJson,
  TopicPath,
} from './schemas.ts'

const Start = Type.Union([Type.Literal('earliest'), Type.Literal('latest')])
const Order = Type.Union([Type.Literal('none'), Type.Literal('key')], {
  description: 'key: a record waits while an earlier one of its key is in flight or waits for its retry.',
})
const Change = Type.Object(
  {
    retry: Type.Optional(Retry),
    jitter: Type.Optional(Jitter),
    lock: Type.Optional(Duration),
    maxInFlight: Type.Optional(Type.Integer({ minimum: 1, maximum: IN_FLIGHT_MAX })),
    order: Type.Optional(Order),
    start: Type.Optional(Start),
    deadLetters: Type.Optional(DeadLettersChange),
    push: Type.Optional(PushChange),
  },
  CLOSED,
)
const SettingsOut = {
  group: Type.String(),
  topic: Type.String(),
  retry: Type.Array(Type.String()),
  jitter: Jitter,
  lock: Type.String(),
  maxInFlight: Type.Integer(),
  order: Order,
  start: Start,
  paused: Type.Optional(Pause),
  deadLetters: DeadLettersShown,
  push: Type.Optional(PushShown),
}
const Settings = Type.Object(SettingsOut)
const Description = Type.Object({
  ...SettingsOut,
  partitions: Type.Array(
    Type.Object({
      partition: Type.Integer(),
      startOffset: Type.Integer(),
      endOffset: Type.Integer(),
      lag: Type.Integer(),
      inFlight: Type.Integer(),
      waiting: Type.Record(Type.String(), Type.Integer(), { description: 'How many wait for their retry, by tier.' }),
      dead: Type.Integer(),
    }),
  ),
  lanes: Type.Array(
    Type.Object({
      tier: Type.String(),
      topic: Type.String(),
      waiting: Type.Integer({ description: 'In all partitions, due or not, and on their way through the wheel.' }),
      oldestAt: Type.Optional(Type.String({ format: 'date-time' })),
      oldestAtMs: Type.Optional(Type.Integer()),
      oldestAgeMs: Type.Optional(
        Type.Integer({ description: 'How long the first of them waits, without those that are still in the wheel.' }),
      ),
    }),
  ),
})
const PauseBody = Type.Object({ reason: Type.Optional(Type.String({ maxLength: REASON_LENGTH_MAX })) }, CLOSED)
const Reset = Type.Object(
  { to: Type.Union([Type.String(), Type.Number()], { description: 'earliest, latest or a time' }) },
  CLOSED,
)

/** Whoever finds the group paused is told why, in any case. */
const NO_REASON = 'Paused by a call that gave no reason.'

interface OfGroup {
  Params: { topic: string; group: string }
}

export function groupRoutes(app: FastifyInstance, { groups, settings, pushHosts, hand, quotas }: HttpParts): void {
  const tags = ['Consume']
  const ofGroup = { tags, params: GroupPath, querystring: NoQuery }
  const describe = async (topic: string, group: string) =>
    descriptionJson(groups.describe(topic, group), await groups.lanes(topic, group), hand.nowMs())

  app.put<OfGroup & { Body: Static<typeof Change> }>(
    '/v1/topics/:topic/groups/:group',
    {
      config: { access: needs('admin') },
      schema: {
        ...ofGroup,
        summary: 'Create or change a group',
        body: Change,
        ...answers({ 200: Settings, 201: Settings }),
      },
    },
    async ({ params, body }, reply) => {
      const { topic, group } = namesOf(params)
      const change: Partial<GroupSettings> = {}
      if (body.retry !== undefined) change.retry = tiersOf(body.retry, settings.DELAY_MAX)
      if (body.jitter !== undefined) change.jitter = body.jitter
      if (body.retry !== undefined || body.jitter !== undefined) {
        const { retry, jitter } = { ...(groups.settingsOf(topic, group) ?? groups.defaults), ...change }
        checkJitter(retry, jitter, settings.DELAY_MAX)
      }
      if (body.lock !== undefined) change.lockMs = lockOf(body.lock)
      if (body.maxInFlight !== undefined) change.maxInFlight = body.maxInFlight
      if (body.order !== undefined) change.order = body.order
      if (body.start !== undefined) change.start = body.start
      if (body.deadLetters !== undefined) {
        const before = groups.settingsOf(topic, group)?.deadLetters ?? groups.defaults.deadLetters
        change.deadLetters = deadLettersAfter(body.deadLetters, before)
      }
      if (body.push !== undefined) {
        change.push = pushAfter(body.push, groups.settingsOf(topic, group)?.push, pushHosts)
      }
      if (groups.settingsOf(topic, group) === undefined) quotas.checkGroup()
      const configured = await groups.configure(topic, group, change)
      reply.code(configured.created ? 201 : 200)
      return { topic, group, ...settingsJson(configured.settings) }
    },
  )

  app.get<OfGroup>(
    '/v1/topics/:topic/groups/:group',
    {
      config: { access: needs('consume', 'admin') },
      schema: { ...ofGroup, summary: 'Describe a group', ...answers({ 200: Description }) },
    },
    async ({ params }) => {
      const { topic, group } = namesOf(params)
      return describe(topic, group)
    },
  )

  app.get<{ Params: { topic: string } }>(
    '/v1/topics/:topic/groups',
    {
      config: { access: needs('consume', 'admin') },
      schema: {
        tags,
        params: TopicPath,
        querystring: NoQuery,
        summary: 'List the groups of a topic',
        ...answers({ 200: Type.Object({ groups: Type.Array(Settings) }) }),
      },
    },
    async ({ params }) => {
      const topic = checkName(params.topic, 'topic')
      return { groups: groups.list(topic).map(({ group, settings }) => ({ topic, group, ...settingsJson(settings) })) }
    },
  )

  app.post<OfGroup & { Body: Static<typeof Reset> }>(
    '/v1/topics/:topic/groups/:group/reset',
    {
      config: { access: needs('admin') },
      schema: {
        ...ofGroup,
        summary: 'Move a group to another place of the log',
        body: Reset,
        ...answers({ 200: Description }),
      },
    },
    async ({ params, body: { to } }) => {
      const { topic, group } = namesOf(params)
      await groups.reset(topic, group, to === 'earliest' || to === 'latest' ? to : parseTime(to, 'to'))
      return describe(topic, group)
    },
  )

  app.post<OfGroup & { Body: Static<typeof PauseBody> }>(
    '/v1/topics/:topic/groups/:group/pause',
    {
      config: { access: needs('admin') },
      ...bodyMayBeMissing,
      schema: {
        ...ofGroup,
        summary: 'Hand nothing out until resume',
        body: PauseBody,
        ...answers({ 200: Description }),
      },
    },
    async ({ params, body }) => {
      const { topic, group } = namesOf(params)
      await groups.pause(topic, group, body.reason?.trim() || NO_REASON)
      return describe(topic, group)
    },
  )

  app.post<OfGroup>(
    '/v1/topics/:topic/groups/:group/resume',
    {
      config: { access: needs('admin') },
      ...bodyMayBeMissing,
      schema: { ...ofGroup, summary: 'Go on after a pause', body: NoBody, ...answers({ 200: Description }) },
    },
    async ({ params }) => {
      const { topic, group } = namesOf(params)
      await groups.resume(topic, group)
      return describe(topic, group)
    },
  )

  app.delete<OfGroup>(
    '/v1/topics/:topic/groups/:group',
    {
      config: { access: needs('admin') },
      schema: { ...ofGroup, summary: 'Forget a group', ...answers({ 204: Type.Null() }) },
    },
    async ({ params }, reply) => {
      const { topic, group } = namesOf(params)
      await groups.forget(topic, group)
      return reply.code(204).send()
    },
  )
}

function settingsJson(settings: GroupSettings) {
  const { retry, jitter = 0, lockMs, maxInFlight, order, start, paused, deadLetters, push } = settings
  return {
    // Named as in `waiting` and `lanes`.
    retry: retry.map(tierName),
    jitter,
    lock: formatDuration(lockMs),
    maxInFlight,
    order,
    start,
    paused: paused && pauseJson(paused),
    deadLetters: deadLettersJson(deadLetters),
    push: push && pushJson(push),
  }
}

function descriptionJson(
  { topic, group, settings, partitions }: GroupDescription,
  lanes: readonly LaneDescription[],
  nowMs: number,
) {
  return {
    topic,
    group,
    ...settingsJson(settings),
    partitions: partitions.map(({ waiting, ...partition }) => {
      return { ...partition, waiting: Object.fromEntries(waiting.map(({ tier, count }) => [tier, count])) }
    }),
    lanes: lanes.map(({ oldestAtMs, ...lane }) => {
      if (oldestAtMs === undefined) return lane
      const oldestAgeMs = Math.max(0, nowMs - oldestAtMs)
      return { ...lane, oldestAt: formatTime(oldestAtMs), oldestAtMs, oldestAgeMs }
    }),
  }
}
