// The package as npm packs it, put where npm installs it: the client for JavaScript and with its types, and the command.

import { execFile } from 'node:child_process'
import { existsSync, globSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { DwellProcess } from '../../support/dwell-process.ts'

t.setTimeout(110_000)

const exec = promisify(execFile)
/** Runs a program as a stranger would: without what tap has every Node below it load, under which tsc does not start. */
const run = (command: string, args: string[], options: { cwd?: string; env?: NodeJS.ProcessEnv } = {}) =>
  exec('env', ['-u', 'NODE_OPTIONS', command, ...args], { ...options, encoding: 'utf8' })
const ROOT = join(import.meta.dirname, '../../..')
const PACKAGES = join(ROOT, 'node_modules')
// Not below a folder of packages, as the folders of tap are: Node would find there what this one lacks.
const folder = mkdtempSync(join(tmpdir(), 'dwell-package-'))
const modules = join(folder, 'node_modules')
const installed = join(modules, 'dwell')
mkdirSync(installed, { recursive: true })
for (const name of readdirSync(PACKAGES)) {
  if (!name.startsWith('.') && name !== 'dwell') symlinkSync(join(PACKAGES, name), join(modules, name))
}
const server = await DwellProcess.start({ dataDirectory: join(folder, 'data'), logPath: join(folder, 'log') })
t.teardown(async () => {
  await server.kill()
  rmSync(folder, { recursive: true })
})

const environment = { ...process.env, DWELL_URL: `http://127.0.0.1:${server.port}`, XDG_CONFIG_HOME: '/nonexistent' }

t.test('npm packs it', async (t) => {
  const { stdout } = await run('npm', ['pack', '--json', '--pack-destination', folder], { cwd: ROOT })
  const [{ filename }] = JSON.parse(stdout)
  await run('tar', ['xzf', join(folder, filename), '--strip-components=1', '-C', installed])
  t.ok(existsSync(join(installed, 'service/dwell')))
})

t.test('a program imports the client', async (t) => {
  t.same(
    globSync('**/*.ts', { cwd: installed }).filter((path) => !path.endsWith('.d.ts')),
    [],
    'no sources of TypeScript',
  )
  const program = `import { CallError, DwellClient } from 'dwell/client'
    const dwell = new DwellClient({ url: process.env.DWELL_URL })
    console.log((await dwell.publish('orders', { value: 1 })).offset)
    console.log(await dwell.group('orders', 'nobody').describe().catch((error) => error instanceof CallError && error.code))`
  writeFileSync(join(folder, 'program.mjs'), program)
  const ended = await run(process.execPath, ['program.mjs'], { cwd: folder, env: environment })
  t.same(ended, { stdout: '0\nGROUP_NOT_FOUND\n', stderr: '' })
})

t.test('a program in TypeScript is checked against its types', async (t) => {
  const program = `import { CallError, type ConsumerOptions, DwellClient, type Published } from 'dwell/client'
    await using dwell = new DwellClient({ url: 'http://127.0.0.1:7200' })
    const published: Published = await dwell.publish('orders', { value: 1, deliverAt: new Date() }, { signal: AbortSignal.timeout(9) })
    if ('dueAtMs' in published) published.dueAtMs.toFixed()
    const options: ConsumerOptions = { onError: (error) => error.code.trim() + error.retryable }
    dwell.consume<{ order: number }>('orders', 'billing', ({ value }) => void value.order.toFixed(), options)
    for await (const { attempts } of dwell.deadLetters('orders', 'billing').list({ 'header.trace': 'a' })) attempts[0].at.trim()
    // @ts-expect-error
    await dwell.publish('orders', { value: 1, dealy: '1s' })
    // @ts-expect-error
    dwell.consume<{ order: number }>('orders', 'billing', ({ value }) => void value.oder)
    // @ts-expect-error
    dwell.consume('orders', 'billing', () => ({ type: 'acept' }))
    export const isHarmless = (error: unknown) => error instanceof CallError && error.harmless`
  writeFileSync(join(folder, 'program.mts'), program)
  const compilerOptions = { strict: true, module: 'nodenext', target: 'es2024', noEmit: true, types: ['node'] }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['program.mts'] }))
  const { stdout } = await run(join(PACKAGES, '.bin/tsc'), ['--pretty', 'false'], { cwd: folder }).catch(
    (error) => error,
  )
  t.equal(stdout, '')
})

t.test('the client asks for nothing that Node 20 does not have', async (t) => {
  const index = join(ROOT, 'service/client/index.ts')
  // The language as it was then, and Symbol.dispose.
  const words =
    '--noEmit --ignoreConfig --pretty false --strict --module nodenext --target es2023 --lib es2023,esnext.disposable ' +
    '--types node --allowImportingTsExtensions --skipLibCheck'
  const { stdout } = await run(join(PACKAGES, '.bin/tsc'), [...words.split(' '), index], { cwd: ROOT }).catch(
    (error) => error,
  )
  t.equal(stdout, '')
})

t.test('the command runs', async (t) => {
  // As npm puts it into a folder of commands.
  const link = join(folder, 'dwell')
  symlinkSync(join(installed, 'service/dwell'), link)
  const command = (args: string[], env: NodeJS.ProcessEnv = environment) => run(link, args, { env })
  t.match(await command(['publish', 'orders', 'two']), { stdout: /^Published: partition/, stderr: '' })
  t.match(await command(['--version']), { stdout: /^\d+\.\d+\.\d+\n$/ })
  t.match(await command(['verify', '--help']), { stdout: /^Usage: dwell verify/ })
  t.match(await command(['serve', '--port', 'many']).catch((error) => error), {
    code: 1,
    stderr: /^--port is "many"/,
  })
  const older = join(folder, 'older')
  mkdirSync(older)
  writeFileSync(join(older, 'node'), '#!/bin/sh\necho v20.20.2\n', { mode: 0o755 })
  const PATH = `${older}:${process.env.PATH}`
  t.match(await command(['publish', 'orders', 'three'], { ...environment, PATH }).catch((error) => error), {
    code: 1,
    stderr: 'dwell needs Node 24 or newer; the one of PATH is v20.20.2.\n',
  })
  mkdirSync(join(installed, 'node_modules/.bin'), { recursive: true })
  symlinkSync(process.execPath, join(installed, 'node_modules/.bin/node'))
  t.match(
    await command(['publish', 'orders', 'three'], { ...environment, PATH }),
    { stdout: /^Published: partition/, stderr: '' },
    'the one that npm ci brought along comes first',
  )
})
