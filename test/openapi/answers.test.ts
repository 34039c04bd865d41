// A real server is asked on every route, and each answer is what the document says: its status, its type, its headers, its body,
// with no field that the schema lacks. Every answer that means success has to come up once.

import t, { type Test } from 'tap'
import { type Answer, type RunningService, startService } from '../service/running-service.ts'
import { holder, tokensFolder, writeTokens } from '../support/token-holders.ts'
import { Answers } from './answers.ts'
import { examplesOf, FROZEN, readDocument, routesOf } from './document.ts'

const document = readDocument(FROZEN)
const answers = new Answers(document)

/** A service whose every answer is held against the document; the calls answer the JSON. */
async function heldService(test: Test, settings: Parameters<typeof startService>[1] = {}) {
  const service = await startService(test, { TEST_CLOCK: true, PUSH_ALLOWED_HOSTS: 'hooks.example.com', ...settings })
  return { ...service, ...held(test, service) }
}

function held(test: Test, { call }: Pick<RunningService, 'call'>) {
  const ask = async (...request: Parameters<RunningService['call']>): Promise<Answer> => {
    const answer = await call(...request)
    const [method, path] = request
    test.strictSame(answers.wrongWith(method, path, answer), [], `${method} ${path}: ${answer.status}`)
    return answer
  }
  /** As it should go. */
  const does = async (...request: Parameters<RunningService['call']>) => {
    const answer = await ask(...request)
    test.ok(answer.status < 400, `${request[0]} ${request[1]} succeeds: ${answer.text.slice(0, 200)}`)
    return answer.json
  }
  /** As it should not. */
  const refuses = async (code: string, ...request: Parameters<RunningService['call']>) => {
    const { json } = await ask(...request)
    test.equal(json?.code, code, `${request[0]} ${request[1]} refuses`)
  }
  return { ask, does, refuses }
}

const TOPIC = '/v1/topics/orders'
const GROUP = `${TOPIC}/groups/billing`
/** Within a year, whatever the day is. */
const SOON = new Date(Date.now() + 3_600_000).toISOString()
const DEAD = `${GROUP}/dead-letters`

t.test('a life of messages, delayed, consumed, dead and back', async (t) => {
  const { does, refuses } = await heldService(t)
  await does('PUT', TOPIC, { partitions: 1 })
  await does('PUT', TOPIC, { retention: '7d', retentionBytes: 1_000_000_000 })
  await does('GET', TOPIC)
  await does('GET', '/v1/topics')
  await does('POST', `${TOPIC}/messages`, { value: { order: 1 }, key: 'k', headers: { a: 'b' } })
  await does('POST', `${TOPIC}/messages`, { messages: [{ value: 'text' }, { valueBase64: '/w==', id: 'own' }] })
  await does('POST', `${TOPIC}/messages?results=none`, { value: null })
  await does('POST', `${TOPIC}/messages?acks=0`, { value: null })
  await does('POST', `${TOPIC}/messages`, { value: 1, id: 'own' })
  await does('GET', `${TOPIC}/partitions/0/records?limit=2`)
  await does('GET', `${TOPIC}/partitions/0/batches?offset=earliest`)

  for (const id of ['a', 'b', 'c']) await does('POST', `${TOPIC}/messages`, { value: id, id, delay: '1h' })
  await does('POST', `${TOPIC}/messages`, { value: 'chosen', delay: '1h', partition: 0 })
  await does('GET', `${TOPIC}/delayed?limit=2&from=0`)
  await does('GET', `${TOPIC}/delayed/a`)
  await does('GET', `${TOPIC}/explain?id=a`)
  await does('PATCH', `${TOPIC}/delayed/a`, { delay: '2h' })
  await does('DELETE', `${TOPIC}/delayed/b`)
  await does('GET', `${TOPIC}/delayed/b`)
  await does('POST', `${TOPIC}/messages`, { value: 'b', id: 'b', delay: '1h' })
  await does('POST', `${TOPIC}/delayed/c/dispatch`)
  await does('GET', `${TOPIC}/delayed/c`)
  await refuses('ALREADY_DISPATCHED', 'DELETE', `${TOPIC}/delayed/c`)
  await refuses('ALREADY_CANCELLED', 'PATCH', `${TOPIC}/delayed/b`, { delay: 0 })
  await refuses('MESSAGE_NOT_FOUND', 'GET', `${TOPIC}/delayed/nobody`)
  await does('GET', '/v1/forecast?seconds=10')
  await does('GET', '/v1/forecast?minutes=90&topic=orders')

  await does('PUT', GROUP, { retry: ['5s'], jitter: 0.5, deadLetters: { perMinuteMax: 100, retention: '1d' } })
  await does('PUT', GROUP, { jitter: 0, order: 'key' })
  await does('GET', `${TOPIC}/groups`)
  const { records } = await does('POST', `${GROUP}/acquire`, { max: 4, lock: '1m' })
  const types = [
    { type: 'accept' },
    { type: 'release', reason: 'bank offline' },
    { type: 'reject', reason: 'unknown customer' },
    { type: 'renew', lock: '2m' },
  ]
  const acknowledgements = records.map(({ receipt }: { receipt: string }, i: number) => ({ receipt, ...types[i] }))
  const states = async () => {
    const { results } = await does('POST', `${GROUP}/acknowledge`, { acknowledgements })
    return results.map(({ state }: { state: string }) => state)
  }
  t.strictSame(await states(), ['acknowledged', 'retrying', 'dead', 'acquired'])
  t.strictSame(await states(), ['invalid', 'invalid', 'invalid', 'acquired'])
  await does('GET', GROUP)
  await does('GET', `${GROUP}/scale?within=10s`)
  await does('GET', `${TOPIC}/explain?partition=0&offset=1&group=billing`)
  await does('GET', `${TOPIC}/explain?partition=0&offset=2`)
  await does('POST', '/v1/test/clock', { advance: '10s' })
  const retried = await does('POST', `${GROUP}/acquire`, { max: 100, wait: '5s' })
  t.ok(
    retried.records.some(({ attempts }: { attempts?: unknown }) => attempts !== undefined),
    'one comes again',
  )

  await does('GET', `${DEAD}?limit=10&reason=unknown`)
  await does('GET', `${DEAD}/count?header.a=b`)
  await does('GET', `${DEAD}/reasons`)
  await does('POST', `${DEAD}/redrive`, { dryRun: true })
  const { task } = await does('POST', `${DEAD}/redrive`, { filter: { reason: 'unknown' }, ratePerSecond: 100 })
  await does('GET', '/v1/redrives')
  await does('GET', `/v1/redrives/${task}`)
  await does('POST', `/v1/redrives/${task}/stop`)
  await does('POST', `${DEAD}/purge`, { filter: { cause: 'CLIENT_REJECT' } })

  await does('POST', `${GROUP}/pause`, { reason: 'by hand' })
  await does('POST', `${GROUP}/acquire`)
  await does('POST', `${GROUP}/resume`)
  await does('POST', `${GROUP}/reset`, { to: 'earliest' })
  const push = { url: 'https://hooks.example.com/x', rate: 5, headers: { a: 'b' }, secret: null }
  await does('PUT', `${TOPIC}/groups/pushes`, { start: 'latest', push })
  await does('GET', `${TOPIC}/groups/pushes`)
  await refuses('GROUP_PUSHES', 'POST', `${TOPIC}/groups/pushes/acquire`)
  await does('GET', `/metrics/detailed?topic=orders&group=billing`)
  await does('DELETE', GROUP)
  await does('DELETE', TOPIC)
})

t.test('what the document shows as a request is taken', async (t) => {
  const { call, does } = await heldService(t)
  await does('PUT', TOPIC, { partitions: 1 })
  await does('POST', `${GROUP}/acquire`)
  await does('POST', `${TOPIC}/messages`, { value: 1, id: 'order-17-reminder', delay: '1h' })
  for (const { method, path, name, operation } of routesOf(document)) {
    const example = (parameter: string) =>
      operation.parameters?.find((given) => given.in === 'path' && given.name === parameter)?.example
    const filled = path.replaceAll(/\{(\w+)\}/g, (_, parameter) => String(example(parameter)))
    for (const [type, media] of Object.entries(operation.requestBody?.content ?? {})) {
      for (const body of examplesOf(media)) {
        const headers = { 'content-type': type === '*/*' ? 'text/plain' : type }
        const { status, text } = await call(method, filled, body, headers)
        // The message of the example has been dispatched by the one before.
        const isLate = operation.operationId === 'rescheduleDelayedMessage' && status === 409
        t.ok(status < 300 || isLate, `${name}: ${text.slice(0, 200)}`)
      }
    }
  }
})

t.test('a body of any type, lines, and what stands in headers and in the query', async (t) => {
  const { does, refuses } = await heldService(t)
  const raw = `${TOPIC}/raw`
  const headers = { 'content-type': 'text/csv', 'dwell-key': 'käse', 'dwell-header-trace': 'abc', 'dwell-id': 'raw-1' }
  await does('PUT', TOPIC, { partitions: 1 })
  await does('POST', raw, 'a;b', headers)
  await does('POST', `${raw}?key=q&id=raw-2&acks=1`, Buffer.from([0xff, 0]), {
    'content-type': 'application/octet-stream',
  })
  await does('POST', `${raw}?delay=1500`, '{"a":1}', { 'content-type': 'application/json' })
  await does('POST', `${raw}?deliverAt=${SOON}`, undefined)
  await does('POST', raw, 'x', { 'content-type': 'text/plain', 'dwell-deliver-at': SOON })
  await does('POST', raw, 'x', { 'content-type': 'text/plain', 'dwell-delay': '1h' })
  const lines = `{"value":1}\n\n{"value":"two","delay":"1h"}\n`
  const { results } = await does('POST', `${TOPIC}/messages`, lines, { 'content-type': 'application/x-ndjson' })
  t.equal(results.length, 2)
  const { records } = await does('GET', `${TOPIC}/partitions/0/records`)
  t.match(records, [
    { value: 'a;b', key: 'käse', headers: { 'content-type': 'text/csv', trace: 'abc' }, id: 'raw-1' },
    { valueBase64: '/wA=', key: 'q', id: 'raw-2' },
    { value: 1 },
  ])
  const plain = { 'content-type': 'text/plain' }
  await refuses('CONFLICTING_FIELDS', 'POST', `${raw}?delay=1s&deliverAt=${SOON}`, 'x', plain)
  await refuses('CONFLICTING_FIELDS', 'POST', `${raw}?key=a`, 'x', { ...plain, 'dwell-key': 'b' })
  await refuses('UNKNOWN_FIELD', 'POST', raw, 'x', { ...plain, 'dwell-dealy': '1h' })
  await refuses('INVALID_DURATION', 'POST', raw, 'x', { ...plain, 'dwell-delay': 'soon' })
  const ndjson = { 'content-type': 'application/x-ndjson' }
  await refuses('INVALID_JSON', 'POST', `${TOPIC}/messages`, '{"value":1}\n{', ndjson)
  await refuses('EMPTY_BATCH', 'POST', `${TOPIC}/messages`, '\n\n', ndjson)
  await refuses('UNSUPPORTED_MEDIA_TYPE', 'POST', `${TOPIC}/messages`, 'x', plain)
})

t.test('on every route a parameter that is not known is refused', async (t) => {
  const { refuses } = await heldService(t)
  for (const { method, path, operation } of routesOf(document)) {
    const filled = path.replace('{partition}', '0').replaceAll(/\{\w+\}/g, 'x')
    const media = operation.requestBody?.content['application/json']
    // Of those that take one and need none.
    const body = media === undefined || method === 'DELETE' ? undefined : (examplesOf(media)[0] ?? {})
    await refuses('UNKNOWN_FIELD', method, `${filled}?nobodys=1`, body)
  }
})

t.test('what is wrong is refused as the document says', async (t) => {
  const { ask, does, refuses } = await heldService(t)
  const docs = ['/docs', '/docs/style.css', '/docs/errors']
  for (const path of ['/healthz', '/readyz', '/metrics', '/openapi.json', '/docs/errors/INTERNAL', ...docs])
    await does('GET', path)
  await refuses('ROUTE_NOT_FOUND', 'GET', '/docs/errors/NOBODYS')
  await does('POST', `${TOPIC}/messages`, { value: 1 })
  await refuses('TOPIC_NOT_FOUND', 'GET', '/v1/topics/nowhere')
  await refuses('INVALID_NAME', 'GET', '/v1/topics/a%20b')
  await refuses('GROUP_NOT_FOUND', 'GET', GROUP)
  await refuses('PARTITION_NOT_FOUND', 'GET', `${TOPIC}/partitions/99/records`)
  await refuses('OFFSET_OUT_OF_RANGE', 'GET', `${TOPIC}/partitions/0/records?offset=99`)
  await refuses('CURSOR_INVALID', 'GET', `${TOPIC}/delayed?after=x`)
  await refuses('REDRIVE_NOT_FOUND', 'GET', '/v1/redrives/x')
  await refuses('PARTITIONS_CANNOT_SHRINK', 'PUT', TOPIC, { partitions: 1 })
  await refuses('DELAY_TOO_LONG', 'POST', `${TOPIC}/messages`, { value: 1, delay: '400d' })
  await refuses('INVALID_FIELD', 'PUT', GROUP, { maxInFlight: 0 })
  await refuses('MISSING_FIELD', 'POST', `${GROUP}/acknowledge`, {})
  await refuses('PUSH_HOST_NOT_ALLOWED', 'PUT', GROUP, { push: { url: 'https://elsewhere.example' } })
  await refuses('ORIGIN_NOT_ALLOWED', 'GET', '/v1/topics', undefined, { origin: 'https://evil.example' })
  await refuses('HOST_NOT_ALLOWED', 'GET', '/v1/topics', undefined, { host: 'evil.example' })
  await refuses('MESSAGE_TOO_LARGE', 'POST', `${TOPIC}/messages`, { value: 'x'.repeat(1_100_000) })
  await refuses('UNSUPPORTED_CONTENT_ENCODING', 'POST', `${TOPIC}/raw`, 'x', { 'content-encoding': 'gzip' })
  await ask('HEAD', '/v1/topics')
})

t.test('with tokens, who may not is told as the document says', async (t) => {
  const publisher = holder('publisher', ['publish'], ['orders'], { requestsPerSecond: 1 })
  const { does, refuses } = await heldService(t, { TOKENS_FILE: writeTokens(tokensFolder(t), [publisher]) })
  await refuses('TOKEN_MISSING', 'GET', '/v1/topics')
  await refuses('TOKEN_WRONG', 'GET', '/v1/topics', undefined, { authorization: 'Bearer nobodys' })
  await refuses('FORBIDDEN', 'PUT', TOPIC, {}, publisher.headers)
  await does('POST', `${TOPIC}/messages`, { value: 1 }, publisher.headers)
  await refuses('TOO_MANY_REQUESTS', 'POST', `${TOPIC}/messages`, { value: 2 }, publisher.headers)
  await does('GET', '/readyz')
})

t.test('every answer of every route that means success has come up', async (t) => {
  t.strictSame(answers.unseen, [])
})
