// A fresh server for one part of the bench, and the folder it works in; both gone afterwards.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DwellProcess } from '../support/dwell-process.ts'

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
    const work = mkdtempSync(join(process.env.DWELL_BENCH_DIR ?? tmpdir(), 'dwell-bench-'))
    const all = { DWELL_LOG_LEVEL: 'warn', ...settings }
    return new BenchServer(work, all, await startIn(work, all))
  }

  get port(): number {
    return this.process.port
  }

  async call(method: string, path: string, body?: unknown): Promise<unknown> {
    const answer = await this.process.client.call(method, path, { body })
    if (answer.status >= 300) throw new Error(`${method} ${path} answers ${answer.status} ${answer.text.slice(0, 300)}`)
    return answer.json
  }

  /** kill -9 and start on the same folder; answers how long it took to be ready. */
  async restartAfterKill(): Promise<number> {
    await this.process.kill()
    this.process = await startIn(this.#work, this.#settings)
    return this.process.readyMs
  }

  /** SIGTERM and start on the same folder; answers how long it took to be ready. */
  async restart(): Promise<number> {
    await this.process.stop()
    this.process = await startIn(this.#work, this.#settings)
    return this.process.readyMs
  }

  async stop(): Promise<void> {
    await this.process.kill()
    rmSync(this.#work, { recursive: true, force: true })
  }
}

function startIn(work: string, settings: Record<string, string>): Promise<DwellProcess> {
  return DwellProcess.start({
    dataDirectory: join(work, 'data'),
    logPath: join(work, 'server.log'),
    settings,
    readyWithinMs: 120_000,
  })
}
