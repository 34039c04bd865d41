// GET /v1/topics/{topic}/explain: where a message is, what happened to it, what comes next, and why not yet.

import type { FastifyInstance } from 'fastify'
import { type Static, Type } from 'typebox'
import { DwellError } from '../../storage/index.ts'
import { RIGHTS } from '../access/rights.ts'
import { needs } from '../access/route-access.ts'
import { type AskedMessage, GROUPS_MAX } from '../delivery/explain/explain.ts'
import {
  type Account,
  BECAUSE,
  EVENTS,
  type Explanation,
  GROUP_RECORD_STATES,
  MESSAGE_STATES,
} from '../delivery/explain/explanation.ts'
import { checkName } from '../names.ts'
import { checkId, ID_LENGTH_MAX } from '../publish/message.ts'
import { formatTime } from '../time.ts'
import type { HttpParts } from './parts.ts'
import { answers, CLOSED, TopicPath } from './schemas.ts'

/** As in offsets elsewhere: so large that no partition has more. */
const OFFSET_MAX = 999_999_999_999_999
const PARTITION_MAX = 999_999_999

const Whole = (maximum: number, description: string) =>
  Type.Optional(Type.Number({ minimum: 0, multipleOf: 1, maximum, description }))
const Query = Type.Object(
  {
    id: Type.Optional(Type.String({ description: `The id of the message, 1 to ${ID_LENGTH_MAX} characters.` })),
    partition: Whole(PARTITION_MAX, 'With offset, instead of id: where its record lies.'),
    offset: Whole(OFFSET_MAX, 'With partition.'),
    group: Type.Optional(Type.String({ description: 'Tell what this group did with it.' })),
  },
  CLOSED,
)

const At = Type.String({ format: 'date-time' })
const oneOf = (words: readonly string[], description: string) => {
  return Type.Union(
    words.map((word) => Type.Literal(word)),
    { description },
  )
}
const account = (states: readonly string[]) => ({
  state: oneOf(states, 'Where it is. Stable.'),
  because: Type.Optional(
    oneOf(
      Object.keys(BECAUSE),
      `Why it is there and not further. Stable: ${Object.entries(BECAUSE)
        .map(([word, meaning]) => `${word}: ${meaning}`)
        .join('; ')}.`,
    ),
  ),
  why: Type.String({ description: 'The same in one sentence, for people.' }),
  dueAt: Type.Optional(At),
  dueAtMs: Type.Optional(Type.Integer()),
  lockedUntil: Type.Optional(At),
  lockedUntilMs: Type.Optional(Type.Integer()),
  tier: Type.Optional(Type.String({ description: 'Of a retry: as in the name of its lane.' })),
  deliveryCount: Type.Optional(Type.Integer({ description: 'Deliveries so far, the one under way too.' })),
  ahead: Type.Optional(Type.Integer({ description: 'How many records come before it.' })),
  happened: Type.Array(
    Type.Object({
      at: At,
      atMs: Type.Integer(),
      event: oneOf(EVENTS, 'What happened. Stable.'),
      reason: Type.Optional(Type.String()),
    }),
    { description: 'So far, oldest first, as far as it is remembered.' },
  ),
  next: Type.Optional(
    Type.Object(
      {
        event: Type.String({
          description: 'dispatched, acquired, lock-expires, probe, due, freed or redrive-or-purge',
        }),
        at: Type.Optional(At),
        atMs: Type.Optional(Type.Integer()),
        to: Type.Optional(Type.String({ description: 'Where a lock that is over leads: a tier, or dead.' })),
      },
      { description: 'What comes if nobody does anything. Absent at the end of its way.' },
    ),
  ),
})
const Answer = Type.Object({
  topic: Type.String(),
  id: Type.Optional(Type.String()),
  partition: Type.Optional(Type.Integer()),
  offset: Type.Optional(Type.Integer()),
  group: Type.Optional(Type.String()),
  ...account([...new Set([...MESSAGE_STATES, ...GROUP_RECORD_STATES])]),
  groups: Type.Optional(
    Type.Array(Type.Object({ group: Type.String(), ...account(GROUP_RECORD_STATES) }), {
      description: `Without group: what each group of the topic did with it, at most ${GROUPS_MAX}, by name.`,
    }),
  ),
  groupsOmitted: Type.Optional(Type.Integer({ description: 'How many more groups there are.' })),
})

export function explainRoutes(app: FastifyInstance, { explainer }: HttpParts): void {
  app.get<{ Params: Static<typeof TopicPath>; Querystring: Static<typeof Query> }>(
    '/v1/topics/:topic/explain',
    {
      config: { access: needs(...RIGHTS) },
      schema: {
        tags: ['Explain'],
        summary: 'Where a message is, what happened to it, and why not yet',
        description: 'By id, or by partition and offset. It changes nothing, and reads no more than 16 MiB.',
        params: TopicPath,
        querystring: Query,
        ...answers({ 200: Answer }),
      },
    },
    async ({ params, query }) => {
      const topic = checkName(params.topic, 'topic')
      const group = query.group === undefined ? undefined : checkName(query.group, 'group')
      return explanationJson(await explainer.explain(topic, askedOf(query), group))
    },
  )
}

/** @throws MISSING_FIELD, CONFLICTING_FIELDS, INVALID_FIELD */
function askedOf({ id, partition, offset }: Static<typeof Query>): AskedMessage {
  if (id !== undefined) {
    if (partition === undefined && offset === undefined) return { id: checkId(id) }
    const field = partition === undefined ? 'offset' : 'partition'
    throw new DwellError('CONFLICTING_FIELDS', 'Give id, or partition and offset, not both.', { field })
  }
  if (partition !== undefined && offset !== undefined) return { partition, offset }
  const field = partition !== undefined ? 'offset' : offset !== undefined ? 'partition' : 'id'
  const sentence =
    field === 'id' ? 'Give id, or partition and offset.' : `${field} is needed beside the other: give both.`
  throw new DwellError('MISSING_FIELD', sentence, { field })
}

function explanationJson({ topic, id, partition, offset, group, groups, groupsOmitted, ...account }: Explanation) {
  return {
    topic,
    id,
    partition,
    offset,
    group,
    ...accountJson(account),
    groups: groups?.map(({ group, ...account }) => ({ group, ...accountJson(account) })),
    groupsOmitted,
  }
}

function accountJson({ dueAtMs, lockedUntilMs, happened, next, ...account }: Account<string>) {
  return {
    ...account,
    ...(dueAtMs !== undefined && { dueAt: formatTime(dueAtMs), dueAtMs }),
    ...(lockedUntilMs !== undefined && { lockedUntil: formatTime(lockedUntilMs), lockedUntilMs }),
    happened: happened.map(({ atMs, ...rest }) => ({ at: formatTime(atMs), atMs, ...rest })),
    next: next && { ...next, ...(next.atMs !== undefined && { at: formatTime(next.atMs) }) },
  }
}
