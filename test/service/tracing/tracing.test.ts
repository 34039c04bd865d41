// Traces from end to end: the whole service, a collector, an endpoint that is pushed to.

import t from 'tap'
import { TraceCollector } from '../../support/trace-collector.ts'
import { until } from '../../support/until.ts'
import { TestEndpoint } from '../push/push-rig.ts'
import { startService } from '../running-service.ts'

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736'
const SPAN = '00f067aa0ba902b7'
const PUBLISHER = `00-${TRACE}-${SPAN}-01`
/** Not sampled. */
const UNSAMPLED = `00-${TRACE}-${SPAN}-00`
const OTHER = `00-${'ab'.repeat(16)}-${'cd'.repeat(8)}-01`
const MESSAGES = '/v1/topics/orders/messages'
const GROUP = '/v1/topics/orders/groups/billing'
const ACQUIRE = `${GROUP}/acquire`
const HOSTS = { PUSH_ALLOWED_HOSTS: '127.0.0.1' }

t.test(
  'a publisher gets its context back with each delivery, also after the wheel, a lane and the dead letters',
  async (t) => {
    const { call } = await startService(t)
    await call('PUT', '/v1/topics/orders', {})
    await call('PUT', GROUP, { retry: ['1ms'] })
    const traced = { traceparent: PUBLISHER, tracestate: 'a=b' }
    const published = await call('POST', MESSAGES, { value: 1, delay: '1ms', headers: { x: 'y' } }, traced)
    t.equal(published.status, 201)
    for (const deliveryCount of [1, 2]) {
      const [record] = (await call('POST', ACQUIRE, { wait: '5s' })).json.records
      t.match(record, { deliveryCount, headers: { x: 'y', traceparent: PUBLISHER, tracestate: 'a=b' } })
      t.strictSame(Object.keys(record.headers).sort(), ['traceparent', 'tracestate', 'x'], 'and nothing of ours')
      const acknowledgements = [{ receipt: record.receipt, type: 'release' }]
      await call('POST', `${GROUP}/acknowledge`, { acknowledgements })
    }
    const [dead] = (await call('GET', `${GROUP}/dead-letters`)).json.records
    t.match(dead.headers, traced)
  },
)

t.test(
  'in a batch a message has its own context, else that of the request; what is none is kept nowhere',
  async (t) => {
    const { call } = await startService(t, { DEFAULT_PARTITIONS: 1 })
    const own = { traceparent: OTHER }
    const lines = [{ value: 1 }, { value: 2, headers: own }, { value: 3, headers: { tracestate: 'mine' } }]
    await call('POST', MESSAGES, lines.map((line) => JSON.stringify(line)).join('\n'), {
      'content-type': 'application/x-ndjson',
      traceparent: PUBLISHER,
      tracestate: 'a=b',
    })
    await call('POST', MESSAGES, { messages: [{ value: 4 }, { value: 5 }] }, { traceparent: OTHER })
    await call('POST', '/v1/topics/orders/raw', 'six', { traceparent: PUBLISHER, 'dwell-header-traceparent': OTHER })
    await call('POST', '/v1/topics/orders/raw', 'seven', { traceparent: PUBLISHER })
    const wrong = await call('POST', MESSAGES, { value: 8 }, { traceparent: 'nonsense', tracestate: 'a=b' })
    t.equal(wrong.status, 201, 'a wrong one is no error')
    await call('POST', MESSAGES, { value: 9 }, { tracestate: 'a=b' })
    const { records } = (await call('POST', ACQUIRE)).json
    const headers = records.map(
      ({ headers: { 'content-type': _, ...rest } }: { headers: object & Record<string, string> }) => rest,
    )
    t.strictSame(headers, [
      { traceparent: PUBLISHER, tracestate: 'a=b' },
      own,
      { tracestate: 'mine' },
      own,
      own,
      own,
      { traceparent: PUBLISHER },
      {},
      {},
    ])
  },
)

t.test(
  'nobody collects traces: a push goes on with the first try of what was not delayed; the others begin anew',
  async (t) => {
    const endpoint = await TestEndpoint.start(t, ({ answer, headers }) => {
      answer(headers['dwell-delivery-count'] === '1' ? 500 : 200)
    })
    const { call } = await startService(t, HOSTS)
    await call('PUT', '/v1/topics/orders', {})
    await call('PUT', GROUP, { retry: ['1ms'], push: { url: endpoint.url } })
    await call('POST', MESSAGES, { value: 'now' }, { traceparent: PUBLISHER, tracestate: 'a=b' })
    await call('POST', MESSAGES, { value: 'later', delay: '1ms' }, { traceparent: PUBLISHER })
    await call('POST', MESSAGES, { value: 'untraced' })
    await until(() => endpoint.received.length === 6)
    const seen = endpoint.received.map(({ body, headers }) => {
      return [`${body} ${headers['dwell-delivery-count']}`, headers.traceparent, headers['dwell-header-traceparent']]
    })
    t.strictSame(
      seen.sort((a, b) => (String(a[0]) < String(b[0]) ? -1 : 1)),
      [
        ['later 1', undefined, PUBLISHER],
        ['later 2', undefined, PUBLISHER],
        ['now 1', PUBLISHER, PUBLISHER],
        ['now 2', undefined, PUBLISHER],
        ['untraced 1', undefined, undefined],
        ['untraced 2', undefined, undefined],
      ],
    )
    t.equal(endpoint.received.find(({ headers }) => headers.traceparent)?.headers.tracestate, 'a=b')
    const refused = await call('PUT', GROUP, { push: { url: endpoint.url, headers: { TraceParent: OTHER } } })
    t.equal(refused.json.code, 'INVALID_FIELD', 'an endpoint cannot be given a context for all its pushes')
  },
)

t.test(
  'publish, delay, retry, push: each span has its parent, or its own trace that links to the publisher',
  async (t) => {
    const collector = await TraceCollector.start(t)
    const endpoint = await TestEndpoint.start(t, ({ answer, headers }) => {
      answer(headers['dwell-delivery-count'] === '1' ? 500 : 200)
    })
    const { call, stop } = await startService(t, { ...HOSTS, TRACES_ENDPOINT: collector.url })
    await call('PUT', '/v1/topics/orders', {})
    await call('PUT', GROUP, {
      retry: ['1ms'],
      push: { url: endpoint.url, headers: { authorization: 'Bearer planted-1' } },
    })
    const traced = { traceparent: PUBLISHER, tracestate: 'a=b' }
    const message = { value: 'planted-2', key: 'planted-3', headers: { secret: 'planted-4' } }
    await call(
      'POST',
      MESSAGES,
      { ...message, delay: '1ms', id: 'later' },
      { ...traced, authorization: 'Bearer planted-5' },
    )
    await until(() => endpoint.received.length === 2)
    await call('POST', MESSAGES, { ...message, id: 'now' }, traced)
    await until(() => endpoint.received.length === 4)
    await call('POST', MESSAGES, { ...message, id: 'unsampled' }, { traceparent: UNSAMPLED })
    await until(() => endpoint.received.length === 6)
    await stop()

    for (const { headers } of endpoint.received.splice(4)) {
      t.match(
        headers.traceparent,
        /^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/,
        'what is not sampled goes on so, and makes no span',
      )
      t.equal(headers.traceparent?.includes(TRACE), headers['dwell-delivery-count'] === '1')
    }

    const publishes = collector.named('publish orders')
    t.equal(publishes.length, 2)
    for (const span of publishes) {
      t.match(span, {
        kind: 2,
        traceId: TRACE,
        parentSpanId: SPAN,
        links: [],
        attributes: {
          'messaging.system': 'dwell',
          'messaging.operation.name': 'publish',
          'messaging.operation.type': 'send',
          'messaging.destination.name': 'orders',
          'messaging.batch.message_count': 1,
          'http.request.method': 'POST',
          'http.route': '/v1/topics/:topic/messages',
          'http.response.status_code': 201,
        },
      })
      t.ok(span.endMs >= span.startMs && span.endMs - span.startMs < 5_000)
    }
    const pushes = collector.named('push orders')
    t.equal(pushes.length, 4)
    for (const span of pushes) {
      const received = endpoint.received.find(({ headers }) => String(headers.traceparent).includes(span.spanId))
      const { id, delivery } = {
        id: received?.headers['dwell-id'],
        delivery: Number(received?.headers['dwell-delivery-count']),
      }
      const isContinued = id === 'now' && delivery === 1
      t.equal(
        received?.headers.traceparent,
        `00-${span.traceId}-${span.spanId}-01`,
        'the endpoint goes on with the span',
      )
      t.equal(received?.headers.tracestate, isContinued ? 'a=b' : undefined)
      t.equal(span.parentSpanId, isContinued ? SPAN : undefined)
      t.equal(span.traceId === TRACE, isContinued)
      t.match(span.links, isContinued ? [] : [{ traceId: TRACE, spanId: SPAN }])
      t.equal(span.links.length, isContinued ? 0 : 1)
      t.match(span, {
        kind: 3,
        status: delivery === 1 ? 2 : 0,
        attributes: {
          'messaging.operation.type': 'process',
          'messaging.consumer.group.name': 'billing',
          'messaging.message.id': id,
          'dwell.delivery.count': delivery,
          'http.response.status_code': delivery === 1 ? 500 : 200,
          'dwell.push.outcome': delivery === 1 ? 'release' : 'accept',
          'server.address': '127.0.0.1',
        },
      })
      t.equal('dwell.message.delay_ms' in span.attributes, id === 'later')
      t.equal(span.attributes['error.type'], delivery === 1 ? 'release' : undefined)
    }
    t.equal(new Set(pushes.map(({ traceId }) => traceId)).size, 4, 'no two of them share a trace')
    t.match(collector.resources[0], { 'service.name': 'dwell', 'service.instance.id': /./ })
    t.notMatch(collector.bodies.join(''), 'planted-', 'no value, key, header or token')
    t.notMatch(collector.bodies.join(''), 'hook', 'nor the path of the endpoint')
  },
)

t.test('what is acquired links to its publishers; calls are spans when what they follow is sampled', async (t) => {
  const collector = await TraceCollector.start(t)
  const { call, stop } = await startService(t, { DEFAULT_PARTITIONS: 1, TRACES_ENDPOINT: collector.url })
  await call('PUT', '/v1/topics/orders', {})
  await call('PUT', GROUP, { retry: ['1ms'] })
  await call('POST', MESSAGES, { value: 1, id: 'one' }, { traceparent: PUBLISHER })
  await call('POST', MESSAGES, { value: 2 }, { traceparent: OTHER })
  await call('POST', MESSAGES, { value: 3 }, { traceparent: UNSAMPLED })
  await call('POST', MESSAGES, { value: 'traceparent' })
  const consumer = `00-${'12'.repeat(16)}-${'34'.repeat(8)}-01`
  const { records } = (await call('POST', ACQUIRE, {}, { traceparent: consumer })).json
  const acknowledgements = records.map(({ receipt }: { receipt: string }) => ({
    receipt,
    type: 'release',
    delay: '1ms',
  }))
  await call('POST', `${GROUP}/acknowledge`, { acknowledgements }, { traceparent: consumer })
  let again = 0
  while (again < 4) again += (await call('POST', ACQUIRE, { wait: '5s' })).json.records.length
  await call('POST', ACQUIRE)
  await call('POST', ACQUIRE, {}, { traceparent: UNSAMPLED })
  const nowhere = '/v1/topics/orders/groups/nobody/acknowledge'
  await call('POST', nowhere, { acknowledgements: [{ receipt: 'r', type: 'accept' }] }, { traceparent: consumer })
  await call('POST', `${GROUP}/acknowledge`, { acknowledgements: [] }, { traceparent: consumer })
  await call('POST', '/v1/topics/or..%20ders/messages', { value: 1 }, { traceparent: consumer })
  await stop()

  t.equal(collector.named('publish orders').length, 2)
  const [first, ...later] = collector.named('acquire orders')
  t.match(first, {
    kind: 2,
    traceId: '12'.repeat(16),
    parentSpanId: '34'.repeat(8),
    attributes: { 'messaging.operation.type': 'receive', 'messaging.batch.message_count': 4 },
    links: [
      { traceId: TRACE, spanId: SPAN, attributes: { 'dwell.message.offset': 0, 'dwell.delivery.count': 1 } },
      { traceId: 'ab'.repeat(16), attributes: { 'messaging.destination.partition.id': '0' } },
      { traceId: TRACE, attributes: { 'dwell.message.offset': 2 } },
    ],
  })
  t.equal(first.links.length, 3)
  t.ok(later.length > 0, 'without a context of its own it follows those whom it links to')
  for (const span of later) {
    t.equal(span.parentSpanId, undefined)
    t.ok(span.links.every(({ attributes }) => attributes['dwell.delivery.count'] === 2))
  }
  const settled = collector.named('acknowledge orders')
  t.match(settled[0], { attributes: { 'messaging.operation.type': 'settle', 'messaging.batch.message_count': 4 } })
  t.match(settled[1], { attributes: { 'http.response.status_code': 404, 'messaging.consumer.group.name': 'nobody' } })
  t.equal(settled.length, 2, 'what could not be understood is no span')
  t.notMatch(collector.bodies.join(''), 'or..')
})

t.test('an endpoint that is no address stops the start', async (t) => {
  await t.rejects(startService(t, { TRACES_ENDPOINT: 'collector:4318' }), { code: 'INVALID_SETTING' })
  const withPassword = startService(t, { TRACES_ENDPOINT: 'http://shop:secret@127.0.0.1:4318/v1/traces' })
  await t.rejects(withPassword, { code: 'INVALID_SETTING', message: /OTEL_EXPORTER_OTLP_HEADERS/ })
})
