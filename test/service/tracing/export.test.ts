// Spans on their way to a collector that fails, hangs, and is back.

import t from 'tap'
import { openTracing, type TracedCall } from '../../../service/tracing/tracing.ts'
import { SILENT, SystemRandom } from '../../../storage/index.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { TraceCollector } from '../../support/trace-collector.ts'
import { until } from '../../support/until.ts'

const CALL: TracedCall = {
  operation: { name: 'publish', type: 'send' },
  ...{ method: 'POST', route: '/v1/topics/:topic/messages', topic: 'orders', status: 201, tookMs: 1, messages: 1 },
  context: { traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`, tracestate: undefined },
}
/** With so many a request goes out at once. */
const REQUEST = 512

async function tracingTo(collector: TraceCollector) {
  const logged: Record<string, unknown>[] = []
  const tell = (fields: Record<string, unknown>, msg: string) => void logged.push({ ...fields, msg })
  const clock = new ManualClock()
  const tracing = await openTracing({
    ...{ endpoint: collector.url, clock, random: new SystemRandom(), clusterId: 'cluster-1' },
    log: { ...SILENT, info: tell, warn: tell },
  })
  if (tracing === undefined) throw new Error('There is an endpoint.')
  const call = (count: number) => {
    for (let i = 0; i < count; i++) tracing.called(CALL)
  }
  return { tracing, call, logged, clock }
}

t.test('that spans are lost is said once, and once that they are not any more', async (t) => {
  const collector = await TraceCollector.start(t)
  const { tracing, call, logged } = await tracingTo(collector)
  collector.status = 400
  for (const requests of [1, 2, 3]) {
    call(REQUEST)
    await until(() => collector.requests === requests)
  }
  await until(() => logged.length > 1)
  collector.status = 200
  call(REQUEST)
  await until(() => logged.length > 2)
  await tracing.close()
  t.match(
    logged.map(({ msg }) => msg),
    [/are sent to a collector/, /cannot be delivered/, /can be delivered again/],
  )
  t.equal(logged[2].lost, 3 * REQUEST)
  t.equal(logged[1].endpoint, new URL(collector.url).origin)
  t.equal(collector.spans.length, REQUEST)
  t.ok(
    collector.spans.every(({ startMs, endMs }) => endMs - startMs === 1),
    'by the clock that is given',
  )
})

t.test('a collector that hangs holds so many spans and no more, and a stop two seconds', async (t) => {
  const collector = await TraceCollector.start(t)
  const { tracing, call, clock, logged } = await tracingTo(collector)
  collector.status = 0
  call(20_000)
  t.match(logged.at(-1), { msg: /cannot be delivered/, reason: '4096 wait already.' })
  await until(() => collector.requests === 1)
  let closed = false
  const closing = tracing.close().then(() => (closed = true))
  // All that waits is sent now: 4,096, and what was under way.
  await until(() => collector.requests === 9)
  await clock.advance(1_999)
  t.notOk(closed)
  await clock.advance(1)
  await closing
  t.equal(collector.requests, 9)
})
