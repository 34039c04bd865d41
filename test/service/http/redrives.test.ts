import t from 'tap'
import { type RunningService, startService } from '../running-service.ts'

const BASE = '/v1/topics/orders/groups/billing'
const DEAD = `${BASE}/dead-letters`

/** v0 to v<count-1>, all rejected; odd ones for another reason. */
async function startWithDead(t: Parameters<typeof startService>[0], count = 6) {
  const service = await startService(t, { DEFAULT_PARTITIONS: 1 })
  const messages = Array.from({ length: count }, (_, n) => ({
    value: `v${n}`,
    key: `key-${n % 2}`,
    headers: { n: String(n) },
  }))
  await service.publish('orders', { messages })
  await die(service, count)
  return service
}

async function die(service: RunningService, count: number) {
  const { json } = await service.call('POST', `${BASE}/acquire`, { max: count })
  const acknowledgements = json.records.map(({ receipt, offset }: { receipt: string; offset: number }) => {
    return { receipt, type: 'reject', reason: offset % 2 === 0 ? 'bank offline' : 'unknown customer' }
  })
  await service.call('POST', `${BASE}/acknowledge`, { acknowledgements })
}

async function ended(service: RunningService, task: string) {
  for (;;) {
    const { json } = await service.call('GET', `/v1/redrives/${task}`)
    if (json.state !== 'running') return json
  }
}

t.test('the same filter lists, counts, groups, tries, redrives and purges', async (t) => {
  const service = await startWithDead(t)
  const query = 'reason=bank&header.n=2'
  t.equal((await service.call('GET', `${DEAD}?${query}`)).json.records.length, 1)
  t.same((await service.call('GET', `${DEAD}/count?${query}`)).json, { count: 1 })
  t.match((await service.call('GET', `${DEAD}/reasons?${query}`)).json, {
    reasons: [{ cause: 'CLIENT_REJECT', reason: 'bank offline', count: 1 }],
    others: 0,
  })
  const filter = { reason: 'bank', 'header.n': '2' }
  const tried = await service.call('POST', `${DEAD}/redrive`, { filter, dryRun: true })
  t.match([tried.status, tried.json], [200, { count: 1 }])
  t.same((await service.call('GET', `${DEAD}/count`)).json, { count: 6 }, 'a dry run changes nothing')

  const begun = await service.call('POST', `${DEAD}/redrive`, { filter, ratePerSecond: 1000 })
  t.equal(begun.status, 202)
  const task = await ended(service, begun.json.task)
  t.match(task, { state: 'done', matched: 1, moved: 1, failed: 0, filter, ratePerSecond: 1000, finished: /Z$/ })
  t.same((await service.call('GET', '/v1/redrives')).json, { redrives: [task] })
  const { json } = await service.call('POST', `${BASE}/acquire`, { max: 10 })
  t.match(json.records, [{ value: 'v2', deliveryCount: 1, offset: 2, attempts: [{ reason: 'bank offline' }] }])

  t.same((await service.call('POST', `${DEAD}/purge`, { filter: { key: 'key-1' } })).json, { count: 3 })
  t.same((await service.call('GET', `${DEAD}/count`)).json, { count: 2 })
  t.same((await service.call('POST', `${DEAD}/purge`)).json, { count: 2 })
  t.match((await service.call('GET', BASE)).json.partitions, [{ dead: 0, waiting: { redrive: 0 } }])
})

t.test('a redrive is stopped, and goes on after a restart when it is not', async (t) => {
  const service = await startWithDead(t)
  const slow = (await service.call('POST', `${DEAD}/redrive`, { ratePerSecond: 0.001 })).json.task
  const other = (await service.call('POST', `${DEAD}/redrive`, { ratePerSecond: 0.001 })).json.task
  const stopped = await service.call('POST', `/v1/redrives/${slow}/stop`)
  t.match([stopped.status, stopped.json], [200, { state: 'stopped', moved: 0 }])
  await service.stop()
  const again = await startService(t, {}, { directory: service.directory })
  t.match((await again.call('GET', `/v1/redrives/${slow}`)).json, { state: 'stopped' })
  t.match((await again.call('GET', `/v1/redrives/${other}`)).json, { state: 'running', matched: 6 })
  t.same((await again.call('GET', `${DEAD}/count`)).json, { count: 6 })
  t.match((await again.call('GET', '/metrics')).text, /^dwell_redrives_running 1$/m)
})

t.test('settings of dead letters: a bound that pauses, and retention', async (t) => {
  const service = await startService(t, { DEFAULT_PARTITIONS: 1, GROUP_DEAD_PER_MINUTE_MAX: 7 })
  await service.publish('orders', { messages: [{ value: 1 }, { value: 2 }, { value: 3 }] })
  const put = await service.call('PUT', BASE, { deadLetters: { retention: '30d' } })
  t.same(put.json.deadLetters, { perMinuteMax: 7, retention: '30d' })
  const changed = await service.call('PUT', BASE, { deadLetters: { perMinuteMax: 1 } })
  t.same(changed.json.deadLetters, { perMinuteMax: 1, retention: '30d' })
  await die(service, 2)
  t.match((await service.call('GET', BASE)).json, { paused: { reason: 'More than 1 dead letters within a minute.' } })
  t.match((await service.call('GET', '/v1/topics/orders.billing.dlq')).json, { retention: '30d' })
  const freed = await service.call('PUT', BASE, { deadLetters: { perMinuteMax: null, retention: null } })
  t.same(freed.json.deadLetters, { perMinuteMax: null, retention: null })
})

t.test('what is wrong is refused, and changes nothing', async (t) => {
  const service = await startWithDead(t, 2)
  const rows: [method: string, path: string, body: unknown, status: number, code: string][] = [
    ['POST', `${DEAD}/redrive`, { filter: { colour: 'red' } }, 400, 'UNKNOWN_FIELD'],
    ['POST', `${DEAD}/redrive`, { filter: { cause: 'AGE' } }, 400, 'INVALID_FIELD'],
    ['POST', `${DEAD}/redrive`, { filter: { from: 'soon' } }, 400, 'INVALID_TIME'],
    ['POST', `${DEAD}/redrive`, { filter: { key: 7 } }, 400, 'INVALID_FIELD'],
    ['POST', `${DEAD}/redrive`, { filter: [] }, 400, 'INVALID_FIELD'],
    ['POST', `${DEAD}/redrive`, { ratePerSecond: 0 }, 400, 'INVALID_FIELD'],
    ['POST', `${DEAD}/redrive`, { ratePerSecond: -5 }, 400, 'INVALID_FIELD'],
    ['POST', `${DEAD}/redrive`, { ratePerSecond: '5' }, 400, 'INVALID_FIELD'],
    ['POST', `${DEAD}/redrive`, { dryRun: 'yes' }, 400, 'INVALID_FIELD'],
    ['POST', `${DEAD}/redrive`, { dry_run: true }, 400, 'UNKNOWN_FIELD'],
    ['POST', `${DEAD}/redrive?dryRun=true`, {}, 400, 'UNKNOWN_FIELD'],
    ['POST', `${DEAD}/purge`, { filter: { 'headers.n': '1' } }, 400, 'UNKNOWN_FIELD'],
    ['POST', `${DEAD}/purge`, { all: true }, 400, 'UNKNOWN_FIELD'],
    ['POST', `${DEAD}/redrive`, { filter: { key: 'k'.repeat(4_094) } }, 400, 'INVALID_FIELD'],
    ['POST', `${DEAD}/purge`, { filter: { [`header.${'n'.repeat(4_090)}`]: '1' } }, 400, 'INVALID_FIELD'],
    ['POST', `${DEAD}/purge`, { filter: { from: [1] } }, 400, 'INVALID_FIELD'],
    ['POST', `${DEAD}/purge`, { filter: { reason: null } }, 400, 'INVALID_FIELD'],
    ['POST', `${DEAD}/purge`, { filter: { reason: { contains: 'x' } } }, 400, 'INVALID_FIELD'],
    ['POST', `${DEAD}/redrive`, { ratePerSecond: 1e9 }, 400, 'INVALID_FIELD'],
    ['GET', `${DEAD}?limit=0`, undefined, 400, 'INVALID_FIELD'],
    ['GET', `${DEAD}?limit=1001`, undefined, 400, 'INVALID_FIELD'],
    ['GET', `${DEAD}?after=`, undefined, 400, 'CURSOR_INVALID'],
    ['GET', `${DEAD}?after=0.1.2`, undefined, 400, 'CURSOR_INVALID'],
    ['GET', `${DEAD}?after=0.-1`, undefined, 400, 'CURSOR_INVALID'],
    ['GET', `${DEAD}?key=${'k'.repeat(4_094)}`, undefined, 400, 'INVALID_FIELD'],
    ['GET', `${DEAD}/count?limit=3`, undefined, 400, 'UNKNOWN_FIELD'],
    ['GET', `${DEAD}/reasons?colour=red`, undefined, 400, 'UNKNOWN_FIELD'],
    ['GET', `${DEAD}/reasons?key=a&key=b`, undefined, 400, 'INVALID_FIELD'],
    ['POST', '/v1/topics/orders/groups/nobody/dead-letters/redrive', {}, 404, 'GROUP_NOT_FOUND'],
    ['POST', '/v1/topics/orders/groups/nobody/dead-letters/purge', {}, 404, 'GROUP_NOT_FOUND'],
    ['POST', '/v1/topics/nothing/groups/billing/dead-letters/redrive', {}, 404, 'TOPIC_NOT_FOUND'],
    ['GET', '/v1/redrives/nope', undefined, 404, 'REDRIVE_NOT_FOUND'],
    ['POST', '/v1/redrives/nope/stop', undefined, 404, 'REDRIVE_NOT_FOUND'],
    ['PUT', BASE, { deadLetters: { perMinuteMax: 0 } }, 400, 'INVALID_FIELD'],
    ['PUT', BASE, { deadLetters: { retention: '0s' } }, 400, 'INVALID_FIELD'],
    ['PUT', BASE, { deadLetters: { colour: 1 } }, 400, 'UNKNOWN_FIELD'],
  ]
  for (const [method, path, body, status, code] of rows) {
    const answer = await service.call(method, path, body)
    t.match([answer.status, answer.json?.code], [status, code], `${method} ${path} ${JSON.stringify(body)}`)
  }
  t.same((await service.call('GET', `${DEAD}/count`)).json, { count: 2 })
  t.same((await service.call('GET', '/v1/redrives')).json, { redrives: [] })
})

t.test('filters that mean nothing else than they say: empty texts, odd names, all fields at once', async (t) => {
  const service = await startWithDead(t, 4)
  const count = async (filter: Record<string, unknown>) => {
    const tried = await service.call('POST', `${DEAD}/redrive`, { filter, dryRun: true })
    return tried.json.count ?? tried.json.code
  }
  t.equal(await count({}), 4)
  t.equal(await count({ reason: '' }), 4, 'every reason contains nothing')
  t.equal(await count({ key: '' }), 0, 'a key that is empty')
  t.equal(await count({ 'header.': '0' }), 'UNKNOWN_FIELD', 'no header has an empty name')
  t.equal(await count({ 'header.__proto__': '0' }), 0)
  t.equal(await count({ 'header.n': '' }), 0)
  t.equal(await count({ 'header.__dlq.errors.group': 'billing' }), 4)
  t.equal(await count({ from: '2099-01-01T00:00:00Z' }), 0)
  t.equal(await count({ from: 10, to: 5 }), 0)
  const all = {
    reason: 'bank',
    cause: 'CLIENT_REJECT',
    key: 'key-0',
    'header.n': '2',
    from: 0,
    to: '2099-01-01T00:00:00Z',
  }
  t.equal(await count(all), 1)
  t.equal(await count({ ...all, cause: 'DELIVERY_COUNT_EXCEEDED' }), 0)
})

t.test(
  'a flood is seen in the group, in the answer of acquire and in the metrics; across a restart; resume goes on',
  async (t) => {
    const service = await startService(t, { DEFAULT_PARTITIONS: 1 })
    await service.publish('orders', { messages: Array.from({ length: 12 }, (_, n) => ({ value: n })) })
    await service.call('PUT', BASE, { deadLetters: { perMinuteMax: 2 } })
    await die(service, 3)
    const paused = { reason: 'More than 2 dead letters within a minute.', since: /Z$/ }
    t.match((await service.call('GET', BASE)).json, { paused })
    t.match((await service.call('POST', `${BASE}/acquire`)).json, { records: [], paused: true, ...paused })
    const { text } = await service.call('GET', '/metrics')
    t.match(text, /^dwell_dead_letter_floods_total 1$/m)
    t.match(text, /^dwell_groups_paused 1$/m)
    await service.stop()
    const again = await startService(t, {}, { directory: service.directory })
    t.match((await again.call('POST', `${BASE}/acquire`)).json, { paused: true, ...paused })
    t.notOk((await again.call('POST', `${BASE}/resume`)).json.paused)
    await die(again, 2)
    t.notOk((await again.call('GET', BASE)).json.paused, 'it counts anew')
    await die(again, 1)
    t.match((await again.call('GET', BASE)).json, { paused })
  },
)
