// What a call does when the service refuses, breaks off, is slow, or is somebody else; and what is tried again.

import t from 'tap'
import { CallError, type ClientOptions, DwellClient } from '../../../service/client/index.ts'
import { until } from '../../support/until.ts'
import { ManualSurroundings, turns } from './manual-surroundings.ts'
import { scriptedService } from './scripted-service.ts'

const client = (t: { teardown(task: () => void): void }, options: ClientOptions) => {
  const made = new DwellClient(options)
  t.teardown(() => made.close())
  return made
}

t.test('a refusal has its code, its sentence and its fields', async (t) => {
  const service = await scriptedService(t, (_asked, answer) => answer.problem(400, 'DELAY_TOO_LONG', { limit: '366d' }))
  const error = await client(t, { url: service.url }).publish('orders', { value: 1 }).catch((error) => error) // biome-ignore format: short
  t.ok(error instanceof CallError)
  t.match(error, { code: 'DELAY_TOO_LONG', status: 400, retryable: false, harmless: true, message: 'DELAY_TOO_LONG.' })
  t.same(error.fields, { limit: '366d' })
})

t.test('what may help is tried again, not before the service asks for it', async (t) => {
  const surroundings = new ManualSurroundings()
  const service = await scriptedService(t, (_asked, answer, index) => {
    if (index < 2) answer.problem(503, 'OVERLOADED', {}, { 'retry-after': '3' })
    else answer.json(200, { topics: [] })
  })
  const listed = client(t, { url: service.url, surroundings }).topics.list()
  await untilSettled(() => service.asked.length === 1)
  await surroundings.advance(2_900)
  t.equal(service.asked.length, 1, 'not yet')
  await surroundings.advance(700)
  await untilSettled(() => service.asked.length === 2)
  await surroundings.advance(4_000)
  t.same(await listed, [])
  t.equal(service.asked.length, 3)
  t.equal(surroundings.waiting, 0, 'no timer is left')
})

t.test('tries end when their time is over', async (t) => {
  const service = await scriptedService(t, (_asked, answer) => answer.problem(503, 'OVERLOADED'))
  const surroundings = new ManualSurroundings()
  const failed = client(t, { url: service.url, surroundings, retryForMs: 1_000 }).topics.list().catch((error) => error) // biome-ignore format: short
  for (let i = 0; i < 20; i++) {
    await settled()
    await surroundings.advance(100)
  }
  t.match(await failed, { code: 'OVERLOADED', retryable: true })
  t.ok(service.asked.length >= 3 && service.asked.length <= 6, `${service.asked.length} tries`)
  const once = client(t, { url: service.url, retryForMs: 0 })
  const before = service.asked.length
  await t.rejects(once.topics.list(), { code: 'OVERLOADED' })
  t.equal(service.asked.length, before + 1, 'a single try')
})

t.test('a machine that was suspended does not repeat what the service may have forgotten', async (t) => {
  const service = await scriptedService(t, (_asked, answer) => answer.hangUp())
  const surroundings = new ManualSurroundings()
  const published = client(t, { url: service.url, surroundings }).publish('orders', { value: 1 })
  published.catch(() => {})
  await untilSettled(() => service.asked.length === 1)
  surroundings.suspend(3_600_000)
  await surroundings.advance(1_000)
  await t.rejects(published, { code: 'CONNECTION_LOST' })
  t.equal(service.asked.length, 1)
})

t.test('a lost answer: what has an id is published again under it, what has none is not', async (t) => {
  const service = await scriptedService(t, (_asked, answer, index) => {
    if (index === 0) answer.hangUp()
    else if (index === 1) answer.hangUp(true)
    else answer.json(201, { results: [{ topic: 'orders', partition: 0, offset: 5, id: 'x', duplicate: true }] })
  })
  const safe = await client(t, { url: service.url }).publish('orders', { value: 1 })
  t.same(safe, { topic: 'orders', partition: 0, offset: 5, id: 'x' }, 'a duplicate of our own first try is none')
  const ids = service.asked.map(({ body }) => JSON.parse(body).id)
  t.equal(new Set(ids).size, 1, 'the same id each time')
  service.asked.length = 0
  await t.rejects(client(t, { url: service.url }).publish('orders', { value: 1 }, { generateIds: false }), {
    code: 'CONNECTION_LOST',
    harmless: false,
  })
  t.equal(service.asked.length, 1)
})

t.test('a call without an id is repeated where it is certain that nothing was done', async (t) => {
  const service = await scriptedService(t, (_asked, answer, index) => {
    if (index === 0) answer.problem(429, 'TOO_MANY_REQUESTS')
    else if (index === 1) answer.problem(503, 'STARTING')
    else answer.json(202, { task: 'a' })
  })
  t.equal(await client(t, { url: service.url }).deadLetters('orders', 'g').redrive(), 'a')
  const lost = await scriptedService(t, (_asked, answer) => answer.hangUp())
  await t.rejects(client(t, { url: lost.url }).deadLetters('orders', 'g').redrive(), { code: 'CONNECTION_LOST' })
  t.equal(lost.asked.length, 1)
})

t.test('a signal ends a call at once, with its reason; a slow one ends in time', async (t) => {
  const service = await scriptedService(t, () => {})
  const reason = new Error('enough')
  const abort = new AbortController()
  const called = client(t, { url: service.url }).topics.list({ signal: abort.signal })
  await untilSettled(() => service.asked.length === 1)
  abort.abort(reason)
  t.equal(await called.catch((error) => error), reason)
  await t.rejects(client(t, { url: service.url }).topics.list({ signal: AbortSignal.abort(reason) }), reason)
  const surroundings = new ManualSurroundings()
  const slow = client(t, { url: service.url, surroundings, timeoutMs: 5_000, retryForMs: 0 }).topics.list()
  slow.catch(() => {})
  await untilSettled(() => service.asked.length === 2)
  await surroundings.advance(5_000)
  await t.rejects(slow, {
    code: 'TIMED_OUT',
    retryable: true,
    harmless: false,
    message: /did not answer within 5000 ms/,
  })
})

t.test('what an answer that has begun hands over is taken, whatever the signal says', async (t) => {
  const records = [{ receipt: 'r', value: 1 }]
  let finish = () => {}
  const service = await scriptedService(t, (_asked, answer) => {
    finish = answer.begin({ records })
  })
  const abort = new AbortController()
  const made = client(t, { url: service.url })
  const acquired = made.group('orders', 'g').acquire({ signal: abort.signal })
  await untilSettled(() => service.asked.length === 1)
  abort.abort(new Error('enough'))
  finish()
  t.same(await acquired, { records })
  const listed = made.topics.list({ signal: AbortSignal.any([abort.signal]) })
  await t.rejects(listed, /enough/)
})

t.test('somebody else at the address, or more than is taken', async (t) => {
  const page = await scriptedService(t, (asked, answer) => {
    if (asked.path === '/v1/redrives') answer.text(502, '<html>Bad Gateway</html>')
    else answer.text(200, '<html>Welcome</html>')
  })
  const once = client(t, { url: page.url, retryForMs: 0 })
  await t.rejects(once.topics.list(), { code: 'ANSWER_UNREADABLE', retryable: false })
  await t.rejects(once.redrives.list(), { code: 'ANSWER_UNREADABLE', status: 502, retryable: true })
  const large = await scriptedService(t, (_asked, answer) => answer.json(200, { topics: ['x'.repeat(5_000)] }))
  await t.rejects(client(t, { url: large.url, answerBytesMax: 1_000 }).topics.list(), { code: 'ANSWER_TOO_LARGE' })
  await t.rejects(client(t, { url: 'http://127.0.0.1:1', retryForMs: 0 }).topics.list(), {
    code: 'UNREACHABLE',
    status: 0,
    retryable: true,
    harmless: true,
  })
})

t.test('what is sent: the token, a path before ours, names as they are', async (t) => {
  const service = await scriptedService(t, (_asked, answer) => answer.json(200, { records: [] }))
  const made = client(t, { url: `${service.url}/dwell/`, token: 'abc' })
  await made.group('a/b c', '..').acquire({ max: 5, waitMs: 10, lockMs: 1_000 })
  const [{ path, headers, body }] = service.asked
  t.equal(path, '/dwell/v1/topics/a%2Fb%20c/groups/%2E%2E/acquire')
  t.equal(headers.authorization, 'Bearer abc')
  t.same(JSON.parse(body), { max: 5, wait: 10, lock: 1_000 })
})

t.test('what cannot be sent is refused here', async (t) => {
  for (const url of ['nonsense', 'ftp://host', 'http://user:secret@host', 'http://host/?a=1'])
    t.throws(() => new DwellClient({ url }), { code: 'INVALID_ARGUMENT' }, url)
  t.throws(() => new DwellClient({ token: 'with blank' }), { code: 'INVALID_ARGUMENT' })
  const made = client(t, { url: 'http://127.0.0.1:1' })
  const circle: Record<string, unknown> = {}
  circle.self = circle
  for (const value of [undefined, circle, 1n])
    await t.rejects(made.publish('orders', { value }), { code: 'INVALID_ARGUMENT', retryable: false })
  await t.rejects(made.publish('orders', { value: 1, deliverAt: new Date(Number.NaN) }), { code: 'INVALID_ARGUMENT' })
})

t.test('a closed client ends what is under way and takes nothing more', async (t) => {
  const service = await scriptedService(t, () => {})
  const made = new DwellClient({ url: service.url })
  const called = made.topics.list()
  called.catch(() => {})
  await untilSettled(() => service.asked.length === 1)
  made.close()
  await t.rejects(called, { code: 'CONNECTION_LOST' })
  await t.rejects(made.topics.list(), { code: 'CLIENT_CLOSED' })
})

/** So, and what else was under way has arrived too. */
async function untilSettled(isSo: () => boolean): Promise<void> {
  await until(isSo)
  await settled()
}

/** What is on its way through the sockets of this machine has arrived. */
async function settled(): Promise<void> {
  for (let i = 0; i < 5; i++) await turns()
}
