// Calls of acquire that wait, over real connections.

import { connect, type Socket } from 'node:net'
import t from 'tap'
import { ManualClock } from '../../support/manual-clock.ts'
import { startService } from '../running-service.ts'

const GROUP = '/v1/topics/orders/groups/billing'

function acquiring(port: number): Promise<Socket> {
  const body = '{"wait":"5m","max":1}'
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.write(`POST ${GROUP}/acquire HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n`)
      socket.write(`content-length: ${body.length}\r\n\r\n${body}`, () => resolve(socket))
    })
    socket.on('error', () => {})
  })
}

t.test('clients that vanish give their places up; what comes goes to who is still there', async (t) => {
  const clock = new ManualClock()
  const { port, call, publish } = await startService(t, {}, { clock })
  await call('PUT', '/v1/topics/orders', { partitions: 1 })
  const waiting = async (count: number) => {
    const shown = new RegExp(`dwell_acquires_waiting ${count}\\n`)
    while (!shown.test((await call('GET', '/metrics')).text)) await clock.advance(0)
  }
  const vanishing = await Promise.all(Array.from({ length: 200 }, () => acquiring(port)))
  await waiting(200)
  const staying = await acquiring(port)
  await waiting(201)
  for (const [i, socket] of vanishing.entries()) {
    if (i % 2 === 0) socket.resetAndDestroy()
    else socket.destroy()
  }
  await waiting(1)
  const came = new Promise<string>((resolve) => staying.once('data', (part) => resolve(part.toString())))
  await publish('orders', { value: 'for who stayed' })
  t.match(await came, /"value":"for who stayed".*"deliveryCount":1/)
  staying.destroy()
  t.match((await call('GET', GROUP)).json, { partitions: [{ inFlight: 1, lag: 1 }] })
})
