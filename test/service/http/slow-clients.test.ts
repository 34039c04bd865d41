// test/faults/README.md rows A17, A18: who sends a body a byte at a time, and who asks for much and reads nothing of it. Each is given up after a
// bounded time, gives back what it held, and others are served meanwhile.

import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { ManualClock } from '../../support/manual-clock.ts'
import { until } from '../../support/until.ts'
import { startService } from '../running-service.ts'

const MIB = 1024 * 1024
const MESSAGES = '/v1/topics/orders/messages'

interface Client {
  socket: Socket
  answer: () => string
  isClosed: () => boolean
}

async function clientOf(t: Test, port: number, text: string): Promise<Client> {
  const socket = connect(port, '127.0.0.1')
  t.teardown(() => socket.destroy())
  let answer = ''
  let closed = false
  socket.setEncoding('latin1').on('data', (part) => (answer += part))
  socket.on('error', () => {}).on('close', () => (closed = true))
  await once(socket, 'connect')
  socket.write(text)
  return { socket, answer: () => answer, isClosed: () => closed }
}

function post(length: string): string {
  return `POST ${MESSAGES} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n${length}\r\n\r\n`
}

/** A second goes by in which `client` sends `text`, and the service has read it. */
async function second(clock: ManualClock, client: Client, text: string): Promise<void> {
  if (!client.socket.destroyed) await new Promise((resolve) => client.socket.write(text, resolve))
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve))
  await clock.advance(1_000)
}

for (const [how, head, chunk] of [
  ['of known length', post('Content-Length: 900000'), 'x'],
  ['in chunks', post('Transfer-Encoding: chunked'), '1\r\nx\r\n'],
  ['of which nothing comes', post('Content-Length: 900000'), ''],
] as const) {
  t.test(`a body that drips, ${how}, is cut off with 408, and its room is given back`, async (t) => {
    const clock = new ManualClock()
    const { port, call } = await startService(t, { ARRIVING_BYTES_MAX: MIB }, { clock })
    const slow = await clientOf(t, port, `${head}${how === 'in chunks' ? '1\r\n{\r\n' : chunk}`)
    const publish = (size: number) => call('POST', MESSAGES, { value: 'x'.repeat(size) })
    if (how !== 'in chunks') await until(async () => (await publish(400_000)).status === 503)
    for (let i = 0; i < 9; i++) await second(clock, slow, chunk)
    t.notOk(slow.isClosed(), 'a pause of some seconds is no reason')
    for (let i = 0; i < 4; i++) await second(clock, slow, chunk)
    await until(slow.isClosed)
    t.match(slow.answer(), /^HTTP\/1.1 408 [\s\S]*connection: close[\s\S]*"REQUEST_TIMEOUT"[\s\S]*"limit":1024/i)
    t.equal((await publish(400_000)).status, 201)
    t.match((await call('GET', '/metrics')).text, /^dwell_http_problems_total\{code="REQUEST_TIMEOUT"\} 1$/m)
  })
}

for (const [what, settings, piece] of [
  ['that is slow and steady is taken', {}, ' '.repeat(1_100)],
  ['of a byte a second is taken where the setting says so', { BODY_BYTES_PER_SECOND_MIN: 0 }, ' '],
] as const) {
  t.test(`a body ${what}`, async (t) => {
    const clock = new ManualClock()
    const { port } = await startService(t, settings, { clock })
    const steady = await clientOf(t, port, `${post(`Content-Length: ${30 * piece.length + 11}`)}`)
    for (let i = 0; i < 30; i++) await second(clock, steady, piece)
    steady.socket.write('{"value":1}')
    await until(() => steady.answer() !== '')
    t.match(steady.answer(), /^HTTP\/1.1 201 /)
  })
}

t.test('answers that nobody reads are given up with their connection; who waits or is idle stays', async (t) => {
  const clock = new ManualClock()
  const { port, call } = await startService(t, { ANSWER_TIMEOUT: 20_000 }, { clock })
  for (let i = 0; i < 6; i++) {
    const body = { value: 'x'.repeat(MIB - 100), partition: 0 }
    t.equal((await call('POST', MESSAGES, body)).status, 201)
  }
  const request = (line: string, rest = '\r\n') => `${line} HTTP/1.1\r\nHost: localhost\r\n${rest}`
  const page = request('GET /v1/topics/orders/partitions/0/batches?offset=0&maxBytes=6000000')
  const idle = await clientOf(t, port, request('GET /healthz'))
  const acquire = 'Content-Type: application/json\r\nContent-Length: 14\r\n\r\n{"wait":"90s"}'
  await call('PUT', '/v1/topics/quiet', {})
  const waiting = await clientOf(t, port, request('POST /v1/topics/quiet/groups/g/acquire', acquire))
  const deaf = await clientOf(t, port, '')
  const begun = once(deaf.socket, 'data')
  deaf.socket.once('data', () => deaf.socket.pause())
  deaf.socket.write(page.repeat(8))
  await begun
  const lent = async () => (await call('GET', '/v1/topics/orders/partitions/0/batches?offset=0')).status
  let steps = 0
  const dropped = async () =>
    Number(/^dwell_http_connections_dropped_total (\d+)$/m.exec((await call('GET', '/metrics')).text)?.[1])
  for (; (await dropped()) === 0 && steps < 40; steps++) {
    await clock.advance(5_000)
    for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve))
  }
  t.equal(await dropped(), 1, `given up, after ${steps} looks`)
  // A socket that reads nothing does not see either that it was closed.
  deaf.socket.resume()
  await until(deaf.isClosed)
  t.ok(deaf.answer().length < 8 * 6_000_000, 'before it had all of it')
  t.equal(await lent(), 200)
  t.notOk(idle.isClosed(), 'an idle one')
  t.notOk(waiting.isClosed(), 'one that waits for its answer')
})

t.test('an answer that is read steadily is read to its end, however long that takes', async (t) => {
  const clock = new ManualClock()
  const { port, call } = await startService(t, { ANSWER_TIMEOUT: 10_000 }, { clock })
  const body = { value: 'x'.repeat(MIB - 100), partition: 0 }
  for (let i = 0; i < 9; i++) t.equal((await call('POST', MESSAGES, body)).status, 201)
  const page = '/v1/topics/orders/partitions/0/batches?offset=0&maxBytes=8388608'
  const request = (more: string) => `GET ${page} HTTP/1.1\r\nHost: localhost\r\n${more}\r\n`
  let size = 0
  let isClosed = false
  // Reads a piece whenever it is told to go on.
  const callback = (count: number) => {
    size += count
    return false
  }
  const steady = connect({ port, host: '127.0.0.1', onread: { buffer: Buffer.alloc(MIB / 8), callback } })
  t.teardown(() => steady.destroy())
  steady.on('error', () => {}).on('close', () => (isClosed = true))
  steady.write(request('') + request('Connection: close\r\n'))
  let seconds = 0
  for (; !isClosed && seconds < 100; seconds++) {
    const wanted = size + 3 * (MIB / 8)
    for (let i = 0; i < 50_000 && size < wanted && !isClosed; i++) {
      steady.resume()
      await new Promise((resolve) => setImmediate(resolve))
    }
    await clock.advance(1_000)
  }
  t.ok(seconds > 20, `it took ${seconds} s, and the time is 10 s`)
  t.ok(size > 15 * MIB, `${size} bytes came`)
  t.match((await call('GET', '/metrics')).text, /^dwell_http_connections_dropped_total 0$/m)
})
