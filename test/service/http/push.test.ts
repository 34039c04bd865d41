// The endpoint of a group over HTTP, and real pushes: rows A8, A14 and A15 of test/faults/README.md.

import { Webhook } from 'standardwebhooks'
import t, { type Test } from 'tap'
import { until } from '../../support/until.ts'
import { TestEndpoint } from '../push/push-rig.ts'
import { type RunningService, startService } from '../running-service.ts'

const GROUP = '/v1/topics/orders/groups/billing'
const HOSTS = { PUSH_ALLOWED_HOSTS: '127.0.0.1,*.example.com' }
const SECRET = `whsec_${Buffer.alloc(32, 1).toString('base64')}`
const URL_SET = 'https://hooks.example.com/a?token=t-1'

async function withGroup(t: Test, settings: object = HOSTS): Promise<RunningService> {
  const service = await startService(t, settings)
  await service.call('PUT', '/v1/topics/orders', {})
  return service
}

t.test('A15: messages of all kinds are pushed as they were published, signed', async (t) => {
  const endpoint = await TestEndpoint.start(t)
  const { call, publish } = await withGroup(t)
  const other = `whsec_${Buffer.alloc(24, 2).toString('base64')}`
  const push = { url: endpoint.url, secret: [SECRET, other], headers: { authorization: 'Bearer b', 'X-Env': 'test' } }
  t.equal((await call('PUT', GROUP, { push })).status, 201)
  await publish('orders', {
    value: { order: 17 },
    key: 'customer-4',
    headers: { trace: 'abc' },
    id: 'order-17',
    partition: 2,
  })
  await publish('orders', { value: 'grüße' })
  await publish('orders', { valueBase64: '//79' })
  await publish('orders', { value: 5, delay: '1ms' })
  await call('POST', '/v1/topics/orders/raw?key=k', '<a/>', {
    'content-type': 'text/xml; charset=utf-8',
    'dwell-header-x': 'y',
  })
  await until(() => endpoint.received.length === 5)
  const by = (body: string) => endpoint.received.find((received) => String(received.body) === body)?.headers ?? {}
  t.match(by('{"order":17}'), {
    host: new URL(endpoint.url).host,
    authorization: 'Bearer b',
    'x-env': 'test',
    'content-type': 'application/json',
    'dwell-topic': 'orders',
    'dwell-group': 'billing',
    'dwell-partition': '2',
    'dwell-offset': '0',
    'dwell-key': 'customer-4',
    'dwell-id': 'order-17',
    'dwell-delivery-count': '1',
    'dwell-timestamp': /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/,
    'dwell-header-trace': 'abc',
    'webhook-id': /^msg_[\w-]{27}$/,
  })
  t.match(by('grüße'), { 'content-type': 'text/plain; charset=utf-8' })
  t.match(by('<a/>'), { 'content-type': 'text/xml; charset=utf-8', 'dwell-key': 'k', 'dwell-header-x': 'y' })
  t.match(by('5'), { 'content-type': 'application/json' })
  const bytes = endpoint.received.find(({ headers }) => headers['content-type'] === 'application/octet-stream')
  t.equal(bytes?.body.toString('base64'), '//79')
  for (const { body, headers } of endpoint.received) {
    // The package takes all bodies for text.
    if (headers['content-type'] === 'application/octet-stream') continue
    const given = headers as Record<string, string>
    for (const secret of [SECRET, other]) {
      t.doesNotThrow(() => new Webhook(secret).verify(body, given, { jsonParse: false }), String(body))
    }
    t.throws(() => new Webhook(SECRET).verify(`${body} `, given))
    t.throws(() => new Webhook(`whsec_${Buffer.alloc(32, 3).toString('base64')}`).verify(body, given))
  }
})

t.test('A15: a push that was changed, forged or kept for later is not taken for genuine', async (t) => {
  const endpoint = await TestEndpoint.start(t)
  const { call, publish } = await withGroup(t)
  await call('PUT', GROUP, { push: { url: endpoint.url, secret: SECRET } })
  await publish('orders', { value: { order: 17 } })
  await until(() => endpoint.received.length === 1)
  const [{ body }] = endpoint.received
  const headers = endpoint.received[0].headers as Record<string, string>
  const webhook = new Webhook(SECRET)
  t.strictSame(webhook.verify(body, headers), { order: 17 })
  const { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signature } = headers
  t.notMatch(id, '.', 'what parts id and time in what is signed')
  const forged: [what: string, change: Record<string, string>][] = [
    ['another id', { 'webhook-id': `${id}x` }],
    ['another time', { 'webhook-timestamp': String(Number(timestamp) + 1) }],
    ['the id and the time moved apart', { 'webhook-id': `${id}.${timestamp}`, 'webhook-timestamp': '' }],
    ['a signature of another version', { 'webhook-signature': signature.replace('v1,', 'v2,') }],
    ['none', { 'webhook-signature': '' }],
  ]
  for (const [what, change] of forged) t.throws(() => webhook.verify(body, { ...headers, ...change }), what)
  const longAgo = new Date(Date.now() - 6 * 60_000)
  const replayed = {
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(longAgo.getTime() / 1_000)),
    'webhook-signature': webhook.sign(id, longAgo, body),
  }
  t.throws(() => webhook.verify(body, replayed), /old/, 'genuine, but of six minutes ago')
})

t.test('A15: a secret is changed for another without a push that nobody can verify', async (t) => {
  const endpoint = await TestEndpoint.start(t)
  const { call, publish } = await withGroup(t)
  const other = `whsec_${Buffer.alloc(24, 2).toString('base64')}`
  const verifiedBy = async (secret: string | string[]) => {
    await call('PUT', GROUP, { push: { url: endpoint.url, secret } })
    const { length } = endpoint.received
    await publish('orders', { value: 1 })
    await until(() => endpoint.received.length === length + 1)
    const { body, headers } = endpoint.received[length]
    return [SECRET, other].map((known) => {
      try {
        new Webhook(known).verify(body, headers as Record<string, string>)
        return true
      } catch {
        return false
      }
    })
  }
  t.same(await verifiedBy(SECRET), [true, false], 'the old one')
  t.same(await verifiedBy([SECRET, other]), [true, true], 'both, while receivers change')
  t.same(await verifiedBy(other), [false, true], 'the new one')
})

t.test('what is set is shown, but no secret', async (t) => {
  const { call } = await withGroup(t)
  const set = {
    url: URL_SET,
    concurrency: 4,
    timeout: '3s',
    rate: 10,
    pauseAfter: 3,
    secret: SECRET,
    headers: { 'X-Key': 'k-1' },
  }
  const shown = {
    url: URL_SET,
    concurrency: 4,
    timeout: '3s',
    rate: 10,
    pauseAfter: 3,
    headers: { 'X-Key': 'set' },
    secret: 'set',
  }
  t.strictSame((await call('PUT', GROUP, { push: set })).json.push, shown)
  const answers = [
    await call('GET', GROUP),
    await call('GET', '/v1/topics/orders/groups'),
    await call('POST', `${GROUP}/pause`),
  ]
  t.strictSame(answers[0].json.push, shown)
  for (const { text } of answers) t.notMatch(text, /whsec_|k-1/)
  t.strictSame((await call('PUT', GROUP, { lock: '1m' })).json.push, shown, 'other settings leave it as it is')
  const changed = (await call('PUT', GROUP, { push: { timeout: '4s', rate: null, secret: null, headers: {} } })).json
    .push
  t.strictSame(changed, {
    url: URL_SET,
    concurrency: 4,
    timeout: '4s',
    pauseAfter: 3,
    headers: {},
    secret: 'not set',
  })
  t.notOk('push' in (await call('PUT', GROUP, { push: null })).json)
  t.match((await call('PUT', GROUP, { push: { url: URL_SET } })).json.push, {
    concurrency: 16,
    timeout: '10s',
    pauseAfter: 10,
    secret: 'not set',
  })
})

t.test('A8, A14: what is no endpoint is refused, and what it says stands in no answer', async (t) => {
  const { call } = await withGroup(t)
  const url = URL_SET
  const cases: [push: unknown, code: string][] = [
    [{}, 'MISSING_FIELD'],
    [{ concurrency: 4 }, 'MISSING_FIELD'],
    [{ url: 'not a url' }, 'INVALID_FIELD'],
    [{ url: 'ftp://hooks.example.com/' }, 'INVALID_FIELD'],
    [{ url: 'file:///etc/passwd' }, 'INVALID_FIELD'],
    [{ url: 'https://user:p-1@hooks.example.com/' }, 'INVALID_FIELD'],
    [{ url: 'https://example.com/' }, 'PUSH_HOST_NOT_ALLOWED'],
    [{ url: 'https://hooks.example.com.evil.test/' }, 'PUSH_HOST_NOT_ALLOWED'],
    [{ url: 'http://169.254.169.254/latest/meta-data' }, 'PUSH_HOST_NOT_ALLOWED'],
    [{ url: 'http://[::1]:7200/' }, 'PUSH_HOST_NOT_ALLOWED'],
    [{ url: 'http://2852039166/' }, 'PUSH_HOST_NOT_ALLOWED'],
    [{ url: `https://hooks.example.com/${'a'.repeat(2_000)}` }, 'INVALID_FIELD'],
    [{ url, concurrency: 0 }, 'INVALID_FIELD'],
    [{ url, concurrency: 257 }, 'INVALID_FIELD'],
    [{ url, timeout: '6m' }, 'INVALID_FIELD'],
    [{ url, timeout: 'soon' }, 'INVALID_DURATION'],
    [{ url, rate: 0 }, 'INVALID_FIELD'],
    [{ url, pauseAfter: 0 }, 'INVALID_FIELD'],
    [{ url, secret: 'p-1' }, 'INVALID_FIELD'],
    [{ url, secret: `whsec_${Buffer.alloc(23).toString('base64')}` }, 'INVALID_FIELD'],
    [{ url, secret: [SECRET, 'set'] }, 'INVALID_FIELD'],
    [{ url, secret: Array(6).fill(SECRET) }, 'INVALID_FIELD'],
    [{ url, headers: { Host: 'p-1' } }, 'INVALID_FIELD'],
    [{ url, headers: { 'Transfer-Encoding': 'chunked' } }, 'INVALID_FIELD'],
    [{ url, headers: { 'proxy-authorization': 'p-1' } }, 'INVALID_FIELD'],
    [{ url, headers: { 'Webhook-Id': 'p-1' } }, 'INVALID_FIELD'],
    [{ url, headers: { 'Dwell-Topic': 'p-1' } }, 'INVALID_FIELD'],
    [{ url, headers: { 'content-length': '3' } }, 'INVALID_FIELD'],
    [{ url, headers: { 'a b': 'p-1' } }, 'INVALID_FIELD'],
    [{ url, headers: { a: 'p-1\r\nHost: b' } }, 'INVALID_FIELD'],
    [{ url, headers: { a: 'p-1', A: 'b' } }, 'INVALID_FIELD'],
    [{ url, headers: { a: 'ü' } }, 'INVALID_FIELD'],
    [{ url, headers: Object.fromEntries(Array.from({ length: 33 }, (_, i) => [`x${i}`, ''])) }, 'INVALID_FIELD'],
    [{ url, paused: null }, 'UNKNOWN_FIELD'],
    ['on', 'INVALID_FIELD'],
  ]
  for (const [push, code] of cases) {
    const { json, text } = await call('PUT', GROUP, { push })
    t.equal(json.code, code, JSON.stringify(push).slice(0, 100))
    t.notMatch(text, /p-1|whsec_[A-Z]|meta-data/)
  }
  t.equal((await call('GET', GROUP)).status, 404, 'no refusal made a group')
})

t.test('without allowed hosts push is off', async (t) => {
  const { call } = await withGroup(t, {})
  const { status, json } = await call('PUT', GROUP, { push: { url: URL_SET } })
  t.match({ status, ...json }, { status: 403, code: 'PUSH_OFF', detail: /PUSH_ALLOWED_HOSTS/ })
  t.equal((await call('PUT', GROUP, { push: null })).status, 201, 'taking one away is no push')
})

t.test('a setting that names no host stops the start', async (t) => {
  await t.rejects(startService(t, { PUSH_ALLOWED_HOSTS: 'https://a.test' }), {
    code: 'INVALID_SETTING',
    message: /PUSH_ALLOWED_HOSTS has "https:\/\/a\.test"/,
  })
})

t.test('a group that pushes is not acquired from; its old receipts still count', async (t) => {
  const endpoint = await TestEndpoint.start(t)
  const { call, publish } = await withGroup(t)
  await publish('orders', { value: 1, partition: 0 })
  const { records } = (await call('POST', `${GROUP}/acquire`)).json
  await call('PUT', GROUP, { push: { url: endpoint.url } })
  t.match(await call('POST', `${GROUP}/acquire`), { status: 409, json: { code: 'GROUP_PUSHES' } })
  const acknowledgements = [{ receipt: records[0].receipt, type: 'accept' }]
  t.match((await call('POST', `${GROUP}/acknowledge`, { acknowledgements })).json.results, [{ state: 'acknowledged' }])
  await publish('orders', { value: 2, partition: 0 })
  await until(() => endpoint.bodies.includes('2'))
  t.same(endpoint.bodies, ['2'])
  await call('PUT', GROUP, { push: null })
  t.equal((await call('POST', `${GROUP}/acquire`)).status, 200)
})

t.test('an endpoint goes on after a restart, and so does its pause; resume ends it', async (t) => {
  const endpoint = await TestEndpoint.start(t, ({ answer }) => answer(410, {}, 'moved away'))
  const first = await withGroup(t)
  await first.call('PUT', GROUP, { push: { url: endpoint.url } })
  await first.publish('orders', { value: 1, partition: 0 })
  let shown: { paused?: { since: string; reason: string } } = {}
  while (shown.paused === undefined) shown = (await first.call('GET', GROUP)).json.push
  t.equal(shown.paused.reason, 'HTTP 410: moved away')
  const counted = (await first.call('GET', '/metrics')).text
  t.match(counted, /\ndwell_push_endpoints_paused 1\n/)
  t.match(counted, /\ndwell_push_pauses_total\{cause="gone"\} 1\n/)
  t.match(counted, /\ndwell_push_connections_total 1\n/)
  await first.stop()
  const { call } = await startService(t, HOSTS, { directory: first.directory })
  t.strictSame((await call('GET', GROUP)).json.push.paused, shown.paused)
  endpoint.behave = ({ answer }) => answer(200)
  t.notOk('paused' in (await call('POST', `${GROUP}/resume`)).json.push)
  const { text } = await call('GET', '/metrics')
  t.match(text, /\ndwell_push_endpoints 1\n/)
  t.match(text, /\ndwell_push_endpoints_paused 0\n/)
  t.match(text, /dwell_pushes_total\{outcome="accept"\}/)
})

t.test('another URL is another endpoint: it is not paused', async (t) => {
  const old = await TestEndpoint.start(t, ({ answer }) => answer(410))
  const other = await TestEndpoint.start(t)
  const { call, publish } = await withGroup(t)
  await call('PUT', GROUP, { push: { url: old.url } })
  await publish('orders', { value: 1, partition: 0 })
  await until(async () => (await call('GET', GROUP)).json.push.paused !== undefined)
  t.ok((await call('PUT', GROUP, { push: { timeout: '5s' } })).json.push.paused, 'other settings leave the pause')
  t.notOk('paused' in (await call('PUT', GROUP, { push: { url: other.url } })).json.push)
  await until(() => other.received.length === 1)
  t.match(other.received[0], { headers: { 'dwell-delivery-count': '1' } })
})
