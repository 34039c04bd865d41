// A group's settings and its description, as they are given and shown.

import { Type } from 'typebox'
import { IN_FLIGHT_MAX, REASON_LENGTH_MAX } from '../delivery/index.ts'
import { parseDuration } from '../duration.ts'
import { between } from '../publish/message.ts'
import { DeadLettersChange, DeadLettersShown } from './dead-letter-settings.ts'
import { PushChange, PushShown } from './push-forms.ts'
import { Jitter, Retry } from './retry-forms.ts'
import { At, AtMs, byHand, CLOSED, Count, Duration, here, Offset, oneOf, Pause } from './schemas.ts'

/** As of the setting GROUP_LOCK: a shorter lock is over before its answer has arrived. */
const LOCK_MS_MIN = 100
const LOCK_MS_MAX = 24 * 3_600_000

const Start = oneOf(['earliest', 'latest'], 'Where a new group begins. Later changes have no effect.')
const Order = oneOf(
  ['none', 'key'],
  'key: a record waits while an earlier one of its key is in flight or waits for its retry.',
)
const MAX_IN_FLIGHT = {
  minimum: 1,
  maximum: IN_FLIGHT_MAX,
  description: 'At most so many records of one source partition are acquired and unfinished at a time.',
}

export const GroupChange = Type.Object(
  {
    retry: Type.Optional(Retry),
    jitter: Type.Optional(Jitter),
    lock: Type.Optional(here(Duration, 'How long records are locked unless acquire says otherwise, 100 ms to a day.')),
    maxInFlight: Type.Optional(Type.Integer(MAX_IN_FLIGHT)),
    order: Type.Optional(Order),
    start: Type.Optional(Start),
    deadLetters: Type.Optional(DeadLettersChange),
    push: Type.Optional(PushChange),
  },
  {
    ...CLOSED,
    title: 'GroupChange',
    description: 'What is given is set; the rest stays, or has its default in a new group.',
    examples: [{ retry: ['5s', '10s', '15s'], lock: '30s', maxInFlight: 2000, order: 'key' }],
  },
)

const SETTINGS = {
  topic: Type.String({ description: 'Its topic.' }),
  group: Type.String({ description: 'Its name.' }),
  retry: Type.Array(Type.String(), { description: 'The tiers: how long a record waits after its 1st, 2nd … failure.' }),
  jitter: Jitter,
  lock: Type.String({ description: 'How long records are locked unless acquire says otherwise.' }),
  maxInFlight: Type.Integer(MAX_IN_FLIGHT),
  order: Order,
  start: Start,
  paused: Type.Optional(here(Pause, 'Set while nothing is handed out.')),
  deadLetters: DeadLettersShown,
  push: Type.Optional(PushShown),
}
const EXAMPLE = {
  topic: 'orders',
  group: 'billing',
  retry: ['5s', '10s', '15s'],
  jitter: 0,
  lock: '30s',
  maxInFlight: 2000,
  order: 'key',
  start: 'earliest',
  deadLetters: { perMinuteMax: null, retention: null },
}
export const Group = Type.Object(SETTINGS, {
  title: 'Group',
  description: 'A group and its settings.',
  examples: [EXAMPLE],
})
export const GroupList = Type.Object(
  { groups: Type.Array(Group, { description: 'By name.' }) },
  { title: 'GroupList', description: 'The groups of a topic.', examples: [{ groups: [EXAMPLE] }] },
)

const GroupPartition = Type.Object(
  {
    partition: Offset('The partition of the topic.'),
    startOffset: Offset('All before it is finished.'),
    endOffset: Offset('The high watermark.'),
    lag: Count('How many records from startOffset on are not finished.'),
    inFlight: Count('How many are acquired and not finished.'),
    waiting: Type.Record(Type.String(), Type.Integer({ minimum: 0 }), {
      description: 'How many wait for their retry, by tier.',
    }),
    dead: Count('How many are with the dead letters.'),
  },
  { title: 'GroupPartition', description: 'How far a group is in one partition.' },
)
const Lane = Type.Object(
  {
    tier: Type.String({ description: 'How long records wait in it.' }),
    topic: Type.String({ description: 'The topic in which they do.' }),
    waiting: Count('In all partitions, due or not, and on their way through the wheel.'),
    oldestAt: Type.Optional(At('When the first of them failed.')),
    oldestAtMs: Type.Optional(AtMs('When the first of them failed')),
    oldestAgeMs: Type.Optional(Count('How long the first of them waits, without those that are still in the wheel.')),
  },
  { title: 'Lane', description: 'What waits in one tier of a group.' },
)
export const GroupDescription = Type.Object(
  {
    ...SETTINGS,
    partitions: Type.Array(GroupPartition, { description: 'One for each partition of the topic.' }),
    lanes: Type.Array(Lane, { description: 'One for each tier, and one for what is redriven.' }),
  },
  {
    title: 'GroupDescription',
    description: 'A group, its settings and how far it is.',
    examples: [
      {
        ...EXAMPLE,
        partitions: [
          { partition: 0, startOffset: 40, endOffset: 42, lag: 2, inFlight: 1, waiting: { '5s': 1 }, dead: 0 },
        ],
        lanes: [
          {
            tier: '5s',
            topic: 'orders.billing.retry.5s',
            waiting: 1,
            oldestAt: '2026-11-20T10:00:00.000Z',
            oldestAtMs: 1_795_168_800_000,
            oldestAgeMs: 1200,
          },
        ],
      },
    ],
  },
)

export const PauseBody = Type.Object(
  { reason: Type.Optional(Type.String({ maxLength: REASON_LENGTH_MAX, description: 'Shown to who asks why.' })) },
  { ...CLOSED, title: 'PauseGroup', description: 'Why it is paused.', examples: [{ reason: 'the bank is offline' }] },
)
export const Reset = Type.Object(
  {
    to: Type.Union(
      [Type.String(byHand({ examples: ['earliest'] })), Type.Number({ description: 'Epoch milliseconds.' })],
      {
        description: 'earliest, latest, or a time: the first record that was published at or after it.',
      },
    ),
  },
  { ...CLOSED, title: 'ResetGroup', description: 'Where to go on.', examples: [{ to: 'earliest' }] },
)

/** @throws INVALID_FIELD */
export function lockOf(given: number | string): number {
  return between(parseDuration(given, 'lock'), LOCK_MS_MIN, LOCK_MS_MAX, 'lock')
}
