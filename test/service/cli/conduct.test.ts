// How all commands behave: what they print for programs, how they end, and what becomes of those that are interrupted or whose
// reader goes away.

import { spawn } from 'node:child_process'
import { createServer } from 'node:http'
import { join } from 'node:path'
import t from 'tap'
import { EXIT_CODES_HELP } from '../../../service/cli/exit-codes.ts'
import { pageText } from '../../docs/page.ts'
import { dwell, type Ended, shell } from '../../support/dwell-command.ts'
import { DwellProcess } from '../../support/dwell-process.ts'
import { allCommands } from './examples-rig.ts'

t.setTimeout(110_000)

const MAIN = join(import.meta.dirname, '../../../service/main.ts')

const folder = t.testdir()
const server = await DwellProcess.start({ dataDirectory: join(folder, 'data'), logPath: join(folder, 'log') })
t.teardown(() => server.kill())
const environment = { DWELL_URL: `http://127.0.0.1:${server.port}`, DWELL_TOKENS_FILE: join(folder, 'tokens.json') }
const call = (args: readonly string[], input?: string) => dwell(args, { environment, input, cwd: folder })

t.test('every command prints JSON when it is told to, and says what its exit codes mean', async (t) => {
  for (const [name, command] of allCommands()) {
    // The log of the service is JSON.
    if (name !== 'serve')
      t.ok(
        command.options.some(({ long }) => long === '--json'),
        `${name} --json`,
      )
    let help = ''
    command.configureOutput({ writeOut: (part) => (help += part) }).outputHelp()
    t.match(help, /\nExit codes: 0 /, name)
  }
  const page = pageText('docs/command-line.md')
  for (const [, code, meaning] of EXIT_CODES_HELP.matchAll(/(\d+) ([^;.]+)/g))
    t.match(page, new RegExp(`\\| ${code} \\| [^|]*${meaning}`), `the page has ${code}`)
})

t.test('commands that work on files print one document', async (t) => {
  const documents: [args: string[], document: object][] = [
    [['completion', 'fish'], { shell: 'fish', script: /^function __dwell_complete/ }],
    [['tokens', 'create', 'shop', '--rights', 'publish'], { name: 'shop', rights: ['publish'], token: /^dwell_/ }],
    [['tokens', 'remove', 'shop'], { removed: 'shop' }],
    [['dump', join(folder, 'data/identity')], { line: /identity/ }],
  ]
  for (const [args, document] of documents) {
    const { code, out, error } = await call([...args, '--json'])
    t.match({ code, error }, { code: 0, error: '' }, args.join(' '))
    t.match(JSON.parse(out.split('\n')[0]), document)
  }
  const busy = await call(['repair', join(folder, 'data'), '--json'])
  t.match({ code: busy.code, ...JSON.parse(busy.error) }, { code: 2, error: { code: 'DIRECTORY_LOCKED' } })
})

t.test('what the system refuses is a sentence', async (t) => {
  const rows: [args: string[], code: number, error: string][] = [
    [['publish', 'orders', '--file', 'nowhere.ndjson'], 1, 'Cannot open nowhere.ndjson: no such file or directory.\n'],
    [['publish', 'orders', '--file', '.'], 2, '. is a folder.\n'],
    [['doctor', '--bundle', 'nowhere/bundle'], 1, 'Cannot open nowhere/bundle: no such file or directory.\n'],
    [
      ['tokens', 'create', 'a', '--rights', 'admin', '--file', 'no/t'],
      2,
      'Cannot open no/t.new: no such file or directory.\n',
    ],
  ]
  for (const [args, code, error] of rows) t.match(await call(args), { code, error }, args.join(' '))
})

t.test('an interrupted publish publishes what it has read, and says how far that is', async (t) => {
  const line = `{"value":"${'x'.repeat(1_000)}"}\n`
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    const topic = `lines-${signal.toLowerCase()}`
    const ended = await typed(['publish', topic, '--file', '-', '--json'], line.repeat(2_000), signal)
    t.match(ended, { code: 130, error: '' })
    const { published, linesRead, failed } = JSON.parse(ended.out)
    t.same([published, failed], [linesRead, 0], 'all that was read')
    t.equal(await recordsIn(topic), published, 'and no other')
  }
})

t.test('an interrupted publish waits no longer for a service that hangs than for one answer', async (t) => {
  const hanging = createServer(() => {})
  await new Promise<void>((resolve) => hanging.listen(0, '127.0.0.1', resolve))
  t.teardown(() => void hanging.close().closeAllConnections())
  const url = `http://127.0.0.1:${(hanging.address() as { port: number }).port}`
  const line = `{"value":"${'x'.repeat(1_000)}"}\n`
  const args = ['publish', 'orders', '--file', '-', '--timeout', '100ms', '--url', url]
  const { code, out, error } = await typed(args, line.repeat(2_000), 'SIGINT')
  t.match({ code, out }, { code: 130, out: 'Published 0 messages.\n' })
  t.match(error, /^Interrupted: of the lines 1 to (\d+) \1 had no answer\.\n$/)
})

t.test('a publish that waits for its value ends when it is interrupted', async (t) => {
  t.match(await typed(['publish', 'waiting'], 'x'.repeat(1024 ** 2), 'SIGINT'), { code: 130, out: '', error: '' })
})

t.test('a publish of many lines ends when nobody answers any more, and is no larger for it', async (t) => {
  const refusing = createServer((_request, response) => {
    response.writeHead(401, { 'content-type': 'application/problem+json' }).end('{"code":"TOKEN_WRONG","detail":"No."}')
  })
  await new Promise<void>((resolve) => refusing.listen(0, '127.0.0.1', resolve))
  t.teardown(() => void refusing.close())
  const url = `http://127.0.0.1:${(refusing.address() as { port: number }).port}`
  const lines = '{"value":1}\n'.repeat(50_000)
  const { code, out, error } = await call(['publish', 'orders', '--file', '-', '--url', url, '--json'], lines)
  t.equal(code, 1)
  t.ok(JSON.parse(out).linesRead < 50_000, 'the rest is not read')
  t.match(JSON.parse(error), { error: { code: 'TOKEN_WRONG', status: 401 } })
})

t.test('an interrupted listen finishes what it forwards', async (t) => {
  let forwarded = 0
  const hook = createServer((_request, response) => {
    forwarded++
    process.kill(child as number, 'SIGTERM')
    setTimeout(() => response.end(), 300)
  })
  await new Promise<void>((resolve) => hook.listen(0, '127.0.0.1', resolve))
  t.teardown(() => void hook.close())
  await call(['publish', 'hooks', 'one', 'two', '--key', 'k'])
  let child: number | undefined
  const args = ['listen', 'hooks', 'g', '--concurrency', '1', '--forward', `http://127.0.0.1:${(hook.address() as { port: number }).port}`] // biome-ignore format: short
  const ended = await dwell(args, { environment, onStart: ({ pid }) => (child = pid) })
  t.match(ended, { code: 0, out: /^\d\/0 {2}k {2}accept {2}HTTP 200\n$/ })
  t.equal(forwarded, 1)
  const rest = await call(['consume', 'hooks', 'g', '--until-empty', '--wait', '200ms', '--values'])
  t.equal(rest.out, 'two\n', 'the other is still there')
})

t.test('a reader that goes away ends a command quietly, and what nobody read comes again', async (t) => {
  await call(
    ['publish', 'piped', '--lines'],
    Array.from({ length: 2_000 }, (_, i) => `${'x'.repeat(200)} ${i}\n`).join(''),
  )
  const lines = [
    'dwell topics list',
    'dwell publish --help',
    'dwell dump data/identity',
    'dwell consume piped g --until-empty --wait 500ms --values',
    'for p in 0 1 2 3; do dwell topics read piped $p --limit 1000; done',
  ]
  for (const line of lines) {
    const { code, out, error } = await shell(`set -o pipefail; (${line}) | head -n 1`, { environment, cwd: folder })
    t.match({ code, error }, { code: 0, error: '' }, line)
    t.equal(out.split('\n').length, 2)
  }
  const rest = await call(['consume', 'piped', 'g', '--until-empty', '--wait', '500ms', '--values'])
  // What fits into a pipe was handed over.
  t.ok(rest.out.split('\n').length > 1_000, 'the rest')
})

/** Types `input` into a command that goes on waiting for more, and interrupts it when it has begun to read. */
function typed(args: readonly string[], input: string, signal: NodeJS.Signals): Promise<Ended> {
  const child = spawn(process.execPath, [MAIN, ...args], { env: { ...process.env, ...environment }, stdio: 'pipe' })
  let [out, error] = ['', '']
  child.stdout.on('data', (part) => (out += part))
  child.stderr.on('data', (part) => (error += part))
  // More than lies between the two processes: when all is written, most is read.
  child.stdin.write(input, () => child.kill(signal))
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, out, error })))
}

async function recordsIn(topic: string): Promise<number> {
  const described = (await server.client.call('GET', `/v1/topics/${topic}`)).json as { partitions: { highWatermark: number }[] } // biome-ignore format: short
  return described.partitions.reduce((sum, { highWatermark }) => sum + highWatermark, 0)
}
