// A real server in a process of its own, started and killed by a test.

import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { HttpClient } from './http-client.ts'

const ROOT = join(import.meta.dirname, '..', '..')
/** What `npm start` passes to node. */
const START_ARGUMENTS = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
  .scripts.start.split(' ')
  // Behind `exec node`.
  .slice(2)

export interface StartOptions {
  dataDirectory: string
  /** `DWELL_…` settings beside port and data directory, and what else the environment is to have. */
  settings?: Record<string, string>
  /** What node is to run; the ordinary server when absent. */
  program?: string[]
  /** A program, with its arguments, that runs the server in its own place: `prlimit --nofile=64`. */
  under?: string[]
  /** The server's own output goes here. */
  logPath: string
  port?: number
  /** The tree to run in place of this one. */
  root?: string
  readyWithinMs?: number
}

export interface Exit {
  code: number | null
  signal: NodeJS.Signals | null
}

/** The server ended before it was ready. */
export class EndedEarly extends Error {
  override name = 'EndedEarly'
  readonly exit: Exit

  constructor(exit: Exit, tail: string) {
    super(`the server ended (code ${exit.code}, signal ${exit.signal}) before it was ready\n${tail}`)
    this.exit = exit
  }
}

export class DwellProcess {
  readonly port: number
  readonly client: HttpClient
  /** From starting the process to its first 200 on /readyz. */
  readonly readyMs: number
  readonly exited: Promise<Exit>
  readonly #child: ChildProcess

  constructor(child: ChildProcess, exited: Promise<Exit>, port: number, client: HttpClient, readyMs: number) {
    this.#child = child
    this.exited = exited
    this.port = port
    this.client = client
    this.readyMs = readyMs
  }

  /** @throws EndedEarly */
  static async start(options: StartOptions): Promise<DwellProcess> {
    const port = options.port ?? (await freePort())
    const log = openSync(options.logPath, 'a')
    const startedMs = performance.now()
    const [command, ...commandArguments] = [
      ...(options.under ?? []),
      process.execPath,
      ...(options.program ?? START_ARGUMENTS),
    ]
    const child = spawn(command, commandArguments, {
      cwd: options.root ?? ROOT,
      env: {
        ...withoutDwell(process.env),
        // No large reserve for every start of a test.
        DWELL_DISK_RESERVE_BYTES: '1MiB',
        ...options.settings,
        DWELL_PORT: String(port),
        DWELL_DATA_DIR: options.dataDirectory,
      },
      stdio: ['ignore', log, log],
    })
    closeSync(log)
    const exited = new Promise<Exit>((resolve) => child.once('exit', (code, signal) => resolve({ code, signal })))
    let exit: Exit | undefined
    void exited.then((how) => (exit = how))
    const client = new HttpClient(port)
    for (;;) {
      if (exit) throw new EndedEarly(exit, tail(options.logPath))
      const status = await client.call('GET', '/readyz', { timeoutMs: 1000 }).then(
        (answer) => answer.status,
        () => 0,
      )
      if (status === 200) break
      if (performance.now() - startedMs > (options.readyWithinMs ?? 30_000)) {
        child.kill('SIGKILL')
        throw new EndedEarly({ code: null, signal: null }, `not ready in time\n${tail(options.logPath)}`)
      }
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    return new DwellProcess(child, exited, port, client, performance.now() - startedMs)
  }

  get pid(): number {
    return this.#child.pid as number
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  /** kill -9; resolves when the process is gone. */
  async kill(): Promise<Exit> {
    this.#child.kill('SIGKILL')
    this.client.close()
    return this.exited
  }

  /** SIGTERM; resolves when the process is gone. */
  async stop(): Promise<Exit> {
    this.#child.kill('SIGTERM')
    const exit = await this.exited
    this.client.close()
    return exit
  }

  /** Resident memory in bytes, as the kernel counts it. */
  memoryBytes(): number {
    const status = readFileSync(`/proc/${this.pid}/status`, 'latin1')
    return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) * 1024
  }
}

export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}

function withoutDwell(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('DWELL_')))
}

/** Why it ended, by its own words, else its last lines. */
function tail(path: string): string {
  const lines = readFileSync(path, 'utf8').trimEnd().split('\n').slice(-12)
  return lines.find((line) => line.includes('"level":"fatal"')) ?? lines.join('\n')
}
