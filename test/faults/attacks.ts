// The attacks on the front door that are played against the real process. Each answers what happened, in a few words, and
// throws when that is not what is expected. test/faults/README.md rows A1 to A7, A16 to A30.

import { strict as assert } from 'node:assert'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type CryptoKey, exportSPKI, SignJWT } from 'jose'
import type { Answer } from '../service/running-service.ts'
import { holder } from '../support/token-holders.ts'
import { until } from '../support/until.ts'
import { type AttackGround, AUDIENCE, ISSUER } from './attack-ground.ts'

export interface Attack {
  row: string
  what: string
  /** The code by which it is counted; none where nothing is refused. */
  counted?: string
  play(ground: AttackGround): Promise<string>
}

const SHOP = '/v1/topics/shop.orders'
const MESSAGES = `${SHOP}/messages`

export const ATTACKS: readonly Attack[] = [
  {
    row: 'A1',
    what: 'no token, a wrong one, one in another scheme',
    counted: 'TOKEN_MISSING',
    async play(ground) {
      const token = ground.holders.owner.token
      const tries: Record<string, string>[] = [
        {},
        { authorization: token },
        { authorization: `Basic ${Buffer.from(`owner:${token}`).toString('base64')}` },
        { authorization: 'Bearer' },
        { authorization: `Bearer ${token.slice(0, -1)}` },
        { authorization: `Bearer ${token}x` },
        { authorization: `Bearer ${ground.holders.owner.row.sha256}` },
        { cookie: `token=${token}` },
        { 'x-token': token },
      ]
      for (const headers of tries) expect(await ground.send('GET', SHOP, { headers, from: '127.0.1.1' }), 401)
      expect(await ground.send('GET', `${SHOP}?token=${token}`, { from: '127.0.1.1' }), 401)
      return 'each 401'
    },
  },
  {
    row: 'A2',
    what: '500 guesses of a token from one address',
    counted: 'TOO_MANY_ATTEMPTS',
    async play(ground) {
      const guesses = Array.from({ length: 500 }, () => holder('guess', ['admin']).headers)
      const statuses: Record<number, number> = {}
      for (const headers of guesses) {
        const answer = await ground.send('GET', SHOP, { headers, from: '127.0.1.2' })
        statuses[answer.status] = (statuses[answer.status] ?? 0) + 1
        if (answer.status === 429) assert.ok(Number(answer.headers['retry-after']) >= 1)
      }
      assert.ok(statuses[401] < 40 && statuses[429] > 460, JSON.stringify(statuses))
      expect(await ground.send('GET', SHOP, { headers: ground.holders.owner.headers, from: '127.0.1.2' }), 200)
      return `${statuses[401]} answered 401, ${statuses[429]} 429 with Retry-After; the owner behind that address served`
    },
  },
  {
    row: 'A3',
    what: 'a token for other topics asks for these, and for lists',
    counted: 'FORBIDDEN',
    async play(ground) {
      const { headers } = ground.holders.bystander
      const secret = await ground.send('GET', SHOP, { headers })
      const nowhere = await ground.send('GET', '/v1/topics/shop.nothing', { headers })
      assert.deepEqual([secret.status, secret.json], [nowhere.status, nowhere.json], 'the same answer')
      expect(secret, 403, 'FORBIDDEN')
      expect(await ground.send('POST', MESSAGES, { headers, body: { value: 1 } }), 403, 'FORBIDDEN')
      expect(await ground.send('GET', '/v1/forecast?topic=shop.orders', { headers }), 403, 'FORBIDDEN')
      const { json } = await ground.send('GET', '/v1/topics', { headers })
      assert.deepEqual(
        json.topics.map(({ topic }: { topic: string }) => topic),
        ['bystander'],
      )
      const forecast = async (who: Record<string, string>) => {
        const { json } = await ground.send('GET', '/v1/forecast?minutes=120', { headers: who })
        return json.later + json.overdue + json.counts.reduce((sum: number, count: number) => sum + count, 0)
      }
      assert.equal(await forecast(headers), 0)
      assert.ok((await forecast(ground.holders.operator.headers)) > 0)
      return '403 with the same words whether it exists or not; lists and forecast leave it out'
    },
  },
  {
    row: 'A4',
    what: 'a publisher purges, redrives, configures, deletes, consumes',
    counted: 'FORBIDDEN',
    async play(ground) {
      const { headers } = ground.holders.publisher
      const calls = [
        ['POST', `${SHOP}/groups/g/dead-letters/purge`],
        ['POST', `${SHOP}/groups/g/dead-letters/redrive`],
        ['PUT', `${SHOP}/groups/g`],
        ['POST', `${SHOP}/groups/g/reset`],
        ['POST', `${SHOP}/groups/g/acquire`],
        ['GET', `${SHOP}/partitions/0/records`],
        ['DELETE', SHOP],
        ['PUT', SHOP],
      ]
      for (const [method, path] of calls) expect(await ground.send(method, path, { headers }), 403, 'FORBIDDEN')
      return `${calls.length} calls, each 403`
    },
  },
  {
    row: 'A5',
    what: 'fields and headers that only the service sets',
    counted: 'UNKNOWN_FIELD',
    async play(ground) {
      const { headers } = ground.holders.publisher
      const raws = ['{"value":1,"__proto__":{"x":1}}', '{"value":1,"offset":5}', '{"value":1,"deliveryCount":9}']
      for (const raw of raws) expect(await ground.send('POST', MESSAGES, { headers, body: raw }), 400, 'UNKNOWN_FIELD')
      for (const name of ['__dlq.attempts', '__dwell.id'])
        expect(await ground.send('POST', MESSAGES, { headers, body: { value: 1, headers: { [name]: 'x' } } }), 400)
      return 'each 400; nothing published'
    },
  },
  {
    row: 'A6',
    what: 'forged web tokens: none, HS256 by the public key, unknown key, jku, old, early, for others',
    counted: 'TOKEN_WRONG',
    async play(ground) {
      let asked = 0
      const trap = createServer((_, response) => {
        asked++
        response.end('{"keys":[]}')
      }).listen(0, '127.0.0.1')
      const { port } = await new Promise<AddressInfo>((resolve) =>
        trap.once('listening', () => resolve(trap.address() as AddressInfo)),
      )
      try {
        const nowS = Math.floor(Date.now() / 1000)
        const claims = { iss: ISSUER, aud: AUDIENCE, sub: 'eve', scope: 'admin publish', dwell_topics: ['*'] }
        const sign = (header: object, change: object, key: CryptoKey | Uint8Array = ground.keys.privateKey) =>
          new SignJWT({ exp: nowS + 600, ...claims, ...change })
            .setProtectedHeader({ alg: 'RS256', kid: 'rsa', ...header })
            .sign(key)
        const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
        const publicKey = new TextEncoder().encode(await exportSPKI(ground.keys.publicKey))
        const forged = [
          `${part({ alg: 'none' })}.${part({ ...claims, exp: nowS + 600 })}.`,
          await sign({ alg: 'HS256' }, {}, publicKey),
          await sign({ kid: 'unknown' }, {}),
          await sign({ kid: 'unknown', jku: `http://127.0.0.1:${port}/keys` }, {}),
          await sign({}, { exp: nowS - 60 }),
          await sign({}, { nbf: nowS + 60 }),
          await sign({}, { aud: 'billing' }),
          await sign({}, { iss: 'https://evil.example' }),
        ]
        const bearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` }, from: '127.0.1.6' })
        for (const token of forged) expect(await ground.send('GET', SHOP, bearer(token)), 401, 'TOKEN_WRONG')
        expect(await ground.send('GET', SHOP, bearer(await sign({}, {}))), 200)
        assert.equal(asked, 0)
        return `${forged.length} forgeries, each 401; the address in a token was not asked; a right one is served`
      } finally {
        trap.close()
      }
    },
  },
  {
    row: 'A16',
    what: 'headers that drip, a byte at a time',
    async play(ground) {
      const drip = ground.open('GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Drip: ', '127.0.1.16')
      return `${await cutOff(drip)} s, 408`
    },
  },
  {
    row: 'A17',
    what: 'a body that drips',
    async play(ground) {
      const head = post(MESSAGES, ground.holders.publisher.headers, 'Content-Length: 1000000')
      return `${await cutOff(ground.open(`${head}{`, '127.0.1.17'))} s, 408`
    },
  },
  {
    row: 'A18',
    what: '400 idle connections, 60 calls of acquire that wait',
    counted: 'TOO_MANY_WAITING',
    async play(ground) {
      const idle = Array.from({ length: 400 }, () => ground.open('', '127.0.1.18'))
      const refused = () => idle.filter(({ answer }) => /^HTTP\/1.1 429 .*/.test(answer())).length
      await until(() => refused() === 300)
      const { headers } = ground.holders.owner
      const body = { wait: '1s' }
      const waited = await Promise.all(
        Array.from({ length: 60 }, () =>
          ground.send('POST', '/v1/topics/shop.quiet/groups/g/acquire', { headers, body, from: '127.0.2.18' }),
        ),
      )
      const statuses = waited.map(({ status }) => status)
      for (const { socket } of idle) socket.destroy()
      assert.deepEqual(
        [200, 429].map((status) => statuses.filter((found) => found === status).length),
        [20, 40],
      )
      return '300 connections refused with 429, 40 calls with 429'
    },
  },
  {
    row: 'A19',
    what: 'a body over the limit, one without an end, a chunk that lies, an endless line',
    counted: 'REQUEST_TOO_LARGE',
    async play(ground) {
      const { headers } = ground.holders.publisher
      const declared = ground.open(post(MESSAGES, headers, 'Content-Length: 999999999'), '127.0.1.19')
      await declared.closed
      assert.match(declared.answer(), /^HTTP\/1.1 413 /)
      const ndjson = { ...headers, 'content-type': 'application/x-ndjson' }
      const endless = ground.open(`${post(MESSAGES, ndjson, 'Transfer-Encoding: chunked')}`, '127.0.1.19')
      const chunk = `10000\r\n${'x'.repeat(0x10000)}\r\n`
      const before = await ground.counted('REQUEST_TOO_LARGE')
      const pour = setInterval(() => endless.answer() !== '' || endless.socket.write(chunk), 1)
      await endless.closed
      clearInterval(pour)
      // The reset behind the answer may overtake it.
      assert.match(endless.answer(), /^(HTTP\/1.1 413 |$)/)
      assert.equal(await ground.counted('REQUEST_TOO_LARGE'), before + 1)
      const liar = ground.open(`${post(MESSAGES, headers, 'Transfer-Encoding: chunked')}5\r\n{"value":1}\r\n0\r\n\r\n`)
      await liar.closed
      assert.match(liar.answer(), /^HTTP\/1.1 400 /)
      return '413 while reading and closed; 400 for the lie'
    },
  },
  {
    row: 'A20',
    what: 'compressed bodies',
    counted: 'UNSUPPORTED_CONTENT_ENCODING',
    async play(ground) {
      for (const encoding of ['gzip', 'br', 'deflate', 'zstd', 'gzip, gzip']) {
        const headers = { ...ground.holders.publisher.headers, 'content-encoding': encoding }
        for (const path of [MESSAGES, `${SHOP}/raw`])
          expect(await ground.send('POST', path, { headers, body: Buffer.alloc(100) }), 415)
      }
      // What is refused while its body is taken, right behind a signature that had to be computed.
      for (const path of [MESSAGES, `${SHOP}/raw`, `${SHOP}/groups/g/acquire`]) {
        const authorization = `Bearer ${await webToken(ground, { path })}`
        const headers = { authorization, 'content-encoding': 'gzip' }
        expect(await ground.send('POST', path, { headers, body: Buffer.alloc(100) }), 415)
        const large = {
          authorization: `Bearer ${await webToken(ground, { large: path })}`,
          'content-length': '99999999',
        }
        expect(await ground.send('POST', path, { headers: large, body: Buffer.alloc(1) }), 413)
      }
      return 'refused unread'
    },
  },
  {
    row: 'A21',
    what: 'JSON: depth 100,000, names twice, 2^53+1, lone surrogates, invalid UTF-8',
    counted: 'INVALID_JSON',
    async play(ground) {
      const { headers } = ground.holders.publisher
      const deep = `{"value":${'['.repeat(100_000)}${']'.repeat(100_000)}}`
      expect(await ground.send('POST', MESSAGES, { headers, body: deep }), 400, 'INVALID_JSON')
      expect(await ground.send('POST', MESSAGES, { headers, body: '{"value":1,"value":2}' }), 400, 'DUPLICATE_FIELD')
      expect(await ground.send('POST', MESSAGES, { headers, body: '{"value":"\\ud800"}' }), 400, 'INVALID_UTF8')
      const broken = Buffer.from([...Buffer.from('{"value":"'), 0xff, ...Buffer.from('"}')])
      expect(await ground.send('POST', MESSAGES, { headers, body: broken }), 400, 'INVALID_UTF8')
      const exact = '{"n":9007199254740993,"e":1e400,"a":1,"a":2}'
      const owner = ground.holders.owner.headers
      expect(
        await ground.send('POST', '/v1/topics/shop.exact/messages', {
          headers,
          body: `{"value":${exact},"partition":0}`,
        }),
        201,
      )
      const { text } = await ground.send('GET', '/v1/topics/shop.exact/partitions/0/records', { headers: owner })
      assert.ok(text.includes(exact), text)
      return 'refused with a code; numbers that JavaScript cannot hold come back as they were'
    },
  },
  {
    row: 'A22',
    what: 'names that lead elsewhere',
    counted: 'INVALID_NAME',
    async play(ground) {
      const { headers } = ground.holders.operator
      const before = ground.files()
      const names = [
        '..%2f..%2fetc',
        '..',
        '%00',
        'a%00b',
        'a%2fb',
        'a%5cb',
        '__mark',
        `${'x'.repeat(300)}`,
        '%D0%BErders',
        'a%20b',
        '%2e%2e',
      ]
      for (const name of names) {
        expect(await ground.send('PUT', `/v1/topics/${name}`, { headers, body: {} }), 400)
        expect(await ground.send('POST', `/v1/topics/${name}/raw`, { headers, body: 'x' }), 400)
      }
      assert.deepEqual(ground.files(), before)
      return `${names.length} names refused; not a file more`
    },
  },
  {
    row: 'A23',
    what: 'topics without end',
    counted: 'TOO_MANY_TOPICS',
    async play(ground) {
      const { headers } = ground.holders.owner
      let made = 0
      for (let i = 0; i < 50; i++) {
        const answer = await ground.send('POST', `/v1/topics/shop.flood-${i}/messages`, { headers, body: { value: 1 } })
        if (answer.status === 201) made++
        else expect(answer, 409, 'TOO_MANY_TOPICS')
      }
      assert.ok(made < 10)
      return `${made} made, ${50 - made} refused`
    },
  },
  {
    row: 'A24',
    what: 'messages for next year without end, many and large',
    counted: 'TOO_MANY_PENDING_BYTES',
    async play(ground) {
      const { headers } = ground.holders.owner
      const messages = Array.from({ length: 40 }, () => ({ value: 'x', delay: '365d' }))
      const statuses = []
      for (let i = 0; i < 5; i++)
        statuses.push((await ground.send('POST', MESSAGES, { headers, body: { messages } })).status)
      assert.deepEqual(statuses, [201, 201, 429, 429, 429])
      const large = { value: 'x'.repeat(900_000), delay: '365d' }
      const hoarder = ground.holders.hoarder.headers
      let taken = 0
      for (let i = 0; i < 20; i++) {
        const answer = await ground.send('POST', '/v1/topics/hoard/messages', { headers: hoarder, body: large })
        if (answer.status === 201) taken++
        else {
          expect(answer, 429, 'TOO_MANY_PENDING_BYTES')
          assert.ok(Number(answer.headers['retry-after']) >= 1)
        }
      }
      assert.equal(taken, 5)
      return '80 taken, 120 refused with 429; of 20 large ones 5 taken, the others refused by their bytes'
    },
  },
  {
    row: 'A25',
    what: 'receipts that are guessed, changed, of another group, used twice',
    async play(ground) {
      const { headers } = ground.holders.owner
      const group = (name: string, call: string, body: unknown) =>
        ground.send('POST', `/v1/topics/shop.receipts/groups/${name}/${call}`, { headers, body })
      await ground.send('POST', '/v1/topics/shop.receipts/messages', {
        headers: ground.holders.operator.headers,
        body: { value: 1 },
      })
      const [{ receipt }] = (await group('one', 'acquire', {})).json.records
      await group('two', 'acquire', {})
      const stateOf = async (name: string, receipt: string) => {
        const answer = await group(name, 'acknowledge', { acknowledgements: [{ receipt, type: 'accept' }] })
        return answer.json.results[0].state
      }
      const changed = `${receipt[0] === 'A' ? 'B' : 'A'}${receipt.slice(1)}`
      for (const guess of [changed, 'A'.repeat(36), '', `${receipt}x`])
        assert.equal(await stateOf('one', guess), 'invalid')
      assert.equal(await stateOf('two', receipt), 'invalid')
      assert.equal(await stateOf('one', receipt), 'acknowledged')
      assert.equal(await stateOf('one', receipt), 'invalid')
      return 'each invalid; the real one accepted once'
    },
  },
  {
    row: 'A26',
    what: 'a web page posts, under its own name and under one pointed here',
    counted: 'ORIGIN_NOT_ALLOWED',
    async play(ground) {
      const { headers } = ground.holders.publisher
      const page = { ...headers, origin: 'http://evil.example', 'content-type': 'text/plain' }
      for (const path of [MESSAGES, `${SHOP}/raw`])
        expect(await ground.send('POST', path, { headers: page, body: 'x' }), 403)
      const preflight = { origin: 'http://evil.example', 'access-control-request-method': 'POST' }
      expect(await ground.send('OPTIONS', MESSAGES, { headers: preflight }), 403)
      const rebound = { host: 'evil.example', origin: 'http://evil.example' }
      expect(await ground.send('POST', MESSAGES, { headers: rebound, body: { value: 1 } }), 401)
      return '403; without the token 401 under any name'
    },
  },
  {
    row: 'A27',
    what: 'script in a path, and in what errors say',
    counted: 'ROUTE_NOT_FOUND',
    async play(ground) {
      const script = '<script>alert(1)</script>'
      const paths = [`/docs/errors/${script}`, `/docs/${script}`, `/${script}`, `/v1/topics/${script}`]
      const { headers } = ground.holders.owner
      for (const path of paths) {
        const answer = await ground.send('GET', encodeURI(path), { headers })
        assert.ok(answer.status >= 400, path)
        assert.match(String(answer.headers['content-type']), /^application\/problem\+json/)
        assert.equal(answer.headers['x-content-type-options'], 'nosniff')
      }
      for (const path of ['/docs', '/docs/errors/INTERNAL']) {
        const page = await ground.send('GET', path)
        assert.match(String(page.headers['content-security-policy']), /default-src 'self'.*frame-ancestors 'none'/)
        assert.doesNotMatch(page.text, /<script/i)
      }
      return 'never in a page: JSON that no browser takes for one; pages have no script, and may load none'
    },
  },
  {
    row: 'A28',
    what: 'a filter that would take for ever as a regular expression',
    async play(ground) {
      const { headers } = ground.holders.owner
      const reason = encodeURIComponent(`(${'a+'.repeat(20)})+$`)
      const beganMs = performance.now()
      expect(
        await ground.send('GET', `/v1/topics/shop.receipts/groups/one/dead-letters?reason=${reason}`, { headers }),
        200,
      )
      assert.ok(performance.now() - beganMs < 2_000)
      return 'taken literally'
    },
  },
  {
    row: 'A29',
    what: 'metrics, readiness and documents as sources of names',
    counted: 'TOKEN_MISSING',
    async play(ground) {
      expect(await ground.send('GET', '/metrics'), 401)
      expect(await ground.send('GET', '/metrics', { headers: ground.holders.owner.headers }), 403)
      const ready = await ground.send('GET', '/readyz')
      assert.deepEqual(Object.keys(ready.json).sort(), ['clock', 'publishing', 'ready'])
      for (const path of ['/readyz', '/healthz', '/openapi.json', '/docs/errors/INTERNAL']) {
        const { text } = await ground.send('GET', path)
        assert.doesNotMatch(text, /bystander|shop\.|\/tmp\//, path)
      }
      return 'metrics 401, to a token for some topics 403; the others name nothing'
    },
  },
  {
    row: 'A30',
    what: 'lines and secrets for the log',
    async play(ground) {
      const { headers } = ground.holders.publisher
      await ground.send('GET', '/v1/topics/x%0a%7b%22level%22%3a%22fatal%22%7d', { headers })
      await ground.send('POST', MESSAGES, { headers, body: '{"value":"planted-in-a-body"' })
      await ground.send('GET', SHOP, { headers: { authorization: 'Bearer planted-as-a-token' }, from: '127.0.1.30' })
      const log = ground.log()
      for (const line of log.trimEnd().split('\n')) JSON.parse(line)
      const secrets = ['planted-', ...Object.values(ground.holders).flatMap(({ token, row }) => [token, row.sha256])]
      for (const secret of secrets) assert.ok(!log.includes(secret), secret)
      return `${log.trimEnd().split('\n').length} lines, each of them JSON, none with a token, a hash or a body`
    },
  },
]

/** One that is right, and that nobody has seen before. */
function webToken(ground: AttackGround, claims: object): Promise<string> {
  const rights = { scope: 'publish consume', dwell_topics: ['*'] }
  return new SignJWT({ iss: ISSUER, aud: AUDIENCE, sub: 'ada', ...rights, ...claims })
    .setProtectedHeader({ alg: 'RS256', kid: 'rsa' })
    .setExpirationTime('10m')
    .sign(ground.keys.privateKey)
}

function expect({ status, json, text }: Answer, wanted: number, code?: string): void {
  assert.equal(status, wanted, text)
  if (code !== undefined) assert.equal(json.code, code)
  if (status >= 400) assert.match(json.type, /^\/docs\/errors\//)
}

function post(path: string, headers: Record<string, string>, length: string): string {
  const lines = Object.entries({ host: 'localhost', 'content-type': 'application/json', ...headers })
  return `POST ${path} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}`).join('\r\n')}\r\n${length}\r\n\r\n`
}

/** Drips until it is cut off with 408; answers after how many seconds. */
async function cutOff({ socket, answer, closed }: ReturnType<AttackGround['open']>): Promise<string> {
  const beganMs = performance.now()
  const drip = setInterval(() => socket.destroyed || socket.write('1'), 50)
  await closed
  clearInterval(drip)
  assert.match(answer(), /^HTTP\/1.1 408 /)
  const tookS = (performance.now() - beganMs) / 1000
  assert.ok(tookS < 12)
  return tookS.toFixed(1)
}
