// A fresh server for one part of the bench, and the folder it works in; both gone afterwards.
//
// DWELL_BENCH_NODE_OPTIONS is passed to the server's node (--cpu-prof, say); the server is then told to stop, not killed,
// so that it can write what it was asked for.

import { mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DwellProcess } from '../support/dwell-process.ts'

const NODE_OPTIONS = process.env.DWELL_BENCH_NODE_OPTIONS
const READY_WITHIN_MS = 600_000
/** A call of the test clock waits for all that it makes due. */
const ADVANCE_WITHIN_MS = 600_000
/** Moving the clock of a server that dispatches nothing any more would go on for ever. */
const ADVANCE_CALLS_MAX = 12
const ANOTHER_BOOT = 'mount --bind "$0" /proc/sys/kernel/random/boot_id && exec "$@"'

export class BenchServer {
  readonly #work: string
  readonly #settings: Record<string, string>
  process: DwellProcess

  constructor(work: string, settings: Record<string, string>, process: DwellProcess) {
    this.#work = work
    this.#settings = settings
    this.process = process
  }

  static async start(settings: Record<string, string> = {}): Promise<BenchServer> {
    const work = mkdtempSync(join(benchDirectory(), 'dwell-bench-'))
    const all = { DWELL_LOG_LEVEL: 'warn', ...(NODE_OPTIONS && { NODE_OPTIONS }), ...settings }
    try {
      return new BenchServer(work, all, await startIn(work, all))
    } catch (error) {
      rmSync(work, { recursive: true, force: true })
      throw error
    }
  }

  get port(): number {
    return this.process.port
  }

  get dataDirectory(): string {
    return join(this.#work, 'data')
  }

  async call(method: string, path: string, body?: unknown, timeoutMs?: number): Promise<unknown> {
    const answer = await this.process.client.call(method, path, { body, timeoutMs })
    if (answer.status >= 300) throw new Error(`${method} ${path} answers ${answer.status} ${answer.text.slice(0, 300)}`)
    return answer.json
  }

  /** A number that /metrics shows. */
  async metric(name: string): Promise<number> {
    const { text } = await this.process.client.call('GET', '/metrics')
    return Number(
      text
        .split('\n')
        .find((line) => line.startsWith(`${name} `))
        ?.slice(name.length + 1),
    )
  }

  /** Moves the test clock, which the server was started with; resolves when all that is due by then is dispatched. */
  async advance(ms: number): Promise<void> {
    for (let calls = 0, advance = Math.ceil(ms); calls < ADVANCE_CALLS_MAX; calls++, advance = 0) {
      const answer = await this.call('POST', '/v1/test/clock', { advance }, ADVANCE_WITHIN_MS)
      if ((answer as { dispatched: boolean }).dispatched) return
    }
    throw new Error(`what was due was not dispatched after ${ADVANCE_CALLS_MAX} calls`)
  }

  /** kill -9 and start on the same folder; answers how long it took to be ready. `port`: the same as before, if given. */
  async restartAfterKill(port?: number): Promise<number> {
    await this.process.kill()
    this.process = await startIn(this.#work, this.#settings, { port })
    return this.process.readyMs
  }

  /**
   * kill -9 and a start to which the machine seems to have booted meanwhile: it sees another boot id. Needs the rights to
   * mount. What is in the page cache is still there, other than after a real power cut: reading is quicker than it would be.
   */
  async restartAfterAnotherBoot(): Promise<number> {
    await this.process.kill()
    const bootId = join(this.#work, 'boot-id')
    writeFileSync(bootId, `${crypto.randomUUID()}\n`)
    this.process = await startIn(this.#work, this.#settings, {
      under: ['unshare', '--mount', 'sh', '-c', ANOTHER_BOOT, bootId],
    })
    return this.process.readyMs
  }

  /** SIGTERM and start on the same folder; answers how long it took to be ready. */
  async restart(): Promise<number> {
    await this.process.stop()
    this.process = await startIn(this.#work, this.#settings)
    return this.process.readyMs
  }

  async stop(): Promise<void> {
    if (NODE_OPTIONS === undefined) await this.process.kill()
    else await this.process.stop()
    rmSync(this.#work, { recursive: true, force: true })
  }
}

/** Free bytes where the servers of the bench keep their data. */
export function freeBytes(): number {
  const { bavail, bsize } = statfsSync(benchDirectory())
  return bavail * bsize
}

function benchDirectory(): string {
  return process.env.DWELL_BENCH_DIR ?? tmpdir()
}

function startIn(
  work: string,
  settings: Record<string, string>,
  how: { port?: number; under?: string[] } = {},
): Promise<DwellProcess> {
  return DwellProcess.start({
    dataDirectory: join(work, 'data'),
    logPath: join(work, 'server.log'),
    settings,
    readyWithinMs: READY_WITHIN_MS,
    ...how,
  })
}
