// test/faults/README.md rows A1, A2: who is let in, what stops the start, and that a change of the file is seen without one.

import { mkdirSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { Access, isLoopback } from '../../../service/access/access.ts'
import type { Caller } from '../../../service/access/caller.ts'
import { LOOK_MS } from '../../../service/access/watched-files.ts'
import { defaultSettings } from '../../../service/config.ts'
import type { Settings } from '../../../service/settings.ts'
import { type Log, SILENT, SystemDisk } from '../../../storage/index.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { holder, tokensFolder, writeTokens } from '../../support/token-holders.ts'

const ADDRESS = '192.0.2.1'

interface Opened {
  access: Access
  clock: ManualClock
  failures: () => number
  said: string[]
  /** Who holds this token; the code of the refusal otherwise. */
  nameOf(token: string, address?: string): Promise<string>
  /** Lets the files be looked at until `wanted`; false when it does not come to that. */
  until(wanted: () => Promise<boolean> | boolean): Promise<boolean>
}

async function opened(t: { teardown(task: () => unknown): unknown }, settings: Partial<Settings>): Promise<Opened> {
  const clock = new ManualClock()
  const said: string[] = []
  const log: Log = { ...SILENT, error: (_, line) => said.push(line), info: (_, line) => said.push(line) }
  const access = await Access.open({
    settings: { ...defaultSettings(), ...settings },
    disk: new SystemDisk(),
    clock,
    log,
  })
  t.teardown(() => access.close())
  const nameOf = async (token: string, address = ADDRESS) => {
    try {
      const caller = access.authenticator?.callerOf(`Bearer ${token}`, { remoteAddress: address })
      return ((await caller) as Caller).name
    } catch (error) {
      return (error as { code: string }).code
    }
  }
  const until = async (wanted: () => Promise<boolean> | boolean) => {
    for (let i = 0; i < 200; i++) {
      if (await wanted()) return true
      await clock.advance(LOOK_MS / 10)
      await new Promise((resolve) => setImmediate(resolve))
    }
    return false
  }
  return { access, clock, failures: () => access.stats().reloadFailures, said, nameOf, until }
}

t.test('a public address without tokens is refused, unless it was said in so many words', async (t) => {
  for (const HOST of ['0.0.0.0', '::', '192.0.2.7', 'example.com', '10.0.0.1']) {
    await t.rejects(opened(t, { HOST }), { code: 'ACCESS_UNDECIDED', message: /DWELL_OPEN_TO_ANYONE=true/ }, HOST)
    t.equal((await opened(t, { HOST, OPEN_TO_ANYONE: true })).access.authenticator, undefined)
  }
  const folder = tokensFolder(t)
  const tokens = writeTokens(folder, [holder('one', ['admin'])])
  t.ok((await opened(t, { HOST: '0.0.0.0', TOKENS_FILE: tokens })).access.authenticator)
  for (const HOST of ['127.0.0.1', '127.8.8.8', '::1', 'localhost']) {
    t.ok(isLoopback(HOST), HOST)
    t.equal((await opened(t, { HOST })).access.authenticator, undefined)
  }
  for (const host of ['localhost.example.com', '128.0.0.1', '0.0.0.0', '::', 'notlocalhost']) t.notOk(isLoopback(host))
})

t.test('a file of tokens that is wrong stops the start with a sentence that names the row', async (t) => {
  const folder = tokensFolder(t)
  const path = join(folder, 'tokens.json')
  const good = holder('good', ['publish']).row
  const files: [contents: unknown, sentence: RegExp][] = [
    ['{"tokens": [', /not valid JSON/],
    [[good], /must be \{"tokens"/],
    [{ tokens: [good], more: 1 }, /must be \{"tokens"/],
    [{ tokens: [good, { ...good, name: 'b' }] }, /two tokens have the sha256/],
    [{ tokens: [good, { ...good, sha256: '0'.repeat(64) }] }, /two tokens have the name good/],
    [{ tokens: [{ ...good, rights: ['root'] }] }, /token 1 \(good\): rights must be/],
    [{ tokens: [{ ...good, rights: [] }] }, /rights must be/],
    [{ tokens: [{ ...good, topics: [] }] }, /topics must be/],
    [{ tokens: [{ ...good, topics: ['a/b'] }] }, /"a\/b" is neither/],
    [{ tokens: [{ ...good, topics: ['*a'] }] }, /"\*a" is neither/],
    [{ tokens: [{ ...good, sha256: 'dwell_secret' }] }, /sha256 must be/],
    [{ tokens: [{ ...good, token: 'dwell_secret' }] }, /a field "token"/],
    [{ tokens: [{ ...good, name: 'a b' }] }, /name must be/],
  ]
  for (const [contents, sentence] of files) {
    writeFileSync(path, typeof contents === 'string' ? contents : JSON.stringify(contents))
    const error = await opened(t, { TOKENS_FILE: path }).then(
      () => undefined,
      (error) => error,
    )
    t.match(error, { code: 'INVALID_TOKENS_FILE', message: sentence })
    t.notMatch(`${error?.message} ${error?.cause?.message}`, /dwell_secret/, 'and quotes no secret')
  }
  await t.rejects(opened(t, { TOKENS_FILE: join(folder, 'none') }), { code: 'FILE_UNREADABLE' })
  writeFileSync(path, 'x'.repeat(5_000_000))
  await t.rejects(opened(t, { TOKENS_FILE: path }), { code: 'FILE_UNREADABLE', message: /more than/ })
})

t.test('a change of the file is taken into use, also by a swapped link, and nonsense is not', async (t) => {
  const folder = tokensFolder(t)
  const [first, second, third] = ['first', 'second', 'third'].map((name) => holder(name, ['publish']))
  // As Kubernetes lays a secret out: tokens.json → ..data/tokens.json, and ..data is what is swapped.
  const generation = (name: string, holders: Parameters<typeof writeTokens>[1]) => {
    mkdirSync(join(folder, name))
    writeTokens(join(folder, name), holders)
    symlinkSync(name, join(folder, '..new'))
    renameSync(join(folder, '..new'), join(folder, '..data'))
  }
  generation('..1', [first])
  const path = join(folder, 'tokens.json')
  symlinkSync(join('..data', 'tokens.json'), path)
  const { nameOf, until, said, failures } = await opened(t, { TOKENS_FILE: path })
  t.equal(await nameOf(first.token), 'first')
  generation('..2', [second])
  t.ok(await until(async () => (await nameOf(second.token, 'a')) === 'second'))
  t.equal(await nameOf(first.token), 'TOKEN_WRONG', 'what was taken out is refused')
  t.match(said, [/tokens changed and are in use/])

  unlinkSync(path)
  t.ok(await until(() => failures() === 1))
  t.equal(await nameOf(second.token), 'second', 'without a file those from before stay in use')
  writeFileSync(path, '{')
  t.ok(await until(() => failures() === 2), 'each complaint is made once')
  t.equal(await nameOf(second.token), 'second')
  rmSync(path)
  writeTokens(folder, [second, third])
  t.ok(await until(async () => (await nameOf(third.token, 'b')) === 'third'))
})

t.test(
  'wrong tokens of an address are counted, slowed and told when to come back; a right one is let in',
  async (t) => {
    const shop = holder('shop', ['publish'])
    const { nameOf, clock, access } = await opened(t, { TOKENS_FILE: writeTokens(tokensFolder(t), [shop]) })
    const guess = (i: number) => `${shop.token.slice(0, -3)}${String(i).padStart(3, '0')}`
    for (let i = 0; i < 20; i++) t.equal(await nameOf(guess(i)), 'TOKEN_WRONG')
    t.equal(await nameOf(guess(20)), 'TOO_MANY_ATTEMPTS')
    t.throws(() => access.authenticator?.callerOf('Bearer x', { remoteAddress: ADDRESS }), {
      fields: { retryAfterSeconds: 3 },
      message: /in 3 s/,
    })
    t.equal(await nameOf(shop.token), 'shop', 'who has the token is not kept out by his neighbours')
    t.equal(await nameOf(guess(20), '192.0.2.2'), 'TOKEN_WRONG', 'another address')
    await clock.advance(3_000)
    t.equal(await nameOf(guess(21)), 'TOKEN_WRONG', 'one more after a while')
    t.equal(await nameOf(guess(22)), 'TOO_MANY_ATTEMPTS')
    t.equal(access.authenticator?.failedAttempts, 22)
  },
)

t.test('what a connection showed is known again, as long as it is right, and for nobody else', async (t) => {
  const folder = tokensFolder(t)
  const [first, second] = ['first', 'second'].map((name) => holder(name, ['publish']))
  const { access, until } = await opened(t, { TOKENS_FILE: writeTokens(folder, [first, second]) })
  const authenticator = access.authenticator as NonNullable<Access['authenticator']>
  const connection = { remoteAddress: ADDRESS }
  const nameOf = (token: string) => {
    try {
      return (authenticator.callerOf(`Bearer ${token}`, connection) as Caller).name
    } catch (error) {
      return (error as { code: string }).code
    }
  }
  for (const { token, row } of [first, first, second, first]) t.equal(nameOf(token), row.name)
  const last = first.token.at(-1) === 'A' ? 'B' : 'A'
  t.equal(nameOf(first.token.slice(0, -1) + last), 'TOKEN_WRONG')
  t.equal(nameOf(first.token), 'first')
  writeTokens(folder, [second])
  t.ok(await until(() => nameOf(first.token) !== 'first'))
  t.equal(nameOf(first.token), 'TOKEN_WRONG', 'a token that is taken out is refused where it was shown, too')
  t.equal(nameOf(second.token), 'second')
})
