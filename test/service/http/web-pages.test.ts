// test/faults/README.md row A26: a web page in a browser that can reach the service does nothing in its user's name.

import t from 'tap'
import { ServedHosts } from '../../../service/http/served-hosts.ts'
import { holder, tokensFolder, writeTokens } from '../../support/token-holders.ts'
import { startService } from '../running-service.ts'

const codeOf = (hosts: ServedHosts, headers: Record<string, string>) => {
  try {
    hosts.check(headers)
    return 'let in'
  } catch (error) {
    return (error as { code: string }).code
  }
}

t.test('a name that was pointed at this machine is not answered to, numbers and localhost are', async (t) => {
  const hosts = new ServedHosts('dwell.example, *.svc.cluster.local', false)
  const answered = [
    'localhost',
    'localhost:7200',
    'LOCALHOST:7200',
    'localhost.:7200',
    'dwell.localhost:7200',
    '127.0.0.1:7200',
    '192.0.2.1',
    '[::1]:7200',
    '[2001:db8::1]',
    'dwell.example',
    'Dwell.Example:443',
    'dwell.jobs.svc.cluster.local:7200',
  ]
  for (const host of answered) t.equal(codeOf(hosts, { host }), 'let in', host)
  const refused = [
    'evil.example',
    'localhost.evil.example',
    'notlocalhost',
    'dwell.example.evil.example',
    'xdwell.example',
    'svc.cluster.local',
    'xsvc.cluster.local',
    '127.0.0.1.evil.example',
    '2130706433',
    '0x7f.1',
    '127.1',
    '',
    ':7200',
    'a b',
    '127.0.0.1:port',
    'user@127.0.0.1',
    '[::1',
    '[evil.example]',
    '[fe80::1%eth0]:7200',
    '[fe80::1%25eth0]:7200',
    'localhost@evil.example',
    'localhost:7200:7200',
    'localhost,evil.example',
    'localhost/evil',
    'localhost..',
  ]
  for (const host of refused) t.equal(codeOf(hosts, { host }), 'HOST_NOT_ALLOWED', host)
  t.equal(codeOf(new ServedHosts('', false), { host: '' }), 'HOST_NOT_ALLOWED', 'nothing, as the first of all')
  t.equal(codeOf(hosts, {}), 'let in', 'no browser leaves it out')
})

t.test('where tokens are asked for any name will do, unless a list says otherwise', async (t) => {
  t.equal(codeOf(new ServedHosts('', true), { host: 'dwell.example' }), 'let in')
  t.equal(codeOf(new ServedHosts('', false), { host: 'dwell.example' }), 'HOST_NOT_ALLOWED')
  t.equal(codeOf(new ServedHosts('a.example', true), { host: 'dwell.example' }), 'HOST_NOT_ALLOWED')
  for (const setting of ['http://a.example', 'a.example:80', '*', 'a b'])
    t.throws(() => new ServedHosts(setting, false), { code: 'INVALID_SETTING' }, setting)
})

t.test('a page of another site is refused, one of ours is not', async (t) => {
  const hosts = new ServedHosts('dwell.example', false)
  const host = 'dwell.example:7200'
  for (const origin of ['http://dwell.example:7200', 'https://dwell.example:7200'])
    t.equal(codeOf(hosts, { host, origin }), 'let in', origin)
  for (const origin of ['null', 'http://evil.example', 'http://dwell.example', 'http://dwell.example:7201', ''])
    t.equal(codeOf(hosts, { host, origin }), 'ORIGIN_NOT_ALLOWED', origin)
})

t.test('every route refuses both, with a token too, and before anything else', async (t) => {
  const shop = holder('shop', ['publish', 'consume', 'admin'])
  const TOKENS_FILE = writeTokens(tokensFolder(t), [shop])
  const { call } = await startService(t, { TOKENS_FILE, ALLOWED_HOSTS: 'dwell.example' })
  const { paths } = (await call('GET', '/openapi.json')).json
  const routes = Object.entries(paths as Record<string, object>).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => [method.toUpperCase(), path.replaceAll(/\{\w+\}/g, '1')]),
  )
  t.ok(routes.length > 30)
  for (const [method, path] of [...routes, ['GET', '/openapi.json'], ['GET', '/nowhere'], ['OPTIONS', '/v1/topics']]) {
    const origin = { ...shop.headers, origin: 'http://evil.example' }
    t.match(await call(method, path, undefined, origin), { status: 403, json: { code: 'ORIGIN_NOT_ALLOWED' } }, path)
    const host = { ...shop.headers, host: 'evil.example' }
    t.match(await call(method, path, undefined, host), { status: 403, json: { code: 'HOST_NOT_ALLOWED' } }, path)
  }
  const answer = await call('GET', '/v1/topics', undefined, shop.headers)
  t.equal(answer.status, 200)
  t.notOk(
    Object.keys(answer.headers).some((name) => name.startsWith('access-control-')),
    'no page may read it',
  )
})

t.test('without a setting a local service does not answer to names', async (t) => {
  const { call } = await startService(t)
  const headers = { host: 'rebound.evil.example:7200', 'content-type': 'text/plain' }
  t.match(await call('POST', '/v1/topics/orders/raw', 'x', headers), {
    status: 403,
    json: { code: 'HOST_NOT_ALLOWED' },
  })
  t.equal((await call('GET', '/v1/topics')).json.topics.length, 0)
})
