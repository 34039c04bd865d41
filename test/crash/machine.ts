// The machine of a crash run: one server after the other on the same data directory, each with a disk, and perhaps a
// point to die at, of its own.

import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import { DwellProcess, EndedEarly, type Exit, freePort } from '../support/dwell-process.ts'
import type { SeededRandom } from '../support/seeded-random.ts'
import type { Down } from './checker.ts'
import type { Fates } from './points.ts'

const READY_MS_MAX = 5_000

/** Small, so that everything that happens seldom happens here: slots are flushed, segments roll, journals recycle. */
const SETTINGS = {
  DWELL_WHEEL_WINDOW: '2s',
  DWELL_WHEEL_MEMORY_BYTES: '64KiB',
  DWELL_CHECKPOINT_INTERVAL: '400ms',
  // Longer than any run: what was answered must still be known at its end.
  DWELL_DEDUPLICATION_WINDOW: '1d',
  DWELL_SEGMENT_BYTES: '64KiB',
  DWELL_JOURNAL_FILE_BYTES: '1MiB',
  DWELL_DISK_LOW_BYTES: '1MiB',
  DWELL_DISK_RESERVE_BYTES: '256KiB',
  DWELL_LOG_LEVEL: 'info',
}

export interface MachineOptions {
  /** The folder of the run. */
  work: string
  random: SeededRandom
  wheelSeconds: number
  disk: string
  slow: string | undefined
  /** The tree whose server runs. */
  root: string
  complain: (anomaly: string, what: string) => void
}

interface DiskPlan {
  disk: string
  /** How slow it is, in milliseconds. */
  slow: string
  /** Whether it is nearly full now and then. */
  tight: boolean
}

const PLAIN_DISK: DiskPlan = { disk: 'system', slow: '0', tight: false }

export class Machine {
  readonly dataDirectory: string
  readonly logPath: string
  /** When nobody was there. */
  readonly downs: Down[] = []
  readonly readyMs: number[] = []
  /** How servers ended. */
  readonly counts: Record<string, number> = {}
  readonly #options: MachineOptions
  readonly #port: number
  #server: DwellProcess | undefined
  #fates: Fates = {}
  #downFromMs = Date.now()

  private constructor(options: MachineOptions, port: number) {
    this.#options = options
    this.#port = port
    this.dataDirectory = join(options.work, 'data')
    this.logPath = join(options.work, 'server.log')
  }

  static async create(options: MachineOptions): Promise<Machine> {
    return new Machine(options, await freePort())
  }

  get server(): DwellProcess {
    if (this.#server === undefined) throw new Error('there is no server')
    return this.#server
  }

  /** Whether the server knows where it is to die. */
  get isFated(): boolean {
    return Object.keys(this.#fates).length > 0
  }

  count(name: string): void {
    this.counts[name] = (this.counts[name] ?? 0) + 1
  }

  /** Starts a server that nothing happens to, with room on its disk. */
  async start(): Promise<void> {
    await this.#start({}, { ...this.#someDisk(), tight: false })
  }

  /** Starts a server that may die at a point; false when it did so before it was ready. */
  async live(fates: Fates): Promise<boolean> {
    return this.#live(fates, this.#someDisk())
  }

  /** A server that dies while it starts; if it does not, it is killed then. On a plain disk it passes the same points. */
  async startOrDie(fates: Fates, plain = false): Promise<void> {
    if (await this.#live(fates, plain ? PLAIN_DISK : this.#someDisk())) await this.kill()
  }

  #someDisk(): DiskPlan {
    const { disk, slow, random } = this.#options
    return {
      disk: disk === 'mixed' ? random.pick(['system', 'write-back']) : disk,
      slow: slow ?? random.pick(['0', '0', '2']),
      tight: random.chance(0.3),
    }
  }

  async #live(fates: Fates, disk: DiskPlan): Promise<boolean> {
    try {
      await this.#start(fates, disk)
      return true
    } catch (error) {
      if (!(error instanceof EndedEarly) || error.exit.signal !== 'SIGKILL' || Object.keys(fates).length === 0)
        throw error
      this.count('died at a named point in recovery')
      return false
    }
  }

  /** The server has died, or its time is over. */
  async end(died: Exit | undefined): Promise<void> {
    if (died === undefined) this.count(this.isFated ? 'killed before a point of its own' : 'killed at a random moment')
    else this.#explain(died)
    await this.kill()
  }

  /** SIGTERM; it may die while it stops. */
  async stop(): Promise<void> {
    const exit = await this.server.stop()
    this.#downFromMs = Date.now()
    if (exit.code === 0) this.count('stopped')
    else this.#explain(exit)
  }

  async kill(): Promise<void> {
    if (!this.#server?.running) return
    await this.#server.kill()
    this.#downFromMs = Date.now()
  }

  #explain({ code, signal }: Exit): void {
    this.#downFromMs = Date.now()
    if (this.isFated && signal === 'SIGKILL') this.count('died at a named point')
    else this.#options.complain('ended by itself', `code ${code}, signal ${signal}`)
  }

  async #start(fates: Fates, { disk, slow, tight }: DiskPlan): Promise<void> {
    const { work, wheelSeconds, root, complain } = this.#options
    const program = ['test/crash/server.ts', '--disk', disk, '--slow', slow, '--points', join(work, 'points')]
    if (tight) program.push('--tight')
    program.push('--fates', JSON.stringify(fates))
    this.#fates = fates
    appendFileSync(this.logPath, `--- ${program.join(' ')}\n`)
    const server = await DwellProcess.start({
      dataDirectory: this.dataDirectory,
      logPath: this.logPath,
      program,
      port: this.#port,
      root,
      settings: {
        ...SETTINGS,
        DWELL_WHEEL_SLOTS: String(wheelSeconds),
        NODE_COMPILE_CACHE: join(work, 'compile-cache'),
      },
    })
    this.#server = server
    this.downs.push({ fromMs: this.#downFromMs, toMs: Date.now() })
    this.readyMs.push(server.readyMs)
    if (server.readyMs > READY_MS_MAX) complain('slow start', `ready after ${Math.round(server.readyMs)} ms`)
  }
}
