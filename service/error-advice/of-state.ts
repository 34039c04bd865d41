// Of what stands against a request: it is well said, and cannot be done as things are.

import type { ErrorCode } from '../errors.ts'
import type { Advice } from './advice.ts'

export const OF_STATE = {
  TOPIC_EXISTS: {
    means: 'A topic of this name was made by somebody else in the same moment.',
    because: ['Two requests created it at once.'],
    todo: ['Nothing: the topic is there. `PUT` it again to change what is set on it.'],
    example: { detail: 'The topic orders exists.', topic: 'orders' },
  },
  PARTITIONS_CANNOT_SHRINK: {
    means: 'A topic can get more partitions, not fewer: the records of those that went would have no place.',
    because: ['A configuration that is applied again and again has a smaller number than somebody set by hand.'],
    todo: ['Ask for `limit` or more.', 'To have fewer, publish to a new topic and let consumers empty the old one.'],
    example: {
      detail: 'The topic orders has 4 partitions; they can become more, not fewer.',
      field: 'partitions',
      limit: 4,
    },
  },
  TOO_MANY_TOPICS: {
    means: 'There are as many topics as there may be, in all or for this token.',
    because: [
      'Names are made from data: a topic for each user, each day, or each misspelling.',
      'Old ones are not deleted.',
    ],
    todo: [
      'Use one topic with a `key` for each user instead: order is kept by key.',
      'Delete topics that nobody needs, or raise `DWELL_TOPICS_MAX` or the limit of the token.',
    ],
    example: { detail: 'There are 20000 topics, which is the most; delete some, or change the limit.', limit: 20_000 },
  },
  TOO_MANY_PARTITIONS: {
    means: 'All topics together would have more partitions than there may be.',
    because: ['Each topic has many: `DWELL_DEFAULT_PARTITIONS` counts for every one that is made by publishing.'],
    todo: [
      'Create the topic with fewer `partitions`; one or four are enough for most.',
      'Delete topics that nobody needs, or raise `DWELL_PARTITIONS_MAX`.',
    ],
    example: {
      detail:
        'With these there would be more than 100000 partitions, which is the most; delete some, or change the limit.',
      limit: 100_000,
    },
  },
  TOO_MANY_GROUPS: {
    means: 'There are as many groups as there may be.',
    because: ['Each start of a program invents a new name, and the old groups stay.'],
    todo: [
      'Give the group one fixed name; all copies of a program share it.',
      'Delete those that are no longer used: each holds its own place and retries.',
    ],
    example: { detail: 'There are 10000 groups, which is the most; delete some, or change the limit.', limit: 10_000 },
  },
  TOO_MANY_PENDING: {
    means: 'As many delayed messages wait as may, for the topic or for the token. None of the request was published.',
    because: [
      'Messages with long delays come faster than they fall due.',
      'A loop reschedules by publishing anew instead of moving the message that is there.',
    ],
    todo: [
      'Wait for some to become due, as `Retry-After` says, or cancel what is not needed.',
      'Move a message with `PATCH …/delayed/{id}`.',
      'Raise `DWELL_TOPIC_PENDING_MAX` or the limit of the token.',
    ],
    example: {
      detail: 'At most 1000000 delayed messages may wait for the topic orders; 999999 do, and these are 10.',
      limit: 1_000_000,
    },
  },
  TOO_MANY_PENDING_BYTES: {
    means:
      'Delayed messages wait with as many bytes as they may, for the topic or for the token. None of the request was published.',
    because: [
      'Large messages wait for long.',
      'Messages are few, but each carries what it is about instead of where that lies.',
    ],
    todo: [
      'Publish where the content lies instead of the content.',
      'Wait for some to become due, or cancel what is not needed; where the message alone is too large, no waiting helps.',
      'Raise `DWELL_TOPIC_PENDING_BYTES_MAX`, `DWELL_TOKEN_PENDING_BYTES_MAX` or the limit of the token.',
    ],
    example: {
      detail:
        'Delayed messages of at most 1073741824 bytes may wait for the topic orders; 1073740000 do, and these have 4096.',
      limit: 1_073_741_824,
    },
  },
  GROUP_NAME_AMBIGUOUS: {
    means:
      'The retry topics of a group are named `<topic>.<group>.retry…`, and these names are those of another group.',
    because: ['Dots fall together: group `c` of topic `a.b`, and group `b.c` of topic `a`.'],
    todo: ['Give the new group a name without dots.'],
    example: {
      detail: 'Its retry topics would have the names of those of group c of topic a.b.',
      topic: 'a.b',
      group: 'c',
    },
  },
  TOPIC_OWNED_BY_GROUP: {
    means: 'The topic is a lane or the dead letters of a group, which alone writes to it. It can be read.',
    because: ['A retry topic was published to, changed or deleted, to empty it or to try something out.'],
    todo: [
      'Publish to the topic of the group; give dead letters back with `redrive`, remove them with `purge`.',
      'Delete the group if its lanes are to go; its dead letters stay as an ordinary topic.',
    ],
    example: {
      detail:
        'The topic orders.billing.dlq belongs to group billing of topic orders, which alone writes to it. Publish to orders instead; to change or delete orders.billing.dlq, delete the group first.',
      topic: 'orders',
      group: 'billing',
    },
  },
  GROUP_PUSHES: {
    means: 'The group has an endpoint, to which all of its records go; they cannot be acquired as well.',
    because: ['A worker uses the name of a group that was turned over to push.'],
    todo: [
      'Acquire with another group, which gets all records too.',
      'Or set `"push": null` on this one; what is in hand comes back when its lock is over.',
    ],
    example: {
      detail: 'The group billing pushes its records to its endpoint; acquire with another group, or set push to null.',
      topic: 'orders',
      group: 'billing',
    },
  },
  ALREADY_DISPATCHED: {
    means: 'The message was due before the call came: it is in its topic, and can be neither cancelled nor moved.',
    because: [
      'The call came too late, by however little.',
      'The message was dispatched ahead of time by somebody else.',
    ],
    todo: [
      'Take it as the answer: consumers get the message. `partition` and `offset` say where it is.',
      'Let the consumer look whether what the message is about still holds.',
    ],
    example: {
      detail: 'The message was dispatched before it could be changed.',
      state: 'dispatched',
      partition: 2,
      offset: 120,
    },
  },
  ALREADY_CANCELLED: {
    means: 'The message was cancelled. That is final: it can be neither moved nor dispatched.',
    because: ['Somebody cancelled it before.', 'Two parts of a program disagree about it.'],
    todo: ['Publish it anew, under another `id`, or after `DWELL_DEDUPLICATION_WINDOW` under the same.'],
    example: { detail: 'The message is cancelled; it cannot be brought back.', state: 'cancelled' },
  },
  INVALID_RECORD_STATE: {
    means:
      'The receipt is not valid any more, so the acknowledgement changed nothing. It stands in the results of `acknowledge`, which is answered with 200; the others in the call are done.',
    because: [
      'The lock was over before the work was: the record was released and may be with another consumer.',
      'The record was acknowledged already, perhaps by a call whose answer was lost.',
      'The group was reset or deleted, or the receipt is of another group.',
    ],
    todo: [
      'Do not acknowledge it again. If the work was done, be ready for the record to come once more.',
      'Ask for a longer `lock`, `renew` while work goes on, or acquire fewer records at once.',
    ],
    example: { detail: 'The receipt is not valid any more.' },
  },
  RECORD_DELETED: {
    means:
      'Retention deleted the record while it was in hand, so it cannot go into a retry or to the dead letters. It stands in the results of `acknowledge`, which is answered with 200.',
    because: ['The topic keeps its records for less time than the group takes for them.'],
    todo: ['Give the topic a longer `retention` than all tiers of the group together.'],
    example: { detail: 'Retention has deleted the record.' },
  },
  TOO_MANY_REDRIVES: {
    means: 'As many redrives run as may at once.',
    because: ['One redrive was begun for each record instead of one for all.'],
    todo: [
      'Use one redrive with a filter; with an empty one it takes all.',
      'Stop one with `POST /v1/redrives/{task}/stop`, or wait until one is done.',
    ],
    example: { detail: '100 redrives are running; stop one, or wait.', limit: 100 },
  },
  OVERLOADED: {
    means:
      'More is waiting than the service keeps in memory: bytes to be made durable, bodies on their way in, pages on their way out, or calls of `acquire`.',
    because: [
      'Messages come faster than the disk takes them.',
      'Many large requests or pages are on their way at once, to clients that read slowly.',
    ],
    todo: [
      'Wait as long as `Retry-After` says, and longer each time; give each message an `id`, so that a repetition changes nothing.',
      'Send fewer requests at once: one connection with batches is faster than hundreds without.',
      'Look at `dwell_journal_write_seconds`: a slow disk is the usual reason.',
    ],
    example: { detail: '67110912 bytes wait to be written; at most 67108864 may.', limit: 67_108_864 },
  },
  CLOCK_WRONG: {
    means:
      'The clock of the machine shows a time that cannot be right, so no delay can be reckoned from it. All that has no delay goes on.',
    because: [
      'The machine started without a battery-backed clock and has not asked for the time yet.',
      'Somebody set the clock by years.',
    ],
    todo: [
      'Set the clock of the machine (NTP); the service goes on by itself.',
      'Meanwhile `deliverAt` is taken, and waits for the right time.',
      'If the clock is right and the directory was unused for long, start once with a longer `DWELL_CLOCK_JUMP_MAX`.',
    ],
    example: {
      detail:
        'No delay can be reckoned now; deliverAt can be given. The wall clock says 1970-01-01T00:02:11.000Z, the hand stands at 2026-11-20T10:00:00.000Z: that cannot be right, so nothing is dispatched until the clock is set right.',
    },
  },
  STARTING: {
    means:
      'The service has just been started and is reading what it needs to know. The port is open, and nothing else is answered yet.',
    because: [
      'It was started a moment ago. After a crash it reads the journal since the last checkpoint, which takes seconds.',
    ],
    todo: [
      'Try again after `Retry-After`; `/readyz` answers 200 when it serves.',
      'In a cluster let the readiness probe ask `/readyz`, so that no traffic comes before.',
    ],
    example: { detail: 'The service is starting.' },
  },
  ENGINE_CLOSED: {
    means: 'The service is stopping and takes nothing new.',
    because: ['It was told to stop: an upgrade, a move to another machine, the end of a container.'],
    todo: ['Try again in a second or two. A message with an `id` can be published again without harm.'],
    example: { detail: 'The service is stopping.' },
  },
} as const satisfies Partial<Record<ErrorCode, Advice>>
