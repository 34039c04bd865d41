import t from 'tap'
import { ManualClock } from '../../support/manual-clock.ts'
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
    'GET /v1/topics/{topic}/delayed',
    'GET /v1/forecast',
    'GET /healthz',
    'GET /readyz',
    'GET /metrics',
  ]
  for (const call of expected) t.ok(calls.includes(call), call)
  t.strictSame(
    Object.keys(json.components.schemas.Message.properties).sort(),
    ['deliverAt', 'delay', 'headers', 'id', 'key', 'partition', 'value', 'valueBase64'].sort(),
  )
})

t.test('metrics count what happened, and their number does not grow with topics', async (t) => {
  const { call, publish } = await startService(t, { METRICS_TOPICS_MAX: 2 })
  const series = async () =>
    (await call('GET', '/metrics')).text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  await call('GET', '/nowhere')
  for (const topic of ['a', 'b']) await publish(topic, { value: 1, delay: '1h' })
  await publish('topic-0', { value: 1 })
  await series()
  const before = (await series()).length
  for (let i = 1; i < 20; i++) await publish(`topic-${i}`, { value: 1, delay: i % 2 === 0 ? 0 : '1h' })
  await publish('topic-3', {
    messages: [
      { value: 1, delay: '30d' },
      { value: 1, delay: '1s' },
    ],
  })
  await publish('b', { value: 1, delay: '30d' })
  const after = await series()
  t.ok(after.length <= before)
  for (const line of [
    'dwell_published_total{kind="now"} 10',
    'dwell_published_total{kind="delayed"} 15',
    'dwell_delayed_pending 15',
    'dwell_delayed_pending_by_topic{topic="topic-3"} 3',
    'dwell_delayed_pending_by_topic{topic="b"} 2',
    'dwell_delayed_pending_by_topic{topic="_other"} 10',
    'dwell_delayed_overflow_rows 2',
    'dwell_topics 22',
    'dwell_http_problems_total{code="ROUTE_NOT_FOUND"} 1',
  ]) {
    t.ok(after.includes(line), line)
  }
  await call('DELETE', '/v1/topics/topic-3')
  t.ok((await series()).includes('dwell_delayed_pending_by_topic{topic="_other"} 13'), 'what a deleted topic had too')
})

t.test('metrics tell what the wheel did', async (t) => {
  const clock = new ManualClock()
  const { call, publish } = await startService(t, { WHEEL_SLOTS: 60 }, { clock })
  const value = async (name: string) => {
    const line = (await call('GET', '/metrics')).text.split('\n').find((line) => line.startsWith(`${name} `))
    return Number(line?.slice(name.length + 1))
  }
  await publish('orders', { messages: ['a', 'b', 'c', 'd'].map((id) => ({ value: 1, id, delay: '2m' })) })
  await call('DELETE', '/v1/topics/orders/delayed/a')
  await call('PATCH', '/v1/topics/orders/delayed/b', { delay: '1d' })
  const counted = { cancelled: 'dwell_cancelled_total', rescheduled: 'dwell_rescheduled_total' }
  for (const name of Object.values(counted)) t.equal(await value(name), 1, name)
  t.equal(await value('dwell_delayed_overflow_rows'), 3)
  t.equal(await value('dwell_delayed_overdue'), 0)
  await clock.advance(130_000)
  while ((await value('dwell_dispatched_total')) < 2) await clock.advance(1)
  t.equal(await value('dwell_wheel_moved_total'), 2, 'both came within reach')
  t.equal(await value('dwell_delayed_pending'), 1)
  t.equal(await value('dwell_delayed_overflow_rows'), 1)
  t.equal(await value('dwell_dispatch_lateness_seconds_count'), 2)
  t.equal(await value('dwell_wheel_hand_timestamp_seconds'), clock.wallMs() / 1000)
  t.ok((await value('dwell_wheel_tick_age_seconds')) >= 0)
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
