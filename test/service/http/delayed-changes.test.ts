// PATCH and POST …/dispatch on /v1/topics/{topic}/delayed/{id}.

import t, { type Test } from 'tap'
import { ManualClock } from '../../support/manual-clock.ts'
import { type RunningService, startService } from '../running-service.ts'

const DELAYED = '/v1/topics/orders/delayed'

interface Rig extends RunningService {
  clock: ManualClock
  /** Publishes a message to partition 2; answers its URL and its result. */
  // biome-ignore lint/suspicious/noExplicitAny: tests say what they expect of it
  publishOne(message: Record<string, unknown>): Promise<any>
  /** Lets the clock stand and the wheel go on until the message is dispatched. */
  dispatchedAt(url: string): Promise<void>
  values(): Promise<unknown[]>
}

async function rigFor(t: Test): Promise<Rig> {
  const clock = new ManualClock()
  const service = await startService(t, {}, { clock })
  return {
    ...service,
    clock,
    publishOne: async (message) => {
      const { json } = await service.publish('orders', { value: 'hi', partition: 2, ...message })
      return { ...json.results[0], url: `${DELAYED}/${encodeURIComponent(json.results[0].id)}` }
    },
    dispatchedAt: async (url) => {
      while ((await service.call('GET', url)).json.state === 'pending') await clock.advance(0)
    },
    values: async () => {
      const { json } = await service.call('GET', '/v1/topics/orders/partitions/2/records')
      return json.records.map(({ value }: { value: unknown }) => value)
    },
  }
}

for (const own of ['order-17', undefined]) {
  const kind = own === undefined ? 'an id that the server gave' : 'an own id'

  t.test(`a message with ${kind} is rescheduled, again and again, and fires at the last time`, async (t) => {
    const { call, clock, publishOne, dispatchedAt } = await rigFor(t)
    const startMs = clock.wallMs()
    const { id, url } = await publishOne({ delay: '5s', id: own })
    for (const [body, inMs] of [
      [{ delay: '1h' }, 3_600_000],
      [{ delay: '300d' }, 300 * 86_400_000],
      [{ deliverAt: startMs + 20_000 }, 20_000],
      [{ deliverAt: startMs + 20_000 }, 20_000],
    ] as const) {
      const dueAtMs = startMs + inMs
      const dueAt = new Date(dueAtMs).toISOString()
      t.match(await call('PATCH', url, body), { status: 200, json: { id, state: 'pending', dueAt, dueAtMs } })
      t.match((await call('GET', url)).json, { id, state: 'pending', dueAt, dueAtMs })
    }
    await clock.advance(19_999)
    t.match((await call('GET', url)).json, { state: 'pending' }, 'neither at the first time nor early')
    await clock.advance(1)
    await dispatchedAt(url)
    t.match((await call('GET', url)).json, { id, state: 'dispatched', dueAtMs: startMs + 20_000, partition: 2 })
    t.match((await call('GET', '/v1/topics/orders/partitions/2/records')).json.records, [{ id, value: 'hi' }])
    const late = await call('PATCH', url, { delay: '1s' })
    t.match(late, { status: 409, json: { code: 'ALREADY_DISPATCHED', state: 'dispatched', partition: 2, offset: 0 } })
  })

  t.test(`a message with ${kind} is dispatched now, and the answer says where`, async (t) => {
    const { call, clock, publishOne, values } = await rigFor(t)
    const { id, url } = await publishOne({ delay: '30d', id: own })
    const dueAtMs = clock.wallMs()
    const answer = { id, state: 'dispatched', dueAtMs, partition: 2, offset: 0 }
    t.match(await call('POST', `${url}/dispatch`), { status: 200, json: answer })
    await clock.advance(1_000)
    t.match(await call('POST', `${url}/dispatch`), { status: 200, json: answer }, 'also when repeated')
    t.match(await call('DELETE', url), { status: 409, json: { code: 'ALREADY_DISPATCHED' } })
    t.strictSame(await values(), ['hi'])
  })

  t.test(`a message with ${kind} that was rescheduled is cancelled for good`, async (t) => {
    const { call, clock, publishOne, values } = await rigFor(t)
    const { url } = await publishOne({ delay: '5s', id: own })
    await call('PATCH', url, { delay: '10s' })
    for (let i = 0; i < 2; i++) t.match(await call('DELETE', url), { status: 200, json: { state: 'cancelled' } })
    const cancelled = { status: 409, json: { code: 'ALREADY_CANCELLED', state: 'cancelled' } }
    t.match(await call('PATCH', url, { delay: '1s' }), cancelled)
    t.match(await call('POST', `${url}/dispatch`), cancelled)
    t.match((await call('GET', url)).json, { state: 'cancelled' })
    await clock.advance(20_000)
    t.strictSame(await values(), [])
  })
}

t.test('zero and past mean now', async (t) => {
  const { call, clock, publishOne, dispatchedAt, values } = await rigFor(t)
  const startMs = clock.wallMs()
  for (const body of [{ delay: 0 }, { deliverAt: startMs - 1_000 }, { deliverAt: 0 }]) {
    const { url } = await publishOne({ delay: '1h' })
    t.match(await call('PATCH', url, body), { status: 200, json: { state: 'pending', dueAtMs: startMs } })
    await dispatchedAt(url)
  }
  t.equal((await values()).length, 3)
})

t.test('an own id stays taken while its message is rescheduled, and for the window after it', async (t) => {
  const { call, clock, publishOne, dispatchedAt } = await rigFor(t)
  const { url } = await publishOne({ delay: '5s', id: 'a' })
  const { dueAtMs } = (await call('PATCH', url, { delay: '1h' })).json
  await clock.advance(30 * 60_000)
  t.match(await publishOne({ delay: '5s', id: 'a' }), { duplicate: true, dueAtMs })
  await clock.advance(30 * 60_000)
  await dispatchedAt(url)
  t.match(await publishOne({ delay: '5s', id: 'a' }), { duplicate: true, dueAtMs })
  await clock.advance(11 * 60_000)
  const again = await publishOne({ delay: '5s', id: 'a' })
  t.notOk(again.duplicate)
  t.match((await call('GET', url)).json, { state: 'pending', dueAtMs: again.dueAtMs })
})

t.test('an id that was cancelled may be published again after the window, and then be changed', async (t) => {
  const { call, clock, publishOne, values } = await rigFor(t)
  const { url } = await publishOne({ delay: '1h', id: 'a' })
  await call('DELETE', url)
  t.match(await publishOne({ delay: '5s', id: 'a' }), { duplicate: true })
  await clock.advance(11 * 60_000)
  t.notOk((await publishOne({ value: 'again', delay: '5s', id: 'a' })).duplicate)
  t.match(await call('POST', `${url}/dispatch`), { status: 200, json: { state: 'dispatched' } })
  t.strictSame(await values(), ['again'])
})

t.test('what is wrong with a change is said, and changes nothing', async (t) => {
  const { call, publishOne } = await rigFor(t)
  const { url, dueAtMs } = await publishOne({ delay: '1h', id: 'a' })
  await call('PUT', '/v1/topics/invoices', {})
  for (const [body, status, code] of [
    [{}, 400, 'MISSING_FIELD'],
    [{ delay: '1s', deliverAt: dueAtMs }, 400, 'CONFLICTING_FIELDS'],
    [{ delay: 'soon' }, 400, 'INVALID_DURATION'],
    [{ deliverAt: 'soon' }, 400, 'INVALID_TIME'],
    [{ delay: '367d' }, 400, 'DELAY_TOO_LONG'],
    [{ delay: '1s', key: 'x' }, 400, 'UNKNOWN_FIELD'],
  ] as const) {
    t.match(await call('PATCH', url, body), { status, json: { code } })
  }
  for (const path of [`${DELAYED}/b`, '/v1/topics/invoices/delayed/a']) {
    t.match(await call('PATCH', path, { delay: '1s' }), { status: 404, json: { code: 'MESSAGE_NOT_FOUND' } })
    t.match(await call('POST', `${path}/dispatch`), { status: 404, json: { code: 'MESSAGE_NOT_FOUND' } })
  }
  t.match(await call('PATCH', '/v1/topics/none/delayed/a', { delay: '1s' }), { json: { code: 'TOPIC_NOT_FOUND' } })
  t.match((await call('GET', url)).json, { state: 'pending', dueAtMs })
})

t.test('what was published at once cannot be changed, and its place is known', async (t) => {
  const { call, publishOne } = await rigFor(t)
  const { url } = await publishOne({ id: 'a' })
  t.match(await call('PATCH', url, { delay: '1s' }), { status: 409, json: { code: 'ALREADY_DISPATCHED' } })
  t.match(await call('POST', `${url}/dispatch`), {
    status: 200,
    json: { state: 'dispatched', partition: 2, offset: 0 },
  })
})

t.test('dispatch now takes no fields: whoever says when wants to move the message', async (t) => {
  const { call, publishOne } = await rigFor(t)
  const { url } = await publishOne({ delay: '1h', id: 'a' })
  t.match(await call('POST', `${url}/dispatch`, { delay: '2h' }), { status: 400, json: { code: 'UNKNOWN_FIELD' } })
  t.match(await call('GET', url), { json: { state: 'pending' } })
  t.match(await call('POST', `${url}/dispatch`, {}), { status: 200, json: { state: 'dispatched' } })
})

t.test('what waits in a lane with a delay of its own is changed by nobody but its group', async (t) => {
  const { call, publish } = await rigFor(t)
  await publish('orders', { value: 'pay' })
  const group = '/v1/topics/orders/groups/billing'
  const { receipt } = (await call('POST', `${group}/acquire`, {})).json.records[0]
  await call('POST', `${group}/acknowledge`, { acknowledgements: [{ receipt, type: 'release', delay: '10m' }] })
  const lane = '/v1/topics/orders.billing.retry.delayed/delayed'
  const [{ id }] = (await call('GET', lane)).json.messages
  const owned = { status: 409, json: { code: 'TOPIC_OWNED_BY_GROUP' } }
  t.match(await call('DELETE', `${lane}/${id}`), owned)
  t.match(await call('PATCH', `${lane}/${id}`, { delay: '1h' }), owned)
  t.match(await call('POST', `${lane}/${id}/dispatch`), owned)
  t.match(await call('GET', `${lane}/${id}`), { status: 200, json: { state: 'pending' } })
})

t.test('an id that the server gave is taken, too', async (t) => {
  const { call, clock, publishOne, dispatchedAt, values } = await rigFor(t)
  const { id, url, dueAtMs } = await publishOne({ delay: '20s' })
  t.match(await publishOne({ value: 'another', delay: '1h', id }), { id, dueAtMs, duplicate: true })
  await clock.advance(20_000)
  await dispatchedAt(url)
  t.match(await publishOne({ value: 'another', id }), { id, duplicate: true }, 'also when it was dispatched')
  t.same(await values(), ['hi'])
  const later = await publishOne({ delay: '1h' })
  t.match(await call('DELETE', later.url), { status: 200 })
  t.match(await publishOne({ value: 'another', id: later.id }), { duplicate: true }, 'or cancelled')
})
