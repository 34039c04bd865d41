// test/faults/README.md rows A5, A19, A20, A21, A22, I4: whatever is wrong with a request is told with a stable code, and nothing changes.

import t from 'tap'
import { type RunningService, startService } from '../running-service.ts'

const TOPIC = '/v1/topics/orders'
const MESSAGES = `${TOPIC}/messages`
const GROUP = `${TOPIC}/groups/billing`
const LINES = { 'content-type': 'application/x-ndjson' }
const LIMITS = { MESSAGE_BYTES_MAX: 1_000, REQUEST_BYTES_MAX: 100_000, REQUEST_MESSAGES_MAX: 600 }

interface Case {
  what: string
  send: [method: string, path: string, body?: unknown, headers?: Record<string, string>]
  status?: number
  code: string
  /** Facts that the problem document must hold. */
  with?: Record<string, unknown>
}

const message = (fields: Record<string, unknown>): Case['send'] => ['POST', MESSAGES, { value: 1, ...fields }]
const text = (body: string | Buffer, headers?: Record<string, string>): Case['send'] => [
  'POST',
  MESSAGES,
  body,
  headers,
]
const lines = (count: number, bad: number, line: string) =>
  Array.from({ length: count }, (_, i) => (i === bad ? line : '{"value":1}')).join('\n')

const CASES: Case[] = [
  // JSON
  { what: 'no body', send: ['POST', MESSAGES], code: 'INVALID_JSON' },
  { what: 'an empty body', send: text(''), code: 'INVALID_JSON' },
  { what: 'no JSON', send: text('hello'), code: 'INVALID_JSON' },
  { what: 'JSON that ends early', send: text('{"value":'), code: 'INVALID_JSON', with: { position: 9 } },
  { what: 'JSON with something behind it', send: text('{"value":1} x'), code: 'INVALID_JSON' },
  { what: 'a comma too many', send: text('{"value":1,}'), code: 'INVALID_JSON' },
  { what: 'a leading zero', send: text('{"value":01}'), code: 'INVALID_JSON' },
  { what: 'single quotes', send: text("{'value':1}"), code: 'INVALID_JSON' },
  { what: 'NaN', send: text('{"value":NaN}'), code: 'INVALID_JSON' },
  { what: 'a control character in a text', send: text('{"value":"a\nb"}'), code: 'INVALID_JSON' },
  { what: 'an escape that is none', send: text('{"value":"\\x41"}'), code: 'INVALID_JSON' },
  { what: 'invalid UTF-8', send: text(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d])), code: 'INVALID_UTF8' },
  { what: 'half a surrogate pair', send: text('{"value":"\\ud800"}'), code: 'INVALID_UTF8' },
  {
    what: 'a depth of 40,000',
    send: text(`{"value":${'['.repeat(40_000)}${']'.repeat(40_000)}}`),
    code: 'INVALID_JSON',
  },
  { what: 'an array', send: text('[{"value":1}]'), code: 'INVALID_FIELD' },
  { what: 'null', send: text('null'), code: 'INVALID_FIELD' },
  {
    what: 'a field given twice',
    send: text('{"value":1,"value":2}'),
    code: 'DUPLICATE_FIELD',
    with: { field: 'value' },
  },
  { what: 'a header given twice', send: text('{"value":1,"headers":{"a":"1","a":"2"}}'), code: 'DUPLICATE_FIELD' },
  // Fields
  { what: 'no value', send: ['POST', MESSAGES, {}], code: 'MISSING_FIELD', with: { field: 'value' } },
  { what: 'value and valueBase64', send: message({ valueBase64: 'AA==' }), code: 'CONFLICTING_FIELDS' },
  { what: 'base64 that is none', send: ['POST', MESSAGES, { valueBase64: 'A?==' }], code: 'INVALID_FIELD' },
  { what: 'base64 without padding', send: ['POST', MESSAGES, { valueBase64: 'AAA' }], code: 'INVALID_FIELD' },
  { what: 'an unknown field', send: message({ dealy: '5s' }), code: 'UNKNOWN_FIELD', with: { field: 'dealy' } },
  { what: '__proto__', send: text('{"value":1,"__proto__":{}}'), code: 'UNKNOWN_FIELD', with: { field: '__proto__' } },
  { what: 'an offset', send: message({ offset: 5 }), code: 'UNKNOWN_FIELD' },
  { what: 'a delivery count', send: message({ deliveryCount: 5 }), code: 'UNKNOWN_FIELD' },
  { what: 'a key that is a number', send: message({ key: 5 }), code: 'INVALID_FIELD', with: { field: 'key' } },
  { what: 'headers that are a text', send: message({ headers: 'a' }), code: 'INVALID_FIELD' },
  { what: 'a header that is a number', send: message({ headers: { a: 1 } }), code: 'INVALID_FIELD' },
  { what: 'a header without a name', send: message({ headers: { '': 'a' } }), code: 'INVALID_FIELD' },
  { what: 'a header of ours', send: message({ headers: { '__dwell.attempts': '[]' } }), code: 'INVALID_FIELD' },
  {
    what: 'a header of the dead letters',
    send: message({ headers: { '__dlq.errors.topic': 'x' } }),
    code: 'INVALID_FIELD',
  },
  { what: 'a partition that is a text', send: message({ partition: '1' }), code: 'INVALID_FIELD' },
  { what: 'a negative partition', send: message({ partition: -1 }), code: 'INVALID_FIELD' },
  { what: 'half a partition', send: message({ partition: 0.5 }), code: 'INVALID_FIELD' },
  {
    what: 'a partition that is not there',
    send: message({ partition: 4 }),
    status: 404,
    code: 'PARTITION_NOT_FOUND',
    with: { limit: 3 },
  },
  { what: 'an empty id', send: message({ id: '' }), code: 'INVALID_FIELD', with: { field: 'id' } },
  {
    what: 'an id of 201 characters',
    send: message({ id: 'x'.repeat(201) }),
    code: 'INVALID_FIELD',
    with: { limit: 200 },
  },
  { what: 'an id with a control character', send: message({ id: 'a\u0000b' }), code: 'INVALID_FIELD' },
  { what: 'an id that is a number', send: message({ id: 5 }), code: 'INVALID_FIELD' },
  // Delays
  { what: 'delay and deliverAt', send: message({ delay: '5s', deliverAt: 1 }), code: 'CONFLICTING_FIELDS' },
  { what: 'a negative delay', send: message({ delay: -1 }), code: 'INVALID_DURATION' },
  { what: 'a negative delay as text', send: message({ delay: '-5s' }), code: 'INVALID_DURATION' },
  { what: 'a delay that is no duration', send: message({ delay: 'soon' }), code: 'INVALID_DURATION' },
  { what: 'a delay without a unit', send: message({ delay: '5' }), code: 'INVALID_DURATION' },
  { what: 'an empty delay', send: message({ delay: '' }), code: 'INVALID_DURATION' },
  { what: 'a delay that is true', send: message({ delay: true }), code: 'INVALID_DURATION' },
  { what: 'a delay that is null', send: message({ delay: null }), code: 'INVALID_DURATION' },
  {
    what: 'a delay beyond the limit',
    send: message({ delay: '367d' }),
    code: 'DELAY_TOO_LONG',
    with: { limit: '366d' },
  },
  { what: 'a delay beyond all numbers', send: text('{"value":1,"delay":1e999}'), code: 'INVALID_DURATION' },
  { what: 'a time that is none', send: message({ deliverAt: 'tomorrow' }), code: 'INVALID_TIME' },
  { what: 'a time without a zone', send: message({ deliverAt: '2030-01-01T00:00:00' }), code: 'INVALID_TIME' },
  { what: 'the 30th of February', send: message({ deliverAt: '2030-02-30T00:00:00Z' }), code: 'INVALID_TIME' },
  { what: 'a time beyond the limit', send: message({ deliverAt: '2999-01-01T00:00:00Z' }), code: 'DELAY_TOO_LONG' },
  { what: 'a negative time', send: message({ deliverAt: -5 }), code: 'INVALID_TIME' },
  // Batches
  { what: 'an empty batch', send: ['POST', MESSAGES, { messages: [] }], code: 'EMPTY_BATCH' },
  { what: 'messages that are no array', send: ['POST', MESSAGES, { messages: {} }], code: 'INVALID_FIELD' },
  { what: 'a field beside messages', send: text('{"messages":[{"value":1}],"delay":1}'), code: 'UNKNOWN_FIELD' },
  {
    what: 'one bad message in an array',
    send: ['POST', MESSAGES, { messages: [{ value: 1 }, { value: 1, delay: 'x' }, { value: 1 }] }],
    code: 'INVALID_DURATION',
    with: { index: 1 },
  },
  {
    what: 'one bad message among 500',
    send: text(lines(500, 321, '{"value":1,"id":7}'), LINES),
    code: 'INVALID_FIELD',
    with: { line: 322 },
  },
  {
    what: 'a last line that was cut',
    send: text(lines(3, 2, '{"value":'), LINES),
    code: 'INVALID_JSON',
    with: { line: 3 },
  },
  {
    what: 'two messages in a line',
    send: text('{"value":1}{"value":2}', LINES),
    code: 'INVALID_JSON',
    with: { line: 1 },
  },
  { what: 'no line', send: text('\n\n', LINES), code: 'EMPTY_BATCH' },
  {
    what: 'a partition that is not there, in a batch',
    send: text('{"value":1}\n{"value":1,"partition":9}', LINES),
    status: 404,
    code: 'PARTITION_NOT_FOUND',
  },
  {
    what: 'too many lines',
    send: text(lines(601, -1, ''), LINES),
    status: 413,
    code: 'TOO_MANY_MESSAGES',
    with: { limit: 600 },
  },
  // Sizes
  {
    what: 'a message one byte too large',
    send: ['POST', MESSAGES, { value: 'x'.repeat(1_001) }],
    status: 413,
    code: 'MESSAGE_TOO_LARGE',
    with: { limit: 1_000 },
  },
  {
    what: 'key and headers that make it too large',
    send: ['POST', MESSAGES, { value: 'x'.repeat(990), key: 'kkkkk', headers: { a: 'bbbbb' } }],
    status: 413,
    code: 'MESSAGE_TOO_LARGE',
  },
  {
    what: 'a body over the limit',
    send: text('x'.repeat(100_001)),
    status: 413,
    code: 'REQUEST_TOO_LARGE',
    with: { limit: 100_000 },
  },
  {
    what: 'a chunked body over the limit',
    send: text('x'.repeat(100_001), { 'transfer-encoding': 'chunked' }),
    status: 413,
    code: 'REQUEST_TOO_LARGE',
  },
  {
    what: 'a raw body over the message limit',
    send: ['POST', `${TOPIC}/raw`, 'x'.repeat(1_001)],
    status: 413,
    code: 'MESSAGE_TOO_LARGE',
  },
  // How it is sent
  {
    what: 'another content type',
    send: text('value=1', { 'content-type': 'application/x-www-form-urlencoded' }),
    status: 415,
    code: 'UNSUPPORTED_MEDIA_TYPE',
  },
  {
    what: 'a compressed body',
    send: text('x', { 'content-encoding': 'gzip' }),
    status: 415,
    code: 'UNSUPPORTED_CONTENT_ENCODING',
  },
  {
    what: 'a compressed raw body',
    send: ['POST', `${TOPIC}/raw`, 'x', { 'content-encoding': 'gzip' }],
    status: 415,
    code: 'UNSUPPORTED_CONTENT_ENCODING',
  },
  {
    what: 'an unknown query',
    send: ['POST', `${MESSAGES}?ack=1`, { value: 1 }],
    code: 'UNKNOWN_FIELD',
    with: { field: 'ack' },
  },
  { what: 'acks that are none', send: ['POST', `${MESSAGES}?acks=2`, { value: 1 }], code: 'INVALID_FIELD' },
  { what: 'acks given twice', send: ['POST', `${MESSAGES}?acks=1&acks=1`, { value: 1 }], code: 'INVALID_FIELD' },
  { what: 'results that are none', send: ['POST', `${MESSAGES}?results=all`, { value: 1 }], code: 'INVALID_FIELD' },
  { what: 'a raw delay that is none', send: ['POST', `${TOPIC}/raw?delay=x`, 'x'], code: 'INVALID_DURATION' },
  {
    what: 'a raw delay in query and header',
    send: ['POST', `${TOPIC}/raw?delay=1s`, 'x', { 'dwell-delay': '1s' }],
    code: 'CONFLICTING_FIELDS',
  },
  {
    what: 'a raw delay and a time',
    send: ['POST', `${TOPIC}/raw?delay=1s&deliverAt=5`, 'x'],
    code: 'CONFLICTING_FIELDS',
  },
  {
    what: 'a header of ours on raw',
    send: ['POST', `${TOPIC}/raw`, 'x', { 'dwell-header-__dwell.id': 'a' }],
    code: 'INVALID_FIELD',
  },
  {
    what: 'a Dwell header that does not exist',
    send: ['POST', `${TOPIC}/raw`, 'x', { 'dwell-dealy': '5s' }],
    code: 'UNKNOWN_FIELD',
  },
  // Names
  { what: 'a slash in a name', send: ['POST', '/v1/topics/a%2Fb/messages', { value: 1 }], code: 'INVALID_NAME' },
  { what: 'a slash', send: ['POST', '/v1/topics/a/b/messages', { value: 1 }], status: 404, code: 'ROUTE_NOT_FOUND' },
  { what: '..', send: ['POST', '/v1/topics/../messages', { value: 1 }], code: 'INVALID_NAME' },
  { what: '..%2f', send: ['POST', '/v1/topics/..%2f..%2fetc/messages', { value: 1 }], code: 'INVALID_NAME' },
  { what: '.', send: ['PUT', '/v1/topics/%2e', {}], code: 'INVALID_NAME' },
  { what: 'no name', send: ['POST', '/v1/topics//messages', { value: 1 }], code: 'INVALID_NAME' },
  {
    what: '101 characters',
    send: ['PUT', `/v1/topics/${'x'.repeat(101)}`, {}],
    code: 'INVALID_NAME',
    with: { limit: 100 },
  },
  {
    what: '101 characters, published to',
    send: ['POST', `/v1/topics/${'x'.repeat(101)}/messages`, { value: 1 }],
    code: 'INVALID_NAME',
  },
  {
    what: '300 characters',
    send: ['POST', `/v1/topics/${'x'.repeat(300)}/messages`, { value: 1 }],
    code: 'INVALID_NAME',
  },
  { what: 'a control character', send: ['POST', '/v1/topics/a%00b/messages', { value: 1 }], code: 'INVALID_NAME' },
  { what: 'a line feed', send: ['POST', '/v1/topics/a%0A/messages', { value: 1 }], code: 'INVALID_NAME' },
  { what: 'unicode', send: ['POST', '/v1/topics/%C3%BCber/messages', { value: 1 }], code: 'INVALID_NAME' },
  { what: 'a look-alike', send: ['POST', '/v1/topics/%D0%BErders/messages', { value: 1 }], code: 'INVALID_NAME' },
  {
    what: 'an internal topic, published to',
    send: ['POST', '/v1/topics/__delay/messages', { value: 1 }],
    code: 'INVALID_NAME',
  },
  { what: 'an internal topic, read', send: ['GET', '/v1/topics/__delay/partitions/0/records'], code: 'INVALID_NAME' },
  { what: 'an internal topic, deleted', send: ['DELETE', '/v1/topics/__groups'], code: 'INVALID_NAME' },
  {
    what: 'a URL that cannot be decoded',
    send: ['POST', '/v1/topics/%zz/messages', { value: 1 }],
    code: 'INVALID_URL',
  },
  { what: 'a group named ..', send: ['POST', `${TOPIC}/groups/../acquire`, {}], code: 'INVALID_NAME' },
  { what: 'a group of 101 characters', send: ['PUT', `${TOPIC}/groups/${'x'.repeat(101)}`, {}], code: 'INVALID_NAME' },
  { what: 'a group with a space', send: ['PUT', `${TOPIC}/groups/a%20b`, {}], code: 'INVALID_NAME' },
  { what: 'an unknown address', send: ['GET', '/v2/topics'], status: 404, code: 'ROUTE_NOT_FOUND' },
  // Delayed messages
  { what: 'an id that is not known', send: ['GET', `${TOPIC}/delayed/nobody`], status: 404, code: 'MESSAGE_NOT_FOUND' },
  {
    what: 'an id of ours that was never given',
    send: ['DELETE', `${TOPIC}/delayed/01m7yxvsnm0000000000009999`],
    status: 404,
    code: 'MESSAGE_NOT_FOUND',
  },
  {
    what: 'a message of a topic that is not there',
    send: ['GET', '/v1/topics/nowhere/delayed/x'],
    status: 404,
    code: 'TOPIC_NOT_FOUND',
  },
  { what: 'a query where there is none', send: ['GET', `${TOPIC}/delayed/x?a=1`], code: 'UNKNOWN_FIELD' },
  // Topics
  {
    what: 'no partitions',
    send: ['PUT', '/v1/topics/new', { partitions: 0 }],
    code: 'INVALID_FIELD',
    with: { field: 'partitions' },
  },
  { what: 'partitions as text', send: ['PUT', '/v1/topics/new', { partitions: '4' }], code: 'INVALID_FIELD' },
  { what: 'too many partitions', send: ['PUT', '/v1/topics/new', { partitions: 1_000_000 }], code: 'INVALID_FIELD' },
  {
    what: 'fewer partitions',
    send: ['PUT', TOPIC, { partitions: 1 }],
    status: 409,
    code: 'PARTITIONS_CANNOT_SHRINK',
    with: { limit: 4 },
  },
  {
    what: 'a retention that is none',
    send: ['PUT', '/v1/topics/new', { retention: 'ever' }],
    code: 'INVALID_DURATION',
  },
  { what: 'a cleanup that is none', send: ['PUT', '/v1/topics/new', { cleanup: 'burn' }], code: 'INVALID_FIELD' },
  {
    what: 'an unknown topic setting',
    send: ['PUT', '/v1/topics/new', { replicas: 3 }],
    code: 'UNKNOWN_FIELD',
    with: { field: 'replicas' },
  },
  { what: 'broken JSON for a topic', send: ['PUT', '/v1/topics/new', '{"partitions":'], code: 'INVALID_JSON' },
  { what: 'an array for a topic', send: ['PUT', '/v1/topics/new', []], code: 'INVALID_FIELD' },
  { what: 'a topic that is not there', send: ['DELETE', '/v1/topics/nowhere'], status: 404, code: 'TOPIC_NOT_FOUND' },
  {
    what: 'records of no partition',
    send: ['GET', `${TOPIC}/partitions/7/records`],
    status: 404,
    code: 'PARTITION_NOT_FOUND',
  },
  { what: 'records of a negative partition', send: ['GET', `${TOPIC}/partitions/-1/records`], code: 'INVALID_FIELD' },
  {
    what: 'records beyond the log',
    send: ['GET', `${TOPIC}/partitions/0/records?offset=999`],
    status: 416,
    code: 'OFFSET_OUT_OF_RANGE',
  },
  { what: 'an offset that is none', send: ['GET', `${TOPIC}/partitions/0/records?offset=-1`], code: 'INVALID_FIELD' },
  {
    what: 'an offset time that is none',
    send: ['GET', `${TOPIC}/partitions/0/records?offset=@now`],
    code: 'INVALID_TIME',
  },
  {
    what: 'a limit of 0',
    send: ['GET', `${TOPIC}/partitions/0/records?limit=0`],
    code: 'INVALID_FIELD',
    with: { field: 'limit' },
  },
  { what: 'a limit that is none', send: ['GET', `${TOPIC}/partitions/0/records?limit=all`], code: 'INVALID_FIELD' },
  // Consuming
  {
    what: 'acquire of a topic that is not there',
    send: ['POST', '/v1/topics/nowhere/groups/g/acquire', {}],
    status: 404,
    code: 'TOPIC_NOT_FOUND',
  },
  { what: 'a max of 0', send: ['POST', `${GROUP}/acquire`, { max: 0 }], code: 'INVALID_FIELD' },
  { what: 'a max as text', send: ['POST', `${GROUP}/acquire`, { max: '5' }], code: 'INVALID_FIELD' },
  { what: 'a wait that is none', send: ['POST', `${GROUP}/acquire`, { wait: 'long' }], code: 'INVALID_DURATION' },
  {
    what: 'a wait of an hour',
    send: ['POST', `${GROUP}/acquire`, { wait: '1h' }],
    code: 'INVALID_FIELD',
    with: { field: 'wait' },
  },
  { what: 'a lock of 0', send: ['POST', `${GROUP}/acquire`, { lock: 0 }], code: 'INVALID_FIELD' },
  {
    what: 'an unknown acquire field',
    send: ['POST', `${GROUP}/acquire`, { maximum: 1 }],
    code: 'UNKNOWN_FIELD',
    with: { field: 'maximum' },
  },
  {
    what: 'no acknowledgements',
    send: ['POST', `${GROUP}/acknowledge`, {}],
    code: 'MISSING_FIELD',
    with: { field: 'acknowledgements' },
  },
  {
    what: 'an empty list of them',
    send: ['POST', `${GROUP}/acknowledge`, { acknowledgements: [] }],
    code: 'INVALID_FIELD',
  },
  {
    what: 'a type that is none',
    send: ['POST', `${GROUP}/acknowledge`, { acknowledgements: [{ receipt: 'x', type: 'ack' }] }],
    code: 'INVALID_FIELD',
  },
  {
    what: 'no receipt',
    send: ['POST', `${GROUP}/acknowledge`, { acknowledgements: [{ type: 'accept' }] }],
    code: 'MISSING_FIELD',
  },
  {
    what: 'an accept with a delay',
    send: ['POST', `${GROUP}/acknowledge`, { acknowledgements: [{ receipt: 'x', type: 'accept', delay: 1 }] }],
    code: 'INVALID_FIELD',
  },
  {
    what: 'a release with a lock',
    send: ['POST', `${GROUP}/acknowledge`, { acknowledgements: [{ receipt: 'x', type: 'release', lock: 1 }] }],
    code: 'INVALID_FIELD',
  },
  {
    what: 'a release with a bad delay',
    send: ['POST', `${GROUP}/acknowledge`, { acknowledgements: [{ receipt: 'x', type: 'release', delay: 'x' }] }],
    code: 'INVALID_DURATION',
  },
  {
    what: 'acknowledge of a group that is not there',
    send: ['POST', `${TOPIC}/groups/nobody/acknowledge`, { acknowledgements: [{ receipt: 'x', type: 'accept' }] }],
    status: 404,
    code: 'GROUP_NOT_FOUND',
  },
  { what: 'a tier that is none', send: ['PUT', GROUP, { retry: ['soon'] }], code: 'INVALID_DURATION' },
  { what: 'a tier of 0', send: ['PUT', GROUP, { retry: [0] }], code: 'INVALID_FIELD' },
  { what: 'a schedule that is none', send: ['PUT', GROUP, { retry: 'often' }], code: 'INVALID_FIELD' },
  { what: 'too many tiers', send: ['PUT', GROUP, { retry: Array(65).fill('1s') }], code: 'INVALID_FIELD' },
  { what: 'a group lock of 0', send: ['PUT', GROUP, { lock: '0s' }], code: 'INVALID_FIELD' },
  { what: 'a start that is none', send: ['PUT', GROUP, { start: 'middle' }], code: 'INVALID_FIELD' },
  {
    what: 'an unknown group setting',
    send: ['PUT', GROUP, { colour: 'red' }],
    code: 'UNKNOWN_FIELD',
    with: { field: 'colour' },
  },
  {
    what: 'a group of a topic that is not there',
    send: ['PUT', '/v1/topics/nowhere/groups/g', {}],
    status: 404,
    code: 'TOPIC_NOT_FOUND',
  },
  { what: 'a group that is not there', send: ['GET', `${TOPIC}/groups/nobody`], status: 404, code: 'GROUP_NOT_FOUND' },
  { what: 'a reset to nowhere', send: ['POST', `${GROUP}/reset`, { to: 'the beginning' }], code: 'INVALID_TIME' },
  { what: 'a reset without a place', send: ['POST', `${GROUP}/reset`, {}], code: 'MISSING_FIELD' },
  // Dead letters
  { what: 'a cause that is none', send: ['GET', `${GROUP}/dead-letters?cause=BAD`], code: 'INVALID_FIELD' },
  { what: 'a cursor that is none', send: ['GET', `${GROUP}/dead-letters?after=x`], code: 'CURSOR_INVALID' },
  { what: 'a dead letter limit of 0', send: ['GET', `${GROUP}/dead-letters?limit=0`], code: 'INVALID_FIELD' },
  { what: 'an unknown filter', send: ['GET', `${GROUP}/dead-letters/count?colour=red`], code: 'UNKNOWN_FIELD' },
  { what: 'a time filter that is none', send: ['GET', `${GROUP}/dead-letters/count?from=x`], code: 'INVALID_TIME' },
]

/** All that a request could have changed, as clients see it. */
async function state({ call }: RunningService): Promise<unknown> {
  const paths = ['/v1/topics', TOPIC, `${TOPIC}/groups`, GROUP, `${GROUP}/dead-letters/count`]
  const answers = await Promise.all(paths.map(async (path) => (await call('GET', path)).json))
  const metrics = (await call('GET', '/metrics')).text
  const series = metrics
    .split('\n')
    .filter((line) => /^dwell_(published_total|delayed_pending|acquired|cancelled)/.test(line))
  return { answers, series }
}

t.test('what is wrong is told with a stable code and changes nothing', async (t) => {
  const service = await startService(t, LIMITS)
  const { call } = service
  await call('POST', MESSAGES, {
    messages: [
      { value: 'a', partition: 0 },
      { value: 'b', delay: '1h', id: 'later' },
    ],
  })
  await call('PUT', GROUP, {})
  const before = await state(service)
  for (const { what, send, status = 400, code, with: facts = {} } of CASES) {
    const answer = await call(...send)
    t.match(
      answer.json,
      { ...facts, code, status, title: String, detail: /^.{10,}\.$/, type: `/docs/errors/${code}` },
      what,
    )
    t.equal(answer.status, status, `${what}: ${status}`)
    t.match(answer.headers['content-type'], /^application\/problem\+json/, `${what}: a problem document`)
  }
  t.strictSame(await state(service), before, 'nothing has changed')
})

t.test('a topic that does not exist is not created when auto-creation is off', async (t) => {
  const { call, publish } = await startService(t, { AUTO_CREATE_TOPICS: false })
  for (const body of [{ value: 1 }, { value: 1, delay: '5s' }, { value: 1, id: 'x' }]) {
    t.match(await publish('orders', body), { status: 404, json: { code: 'TOPIC_NOT_FOUND', topic: 'orders' } })
  }
  t.strictSame((await call('GET', '/v1/topics')).json, { topics: [] })
})

t.test('a refused message does not create its topic', async (t) => {
  const { call, publish } = await startService(t)
  t.match(await publish('orders', { value: 1, delay: 'x' }), { status: 400 })
  t.match(await publish('orders', { value: 1, partition: 4 }), { status: 404 })
  t.strictSame((await call('GET', '/v1/topics')).json, { topics: [] })
})

t.test('a used-up or invented receipt is invalid and harms nothing else', async (t) => {
  const { call, publish } = await startService(t)
  await publish('orders', { messages: [{ value: 1 }, { value: 2 }] })
  const [first, second] = (await call('POST', `${GROUP}/acquire`, {})).json.records
  const invalid = { state: 'invalid', code: 'INVALID_RECORD_STATE' }
  const accept = (receipt: string) => ({ receipt, type: 'accept' })
  const acknowledge = async (...receipts: string[]) =>
    (await call('POST', `${GROUP}/acknowledge`, { acknowledgements: receipts.map(accept) })).json.results
  t.strictSame(await acknowledge(first.receipt), [{ state: 'acknowledged' }])
  const forged = `${second.receipt.slice(0, 5)}${second.receipt[5] === 'A' ? 'B' : 'A'}${second.receipt.slice(6)}`
  t.strictSame(await acknowledge(first.receipt, 'nonsense', '', forged, second.receipt), [
    invalid,
    invalid,
    invalid,
    invalid,
    { state: 'acknowledged' },
  ])
  t.match(
    (await call('GET', GROUP)).json.partitions.map((partition: { lag: number }) => partition.lag),
    [0, 0, 0, 0],
  )
})

t.test('what is no number is not taken for one, and null is no missing body', async (t) => {
  const { call } = await startService(t)
  for (const text of ['true', '0x10', '1e2', '%201', '+1', '']) {
    const { status, json } = await call('GET', `/v1/forecast?seconds=${text}`)
    t.match([status, json.code, json.field], [400, 'INVALID_FIELD', 'seconds'], `seconds=${text}`)
  }
  t.equal((await call('GET', '/v1/forecast?seconds=10')).status, 200)
  await call('PUT', '/v1/topics/orders', {})
  const refused = await call('POST', '/v1/topics/orders/groups/g/acquire', 'null')
  t.match(refused, { status: 400, json: { code: 'INVALID_FIELD' } })
})

t.test('a method that a path does not take is refused before anything is asked of its body', async (t) => {
  const { call } = await startService(t)
  for (const method of ['QUERY', 'PATCH', 'OPTIONS']) {
    const { status, json, headers } = await call(method, '/v1/topics')
    t.match([status, json.code, headers.allow], [405, 'METHOD_NOT_ALLOWED', /GET/], method)
  }
})

t.test('what cannot be decoded, or is in another coding, is not taken for what it is not', async (t) => {
  const { call } = await startService(t)
  for (const query of ['key=k%FF', 'key=%', 'id=a%2', 'k%ZZ=1'])
    t.match(await call('POST', `${TOPIC}/raw?${query}`, 'x'), { status: 400, json: { code: 'INVALID_URL' } }, query)
  t.equal((await call('POST', `${TOPIC}/raw?key=50%25`, 'x')).status, 201)
  for (const [type, status] of [
    ['application/json; charset=latin1', 415],
    ['application/json;charset="utf-16"', 415],
    ['application/json; charset="UTF-8"', 201],
    ['application/json', 201],
  ] as const) {
    const { json, ...answer } = await call('POST', MESSAGES, '{"value":1}', { 'content-type': type })
    t.match([answer.status, json.code], [status, status === 415 ? 'UNSUPPORTED_MEDIA_TYPE' : undefined], type)
  }
  const group = await call('PUT', GROUP, '{}', { 'content-type': 'application/json; charset=latin1' })
  t.match(group, { status: 415, json: { code: 'UNSUPPORTED_MEDIA_TYPE' } })
  const raw = await call('POST', `${TOPIC}/raw`, 'x', { 'content-type': 'text/plain; charset=latin1' })
  t.equal(raw.status, 201, 'of what is kept as it is no coding is asked')
  await call('PUT', GROUP, {})
  const letters = await call('GET', `${GROUP}/dead-letters?header.=x`)
  t.match(letters, { status: 400, json: { code: 'UNKNOWN_FIELD' } })
})

t.test('a refusal leads on: to the pages, off the slash, to several messages', async (t) => {
  const { call } = await startService(t)
  t.match((await call('GET', '/')).json, { code: 'ROUTE_NOT_FOUND', detail: /\/docs/ })
  t.match((await call('GET', '/v1/topics/orders/')).json, { code: 'ROUTE_NOT_FOUND', detail: /Leave out the slash/ })
  t.match((await call('POST', MESSAGES, [{ value: 1 }])).json, {
    code: 'INVALID_FIELD',
    detail: /\{"messages": \[…\]\}/,
  })
})
