// /v1/topics/{topic}/groups: settings, description, reset, deletion.

import type { FastifyInstance } from 'fastify'
import { type Static, Type } from 'typebox'
import { needs } from '../access/route-access.ts'
import type { GroupDescription as Described, GroupSettings, LaneDescription } from '../delivery/index.ts'
import { tierName } from '../delivery/lane.ts'
import { formatDuration } from '../duration.ts'
import type { ErrorCode } from '../errors.ts'
import { checkName } from '../names.ts'
import { formatTime, parseTime } from '../time.ts'
import { deadLettersAfter, deadLettersJson } from './dead-letter-settings.ts'
import { Group, GroupChange, GroupDescription, GroupList, lockOf, PauseBody, Reset } from './group-forms.ts'
import type { HttpParts } from './parts.ts'
import { pushAfter, pushJson } from './push-forms.ts'
import { checkJitter, tiersOf } from './retry-forms.ts'
import { READS, WHEEL, WRITES } from './route-errors.ts'
import {
  answered,
  answers,
  bodyMayBeMissing,
  GroupPath,
  NoBody,
  NoQuery,
  namesOf,
  optionalBody,
  pauseJson,
  TopicPath,
} from './schemas.ts'

const FINDS: readonly ErrorCode[] = ['TOPIC_NOT_FOUND', 'GROUP_NOT_FOUND', ...READS, ...WHEEL]

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

  app.put<OfGroup & { Body: Static<typeof GroupChange> }>(
    '/v1/topics/:topic/groups/:group',
    {
      config: { access: needs('admin') },
      schema: {
        ...ofGroup,
        operationId: 'putGroup',
        summary: 'Create or change a group',
        description: 'Answers 201 when it is new. With push, records are sent to a URL instead of being acquired.',
        body: GroupChange,
        ...answers({ 200: answered(Group, 'Changed.'), 201: answered(Group, 'Created.') }, [
          'MISSING_FIELD',
          'INVALID_DURATION',
          'PUSH_OFF',
          'PUSH_HOST_NOT_ALLOWED',
          'TOPIC_NOT_FOUND',
          'GROUP_NAME_AMBIGUOUS',
          'TOO_MANY_GROUPS',
          'DISK_LOW',
          ...READS,
          ...WRITES,
        ]),
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
      const release = groups.settingsOf(topic, group) === undefined ? quotas.reserveGroup(topic, group) : undefined
      try {
        const configured = await groups.configure(topic, group, change)
        reply.code(configured.created ? 201 : 200)
        return { topic, group, ...settingsJson(configured.settings) }
      } finally {
        release?.()
      }
    },
  )

  app.get<OfGroup>(
    '/v1/topics/:topic/groups/:group',
    {
      config: { access: needs('consume', 'admin') },
      schema: {
        ...ofGroup,
        operationId: 'getGroup',
        summary: 'Describe a group',
        description: 'Its settings; of each partition how far it is; of each tier what waits there.',
        ...answers({ 200: GroupDescription }, FINDS),
      },
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
        operationId: 'listGroups',
        summary: 'List the groups of a topic',
        description: 'With their settings.',
        ...answers({ 200: GroupList }, ['TOPIC_NOT_FOUND']),
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
        operationId: 'resetGroup',
        summary: 'Move a group to another place of the log',
        description:
          'Receipts that are out for records of the topic become void. Retries go on waiting, but that latest gives up what ' +
          'waits in tiers, too; dead letters stay.',
        body: Reset,
        ...answers({ 200: GroupDescription }, [...FINDS, ...WRITES, 'MISSING_FIELD', 'INVALID_TIME']),
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
        operationId: 'pauseGroup',
        summary: 'Hand nothing out until resume',
        description: 'acquire answers an empty list then, with the reason. What was handed out before goes on.',
        ...optionalBody(PauseBody),
        ...answers({ 200: GroupDescription }, [...FINDS, ...WRITES]),
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
      schema: {
        ...ofGroup,
        operationId: 'resumeGroup',
        summary: 'Go on after a pause',
        description: 'Also of its endpoint, if it has one.',
        ...optionalBody(NoBody),
        ...answers({ 200: GroupDescription }, [...FINDS, ...WRITES]),
      },
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
      schema: {
        ...ofGroup,
        operationId: 'deleteGroup',
        summary: 'Forget a group',
        description: 'Its tiers go, with what waits in them; its dead letters stay, as an ordinary topic.',
        ...answers({ 204: Type.Null({ description: 'Forgotten.' }) }, [...FINDS, ...WRITES]),
      },
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
  { topic, group, settings, partitions }: Described,
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
