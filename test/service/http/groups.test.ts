import t from 'tap'
import { ManualClock } from '../../support/manual-clock.ts'
import { startService } from '../running-service.ts'

const GROUP = '/v1/topics/orders/groups/billing'

t.test('pause and resume over HTTP, also over a restart', async (t) => {
  const clock = new ManualClock()
  const first = await startService(t, {}, { clock })
  await first.publish('orders', { value: 1, partition: 0 })
  t.equal((await first.call('POST', `${GROUP}/pause`)).status, 404)
  await first.call('PUT', GROUP, {})
  const since = new Date(clock.wallMs()).toISOString()
  t.match(await first.call('POST', `${GROUP}/pause`, { reason: 'bank "offline"' }), {
    status: 200,
    json: { group: 'billing', paused: { since, reason: 'bank "offline"' } },
  })
  const paused = { records: [], paused: true, reason: 'bank "offline"', since }
  t.strictSame((await first.call('POST', `${GROUP}/acquire`, {})).json, paused)
  t.match((await first.call('GET', '/v1/topics/orders/groups')).json.groups, [{ paused: { since } }])
  await first.stop()
  const { call } = await startService(t, {}, { clock, directory: first.directory })
  t.match((await call('GET', GROUP)).json, { paused: { since, reason: 'bank "offline"' }, partitions: [{ lag: 1 }] })
  t.strictSame((await call('POST', `${GROUP}/acquire`)).json, paused)
  const resumed = await call('POST', `${GROUP}/resume`)
  t.equal(resumed.status, 200)
  t.notOk('paused' in resumed.json)
  t.match((await call('POST', `${GROUP}/acquire`)).json.records, [{ value: 1 }])
  t.equal((await call('POST', `${GROUP}/resume`, {})).status, 200, 'again, with an empty object')
})

t.test('a call waits for the end of a pause; when its own wait is over it is told of the pause', async (t) => {
  const clock = new ManualClock()
  const { call, publish } = await startService(t, {}, { clock })
  await publish('orders', { value: 1 })
  await call('PUT', GROUP, {})
  await call('POST', `${GROUP}/pause`, { reason: 'bank offline' })
  const waiting = async (count: number) => {
    const shown = new RegExp(`dwell_acquires_waiting ${count}\n`)
    while (!shown.test((await call('GET', '/metrics')).text)) await clock.advance(0)
  }
  const hasty = call('POST', `${GROUP}/acquire`, { wait: '5s' })
  const patient = call('POST', `${GROUP}/acquire`, { wait: '20s' })
  await waiting(2)
  await clock.advance(5_000)
  t.match((await hasty).json, { records: [], paused: true, reason: 'bank offline' })
  await waiting(1)
  await call('POST', `${GROUP}/resume`)
  t.match((await patient).json, { records: [{ value: 1 }] })
})

t.test('what is not a pause is refused', async (t) => {
  const { call } = await startService(t)
  await call('PUT', '/v1/topics/orders', {})
  await call('PUT', GROUP, {})
  const codes = async (path: string, body: unknown) => (await call('POST', `${GROUP}/${path}`, body)).json.code
  t.equal(await codes('pause', { reason: 'x'.repeat(1_001) }), 'INVALID_FIELD')
  t.equal(await codes('pause', { until: '5s' }), 'UNKNOWN_FIELD')
  t.equal((await call('PUT', GROUP, { paused: { reason: '' } })).json.code, 'UNKNOWN_FIELD')
})

t.test('the forms of retry', async (t) => {
  const { call } = await startService(t)
  await call('PUT', '/v1/topics/orders', {})
  const put = async (retry: unknown) => {
    const { json } = await call('PUT', GROUP, { retry })
    return json.retry ?? json.code
  }
  const cases: [given: unknown, answered: unknown][] = [
    [
      ['5s', 10_000, 'PT15S'],
      ['5s', '10s', '15s'],
    ],
    [[], []],
    [{ first: '1s', factor: 2, count: 8, max: '10m' }, ['1s', '2s', '4s', '8s', '16s', '32s', '64s', '128s']],
    [{ first: '1m', factor: 10, count: 3, max: '10m' }, ['1m', '10m', '10m']],
    [{ first: '5s', factor: 1, count: 2 }, ['5s', '5s']],
    ['standard-webhooks', ['5s', '5m', '30m', '2h', '5h', '10h', '14h', '20h', '1d']],
    ['standard', 'INVALID_FIELD'],
    [['0s'], 'INVALID_FIELD'],
    [['soon'], 'INVALID_DURATION'],
    [['367d'], 'INVALID_FIELD'],
    [{ first: '1s', factor: 0.5, count: 2 }, 'INVALID_FIELD'],
    [{ first: '1s', factor: 2, count: 21 }, 'INVALID_FIELD'],
    [{ first: '1s', factor: 1e300, count: 20 }, 'INVALID_FIELD'],
    [{ first: '1s', factor: 2, count: 2, jitter: 1 }, 'UNKNOWN_FIELD'],
  ]
  for (const [given, answered] of cases) t.strictSame(await put(given), answered, JSON.stringify(given))
  t.strictSame((await call('GET', GROUP)).json.retry.length, 9, 'a refusal changes nothing')
})

t.test('jitter is a share of the tier', async (t) => {
  const { call } = await startService(t)
  await call('PUT', '/v1/topics/orders', {})
  t.match(await call('PUT', GROUP, { retry: ['5s'] }), { status: 201, json: { jitter: 0 } })
  t.match((await call('PUT', GROUP, { jitter: 0.2 })).json, { retry: ['5s'], jitter: 0.2 })
  t.match((await call('PUT', GROUP, { lock: '1m' })).json, { jitter: 0.2 }, 'it stays')
  for (const jitter of [-0.1, 1.1, 'some', '1s', null]) {
    t.match((await call('PUT', GROUP, { jitter })).json, { code: 'INVALID_FIELD', field: 'jitter' }, String(jitter))
  }
  t.match((await call('PUT', GROUP, { retry: ['366d'] })).json, { code: 'INVALID_FIELD', field: 'jitter' })
  t.match((await call('PUT', GROUP, { retry: ['366d'], jitter: 0 })).json, { retry: ['366d'], jitter: 0 })
  t.match((await call('PUT', GROUP, { jitter: 0.01 })).json, { code: 'INVALID_FIELD', field: 'jitter' })
})

t.test('lanes show what waits and for how long, also through the wheel and over a restart', async (t) => {
  const clock = new ManualClock()
  const first = await startService(t, {}, { clock })
  await first.publish('orders', { messages: [1, 2].map((value) => ({ value, partition: 0 })) })
  const { records } = (await first.call('POST', `${GROUP}/acquire`, {})).json
  const [one, two] = records.map(({ receipt }: { receipt: string }) => ({ receipt, type: 'release' }))
  const oldestAt = new Date(clock.wallMs()).toISOString()
  const acknowledgements = [one, { ...two, delay: '1h' }]
  const { results } = (await first.call('POST', `${GROUP}/acknowledge`, { acknowledgements })).json
  t.match(results, [{ tier: '5s' }, { tier: 'delayed' }])
  await first.stop()
  const { call } = await startService(t, {}, { clock, directory: first.directory })
  await clock.advance(2_000)
  const { partitions, lanes } = (await call('GET', GROUP)).json
  t.strictSame(partitions[0].waiting, { '5s': 1, '10s': 0, '15s': 0, delayed: 1 })
  const topic = 'orders.billing.retry'
  t.strictSame(lanes, [
    { tier: '5s', topic: `${topic}.5s`, waiting: 1, oldestAt, oldestAtMs: Date.parse(oldestAt), oldestAgeMs: 2_000 },
    { tier: '10s', topic: `${topic}.10s`, waiting: 0 },
    { tier: '15s', topic: `${topic}.15s`, waiting: 0 },
    { tier: 'delayed', topic: `${topic}.delayed`, waiting: 1 },
  ])
  t.match((await call('GET', '/metrics')).text, /dwell_retries_waiting 2\n/)
})
