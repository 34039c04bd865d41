// What consuming takes and answers.

import { Type } from 'typebox'
import { REASON_LENGTH_MAX } from '../delivery/index.ts'
import { Attempts, AttemptsDropped, RecordMembers } from './record-forms.ts'
import { At, AtMs, CLOSED, Duration, here, Offset, oneOf } from './schemas.ts'

const ACQUIRE_MAX = 10_000
const ACKNOWLEDGE_MAX = 10_000

export const Acquire = Type.Object(
  {
    max: Type.Optional(
      Type.Integer({ minimum: 1, maximum: ACQUIRE_MAX, default: 100, description: 'How many records at most.' }),
    ),
    wait: Type.Optional(
      here(Duration, 'How long to wait while there is nothing, at most five minutes. Absent: not at all.'),
    ),
    lock: Type.Optional(
      here(
        Duration,
        'How long the records are yours, 100 ms to a day. Absent: as the group has it, 30 s unless it is set.',
      ),
    ),
  },
  {
    ...CLOSED,
    title: 'Acquire',
    description: 'How many records, and for how long.',
    examples: [{ max: 10, lock: '30s' }],
  },
)

const Receipt = Type.String({ maxLength: 200, description: 'As acquire answered it.' })
// One object, not a union of four: its refusals name the field. What belongs to which type is checked in consume.ts.
export const Acknowledgement = Type.Object(
  {
    receipt: Receipt,
    type: oneOf(
      ['accept', 'release', 'reject', 'renew'],
      'accept: it is done. release: it failed, try again later. reject: it failed for good. renew: it takes longer.',
    ),
    delay: Type.Optional(here(Duration, 'Of release: wait so long, instead of the tier.')),
    reason: Type.Optional(
      Type.String({
        maxLength: REASON_LENGTH_MAX,
        description: 'Of release and reject: why. It is kept with the record.',
      }),
    ),
    lock: Type.Optional(here(Duration, 'Of renew: for how long from now on. Absent: as long as when it was acquired.')),
  },
  { ...CLOSED, title: 'Acknowledgement', description: 'What became of a record.' },
)
export const Acknowledge = Type.Object(
  {
    acknowledgements: Type.Array(Acknowledgement, {
      minItems: 1,
      maxItems: ACKNOWLEDGE_MAX,
      description: 'Each stands for itself: one that is no longer valid harms no other.',
    }),
  },
  {
    ...CLOSED,
    title: 'Acknowledge',
    description: 'What became of records.',
    examples: [
      {
        acknowledgements: [
          { receipt: 'AAAAAQ', type: 'accept' },
          { receipt: 'AAAAAg', type: 'release', delay: '1m', reason: 'bank offline' },
          { receipt: 'AAAAAw', type: 'reject', reason: 'unknown customer' },
          { receipt: 'AAAABA', type: 'renew', lock: '60s' },
        ],
      },
    ],
  },
)

const AcquiredRecord = Type.Object(
  {
    receipt: Type.String({ description: 'Stands for this delivery: acknowledge with it.' }),
    topic: Type.String({ description: 'Where the record was published, also when this is a retry.' }),
    partition: Offset('Where it was published.'),
    offset: Offset('Where it was published.'),
    ...RecordMembers,
    timestamp: At('When it was published.'),
    deliveryCount: Type.Integer({ minimum: 1, description: 'Which delivery this is, from 1.' }),
    lockedUntil: At('Until then it is yours.'),
    attempts: Type.Optional(Attempts),
    attemptsDropped: AttemptsDropped,
  },
  { title: 'AcquiredRecord', description: 'A record that is yours until its lock is over.' },
)
export const Acquired = Type.Object(
  {
    paused: Type.Optional(Type.Literal(true, { description: 'The group is paused: it hands nothing out.' })),
    reason: Type.Optional(Type.String({ description: 'Why it is paused; empty when nobody said.' })),
    since: Type.Optional(At('Since when it is paused.')),
    records: Type.Array(AcquiredRecord, { description: 'Empty when there is nothing, or the group is paused.' }),
  },
  {
    title: 'Acquired',
    description: 'The records that are yours now.',
    examples: [
      {
        records: [
          {
            receipt: 'AAAAAQ',
            topic: 'orders',
            partition: 0,
            offset: 12,
            key: 'customer-4',
            value: { order: 17 },
            headers: {},
            id: 'order-17-reminder',
            timestamp: '2026-11-20T10:00:00.000Z',
            deliveryCount: 1,
            lockedUntil: '2026-11-20T10:00:30.000Z',
          },
        ],
      },
    ],
  },
)

const AcknowledgeResult = Type.Object(
  {
    state: oneOf(
      ['acknowledged', 'retrying', 'dead', 'acquired', 'invalid'],
      'acknowledged: done. retrying: comes again at dueAt. dead: with the dead letters. acquired: yours until lockedUntil. ' +
        'invalid: the receipt is not valid any more, and nothing was done.',
    ),
    dueAt: Type.Optional(At('When it comes again.')),
    dueAtMs: Type.Optional(AtMs('When it comes again')),
    tier: Type.Optional(Type.String({ description: 'In which tier it waits.' })),
    lockedUntil: Type.Optional(At('Until when it is yours.')),
    code: Type.Optional(oneOf(['INVALID_RECORD_STATE', 'RECORD_DELETED'], 'Why it is invalid.')),
  },
  { title: 'AcknowledgeResult', description: 'What became of one acknowledgement.' },
)
export const Acknowledged = Type.Object(
  { results: Type.Array(AcknowledgeResult, { description: 'One for each acknowledgement, in order.' }) },
  {
    title: 'Acknowledged',
    description: 'What became of each acknowledgement; durable.',
    examples: [
      {
        results: [
          { state: 'acknowledged' },
          { state: 'retrying', dueAt: '2026-11-20T10:01:00.000Z', dueAtMs: 1_795_168_860_000, tier: '1m' },
          { state: 'dead' },
          { state: 'acquired', lockedUntil: '2026-11-20T10:01:00.000Z' },
        ],
      },
    ],
  },
)
