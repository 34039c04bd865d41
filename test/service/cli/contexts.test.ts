// Which service a command asks and which token it shows: flags, environment, contexts; and that no token goes astray.

import { chmodSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { connectionOf } from '../../../service/cli/remote/connection.ts'
import { contextsPath, readContexts, writeContexts } from '../../../service/cli/remote/contexts.ts'
import { readSettings } from '../../../service/config.ts'
import { dwell } from '../../support/dwell-command.ts'

t.setTimeout(60_000)

const A = 'http://127.0.0.1:7201'
const B = 'http://127.0.0.1:7202'

function inFolder(t: Test) {
  const environment = { XDG_CONFIG_HOME: t.testdir() }
  const call = (args: readonly string[], input?: string) => dwell(['context', ...args], { environment, input })
  return { call, path: contextsPath(environment), environment }
}

t.test('contexts are made, used, listed and removed; their file is private, and no token is shown', async (t) => {
  const { call, path } = inFolder(t)
  t.match(await call(['set', 'prod', '--url', A, '--token-stdin'], 'secret-token\n'), { code: 0, out: `The context prod is ${A}, with a token.\n` }) // biome-ignore format: short
  t.equal(statSync(path).mode & 0o777, 0o600)
  t.notOk(existsSync(`${path}.new`))
  t.match(await call(['set', 'local', '--url', B]), { code: 0 })
  const { out } = await call(['list'])
  t.same(out.split('\n'), ['CURRENT  NAME   URL                    TOKEN  CA', `*        prod   ${A}  set    -`, `-        local  ${B}  none   -`, '']) // biome-ignore format: short
  t.notMatch((await call(['list', '--json'])).out, 'secret')
  t.match(await call(['use', 'local']), { code: 0 })
  t.match(await call(['set', 'prod', '--url', B]), { code: 0, out: `The context prod is ${B}.\n` }, 'its token was for the other address') // biome-ignore format: short
  t.match(await call(['remove', 'local']), { code: 0 })
  t.same(JSON.parse(readFileSync(path, 'utf8')), { contexts: { prod: { url: B } } })
})

t.test('what is wrong with a context', async (t) => {
  const { call, path } = inFolder(t)
  t.match(await call(['set', 'a b', '--url', A]), { code: 2, error: /^A context is named by 1 to 64 of/ })
  t.match(await call(['set', 'new']), { code: 2, error: /needs a --url/ })
  t.match(await call(['use', 'nope']), { code: 2, error: /There is no context "nope"/ })
  await writeContexts(path, { contexts: { prod: { url: A, token: 'x' } } })
  chmodSync(path, 0o644)
  await t.rejects(readContexts(path), { message: /Others may read the tokens in .*chmod 600/ })
  chmodSync(path, 0o600)
  for (const text of ['nonsense', '[]', 'null', '{"contexts": {"a": {}}}']) {
    writeFileSync(path, text)
    await t.rejects(readContexts(path), { code: 'INVALID_ARGUMENT' }, text)
  }
})

t.test('flags come before the environment, and that before the current context', async (t) => {
  const { environment, path } = inFolder(t)
  const connect = async (flags: object, more: object = {}) => {
    const { url, token, retryForMs } = await connectionOf(flags, { ...environment, ...more })
    t.equal(retryForMs, 0)
    return [url, token]
  }
  t.same(await connect({}), [undefined, undefined], 'the default of the client')
  await writeContexts(path, { current: 'a', contexts: { a: { url: A, token: 'of-a' }, b: { url: B } } })
  t.same(await connect({}), [A, 'of-a'])
  t.same(await connect({}, { DWELL_CONTEXT: 'b', DWELL_TOKEN: 'of-all' }), [B, 'of-all'])
  t.same(await connect({}, { DWELL_URL: B }), [B, undefined], "a context's token goes to no other address")
  t.same(await connect({ url: B }), [B, undefined])
  t.same(await connect({ context: 'a' }, { DWELL_URL: B, DWELL_TOKEN: 'x' }), [A, 'of-a'])
  const tokenFile = join(environment.XDG_CONFIG_HOME, 'token')
  writeFileSync(tokenFile, 'of-file\n')
  t.same(await connect({ url: B, tokenFile }, { DWELL_TOKEN: 'x' }), [B, 'of-file'])
  await t.rejects(connect({ tokenFile: '/nowhere' }), { message: /^\/nowhere cannot be read/ })
  await t.rejects(connect({ context: 'c' }), { message: 'There is no context "c". There are a, b.' })
})

t.test('a service starts where these variables are set', async (t) => {
  const variables = { DWELL_URL: A, DWELL_TOKEN: 'x', DWELL_CONTEXT: 'a', DWELL_CA: '/ca.pem' }
  t.equal(readSettings({ ...variables, DWELL_PORT: '7300' }, {}).PORT, 7300)
  t.throws(() => readSettings({ DWELL_URLS: A }, {}), { code: 'UNKNOWN_SETTING' })
})
