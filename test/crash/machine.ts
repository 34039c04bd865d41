// The machine of a crash run: one server after the other on the same data directory, each with a disk, and perhaps a
// point to die at or a write that fails, of its own; and a wall clock that may be wrong.

import { appendFileSync, existsSync, readFileSync, rmSync } from 'node:fs'
import { availableParallelism, loadavg } from 'node:os'
import { join } from 'node:path'
import type { History } from '../checker/history.ts'
import { DwellProcess, EndedEarly, type Exit, freePort } from '../support/dwell-process.ts'
import type { SeededRandom } from '../support/seeded-random.ts'
import { failedPath } from './failing-disk.ts'
import type { Fates } from './points.ts'
import { WallClock } from './wall-clock.ts'

const READY_MS_MAX = 5_000
const BUSY_LOAD = 1.5
/** How long the wall clock must stay ahead before the hand follows it. */
export const SETTLE_MS = 1_000
/** A server that is told to fail writes so often at the most before it does. */
const FAILS_AT_MAX = 150

/** Small, so that everything that happens seldom happens here: slots are flushed, segments roll, journals recycle. */
const SETTINGS = {
  DWELL_WHEEL_WINDOW: '2s',
  DWELL_WHEEL_MEMORY_BYTES: '64KiB',
  DWELL_CHECKPOINT_INTERVAL: '400ms',
  // Longer than any run: what was answered must still be known at its end.
  DWELL_DEDUPLICATION_WINDOW: '1d',
  DWELL_SEGMENT_BYTES: '64KiB',
  DWELL_JOURNAL_FILE_BYTES: '1MiB',
  DWELL_MESSAGE_BYTES_MAX: '256KiB',
  DWELL_DISK_LOW_BYTES: '1MiB',
  DWELL_DISK_RESERVE_BYTES: '256KiB',
  DWELL_CLOCK_SETTLE: `${SETTLE_MS}ms`,
  // Of a group that was deleted and is made anew by whoever acquires.
  DWELL_GROUP_RETRY: '300ms,600ms',
  DWELL_PUSH_ALLOWED_HOSTS: '127.0.0.1',
  DWELL_LOG_LEVEL: 'info',
}

export interface MachineOptions {
  /** The folder of the run. */
  work: string
  history: History
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
  /** Which call that makes the log durable fails. */
  failsAt?: number
}

const PLAIN_DISK: DiskPlan = { disk: 'system', slow: '0', tight: false }
/** Nothing is written but what somebody asks for: a checkpoint every hour. */
const STILL = { DWELL_CHECKPOINT_INTERVAL: '1h' }

export class Machine {
  readonly dataDirectory: string
  readonly logPath: string
  readonly clock: WallClock
  readonly readyMs: number[] = []
  /** How servers ended. */
  readonly counts: Record<string, number> = {}
  readonly #options: MachineOptions
  readonly #port: number
  #server: DwellProcess | undefined
  #fates: Fates = {}
  #failing = false

  private constructor(options: MachineOptions, port: number) {
    this.#options = options
    this.#port = port
    this.dataDirectory = join(options.work, 'data')
    this.logPath = join(options.work, 'server.log')
    this.clock = new WallClock(join(options.work, 'clock'), options.history)
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

  /** Starts one that writes nothing by itself. */
  async startStill(): Promise<void> {
    await this.#start({}, PLAIN_DISK, STILL)
  }

  /** Starts one of whose writes of the log one fails; another one, if that is while it starts. */
  async startFailing(): Promise<void> {
    const failsAt = this.#options.random.between(1, FAILS_AT_MAX)
    try {
      await this.#start({}, { ...this.#someDisk(), tight: false, failsAt })
    } catch (error) {
      if (!(error instanceof EndedEarly) || !existsSync(failedPath(this.#points))) throw error
      this.#noteEnd()
      this.count('ended because a write failed')
      await this.start()
    }
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
    if (exit.code !== 0) return this.#explain(exit)
    this.#noteEnd()
    this.count('stopped')
  }

  async kill(): Promise<void> {
    if (!this.#server?.running) return
    await this.#server.kill()
    this.#noteEnd()
  }

  #explain({ code, signal }: Exit): void {
    this.#noteEnd()
    if (this.#failing && code !== 0 && signal === null) this.count('ended because a write failed')
    else if (this.isFated && signal === 'SIGKILL') this.count('died at a named point')
    else this.#options.complain('ended by itself', `code ${code}, signal ${signal}`)
  }

  /** It is gone; perhaps because something failed. */
  #noteEnd(): void {
    const { history } = this.#options
    const failed = failedPath(this.#points)
    this.#failing = existsSync(failed)
    if (this.#failing) history.note('sync failed', Number(readFileSync(failed, 'latin1')))
    rmSync(failed, { force: true })
    history.note('server ended')
  }

  get #points(): string {
    return join(this.#options.work, 'points')
  }

  async #start(fates: Fates, { disk, slow, tight, failsAt }: DiskPlan, settings = {}): Promise<void> {
    const { work, history, wheelSeconds, root, complain } = this.#options
    this.clock.beforeStart()
    const program = ['test/crash/server.ts', '--disk', disk, '--slow', slow, '--points', this.#points]
    program.push('--clock', this.clock.path)
    if (tight) program.push('--tight')
    if (failsAt !== undefined) program.push('--fail', String(failsAt))
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
        ...settings,
        DWELL_WHEEL_SLOTS: String(wheelSeconds),
        NODE_COMPILE_CACHE: join(work, 'compile-cache'),
      },
    })
    this.#server = server
    history.note('server started')
    this.readyMs.push(server.readyMs)
    if (server.readyMs <= READY_MS_MAX) return
    // With more to run than a run of this has by itself, the machine says nothing about the server.
    if (loadavg()[0] > BUSY_LOAD * availableParallelism()) this.count('slow start on a busy machine')
    else complain('slow start', `ready after ${Math.round(server.readyMs)} ms`)
  }
}
