import t from 'tap'
import { startService } from '../running-service.ts'

t.test('a topic is created, changed, described, listed and deleted', async (t) => {
  const { call } = await startService(t)
  const created = await call('PUT', '/v1/topics/orders', {
    partitions: 2,
    retention: '7d',
    retentionBytes: 1_073_741_824,
    cleanup: 'delete',
  })
  const partition = { logStartOffset: 0, highWatermark: 0, logEndOffset: 0, sizeBytes: 0 }
  const described = {
    topic: 'orders',
    retention: '7d',
    retentionBytes: 1_073_741_824,
    cleanup: 'delete',
    partitions: [
      { partition: 0, ...partition },
      { partition: 1, ...partition },
    ],
  }
  t.equal(created.status, 201)
  t.strictSame(created.json, described)
  t.strictSame((await call('GET', '/v1/topics/orders')).json, described)
  const changed = await call('PUT', '/v1/topics/orders', { partitions: 3, retentionBytes: null })
  t.match(
    changed,
    { status: 200, json: { retention: '7d', retentionBytes: null } },
    'what is not said stays; null takes a limit away',
  )
  t.equal(changed.json.partitions.length, 3)
  await call('PUT', '/v1/topics/all-defaults', {})
  t.strictSame((await call('GET', '/v1/topics')).json, {
    topics: [
      { topic: 'all-defaults', partitions: 4, retention: null, retentionBytes: null, cleanup: 'delete' },
      { topic: 'orders', partitions: 3, retention: '7d', retentionBytes: null, cleanup: 'delete' },
    ],
  })
  t.match(await call('DELETE', '/v1/topics/orders'), { status: 204, text: '' })
  t.match(await call('GET', '/v1/topics/orders'), { status: 404, json: { code: 'TOPIC_NOT_FOUND' } })
})

t.test('settings of topics survive a restart', async (t) => {
  const first = await startService(t)
  await first.call('PUT', '/v1/topics/orders', { partitions: 2, retention: '7d', cleanup: 'compact' })
  await first.publish('orders', { value: 'kept', partition: 1 })
  await first.stop()
  const { call } = await startService(t, {}, { directory: first.directory })
  t.match((await call('GET', '/v1/topics/orders')).json, {
    retention: '7d',
    cleanup: 'compact',
    partitions: [{}, { highWatermark: 1 }],
  })
  t.match((await call('GET', '/v1/topics/orders/partitions/1/records')).json.records, [{ value: 'kept' }])
})

t.test('a topic that is published to twice at once is created once', async (t) => {
  const { call, publish } = await startService(t, { DEFAULT_PARTITIONS: 1 })
  const answers = await Promise.all(Array.from({ length: 10 }, () => publish('orders', { value: 1 })))
  for (const { status } of answers) t.equal(status, 201)
  t.match((await call('GET', '/v1/topics/orders')).json.partitions, [{ highWatermark: 10 }])
})

t.test('a name of a topic or group is the whole of what reaches the disk', async (t) => {
  const { call, publish } = await startService(t)
  for (const name of ['a', 'A.b_c-9', '...', '-', 'x'.repeat(100), 'CON', 'constructor', 'hasOwnProperty']) {
    t.match(await publish(name, { value: name }), { status: 201 }, name)
    t.match(await call('PUT', `/v1/topics/${name}/groups/${name}`, {}), { status: 201 }, name)
    t.match(
      await call('POST', `/v1/topics/${name}/groups/${name}/acquire`, {}),
      { json: { records: [{ value: name }] } },
      name,
    )
  }
})
