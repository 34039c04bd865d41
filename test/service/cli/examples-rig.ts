// Runs the examples in which each command's help ends, as they stand, by a shell, against one service.

import { createServer } from 'node:http'
import { join } from 'node:path'
import type { Command } from 'commander'
import type { Test } from 'tap'
import { makeProgram } from '../../../service/cli.ts'
import { dwell, type Ended, shell } from '../../support/dwell-command.ts'
import { DwellProcess, freePort } from '../../support/dwell-process.ts'

/** Each command by its words, without those that people do not see. */
export function allCommands(parent: Command = makeProgram({}), words = ''): Map<string, Command> {
  const found = new Map<string, Command>()
  for (const command of parent.commands.filter((command) => !command.name().startsWith('__'))) {
    const name = `${words} ${command.name()}`.trim()
    if (command.commands.length === 0) found.set(name, command)
    else for (const [inner, one] of allCommands(command, name)) found.set(inner, one)
  }
  return found
}

/** The examples of a command: the last lines that its --help prints. */
export function examplesOf(command: Command): string[] {
  let text = ''
  command.configureOutput({ writeOut: (part) => (text += part) }).outputHelp()
  const lines = /\nExamples:\n([\s\S]+)$/.exec(text)?.[1].trimEnd().split('\n') ?? []
  return lines.every((line) => line.startsWith('  ')) ? lines.map((line) => line.trim()) : []
}

/** A command, and what has to be typed before its examples. */
export type Step = string | [name: string, before: string]

/** Runs all examples of these commands in their order, in one folder. */
export async function runExamples(t: Test, steps: readonly Step[]): Promise<string> {
  const folder = t.testdir()
  const data = join(folder, 'data')
  let server: DwellProcess | undefined = await DwellProcess.start({ dataDirectory: data, logPath: join(folder, 'log') })
  t.teardown(() => server?.kill())
  const environment = {
    DWELL_URL: `http://127.0.0.1:${server.port}`,
    DWELL_DATA_DIR: data,
    HOME: folder,
    XDG_CONFIG_HOME: join(folder, 'config'),
    TOKEN: 'abc',
  }
  const hookPort = await startHook(t)
  const commands = allCommands()
  for (const step of steps) {
    const [name, before] = typeof step === 'string' ? [step, ''] : step
    if (before !== '') t.equal((await shell(before, { environment, cwd: folder })).code, 0, before)
    const examples = examplesOf(commands.get(name) as Command)
    t.ok(examples.length > 0, `the help of ${name} ends in examples`)
    // The tools look at a directory that nobody uses.
    if (OFFLINE.has(name)) server = void (await server?.stop())
    for (const example of examples) {
      const line = example
        .replace('127.0.0.1:8080', `127.0.0.1:${hookPort}`)
        .replaceAll('dwell.example.com', '127.0.0.1')
      const ended = await (name === 'serve' ? serve(line, folder) : shell(line, { environment, cwd: folder }))
      // Monitoring: that something is found is no mistake.
      const allowed = name.startsWith('check') ? [0, 1, 2] : [0]
      t.ok(allowed.includes(ended.code ?? -1), `${line}\n${ended.out}${ended.error}`)
    }
  }
  return folder
}

const OFFLINE: ReadonlySet<string> = new Set(['dump', 'verify', 'repair', 'serve'])

/** A web service that takes whatever comes. */
async function startHook(t: Test): Promise<number> {
  const hook = createServer((request, response) => request.on('end', () => response.end()).resume())
  await new Promise<void>((resolve) => hook.listen(0, '127.0.0.1', resolve))
  t.teardown(() => void hook.close())
  return (hook.address() as { port: number }).port
}

/** Runs until it listens, then stops it in order. */
async function serve(line: string, folder: string): Promise<Ended> {
  const flags = [...line.replace(/--port \d+/, '').matchAll(/(--[\w-]+) (\S+)/g)].flatMap(([, flag, value]) => [
    flag,
    value,
  ])
  let told = false
  return dwell(['serve', ...flags, '--port', String(await freePort())], {
    environment: { DWELL_DISK_RESERVE_BYTES: '1MiB' },
    cwd: folder,
    onOutput: (out, child) => {
      // Asked twice it would end at once.
      if (!told && out.includes('Listening on')) told = child.kill('SIGTERM')
    },
  })
}
