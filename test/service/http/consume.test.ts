import t from 'tap'
import { ManualClock } from '../../support/manual-clock.ts'
import { startService } from '../running-service.ts'

const GROUP = '/v1/topics/orders/groups/billing'
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/

t.test('a record is acquired with all that the OpenAPI document says of it', async (t) => {
  const { call, publish } = await startService(t)
  await publish('orders', {
    value: { order: 17 },
    key: 'customer-4',
    headers: { trace: 'abc' },
    id: 'order-17',
    partition: 3,
  })
  const { status, json } = await call('POST', `${GROUP}/acquire`, { max: 100, wait: '20s', lock: '30s' })
  t.equal(status, 200)
  const [{ receipt, timestamp, lockedUntil, ...record }] = json.records
  t.strictSame(record, {
    topic: 'orders',
    partition: 3,
    offset: 0,
    key: 'customer-4',
    value: { order: 17 },
    headers: { trace: 'abc' },
    id: 'order-17',
    deliveryCount: 1,
  })
  t.type(receipt, 'string')
  t.match([timestamp, lockedUntil], [TIME, TIME])
  t.strictSame((await call('POST', `${GROUP}/acquire`)).json, { records: [] }, 'what is locked is not acquired again')
})

t.test('the four kinds of acknowledgement, in order', async (t) => {
  const clock = new ManualClock()
  const { call, publish } = await startService(t, {}, { clock })
  await publish('orders', { messages: [1, 2, 3, 4, 5].map((value) => ({ value, partition: 0 })) })
  const { records } = (await call('POST', `${GROUP}/acquire`, {})).json
  const kinds = [
    { type: 'accept' },
    { type: 'release', delay: '1m', reason: 'bank offline' },
    { type: 'release' },
    { type: 'reject', reason: 'unknown customer' },
    { type: 'renew', lock: '60s' },
  ]
  const acknowledgements = kinds.map((kind, i) => ({ receipt: records[i].receipt, ...kind }))
  const at = (ms: number) => new Date(clock.wallMs() + ms).toISOString()
  t.strictSame((await call('POST', `${GROUP}/acknowledge`, { acknowledgements })).json, {
    results: [
      { state: 'acknowledged' },
      { state: 'retrying', dueAt: at(60_000), dueAtMs: clock.wallMs() + 60_000, tier: 'delayed' },
      { state: 'retrying', dueAt: at(5_000), dueAtMs: clock.wallMs() + 5_000, tier: '5s' },
      { state: 'dead' },
      { state: 'acquired', lockedUntil: at(60_000) },
    ],
  })
  await t.test('the rejected one is a dead letter', async (t) => {
    const { json } = await call('GET', `${GROUP}/dead-letters`)
    const [{ attempts, timestamp, diedAt, ...letter }] = json.records
    t.match([timestamp, diedAt], [TIME, TIME])
    t.strictSame(attempts, [{ at: at(0), cause: 'CLIENT_REJECT', reason: 'unknown customer' }])
    t.strictSame(letter, {
      topic: 'orders',
      partition: 0,
      offset: 3,
      key: null,
      value: 4,
      headers: {},
      deliveryCount: 1,
      cause: 'CLIENT_REJECT',
      reason: 'unknown customer',
      deadLetter: { topic: 'orders.billing.dlq', partition: 0, offset: 0 },
    })
    const count = async (filter: string) => (await call('GET', `${GROUP}/dead-letters/count?${filter}`)).json.count
    t.equal(await count(''), 1)
    t.equal(await count('reason=customer&cause=CLIENT_REJECT'), 1)
    t.equal(await count('cause=DELIVERY_COUNT_EXCEEDED'), 0)
    t.equal(await count('header.trace=abc'), 0)
    t.equal(await count(`from=${clock.wallMs()}`), 1)
    t.equal(await count(`to=${clock.wallMs()}`), 0)
  })
  await t.test('the released one comes again with its attempts', async (t) => {
    await clock.advance(5_000)
    const { json } = await call('POST', `${GROUP}/acquire`, {})
    t.match(json.records, [
      { offset: 2, value: 3, deliveryCount: 2, attempts: [{ cause: 'CLIENT_RELEASE', reason: '' }] },
    ])
  })
  await t.test('the group says where it is', async (t) => {
    t.match((await call('GET', GROUP)).json, {
      topic: 'orders',
      group: 'billing',
      retry: ['5s', '10s', '15s'],
      lock: '30s',
      maxInFlight: 2000,
      start: 'earliest',
      partitions: [
        {
          partition: 0,
          startOffset: 4,
          endOffset: 5,
          lag: 1,
          inFlight: 2,
          waiting: { '5s': 0, '10s': 0, '15s': 0 },
          dead: 1,
        },
        {},
        {},
        {},
      ],
    })
  })
})

t.test('a waiting acquire gets what is published, and an empty list when its time is over', async (t) => {
  const clock = new ManualClock()
  const { call, publish } = await startService(t, {}, { clock })
  await call('PUT', '/v1/topics/orders', {})
  const waiting = call('POST', `${GROUP}/acquire`, { wait: '20s' })
  while (!/dwell_acquires_waiting 1\n/.test((await call('GET', '/metrics')).text)) await clock.advance(0)
  await publish('orders', { value: 'hi' })
  t.match((await waiting).json.records, [{ value: 'hi' }])
  const other = call('POST', `${GROUP}/acquire`, { wait: '20s' })
  while (!/dwell_acquires_waiting 1\n/.test((await call('GET', '/metrics')).text)) await clock.advance(0)
  await clock.advance(20_000)
  t.strictSame((await other).json, { records: [] })
})

t.test('settings of a group in all their forms', async (t) => {
  const { call } = await startService(t, { GROUP_RETRY: [1_000], GROUP_LOCK: 5_000, GROUP_IN_FLIGHT_MAX: 7 })
  await call('PUT', '/v1/topics/orders', {})
  const put = async (settings: object) => (await call('PUT', GROUP, settings)).json
  t.match(await call('PUT', GROUP, {}), {
    status: 201,
    json: { retry: ['1s'], lock: '5s', maxInFlight: 7, start: 'earliest' },
  })
  t.match(await call('PUT', GROUP, { lock: '1m' }), { status: 200, json: { retry: ['1s'], lock: '1m' } })
  t.strictSame((await put({ retry: [] })).retry, [])
  t.strictSame((await put({ retry: ['5s', 60_000, 'PT1H'] })).retry, ['5s', '1m', '1h'])
  const named = await put({ retry: ['64s', 90_000, '36h'] })
  t.strictSame(named.retry, ['64s', '90s', '36h'], 'as in their lanes')
  const { partitions } = (await call('GET', GROUP)).json
  t.match(partitions[0].waiting, { '64s': 0, '90s': 0, '36h': 0 })
  t.match(await call('POST', `${GROUP}/resume`, { bogus: 1 }), { status: 400, json: { field: 'bogus' } })
  t.strictSame((await put({ retry: { first: '1s', factor: 2, count: 8, max: '1m' } })).retry, [
    '1s',
    '2s',
    '4s',
    '8s',
    '16s',
    '32s',
    '1m',
    '1m',
  ])
  t.strictSame((await put({ retry: 'standard-webhooks' })).retry, [
    '5s',
    '5m',
    '30m',
    '2h',
    '5h',
    '10h',
    '14h',
    '20h',
    '1d',
  ])
  t.strictSame((await call('GET', '/v1/topics/orders/groups')).json, {
    groups: [
      {
        topic: 'orders',
        group: 'billing',
        retry: ['5s', '5m', '30m', '2h', '5h', '10h', '14h', '20h', '1d'],
        lock: '1m',
        maxInFlight: 7,
        jitter: 0,
        order: 'none',
        start: 'earliest',
        deadLetters: { perMinuteMax: null, retention: null },
      },
    ],
  })
})

t.test('a group that keeps the order of keys', async (t) => {
  const { call, publish } = await startService(t)
  const messages = ['a', 'a', 'b'].map((key, value) => ({ key, value, partition: 0 }))
  await publish('orders', { messages })
  t.match(await call('PUT', GROUP, { order: 'key' }), { status: 201, json: { order: 'key' } })
  const acquire = async () => (await call('POST', `${GROUP}/acquire`, {})).json.records
  const first = await acquire()
  t.match(first, [{ value: 0 }, { value: 2 }])
  await call('POST', `${GROUP}/acknowledge`, { acknowledgements: [{ receipt: first[0].receipt, type: 'accept' }] })
  t.match(await acquire(), [{ value: 1 }])
  t.match(await call('PUT', GROUP, { order: 'other' }), { status: 400, json: { code: 'INVALID_FIELD' } })
  t.match((await call('GET', GROUP)).json, { order: 'key' })
})

t.test('a group is reset, and forgotten', async (t) => {
  const { call, publish } = await startService(t)
  await publish('orders', { messages: [1, 2].map((value) => ({ value, partition: 0 })) })
  const acquire = async () =>
    (await call('POST', `${GROUP}/acquire`, {})).json.records.map(({ value }: { value: number }) => value)
  t.strictSame(await acquire(), [1, 2])
  t.match(await call('POST', `${GROUP}/reset`, { to: 'earliest' }), {
    status: 200,
    json: { partitions: [{ lag: 2, inFlight: 0 }, {}, {}, {}] },
  })
  t.strictSame(await acquire(), [1, 2])
  await call('POST', `${GROUP}/reset`, { to: 'latest' })
  t.strictSame(await acquire(), [])
  await call('POST', `${GROUP}/reset`, { to: '2020-01-01T00:00:00Z' })
  t.strictSame(await acquire(), [1, 2])
  t.match(await call('DELETE', GROUP), { status: 204 })
  t.match(await call('GET', GROUP), { status: 404 })
  t.strictSame(await acquire(), [1, 2], 'the first acquire creates it anew')
})
