import t from 'tap'
import { partitionOfKey } from '../../../storage/index.ts'
import { type RunningService, startService } from '../running-service.ts'

/** The records of all partitions of a topic. */
// biome-ignore lint/suspicious/noExplicitAny: tests say what they expect of them
async function recordsOf({ call }: RunningService, topic: string, partitions = 4): Promise<any[]> {
  const pages = await Promise.all(
    Array.from({ length: partitions }, (_, p) =>
      call('GET', `/v1/topics/${topic}/partitions/${p}/records?limit=10000`),
    ),
  )
  return pages.flatMap(({ json }) => json.records)
}

t.test('what was published comes back in the same form, byte for byte', async (t) => {
  const service = await startService(t)
  const { call } = service
  const values = [
    '"text"',
    '""',
    '"with \\"quotes\\", \\u00e9\\n and \\ud83d\\ude00"',
    '"ünïcödé 😀"',
    '9007199254740993',
    '1.10',
    '-0',
    '1e400',
    'null',
    'true',
    '[]',
    '{}',
    '{"a":1,"a":2}',
    '{ "order" : [ 17, {"deep": [[[]]]} ] }',
    '{"__proto__":{"x":1}}',
    '"{\\"looks\\":\\"like JSON\\"}"',
  ]
  const body = `{"messages":[${values.map((value) => `{"partition":0,"value":${value}}`).join()}]}`
  t.match(await call('POST', '/v1/topics/orders/messages', body), { status: 201 })
  const { text, json } = await call('GET', '/v1/topics/orders/partitions/0/records')
  t.equal(json.records.length, values.length)
  for (const [i, value] of values.entries()) {
    // Texts may be escaped differently; everything else is the very text that came in.
    if (value.startsWith('"')) t.equal(json.records[i].value, JSON.parse(value), value)
    else t.ok(text.includes(`"value":${value},"headers"`), value)
  }
  await t.test('and to a consumer', async (t) => {
    const acquired = await call('POST', '/v1/topics/orders/groups/g/acquire', {})
    for (const value of values) if (!value.startsWith('"')) t.ok(acquired.text.includes(`"value":${value},`), value)
  })
})

t.test('bytes come back as base64, keys and headers as they were', async (t) => {
  const service = await startService(t)
  const { json } = await service.publish('orders', {
    valueBase64: 'AAEC/w==',
    key: 'Schlüssel "4"',
    headers: { trace: 'äbc', empty: '', 'X-"Y"': 'ß' },
    partition: 2,
  })
  t.strictSame(json, { results: [{ topic: 'orders', partition: 2, offset: 0 }] })
  t.match(await recordsOf(service, 'orders'), [
    {
      offset: 0,
      key: 'Schlüssel "4"',
      valueBase64: 'AAEC/w==',
      headers: { trace: 'äbc', empty: '', 'X-"Y"': 'ß' },
      timestamp: /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/,
    },
  ])
})

t.test('one body has another form than another, and all are published', async (t) => {
  const { call } = await startService(t)
  const path = '/v1/topics/orders/messages'
  const lines = { 'content-type': 'application/x-ndjson; charset=utf-8' }
  t.equal((await call('POST', path, { value: 1 })).json.results.length, 1)
  t.equal((await call('POST', path, { messages: [{ value: 1 }, { value: 2 }] })).json.results.length, 2)
  t.equal((await call('POST', path, '{"value":1}\r\n\n  {"value":2}\n{"value":3}', lines)).json.results.length, 3)
  t.strictSame((await call('POST', `${path}?results=none`, '{"value":1}\n{"value":2}', lines)).json, { count: 2 })
  t.strictSame((await call('POST', `${path}?acks=0`, { value: 1 })).json, { count: 1 })
  t.equal((await call('POST', `${path}?acks=1`, { value: 1 })).json.results.length, 1)
  const topic = await call('GET', '/v1/topics/orders')
  const sum = topic.json.partitions.reduce(
    (sum: number, { highWatermark }: { highWatermark: number }) => sum + highWatermark,
    0,
  )
  t.equal(sum, 10)
})

t.test('the same key lands in the same partition, where Kafka would put it', async (t) => {
  const { publish } = await startService(t)
  const keys = ['customer-4', 'customer-4', 'a', 'ü', '']
  const { json } = await publish('orders', { messages: keys.map((key) => ({ value: 1, key })) })
  t.strictSame(
    json.results.map(({ partition }: { partition: number }) => partition),
    keys.map((key) => partitionOfKey(Buffer.from(key), 4)),
  )
})

t.test('messages without a key stay together in a request, and requests take turns', async (t) => {
  const { publish } = await startService(t)
  const seen: number[] = []
  for (let i = 0; i < 4; i++) {
    const { results } = (await publish('orders', { messages: [{ value: 1 }, { value: 2 }, { value: 3 }] })).json
    t.equal(new Set(results.map(({ partition }: { partition: number }) => partition)).size, 1)
    seen.push(results[0].partition)
  }
  t.strictSame(seen.sort(), [0, 1, 2, 3])
})

t.test('a delay of zero and a time that has passed are published at once', async (t) => {
  const { publish } = await startService(t)
  for (const when of [{ delay: 0 }, { delay: '0s' }, { deliverAt: 0 }, { deliverAt: '2020-01-01T00:00:00Z' }]) {
    t.match((await publish('orders', { value: 1, ...when })).json.results[0], { partition: Number, offset: Number })
  }
})

t.test('a delayed message gets an id and its due time in both forms', async (t) => {
  const { publish } = await startService(t)
  const dueAt = new Date(Date.now() + 3_600_000).toISOString()
  const { status, json } = await publish('orders', {
    messages: [{ value: 1, deliverAt: dueAt }, { value: 2, deliverAt: dueAt, id: 'mine "äö"' }, { value: 3 }],
  })
  t.equal(status, 201)
  t.strictSame(json.results, [
    { id: json.results[0].id, topic: 'orders', dueAt, dueAtMs: Date.parse(dueAt) },
    { id: 'mine "äö"', topic: 'orders', dueAt, dueAtMs: Date.parse(dueAt) },
    { topic: 'orders', partition: json.results[2].partition, offset: 0 },
  ])
  t.match(json.results[0].id, /^[0-9a-z]{26}$/)
})

t.test('a raw body is the value, whatever it is', async (t) => {
  const service = await startService(t)
  const { call } = service
  const raw = (body: string | Buffer | undefined, type?: string, query = '') =>
    call('POST', `/v1/topics/hooks/raw${query}`, body, {
      ...(type && { 'content-type': type }),
      'dwell-key': Buffer.from('kä').toString('latin1'),
      'dwell-header-Trace': 'abc',
    })
  t.match(await raw('{"a": 9007199254740993}', 'application/json'), { status: 201 })
  t.match(await raw('{"a":', 'application/json'), { status: 201 }, 'JSON that is none is kept as text')
  t.match(await raw('a=1&b=2', 'application/x-www-form-urlencoded'), { status: 201 })
  t.match(await raw(Buffer.from([0, 255]), 'image/png'), { status: 201 })
  t.match(await raw('<a/>', 'text/xml; charset=utf-8'), { status: 201 })
  t.match(await raw('', 'text/plain'), { status: 201 })
  const [{ partition }] = (await raw('x', 'application/cloudevents+json')).json.results
  const { text, json } = await call('GET', `/v1/topics/hooks/partitions/${partition}/records`)
  t.ok(text.includes('"value":{"a": 9007199254740993},'))
  t.match(
    json.records.map(({ key, value, valueBase64, headers }: Record<string, unknown>) => ({
      key,
      value,
      valueBase64,
      headers,
    })),
    [
      { headers: { 'content-type': 'application/json', trace: 'abc' } },
      { value: '{"a":', headers: { 'content-type': 'application/json', trace: 'abc' } },
      { value: 'a=1&b=2', headers: { 'content-type': 'application/x-www-form-urlencoded' } },
      { valueBase64: 'AP8=', headers: { 'content-type': 'image/png' } },
      { value: '<a/>' },
      { value: '' },
      { value: 'x', headers: { 'content-type': 'application/cloudevents+json' } },
    ].map((record) => ({ key: 'kä', ...record })),
  )
  await t.test('its delay and its id stand in the query or in headers', async (t) => {
    t.match((await raw('x', 'text/plain', '?delay=1h&id=a')).json.results[0], { id: 'a', dueAt: String })
    t.match((await raw('x', 'text/plain', '?delay=3600000')).json.results[0], { dueAt: String })
    const headers = { 'dwell-delay': '1h', 'dwell-id': 'b' }
    t.match((await call('POST', '/v1/topics/hooks/raw', 'x', headers)).json.results[0], { id: 'b', dueAt: String })
    const at = { 'dwell-deliver-at': new Date(Date.now() + 60_000).toISOString() }
    t.match((await call('POST', '/v1/topics/hooks/raw?acks=all', undefined, at)).json.results[0], {
      dueAt: at['dwell-deliver-at'],
    })
  })
})

t.test('a message of exactly the limit is published, one byte more is not', async (t) => {
  const { publish } = await startService(t, { MESSAGE_BYTES_MAX: 100 })
  const message = (size: number) => ({ value: 'x'.repeat(size - 6), key: 'kk', headers: { a: 'bbb' } })
  t.match(await publish('orders', message(100)), { status: 201 })
  t.match(await publish('orders', message(101)), {
    status: 413,
    json: { code: 'MESSAGE_TOO_LARGE', limit: 100, size: 101 },
  })
})

t.test('a batch is published whole, in its order', async (t) => {
  const service = await startService(t)
  const messages = Array.from({ length: 5_000 }, (_, i) => ({ value: i, partition: 1 }))
  const { status, json } = await service.publish('orders', { messages })
  t.equal(status, 201)
  t.strictSame(
    json.results.map(({ offset }: { offset: number }) => offset),
    messages.map((_, i) => i),
  )
  const records = await recordsOf(service, 'orders')
  t.strictSame(
    records.map(({ value }) => value),
    messages.map(({ value }) => value),
  )
})

t.test('the log is read from a number, an end, or a time', async (t) => {
  const { call, publish } = await startService(t)
  await publish('orders', { messages: Array.from({ length: 10 }, (_, i) => ({ value: i, partition: 0 })) })
  const values = async (query: string) => {
    const { json } = await call('GET', `/v1/topics/orders/partitions/0/records?${query}`)
    return {
      values: json.records.map(({ value }: { value: number }) => value),
      nextOffset: json.nextOffset,
      highWatermark: 10,
    }
  }
  t.strictSame(await values('offset=7'), { values: [7, 8, 9], nextOffset: 10, highWatermark: 10 })
  t.strictSame(await values('offset=earliest&limit=2'), { values: [0, 1], nextOffset: 2, highWatermark: 10 })
  t.strictSame((await values('offset=latest')).values, [])
  t.strictSame((await values('offset=10')).values, [])
  t.strictSame((await values('offset=@2020-01-01T00:00:00Z&limit=1')).values, [0])
  t.strictSame((await values(`offset=@${Date.now() + 60_000}`)).values, [])
})

t.test('large requests, many at once, keep each its own contents', async (t) => {
  const service = await startService(t)
  const lines = (request: number) =>
    Array.from({ length: 40 }, (_, i) => JSON.stringify({ value: `${request} ${i} ${`${request % 10}`.repeat(1000)}` }))
  for (let round = 0; round < 3; round++) {
    const requests = Array.from({ length: 12 }, (_, i) => 12 * round + i)
    const answers = await Promise.all(
      requests.map((request) =>
        service.call('POST', '/v1/topics/orders/messages', lines(request).join('\n'), {
          'content-type': 'application/x-ndjson',
        }),
      ),
    )
    for (const { status } of answers) t.equal(status, 201)
  }
  const values = (await recordsOf(service, 'orders')).map(({ value }) => value as string)
  t.equal(values.length, 36 * 40)
  const wrong = values.find((value) => {
    const [request, , filling] = value.split(' ')
    return filling !== `${Number(request) % 10}`.repeat(1000)
  })
  t.equal(wrong, undefined)
})
