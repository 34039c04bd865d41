// The tools as they are called: what they print, their exit codes, and what they do when they are called wrongly.

import { spawn } from 'node:child_process'
import { chmodSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { DwellProcess } from '../support/dwell-process.ts'
import { copyOf, flip, makeDirectories } from './data-directory.ts'

const MAIN = join(import.meta.dirname, '../../service/main.ts')

interface Ended {
  code: number | null
  out: string
  error: string
}

/** Runs `dwell` with these arguments; with `linesRead`, the reader goes away after so many lines. */
function dwell(args: readonly string[], linesRead = Number.POSITIVE_INFINITY): Promise<Ended> {
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  let [out, error] = ['', '']
  child.stderr.on('data', (part) => {
    error += part
  })
  child.stdout.on('data', (part) => {
    out += part
    if (out.split('\n').length > linesRead) child.stdout.destroy()
  })
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, out, error })))
}

t.setTimeout(110_000)

const { clean, killed } = await makeDirectories(t)

t.test('verify: 0 when nothing is wrong, 1 when something is', async (t) => {
  const good = await dwell(['verify', killed])
  t.match(good, { code: 0, out: /^Looked at .*\nNothing is wrong/ })
  t.notOk(good.out.includes('\u001b'), 'no colours but on a terminal')
  const copy = copyOf(t, clean)
  flip(join(copy, 'topics/orders-0/00000000000000000000.log'), 500)
  const bad = await dwell(['verify', copy])
  t.match(bad, { code: 1, out: /^WRONG .*orders-0.00000000000000000000\.log\n .*offset.* of orders-0 cannot be read/ })
  t.match(bad.out, /1 thing is wrong, 1 of them concern acknowledged data/)
  const json = await dwell(['verify', copy, '--json'])
  t.equal(json.code, 1)
  t.match(JSON.parse(json.out), {
    wrong: 1,
    findings: [{ code: 'batch-damaged', acknowledged: true, partition: 'orders-0' }],
  })
})

t.test('repair: 1 while there is something to do, 0 when it is done', async (t) => {
  const copy = copyOf(t, killed)
  flip(join(copy, 'wheel/checkpoint'), 30)
  t.match(await dwell(['repair', copy]), { code: 1, out: /Nothing was changed\. To do this, run the same with --yes/ })
  t.match(await dwell(['repair', copy, '--yes']), { code: 0, out: /1 step done/ })
  t.match(await dwell(['repair', copy]), { code: 0, out: 'There is nothing to repair.\n' })
})

t.test('a directory in use is left alone, and its owner named; a copy of it is not', async (t) => {
  const copy = copyOf(t, clean)
  const service = await DwellProcess.start({ dataDirectory: copy, logPath: join(t.testdir({}), 'log') })
  t.teardown(() => service.kill())
  for (const command of ['verify', 'repair']) {
    const refused = await dwell([command, copy])
    t.equal(refused.code, 2)
    t.match(refused.error, `is in use by process ${service.pid}`)
  }
  t.match(
    await dwell(['dump', join(copy, 'overflow'), '--limit', '1']),
    { code: 0, out: /LevelDB store/ },
    'a file can be looked at',
  )
  t.match(await dwell(['verify', copyOf(t, copy)]), { code: 0 })
  await service.kill()
  t.match(await dwell(['verify', copy]), { code: 0 })
})

t.test('a start that is refused names the tools', async (t) => {
  const copy = copyOf(t, killed)
  rmSync(join(copy, 'overflow'), { recursive: true })
  const refused = await dwell(['serve', '--data-dir', copy, '--port', '0'])
  t.equal(refused.code, 1)
  t.match(refused.out, `to go on without it, \`dwell repair ${copy}\``)
})

t.test('a reader that goes away ends a dump', async (t) => {
  const { code, out, error } = await dwell(
    ['dump', join(clean, 'topics/__delay-0/00000000000000000000.log'), '--values'],
    3,
  )
  t.match({ code, error }, { code: 0, error: '' })
  t.ok(out.length > 0)
})

t.test('it says its version', async (t) => {
  t.match(await dwell(['--version']), { code: 0, out: /^\d+\.\d+\.\d+\n$/, error: '' })
})

t.test('what is called wrongly', async (t) => {
  const unreadable = copyOf(t, clean)
  chmodSync(join(unreadable, 'checkpoint'), 0)
  const rows: [args: string[], code: number, error: RegExp][] = [
    [['dump', join(clean, 'nope')], 2, /^There is no file .*nope\.$/m],
    [['dump', join(clean, 'topics')], 2, /is a folder and no LevelDB store/],
    [['dump', MAIN], 2, /is no file of Dwell/],
    [['dump'], 2, /missing required argument 'file'/],
    [['dump', clean, '--limit', 'many'], 2, /It must be a whole number/],
    [['dump', clean, '--nope'], 2, /unknown option '--nope'/],
    [['verify', join(clean, 'nope')], 2, /^There is no folder/],
    [['verify', join(clean, 'checkpoint')], 2, /is a file: name the data directory/],
    [['verify', join(clean, 'topics')], 2, /is no data directory of Dwell/],
    [['repair', join(clean, 'topics')], 2, /is no data directory of Dwell/],
    [['repair', clean, '--force'], 2, /unknown option/],
    [['nonsense'], 2, /unknown command/],
  ]
  for (const [args, code, error] of rows) t.match(await dwell(args), { code, error }, args.join(' '))
  await withoutRights(t, unreadable)
  rmSync(unreadable, { recursive: true, force: true })
})

/** The superuser may read everything. */
async function withoutRights(t: Test, directory: string): Promise<void> {
  if (process.getuid?.() === 0) return void t.comment('not tried as root: a file without permission')
  t.match(await dwell(['dump', join(directory, 'checkpoint')]), { code: 2, error: /permission denied/ })
}
