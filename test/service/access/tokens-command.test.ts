// `dwell tokens`: what it prints, what it writes, and that a running service lets in what it made.

import { execFile } from 'node:child_process'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { LOOK_MS } from '../../../service/access/watched-files.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { tokensFolder } from '../../support/token-holders.ts'
import { startService } from '../running-service.ts'

// Two dozen processes, each of which starts Node.
t.setTimeout(120_000)

const MAIN = join(import.meta.dirname, '../../../service/main.ts')

interface Ended {
  code: number
  stdout: string
  stderr: string
}

async function dwell(args: string[], environment: Record<string, string> = {}): Promise<Ended> {
  const env = { PATH: process.env.PATH, ...environment }
  return promisify(execFile)(process.execPath, [MAIN, 'tokens', ...args], { env }).then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    ({ code, stdout, stderr }) => ({ code, stdout, stderr }),
  )
}

t.test('a token that was made is let in by a running service, one that was removed is not', async (t) => {
  const file = join(tokensFolder(t), 'tokens.json')
  const made = await dwell([
    'create',
    'shop',
    '--rights',
    'publish,consume',
    '--topics',
    'shop.*,audit',
    '--file',
    file,
  ])
  t.match(made, { code: 0, stdout: /^dwell_[\w-]{43}\n$/, stderr: /Added shop/ })
  const token = made.stdout.trim()
  const text = readFileSync(file, 'utf8')
  t.notOk(text.includes(token), 'the token itself is not kept')
  t.equal(statSync(file).mode & 0o007, 0, 'others of the machine may not read it')
  const { call } = await startService(t, { TOKENS_FILE: file }, { clock: new ManualClock() })
  const headers = { authorization: `Bearer ${token}` }
  t.equal((await call('POST', '/v1/topics/shop.orders/messages', { value: 1 }, headers)).status, 201)
  t.equal((await call('POST', '/v1/topics/other/messages', { value: 1 }, headers)).status, 403)
  t.equal((await call('DELETE', '/v1/topics/shop.orders', undefined, headers)).status, 403)

  const second = await dwell(['create', 'ops', '--rights', 'admin'], { DWELL_TOKENS_FILE: file })
  t.equal(second.code, 0, 'the setting names the file')
  t.match(await dwell(['list', '--file', file]), {
    code: 0,
    stdout: /^shop +publish,consume +shop\.\*,audit\nops +admin +\*\n$/,
  })
  const { stdout } = await dwell(['list', '--json', '--file', file])
  t.strictSame(JSON.parse(stdout), {
    tokens: [
      { name: 'shop', rights: ['publish', 'consume'], topics: ['shop.*', 'audit'] },
      { name: 'ops', rights: ['admin'], topics: ['*'] },
    ],
  })
  const limited = JSON.parse(readFileSync(file, 'utf8'))
  limited.tokens[1].limits = { requestsPerSecond: 5 }
  writeFileSync(file, JSON.stringify(limited))
  t.match(await dwell(['remove', 'shop', '--file', file]), { code: 0, stdout: /Removed shop/ })
  t.strictSame(JSON.parse(readFileSync(file, 'utf8')).tokens, [limited.tokens[1]], 'limits of others are kept')
  t.notMatch(readFileSync(file, 'utf8'), /shop/)
})

t.test('a removed token is refused within seconds', async (t) => {
  const file = join(tokensFolder(t), 'tokens.json')
  const token = (await dwell(['create', 'shop', '--rights', 'publish', '--file', file])).stdout.trim()
  const clock = new ManualClock()
  const { call } = await startService(t, { TOKENS_FILE: file }, { clock })
  const status = async () => (await call('GET', '/v1/topics', undefined, { authorization: `Bearer ${token}` })).status
  t.equal(await status(), 200)
  await dwell(['remove', 'shop', '--file', file])
  for (let i = 0; i < 100 && (await status()) === 200; i++) await clock.advance(LOOK_MS)
  t.equal(await status(), 401)
})

t.test('what cannot be done is said in a sentence, and changes nothing', async (t) => {
  const file = join(tokensFolder(t), 'tokens.json')
  await dwell(['create', 'shop', '--rights', 'publish', '--file', file])
  const before = readFileSync(file, 'utf8')
  const refused: [args: string[], sentence: RegExp][] = [
    [['create', 'shop', '--rights', 'publish', '--file', file], /has a token shop already/],
    [['create', 'a b', '--rights', 'publish', '--file', file], /the name must be/],
    [['create', 'x', '--rights', 'root', '--file', file], /It must be of publish, consume, admin/],
    [['create', 'x', '--rights', 'publish', '--topics', 'a/b', '--file', file], /neither the name of a topic/],
    [['create', 'x', '--file', file], /--rights/],
    [['create', 'x', '--rights', 'publish'], /--file/],
    [['remove', 'nobody', '--file', file], /has no token "nobody"/],
    [['list', '--file', `${file}.none`], /cannot be read/],
  ]
  for (const [args, sentence] of refused)
    t.match(await dwell(args), { code: 2, stdout: '', stderr: sentence }, args.join(' '))
  t.equal(readFileSync(file, 'utf8'), before)
  writeFileSync(file, '{')
  t.match(await dwell(['create', 'x', '--rights', 'publish', '--file', file]), { code: 2, stderr: /not valid JSON/ })
  t.equal(readFileSync(file, 'utf8'), '{')
})

t.test('while another command changes the file, none else does', async (t) => {
  const file = join(tokensFolder(t), 'tokens.json')
  await dwell(['create', 'shop', '--rights', 'publish', '--file', file])
  const before = readFileSync(file, 'utf8')
  writeFileSync(`${file}.new`, 'of another')
  for (const args of [
    ['create', 'x', '--rights', 'publish'],
    ['remove', 'shop'],
  ]) {
    const ended = await dwell([...args, '--file', file])
    t.match(ended, { code: 2, stdout: '', stderr: /Another command is changing the tokens.* remove .*tokens.json.new/ })
  }
  t.equal(readFileSync(file, 'utf8'), before)
  t.equal(readFileSync(`${file}.new`, 'utf8'), 'of another')
})
