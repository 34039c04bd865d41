// A publish that is repeated under its ids changes nothing and answers the first results: in every form of request, whatever
// became of the messages meanwhile, and whichever of them are new.

import t from 'tap'
import { formatTime } from '../../../service/time.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { type RunningService, startService } from '../running-service.ts'

const COUNT = 500

interface Result {
  id: string
  partition?: number
  offset?: number
  dueAt?: string
  duplicate?: boolean
  state?: string
}

/** The ways to say the same messages. */
const FORMS: Record<string, (messages: object[]) => [body: unknown, headers?: Record<string, string>]> = {
  'a JSON batch': (messages) => [{ messages }],
  lines: (messages) => [
    messages.map((message) => JSON.stringify(message)).join('\n'),
    { 'content-type': 'application/x-ndjson' },
  ],
}

/** A third at once, a third later, a third much later. */
function messageOf(n: number) {
  return { id: `m-${n}`, value: n, key: `k-${n % 7}`, ...(n % 3 > 0 && { delay: n % 3 === 1 ? '10s' : '3h' }) }
}

async function publishAll(service: RunningService, form: string, numbers: number[]): Promise<Result[]> {
  const [body, headers] = FORMS[form](numbers.map(messageOf))
  const { status, json } = await service.call('POST', '/v1/topics/orders/messages', body, headers)
  if (status !== 201) throw new Error(`publishing answered ${status}: ${JSON.stringify(json)}`)
  return json.results
}

async function recordsIn(service: RunningService, topic: string): Promise<number> {
  const { partitions } = (await service.call('GET', `/v1/topics/${topic}`)).json
  return partitions.reduce((sum: number, { highWatermark }: { highWatermark: number }) => sum + highWatermark, 0)
}

const upTo = (count: number) => Array.from({ length: count }, (_, n) => n)

for (const form of Object.keys(FORMS)) {
  t.test(`${form} of which some ids are known publishes the others, over a restart too`, async (t) => {
    const clock = new ManualClock()
    let service = await startService(t, {}, { clock })
    const known = upTo(COUNT).filter((n) => n % 5 < 2)
    const first = new Map((await publishAll(service, form, known)).map((result) => [result.id, result]))
    const cancelled = `m-${known.find((n) => n % 3 === 2)}`
    await service.call('DELETE', `/v1/topics/orders/delayed/${cancelled}`)
    for (let i = 0; i < 12; i++) await clock.advance(1_000)
    for (const { id } of [...first.values()].filter(({ id }) => Number(id.slice(2)) % 3 === 1)) {
      while ((await service.call('GET', `/v1/topics/orders/delayed/${id}`)).json.state !== 'dispatched') {
        await clock.advance(0)
      }
    }
    await service.stop()
    service = await startService(t, {}, { clock, directory: service.directory })
    const before = await recordsIn(service, 'orders')
    const results = await publishAll(service, form, upTo(COUNT))
    t.strictSame(
      results.map(({ id }) => id),
      upTo(COUNT).map((n) => `m-${n}`),
      'a result for each, in order',
    )
    for (const result of results) {
      const earlier = first.get(result.id)
      if (earlier === undefined) t.notOk(result.duplicate, `${result.id} is new`)
      else {
        const state = result.id === cancelled ? { state: 'cancelled' } : {}
        t.strictSame(result, { ...earlier, duplicate: true, ...state }, `${result.id} was known`)
      }
    }
    const newNow = upTo(COUNT).filter((n) => n % 5 >= 2 && n % 3 === 0).length
    t.equal(await recordsIn(service, 'orders'), before + newNow, 'only what is new is in the log')
    const again = await publishAll(service, form, upTo(COUNT))
    t.ok(
      again.every(({ duplicate }) => duplicate),
      'and once more: all are known',
    )
    t.equal(await recordsIn(service, 'orders'), before + newNow)
  })
}

t.test('two batches at once that share ids publish each of them once, and answer the same places', async (t) => {
  const service = await startService(t)
  const batches = [upTo(COUNT), upTo(COUNT).map((n) => n + COUNT / 2), upTo(COUNT).reverse()]
  const answers = await Promise.all(batches.map((numbers) => publishAll(service, 'lines', numbers)))
  const places = new Map<string, string[]>()
  for (const { id, duplicate, ...place } of answers.flat()) {
    places.set(id, [...(places.get(id) ?? []), JSON.stringify(place)])
    t.ok(duplicate === undefined || duplicate === true)
  }
  t.equal(places.size, COUNT * 1.5)
  for (const [id, said] of places) if (new Set(said).size > 1) t.fail(`${id} has two places`, { said })
  t.equal(
    answers.flat().filter(({ duplicate }) => !duplicate).length,
    places.size,
    'one answer for each id is no duplicate',
  )
  const now = [...places.keys()].filter((id) => Number(id.slice(2)) % 3 === 0)
  t.equal(await recordsIn(service, 'orders'), now.length)
})

t.test('what a duplicate is told, by what became of its message', async (t) => {
  const clock = new ManualClock()
  const service = await startService(t, { DEDUPLICATION_WINDOW: 60_000 }, { clock })
  const { call } = service
  const publish = async (id: string, delay: string | 0): Promise<Result> => {
    const { json } = await call('POST', `/v1/topics/orders/raw?id=${id}&delay=${delay}`, Buffer.from([1, 255]))
    return json.results[0]
  }
  const at = (id: string) => `/v1/topics/orders/delayed/${id}`
  const first: Record<string, Result> = {}
  for (const id of ['pending', 'cancelled', 'moved', 'dispatched']) first[id] = await publish(id, '1h')
  first.published = await publish('published', 0)
  await call('DELETE', at('cancelled'))
  const moved = (await call('PATCH', at('moved'), { delay: '2h' })).json
  await call('POST', `${at('dispatched')}/dispatch`)
  const expected: [id: string, Partial<Result>][] = [
    ['pending', first.pending],
    ['cancelled', { ...first.cancelled, state: 'cancelled' }],
    ['moved', { ...first.moved, dueAt: moved.dueAt, dueAtMs: moved.dueAtMs } as Partial<Result>],
    // It was due when somebody said now.
    ['dispatched', { id: first.dispatched.id, dueAt: formatTime(clock.wallMs()) }],
    ['published', first.published],
  ]
  for (const [id, answer] of expected) {
    const { dueAt, ...again } = await publish(id, '5s')
    const { dueAt: due, ...wanted } = answer
    t.match(again, { ...wanted, duplicate: true }, id)
    if (due !== undefined) t.equal(dueAt, due, `${id} is due when it was`)
    if (id !== 'cancelled') t.equal(again.state, undefined)
  }
  await clock.advance(60_001)
  for (const id of ['cancelled', 'dispatched', 'published']) {
    t.equal((await publish(id, '1h')).duplicate, undefined, `${id}: its window is over`)
  }
  for (const id of ['pending', 'moved']) t.equal((await publish(id, '1h')).duplicate, true, `${id} still waits`)
  t.equal((await call('POST', '/v1/topics/invoices/raw?id=pending', 'x')).json.results[0].duplicate, undefined)
})
