// A refusal names the field and all that may stand there, whichever way its schema says it.

import t from 'tap'
import { until } from '../../support/until.ts'
import { type Answer, startService } from '../running-service.ts'

const TOPIC = '/v1/topics/orders'
const GROUP = `${TOPIC}/groups/billing`

type Row = [method: string, path: string, body: unknown, code: string, detail: RegExp]

const ROWS: Row[] = [
  // Alternatives: what is told is of the one that was meant
  [
    'PUT',
    GROUP,
    { retry: { first: '1s', factor: 0.5, count: 3 } },
    'INVALID_FIELD',
    /^retry\.factor must be a number from 1\b/,
  ],
  [
    'PUT',
    GROUP,
    { retry: { first: '1s', factor: 2, count: 99 } },
    'INVALID_FIELD',
    /^retry\.count must be a whole number from 1 to 20\.$/,
  ],
  [
    'PUT',
    GROUP,
    { retry: { first: '1s', factor: 2 } },
    'MISSING_FIELD',
    /^The field retry\.count is missing in the body; it must be a whole number/,
  ],
  [
    'PUT',
    GROUP,
    { retry: { first: 1, factor: 2, count: 1, most: 5 } },
    'UNKNOWN_FIELD',
    /"retry\.most" in this body; known are first, factor, count, max\.$/,
  ],
  [
    'PUT',
    GROUP,
    { retry: [true] },
    'INVALID_FIELD',
    /^retry\.0 must be a duration: a number of milliseconds, or text such as/,
  ],
  [
    'PUT',
    GROUP,
    { retry: 5 },
    'INVALID_FIELD',
    /^retry must be "standard-webhooks", a list of at most 20 elements or an object with first, factor, count\.$/,
  ],
  ['PUT', GROUP, { push: 5 }, 'INVALID_FIELD', /^push must be null or an object\.$/],
  [
    'PUT',
    GROUP,
    { push: { rate: 'x' } },
    'INVALID_FIELD',
    /^push\.rate must be null or a number from 0\.001 to 1000000\.$/,
  ],
  ['PUT', GROUP, { start: 'middle' }, 'INVALID_FIELD', /^start must be "latest" or "earliest"\.$/],
  ['PUT', '/v1/topics/new', { retention: true }, 'INVALID_FIELD', /^retention must be null or a duration: .*"PT5M"\.$/],
  [
    'PUT',
    '/v1/topics/new',
    { retentionBytes: 0 },
    'INVALID_FIELD',
    /^retentionBytes must be null or a whole number from 1\.$/,
  ],
  // What is not known is answered with what is
  ['POST', `${GROUP}/acquire`, { wiat: '5s' }, 'UNKNOWN_FIELD', /"wiat" in this body; known are max, wait, lock\.$/],
  ['POST', `${GROUP}/acknowledge`, { acks: [] }, 'UNKNOWN_FIELD', /"acks" in this body; known are acknowledgements\.$/],
  [
    'POST',
    `${GROUP}/acknowledge`,
    { acknowledgements: [{ receipt: 'x', type: 'accept', at: 1 }] },
    'UNKNOWN_FIELD',
    /"acknowledgements\.0\.at" .* receipt, type, delay, reason, lock\.$/,
  ],
  ['PUT', GROUP, { push: { colour: 1 } }, 'UNKNOWN_FIELD', /"push\.colour" in this body; known are url, concurrency, /],
  ['GET', '/v1/topics?x=1', undefined, 'UNKNOWN_FIELD', /"x" in this query; none is known here\.$/],
  [
    'GET',
    `${GROUP}/dead-letters/count?limit=3`,
    undefined,
    'UNKNOWN_FIELD',
    /"limit" in this query; known are reason, cause, key, header\.<name>, from, to\.$/,
  ],
  ['GET', `${GROUP}/dead-letters/reasons?after=3`, undefined, 'UNKNOWN_FIELD', /, from, to\.$/],
  ['GET', `${GROUP}/dead-letters?foo=3`, undefined, 'UNKNOWN_FIELD', /, from, to, limit, after\.$/],
  [
    'POST',
    `${GROUP}/dead-letters/purge`,
    { filter: { limit: '3' } },
    'UNKNOWN_FIELD',
    /"filter\.limit"; known are reason, .*, to\.$/,
  ],
  ['POST', `${TOPIC}/raw?foo=1`, 'x', 'UNKNOWN_FIELD', /known are acks, results, key, delay, deliverAt, id\.$/],
  ['POST', `${TOPIC}/messages?key=1`, { value: 1 }, 'UNKNOWN_FIELD', /known are acks, results\.$/],
  // Limits of time are durations
  ['PUT', GROUP, { lock: '2d' }, 'INVALID_FIELD', /^lock must be from 100ms to 1d\.$/],
  ['POST', `${GROUP}/acquire`, { lock: '99ms' }, 'INVALID_FIELD', /^lock must be from 100ms to 1d\.$/],
  ['POST', `${GROUP}/acquire`, { wait: '1h' }, 'INVALID_FIELD', /^wait must be at most 5m\.$/],
  ['PUT', GROUP, { retry: ['400d'] }, 'INVALID_FIELD', /^retry\.0 must be from 1ms to 366d\.$/],
  ['PUT', GROUP, { retry: ['300d'], jitter: 1 }, 'INVALID_FIELD', /no tier becomes longer than 366d\.$/],
  ['GET', `${GROUP}/scale?within=2h`, undefined, 'INVALID_FIELD', /^within must be at most 1h\.$/],
  // Once means once
  ['GET', `${TOPIC}/delayed?limit=1&limit=2`, undefined, 'INVALID_FIELD', /^limit must be given once\.$/],
  ['GET', `${TOPIC}/explain?id=1&id=2`, undefined, 'INVALID_FIELD', /^id must be given once\.$/],
  ['GET', '/v1/forecast?seconds=1&seconds=2', undefined, 'INVALID_FIELD', /^seconds must be given once\.$/],
  ['POST', `${TOPIC}/messages?acks=1&acks=1`, { value: 1 }, 'INVALID_FIELD', /^acks must be given once\.$/],
  // Numbers in queries
  ['GET', '/v1/forecast?seconds=7201', undefined, 'INVALID_FIELD', /^seconds must be a whole number from 1 to 7200\.$/],
  ['GET', `${TOPIC}/partitions/x/records`, undefined, 'INVALID_FIELD', /^partition must be a whole number from 0\.$/],
  // Bodies
  ['POST', `${GROUP}/acquire`, [], 'INVALID_FIELD', /^The body must be an object\.$/],
  // Names
  ['GET', `/v1/topics/${'x'.repeat(250)}`, undefined, 'INVALID_NAME', /^A topic is named by 1 to 100 of/],
  ['PUT', `/v1/topics/${'x'.repeat(101)}`, {}, 'INVALID_NAME', /^A topic is named by 1 to 100 of/],
]

const EMPTY = /^The body is empty; it must be JSON/

t.test('what is refused is named, with all that may stand there', async (t) => {
  const { call } = await startService(t)
  await call('PUT', TOPIC, {})
  await call('PUT', GROUP, {})
  for (const [method, path, body, code, detail] of ROWS) {
    const name = `${method} ${path} ${JSON.stringify(body) ?? ''}`.slice(0, 120)
    t.match((await call(method, path, body)).json, { status: 400, code, detail }, name)
  }
  for (const [method, path] of [
    ['POST', `${GROUP}/acknowledge`],
    ['PUT', GROUP],
    ['PUT', '/v1/topics/new'],
    ['POST', `${TOPIC}/messages`],
  ] as const) {
    for (const body of [undefined, ''])
      t.match((await call(method, path, body)).json, { code: 'INVALID_JSON', detail: EMPTY }, `${method} ${path}`)
  }
})

t.test('a secret in a field of the wrong form is not repeated', async (t) => {
  const { call } = await startService(t, { PUSH_ALLOWED_HOSTS: 'example.com' })
  await call('PUT', TOPIC, {})
  const push = { url: 'https://example.com', headers: 'Authorization: hunter2', secret: { is: 'hunter2' } }
  const { status, text } = await call('PUT', GROUP, { push })
  t.equal(status, 400)
  t.notMatch(text, /hunter2/)
})

t.test('who sends another content type is told which ones are taken', async (t) => {
  const { call } = await startService(t)
  const accepts = ({ status, headers: { accept }, json }: Answer) => ({ status, accept, accepted: json.accepted })
  const as = { 'content-type': 'text/plain' }
  const both = 'application/json, application/x-ndjson'
  t.strictSame(accepts(await call('POST', `${TOPIC}/messages`, 'x', as)), { status: 415, accept: both, accepted: both })
  const one = 'application/json'
  t.strictSame(accepts(await call('PUT', TOPIC, 'x', as)), { status: 415, accept: one, accepted: one })
})

t.test('a known path by another method says which it takes', async (t) => {
  const { call } = await startService(t)
  const rows: [method: string, path: string, allow: string][] = [
    ['PATCH', '/v1/topics', 'GET, HEAD'],
    ['POST', GROUP, 'DELETE, GET, HEAD, PUT'],
    ['PUT', `${TOPIC}/messages?acks=1`, 'POST'],
    ['POST', `${TOPIC}/delayed/x`, 'DELETE, GET, HEAD, PATCH'],
    ['OPTIONS', '/healthz', 'GET, HEAD'],
  ]
  for (const [method, path, allow] of rows) {
    const answer = await call(method, path)
    t.match(
      answer,
      { status: 405, headers: { allow }, json: { code: 'METHOD_NOT_ALLOWED', allow } },
      `${method} ${path}`,
    )
  }
  t.match(await call('POST', '/v1/nowhere'), { status: 404, json: { code: 'ROUTE_NOT_FOUND' } })
  t.match(await call('GET', `${TOPIC}/nowhere`), { status: 404, json: { code: 'ROUTE_NOT_FOUND' } })
})

t.test('of several who create a topic at once one has created it', async (t) => {
  const { call } = await startService(t)
  const put = (partitions: number) => call('PUT', TOPIC, { partitions })
  const answers = await Promise.all([4, 4, 4, 4, 4, 4, 6, 8].map(put))
  const statuses = answers.map(({ status }) => status).sort()
  t.strictSame(statuses, [200, 200, 200, 200, 200, 200, 200, 201])
  t.equal((await call('GET', TOPIC)).json.partitions.length, 8, 'and what the others asked for is done too')
})

t.test('who waits for records of a group that is deleted is told so', async (t) => {
  const { call } = await startService(t)
  await call('PUT', TOPIC, {})
  await call('PUT', GROUP, {})
  const waiting = call('POST', `${GROUP}/acquire`, { wait: '20s' })
  await until(async () => /dwell_acquires_waiting 1\n/.test((await call('GET', '/metrics')).text))
  await call('DELETE', GROUP)
  t.match(await waiting, { status: 404, json: { code: 'GROUP_NOT_FOUND' } })
})

t.test('whoever finds a group paused is told why, also when nobody said', async (t) => {
  const { call } = await startService(t)
  await call('PUT', TOPIC, {})
  await call('PUT', GROUP, {})
  for (const body of [undefined, {}, { reason: '' }, { reason: '  ' }]) {
    await call('POST', `${GROUP}/pause`, body)
    t.match((await call('POST', `${GROUP}/acquire`, {})).json, { paused: true, reason: /gave no reason/ })
    await call('POST', `${GROUP}/resume`)
  }
})
