// The trace in which a program publishes goes along with its messages.

import { AsyncLocalStorage } from 'node:async_hooks'
import t from 'tap'
import { DwellClient } from '../../../service/client/index.ts'
import { startService } from '../running-service.ts'

const contextOf = (digit: string) => `00-${digit.repeat(32)}-${digit.repeat(16)}-01`

t.test('a message keeps the trace of whoever published it, also where many go together', async (t) => {
  const { port } = await startService(t, { DEFAULT_PARTITIONS: 1 })
  const active = new AsyncLocalStorage<{ traceparent?: string; tracestate?: string }>()
  const client = new DwellClient({ url: `http://127.0.0.1:${port}`, trace: () => active.getStore() })
  t.teardown(() => client.close())
  const publisher = client.publisher('orders')

  await active.run({ traceparent: contextOf('a'), tracestate: 'x=y' }, () => client.publish('orders', { value: 1 }))
  await client.publish('orders', { value: 2 })
  await active.run({ traceparent: 'no\nheader' }, () => client.publish('orders', { value: 3 }))
  void active.run({ traceparent: contextOf('b') }, () => publisher.publish({ value: 4, headers: { own: 'header' } }))
  void active.run({ traceparent: contextOf('c'), tracestate: 'no\nheader' }, () => publisher.publish({ value: 5 }))
  void active.run({}, () => publisher.publish({ value: 6 }))
  const own = { traceparent: contextOf('d') }
  void active.run({ traceparent: contextOf('c') }, () => publisher.publish({ value: 7, headers: own }))
  await publisher.close()
  t.equal(publisher.stats.requests, 1)

  const { records } = await client.group('orders', 'billing').acquire()
  t.strictSame(
    records.map(({ value, headers }) => [value, headers]),
    [
      [1, { traceparent: contextOf('a'), tracestate: 'x=y' }],
      [2, {}],
      [3, {}],
      [4, { own: 'header', traceparent: contextOf('b') }],
      [5, { traceparent: contextOf('c') }],
      [6, {}],
      [7, own],
    ],
  )
})
