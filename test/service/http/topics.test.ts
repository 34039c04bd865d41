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
  await first.call('PUT', '/v1/topics/orders', { partitions: 2, retention: '7d' })
  await first.publish('orders', { value: 'kept', partition: 1 })
  await first.stop()
  const { call } = await startService(t, {}, { directory: first.directory })
  t.match((await call('GET', '/v1/topics/orders')).json, {
    retention: '7d',
    cleanup: 'delete',
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

t.test('a lane or dead-letter topic belongs to its group, until the group is forgotten', async (t) => {
  const { call, publish } = await startService(t, { DEFAULT_PARTITIONS: 1 })
  const group = '/v1/topics/orders/groups/billing'
  await publish('orders', { messages: [{ value: 1 }, { value: 2 }] })
  const { records } = (await call('POST', `${group}/acquire`, {})).json
  const acknowledgements = [
    { receipt: records[0].receipt, type: 'release' },
    { receipt: records[1].receipt, type: 'reject' },
  ]
  await call('POST', `${group}/acknowledge`, { acknowledgements })
  const owned = ['orders.billing.retry.5s', 'orders.billing.dlq']
  const refused = { status: 409, json: { code: 'TOPIC_OWNED_BY_GROUP', topic: 'orders', group: 'billing' } }
  for (const name of [...owned, 'orders.billing.retry.10s', 'orders.billing.retry.delayed']) {
    t.match(await call('PUT', `/v1/topics/${name}`, { partitions: 2 }), refused, name)
    t.match(await publish(name, { value: 1 }), refused, name)
    t.match(await publish(name, { value: 1, delay: '1h' }), refused, name)
    t.match(await call('POST', `/v1/topics/${name}/raw`, 'x'), refused, name)
    const lines = { 'content-type': 'application/x-ndjson' }
    t.match(await call('POST', `/v1/topics/${name}/messages`, '{"value":1}', lines), refused, name)
  }
  for (const name of owned) {
    const answer = await call('DELETE', `/v1/topics/${name}`)
    t.match(answer, refused, name)
    t.match(answer.json.detail, /group billing of topic orders.*delete the group/)
    t.match((await call('GET', `/v1/topics/${name}`)).json, { partitions: [{ highWatermark: 1 }] })
    t.equal((await call('GET', `/v1/topics/${name}/partitions/0/records`)).json.records.length, 1)
    t.match(await call('PUT', `/v1/topics/${name}/groups/audit`, {}), { status: 201 })
    t.match(await call('POST', `/v1/topics/${name}/groups/audit/acquire`, {}), { json: { records: [{}] } })
  }
  t.match(await call('DELETE', '/v1/topics/orders.billing.retry.delayed'), { status: 404 })
  t.match(await call('DELETE', group), { status: 204 })
  t.match(await call('GET', '/v1/topics/orders.billing.retry.5s'), { status: 404 })
  t.match(await call('PUT', '/v1/topics/orders.billing.dlq', { retention: '7d' }), { status: 200 })
  t.match(await publish('orders.billing.dlq', { value: 1 }), { status: 201 })
  t.match((await call('GET', `${group}/dead-letters/count`)).json, { count: 1 })
  t.match(await call('DELETE', '/v1/topics/orders.billing.dlq'), { status: 204 })
  t.match(await call('GET', `${group}/dead-letters`), { status: 404, json: { code: 'GROUP_NOT_FOUND' } })
})

t.test('with a topic go its groups and their retry topics; dead letters stay until they are deleted', async (t) => {
  const { call, publish } = await startService(t, { DEFAULT_PARTITIONS: 1 })
  const group = '/v1/topics/orders/groups/billing'
  await publish('orders', { messages: [{ value: 1 }, { value: 2 }] })
  const { records } = (await call('POST', `${group}/acquire`, {})).json
  const types = ['release', 'reject']
  const acknowledgements = types.map((type, i) => ({ receipt: records[i].receipt, type }))
  await call('POST', `${group}/acknowledge`, { acknowledgements })
  t.match(await call('DELETE', '/v1/topics/orders'), { status: 204 })
  t.match((await call('GET', '/v1/topics')).json.topics, [{ topic: 'orders.billing.dlq' }])
  t.match((await call('GET', `${group}/dead-letters`)).json.records, [{ value: 2 }])
  t.match(await call('DELETE', '/v1/topics/orders.billing.dlq'), { status: 204 })
  t.match(await call('GET', `${group}/dead-letters`), { status: 404, json: { code: 'TOPIC_NOT_FOUND' } })
})

t.test('a topic with the longest name that the service gives can be changed', async (t) => {
  const { call, publish } = await startService(t, { DEFAULT_PARTITIONS: 1 })
  const [topic, group] = ['t'.repeat(100), 'g'.repeat(100)]
  await publish(topic, { value: 1 })
  const { records } = (await call('POST', `/v1/topics/${topic}/groups/${group}/acquire`, {})).json
  const acknowledgements = [{ receipt: records[0].receipt, type: 'reject' }]
  await call('POST', `/v1/topics/${topic}/groups/${group}/acknowledge`, { acknowledgements })
  await call('DELETE', `/v1/topics/${topic}/groups/${group}`)
  t.match(await call('PUT', `/v1/topics/${topic}.${group}.dlq`, { retention: '7d' }), { status: 200 })
  t.match(await call('PUT', `/v1/topics/${topic}x`, {}), { status: 400, json: { code: 'INVALID_NAME' } })
})

t.test('a compacted topic takes messages with a key only, at once and delayed', async (t) => {
  const { call, publish } = await startService(t)
  t.match(await call('PUT', '/v1/topics/users', { cleanup: 'compact' }), { status: 201, json: { cleanup: 'compact' } })
  t.match(await call('GET', '/v1/topics/users'), { status: 200, json: { cleanup: 'compact' } })
  t.equal((await publish('users', { key: 'ada', value: 1 })).status, 201)
  for (const message of [{ value: 1 }, { value: 1, delay: '1h' }, { value: 1, partition: 0 }]) {
    const refused = { status: 400, json: { code: 'KEY_REQUIRED', field: 'key' } }
    t.match(await publish('users', message), refused)
  }
  const batch = { messages: [{ key: 'ada', value: 2 }, { value: 3 }] }
  t.match(await publish('users', batch), { status: 400, json: { code: 'KEY_REQUIRED', index: 1 } })
  const { partitions } = (await call('GET', '/v1/topics/users')).json
  const written = partitions.reduce(
    (sum: number, { highWatermark }: { highWatermark: number }) => sum + highWatermark,
    0,
  )
  t.equal(written, 1, 'nothing of what was refused was written')
  t.match(await call('PUT', '/v1/topics/users', { cleanup: 'delete' }), { status: 200, json: { cleanup: 'delete' } })
  t.equal((await publish('users', { value: 1 })).status, 201)
})
