// What explain answers: where a message is, what happened to it, what comes next, and why not yet. The words of `state`,
// `because` and `event` are stable, for programs; `why` is the same for people. The words of a record in a group are those of
// life.ts.

import { LIFE, type RecordState } from '../life.ts'

/** Of the message itself, whatever groups do with it. */
export const MESSAGE_STATES = ['pending', 'cancelled', 'logged', 'removed', 'unknown'] as const
export type MessageState = (typeof MESSAGE_STATES)[number]

/** Of its record in a group; `finished` also when it is too long ago to say how, `unknown` when it was not found within bounds. */
export type GroupRecordState = Exclude<RecordState, 'pending' | 'cancelled'> | 'unknown'
export const GROUP_RECORD_STATES: readonly GroupRecordState[] = [
  ...(Object.keys(LIFE) as RecordState[]).filter((state) => state !== 'pending' && state !== 'cancelled'),
  'unknown',
]

/** Why it is not where somebody expects it. */
export const BECAUSE = {
  'not-due': 'its due time is ahead',
  'wheel-behind': 'it is due, and about to be dispatched',
  clock: 'the clock of the machine is not believed',
  retention: 'retention took it',
  compaction: 'compaction took it',
  damage: 'its bytes are damaged or were given up',
  paused: 'the group is paused',
  'endpoint-paused': 'the endpoint of the group is paused',
  'in-flight-bound': 'as much is in flight as may be',
  'records-ahead': 'others come before it',
  'no-consumer': 'nobody asks for records',
  next: 'it is the next one',
  'key-busy': 'an earlier record of its key is under way',
  locked: 'a consumer has it',
  'lock-over': 'its lock is over',
  settling: 'its fate is being written down',
  tier: 'its tier is not over',
  'own-delay': 'its own delay, or its tier with jitter, is not over',
  'look-ended': 'a look reads no more',
} as const

export type Because = keyof typeof BECAUSE

export const EVENTS = [
  'scheduled',
  'published',
  'logged',
  'dispatched',
  'cancelled',
  'acquired',
  'renewed',
  'released',
  'rejected',
  'lock-expired',
  'accepted',
  'died',
  'redriven',
] as const

export interface Happened {
  atMs: number
  event: (typeof EVENTS)[number]
  /** What the consumer said. */
  reason?: string
}

export const NEXT_EVENTS = [
  'dispatched',
  'acquired',
  'lock-expires',
  'probe',
  'due',
  'freed',
  'redrive-or-purge',
] as const

/** What comes if nobody does anything; `atMs` where a time is set. */
export interface Next {
  event: (typeof NEXT_EVENTS)[number]
  atMs?: number
  /** Where a lock that is over leads: a tier, or `dead`. */
  to?: string
}

/** Where it is, as far as one group, or the message itself, is concerned. */
export interface Account<State extends string> {
  state: State
  because?: Because
  why: string
  /** When a delay or a tier is over. */
  dueAtMs?: number
  lockedUntilMs?: number
  tier?: string
  /** Deliveries so far, the one under way too. */
  deliveryCount?: number
  /** How many records come before it. */
  ahead?: number
  happened: Happened[]
  next?: Next
}

export interface GroupAccount extends Account<GroupRecordState> {
  group: string
}

export interface Explanation extends Account<MessageState | GroupRecordState> {
  topic: string
  id?: string
  /** Where it lies, or lay, in its topic. */
  partition?: number
  offset?: number
  /** The one that was asked about: then all else says what it did with the record. */
  group?: string
  /** All groups of the topic, by name, where none was asked about; at most GROUPS_MAX. */
  groups?: GroupAccount[]
  /** How many groups are not in `groups`. */
  groupsOmitted?: number
}
