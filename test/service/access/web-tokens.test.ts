// test/faults/README.md rows A6, A7: JSON Web Tokens that are forged, foreign or old, and an address of keys that misbehaves.

import { KeyObject, sign } from 'node:crypto'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { type CryptoKey, exportJWK, exportSPKI, generateKeyPair, SignJWT } from 'jose'
import t, { type Test } from 'tap'
import { Access } from '../../../service/access/access.ts'
import type { Caller } from '../../../service/access/caller.ts'
import { AGE_MS_MAX, BYTES_MAX, COOLDOWN_MS, REFRESH_MS } from '../../../service/access/key-set.ts'
import { needs } from '../../../service/access/route-access.ts'
import { LOOK_MS } from '../../../service/access/watched-files.ts'
import { defaultSettings } from '../../../service/config.ts'
import type { Settings } from '../../../service/settings.ts'
import { SILENT, SystemDisk } from '../../../storage/index.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { tokensFolder } from '../../support/token-holders.ts'
import { until } from '../../support/until.ts'

const ISSUER = 'https://login.example'
const AUDIENCE = 'dwell'

interface Key {
  kid: string
  privateKey: CryptoKey
  publicKey: CryptoKey
  jwk: object
}

async function makeKey(kid: string, algorithm = 'ES256'): Promise<Key> {
  const pair = await generateKeyPair(algorithm, { extractable: true })
  return { kid, ...pair, jwk: { ...(await exportJWK(pair.publicKey)), kid, alg: algorithm, use: 'sig' } }
}

const ours = await makeKey('ours')
const theirs = await makeKey('ours')
const next = await makeKey('next')
const rsa = await makeKey('rsa', 'RS256')

const documentOf = (...keys: readonly Key[]) => JSON.stringify({ keys: keys.map(({ jwk }) => jwk) })

interface Signing {
  claims?: Record<string, unknown>
  header?: Record<string, unknown>
  key?: Key
  algorithm?: string
  fromS?: number
  untilS?: number
}

/** A token that is right but for what is said. */
function signed(
  clock: ManualClock,
  { claims, header, key = ours, algorithm = 'ES256', fromS, untilS = 600 }: Signing = {},
) {
  const nowS = Math.floor(clock.wallMs() / 1000)
  const jwt = new SignJWT({ iss: ISSUER, aud: AUDIENCE, sub: 'ada', scope: 'publish', dwell_topics: ['*'], ...claims })
  jwt.setProtectedHeader({ alg: algorithm, kid: key.kid, ...header }).setExpirationTime(nowS + untilS)
  if (fromS !== undefined) jwt.setNotBefore(nowS + fromS)
  return jwt.sign(key.privateKey)
}

async function opened(t: Test, settings: Partial<Settings>, clock = new ManualClock()) {
  const options = {
    settings: { ...defaultSettings(), JWT_ISSUER: ISSUER, JWT_AUDIENCE: AUDIENCE, ...settings },
    disk: new SystemDisk(),
    clock,
    log: SILENT,
  }
  const access = await Access.open(options)
  t.teardown(() => access.close())
  let addresses = 0
  // Each from an address of its own: that attempts are limited is shown elsewhere.
  const callerOf = async (token: string, address = `10.0.0.${addresses++}`): Promise<Caller | string> => {
    try {
      return await (access.authenticator as NonNullable<Access['authenticator']>).callerOf(`Bearer ${token}`, {
        remoteAddress: address,
      })
    } catch (error) {
      return (error as { code: string }).code
    }
  }
  const nameOf = async (token: string, address?: string) => {
    const found = await callerOf(token, address)
    return typeof found === 'string' ? found : found.name
  }
  return { access, clock, callerOf, nameOf }
}

function keysFile(t: Test, ...keys: readonly Key[]): string {
  const path = join(tokensFolder(t), 'keys.json')
  writeFileSync(path, documentOf(...keys))
  return path
}

t.test('a token that is right gives what its claims say', async (t) => {
  const { clock, callerOf, nameOf } = await opened(t, { JWT_KEYS: keysFile(t, ours, rsa) })
  t.equal(await nameOf(await signed(clock)), 'jwt:ada')
  t.equal(await nameOf(await signed(clock, { key: rsa, algorithm: 'RS256' })), 'jwt:ada')
  const may = async (claims: Record<string, unknown>, topic = 'orders') => {
    const caller = (await callerOf(await signed(clock, { claims }))) as Caller
    const has = (right: 'publish' | 'consume' | 'admin') => {
      try {
        caller.check(needs(right), topic)
        return true
      } catch {
        return false
      }
    }
    return (['publish', 'consume', 'admin'] as const).filter(has)
  }
  t.same(await may({ scope: 'openid publish dwell:consume other:admin' }), ['publish', 'consume'])
  t.same(await may({ scope: ['admin', 7, null] }), ['admin'])
  t.same(await may({ scope: { admin: true } }), [])
  t.same(await may({ scope: undefined }), [])
  t.same(await may({ dwell_topics: ['pay*', '../etc', 'orders'] }), ['publish'])
  t.same(await may({ dwell_topics: ['pay*'] }), [])
  t.same(await may({ dwell_topics: undefined }), [], 'without the claim it is for no topic')
})

t.test('claims are where the settings say', async (t) => {
  const settings = {
    JWT_RIGHTS_CLAIM: 'resource_access.dwell.roles',
    JWT_TOPICS_CLAIM: '',
    JWT_KEYS: keysFile(t, ours),
  }
  const { clock, callerOf } = await opened(t, settings)
  const claims = { scope: 'admin', resource_access: { dwell: { roles: ['consume'] } }, dwell_topics: undefined }
  const caller = (await callerOf(await signed(clock, { claims }))) as Caller
  t.doesNotThrow(() => caller.check(needs('consume'), 'anything'))
  t.throws(() => caller.check(needs('admin'), 'anything'), { code: 'FORBIDDEN' })
})

t.test('forged, foreign and old tokens are refused, and say no more than that', async (t) => {
  const { clock, nameOf } = await opened(t, { JWT_KEYS: keysFile(t, ours, rsa) })
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const claims = {
    iss: ISSUER,
    aud: AUDIENCE,
    sub: 'eve',
    scope: 'admin',
    exp: Math.floor(clock.wallMs() / 1000) + 600,
  }
  const [header, , signature] = (await signed(clock)).split('.')
  const secret = new TextEncoder().encode(await exportSPKI(rsa.publicKey))
  const hmac = new SignJWT(claims).setProtectedHeader({ alg: 'HS256', kid: 'rsa' }).sign(secret)
  const wrong: Record<string, string> = {
    'alg none': `${part({ alg: 'none' })}.${part(claims)}.`,
    'alg None, in other letters': `${part({ alg: 'NONE', kid: 'ours' })}.${part(claims)}.${signature}`,
    'HS256 with the public key as the secret': await hmac,
    'another signature': await signed(clock, { key: theirs }),
    'claims changed behind the signature': `${header}.${part(claims)}.${signature}`,
    'a key that is not known': await signed(clock, { key: next }),
    'a key in the token itself': await signed(clock, { key: next, header: { jwk: next.jwk } }),
    expired: await signed(clock, { untilS: -10 }),
    'not valid yet': await signed(clock, { fromS: 60 }),
    'without an end': await new SignJWT({ iss: ISSUER, aud: AUDIENCE })
      .setProtectedHeader({ alg: 'ES256', kid: 'ours' })
      .sign(ours.privateKey),
    'for another audience': await signed(clock, { claims: { aud: 'billing' } }),
    'for no audience': await signed(clock, { claims: { aud: undefined } }),
    'of another issuer': await signed(clock, { claims: { iss: 'https://evil.example' } }),
    'an algorithm that is not in the setting': await signed(clock, {
      key: await makeKey('ours', 'ES384'),
      algorithm: 'ES384',
    }),
    'no token': 'hello',
    'three parts of nothing': '..',
    'too long': `${header}.${part({ ...claims, padding: 'x'.repeat(9_000) })}.${signature}`,
  }
  for (const [what, token] of Object.entries(wrong)) t.equal(await nameOf(token), 'TOKEN_WRONG', what)
})

/** A token with any header and claims, signed as the header says or not; jose itself would not make it. */
function forged(header: object, claims: unknown): string {
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const text = `${part(header)}.${part(claims)}`
  const key = KeyObject.from(ours.privateKey)
  return `${text}.${sign('sha256', Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`
}

t.test(
  'tokens with the right signature and odd headers and claims are refused, or give what can be read',
  async (t) => {
    const { clock, nameOf, callerOf } = await opened(t, { JWT_KEYS: keysFile(t, ours, rsa) })
    const nowS = Math.floor(clock.wallMs() / 1000)
    const alg = { alg: 'ES256', kid: 'ours' }
    const claims = { iss: ISSUER, aud: AUDIENCE, sub: 'ada', scope: 'publish', dwell_topics: ['*'], exp: nowS + 600 }
    const taken: Record<string, [header: object, claims: unknown]> = {
      'as it should be': [alg, claims],
      'typ of an access token': [{ ...alg, typ: 'at+jwt' }, claims],
      'several audiences': [alg, { ...claims, aud: ['billing', AUDIENCE] }],
      'over for less than clocks differ': [alg, { ...claims, exp: nowS - 4 }],
      'valid in less than clocks differ': [alg, { ...claims, nbf: nowS + 4 }],
      'an address of keys, which is not asked': [
        { ...alg, jku: 'http://127.0.0.1:1/', x5u: 'http://127.0.0.1:1/' },
        claims,
      ],
      'claims named as what objects inherit': [alg, { ...claims, constructor: 'admin', toString: 1 }],
    }
    for (const [what, [header, payload]] of Object.entries(taken))
      t.equal(await nameOf(forged(header, payload)), 'jwt:ada', what)
    const refused: Record<string, [header: object, claims: unknown]> = {
      'critical, and not known': [{ ...alg, crit: ['x'], x: 1 }, claims],
      'critical, and empty': [{ ...alg, crit: [] }, claims],
      'a payload that is not encoded': [{ ...alg, crit: ['b64'], b64: false }, claims],
      'over for longer than clocks differ': [alg, { ...claims, exp: nowS - 5 }],
      'valid later than clocks differ': [alg, { ...claims, nbf: nowS + 6 }],
      'an end in text': [alg, { ...claims, exp: String(nowS + 600) }],
      'an end without end': [alg, { ...claims, exp: null }],
      'a beginning in text': [alg, { ...claims, nbf: 'now' }],
      'an issuer in a list': [alg, { ...claims, iss: [ISSUER] }],
      'an audience in an object': [alg, { ...claims, aud: { dwell: true } }],
      'claims in a list': [alg, [claims]],
      'claims that are text': [alg, 'admin'],
      'no claims': [alg, null],
      'another algorithm than the signature is of': [{ ...alg, alg: 'RS256', kid: 'rsa' }, claims],
      'an algorithm that is no text': [{ ...alg, alg: ['ES256'] }, claims],
      'no algorithm': [{ kid: 'ours' }, claims],
      'the key of another algorithm': [{ ...alg, kid: 'rsa' }, claims],
      'a key of no name': [{ ...alg, kid: '../ours' }, claims],
    }
    for (const [what, [header, payload]] of Object.entries(refused))
      t.equal(await nameOf(forged(header, payload)), 'TOKEN_WRONG', what)
    const right = forged(alg, claims)
    for (const odd of [
      `${right}=`,
      `${right}.`,
      `.${right}`,
      `${right}.${right}`,
      right.replace('.', '..'),
      right.toUpperCase(),
    ])
      t.match(await nameOf(odd), /^TOKEN_/, odd.slice(-10))

    const rightsOf = async (change: object) => {
      const caller = (await callerOf(forged(alg, { ...claims, ...change }))) as Caller
      t.equal(caller.name.startsWith('jwt:'), true)
      return [caller.sees('orders'), passes(() => caller.check(needs('publish'), 'orders'))]
    }
    t.strictSame(await rightsOf({ sub: { name: 'ada' } }), [true, true], 'a holder that is no text has no name')
    t.strictSame(await rightsOf({ scope: [['publish']] }), [true, false])
    t.strictSame(await rightsOf({ scope: 1 }), [true, false])
    t.strictSame(await rightsOf({ scope: 'PUBLISH Publish publish,admin' }), [true, false])
    t.strictSame(await rightsOf({ dwell_topics: { orders: true } }), [false, false])
    t.strictSame(await rightsOf({ dwell_topics: [['*']] }), [false, false])
    t.strictSame(
      await rightsOf({ dwell_topics: Array(200).fill('x').concat('*') }),
      [false, false],
      'not beyond the first 100',
    )
  },
)

function passes(check: () => void): boolean {
  try {
    check()
    return true
  } catch {
    return false
  }
}

t.test('keys that could be taken for one another are not guessed among, and one for encryption is none', async (t) => {
  const two = await opened(t, { JWT_KEYS: keysFile(t, ours, theirs) })
  t.equal(await two.nameOf(await signed(two.clock)), 'TOKEN_WRONG', 'two keys of one name')
  const encryption = { ...ours, jwk: { ...ours.jwk, use: 'enc' } }
  const other = await opened(t, { JWT_KEYS: keysFile(t, encryption, rsa) })
  t.equal(await other.nameOf(await signed(other.clock)), 'TOKEN_WRONG')
})

t.test('what a connection showed is known again only as long as it is right', async (t) => {
  const path = keysFile(t, ours, rsa)
  const { clock, access } = await opened(t, { JWT_KEYS: path })
  const connection = { remoteAddress: '10.1.1.1' }
  const nameOf = async (token: string) => {
    try {
      return (await access.authenticator?.callerOf(`Bearer ${token}`, connection))?.name
    } catch (error) {
      return (error as { code: string }).code
    }
  }
  const short = await signed(clock, { untilS: 120 })
  const long = await signed(clock, { claims: { sub: 'ben' } })
  for (const token of [short, short, long, short, short])
    t.equal(await nameOf(token), token === short ? 'jwt:ada' : 'jwt:ben')
  clock.jump(126_000)
  t.equal(await nameOf(short), 'TOKEN_WRONG', 'not beyond its end')
  for (let i = 0; i < 3; i++) t.equal(await nameOf(long), 'jwt:ben')
  writeFileSync(path, documentOf(rsa))
  await lookedAgain(clock, async () => (await nameOf(long)) !== 'jwt:ben')
  t.equal(await nameOf(long), 'TOKEN_WRONG', 'nor when its key was taken away')
})

t.test(
  'a token is not accepted with an algorithm that the setting does not name, whatever its key could do',
  async (t) => {
    const { alg: _, ...anyUse } = rsa.jwk as Record<string, unknown>
    const JWT_KEYS = keysFile(t, ours, { ...rsa, jwk: anyUse })
    const { clock, nameOf } = await opened(t, { JWT_KEYS, JWT_ALGORITHMS: 'ES256, RS384' })
    t.equal(await nameOf(await signed(clock)), 'jwt:ada')
    t.equal(await nameOf(await signed(clock, { key: rsa, algorithm: 'RS256' })), 'TOKEN_WRONG')
  },
)

t.test('a key that is taken away takes what was remembered by it along', async (t) => {
  const path = keysFile(t, ours, rsa)
  const { clock, nameOf } = await opened(t, { JWT_KEYS: path })
  const token = await signed(clock)
  t.equal(await nameOf(token), 'jwt:ada')
  writeFileSync(path, documentOf(rsa))
  await lookedAgain(clock, async () => (await nameOf(token)) !== 'jwt:ada')
  t.equal(await nameOf(token), 'TOKEN_WRONG')
})

t.test('what was found right is remembered, but not beyond its end', async (t) => {
  const { clock, nameOf } = await opened(t, { JWT_KEYS: keysFile(t, ours) })
  const token = await signed(clock, { untilS: 120 })
  t.equal(await nameOf(token), 'jwt:ada')
  clock.jump(119_000)
  t.equal(await nameOf(token), 'jwt:ada')
  clock.jump(7_000)
  t.equal(await nameOf(token), 'TOKEN_WRONG')
})

t.test('many at once: wrong ones of an address are slowed, right ones only have to wait', async (t) => {
  const { clock, nameOf } = await opened(t, { JWT_KEYS: keysFile(t, ours) })
  const wrong = await Promise.all(Array.from({ length: 200 }, (_, i) => signed(clock, { key: theirs, claims: { i } })))
  const right = await Promise.all(Array.from({ length: 100 }, (_, i) => signed(clock, { claims: { i } })))
  const names = await Promise.all(wrong.map((token) => nameOf(token, '192.0.2.1')))
  const refused = names.filter((name) => name === 'TOKEN_WRONG').length
  t.ok(refused >= 20 && refused < 28, `${refused} were looked at`)
  t.equal(names.filter((name) => name === 'TOO_MANY_ATTEMPTS').length, 200 - refused)
  const found = await Promise.all([...right, ...Array(100).fill(right[0])].map((token) => nameOf(token, '192.0.2.2')))
  t.same([...new Set(found)], ['jwt:ada'])
})

t.test('settings that would let in tokens of others stop the start', async (t) => {
  const JWT_KEYS = keysFile(t, ours)
  const refused = { code: 'INVALID_SETTING' }
  await t.rejects(opened(t, { JWT_KEYS, JWT_ISSUER: '' }), refused)
  await t.rejects(opened(t, { JWT_KEYS, JWT_AUDIENCE: '' }), refused)
  for (const JWT_ALGORITHMS of ['none', 'HS256', 'RS256,HS512', ''])
    await t.rejects(opened(t, { JWT_KEYS, JWT_ALGORITHMS }), refused, JWT_ALGORITHMS)
  for (const address of ['http://login.example/keys', 'https://user:password@login.example/keys'])
    await t.rejects(opened(t, { JWT_KEYS: address }), refused, address)
  const path = join(tokensFolder(t), 'keys.json')
  const secret = { keys: [{ kty: 'oct', k: 'AAAA', kid: 'x' }] }
  const own = { keys: [await exportJWK(ours.privateKey)] }
  for (const document of ['{', '{}', { keys: [] }, secret, own]) {
    writeFileSync(path, typeof document === 'string' ? document : JSON.stringify(document))
    await t.rejects(opened(t, { JWT_KEYS: path }), { code: 'INVALID_KEYS' }, JSON.stringify(document).slice(0, 40))
  }
})

/** An address of keys that a test lets answer as it likes. */
/** Lets the files be looked at, until that shows: the clock goes on by as little as can be, while the real disk is read. */
async function lookedAgain(clock: ManualClock, isSeen: () => Promise<boolean>): Promise<void> {
  await clock.advance(LOOK_MS)
  await until(async () => {
    await clock.advance(1)
    return isSeen()
  }, 'the changed file is in use')
}

async function keyServer(t: Test) {
  const server = { asked: 0, answer: (response: ServerResponse): unknown => response.end(documentOf(ours)) }
  const http = createServer((_, response) => {
    server.asked++
    server.answer(response)
  }).listen(0, '127.0.0.1')
  await once(http, 'listening')
  t.teardown(() => {
    http.closeAllConnections()
    http.close()
  })
  return Object.assign(server, { address: `http://127.0.0.1:${(http.address() as AddressInfo).port}/keys` })
}

/** Moves the clock, and waits until the server has been asked so often. */
async function askedAfter(server: { asked: number }, clock: ManualClock, ms: number, asked: number): Promise<boolean> {
  await clock.advance(ms)
  for (let i = 0; i < 1_000 && server.asked < asked; i++) await new Promise((resolve) => setImmediate(resolve))
  return server.asked === asked
}

t.test('a key that was rotated is found by one request, however many tokens show it', async (t) => {
  const server = await keyServer(t)
  const { clock, nameOf } = await opened(t, { JWT_KEYS: server.address })
  t.equal(server.asked, 1)
  t.equal(await nameOf(await signed(clock)), 'jwt:ada')
  const fresh = await signed(clock, { key: next })
  server.answer = (response) => response.end(documentOf(ours, next))
  t.equal(await nameOf(fresh), 'TOKEN_WRONG', 'not so soon after it was asked')
  t.equal(server.asked, 1)
  clock.jump(COOLDOWN_MS)
  const names = await Promise.all(Array.from({ length: 50 }, () => nameOf(fresh)))
  t.same([...new Set(names)], ['jwt:ada'])
  t.equal(server.asked, 2, 'fifty at once ask once')
  const unknown = await signed(clock, { key: await makeKey('nobody') })
  for (let i = 0; i < 20; i++) await nameOf(unknown)
  t.equal(server.asked, 2, 'and keys that are nowhere make no storm')
})

t.test(
  'while the address is down the keys from before serve, for a day; then it says that it cannot tell',
  async (t) => {
    const server = await keyServer(t)
    const { clock, nameOf } = await opened(t, { JWT_KEYS: server.address })
    server.answer = (response) => response.destroy()
    t.ok(await askedAfter(server, clock, REFRESH_MS, 2))
    t.equal(await nameOf(await signed(clock)), 'jwt:ada')
    clock.stepMonotonic(AGE_MS_MAX)
    t.equal(await nameOf(await signed(clock, { claims: { sub: 'later' } })), 'KEYS_UNAVAILABLE')
  },
)

t.test(
  'an answer that is huge, moved, wrong or late changes nothing, and the start goes on without keys',
  async (t) => {
    const elsewhere = await keyServer(t)
    const bad: Record<string, (response: ServerResponse) => unknown> = {
      huge: (response) => response.end(`{"keys":[${' '.repeat(BYTES_MAX)}]}`),
      endless: (response) => {
        response.on('error', () => {})
        const more = () => response.destroyed || response.write(' '.repeat(65_536), () => setImmediate(more))
        more()
      },
      moved: (response) => response.writeHead(302, { location: elsewhere.address }).end(),
      'a status': (response) => response.writeHead(500).end(documentOf(ours)),
      'no JSON': (response) => response.end('<html>'),
      'a secret key': (response) => response.end('{"keys":[{"kty":"oct","k":"AAAA"}]}'),
    }
    for (const [what, answer] of Object.entries(bad)) {
      const server = await keyServer(t)
      server.answer = answer
      const { clock, nameOf } = await opened(t, { JWT_KEYS: server.address })
      t.equal(await nameOf(await signed(clock)), 'KEYS_UNAVAILABLE', what)
    }
    t.equal(elsewhere.asked, 0, 'where it was moved to nobody asked')
    const server = await keyServer(t)
    server.answer = () => {}
    const clock = new ManualClock()
    const opening = opened(t, { JWT_KEYS: server.address }, clock)
    for (let i = 0; i < 1_000 && server.asked === 0; i++) await new Promise((resolve) => setImmediate(resolve))
    await clock.advance(5_000)
    const { nameOf } = await opening
    t.equal(await nameOf(await signed(clock)), 'KEYS_UNAVAILABLE', 'late')
  },
)
