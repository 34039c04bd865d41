// test/faults/README.md rows A16, A17, A18, A23, A24, N5: what one token, one address, and all together may ask for. Each refusal is a problem
// document, and others are served.

import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import type { Limits } from '../../../service/access/allowance.ts'
import { RIGHTS } from '../../../service/access/rights.ts'
import type { Settings } from '../../../service/settings.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { holder, tokensFolder, writeTokens } from '../../support/token-holders.ts'
import { until } from '../../support/until.ts'
import { startService } from '../running-service.ts'

const free = holder('free', RIGHTS)

/** A service with a token that is limited, and one that is not. */
async function limited(
  t: Test,
  limits: Partial<Limits>,
  settings: Partial<Settings> = {},
  clock?: ManualClock,
  directory?: string,
) {
  const shop = holder('shop', RIGHTS, ['shop.*'], limits)
  const TOKENS_FILE = writeTokens(tokensFolder(t), [shop, free])
  const service = await startService(t, { TOKENS_FILE, ...settings }, { clock, directory })
  const asShop = (method: string, path: string, body?: unknown) => service.call(method, path, body, shop.headers)
  const asFree = (method: string, path: string, body?: unknown) => service.call(method, path, body, free.headers)
  const publish = (topic: string, body: unknown) => asShop('POST', `/v1/topics/${topic}/messages`, body)
  return { ...service, shop, asShop, asFree, publish }
}

interface Opened {
  socket: Socket
  answer: () => string
}

async function opened(t: Test, port: number, text = ''): Promise<Opened> {
  const socket = connect(port, '127.0.0.1')
  t.teardown(() => socket.destroy())
  let answer = ''
  socket.setEncoding('latin1').on('data', (part) => (answer += part))
  socket.on('error', () => {})
  await once(socket, 'connect')
  socket.write(text)
  return { socket, answer: () => answer }
}

function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => (socket.closed ? resolve() : socket.once('close', () => resolve())))
}

t.test('requests a second of a token', async (t) => {
  const clock = new ManualClock()
  const { asShop, asFree, call } = await limited(t, { requestsPerSecond: 5 }, {}, clock)
  for (let i = 0; i < 5; i++) t.equal((await asShop('GET', '/v1/topics')).status, 200)
  t.match(await asShop('GET', '/v1/topics'), {
    status: 429,
    headers: { 'retry-after': '1' },
    json: { code: 'TOO_MANY_REQUESTS', limit: 5 },
  })
  t.equal((await asFree('GET', '/v1/topics')).status, 200, 'another token')
  t.equal((await call('GET', '/healthz')).status, 200, 'health')
  await clock.advance(200)
  t.equal((await asShop('GET', '/v1/topics')).status, 200, 'one more after a while')
  t.equal((await asShop('GET', '/v1/topics')).status, 429)
})

t.test('bytes a second of a token, however the body is sent', async (t) => {
  const clock = new ManualClock()
  const { publish, call, shop } = await limited(t, { bytesPerSecond: 1_000 }, {}, clock)
  t.equal((await publish('shop.a', { value: 'x'.repeat(3_000) })).status, 201, 'a body is not cut')
  t.match(await publish('shop.a', { value: 1 }), {
    status: 429,
    headers: { 'retry-after': /^[23]$/ },
    json: { code: 'TOO_MANY_REQUESTS', limit: 1_000 },
  })
  await clock.advance(3_000)
  const chunked = { ...shop.headers, 'transfer-encoding': 'chunked' }
  t.equal((await call('POST', '/v1/topics/shop.a/messages', { value: 'x'.repeat(3_000) }, chunked)).status, 201)
  t.equal((await publish('shop.a', { value: 1 })).status, 429, 'also without a length')
})

t.test('calls of acquire that wait, of a token and in all', async (t) => {
  const clock = new ManualClock()
  const { asShop, asFree, publish } = await limited(t, { waiting: 2 }, { ACQUIRES_WAITING_MAX: 3 }, clock)
  await asShop('PUT', '/v1/topics/shop.a', { partitions: 1 })
  const wait = (call: typeof asShop) => call('POST', '/v1/topics/shop.a/groups/g/acquire', { wait: '20s' })
  const metric = async () => /^dwell_acquires_waiting (\d+)/m.exec((await asFree('GET', '/metrics')).text)?.[1]
  const first = wait(asShop)
  await until(async () => (await metric()) === '1')
  const second = wait(asShop)
  await until(async () => (await metric()) === '2')
  t.match(await wait(asShop), {
    status: 429,
    headers: { 'retry-after': '1' },
    json: { code: 'TOO_MANY_WAITING', limit: 2 },
  })
  const third = wait(asFree)
  await until(async () => (await metric()) === '3')
  t.match(await wait(asFree), { status: 503, headers: { 'retry-after': '1' }, json: { code: 'OVERLOADED', limit: 3 } })
  t.equal((await asShop('POST', '/v1/topics/shop.a/groups/g/acquire', {})).status, 200, 'without a wait it is answered')
  await publish('shop.a', { messages: [{ value: 1 }] })
  await clock.advance(20_000)
  for (const waited of [first, second, third]) t.equal((await waited).status, 200)
  const again = wait(asShop)
  await until(async () => (await metric()) === '1')
  await clock.advance(20_000)
  t.equal((await again).status, 200, 'places are given back')
})

t.test('topics, partitions and groups', async (t) => {
  const clock = new ManualClock()
  const { asShop, asFree, publish } = await limited(
    t,
    { topics: 2 },
    { TOPICS_MAX: 4, PARTITIONS_MAX: 10, GROUPS_MAX: 2 },
    clock,
  )
  t.equal((await asShop('PUT', '/v1/topics/shop.a', { partitions: 1 })).status, 201)
  t.equal((await asShop('PUT', '/v1/topics/shop.b', { partitions: 1 })).status, 201)
  await clock.advance(1_000)
  t.match(await asShop('PUT', '/v1/topics/shop.c', {}), { status: 409, json: { code: 'TOO_MANY_TOPICS', limit: 2 } })
  t.match(await publish('shop.c', { value: 1 }), { status: 409, json: { code: 'TOO_MANY_TOPICS', limit: 2 } })
  t.equal((await publish('shop.a', { value: 1 })).status, 201, 'those that are there serve on')
  t.match(await asFree('PUT', '/v1/topics/wide', { partitions: 9 }), {
    status: 409,
    json: { code: 'TOO_MANY_PARTITIONS', limit: 10 },
  })
  t.equal((await asFree('PUT', '/v1/topics/x', { partitions: 2 })).status, 201)
  t.equal((await asFree('PUT', '/v1/topics/x', { partitions: 3 })).status, 200)
  t.equal((await asFree('PUT', '/v1/topics/y', { partitions: 1 })).status, 201)
  t.match(await asFree('PUT', '/v1/topics/z', { partitions: 1 }), {
    status: 409,
    json: { code: 'TOO_MANY_TOPICS', limit: 4 },
  })
  t.match(await asFree('PUT', '/v1/topics/x', { partitions: 9 }), {
    status: 409,
    json: { code: 'TOO_MANY_PARTITIONS' },
  })
  t.equal((await asFree('PUT', '/v1/topics/x', { retention: '1d' })).status, 200, 'other changes are made')
  t.equal((await asFree('DELETE', '/v1/topics/y')).status, 204)
  await clock.advance(1_000)
  t.equal((await asFree('PUT', '/v1/topics/z', { partitions: 1 })).status, 201, 'what is deleted makes room')

  t.equal((await asShop('PUT', '/v1/topics/shop.a/groups/one', {})).status, 201)
  t.equal((await asShop('POST', '/v1/topics/shop.a/groups/two/acquire', {})).status, 200)
  t.match(await asShop('PUT', '/v1/topics/shop.a/groups/three', {}), {
    status: 409,
    json: { code: 'TOO_MANY_GROUPS', limit: 2 },
  })
  t.match(await asShop('POST', '/v1/topics/shop.a/groups/three/acquire', {}), {
    status: 409,
    json: { code: 'TOO_MANY_GROUPS' },
  })
  t.equal((await asShop('POST', '/v1/topics/shop.a/groups/two/acquire', {})).status, 200)
  await clock.advance(1_000)
  t.equal((await publish('shop.b', { value: 1 })).status, 201, 'lanes and dead letters of groups do not count')
})

t.test('many requests that make the same topic at once count as one', async (t) => {
  const { call } = await startService(t, { TOPICS_MAX: 1 })
  const publish = () => call('POST', '/v1/topics/orders/messages', { value: 1 })
  const answers = await Promise.all(Array.from({ length: 20 }, publish))
  t.same([...new Set(answers.map(({ status }) => status))], [201])
  t.match(await call('POST', '/v1/topics/other/messages', { value: 1 }), {
    status: 409,
    json: { code: 'TOO_MANY_TOPICS' },
  })
})

t.test('delayed messages that wait, for a topic and for those of a token', async (t) => {
  const clock = new ManualClock()
  const { publish } = await limited(t, { pending: 5 }, { TOPIC_PENDING_MAX: 3 }, clock)
  const delayed = (count: number) => ({ messages: Array.from({ length: count }, () => ({ value: 1, delay: '5s' })) })
  t.equal((await publish('shop.a', delayed(3))).status, 201)
  t.match(await publish('shop.a', delayed(1)), {
    status: 429,
    headers: { 'retry-after': '10' },
    json: { code: 'TOO_MANY_PENDING', limit: 3 },
  })
  t.match(await publish('shop.b', delayed(3)), { status: 429, json: { code: 'TOO_MANY_PENDING', limit: 5 } })
  t.equal((await publish('shop.b', delayed(2))).status, 201)
  t.match(await publish('shop.c', delayed(1)), { status: 429, json: { code: 'TOO_MANY_PENDING', limit: 5 } })
  t.equal((await publish('shop.a', { value: 1 })).status, 201, 'without a delay it is taken')
  await clock.advance(5_000)
  await until(async () => {
    await clock.advance(1_000)
    return (await publish('shop.a', delayed(3))).status === 201
  })
  t.pass('what has become due makes room')
})

t.test('bytes of delayed messages that wait, for a topic and for those of a token', async (t) => {
  const clock = new ManualClock()
  const settings = { TOPIC_PENDING_BYTES_MAX: 10_000, CHECKPOINT_INTERVAL: 3_600_000 }
  const first = await limited(t, { pendingBytes: 16_000 }, settings, clock)
  const message = (id: string, delay = '5m', size = 3_000) => ({ id, value: 'x'.repeat(size), delay })
  const refused = (limit: number) => ({
    status: 429,
    headers: { 'retry-after': '10' },
    json: { code: 'TOO_MANY_PENDING_BYTES', limit },
  })
  const messages = ['1', '2', '3'].map((id) => message(id))
  t.equal((await first.publish('shop.a', { messages })).status, 201)
  t.match(await first.publish('shop.a', message('4')), refused(10_000))
  t.match(await first.publish('shop.b', { messages: [message('1'), message('2')] }), { status: 201 }, 'another topic')
  t.match(await first.publish('shop.c', message('1')), refused(16_000), 'all of the token')
  t.equal((await first.publish('shop.a', { value: 'x'.repeat(20_000) })).status, 201, 'without a delay it is taken')

  const delayed = '/v1/topics/shop.a/delayed'
  t.equal((await first.asShop('PATCH', `${delayed}/1`, { delay: '3h' })).status, 200)
  await clock.advance(1_000)
  t.match(await first.publish('shop.a', message('4')), refused(10_000), 'moved, it waits still')
  t.equal((await first.asShop('DELETE', `${delayed}/2`)).status, 200)
  await clock.advance(1_000)
  t.equal((await first.publish('shop.a', message('4'))).status, 201, 'cancelled, it makes room')
  const sent = first.asShop('POST', `${delayed}/3/dispatch`)
  for (let state = 'pending'; state === 'pending'; await clock.advance(1))
    state = (await first.asShop('GET', `${delayed}/3`)).json.state
  t.equal((await sent).status, 200)
  await clock.advance(1_000)
  t.equal((await first.publish('shop.a', message('5'))).status, 201, 'dispatched, it makes room')
  await first.stop()

  const again = await limited(t, { pendingBytes: 30_000 }, settings, clock, first.directory)
  t.match(await again.publish('shop.a', message('6')), refused(10_000), 'a start knows what waits')
  for (let status = 429; status === 429; await clock.advance(60_000))
    status = (await again.publish('shop.a', message('7', '2h'))).status
  t.equal((await again.asShop('GET', `${delayed}/1`)).json.state, 'pending', 'the far one waits')
  await clock.advance(1_000)
  t.equal((await again.publish('shop.a', message('8'))).status, 201)
  await clock.advance(1_000)
  t.match(await again.publish('shop.a', message('9')), refused(10_000), 'and is counted')
})

t.test('connections of a token', async (t) => {
  const { port, shop, asFree } = await limited(t, { connections: 2 })
  const head = `GET /v1/topics HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${shop.token}\r\n\r\n`
  const [one, two] = [await opened(t, port, head), await opened(t, port, head)]
  await until(() => one.answer() !== '' && two.answer() !== '')
  const three = await opened(t, port, head)
  await until(() => three.answer() !== '')
  t.match(three.answer(), /^HTTP\/1.1 429 [\s\S]*retry-after: 1[\s\S]*TOO_MANY_CONNECTIONS/i)
  t.equal((await asFree('GET', '/v1/topics')).status, 200)
  one.socket.write(head)
  await until(() => one.answer().split('HTTP/1.1 200').length === 3)
  two.socket.destroy()
  await closed(two.socket)
  const four = await opened(t, port, head)
  await until(() => four.answer() !== '')
  t.match(four.answer(), /^HTTP\/1.1 200 /, 'one that is closed makes room')
})

t.test('a connection that carries the requests of many counts for each of them, until it is closed', async (t) => {
  const many = Array.from({ length: 15 }, (_, i) => holder(`many-${i}`, RIGHTS, ['*'], { connections: 1 }))
  const { port, call } = await startService(t, { TOKENS_FILE: writeTokens(tokensFolder(t), many) })
  const proxy = await opened(t, port)
  for (const [i, { token }] of many.entries()) {
    proxy.socket.write(`GET /v1/topics HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${token}\r\n\r\n`)
    await until(() => proxy.answer().split('HTTP/1.1 200').length === i + 2)
  }
  const own = () => call('GET', '/v1/topics', undefined, many[7].headers)
  t.match(await own(), { status: 429, json: { code: 'TOO_MANY_CONNECTIONS' } })
  proxy.socket.destroy()
  await until(async () => (await own()).status === 200)
})

t.test('connections of an address: those that are too many are told so, and cost no more', async (t) => {
  const { port } = await startService(t, { ADDRESS_CONNECTIONS_MAX: 3 })
  const idle = [await opened(t, port), await opened(t, port), await opened(t, port)]
  const refused = await opened(t, port)
  await closed(refused.socket)
  t.match(refused.answer(), /^HTTP\/1.1 429 Too Many Requests\r\n[\s\S]*Retry-After: 1[\s\S]*TOO_MANY_CONNECTIONS/)
  idle[0].socket.destroy()
  let health = ''
  while (!health.startsWith('HTTP/1.1 200')) {
    const again = await opened(t, port, 'GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')
    await closed(again.socket)
    health = again.answer()
  }
  t.match(health, /"alive":true/)
})

t.test('who was refused and does not hang up holds no connection', async (t) => {
  const { port, call } = await startService(t, { CONNECTIONS_MAX: 5 })
  for (let i = 0; i < 10; i++) {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    t.teardown(() => socket.destroy())
    socket.on('error', () => {}).resume()
    socket.write('hello\r\n\r\n')
    await once(socket, 'end')
  }
  t.equal((await call('GET', '/healthz')).status, 200)
})

t.test('when nearly all connections are taken, those make room that nobody would miss', async (t) => {
  const clock = new ManualClock()
  const { port, call } = await startService(t, { CONNECTIONS_MAX: 10 }, { clock })
  const head = 'GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n'
  const silent: Opened[] = []
  for (let i = 0; i < 4; i++) silent.push(await opened(t, port))
  const used: Opened[] = []
  for (let i = 0; i < 4; i++) {
    const connection = await opened(t, port, head)
    await until(() => connection.answer() !== '')
    used.push(connection)
  }
  t.match(used[0].answer(), /keep-alive: timeout=72/i)
  t.match(used[3].answer(), /keep-alive: timeout=5/i, 'they are told to expect less')
  await call('PUT', '/v1/topics/orders', {})
  const waiting = await opened(
    t,
    port,
    'POST /v1/topics/orders/groups/g/acquire HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 14\r\n\r\n{"wait":"20s"}',
  )
  await until(async () => /^dwell_acquires_waiting 1/m.test((await call('GET', '/metrics')).text))
  const open = () => [...silent, ...used, waiting].map(({ socket }) => !socket.closed)
  await clock.advance(2_000)
  const last = [await opened(t, port)]
  await closed(silent[0].socket)
  t.equal(open().filter((is) => is).length, 8, 'one, and no more than that: the first on which nothing ever came')
  for (let i = 1; i < 4; i++) {
    await clock.advance(1_000)
    last.push(await opened(t, port))
    await closed(silent[i].socket)
  }
  t.strictSame(open().slice(4), [true, true, true, true, true], 'then the others like it; none that was used')
  await clock.advance(1_000)
  last.push(await opened(t, port))
  await closed(last[0].socket)
  for (const { socket } of last) socket.destroy()
  for (const { socket } of used) if (!socket.closed) socket.write(head)
  t.notOk(waiting.socket.closed, 'what waits for its answer stays')
  t.equal((await call('GET', '/healthz')).status, 200)
})

t.test('a flood of silent connections does not cut off who comes back within seconds', async (t) => {
  const clock = new ManualClock()
  const { port, call } = await startService(t, { CONNECTIONS_MAX: 10 }, { clock })
  const head = 'GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n'
  const client = await opened(t, port, head)
  await until(() => client.answer() !== '')
  const flood: Opened[] = []
  for (let i = 0; i < 30; i++) flood.push(await opened(t, port))
  await until(() => flood.filter(({ socket }) => socket.closed).length >= 20)
  await clock.advance(3_000)
  const before = client.answer().length
  client.socket.write(head)
  await until(() => client.answer().length > before)
  await until(async () => (await call('GET', '/healthz').catch(() => ({ status: 0 }))).status === 200)
  t.pass('and a newcomer finds room, when the silent ones have been silent for long enough')
})

t.test('bodies that arrive slowly may not fill the memory together', async (t) => {
  const { port, call } = await startService(t, { ARRIVING_BYTES_MAX: 1024 * 1024 })
  const head = (length: number) =>
    `POST /v1/topics/orders/messages HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n\r\n{`
  const first = await opened(t, port, head(1_000_000))
  const publish = () => call('POST', '/v1/topics/orders/messages', { value: 'x'.repeat(100_000) })
  await until(async () => (await publish()).status === 503)
  t.match(await publish(), { status: 503, headers: { 'retry-after': '1' }, json: { code: 'OVERLOADED' } })
  t.equal((await call('POST', '/v1/topics/orders/messages', { value: 1 })).status, 201, 'a small one has room')
  first.socket.destroy()
  await until(async () => (await publish()).status === 201)
})

t.test('headers and bodies that drip, and connections on which nothing comes, are cut off with 408', async (t) => {
  const { port, call } = await startService(t, { REQUEST_TIMEOUT: 1_000 })
  const drips = {
    headers: await opened(t, port, 'GET /healthz HTTP/1.1\r\nHost: localhost\r\n'),
    body: await opened(
      t,
      port,
      'POST /v1/topics/orders/messages HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{',
    ),
  }
  const silent = await opened(t, port)
  const drip = setInterval(() => {
    for (const { socket } of Object.values(drips)) if (!socket.destroyed) socket.write('a')
  }, 50)
  t.teardown(() => clearInterval(drip))
  for (const [what, { socket, answer }] of Object.entries({ ...drips, silence: silent })) {
    await closed(socket)
    t.match(answer(), /^HTTP\/1.1 408 Request Timeout[\s\S]*REQUEST_TIMEOUT/, what)
  }
  t.equal((await call('GET', '/healthz')).status, 200)
})
