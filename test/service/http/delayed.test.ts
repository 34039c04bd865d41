import t from 'tap'
import { ManualClock } from '../../support/manual-clock.ts'
import { startService } from '../running-service.ts'

const DELAYED = '/v1/topics/orders/delayed'

for (const own of ['order-17', undefined]) {
  const kind = own === undefined ? 'an id that the server gave' : 'an own id'

  t.test(`a message with ${kind} is pending, then dispatched to its place`, async (t) => {
    const clock = new ManualClock()
    const { call, publish } = await startService(t, {}, { clock })
    const { id, dueAt, dueAtMs } = (await publish('orders', { value: 'hi', delay: '5s', id: own, partition: 2 })).json
      .results[0]
    t.equal(dueAtMs, clock.wallMs() + 5_000)
    t.match(await call('GET', `${DELAYED}/${id}`), { status: 200, json: { id, state: 'pending', dueAt, dueAtMs } })
    await clock.advance(4_999)
    t.match((await call('GET', `${DELAYED}/${id}`)).json, { state: 'pending' }, 'not a millisecond early')
    await clock.advance(1)
    while ((await call('GET', `${DELAYED}/${id}`)).json.state === 'pending') await clock.advance(0)
    t.strictSame((await call('GET', `${DELAYED}/${id}`)).json, {
      id,
      state: 'dispatched',
      dueAt,
      dueAtMs,
      partition: 2,
      offset: 0,
    })
    t.match((await call('GET', '/v1/topics/orders/partitions/2/records')).json.records, [
      { offset: 0, value: 'hi', id },
    ])
    const late = await call('DELETE', `${DELAYED}/${id}`)
    t.match(late, { status: 409, json: { code: 'ALREADY_DISPATCHED', state: 'dispatched', partition: 2, offset: 0 } })
    await clock.advance(11 * 60_000)
    await t.test('and unknown when the deduplication window is over', async (t) => {
      t.match(await call('GET', `${DELAYED}/${id}`), { status: own === undefined ? /200|404/ : 404 })
    })
  })

  t.test(`a message with ${kind} is cancelled, once and for all`, async (t) => {
    const clock = new ManualClock()
    const { call, publish } = await startService(t, {}, { clock })
    const { id, dueAt } = (await publish('orders', { value: 'hi', delay: '5s', id: own })).json.results[0]
    for (let i = 0; i < 2; i++) {
      t.match(
        await call('DELETE', `${DELAYED}/${id}`),
        { status: 200, json: { state: 'cancelled' } },
        'also when repeated',
      )
    }
    t.match((await call('GET', `${DELAYED}/${id}`)).json, { id, state: 'cancelled', dueAt })
    await clock.advance(10_000)
    t.match((await call('GET', `${DELAYED}/${id}`)).json, { id, state: 'cancelled', dueAt })
    const topic = (await call('GET', '/v1/topics/orders')).json
    t.strictSame(
      topic.partitions.map(({ highWatermark }: { highWatermark: number }) => highWatermark),
      [0, 0, 0, 0],
      'it is in no partition',
    )
  })
}

t.test('an id is one of its topic', async (t) => {
  const { call, publish } = await startService(t)
  const { results } = (
    await publish('orders', {
      messages: [
        { value: 1, delay: '1h' },
        { value: 1, delay: '1h', id: 'a' },
      ],
    })
  ).json
  await publish('invoices', { value: 1 })
  for (const { id } of results) {
    t.match(await call('GET', `/v1/topics/invoices/delayed/${id}`), {
      status: 404,
      json: { code: 'MESSAGE_NOT_FOUND' },
    })
    t.match(await call('DELETE', `/v1/topics/invoices/delayed/${id}`), { status: 404 })
    t.match((await call('GET', `${DELAYED}/${id}`)).json, { state: 'pending' })
  }
})

t.test('an id with any character is found in its URL', async (t) => {
  const { call, publish } = await startService(t)
  for (const id of ['a/b', 'ü 😀', '100%', '?x=1#y', '..', 'x'.repeat(200), '😀'.repeat(100)]) {
    await publish('orders', { value: 1, delay: '1h', id })
    t.match(
      await call('GET', `${DELAYED}/${encodeURIComponent(id)}`),
      { status: 200, json: { id, state: 'pending' } },
      id,
    )
  }
})

t.test('what was published at once with an id was dispatched', async (t) => {
  const { call, publish } = await startService(t)
  await publish('orders', { value: 1, id: 'a', partition: 1 })
  t.strictSame((await call('GET', `${DELAYED}/a`)).json, { id: 'a', state: 'dispatched', partition: 1, offset: 0 })
  t.match(await call('DELETE', `${DELAYED}/a`), { status: 409, json: { state: 'dispatched', partition: 1, offset: 0 } })
})
