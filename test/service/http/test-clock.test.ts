// The test clock over HTTP: days in a blink. Real sockets, a real disk, a real process.

import Fastify from 'fastify'
import t, { type Test } from 'tap'
import type { HttpParts } from '../../../service/http/parts.ts'
import { testClockRoutes } from '../../../service/http/test-clock.ts'
import { compileValidator } from '../../../service/http/validation.ts'
import type { Settings } from '../../../service/settings.ts'
import { TestClock } from '../../../service/test-clock.ts'
import { Subject } from '../../faults/subject.ts'
import { EndedEarly } from '../../support/dwell-process.ts'
import { ManualClock, settle } from '../../support/manual-clock.ts'
import { type RunningService, startService } from '../running-service.ts'

const DAY_MS = 86_400_000

function start(t: Test, settings: Partial<Settings> = {}, directory?: string): Promise<RunningService> {
  return startService(t, { TEST_CLOCK: true, ...settings }, directory === undefined ? {} : { directory })
}

const advance = (service: RunningService, by: unknown) => service.call('POST', '/v1/test/clock', { advance: by })
const acquire = (service: RunningService, topic: string, body: unknown = {}) =>
  service.call('POST', `/v1/topics/${topic}/groups/g/acquire`, body)
const acknowledge = (service: RunningService, topic: string, receipt: string, more: object) =>
  service.call('POST', `/v1/topics/${topic}/groups/g/acknowledge`, { acknowledgements: [{ receipt, ...more }] })

t.test('what is due in 3 and in 300 days is published, looked up, advanced to and acquired at once', async (t) => {
  const service = await start(t)
  const beganMs = performance.now()
  const published = await service.publish('orders', {
    messages: [
      { value: 'in three days', delay: '3d' },
      { value: 'in 300 days', delay: '300d', id: 'far' },
    ],
  })
  t.equal(published.status, 201)
  const [near, far] = published.json.results
  const stateOf = async (id: string) => (await service.call('GET', `/v1/topics/orders/delayed/${id}`)).json.state
  t.strictSame([await stateOf(near.id), await stateOf(far.id)], ['pending', 'pending'])

  const moved = await advance(service, '3d')
  t.match(moved, { status: 200, json: { dispatched: true } })
  t.equal(Date.parse(moved.json.now), moved.json.nowMs)
  t.strictSame([await stateOf(near.id), await stateOf(far.id)], ['dispatched', 'pending'])
  t.match((await acquire(service, 'orders')).json.records, [{ value: 'in three days' }])

  t.match(await advance(service, '297d'), { status: 200, json: { dispatched: true } })
  t.equal(await stateOf(far.id), 'dispatched')
  t.match((await acquire(service, 'orders')).json.records, [{ value: 'in 300 days', id: 'far' }])
  const tookMs = performance.now() - beganMs
  t.comment(`it took ${Math.round(tookMs)} ms`)
})

t.test('a year in one step passes over empty time: a message a day is dispatched in order, and quickly', async (t) => {
  const service = await start(t)
  const messages = Array.from({ length: 365 }, (_, i) => ({ value: i + 1, delay: `${i + 1}d`, partition: 0 }))
  await service.publish('daily', { messages: messages.reverse() })
  const beganMs = performance.now()
  t.match(await advance(service, '365d'), { status: 200, json: { dispatched: true } })
  const tookMs = performance.now() - beganMs
  t.ok(tookMs < 2_000, `${Math.round(tookMs)} ms`)
  const { json } = await service.call('GET', '/v1/topics/daily/partitions/0/records?limit=1000')
  t.strictSame(
    json.records.map(({ value }: { value: number }) => value),
    messages.map(({ value }) => value).reverse(),
  )
})

t.test('locks and tiers run out by it, and so do calls that wait', async (t) => {
  const service = await start(t)
  await service.publish('orders', { value: 'v' })
  await service.call('PUT', '/v1/topics/orders/groups/g', { retry: ['1h', '2d'], lock: '30s' })
  const first = (await acquire(service, 'orders')).json.records[0]
  const deliver = async () => (await acquire(service, 'orders', { wait: '10s' })).json.records[0]

  await advance(service, '31s')
  t.match((await acknowledge(service, 'orders', first.receipt, { type: 'accept' })).json.results, [
    { state: 'invalid' },
  ])
  t.strictSame((await acquire(service, 'orders')).json.records, [], 'the first tier is an hour')
  await advance(service, '1h')
  const second = await deliver()
  t.match(second, { deliveryCount: 2 })
  t.match((await acknowledge(service, 'orders', second.receipt, { type: 'release' })).json.results, [
    { state: 'retrying', tier: '2d' },
  ])
  await advance(service, '47h')
  t.strictSame((await acquire(service, 'orders')).json.records, [])
  await advance(service, '1h')
  const third = await deliver()
  t.match(third, { deliveryCount: 3 })

  const waiting = acquire(service, 'orders', { wait: '4m' })
  await service.call('GET', '/healthz')
  await advance(service, '5m')
  t.strictSame((await waiting).json.records, [], 'who waited four minutes has waited them')
})

t.test('what cannot be advanced by is refused, and moves nothing', async (t) => {
  const service = await start(t)
  const before = (await advance(service, 0)).json
  const table: [unknown, string][] = [
    [-1, 'INVALID_DURATION'],
    ['-3d', 'INVALID_DURATION'],
    ['soon', 'INVALID_DURATION'],
    ['', 'INVALID_DURATION'],
    ['3 days', 'INVALID_DURATION'],
    [1e300, 'INVALID_DURATION'],
    [Number.MAX_SAFE_INTEGER, 'INVALID_DURATION'],
    ['100000000000d', 'INVALID_DURATION'],
    ['2920000d', 'INVALID_DURATION'],
    [null, 'INVALID_FIELD'],
    [true, 'INVALID_FIELD'],
    [['3d'], 'INVALID_FIELD'],
    [{ days: 3 }, 'INVALID_FIELD'],
  ]
  for (const [by, code] of table) {
    t.match(await advance(service, by), { status: 400, json: { code } }, `advance ${JSON.stringify(by)}`)
  }
  const wrong = { advance: '1s', by: 'x' }
  t.match(await service.call('POST', '/v1/test/clock', wrong), { status: 400, json: { code: 'UNKNOWN_FIELD' } })
  t.match(await service.call('POST', '/v1/test/clock', {}), { status: 400, json: { code: 'MISSING_FIELD' } })
  t.match(await service.call('POST', '/v1/test/clock', '{"advance"'), { status: 400, json: { code: 'INVALID_JSON' } })
  t.match(await service.call('POST', '/v1/test/clock?advance=1', {}), { status: 400 })
  const after = (await advance(service, '0s')).json
  t.ok(after.nowMs - before.nowMs < 60_000, 'zero moves nothing')
})

t.test('it goes as far as a delay from there can still be written, and not a day further', async (t) => {
  const service = await start(t, { DELAY_MAX: 10 * DAY_MS })
  const lastMs = Date.UTC(9999, 11, 31, 23, 59, 59, 999)
  const { nowMs } = (await advance(service, 0)).json
  const room = Math.floor((lastMs - nowMs) / DAY_MS) - 11
  t.match(await advance(service, `${room}d`), { status: 200, json: { dispatched: true } })
  t.match(await advance(service, '2d'), { status: 400, json: { code: 'INVALID_DURATION', field: 'advance' } })
  const published = await service.publish('orders', { value: 'v', delay: '10d' })
  t.match(published.json.results, [{ dueAt: /^9999-12-/ }])
})

t.test('two at once are added up, one after the other', async (t) => {
  const service = await start(t)
  const { nowMs } = (await advance(service, 0)).json
  await service.publish('orders', { messages: [{ value: 1, delay: '5d' }, { value: 2, delay: '9d' }] }) // biome-ignore format: one line
  const answers = await Promise.all([advance(service, '3d'), advance(service, '3d'), advance(service, '3d')])
  t.strictSame(answers.map(({ json }) => Math.floor((json.nowMs - nowMs) / DAY_MS)).sort(), [3, 6, 9])
  t.equal((await acquire(service, 'orders')).json.records.length, 2)
})

t.test('after a restart it goes on where it was, and the other kind of start is refused', async (t) => {
  const first = await start(t)
  const { directory } = first
  await first.publish('orders', { messages: [{ value: 'a', delay: '3d' }, { value: 'b', delay: '20d' }] }) // biome-ignore format: one line
  const { nowMs } = (await advance(first, '10d')).json
  await first.stop()
  await t.rejects(startService(t, {}, { directory }), { code: 'TEST_CLOCK_REFUSED', message: /is for tests/ })
  const second = await start(t, {}, directory)
  const now = (await advance(second, 0)).json.nowMs
  t.ok(now >= nowMs && now < nowMs + 60_000, 'the same day')
  t.match((await second.call('GET', '/readyz')).json, { ready: true, clock: 'followed' })
  await advance(second, '10d')
  t.equal((await acquire(second, 'orders')).json.records.length, 2)
})

t.test('a directory that was used without it is never used with it', async (t) => {
  const first = await startService(t)
  const { directory } = first
  t.match(await advance(first, '3d'), { status: 404, json: { code: 'ROUTE_NOT_FOUND' } }, 'no such route')
  t.notMatch((await first.call('GET', '/openapi.json')).text, /test\/clock/)
  await first.stop()
  await t.rejects(start(t, {}, directory), { code: 'TEST_CLOCK_REFUSED', message: /used without a test clock/ })
  await startService(t, {}, { directory })
})

t.test('an advance while the service stops is answered, whatever it came to', async (t) => {
  const first = await start(t)
  const { directory } = first
  const { nowMs } = (await advance(first, 0)).json
  const moving = Array.from({ length: 5 }, () => advance(first, '1d').catch(() => undefined))
  await settle()
  await first.stop()
  const answers = await Promise.all(moving)
  for (const answer of answers) t.ok(answer === undefined || [200, 503].includes(answer.status), `${answer?.status}`)
  const moved = answers.filter((answer) => answer?.status === 200).length
  const second = await start(t, {}, directory)
  const days = Math.floor(((await advance(second, 0)).json.nowMs - nowMs) / DAY_MS)
  t.ok(days >= moved, `${days} days for ${moved} answers`)
})

t.test('a call does not wait for ever for what is due: it says that it is not all dispatched', async (t) => {
  const machine = new ManualClock()
  const testClock = new TestClock({ clock: machine, aheadMs: 0, spareMs: 0, remember: async () => {} })
  const parts = { wheel: { untilDispatched: () => new Promise(() => {}) }, stopping: new AbortController().signal }
  const app = Fastify().setValidatorCompiler(compileValidator)
  testClockRoutes(app, parts as unknown as HttpParts, testClock)
  const asked = app.inject({ method: 'POST', url: '/v1/test/clock', payload: { advance: '1s' } })
  while (machine.nextTimerInMs === Number.POSITIVE_INFINITY) await settle()
  await machine.advance(5 * 60_000)
  t.match((await asked).json(), { dispatched: false })
})

t.test('a stop that comes while the clock is moved is not waited out', async (t) => {
  const stopping = new AbortController()
  const remember = async () => stopping.abort()
  const testClock = new TestClock({ clock: new ManualClock(), aheadMs: 0, spareMs: 0, remember })
  const parts = { wheel: { untilDispatched: () => new Promise(() => {}) }, stopping: stopping.signal }
  const app = Fastify().setValidatorCompiler(compileValidator)
  testClockRoutes(app, parts as unknown as HttpParts, testClock)
  const asked = app.inject({ method: 'POST', url: '/v1/test/clock', payload: { advance: '1s' } })
  const answer = await Promise.race([asked, settle(200)])
  t.match(answer?.json(), { dispatched: false })
})

t.test('the real process: --test-clock, kill -9, and the refusal of another kind of start', async (t) => {
  const program = ['service/main.ts', 'serve', '--test-clock']
  const subject = new Subject(t, { program })
  const { client } = await subject.start()
  await subject.publish('orders', 1, 10, { delay: '3d' })
  await subject.publish('orders', 1, 10, { delay: '300d' })
  const by = (advance: string | number) => client.call('POST', '/v1/test/clock', { body: { advance } })
  const { nowMs } = (await by('3d')).json as { nowMs: number }
  t.strictSame(await subject.acceptAll('orders', '0s'), [0])
  await subject.process.kill()
  const refused = new Subject(t, { beside: subject, dataDirectory: subject.dataDirectory })
  await t.rejects(refused.start(), EndedEarly)
  t.match(refused.lines().at(-1), { level: 'fatal', code: 'TEST_CLOCK_REFUSED' })
  const again = await subject.start()
  const later = await again.client.call('POST', '/v1/test/clock', { body: { advance: '297d' } })
  t.ok((later.json as { nowMs: number }).nowMs >= nowMs + 297 * DAY_MS)
  t.strictSame(await subject.acceptAll('orders', '0s'), [1])
})
