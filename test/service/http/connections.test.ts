// test/faults/README.md rows N2, N3, A16, A19: what clients do to their connections.

import { once } from 'node:events'
import { connect, Server, type Socket } from 'node:net'
import t from 'tap'
import { until } from '../../support/until.ts'
import { startService } from '../running-service.ts'

async function opened(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {}).resume()
  await once(socket, 'connect')
  return socket
}

/** Resolves also when the connection ends with an error. */
function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.once('close', () => resolve()))
}

function head(path: string, headers: Record<string, string | number>): string {
  const lines = Object.entries({ host: 'localhost', 'content-type': 'application/x-ndjson', ...headers }).map(
    ([name, value]) => `${name}: ${value}`,
  )
  return `POST ${path} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`
}

t.test('a connection that is reset in the middle of a body publishes nothing', async (t) => {
  const { port, call, publish } = await startService(t)
  await publish('orders', { value: 'before', partition: 0 })
  const lines = '{"value":"half","partition":0}\n'.repeat(100)
  const ways: [what: string, headers: Record<string, string | number>, body: string][] = [
    ['with a length', { 'content-length': lines.length * 2 }, lines],
    ['chunked', { 'transfer-encoding': 'chunked' }, `${lines.length.toString(16)}\r\n${lines}\r\n`],
  ]
  for (const [what, headers, body] of ways) {
    for (const leave of ['resetAndDestroy', 'end'] as const) {
      const socket = await opened(port)
      socket.write(head('/v1/topics/orders/messages', headers) + body)
      // The service has read all of it when it answers another request that was sent later.
      await call('GET', '/healthz')
      socket[leave]()
      await closed(socket)
      const { json } = await call('GET', '/v1/topics/orders/partitions/0/records')
      t.equal(json.records.length, 1, `${what}, ${leave}`)
    }
  }
  await publish('orders', { value: 'after', partition: 0 })
  t.equal((await call('GET', '/v1/topics/orders/partitions/0/records')).json.records.length, 2, 'others are served')
})

t.test('what is no HTTP gets a problem document, and the connection ends', async (t) => {
  const { port } = await startService(t)
  const answerTo = async (text: string) => {
    const socket = await opened(port)
    let answer = ''
    socket.setEncoding('utf8').on('data', (part) => (answer += part))
    socket.write(text)
    await closed(socket)
    return answer
  }
  t.match(
    await answerTo('hello\r\n\r\n'),
    /^HTTP\/1.1 400 Bad Request\r\n[\s\S]*application\/problem\+json[\s\S]*INVALID_REQUEST/,
  )
  t.match(
    await answerTo(`GET / HTTP/1.1\r\nx: ${'y'.repeat(20_000)}\r\n\r\n`),
    /^HTTP\/1.1 431 [\s\S]*HEADERS_TOO_LARGE/,
  )
})

t.test('a body over the limit is refused while it is read, and the socket closed', async (t) => {
  const { port, call } = await startService(t, { REQUEST_BYTES_MAX: 1024 })
  const socket = await opened(port)
  let answer = ''
  socket.setEncoding('utf8').on('data', (part) => (answer += part))
  socket.write(head('/v1/topics/orders/messages', { 'transfer-encoding': 'chunked' }))
  const chunk = `400\r\n${'x'.repeat(1024)}\r\n`
  // Without an end, but for as long as nobody answers.
  const endless = setInterval(() => answer === '' && socket.write(chunk), 1)
  t.teardown(() => clearInterval(endless))
  await closed(socket)
  t.match(answer, /^HTTP\/1.1 413 [\s\S]*REQUEST_TOO_LARGE/)
  t.match(await call('GET', '/healthz'), { status: 200 })
})

t.test('a client that leaves while acquire waits takes no record with it', async (t) => {
  const { port, call, publish } = await startService(t)
  await call('PUT', '/v1/topics/orders', {})
  const waiting = async () => Number(/dwell_acquires_waiting (\d+)/.exec((await call('GET', '/metrics')).text)?.[1])
  const socket = await opened(port)
  const body = '{"wait":"60s"}'
  socket.write(
    head('/v1/topics/orders/groups/g/acquire', { 'content-type': 'application/json', 'content-length': body.length }) +
      body,
  )
  await until(async () => (await waiting()) === 1, 'the call waits')
  socket.resetAndDestroy()
  await until(async () => (await waiting()) === 0, 'it is gone')
  await publish('orders', { value: 1 })
  t.match((await call('POST', '/v1/topics/orders/groups/g/acquire', {})).json.records, [{ value: 1, deliveryCount: 1 }])
})

t.test('a connection that the system could not hand over is counted, and ends nothing', async (t) => {
  // No system fails so on demand: its server is told what Node tells it then.
  let server: Server | undefined
  const listen = Server.prototype.listen
  Server.prototype.listen = function (this: Server, ...args: unknown[]) {
    server = this
    return Reflect.apply(listen, this, args)
  } as typeof listen
  const { call } = await startService(t).finally(() => {
    Server.prototype.listen = listen
  })
  for (const why of ['ENOBUFS', 'ENOMEM', 'EPERM']) server?.emit('error', new Error(`accept ${why}`))
  t.equal((await call('GET', '/healthz')).status, 200)
  t.match((await call('GET', '/metrics')).text, /^dwell_http_connections_dropped_total 3$/m)
})
