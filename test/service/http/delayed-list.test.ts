import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { formatTime } from '../../../service/time.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { type RunningService, startService } from '../running-service.ts'

const DELAYED = '/v1/topics/orders/delayed'
const HOUR_MS = 3_600_000

interface Listed {
  id: string
  value: unknown
  dueAtMs: number
}

/** All pages from `path` on. */
async function listed({ call }: RunningService, path = DELAYED, limit = 100): Promise<Listed[]> {
  const messages: Listed[] = []
  const join = path.includes('?') ? '&' : '?'
  for (let after: string | null = ''; after !== null; ) {
    const page = await call('GET', `${path}${join}limit=${limit}${after === '' ? '' : `&after=${after}`}`)
    messages.push(...page.json.messages)
    after = page.json.after
  }
  return messages
}

/** What lies in the data directory, by name; a lock of the operating system and the journal's clock are not in it. */
function contentOf(directory: string): Record<string, string> {
  const files = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  return Object.fromEntries(
    files.map(({ parentPath, name }) => {
      const path = join(parentPath, name)
      return [path, createHash('sha1').update(readFileSync(path)).digest('hex')]
    }),
  )
}

t.test('a delayed message is listed as it was published, with its due time and its id', async (t) => {
  const clock = new ManualClock()
  const { call, publish } = await startService(t, {}, { clock })
  const { results } = (
    await publish('orders', {
      messages: [
        { value: { order: 17 }, key: 'customer-4', headers: { trace: 'abc' }, delay: '30s', id: 'order-17' },
        { valueBase64: '/+8=', delay: '20s', partition: 3 },
        { value: 'at once' },
      ],
    })
  ).json
  const { status, json, headers } = await call('GET', DELAYED)
  t.equal(status, 200)
  t.match(headers['content-type'], 'application/json')
  const [first, second] = [clock.wallMs() + 20_000, clock.wallMs() + 30_000]
  t.strictSame(json, {
    messages: [
      {
        dueAt: formatTime(first),
        dueAtMs: first,
        partition: 3,
        key: null,
        valueBase64: '/+8=',
        headers: {},
        id: results[1].id,
      },
      {
        dueAt: formatTime(second),
        dueAtMs: second,
        key: 'customer-4',
        value: { order: 17 },
        headers: { trace: 'abc' },
        id: 'order-17',
      },
    ],
    after: null,
  })
})

t.test('the list is in order of due time, a page at a time, and only of its topic', async (t) => {
  const clock = new ManualClock()
  const service = await startService(t, { WHEEL_SLOTS: 60 }, { clock })
  // Within reach and beyond, several of one millisecond.
  const delays = Array.from({ length: 300 }, (_, i) => 1_000 + ((i * 7919) % 400) * 1_000)
  await service.publish('orders', { messages: delays.map((delay, value) => ({ value, delay })) })
  await service.publish('invoices', { messages: delays.map((delay) => ({ value: 'other', delay })) })
  const inOrder = delays.map((delay, value) => ({ delay, value })).sort((a, b) => a.delay - b.delay)
  const wanted = inOrder.map(({ value }) => value)
  for (const limit of [7, 100, 1000]) {
    t.strictSame(
      (await listed(service, DELAYED, limit)).map(({ value }) => value),
      wanted,
      `in pages of ${limit}`,
    )
  }
  const fromMs = clock.wallMs() + 20_000
  const toMs = clock.wallMs() + 200_000
  const between = inOrder.filter(({ delay }) => delay >= 20_000 && delay < 200_000).map(({ value }) => value)
  for (const [from, to] of [
    [fromMs, toMs],
    [formatTime(fromMs), formatTime(toMs)],
  ]) {
    t.strictSame(
      (await listed(service, `${DELAYED}?from=${from}&to=${to}`, 50)).map(({ value }) => value),
      between,
    )
  }
  t.strictSame(await listed(service, `${DELAYED}?from=${fromMs}&to=${fromMs}`), [])
  t.strictSame(await listed(service, `${DELAYED}?from=${clock.wallMs() + HOUR_MS}`), [])
})

t.test('what is cancelled or dispatched is not listed; what is rescheduled is, where it is then', async (t) => {
  const clock = new ManualClock()
  const service = await startService(t, { WHEEL_SLOTS: 60 }, { clock })
  const { call, publish } = service
  const ids = ['a', 'b', 'c', 'd', 'e']
  await publish('orders', { messages: ids.map((id, i) => ({ value: id, id, delay: `${10 * (i + 1)}s` })) })
  await call('DELETE', `${DELAYED}/b`)
  t.equal((await call('PATCH', `${DELAYED}/a`, { delay: '45s' })).status, 200)
  t.equal((await call('PATCH', `${DELAYED}/c`, { delay: '30d' })).status, 200, 'beyond the reach')
  await call('POST', `${DELAYED}/e/dispatch`)
  const start = clock.wallMs()
  t.strictSame(
    (await listed(service)).map(({ id, dueAtMs }) => [id, dueAtMs - start]),
    [
      ['d', 40_000],
      ['a', 45_000],
      ['c', 30 * 24 * HOUR_MS],
    ],
  )
  await clock.advance(40_000)
  while ((await call('GET', `${DELAYED}/d`)).json.state === 'pending') await clock.advance(0)
  t.strictSame(
    (await listed(service)).map(({ id }) => id),
    ['a', 'c'],
  )
})

t.test('pages stay right while the wheel goes on between them: nothing is missing, nothing comes twice', async (t) => {
  const clock = new ManualClock()
  // Little memory, so that slots are written to their files meanwhile.
  const service = await startService(t, { WHEEL_SLOTS: 60, WHEEL_MEMORY_BYTES: 64 * 1024 }, { clock })
  const { call, publish } = service
  const padding = 'x'.repeat(200)
  const at = (value: number) => 1_000 + value * 100
  const messages = Array.from({ length: 1_500 }, (_, value) => ({ value, headers: { padding }, delay: at(value) }))
  await publish('orders', { messages: messages.toReversed() })
  const seen: number[] = []
  let stale = 0
  for (let after: string | null = '', page = 0; after !== null; page++) {
    const { json } = await call('GET', `${DELAYED}?limit=40${after === '' ? '' : `&after=${after}`}`)
    for (const { value, dueAtMs } of json.messages) {
      if (dueAtMs < clock.wallMs() - 1_000) stale++
      seen.push(value)
    }
    after = json.after
    // The hand follows, and passes where the pages are now and then.
    await clock.advance(page % 5 === 4 ? 12_000 : 1_500)
    while ((await call('GET', '/v1/forecast')).json.overdue > 0) await clock.advance(0)
    if (page % 4 === 0) await publish('orders', { messages: [{ value: -1 - page, delay: '100d' }] })
  }
  t.equal(stale, 0, 'what was dispatched long ago is not listed')
  const pages = seen.filter((value) => value >= 0)
  t.strictSame(
    pages,
    pages.toSorted((a, b) => a - b),
    'in order',
  )
  t.equal(new Set(seen).size, seen.length, 'each once')
  const topic = (await call('GET', '/v1/topics/orders')).json.partitions
  const dispatched = topic.reduce((sum: number, { highWatermark }: { highWatermark: number }) => sum + highWatermark, 0)
  t.ok(dispatched + pages.length >= 1_500, 'every message was listed, or had been dispatched')
})

t.test('a page that would take too much work is short, and the next one goes on', async (t) => {
  const service = await startService(t, {}, { clock: new ManualClock() })
  const seconds = Array.from({ length: 900 }, (_, i) => i + 1)
  await service.publish('orders', { messages: seconds.map((value) => ({ value, delay: `${value}s` })) })
  const { json } = await service.call('GET', `${DELAYED}?limit=1000`)
  t.ok(json.messages.length < 900 && json.after !== null, `a message a second: ${json.messages.length}`)
  t.strictSame(
    (await listed(service, DELAYED, 1_000)).map(({ value }) => value),
    seconds,
  )
})

t.test('looking changes nothing', async (t) => {
  const clock = new ManualClock()
  const settings = { WHEEL_SLOTS: 60, WHEEL_MEMORY_BYTES: 64 * 1024, CHECKPOINT_INTERVAL: HOUR_MS }
  const service = await startService(t, settings, { clock })
  const messages = Array.from({ length: 2_000 }, (_, i) => ({
    value: 'x'.repeat(100),
    delay: 1_000 + (i % 120) * 1_000,
  }))
  await service.publish('orders', { messages })
  await listed(service)
  await clock.advance(10)
  const before = contentOf(service.directory)
  t.equal((await listed(service)).length, 2_000)
  await service.call('GET', '/v1/forecast?minutes=1')
  await service.call('GET', '/metrics')
  t.strictSame(contentOf(service.directory), before)
})

t.test('what is wrong with a request is said', async (t) => {
  const { call, publish } = await startService(t)
  await publish('orders', { value: 1, delay: '1h' })
  const cases: [query: string, status: number, code: string, field?: string][] = [
    ['limit=0', 400, 'INVALID_FIELD', 'limit'],
    ['limit=1.5', 400, 'INVALID_FIELD', 'limit'],
    ['limit=1001', 400, 'INVALID_FIELD', 'limit'],
    ['limit=1e9', 400, 'INVALID_FIELD', 'limit'],
    ['limit=-1', 400, 'INVALID_FIELD', 'limit'],
    ['limit=ten', 400, 'INVALID_FIELD', 'limit'],
    ['limit=1&limit=2', 400, 'INVALID_FIELD', 'limit'],
    ['limt=1', 400, 'UNKNOWN_FIELD', 'limt'],
    ['after=x', 400, 'CURSOR_INVALID', 'after'],
    ['after=', 400, 'CURSOR_INVALID', 'after'],
    [`after=${'z'.repeat(26)}`, 400, 'CURSOR_INVALID', 'after'],
    ['from=yesterday', 400, 'INVALID_TIME', 'from'],
    ['from=-1', 400, 'INVALID_TIME', 'from'],
    ['to=2026-11-31T00:00:00Z', 400, 'INVALID_TIME', 'to'],
    ['from=2026-11-22T00:00:00Z&to=2026-11-21T00:00:00Z', 400, 'INVALID_FIELD', 'from'],
  ]
  for (const [query, status, code, field] of cases) {
    t.match(await call('GET', `${DELAYED}?${query}`), { status, json: { code, field } }, query)
  }
  t.match(await call('GET', '/v1/topics/nowhere/delayed'), { status: 404, json: { code: 'TOPIC_NOT_FOUND' } })
  t.match(await call('GET', '/v1/topics/__delay/delayed'), { status: 400, json: { code: 'INVALID_NAME' } })
  t.match(await call('POST', DELAYED), { status: 405, json: { code: 'METHOD_NOT_ALLOWED' } })
})
