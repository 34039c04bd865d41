// The client of the bench, against a server that answers in pieces.

import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { HttpConnection } from './http-connection.ts'

async function pair(t: Test) {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const connection = new HttpConnection((server.address() as AddressInfo).port)
  const [socket] = (await once(server, 'connection')) as [Socket]
  t.teardown(() => {
    connection.close()
    socket.destroy()
    server.close()
  })
  return { connection, socket }
}

t.test('answers come in pieces, one after the other', async (t) => {
  const { connection, socket } = await pair(t)
  for (const [text, size] of [
    ['grün', 5],
    ['', 0],
  ] as const) {
    const answer = connection.post('/v1/x', '{"max":1}')
    const [bytes] = await once(socket, 'data')
    t.match(String(bytes), /^POST \/v1\/x HTTP\/1\.1\r\n[\s\S]*\r\ncontent-length: 9\r\n\r\n\{"max":1\}$/)
    for (const byte of Buffer.from(`HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n${text}`)) {
      socket.write(Buffer.of(byte))
      await new Promise((resolve) => setImmediate(resolve))
    }
    t.equal(await answer, text)
  }
})

t.test('what is no success is an error, and so is a connection that breaks off', async (t) => {
  const { connection, socket } = await pair(t)
  const refused = connection.post('/v1/x', '{}')
  socket.write('HTTP/1.1 404 Not Found\r\ncontent-length: 4\r\n\r\nnone')
  await t.rejects(refused, { message: 'the server answers 404 none' })
  const broken = connection.post('/v1/x', '{}')
  socket.write('HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nno')
  socket.end()
  await t.rejects(broken, { message: 'the connection was closed' })
})
