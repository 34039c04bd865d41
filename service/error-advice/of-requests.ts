// Of what a request says: it is refused as it stands, and nothing of it was done.

import type { ErrorCode } from '../errors.ts'
import type { Advice } from './advice.ts'

export const OF_REQUESTS = {
  INVALID_JSON: {
    means: 'The body has to be JSON (RFC 8259) and is not, or there is none where one is needed.',
    because: [
      'The shell took quotes or backslashes away before `curl` saw them.',
      'The body is empty, was cut, or has something behind its end; `position` is the byte where reading stopped.',
      'It is nested deeper than 1,000.',
    ],
    todo: [
      'Look at the byte that `position` names; in NDJSON `line` names the line.',
      'Put the body into a file and send it with `--data-binary @file`, or let a JSON library write it.',
      'Where nothing is to be said, send `{}`.',
    ],
    example: { detail: 'The JSON is wrong at byte 11: } was not expected.', position: 11 },
  },
  INVALID_UTF8: {
    means: 'Text has to be valid UTF-8. Nothing is repaired silently, since what came back would not be what was sent.',
    because: [
      'The body is in another encoding, such as Latin-1 or UTF-16.',
      'A text holds half of a surrogate pair (`\\ud800` alone), as cutting a string in its middle leaves it.',
    ],
    todo: [
      'Encode the body as UTF-8.',
      'Publish bytes that are no text as `valueBase64`, or to `/raw`, where any bytes are taken.',
    ],
    example: { detail: 'The body is not valid UTF-8.' },
  },
  INVALID_URL: {
    means: 'The path or the query of the URL cannot be decoded.',
    because: [
      'A `%` is not followed by two hexadecimal digits.',
      'One part of the path is longer than 4,096 characters.',
    ],
    todo: [
      'Encode names and ids with `encodeURIComponent` or what your language has for it before they go into a URL.',
    ],
    example: { detail: 'The URL cannot be decoded.' },
  },
  INVALID_NAME: {
    means: 'Names of topics and groups become names of folders, so only some characters are taken.',
    because: [
      'It has a space, a slash, a colon or a letter that is not ASCII.',
      'It is longer than 100 characters, or is `.` or `..`.',
      'It begins with `__`: such topics are internal, and neither seen nor touched from outside.',
    ],
    todo: [
      'Use 1 to 100 of `a-z A-Z 0-9 . _ -`; dots make good levels, as in `shop.orders`.',
      'Where names come from elsewhere, map them to that before you use them.',
    ],
    example: {
      detail: 'A topic is named by 1 to 100 of a-z A-Z 0-9 . _ -, is not . or .. and does not start with __.',
      field: 'topic',
      limit: 100,
    },
  },
  INVALID_FIELD: {
    means: 'A field, in the body, the query, the path or a `Dwell-` header, has a value that cannot be taken.',
    because: [
      'It is of another type: a number as text, text as a number.',
      'It is beyond its limits, or not one of the words that are possible.',
      'A field of a query is given twice, or a field is given where its `type` has no use for it.',
    ],
    todo: [
      '`field` names it, as a path such as `retry.factor` or `acknowledgements.0.delay`; `detail` says all that may stand there.',
      'In a list `index` names the element, in NDJSON `line` the line: the others are not published either.',
    ],
    example: { detail: 'retry.factor must be a number from 1.', field: 'retry.factor' },
  },
  UNKNOWN_FIELD: {
    means:
      'There is no such field here. Unknown fields are refused, so that a slip of the pen is not taken for the default.',
    because: [
      'It is misspelt: `dealy`.',
      'It belongs to another route: `limit` is of lists, not of counts.',
      'The service is older than the program that calls it.',
    ],
    todo: ['`detail` lists the fields that are known in this place; take one of them, or leave the field out.'],
    example: { detail: 'There is no field "wiat" in this body; known are max, wait, lock.', field: 'wiat' },
  },
  DUPLICATE_FIELD: {
    means: 'A JSON object names a field twice, and which of the two was meant cannot be told.',
    because: [
      'Two pieces of JSON were put together as text.',
      'A header of a message is given twice, on `/raw` also in upper and lower case.',
    ],
    todo: ['Send it once. Several values of one header can be joined in one text.'],
    example: { detail: 'The field value is given twice.', field: 'value' },
  },
  MISSING_FIELD: {
    means: 'A field that has to be there is not.',
    because: [
      'A message has neither `value` nor `valueBase64`.',
      'A reschedule has neither `delay` nor `deliverAt`.',
      'One of two fields that belong together was left out, as `partition` and `offset` of explain.',
    ],
    todo: ['Add the field that `field` names. For an empty message publish `"value": ""` or `"value": null`.'],
    example: { detail: 'A message needs a value, or a valueBase64.', field: 'value' },
  },
  CONFLICTING_FIELDS: {
    means: 'Two fields say the same thing in two ways, and only one of them may be given.',
    because: [
      '`delay` and `deliverAt`, `value` and `valueBase64`, `seconds` and `minutes`, `id` and `offset` stand together.',
      'On `/raw` the query and a `Dwell-` header both give it.',
    ],
    todo: ['Decide for one. Of many messages each may have its own `delay` or `deliverAt`.'],
    example: { detail: 'delay and deliverAt exclude each other.', field: 'deliverAt' },
  },
  INVALID_DURATION: {
    means: 'What stands there cannot be read as a duration.',
    because: [
      'It is text without a unit: `"30"`. A number, without quotes, is milliseconds.',
      'Its unit is not known: months and years have no fixed length.',
      'It is negative.',
    ],
    todo: [
      'Give milliseconds as a number, or text such as `"250ms"`, `"5s"`, `"1h30m"`, `"30d"`, or ISO 8601 as `"PT5M"`.',
    ],
    example: {
      detail:
        'delay is "30", not a duration: give a number of milliseconds, or text such as "250ms", "5s", "1h30m", "30d" or ISO 8601 "PT5M".',
      field: 'delay',
    },
  },
  INVALID_TIME: {
    means: 'What stands there cannot be read as a point in time.',
    because: [
      'It has no zone: `2026-11-20T10:00:00` means something else on every machine.',
      'It is a number of seconds. Epoch times are milliseconds here; seconds would be days of January 1970, and the message would go out at once.',
      'The day does not exist, as the 30th of February.',
    ],
    todo: ['Give RFC 3339 with `Z` or an offset, such as `"2026-11-20T10:00:00Z"`, or epoch milliseconds.'],
    example: {
      detail:
        'deliverAt is 1795000000, which is 2026-11-18T11:06:40.000Z in epoch seconds, and in 1970 in milliseconds: give RFC 3339 such as "2026-11-20T10:00:00Z", or epoch milliseconds, here 1795000000000.',
      field: 'deliverAt',
    },
  },
  KEY_REQUIRED: {
    means: 'The topic is compacted: of each key the last message is kept. A message without a key has no place in it.',
    because: ['The topic has `"cleanup": "compact"`, and the message has no `key`.'],
    todo: ['Give each message a `key`.', 'If the topic is a queue and no table, set its `cleanup` to `delete`.'],
    example: {
      detail: 'The topic prices keeps the last message of each key; this one has no key.',
      field: 'key',
      index: 0,
    },
  },
  DELAY_TOO_LONG: {
    means: 'The message would wait longer than is allowed. Delays are never shortened silently.',
    because: [
      'The delay is beyond `DWELL_DELAY_MAX`, 366 days unless it was set.',
      'A `deliverAt` was computed in microseconds.',
    ],
    todo: [
      '`limit` is the longest delay there is, `limitMs` the same in milliseconds.',
      'For what lies further ahead, keep it in your own store and publish it when it comes near, or raise `DWELL_DELAY_MAX`.',
    ],
    example: {
      detail: 'delay is further away than the limit of 366d.',
      field: 'delay',
      limit: '366d',
      limitMs: 31_622_400_000,
    },
  },
  EMPTY_BATCH: {
    means:
      'A request to publish held no message at all. It is refused, because it mostly means that something was lost before.',
    because: ['`"messages": []`, or NDJSON with empty lines only.'],
    todo: ['Do not send a request when there is nothing to publish.', 'Look why the list is empty.'],
    example: { detail: 'There is no message in the request.' },
  },
  TOO_MANY_MESSAGES: {
    means: 'One request holds more messages than it may. None of them was published.',
    because: ['There are more than `DWELL_REQUEST_MESSAGES_MAX` (10,000) in it.'],
    todo: [
      'Send several requests; a few hundred messages in each are as fast as it gets.',
      'With an `id` in each message it does no harm to send one twice.',
    ],
    example: { detail: 'A request may hold at most 10000 messages.', limit: 10_000 },
  },
  MESSAGE_TOO_LARGE: {
    means: 'Key, value and headers of one message are together larger than a message may be.',
    because: ['It holds a file, an image, or a whole export.'],
    todo: [
      'Put large content into a store of objects and publish where it lies.',
      'Or raise `DWELL_MESSAGE_BYTES_MAX` (1 MiB); `DWELL_JOURNAL_FILE_BYTES` has to go with it.',
    ],
    example: {
      detail: 'The message has 1310720 bytes of key, value and headers; at most 1048576 are allowed.',
      limit: 1_048_576,
      size: 1_310_720,
    },
  },
  REQUEST_TOO_LARGE: {
    means: 'The body is larger than any request may be. It was not read to its end, and the connection is closed.',
    because: ['It is beyond `DWELL_REQUEST_BYTES_MAX` (16 MiB), by its `Content-Length` or while it arrived.'],
    todo: [
      'Send the messages in several requests.',
      'A single message must be below `DWELL_MESSAGE_BYTES_MAX` anyway.',
    ],
    example: { detail: 'The request body is larger than 16777216 bytes.', limit: 16_777_216 },
  },
  APPEND_TOO_LARGE: {
    means:
      'All messages of a request become durable together, in one piece of the journal, and this is larger than such a piece may be.',
    because: ['Many messages come in one request, and `DWELL_JOURNAL_FILE_BYTES` is small.'],
    todo: ['Send them in several requests.', 'Or raise `DWELL_JOURNAL_FILE_BYTES`.'],
    example: { detail: 'An append has at most 16777216 bytes, not 20971520.', limit: 16_777_216 },
  },
  UNSUPPORTED_MEDIA_TYPE: {
    means: 'The `Content-Type` of the request is not one that this route reads, or is missing.',
    because: [
      '`curl -d` without `-H` sends `application/x-www-form-urlencoded`.',
      'NDJSON went to a route that takes one JSON object.',
    ],
    todo: [
      'The header `Accept` of the answer, and `accepted` in it, name the types that are taken.',
      'Use `/v1/topics/{topic}/raw` for a webhook that cannot be told what to send: it takes any type.',
    ],
    example: {
      detail:
        'This Content-Type is not taken here; send application/json, or application/x-ndjson, one message a line.',
      accepted: 'application/json, application/x-ndjson',
    },
  },
  UNSUPPORTED_CONTENT_ENCODING: {
    means: 'Bodies are taken as they are, not compressed, so that none can unpack to more than its limit.',
    because: ['The client, or a proxy, compresses requests (`Content-Encoding: gzip`).'],
    todo: [
      'Send the body without `Content-Encoding`.',
      'To keep messages small, compress the value itself and publish it as `valueBase64`.',
    ],
    example: { detail: 'Send the body without Content-Encoding.' },
  },
  INVALID_REQUEST: {
    means: 'What arrived is no HTTP request, or contradicts itself.',
    because: [
      'TLS was spoken to a plain port, or the other way round.',
      '`Content-Length` is not the length of the body.',
      'A header holds characters that headers may not hold.',
    ],
    todo: ['Check `http` or `https` in the address.', 'Let an HTTP library write the request.'],
    example: { detail: 'The body is not as long as Content-Length says.' },
  },
  HEADERS_TOO_LARGE: {
    means: 'The request line and the headers are together larger than 16 KiB.',
    because: [
      'A long filter or cursor stands in the query.',
      'Cookies of another service on the same name come along.',
    ],
    todo: ['Send fewer or shorter headers.', 'On `/raw` put long metadata into the body instead of `Dwell-Header-`.'],
    example: { detail: 'The request line and headers are larger than 16 KiB.' },
  },
  REQUEST_TIMEOUT: {
    means: 'The request began and did not arrive in time. Nothing was done with what had come.',
    because: [
      'Headers took more than 10 s, or the whole request more than `DWELL_REQUEST_TIMEOUT`.',
      'The network between is slow or loses packets; or the client stopped in the middle.',
    ],
    todo: ['Send it again; smaller requests arrive sooner.', 'Raise `DWELL_REQUEST_TIMEOUT` for slow lines.'],
    example: { detail: 'The request did not arrive in time.' },
  },
} as const satisfies Partial<Record<ErrorCode, Advice>>
