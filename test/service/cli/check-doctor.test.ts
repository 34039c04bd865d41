// `dwell check` and `dwell doctor` on a healthy and on a broken service.

import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { dwell } from '../../support/dwell-command.ts'
import { DwellProcess } from '../../support/dwell-process.ts'
import { scriptedService } from '../client/scripted-service.ts'

t.setTimeout(100_000)

const directory = t.testdir()
const data = join(directory, 'data')
const server = await DwellProcess.start({ dataDirectory: data, logPath: join(directory, 'log') })
t.teardown(() => server.kill())
const environment = { DWELL_URL: `http://127.0.0.1:${server.port}` }
const call = (args: readonly string[], more: Record<string, string> = {}) => dwell(args, { environment: { ...environment, ...more } }) // biome-ignore format: short

const publish = { messages: Array.from({ length: 5 }, (_, value) => ({ value: `body-${value}`, key: 'secret-key', headers: { note: 'secret-header' } })) } // biome-ignore format: short
await server.client.call('POST', '/v1/topics/orders/messages', { body: publish })
await server.client.call('PUT', '/v1/topics/orders/groups/billing', { body: { retry: [] } })

t.test('check: one line with figures, and the exit codes of monitoring', async (t) => {
  t.same(await call(['check', 'ready']), { code: 0, out: 'DWELL OK - ready\n', error: '' })
  const lag = ['check', 'lag', 'orders', 'billing']
  t.same(await call(lag), { code: 0, out: 'DWELL OK - lag of billing on orders is 5 | lag=5\n', error: '' })
  t.match(await call([...lag, '--warn', '5', '--crit', '6']), { code: 1, out: /^DWELL WARNING - / })
  t.match(await call([...lag, '--warn', '1', '--crit', '5', '--json']), { code: 2, out: /^\{"check":"lag","status":"CRITICAL"/ }) // biome-ignore format: short
  t.match(await call(['check', 'lateness']), { code: 0, out: /^DWELL OK - delayed messages are .* late, 0 overdue \| lateness=.*s overdue=0\n$/ }) // biome-ignore format: short
  t.match(await call(['check', 'dead-letters', 'orders', 'billing']), { code: 0, out: /^DWELL OK - 0 dead letters/ })
  await server.client.call('POST', '/v1/topics/orders/groups/billing/pause')
  t.match(await call(lag), { code: 1, out: /^DWELL WARNING - .* is 5, paused/ })
})

t.test('check: what cannot be known is unknown', async (t) => {
  const nobody = ['--url', 'http://127.0.0.1:1']
  t.match(await call(['check', 'lateness', ...nobody]), { code: 3, out: /^DWELL UNKNOWN - .*cannot be reached/, error: '' }) // biome-ignore format: short
  t.match(await call(['check', 'ready', ...nobody]), { code: 2, out: /^DWELL CRITICAL - .*cannot be reached/ })
  t.match(await call(['check', 'lag', 'orders', 'nobody']), { code: 3, out: /^DWELL UNKNOWN - .*group/ })
  t.match(await call(['check', 'lag', 'orders', 'billing', '--warn', '5', '--crit', '1']), { code: 3, out: /--crit must not be below/ }) // biome-ignore format: short
  t.match(await call(['check', 'lag', 'orders']), { code: 3, error: /missing required argument 'group'/ })
  const sick = await scriptedService(t, (_asked, answer) => answer.json(503, { ready: false, why: 'The timing wheel has not run for 31 s.' })) // biome-ignore format: short
  t.match(await call(['check', 'ready', '--url', sick.url]), { code: 2, out: 'DWELL CRITICAL - not ready: The timing wheel has not run for 31 s.\n' }) // biome-ignore format: short
})

t.test('check lag, and the list of groups: an endpoint that is paused', async (t) => {
  const push = { url: 'https://a', paused: { since: '2026-11-20T10:00:00.000Z', reason: 'HTTP 500' } }
  const group = { topic: 'orders', group: 'g', retry: [], lock: '30s', order: 'none', start: 'earliest', push }
  const { url } = await scriptedService(t, (asked, answer) =>
    answer.json(200, asked.path.endsWith('/g') ? { ...group, partitions: [{ lag: 3 }] } : { groups: [group] }),
  )
  const lag = await call(['check', 'lag', 'orders', 'g', '--url', url])
  t.match(lag, { code: 1, out: 'DWELL WARNING - lag of g on orders is 3, its endpoint is paused | lag=3\n' })
  t.match((await call(['groups', 'list', 'orders', '--url', url])).out, /https:\/\/a +endpoint$/m)
})

t.test('doctor: a healthy service, and a bundle in which nothing of its messages is', async (t) => {
  const bundle = join(directory, 'bundle.json')
  const settings = {
    DWELL_DATA_DIR: data,
    DWELL_TOKENS_FILE: '/secret-path',
    DWELL_TOKEN: 'secret-token',
    DWELL_TRACES_ENDPOINT: 'http://dwell:secret-word@collector:4318/v1/traces',
  }
  const { code, out, error } = await call(['doctor', '--bundle', bundle], settings)
  t.match({ code, error }, { code: 0, error: '' })
  for (const what of ['settings', 'disk', 'sync', 'service', 'clock', 'last start', 'checkpoint', 'timing wheel'])
    t.match(out, new RegExp(`^${what} +good `, 'm'), what)
  t.match(out, /^groups +odd +1, of which 1 are paused/m)
  t.match(out, /^sync .* are durable after \d+\.\d\d ms/m)
  const text = readFileSync(bundle, 'utf8')
  t.notMatch(text, /body-|secret/)
  t.match(JSON.parse(text), { findings: [{ what: 'settings' }], topics: [{ topic: 'orders' }], groups: [{ group: 'billing' }] }) // biome-ignore format: short
  t.match(text, 'dwell_delayed_pending')
  t.equal(statSync(bundle).mode & 0o777, 0o600)
  t.notOk(
    readdirSync(data).some((name) => name.startsWith('doctor')),
    'nothing is left in the data directory',
  )
})

t.test('doctor: what is broken is bad, and an exit code', async (t) => {
  const nobody = await call(['doctor', '--url', 'http://127.0.0.1:1'], { DWELL_DATA_DIR: join(directory, 'nowhere') })
  t.equal(nobody.code, 1)
  t.match(nobody.out, /^service +bad +The service at .* cannot be reached/m)
  t.match(nobody.out, /^disk +unknown +there is no data directory/m)
  const file = join(directory, 'log')
  const misled = await call(['doctor', '--data-dir', file])
  t.match(misled, { code: 1, error: '' })
  t.match(misled.out, /^disk +bad +\S+log is a file: name the folder with the data$/m)
  t.match(misled.out, /^service +good/m, 'the rest is looked at all the same')
  const wrong = await call(['doctor', '--json'], { DWELL_DATA_DIR: data, DWELL_PORT: 'many' })
  t.equal(wrong.code, 1)
  t.match(JSON.parse(wrong.out).findings[0], { what: 'settings', state: 'bad', sentence: /DWELL_PORT is "many"/ })
  const sick = await scriptedService(t, (asked, answer) => {
    if (asked.path === '/readyz')
      answer.json(200, { ready: true, publishing: false, clock: 'not believed', why: 'no room' }) // biome-ignore format: short
    else
      answer.text(
        200,
        'dwell_disk_low 1\ndwell_disk_free_bytes 5\ndwell_wheel_tick_age_seconds 60\ndwell_wheel_slots_derived_total 2\n',
      )
  })
  const { code, out } = await call(['doctor', '--url', sick.url], { DWELL_DATA_DIR: data })
  t.equal(code, 1)
  for (const line of [/^publishing +bad +is refused: no room/m, /^clock +bad +is not believed/m, /^disk of the service +bad/m, /^timing wheel +bad/m, /^slots +odd +2/m]) // biome-ignore format: short
    t.match(out, line)
})
