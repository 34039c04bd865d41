import t from 'tap'
import { formatTime } from '../../../service/time.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { startService } from '../running-service.ts'

t.test('the forecast counts what falls due, second by second and minute by minute', async (t) => {
  const clock = new ManualClock()
  const { call, publish } = await startService(t, { WHEEL_SLOTS: 600 }, { clock })
  const delays = ['1s', '1500ms', '2s', '59999ms', '60s', '5m', '1h', '30d']
  await publish('orders', { messages: delays.map((delay) => ({ value: 1, delay })) })
  await publish('invoices', { messages: [{ value: 1, delay: '2s' }, { value: 1 }] })
  const fromMs = clock.wallMs()
  const shared = { from: formatTime(fromMs), fromMs, overdue: 0 }
  t.strictSame((await call('GET', '/v1/forecast?seconds=4')).json, {
    ...shared,
    stepMs: 1_000,
    counts: [0, 2, 2, 0],
    later: 5,
  })
  t.strictSame((await call('GET', '/v1/forecast?seconds=4&topic=orders')).json, {
    ...shared,
    stepMs: 1_000,
    counts: [0, 2, 1, 0],
    later: 5,
  })
  t.strictSame((await call('GET', '/v1/forecast?minutes=6')).json, {
    ...shared,
    stepMs: 60_000,
    counts: [5, 1, 0, 0, 0, 1],
    later: 2,
  })
  const { counts } = (await call('GET', '/v1/forecast')).json
  t.equal(counts.length, 60, 'sixty seconds when nothing is said')
  t.equal((await call('GET', '/v1/forecast?seconds=600')).json.counts.length, 600, 'as far as the wheel reaches')
  t.equal((await call('GET', '/v1/forecast?minutes=10')).json.counts.length, 10)
})

t.test('the forecast follows cancels, moves and the hand', async (t) => {
  const clock = new ManualClock()
  const { call, publish } = await startService(t, {}, { clock })
  const forecast = async () => (await call('GET', '/v1/forecast?seconds=5')).json
  await publish('orders', { messages: ['a', 'b', 'c'].map((id) => ({ value: 1, id, delay: '3s' })) })
  t.match(await forecast(), { counts: [0, 0, 0, 3, 0], later: 0 })
  await call('DELETE', '/v1/topics/orders/delayed/a')
  t.match(await forecast(), { counts: [0, 0, 0, 2, 0], later: 0 })
  await call('PATCH', '/v1/topics/orders/delayed/b', { delay: '1d' })
  t.match(await forecast(), { counts: [0, 0, 0, 1, 0], later: 1 })
  await clock.advance(2_000)
  t.match(await forecast(), { counts: [0, 1, 0, 0, 0], later: 1 })
  await clock.advance(1_000)
  while ((await call('GET', '/v1/topics/orders/delayed/c')).json.state === 'pending') await clock.advance(0)
  t.match(await forecast(), { counts: [0, 0, 0, 0, 0], overdue: 0, later: 1 })
})

t.test('what is wrong with a request is said, with the limit', async (t) => {
  const { call } = await startService(t, { WHEEL_SLOTS: 600 })
  const cases: [query: string, status: number, code: string, says: RegExp][] = [
    ['seconds=1&minutes=1', 400, 'CONFLICTING_FIELDS', /not both/],
    ['seconds=0', 400, 'INVALID_FIELD', /seconds must be a whole number from 1 to 600/],
    ['seconds=-1', 400, 'INVALID_FIELD', /seconds/],
    ['seconds=1.5', 400, 'INVALID_FIELD', /seconds must be a whole number/],
    ['seconds=601', 400, 'INVALID_FIELD', /seconds must be a whole number from 1 to 600/],
    ['seconds=1e300', 400, 'INVALID_FIELD', /seconds must be a whole number from 1 to 600/],
    ['seconds=many', 400, 'INVALID_FIELD', /seconds must be/],
    ['minutes=0', 400, 'INVALID_FIELD', /minutes must be a whole number from 1 to 10/],
    ['minutes=11', 400, 'INVALID_FIELD', /minutes must be a whole number from 1 to 10/],
    ['minutes=0.5', 400, 'INVALID_FIELD', /minutes/],
    ['hours=1', 400, 'UNKNOWN_FIELD', /hours/],
    ['topic=nowhere', 404, 'TOPIC_NOT_FOUND', /nowhere/],
    ['topic=__delay', 400, 'INVALID_NAME', /topic/],
    ['topic=', 400, 'INVALID_NAME', /topic/],
  ]
  for (const [query, status, code, says] of cases) {
    t.match(await call('GET', `/v1/forecast?${query}`), { status, json: { code, detail: says } }, query)
  }
})
