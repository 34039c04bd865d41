// Of what a request names: it is not there, or not there any more.

import type { ErrorCode } from '../errors.ts'
import type { Advice } from './advice.ts'

export const OF_THINGS = {
  ROUTE_NOT_FOUND: {
    means: 'There is no route of this path.',
    because: [
      'The path is misspelt, or `/v1` is missing.',
      'A name with a slash in it was not encoded, and made two parts of one.',
      '`POST /v1/test/clock` is there only with `--test-clock`.',
    ],
    todo: ['Compare it with the list at `/docs`.'],
    example: { detail: 'There is no GET /v1/topic.' },
  },
  METHOD_NOT_ALLOWED: {
    means: 'The path is known, and takes other methods than the one that was used.',
    because: ['`POST` instead of `PUT` to create a topic or a group, or `GET` instead of `POST` to acquire.'],
    todo: ['The header `Allow`, and `allow` in the answer, name the methods that it takes.'],
    example: { detail: '/v1/topics/orders takes DELETE, GET, HEAD, PUT, not POST.', allow: 'DELETE, GET, HEAD, PUT' },
  },
  TOPIC_NOT_FOUND: {
    means: 'There is no topic of this name, or it was deleted while the call waited.',
    because: [
      'Nothing was published to it yet: a topic comes with its first message, or with `PUT /v1/topics/{topic}`.',
      'It was published to while `DWELL_AUTO_CREATE_TOPICS` is off.',
      'The name is misspelt; upper and lower case are different.',
    ],
    todo: [
      '`GET /v1/topics` lists those that you may see.',
      'Create it with `PUT /v1/topics/{topic}`, or let consumers try again until the first message is there.',
    ],
    example: { detail: 'There is no topic orders.', topic: 'orders' },
  },
  PARTITION_NOT_FOUND: {
    means: 'The topic has no partition of this number; they are counted from 0.',
    because: [
      'The number of partitions was taken for the number of the last one.',
      'The topic has fewer here than elsewhere.',
    ],
    todo: [
      '`limit` is the last number there is; `GET /v1/topics/{topic}` shows all of them.',
      'Leave `partition` out and give a `key`: the same key always leads to the same partition.',
    ],
    example: { detail: 'The topic orders has 4 partitions.', field: 'partition', limit: 3 },
  },
  GROUP_NOT_FOUND: {
    means: 'The topic has no group of this name, or it was deleted while the call waited.',
    because: [
      'Nobody acquired with it yet: a group comes with its first `acquire`, or with `PUT …/groups/{group}`.',
      'Records were acquired with one name and are acknowledged with another.',
      'Somebody deleted it; receipts of it are void.',
    ],
    todo: [
      '`GET /v1/topics/{topic}/groups` lists them.',
      'Acquire again if the group is to be there: that makes it anew.',
    ],
    example: { detail: 'The topic orders has no group billing.', topic: 'orders', group: 'billing' },
  },
  MESSAGE_NOT_FOUND: {
    means: 'There is no delayed message of this id in this topic, or it is not remembered any more.',
    because: [
      'It was published at once, without a delay: then it is a record of its topic and has no state to look up.',
      'It was dispatched or cancelled longer ago than `DWELL_DEDUPLICATION_WINDOW`.',
      'The id belongs to another topic, or was not encoded in the URL.',
    ],
    todo: [
      '`GET /v1/topics/{topic}/explain?id=…` says what is known of it.',
      'If it must not come: it is either in the topic already, or was never published.',
    ],
    example: {
      detail: 'In orders no message with this id is pending, and none was lately.',
      topic: 'orders',
      id: 'order-17',
    },
  },
  REDRIVE_NOT_FOUND: {
    means: 'There is no redrive of this name, or it ended so long ago that it was forgotten.',
    because: ['The name was cut.', 'Its group or its topic was deleted.', 'The token does not see its topic.'],
    todo: ['`GET /v1/redrives` lists those that are known, the newest first.'],
    example: { detail: 'There is no redrive 01jd2f.', task: '01jd2f' },
  },
  OFFSET_OUT_OF_RANGE: {
    means: 'The partition does not hold this offset.',
    because: [
      'Retention has deleted it: `logStartOffset` is the first that is kept.',
      'It lies ahead of what is durable: `highWatermark` is the next one to come.',
    ],
    todo: [
      'Read from `earliest`, from `latest`, or from a time as `@2026-11-20T10:00:00Z`.',
      'Follow with `nextOffset` of the answer before.',
      'If records go before they were read, give the topic a longer `retention`.',
    ],
    example: { detail: 'Offset 999 is not in 120 to 480.', field: 'offset', logStartOffset: 120, highWatermark: 480 },
  },
  CURSOR_INVALID: {
    means: '`after` has to be what the page before answered as `after`, as it is.',
    because: ['It was cut, decoded, or counted up.', 'It comes from a list of another kind.'],
    todo: ['Begin again without `after`, and pass on what each page answers, until it is `null`.'],
    example: { detail: 'The cursor is not one that a page answered.', field: 'after' },
  },
} as const satisfies Partial<Record<ErrorCode, Advice>>
