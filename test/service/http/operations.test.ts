import t from 'tap'
import { startService } from '../running-service.ts'

t.test('health, readiness and the document of the interface', async (t) => {
  const { call } = await startService(t)
  t.match(await call('GET', '/healthz'), { status: 200, json: { alive: true } })
  t.match(await call('GET', '/readyz'), { status: 200, json: { ready: true } })
  const { status, json } = await call('GET', '/openapi.json')
  t.equal(status, 200)
  t.match(json.openapi, /^3\./)
  const calls = Object.entries(json.paths as Record<string, object>).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  )
  const expected = [
    'POST /v1/topics/{topic}/messages',
    'POST /v1/topics/{topic}/raw',
    'GET /v1/topics/{topic}/delayed/{id}',
    'DELETE /v1/topics/{topic}/delayed/{id}',
    'PUT /v1/topics/{topic}',
    'GET /v1/topics/{topic}',
    'GET /v1/topics',
    'DELETE /v1/topics/{topic}',
    'GET /v1/topics/{topic}/partitions/{partition}/records',
    'POST /v1/topics/{topic}/groups/{group}/acquire',
    'POST /v1/topics/{topic}/groups/{group}/acknowledge',
    'PUT /v1/topics/{topic}/groups/{group}',
    'GET /v1/topics/{topic}/groups/{group}',
    'GET /v1/topics/{topic}/groups',
    'POST /v1/topics/{topic}/groups/{group}/reset',
    'DELETE /v1/topics/{topic}/groups/{group}',
    'GET /v1/topics/{topic}/groups/{group}/dead-letters',
    'GET /v1/topics/{topic}/groups/{group}/dead-letters/count',
    'GET /healthz',
    'GET /readyz',
    'GET /metrics',
  ]
  for (const call of expected) t.ok(calls.includes(call), call)
  const { properties } =
    json.paths['/v1/topics/{topic}/messages'].post.requestBody.content['application/json'].schema.anyOf[0]
  t.strictSame(
    Object.keys(properties).sort(),
    ['deliverAt', 'delay', 'headers', 'id', 'key', 'partition', 'value', 'valueBase64'].sort(),
  )
})

t.test('metrics count what happened, and their number does not grow with topics', async (t) => {
  const { call, publish } = await startService(t)
  const series = async () =>
    (await call('GET', '/metrics')).text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  await call('GET', '/nowhere')
  const before = (await series()).length
  for (let i = 0; i < 20; i++) await publish(`topic-${i}`, { value: 1, delay: i % 2 === 0 ? 0 : '1h' })
  const after = await series()
  t.equal(after.length, before)
  for (const line of [
    'dwell_published_total{kind="now"} 10',
    'dwell_published_total{kind="delayed"} 10',
    'dwell_delayed_pending 10',
    'dwell_topics 20',
    'dwell_http_problems_total{code="ROUTE_NOT_FOUND"} 1',
  ]) {
    t.ok(after.includes(line), line)
  }
})

t.test('the type of a problem leads to what its code means', async (t) => {
  const { call } = await startService(t)
  const { json } = await call('GET', '/v1/topics/nowhere')
  t.strictSame((await call('GET', json.type)).json, {
    code: 'TOPIC_NOT_FOUND',
    status: 404,
    title: 'There is no such topic',
    retryable: false,
  })
  t.match(await call('GET', '/docs/errors/toString'), { status: 404, json: { code: 'ROUTE_NOT_FOUND' } })
})

t.test('A26: a web page publishes nothing, whatever its content type', async (t) => {
  const { call, publish } = await startService(t)
  await publish('orders', { value: 1 })
  const headers = { origin: 'http://evil.example', 'content-type': 'text/plain' }
  for (const path of ['/v1/topics/orders/raw', '/v1/topics/orders/messages', '/v1/topics/orders/groups/g/acquire']) {
    t.match(await call('POST', path, 'x', headers), { status: 403, json: { code: 'ORIGIN_NOT_ALLOWED' } }, path)
  }
  t.match((await call('GET', '/metrics')).text, /dwell_published_total\{kind="now"\} 1\n/)
})
