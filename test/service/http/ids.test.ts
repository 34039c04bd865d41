// The callers' own ids over the whole service.

import { readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { ManualClock } from '../../support/manual-clock.ts'
import { startService } from '../running-service.ts'

t.test('an id that is published again changes nothing and answers the first result', async (t) => {
  const { call, publish } = await startService(t)
  const first = (await publish('orders', { value: 1, id: 'a', delay: '1h' })).json.results[0]
  const again = (await publish('orders', { value: 2, id: 'a', delay: '2h' })).json.results[0]
  t.strictSame(again, { ...first, duplicate: true })
  const now = (await publish('orders', { value: 1, id: 'b' })).json.results[0]
  t.strictSame((await publish('orders', { value: 2, id: 'b', delay: '1h' })).json.results[0], {
    ...now,
    duplicate: true,
  })
  t.match((await call('GET', '/metrics')).text, /dwell_publish_duplicates_total 2\n/)
  t.match(
    (await publish('invoices', { value: 1, id: 'a' })).json.results[0],
    { duplicate: undefined },
    'ids are unique per topic',
  )
})

t.test('the same id twice at once is published once', async (t) => {
  const { publish, call } = await startService(t)
  for (const delay of [0, '1h']) {
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => publish('orders', { value: 1, id: `x${delay}`, delay })),
    )
    const results = answers.map(({ json }) => json.results[0])
    t.equal(results.filter(({ duplicate }) => !duplicate).length, 1)
    t.equal(
      new Set(results.map(({ duplicate: _, ...result }) => JSON.stringify(result))).size,
      1,
      'all get the same result',
    )
  }
  t.match((await call('GET', '/metrics')).text, /dwell_published_total\{kind="now"\} 1\n/)
})

t.test('an id twice in one batch, and known ids in the middle of one', async (t) => {
  const { publish } = await startService(t)
  await publish('orders', { value: 1, id: 'known', partition: 3 })
  const { status, json } = await publish('orders', {
    messages: [
      { value: 1, id: 'a', partition: 0 },
      { value: 2, partition: 0 },
      { value: 3, id: 'known', partition: 0 },
      { value: 4, id: 'a', partition: 1 },
      { value: 5, id: 'b', delay: '1h' },
      { value: 6, id: 'b' },
      { value: 7, partition: 0 },
    ],
  })
  t.equal(status, 201)
  const { dueAt, dueAtMs } = json.results[4]
  t.strictSame(json.results, [
    { topic: 'orders', partition: 0, offset: 0, id: 'a' },
    { topic: 'orders', partition: 0, offset: 1 },
    { topic: 'orders', partition: 3, offset: 0, id: 'known', duplicate: true },
    { topic: 'orders', partition: 0, offset: 0, id: 'a', duplicate: true },
    { id: 'b', topic: 'orders', dueAt, dueAtMs },
    { id: 'b', topic: 'orders', dueAt, dueAtMs, duplicate: true },
    { topic: 'orders', partition: 0, offset: 2 },
  ])
})

t.test('a request that is refused leaves its ids free', async (t) => {
  const { publish } = await startService(t)
  const bad = {
    messages: [
      { value: 1, id: 'a' },
      { value: 1, partition: 99 },
    ],
  }
  t.match(await publish('orders', bad), { status: 404 })
  t.match((await publish('orders', { value: 1, id: 'a' })).json.results[0], { offset: 0, duplicate: undefined })
})

t.test('ids are known after a restart, also when the index is gone', async (t) => {
  const first = await startService(t)
  const results: Record<string, unknown>[] = []
  for (const fields of [{ id: 'now' }, { id: 'later', delay: '1h' }, { id: 'cancelled', delay: '1h' }]) {
    results.push((await first.publish('orders', { value: 1, ...fields })).json.results[0])
  }
  await first.call('DELETE', '/v1/topics/orders/delayed/cancelled')
  await first.stop()
  for (const indexGone of [false, true]) {
    if (indexGone) rmSync(join(first.directory, 'index'), { recursive: true })
    const service = await startService(t, {}, { directory: first.directory })
    for (const result of results) {
      t.strictSame((await service.publish('orders', { value: 2, id: result.id })).json.results, [
        { ...result, duplicate: true, ...(result.id === 'cancelled' && { state: 'cancelled' }) },
      ])
    }
    t.match((await service.call('GET', '/v1/topics/orders/delayed/now')).json, { state: 'dispatched', offset: 0 })
    t.match((await service.call('GET', '/v1/topics/orders/delayed/later')).json, { state: 'pending' })
    t.match((await service.call('GET', '/v1/topics/orders/delayed/cancelled')).json, { state: 'cancelled' })
    await service.stop()
  }
})

t.test('an id is free again when its window is over, not before', async (t) => {
  const clock = new ManualClock()
  const { publish, call } = await startService(
    t,
    { DEDUPLICATION_WINDOW: 60_000, CHECKPOINT_INTERVAL: 10_000 },
    { clock },
  )
  const isDuplicate = async (fields: object) =>
    (await publish('orders', { value: 1, ...fields })).json.results[0].duplicate ?? false
  const until = async (path: string, state: string) => {
    while ((await call('GET', path)).json.state !== state) await clock.advance(0)
  }
  await publish('orders', {
    messages: [
      { value: 1, id: 'now' },
      { value: 1, id: 'later', delay: '90s' },
      { value: 1, id: 'gone', delay: '90s' },
    ],
  })
  await call('DELETE', '/v1/topics/orders/delayed/gone')
  await clock.advance(60_000)
  t.equal(await isDuplicate({ id: 'now' }), true, 'the last moment of the window')
  t.equal(await isDuplicate({ id: 'gone' }), true)
  await clock.advance(1)
  t.equal(await isDuplicate({ id: 'now' }), false, 'the window of what was published at once is over')
  t.equal(await isDuplicate({ id: 'gone', delay: '1h' }), false, 'and that of what was cancelled')
  t.equal(await isDuplicate({ id: 'later' }), true, 'what is pending is never forgotten')
  for (let i = 0; i < 31; i++) await clock.advance(1_000)
  await until('/v1/topics/orders/delayed/later', 'dispatched')
  t.equal(await isDuplicate({ id: 'later' }), true, 'its window begins with its dispatch')
  for (let i = 0; i < 70; i++) await clock.advance(1_000)
  t.equal(await isDuplicate({ id: 'later' }), false)
})

t.test('an id of a deleted topic is not one of the next topic of that name', async (t) => {
  const { publish, call } = await startService(t)
  await publish('orders', { value: 1, id: 'a' })
  await call('DELETE', '/v1/topics/orders')
  t.match((await publish('orders', { value: 1, id: 'a' })).json.results[0], { offset: 0, duplicate: undefined })
})

t.test('an index that is damaged is made anew, and nothing is forgotten', async (t) => {
  const first = await startService(t)
  const { results } = (await first.publish('orders', { value: 1, id: 'a', delay: '1h' })).json
  await first.stop()
  for (const name of readdirSync(join(first.directory, 'index')))
    writeFileSync(join(first.directory, 'index', name), 'garbage')
  const { publish } = await startService(t, {}, { directory: first.directory })
  t.strictSame((await publish('orders', { value: 2, id: 'a' })).json.results, [{ ...results[0], duplicate: true }])
})
