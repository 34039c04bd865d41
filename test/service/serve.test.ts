// The real process: how it starts, what it says, how it ends. test/faults/README.md rows P8, P11, P12.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { until } from '../support/until.ts'
import { send } from './running-service.ts'

// Each of them starts a process or two.
t.setTimeout(120_000)
const MAIN = join(import.meta.dirname, '../../service/main.ts')

interface Running {
  child: ChildProcess
  /** All lines of the log so far. */
  lines: Record<string, unknown>[]
  stderr: () => string
  ended: Promise<[code: number | null, signal: string | null]>
  /** The line whose sentence begins so. */
  line(beginning: string): Promise<Record<string, unknown>>
}

function serve(t: Test, directory: string, environment: Record<string, string> = {}, flags: string[] = []): Running {
  const child = spawn(process.execPath, [MAIN, 'serve', '--port', '0', '--data-dir', directory, ...flags], {
    // No large reserve for every start of a test.
    env: { PATH: process.env.PATH, DWELL_DISK_RESERVE_BYTES: '1MiB', ...environment },
  })
  // Waited for: what it still writes would stand in the way of removing its folder.
  t.teardown(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGKILL')
    await new Promise((resolve) => child.once('exit', resolve))
  })
  const lines: Record<string, unknown>[] = []
  let rest = ''
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (part) => (stderr += part))
  child.stdout.setEncoding('utf8').on('data', (part) => {
    const parts = (rest + part).split('\n')
    rest = parts.pop() ?? ''
    for (const line of parts) lines.push(JSON.parse(line))
    child.emit('lines')
  })
  const ended = once(child, 'close') as Running['ended']
  const line = async (beginning: string) => {
    for (;;) {
      const found = lines.find(({ msg }) => String(msg).startsWith(beginning))
      if (found !== undefined) return found
      const outcome = await Promise.race([once(child, 'lines'), ended.then(() => 'ended')])
      if (outcome === 'ended')
        throw new Error(`the process ended without saying "${beginning}": ${JSON.stringify(lines)} ${stderr}`)
    }
  }
  return { child, lines, ended, line, stderr: () => stderr }
}

async function portOf({ line }: Running): Promise<number> {
  return Number(new URL(String((await line('Listening')).address)).port)
}

t.test('SIGTERM to `npm start` stops the service in order, and leaves no process behind', async (t) => {
  const root = join(import.meta.dirname, '../..')
  const { PATH, HOME } = process.env
  const words = ['start', '--silent', '--', '--port', '0', '--data-dir', t.testdir()]
  const npm = spawn('npm', words, { cwd: root, env: { PATH, HOME, DWELL_DISK_RESERVE_BYTES: '1MiB' } })
  t.teardown(() => npm.kill('SIGKILL'))
  let out = ''
  npm.stdout.setEncoding('utf8').on('data', (part) => {
    if (!out.includes('Listening') && (out + part).includes('Listening')) npm.kill('SIGTERM')
    out += part
  })
  // Its output is closed when the last process that holds it has ended: the service itself.
  await once(npm, 'close')
  t.match(out, /Told to stop.*Stopped/s)
})

t.test('on all addresses it says so, not only the one by which it is reached from here', async (t) => {
  const { line } = serve(t, t.testdir(), { DWELL_HOST: '0.0.0.0', DWELL_OPEN_TO_ANYONE: 'true' })
  t.match(await line('Listening'), {
    msg: /^Listening on http:\/\/0\.0\.0\.0:\d+;/,
    address: /^http:\/\/0\.0\.0\.0:\d+$/,
  })
})

t.test('it says where it listens and what it recovered, and stops gracefully', async (t) => {
  const directory = t.testdir()
  const first = serve(t, directory)
  const port = await portOf(first)
  await send(port, 'POST', '/v1/topics/orders/messages', {
    messages: [
      { value: 1, delay: '1h' },
      { value: 2, delay: '2d' },
    ],
  })
  await send(port, 'PUT', '/v1/topics/orders/groups/g', {})
  const waiting = send(port, 'POST', '/v1/topics/orders/groups/g/acquire', { wait: '60s' })
  await until(async () => /dwell_acquires_waiting 1\n/.test((await send(port, 'GET', '/metrics')).text))
  first.child.kill('SIGTERM')
  t.match(await waiting, { status: 200, json: { records: [] } }, 'who waits gets an answer')
  t.strictSame(await first.ended, [0, null])
  t.ok(await first.line('Stopped.'))
  const second = serve(t, directory)
  t.match(await second.line('Listening'), {
    msg: /^Listening on http:\/\/127\.0\.0\.1:\d+; 2 delayed messages pending\.$/,
    level: 'info',
    directory,
    topics: 1,
    groups: 1,
    pending: 2,
    tookMs: Number,
    stepsMs: { directory: Number, log: Number, ids: Number, wheel: Number, groups: Number, delayed: Number },
  })
  second.child.kill('SIGTERM')
  t.strictSame(await second.ended, [0, null])
})

t.test('what was answered is there after kill -9', async (t) => {
  const directory = t.testdir()
  const first = serve(t, directory)
  const port = await portOf(first)
  await send(port, 'POST', '/v1/topics/orders/messages', { value: 'kept', partition: 1, id: 'a' })
  first.child.kill('SIGKILL')
  await first.ended
  const second = serve(t, directory)
  const again = await portOf(second)
  t.match((await send(again, 'GET', '/v1/topics/orders/partitions/1/records')).json.records, [{ value: 'kept' }])
  t.match((await send(again, 'POST', '/v1/topics/orders/messages', { value: 'x', id: 'a' })).json.results, [
    { duplicate: true },
  ])
})

t.test('a request under way is finished before the stop; a second signal stops at once', async (t) => {
  const running = serve(t, t.testdir(), { DWELL_STOP_TIMEOUT: '5m' })
  const port = await portOf(running)
  const { request } = await import('node:http')
  const half = request({
    port,
    method: 'POST',
    path: '/v1/topics/orders/messages',
    headers: { 'content-type': 'application/json', expect: '100-continue' },
  })
  half.on('error', () => {}).flushHeaders()
  // The service is reading it.
  await once(half, 'continue')
  half.write('{"value":')
  running.child.kill('SIGTERM')
  await running.line('Stopping.')
  running.child.kill('SIGTERM')
  t.strictSame(await running.ended, [1, null])
})

t.test('a start that is told to stop ends with 0, wherever it is', async (t) => {
  const running = serve(t, t.testdir())
  await running.line('The port is open')
  running.child.kill('SIGTERM')
  t.strictSame(await running.ended, [0, null])
  t.match(running.lines.at(-1)?.msg, /^Stopped/)
})

t.test('a request that never ends is cut off when the stop has waited long enough', async (t) => {
  const running = serve(t, t.testdir(), { DWELL_STOP_TIMEOUT: '50ms' })
  const port = await portOf(running)
  const { request } = await import('node:http')
  const half = request({
    port,
    method: 'POST',
    path: '/v1/topics/orders/messages',
    headers: { 'content-type': 'application/json' },
  })
  half.on('error', () => {})
  half.write('{"value":')
  await send(port, 'GET', '/healthz')
  running.child.kill('SIGTERM')
  t.strictSame(await running.ended, [0, null])
  t.ok(await running.line('Requests still under way'))
})

t.test('a wrong value and a setting that does not exist stop the start by name', async (t) => {
  const directory = t.testdir()
  const wrong: [environment: Record<string, string>, flags: string[], says: RegExp, code?: number][] = [
    [{ DWELL_DELAY_MAX: 'soon' }, [], /^DWELL_DELAY_MAX is "soon"; it must be a duration from/],
    [{ DWELL_PROT: '7200' }, [], /^The environment sets DWELL_PROT, but there is no such setting\./],
    [{}, ['--delay-max', '0'], /^--delay-max is "0"/],
    [{}, ['--prot', '7200'], /unknown option '--prot'/, 2],
  ]
  for (const [environment, flags, says, code = 1] of wrong) {
    const running = serve(t, directory, environment, flags)
    t.strictSame(await running.ended, [code, null])
    t.match(running.stderr(), says)
    t.strictSame(running.lines, [])
  }
})

t.test('a second process on the same directory is told who has it', async (t) => {
  const directory = t.testdir()
  const first = serve(t, directory)
  await portOf(first)
  const second = serve(t, directory)
  t.strictSame(await second.ended, [1, null])
  const line = second.lines.at(-1)
  t.match(line, {
    level: 'fatal',
    code: 'DATA_DIRECTORY_LOCKED',
    pid: Number,
    msg: new RegExp(`process ${first.child.pid} `),
  })
})

t.test('an address that is taken stops the start by name', async (t) => {
  const first = serve(t, t.testdir({ a: {}, b: {} }))
  const port = await portOf(first)
  const second = serve(t, join(t.testdirName, 'b'), {}, ['--port', String(port)])
  t.strictSame(await second.ended, [1, null])
  t.match(second.lines.at(-1), {
    level: 'fatal',
    code: 'ADDRESS_NOT_AVAILABLE',
    port,
    msg: /EADDRINUSE.*choose another port/,
  })
})

t.test('P12: an unhandled rejection and a broken invariant end the process at once, with one line', async (t) => {
  const broken = [
    'Promise.reject(new Error("x"))',
    'throw new Error("x")',
    'process.emit("uncaughtException", new Error("x"))',
  ]
  for (const [i, code] of broken.entries()) {
    const preload = `data:text/javascript,setTimeout(()=>{${encodeURIComponent(code)}},1500)`
    const running = serve(t, join(t.testdir(), String(i)), { NODE_OPTIONS: `--import "${preload}"` })
    t.strictSame(await running.ended, [1, null], code)
    t.match(running.lines.at(-1), { level: 'fatal', error: /Error: x/ })
  }
})

t.test('--help names every setting', async (t) => {
  const child = spawn(process.execPath, [MAIN, 'serve', '--help'])
  let text = ''
  child.stdout.setEncoding('utf8').on('data', (part) => (text += part))
  await once(child, 'close')
  for (const name of ['--host', '--data-dir', '--deduplication-window', 'DWELL_WHEEL_SLOTS'])
    t.ok(text.includes(name), name)
})
