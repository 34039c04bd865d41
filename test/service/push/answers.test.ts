// What becomes of a message, by what its endpoint does: rows N4, A11 and A13 of test/faults/README.md. Each row here has an endpoint of its own.

import type { Duplex } from 'node:stream'
import t from 'tap'
import { until } from '../../support/until.ts'
import { PushRig, type Received, TestEndpoint } from './push-rig.ts'

interface Row {
  endpoint: string
  behave: (received: Received) => void
  /** How long it takes by the clock. */
  afterMs?: number
  outcome: string
  /** `accepted`, `dead`, `kept`, or in how many milliseconds it comes again. */
  message: 'accepted' | 'dead' | 'kept' | number
  reason?: string | RegExp
}

const hang = () => {}
const answering =
  (status: number, headers = {}, body = '') =>
  ({ answer }: Received) =>
    answer(status, headers, body)

const ROWS: Row[] = [
  { endpoint: 'answers 200', behave: answering(200), outcome: 'accept', message: 'accepted' },
  { endpoint: 'answers 204', behave: answering(204), outcome: 'accept', message: 'accepted' },
  {
    endpoint: 'answers 500',
    behave: answering(500, {}, 'the\u0000 bank\r\nis \u001b[31moffline'),
    outcome: 'release',
    message: 5_000,
    reason: 'HTTP 500: the bank is [31moffline',
  },
  {
    endpoint: 'answers 404 and nothing',
    behave: answering(404),
    outcome: 'release',
    message: 5_000,
    reason: 'HTTP 404',
  },
  {
    endpoint: 'answers 429 with Retry-After in seconds',
    behave: answering(429, { 'retry-after': '42' }),
    outcome: 'retry-after',
    message: 42_000,
    reason: 'HTTP 429',
  },
  {
    endpoint: 'answers 503 with Retry-After as a date',
    behave: answering(503, { 'retry-after': 'Fri, 20 Nov 2026 10:01:30 GMT' }),
    outcome: 'retry-after',
    message: 90_000,
  },
  {
    endpoint: 'answers 503 with a Retry-After of a year',
    behave: answering(503, { 'retry-after': '31536000' }),
    outcome: 'retry-after',
    message: 24 * 3_600_000,
  },
  {
    endpoint: 'answers 429 with a Retry-After in the past',
    behave: answering(429, { 'retry-after': 'Fri, 20 Nov 2020 10:01:30 GMT' }),
    outcome: 'retry-after',
    message: 1_000,
  },
  {
    endpoint: 'answers 429 with a Retry-After that is none',
    behave: answering(429, { 'retry-after': 'later' }),
    outcome: 'release',
    message: 5_000,
  },
  { endpoint: 'answers 429 without one', behave: answering(429), outcome: 'release', message: 5_000 },
  {
    endpoint: 'answers 500 with Retry-After, which only 429 and 503 may',
    behave: answering(500, { 'retry-after': '42' }),
    outcome: 'release',
    message: 5_000,
  },
  {
    endpoint: 'rejects',
    behave: answering(422, { 'Dwell-Acknowledge': 'reject' }, 'no such customer'),
    outcome: 'reject',
    message: 'dead',
    reason: 'HTTP 422: no such customer',
  },
  {
    endpoint: 'rejects with 200',
    behave: answering(200, { 'dwell-acknowledge': 'Reject' }),
    outcome: 'reject',
    message: 'dead',
  },
  {
    endpoint: 'redirects (A11), which is not followed',
    behave: ({ answer, headers }) => answer(301, { location: `http://${headers.host}/elsewhere` }),
    outcome: 'release',
    message: 5_000,
    reason: 'HTTP 301',
  },
  {
    endpoint: 'answers 410',
    behave: answering(410, {}, 'gone'),
    outcome: 'gone',
    message: 'kept',
    reason: 'HTTP 410: gone',
  },
  { endpoint: 'hangs', behave: hang, afterMs: 10_000, outcome: 'timeout', message: 5_000, reason: 'No answer in time' },
  {
    endpoint: 'answers 200 and never ends its body',
    behave: ({ response }) => void response.writeHead(200).write('thank'),
    afterMs: 10_000,
    outcome: 'timeout',
    message: 5_000,
  },
  {
    endpoint: 'closes without an answer',
    behave: ({ request }) => request.socket.end(),
    outcome: 'unreachable',
    message: 5_000,
    reason: /closed/,
  },
  {
    endpoint: 'resets',
    behave: ({ request }) => request.socket.resetAndDestroy(),
    outcome: 'unreachable',
    message: 5_000,
    reason: /ECONNRESET/,
  },
  {
    endpoint: 'resets in the middle of a 200',
    behave: ({ request, response }) => {
      response.writeHead(200, { 'content-length': '100' }).write('thank')
      setImmediate(() => request.socket.resetAndDestroy())
    },
    outcome: 'unreachable',
    message: 5_000,
  },
  {
    endpoint: 'answers 200 with an endless body, which is cut off',
    behave: ({ response }) => pour(response),
    outcome: 'accept',
    message: 'accepted',
  },
  {
    endpoint: 'answers 500 with an endless body',
    behave: ({ response }) => pour(response, 500),
    outcome: 'release',
    message: 5_000,
    reason: /^HTTP 500: x{100,}$/,
  },
  {
    endpoint: 'answers with a flood of headers',
    behave: ({ answer }) =>
      answer(200, Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`x-${i}`, 'y'.repeat(50)]))),
    outcome: 'unreachable',
    message: 5_000,
    reason: /OVERFLOW/i,
  },
  {
    endpoint: 'answers with chunks whose extensions never end',
    behave: (received) => pourRaw(received, 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1;', 'x'),
    outcome: 'unreachable',
    message: 5_000,
    reason: /without end/,
  },
  {
    endpoint: 'answers with early hints for ever',
    behave: (received) => pourRaw(received, '', 'HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n'),
    outcome: 'unreachable',
    message: 5_000,
    reason: /without end/,
  },
  {
    endpoint: 'answers 200 with a flood of trailers',
    behave: (received) => pourRaw(received, 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n', 'a: b\r\n'),
    outcome: 'unreachable',
    message: 5_000,
    reason: /OVERFLOW|without end/i,
  },
  {
    endpoint: 'answers with a line break inside a field',
    behave: (received) => received.request.socket.end('HTTP/1.1 200 OK\r\na: b\nc\r\n\r\n'),
    outcome: 'unreachable',
    message: 5_000,
  },
  {
    endpoint: 'answers what is no HTTP',
    behave: ({ request }) => void request.socket.end('SSH-2.0-OpenSSH_9.2\r\n'),
    outcome: 'unreachable',
    message: 5_000,
  },
  {
    endpoint: 'answers with gzip, which is not unpacked',
    behave: ({ response }) =>
      void response
        .writeHead(500, { 'content-encoding': 'gzip' })
        .end(Buffer.from('1f8b0800000000000003cb48cdc9c9070086a6103605000000', 'hex')),
    outcome: 'release',
    message: 5_000,
    reason: /^HTTP 500: (?!.*hello)/,
  },
]

function pour(response: Received['response'], status = 200): void {
  response.writeHead(status)
  pourInto(response, 'x'.repeat(16 * 1024))
}

/** Writes `head` as it is, and then `more` for ever. */
function pourRaw({ request }: Received, head: string, more: string): void {
  if (head !== '') request.socket.write(head)
  pourInto(request.socket, more.repeat(4_096))
}

function pourInto(stream: Duplex | Received['response'], piece: string): void {
  const more = () => {
    while (!stream.destroyed && stream.write(piece));
    if (!stream.destroyed) stream.once('drain', more)
  }
  more()
}

/** What the group did with its only message, once the push has ended. */
async function outcomeOf(rig: PushRig, { afterMs = 0, outcome }: Row): Promise<Row['message']> {
  const { clock } = rig
  const { groups } = rig.groups
  if (afterMs > 0) {
    await clock.advance(afterMs - 1)
    t.same(rig.tookMs, [], 'not over yet')
    await clock.advance(1)
  }
  const decided = (): Row['message'] | undefined => {
    const { acknowledged, deadLettered } = groups.stats()
    if (rig.paused !== undefined) return 'kept'
    if (acknowledged.accept > 0) return 'accepted'
    if (deadLettered.CLIENT_REJECT > 0) return 'dead'
    return acknowledged.release > 0 ? 0 : undefined
  }
  await until(() => decided() !== undefined, outcome)
  await clock.advance(0)
  const answer = decided()
  return answer === 0 ? await comesAgainInMs(rig) : (answer ?? Number.NaN)
}

/** In how many milliseconds the message, which was released, is due again. */
async function comesAgainInMs(rig: PushRig): Promise<number> {
  const [delayed] = await rig.groups.delayed()
  if (delayed !== undefined) return delayed.dueAtMs - rig.clock.wallMs()
  const [{ waiting }] = rig.groups.groups.describe('orders', 'billing').partitions
  return waiting.some(({ tier, count }) => tier === '5s' && count === 1) ? 5_000 : Number.NaN
}

for (const row of ROWS) {
  t.test(`N4: an endpoint that ${row.endpoint}: ${row.outcome}`, async (t) => {
    const endpoint = await TestEndpoint.start(t, row.behave)
    const rig = await PushRig.start(t)
    await rig.push(endpoint.url)
    await rig.published('a')
    await until(() => endpoint.received.length > 0)
    t.equal(await outcomeOf(rig, row), row.message)
    const { socket } = endpoint.received[0].request
    if (row.outcome === 'timeout') await until(() => socket.destroyed, 'the closing of the socket')
    t.equal(rig.pusher.stats().pushes[row.outcome as 'accept'], 1)
    t.equal(endpoint.received.length, 1, 'it was asked once, and nobody else was')
    if (row.reason !== undefined) t.match(await reasonOf(rig), row.reason)
  })
}

/** Why the last try failed; the group is pushed no more. */
async function reasonOf(rig: PushRig): Promise<string> {
  if (rig.paused !== undefined) return rig.paused.reason
  const [letter] = await rig.dead()
  if (letter !== undefined) return letter.attempts[0].reason
  await rig.groups.groups.configure('orders', 'billing', { push: undefined })
  await rig.clock.advance(25 * 3_600_000)
  await rig.groups.turnWheel()
  return (await rig.groups.one()).attempts[0].reason
}

t.test('A13: of an endless body 64 KiB are read, and what the system had on its way', async (t) => {
  const endpoint = await TestEndpoint.start(t, ({ response }) => pour(response))
  const rig = await PushRig.start(t)
  await rig.push(endpoint.url)
  await rig.published('a')
  await until(() => rig.groups.groups.stats().acknowledged.accept === 1)
  const [{ response, request }] = endpoint.received
  await until(() => response.destroyed, 'the closing of the socket')
  t.ok(request.socket.bytesWritten < 16 * 1024 * 1024, `${request.socket.bytesWritten} bytes were written`)
})

t.test('A13: of what frames a body 256 KiB are read, and what the system had on its way', async (t) => {
  const endpoint = await TestEndpoint.start(t, (received) =>
    pourRaw(received, 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1;', 'x'),
  )
  const rig = await PushRig.start(t)
  await rig.push(endpoint.url)
  await rig.published('a')
  await until(() => rig.groups.groups.stats().acknowledged.release === 1)
  const { socket } = endpoint.received[0].request
  await until(() => socket.destroyed, 'the closing of the socket')
  t.ok(socket.bytesWritten < 16 * 1024 * 1024, `${socket.bytesWritten} bytes were written`)
})

t.test('what an endpoint repeats of what is secret stands in no reason', async (t) => {
  const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`
  const said = `Bearer token-1 was wrong, ${secret} too, so was ${secret.slice(6)}, also token-1, and q-12345 at /hook?key=q-12345`
  const endpoint = await TestEndpoint.start(t, ({ answer }) => answer(500, {}, said))
  const rig = await PushRig.start(t)
  const url = endpoint.url.replace('a=1', 'key=q-12345')
  await rig.push(url, { headers: { authorization: 'Bearer token-1' }, secrets: [secret] })
  await rig.published('a')
  await until(() => rig.groups.groups.stats().acknowledged.release === 1)
  t.equal(await reasonOf(rig), 'HTTP 500: … was wrong, … too, so was …, also …, and … at …')
})
