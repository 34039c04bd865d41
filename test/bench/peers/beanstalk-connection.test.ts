// The client of beanstalkd's protocol, against a server that says what doc/protocol.txt says, in pieces.

import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { BeanstalkConnection } from './beanstalk-connection.ts'

async function pair(t: Test) {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const failures: Error[] = []
  const connection = new BeanstalkConnection((server.address() as AddressInfo).port, (error) => failures.push(error))
  const [socket] = (await once(server, 'connection')) as [Socket]
  t.teardown(() => {
    connection.close()
    socket.destroy()
    server.close()
  })
  return { connection, socket, failures }
}

t.test('puts are sent together and answered in order', async (t) => {
  const { connection, socket } = await pair(t)
  const inserted: number[] = []
  const done = Promise.withResolvers<void>()
  const jobs = [
    { delaySeconds: 2, data: 'one' },
    { delaySeconds: 3, data: 'three' },
  ]
  connection.put(jobs, (i) => {
    inserted.push(i)
    if (inserted.length === 2) done.resolve()
  })
  const [bytes] = await once(socket, 'data')
  t.equal(String(bytes), 'put 0 2 3600 3\r\none\r\nput 0 3 3600 5\r\nthree\r\n')
  socket.write('INSERTED 1\r\nINSER')
  socket.write('TED 2\r\n')
  await done.promise
  t.same(inserted, [0, 1])
})

t.test('a job comes whole, however it was cut, and is deleted with the next reserve', async (t) => {
  const { connection, socket } = await pair(t)
  const data = 'a\r\nline end within'
  const first = new Promise<[string, string]>((resolve) => {
    connection.reserve(undefined, (id, bytes) => resolve([id, String(bytes)]), t.fail)
  })
  t.equal(String((await once(socket, 'data'))[0]), 'reserve\r\n')
  for (const byte of Buffer.from(`RESERVED 17 ${data.length}\r\n${data}\r\n`)) socket.write(Buffer.from([byte]))
  t.same(await first, ['17', data])

  let deleted = 0
  const second = new Promise<string>((resolve) => {
    connection.reserve(
      '17',
      (id) => resolve(id),
      () => deleted++,
    )
  })
  t.equal(String((await once(socket, 'data'))[0]), 'delete 17\r\nreserve\r\n')
  socket.write('DELETED\r\nRESERVED 18 1\r\nx\r\n')
  t.equal(await second, '18')
  t.equal(deleted, 1)
})

t.test('another answer than the one that is expected is a failure', async (t) => {
  const { connection, socket, failures } = await pair(t)
  connection.put([{ delaySeconds: 1, data: 'x' }], () => t.fail('is answered'))
  await once(socket, 'data')
  socket.write('OUT_OF_MEMORY\r\n')
  while (failures.length === 0) await new Promise((resolve) => setImmediate(resolve))
  t.match(failures[0].message, /OUT_OF_MEMORY/)
})
