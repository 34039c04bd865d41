// Every command's help ends in examples, and every example works as it stands: run in this order, against one service, by a shell.

import { readdirSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import t from 'tap'
import { dwell, type Ended, shell } from '../../support/dwell-command.ts'
import { DwellProcess, freePort } from '../../support/dwell-process.ts'

t.setTimeout(118_000)

/** In an order in which each finds what it needs. What stands in brackets is typed before. */
const COMMANDS = [
  'publish', 'topics put', 'topics list', 'topics get', 'topics read', 'groups put', 'consume', 'groups list', 'groups describe',
  'groups pause', 'check lag', 'groups resume', 'groups reset', 'listen', 'delayed get', 'delayed reschedule', 'explain', 'delayed dispatch',
  'delayed cancel', 'delayed list', 'dead-letters list', 'dead-letters reasons', 'dead-letters redrive', 'dead-letters redrives',
  'dead-letters stop', 'dead-letters purge', 'check ready', 'check dead-letters', 'check lateness', 'doctor', 'bench', 'context set',
  'context use', 'context list', 'context remove', 'completion', 'groups delete', 'topics delete', 'tokens create', 'tokens list',
  'tokens remove', 'dump', 'verify', 'repair', 'serve',
] // biome-ignore format: a list of words

const folder = t.testdir()
const data = join(folder, 'data')
const server = await DwellProcess.start({ dataDirectory: data, logPath: join(folder, 'log') })
t.teardown(() => server.kill())
const hook = createServer((request, response) => request.on('end', () => response.end()).resume())
await new Promise<void>((resolve) => hook.listen(0, '127.0.0.1', resolve))
t.teardown(() => void hook.close())
const hookPort = (hook.address() as { port: number }).port

const help = new Map<string, Promise<Ended>>()
const helpOf = (name: string) => {
  const known = help.get(name) ?? dwell([...name.split(' ').filter((word) => word !== ''), '--help'])
  help.set(name, known)
  return known
}

/** The commands below `name` that people see, by their help. */
async function commandsIn(name: string): Promise<string[]> {
  const { out } = await helpOf(name)
  const list = /\nCommands:\n([\s\S]*?)(\n\n|$)/.exec(out)?.[1] ?? ''
  return [...list.matchAll(/^ {2}([a-z-]+)/gm)].map(([, word]) => word).filter((word) => word !== 'help')
}

t.test('no command is forgotten here', async (t) => {
  const found: string[] = []
  for (const word of await commandsIn('')) {
    const inner = await commandsIn(word)
    found.push(...(inner.length === 0 ? [word] : inner.map((one) => `${word} ${one}`)))
  }
  t.same(found.sort(), [...COMMANDS].sort())
})

t.test('every example works', async (t) => {
  const before: Record<string, string> = {
    'delayed get': `dwell publish reminders 'call Ada' --delay 1h --id ada; dwell publish reminders 'call Ben' --delay 2h --id ben; dwell publish reminders 'call Cem' --delay 3d --id cem`,
    'dead-letters list': `dwell publish orders bad bad; dwell groups put orders billing --retry none; dwell consume orders billing --until-empty --wait 1s --exec 'echo bank offline >&2; exit 1'`,
    'dead-letters stop': `export TASK=$(dwell dead-letters redrive orders billing --no-wait --json | sed 's/.*:"\\(.*\\)".*/\\1/')`,
    dump: `true`,
  }
  const environment = { DWELL_URL: `http://127.0.0.1:${server.port}`, DWELL_DATA_DIR: data, HOME: folder, XDG_CONFIG_HOME: join(folder, 'config'), TOKEN: 'abc' } // biome-ignore format: short
  for (const name of COMMANDS) {
    const { out, code } = await helpOf(name)
    t.equal(code, 0, name)
    const examples = /\nExamples:\n([\s\S]+)$/.exec(out)?.[1].trimEnd().split('\n') ?? []
    t.ok(examples.length > 0 && examples.every((line) => line.startsWith('  ')), `the help of ${name} ends in examples`)
    if (name === 'dump') await server.stop()
    const typed = before[name] === undefined ? '' : `{ ${before[name]}; } >/dev/null 2>&1\n`
    for (const example of examples) {
      const line = example
        .replace('127.0.0.1:8080', `127.0.0.1:${hookPort}`)
        .replaceAll('dwell.example.com', '127.0.0.1')
      const ended = await (name === 'serve' ? served(line) : shell(`${typed}${line}`, { environment, cwd: folder }))
      // Monitoring: that something is found is no mistake.
      const allowed = name.startsWith('check') ? [0, 1, 2] : [0]
      t.ok(allowed.includes(ended.code ?? -1), `${line.trim()}\n${ended.out}${ended.error}`)
    }
  }
  t.ok(readdirSync(folder).includes('dwell-doctor.json'))
})

/** Runs until it listens, then stops it in order. */
async function served(line: string): Promise<Ended> {
  const port = String(await freePort())
  const typed = line.replace('dwell serve', `exec dwell serve`).replace(/--port \d+/, '')
  const args = [...typed.matchAll(/--[\w-]+ \S+/g)].flatMap(([flag]) => flag.split(' '))
  return dwell(['serve', ...args, '--port', port], {
    environment: { DWELL_DISK_RESERVE_BYTES: '1MiB' },
    cwd: folder,
    onOutput: (out, child) => out.includes('Listening on') && child.kill('SIGTERM'),
  })
}
