import t from 'tap'
import { ManualClock } from '../../support/manual-clock.ts'
import { TestEndpoint } from '../push/push-rig.ts'
import { startService } from '../running-service.ts'

const SCALE = '/v1/topics/orders/groups/billing/scale'

t.test('scale counts the log, locks, tiers and the wheel, as far ahead as is asked', async (t) => {
  const clock = new ManualClock(Date.UTC(2026, 10, 20, 10))
  const { call, publish } = await startService(t, {}, { clock })
  const group = '/v1/topics/orders/groups/billing'
  const delays = ['5s', '29s', '31s', '10m', '3h']
  await publish('orders', {
    messages: [
      ...Array.from({ length: 6 }, (_, value) => ({ value })),
      ...delays.map((delay) => ({ value: 0, delay })),
    ],
  })
  await call('PUT', group, { retry: ['20s', '1m'] })
  const { records } = (await call('POST', `${group}/acquire`, { max: 4 })).json
  const acknowledgements = [
    { receipt: records[0].receipt, type: 'release' },
    { receipt: records[1].receipt, type: 'release', delay: '25s' },
    { receipt: records[2].receipt, type: 'accept' },
  ]
  await call('POST', `${group}/acknowledge`, { acknowledgements })
  const look = async (query = '') => (await call('GET', `${SCALE}${query}`)).json
  t.strictSame(await look(), { ready: 2, inFlight: 1, dueSoon: 4 }, 'within 30 s: two delayed, a tier, an own delay')
  t.strictSame(await look('?within=5s'), { ready: 2, inFlight: 1, dueSoon: 1 })
  t.strictSame(await look('?within=4999'), { ready: 2, inFlight: 1, dueSoon: 0 }, 'by whole seconds')
  t.strictSame(await look('?within=20m'), { ready: 2, inFlight: 1, dueSoon: 6 })
  await call('POST', `${group}/pause`, { reason: 'bank' })
  t.strictSame(await look('?within=0s'), { ready: 2, inFlight: 1, dueSoon: 0, paused: true })
})

t.test('a group whose endpoint is paused is said to be', async (t) => {
  const endpoint = await TestEndpoint.start(t, ({ answer }) => answer(410))
  const { call, publish } = await startService(t, { PUSH_ALLOWED_HOSTS: '127.0.0.1' }, { clock: new ManualClock() })
  await publish('orders', { messages: [{ value: 0 }] })
  await call('PUT', '/v1/topics/orders/groups/billing', { push: { url: endpoint.url } })
  let said = (await call('GET', SCALE)).json
  for (let looks = 0; said.paused === undefined && looks < 1_000; looks++) said = (await call('GET', SCALE)).json
  t.strictSame(said, { ready: 0, inFlight: 1, dueSoon: 0, paused: true })
})

t.test('a wheel that reaches less far than is asked by default', async (t) => {
  const { call, publish } = await startService(t, { WHEEL_SLOTS: 8, WHEEL_WINDOW: 2 }, { clock: new ManualClock() })
  await publish('orders', { messages: ['2s', '4s', '5s'].map((delay) => ({ value: 0, delay })) })
  await call('PUT', '/v1/topics/orders/groups/billing', {})
  t.strictSame((await call('GET', SCALE)).json, { ready: 0, inFlight: 0, dueSoon: 2 }, 'half of what it reaches')
})

t.test('what is refused', async (t) => {
  const { call } = await startService(t)
  t.match(await call('GET', SCALE), { status: 404, json: { code: 'TOPIC_NOT_FOUND' } })
  await call('PUT', '/v1/topics/orders', {})
  t.match(await call('GET', SCALE), { status: 404, json: { code: 'GROUP_NOT_FOUND' } })
  await call('PUT', '/v1/topics/orders/groups/billing', {})
  for (const [query, code] of [
    ['?within=soon', 'INVALID_DURATION'],
    ['?within=1h1ms', 'INVALID_FIELD'],
    ['?until=1s', 'UNKNOWN_FIELD'],
  ]) {
    t.match(await call('GET', SCALE + query), { status: 400, json: { code } }, query)
  }
  t.match((await call('GET', `${SCALE}?within=2h`)).json, { limit: '1h', limitMs: 3_600_000 })
})
