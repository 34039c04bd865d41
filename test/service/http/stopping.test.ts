// What requests and connections get of a service that is told to stop.

import { once } from 'node:events'
import { connect } from 'node:net'
import t from 'tap'
import { ManualClock } from '../../support/manual-clock.ts'
import { until } from '../../support/until.ts'
import { startService } from '../running-service.ts'

/** A connection of which all that comes is kept, and how it ends. */
async function open(port: number) {
  const socket = connect(port, '127.0.0.1')
  let text = ''
  socket.setEncoding('utf8').on('data', (part) => (text += part))
  const closed = once(socket, 'close').then(([failed]) => ({ failed, text }))
  await once(socket, 'connect')
  return { socket, closed }
}

t.test('it is not ready from the first moment, and goes on answering for as long as it is told', async (t) => {
  const clock = new ManualClock()
  const { call, publish, stop } = await startService(t, { STOP_DELAY: 3_000 }, { clock })
  const stopping = stop()
  t.match(await call('GET', '/readyz'), { status: 503, json: { ready: false, why: 'The service is stopping.' } })
  t.match(await call('GET', '/healthz'), { status: 200 })
  t.match(await publish('orders', { value: 1 }), { status: 201, headers: { connection: 'close' } })
  const waiting = call('POST', '/v1/topics/orders/groups/g/acquire', { max: 1, wait: '20s' })
  t.match(await waiting, { status: 200, json: { records: [{ value: 1 }] } }, 'new connections are taken')
  const last = call('POST', '/v1/topics/orders/groups/g/acquire', { wait: '20s' })
  await until(async () => /dwell_acquires_waiting 1\n/.test((await call('GET', '/metrics')).text))
  await clock.advance(3_000)
  t.match(await last, { status: 200, json: { records: [] } }, 'who waits is answered at the end')
  await stopping
  await t.rejects(call('GET', '/healthz'), { code: 'ECONNREFUSED' })
})

t.test('what had arrived when it was told is answered, on a connection that closes then', async (t) => {
  const { port, stop } = await startService(t)
  const { socket, closed } = await open(port)
  socket.write('GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n')
  await once(socket, 'data')
  socket.write('GET /readyz HTTP/1.1\r\nhost: localhost\r\n\r\n')
  await stop()
  const { failed, text } = await closed
  t.notOk(failed)
  t.match(text, /503 Service Unavailable\r\n(.*\r\n)*connection: close\r\n(.*\r\n)*\r\n.*"The service is stopping\."/i)
})

t.test('nobody who has sent nothing is waited for', async (t) => {
  // Time stands still: nothing is cut off.
  const { port, stop } = await startService(t, {}, { clock: new ManualClock() })
  const idle = await open(port)
  idle.socket.write('GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n')
  await once(idle.socket, 'data')
  const unused = await open(port)
  await stop()
  t.notOk((await idle.closed).failed, 'idle connections are closed')
  t.notOk((await unused.closed).failed, 'so are those that were never used')
})

t.test('the port is closed before who waits is answered: who comes straight back is refused', async (t) => {
  const { port, call, stop } = await startService(t, {}, { clock: new ManualClock() })
  await call('PUT', '/v1/topics/orders', { partitions: 1 })
  const waiting = Array.from({ length: 8 }, async () => {
    t.match(await call('POST', '/v1/topics/orders/groups/g/acquire', { wait: '20s' }), { json: { records: [] } })
    await t.rejects(once(connect(port, '127.0.0.1'), 'connect'), { code: 'ECONNREFUSED' })
  })
  while (!/dwell_acquires_waiting 8\n/.test((await call('GET', '/metrics')).text));
  await stop()
  await Promise.all(waiting)
})
