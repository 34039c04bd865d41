// The metrics tell what happened, keep Prometheus' rules, and each has its line.

import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { type Disk, type DiskFile, SystemDisk } from '../../../storage/index.ts'
import { needs } from '../../helm/chart.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { METRICS_PAGE, renewedMetricsPage } from '../../support/metrics-page.ts'
import { startService } from '../running-service.ts'

type Call = Awaited<ReturnType<typeof startService>>['call']

const linesOf = async (call: Call, path = '/metrics') => (await call('GET', path)).text.split('\n')
const numberOf = async (call: Call, series: string, path?: string) =>
  Number((await linesOf(call, path)).find((line) => line.startsWith(`${series} `))?.slice(series.length + 1))

/** The machine's disk, which says what is asked of it. */
function telling(asked: string[]): Disk {
  const tell = <T extends Disk | DiskFile>(told: T): T =>
    new Proxy(told, {
      get(of, name) {
        const call = Reflect.get(of, name) as ((...given: unknown[]) => Promise<unknown>) | undefined
        // Whoever awaits a file asks it for `then`.
        if (call === undefined) return undefined
        return async (...given: unknown[]) => {
          asked.push(String(name))
          const answer = await call.apply(of, given)
          return name === 'open' ? tell(answer as DiskFile) : answer
        }
      },
    })
  return tell(new SystemDisk())
}

t.test('each metric has its line on the page', async (t) => {
  t.equal(readFileSync(METRICS_PAGE, 'utf8'), renewedMetricsPage(), 'to renew it: node test/support/renew-tables.ts')
})

t.test('Prometheus finds nothing to mend in them', needs('promtool'), async (t) => {
  const { call, publish } = await startService(t)
  await publish('orders', { value: 1, delay: '1h' })
  await call('POST', '/v1/topics/orders/groups/billing/acquire', {})
  for (const path of ['/metrics', '/metrics/detailed?topic=orders', '/metrics/detailed?topic=orders&group=billing']) {
    const { text } = await call('GET', path)
    const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' })
    t.equal(`${stdout}${stderr}`, '', path)
    t.equal(status, 0, path)
  }
})

t.test('publishing is counted by topic and acks, what is published twice once', async (t) => {
  const { call, publish } = await startService(t, { METRICS_TOPICS_MAX: 1 })
  await publish('orders', { messages: [{ value: 1 }, { value: 2, delay: '1h' }, { value: 3, id: 'a' }] })
  await publish('orders', { value: 3, id: 'a' })
  await call('POST', '/v1/topics/orders/messages?acks=1', { value: 4 })
  await publish('others', { value: 5 })
  const count = (topic: string, acks: string) =>
    numberOf(call, `dwell_published_by_topic_total{topic="${topic}",acks="${acks}"}`)
  t.equal(await count('orders', 'all'), 3)
  t.equal(await count('orders', '1'), 1)
  t.equal(await count('_other', 'all'), 1)
})

t.test('a topic that is called as the rest are counts with them: no series is there twice', async (t) => {
  const { call, publish } = await startService(t, { METRICS_TOPICS_MAX: 2 })
  for (const [topic, delayed] of [
    ['_other', 1],
    ['orders', 3],
    ['mails', 2],
    ['few', 1],
  ] as const) {
    const later = Array.from({ length: delayed }, (_, value) => ({ value, delay: '1h' }))
    await publish(topic, { messages: [{ value: 0 }, ...later] })
    await call('PUT', `/v1/topics/${topic}/groups/workers`, {})
  }
  const series = (await linesOf(call)).filter((line) => !/^(#|$)/.test(line)).map((line) => line.replace(/ \S+$/, ''))
  t.equal(new Set(series).size, series.length)
  const published = (topic: string) => numberOf(call, `dwell_published_by_topic_total{topic="${topic}",acks="all"}`)
  t.same(await Promise.all(['orders', 'mails', '_other'].map(published)), [4, 3, 4])
  t.equal(await numberOf(call, 'dwell_delayed_pending_by_topic{topic="_other"}'), 2)
  const lags = series.filter((line) => line.startsWith('dwell_group_lag{topic="_other"'))
  t.same(lags, ['dwell_group_lag{topic="_other",group="_other"}'])
})

t.test('what groups have before them is told by group and by tier, for as many as may be named', async (t) => {
  const { call, publish } = await startService(t, { METRICS_TOPICS_MAX: 1 })
  for (const [topic, count] of [
    ['orders', 3],
    ['mails', 2],
  ] as const) {
    await publish(topic, { messages: Array.from({ length: count }, (_, value) => ({ value })) })
    await call('PUT', `/v1/topics/${topic}/groups/g`, { retry: ['1h'] })
  }
  t.equal(await numberOf(call, 'dwell_group_lag{topic="orders",group="g"}'), 3, 'although it never acquired')
  t.equal(await numberOf(call, 'dwell_group_lag{topic="_other",group="_other"}'), 2)
  const { records } = (await call('POST', '/v1/topics/orders/groups/g/acquire', { max: 2 })).json
  t.equal(await numberOf(call, 'dwell_group_lag{topic="orders",group="g"}'), 3, 'what is in flight is not finished')
  const acknowledgements = records.map(({ receipt }: { receipt: string }) => ({ receipt, type: 'release' }))
  await call('POST', '/v1/topics/orders/groups/g/acknowledge', { acknowledgements })
  t.equal(await numberOf(call, 'dwell_retries_waiting{tier="1h"}'), records.length)
  const detailed = '/metrics/detailed?topic=mails&group=g'
  const lags = (await linesOf(call, detailed)).filter((line) => line.startsWith('dwell_partition_lag{'))
  t.equal(lags.length, 4, 'a line for each partition')
  t.equal(
    lags.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0),
    2,
    'also of a group that is not named in the others',
  )
  t.match(await call('GET', '/metrics/detailed?topic=nowhere'), { status: 404, json: { code: 'TOPIC_NOT_FOUND' } })
  t.match(await call('GET', '/metrics/detailed'), { status: 400, json: { code: 'MISSING_FIELD' } })
})

t.test('requests are counted by route and status, paths that are no route together', async (t) => {
  const { call, publish } = await startService(t)
  await publish('orders', { value: 1 })
  await publish('orders', { wrong: 1 })
  for (const path of ['/a', '/b']) await call('GET', path)
  const route = 'method="POST",route="/v1/topics/:topic/messages"'
  t.equal(await numberOf(call, `dwell_http_requests_total{${route},status="201"}`), 1)
  t.equal(await numberOf(call, `dwell_http_requests_total{${route},status="400"}`), 1)
  t.equal(await numberOf(call, 'dwell_http_requests_total{method="none",route="none",status="404"}'), 2)
  t.equal(await numberOf(call, `dwell_http_request_seconds_count{${route}}`), 2)
})

t.test('writes to the journal are counted with their size and their appends', async (t) => {
  const { call, publish } = await startService(t)
  await publish('orders', { value: 1 })
  const writes = await numberOf(call, 'dwell_journal_write_seconds_count')
  t.ok(writes > 0)
  t.equal(await numberOf(call, 'dwell_journal_group_bytes_count'), writes)
  t.ok((await numberOf(call, 'dwell_journal_group_appends_sum')) >= writes)
  t.ok((await numberOf(call, 'dwell_journal_group_bytes_sum')) >= 4096 * writes)
})

t.test('damage that a request meets is counted', async (t) => {
  const before = await startService(t)
  const { directory } = before
  await before.publish('orders', { value: 'x'.repeat(1000), partition: 0 })
  await before.stop()
  const topics = join(directory, 'topics')
  const names = readdirSync(topics, { recursive: true, encoding: 'utf8' })
  const segment = join(
    topics,
    names.find((name) => /orders.*\.log$/.test(name) && readFileSync(join(topics, name)).length > 0) ?? '',
  )
  const bytes = readFileSync(segment)
  bytes[bytes.length - 100] ^= 1
  writeFileSync(segment, bytes)
  const { call } = await startService(t, {}, { directory })
  const { status, json } = await call('GET', '/v1/topics/orders/partitions/0/records')
  t.match({ status, code: json.code }, { status: 500, code: /DAMAGED$/ })
  t.equal(await numberOf(call, 'dwell_damage_found_total{code="BATCH_DAMAGED"}'), 1)
})

t.test('damage that a start meets is counted, what it only passes over is not', async (t) => {
  const before = await startService(t)
  const { directory } = before
  await before.publish('orders', { value: 1, delay: '1h' })
  await before.stop()
  for (const name of ['identity', 'checkpoint']) writeFileSync(join(directory, name), 'no such thing')
  const { call } = await startService(t, {}, { directory })
  t.equal(await numberOf(call, 'dwell_damage_found_total{code="FILE_DAMAGED"}'), 1, 'the identity')
  t.equal(await numberOf(call, 'dwell_damage_found_total{code="CHECKPOINT_DAMAGED"}'), 1)
  t.equal(await numberOf(call, 'dwell_damage_found_total{code="BATCH_DAMAGED"}'), 0, 'what is well is there with 0')
})

t.test('a look asks nothing of the disk, whatever waits', async (t) => {
  const asked: string[] = []
  // Nothing moves this clock: whatever is asked from now on is asked for the look.
  const options = { disk: telling(asked), clock: new ManualClock() }
  const { call, publish } = await startService(t, { METRICS_TOPICS_MAX: 3 }, options)
  for (const topic of ['a', 'b', 'c', 'd', 'e']) {
    const messages = Array.from({ length: 500 }, (_, value) => ({ value, delay: value % 2 === 0 ? 0 : '30d' }))
    await publish(topic, { messages })
    await call('PUT', `/v1/topics/${topic}/groups/g`, { retry: ['1h'] })
    const { records } = (await call('POST', `/v1/topics/${topic}/groups/g/acquire`, { max: 100 })).json
    const acknowledgements = records.map(({ receipt }: { receipt: string }, i: number) => ({
      receipt,
      type: i % 2 === 0 ? 'release' : 'reject',
    }))
    await call('POST', `/v1/topics/${topic}/groups/g/acknowledge`, { acknowledgements })
  }
  asked.length = 0
  for (const path of ['', '', '/detailed?topic=a', '/detailed?topic=a&group=g']) await call('GET', `/metrics${path}`)
  t.same(asked, [])
  await publish('a', { value: 1 })
  t.ok(asked.includes('write'), 'although it would be seen')
})
