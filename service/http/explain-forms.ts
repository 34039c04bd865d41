// What explain is asked, and how it answers: where a message is, as far as itself and each group are concerned.

import { Type } from 'typebox'
import { GROUPS_MAX } from '../delivery/explain/explain.ts'
import { BECAUSE, EVENTS, GROUP_RECORD_STATES, MESSAGE_STATES, NEXT_EVENTS } from '../delivery/explain/explanation.ts'
import { ID_LENGTH_MAX } from '../publish/message.ts'
import { At, AtMs, byHand, CLOSED, Count, GroupName, Offset, oneOf } from './schemas.ts'

/** As in offsets elsewhere: so large that no partition has more. */
const OFFSET_MAX = 999_999_999_999_999
const PARTITION_MAX = 999_999_999

const whole = (maximum: number, description: string) =>
  Type.Optional(Type.Number({ minimum: 0, multipleOf: 1, maximum, description, ...byHand({ type: 'integer' }) }))
export const ExplainQuery = Type.Object(
  {
    id: Type.Optional(
      Type.String({
        description: `The id of the message, 1 to ${ID_LENGTH_MAX} characters.`,
        ...byHand({ minLength: 1, maxLength: ID_LENGTH_MAX }),
        examples: ['order-17-reminder'],
      }),
    ),
    partition: whole(PARTITION_MAX, 'With offset, instead of id: where its record lies.'),
    offset: whole(OFFSET_MAX, 'With partition.'),
    group: Type.Optional({ ...GroupName, description: 'Tell what this group did with it.' }),
  },
  CLOSED,
)

const Happened = Type.Object(
  {
    at: At('When.'),
    atMs: AtMs('When'),
    event: oneOf(EVENTS, 'What happened. Stable.'),
    reason: Type.Optional(Type.String({ description: 'What the consumer said.' })),
  },
  { title: 'Happened', description: 'Something that happened to a message.' },
)
const NextEvent = Type.Object(
  {
    event: oneOf(NEXT_EVENTS, 'What comes. Stable.'),
    at: Type.Optional(At('When, where that is known.')),
    atMs: Type.Optional(AtMs('When')),
    to: Type.Optional(Type.String({ description: 'Where a lock that is over leads: a tier, or dead.' })),
  },
  { title: 'NextEvent', description: 'What comes if nobody does anything. Absent at the end of its way.' },
)
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
  dueAt: Type.Optional(At('When a delay or a tier is over.')),
  dueAtMs: Type.Optional(AtMs('When a delay or a tier is over')),
  lockedUntil: Type.Optional(At('Until when a consumer has it.')),
  lockedUntilMs: Type.Optional(AtMs('Until when a consumer has it')),
  tier: Type.Optional(Type.String({ description: 'Of a retry: as in the name of its lane.' })),
  deliveryCount: Type.Optional(Count('Deliveries so far, the one under way too.')),
  ahead: Type.Optional(Count('How many records come before it.')),
  happened: Type.Array(Happened, { description: 'So far, oldest first, as far as it is remembered.' }),
  next: Type.Optional(NextEvent),
})
const GroupAccount = Type.Object(
  { group: Type.String({ description: 'Which group.' }), ...account(GROUP_RECORD_STATES) },
  { title: 'GroupAccount', description: 'What a group did with a message.' },
)
export const ExplanationShown = Type.Object(
  {
    topic: Type.String({ description: 'The topic of the message.' }),
    id: Type.Optional(Type.String({ description: 'Its id, if it has one.' })),
    partition: Type.Optional(Offset('Where it lies, or lay.')),
    offset: Type.Optional(Offset('Where it lies, or lay.')),
    group: Type.Optional(Type.String({ description: 'The group that was asked about: all else is about it then.' })),
    ...account([...new Set([...MESSAGE_STATES, ...GROUP_RECORD_STATES])]),
    groups: Type.Optional(
      Type.Array(GroupAccount, {
        description: `Without group: what each group of the topic did with it, at most ${GROUPS_MAX}, by name.`,
      }),
    ),
    groupsOmitted: Type.Optional(Count('How many more groups there are.')),
  },
  {
    title: 'Explanation',
    description: 'Where a message is, what happened, what comes next, and why not yet.',
    examples: [
      {
        topic: 'orders',
        id: 'order-17-reminder',
        state: 'pending',
        because: 'not-due',
        why: 'It is due in 30 s.',
        dueAt: '2026-11-20T10:00:30.000Z',
        dueAtMs: 1_795_168_830_000,
        happened: [{ at: '2026-11-20T10:00:00.000Z', atMs: 1_795_168_800_000, event: 'scheduled' }],
        next: { event: 'dispatched', at: '2026-11-20T10:00:30.000Z', atMs: 1_795_168_830_000 },
        groups: [],
      },
    ],
  },
)
