// Builds the parts and starts them from the bottom up; stops them from the top down.
//
// Data directory:
//   lock/, owner.json           held while a process uses the directory
//   journal/, topics/, …        the log: see storage/FORMAT.md
//   wheel/                      slots, derived from `__delay`
//   overflow/                   delayed messages beyond the reach of the wheel: the only place where they are
//   index/                      ids, derived from `__ids`; may be deleted while nobody uses the directory

import { hostname } from 'node:os'
import { join } from 'node:path'
import type { FastifyInstance } from 'fastify'
import {
  type Clock,
  type Disk,
  DwellError,
  EmbeddedEngine,
  type KeyValueStore,
  type Log,
  lockDirectory,
  openLevelStore,
  type Random,
} from '../storage/index.ts'
import { HandClock, Wheel } from '../timewheel/index.ts'
import { Checkpoints } from './checkpoints.ts'
import { DelayedMessages } from './delivery/delayed.ts'
import { Groups } from './delivery/groups.ts'
import { Ids } from './delivery/ids.ts'
import { Publisher } from './delivery/publish.ts'
import { buildServer } from './http/server.ts'
import { Metrics } from './metrics.ts'
import type { Settings } from './settings.ts'
import { Topics } from './topics.ts'

export interface BrokerOptions {
  settings: Settings
  disk: Disk
  clock: Clock
  random: Random
  log: Log
  /** Called once when nothing can be answered with success any more: the process must end. */
  onFailure: (error: unknown) => void
}

const KIB = 1024

export class Broker {
  readonly #options: BrokerOptions
  readonly #stopping = new AbortController()
  /** What is open, in the order in which it was opened, each with how it is closed. */
  readonly #open: { part: string; close: () => Promise<unknown> }[] = []
  #server: FastifyInstance | undefined
  #stopped: Promise<void> | undefined
  #address = ''

  private constructor(options: BrokerOptions) {
    this.#options = options
  }

  /**
   * Opens the data directory, recovers, and listens. Resolves when it is ready.
   * @throws DATA_DIRECTORY_LOCKED, ADDRESS_NOT_AVAILABLE and what the parts find damaged
   */
  static async start(options: BrokerOptions): Promise<Broker> {
    const broker = new Broker(options)
    try {
      await broker.#start()
      return broker
    } catch (error) {
      await broker.#closeAll().catch(() => {})
      throw error
    }
  }

  /** Where it listens: `http://127.0.0.1:7200`. */
  get address(): string {
    return this.#address
  }

  /**
   * Stops accepting, answers who waits, finishes what is under way, writes a checkpoint and lets go of the directory.
   */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop()
    return this.#stopped
  }

  async #start(): Promise<void> {
    const { settings, disk, clock, random, log, onFailure } = this.#options
    const beganMs = clock.monotonicMs()
    const directory = settings.DATA_DIR
    const owner = { pid: process.pid, host: hostname(), startedAtMs: clock.wallMs() }
    const lock = await lockDirectory(disk, directory, owner)
    this.#opened('lock', () => lock.release())

    const engine = await EmbeddedEngine.open({
      disk,
      clock,
      random,
      directory,
      log,
      checkpointIntervalMs: settings.CHECKPOINT_INTERVAL,
      checkpointBytes: settings.CHECKPOINT_BYTES,
      segmentBytes: settings.SEGMENT_BYTES,
      journalFileBytes: settings.JOURNAL_FILE_BYTES,
      onFailure,
    })
    this.#opened('engine', () => engine.close())

    const hand = new HandClock({ clock, log, settleMs: settings.CLOCK_SETTLE })
    const index = await this.#openIndex(join(directory, 'index'))
    this.#opened('index', () => index.close())
    const ids = await Ids.open({ engine, index, hand, windowMs: settings.DEDUPLICATION_WINDOW })
    this.#opened('ids', () => ids.stop())

    const overflow = await openLevelStore(join(directory, 'overflow'))
    this.#opened('overflow', () => overflow.close())
    let metrics: Metrics | undefined
    const wheel = await Wheel.open({
      engine,
      disk,
      clock,
      hand,
      overflow,
      directory: join(directory, 'wheel'),
      log,
      slots: settings.WHEEL_SLOTS,
      memoryBytes: settings.WHEEL_MEMORY_BYTES,
      readBytes: Math.max(64 * KIB, Math.floor(settings.WHEEL_MEMORY_BYTES / 2)),
      windowSeconds: Math.ceil(settings.WHEEL_WINDOW / 1000),
      rememberMs: settings.DEDUPLICATION_WINDOW,
      onDispatch: (dispatched, nowMs) => ids.dispatched(dispatched, nowMs),
      onLateness: (ms, count) => metrics?.observeLateness(ms, count),
      onFailure,
    })
    this.#opened('wheel', () => wheel.stop())

    const groups = await Groups.open({
      engine,
      clock,
      random,
      hand,
      wheel,
      log,
      defaults: { retry: settings.GROUP_RETRY, lockMs: settings.GROUP_LOCK, maxInFlight: settings.GROUP_IN_FLIGHT_MAX },
    })
    this.#opened('groups', () => groups.stop())
    await wheel.start()

    const topics = new Topics({
      engine,
      defaultPartitions: settings.DEFAULT_PARTITIONS,
      autoCreate: settings.AUTO_CREATE_TOPICS,
      ownerOf: (topic) => groups.ownerOf(topic),
    })
    const publisher = new Publisher({ engine, topics, ids, wheel, hand, waitingBytesMax: settings.WAITING_BYTES_MAX })
    const delayed = new DelayedMessages({ topics, ids, wheel })
    const checkpoints = new Checkpoints({
      clock,
      log,
      intervalMs: settings.CHECKPOINT_INTERVAL,
      parts: [wheel, groups, ids],
      onFailure,
    })
    checkpoints.start()
    this.#opened('checkpoints', async () => {
      await checkpoints.stop()
      await checkpoints.run()
    })

    metrics = new Metrics({
      published: () => publisher.stats(),
      wheel: () => wheel.stats(),
      groups: () => groups.stats(),
      topics: () => topics.list().length,
      checkpoints: () => checkpoints.stats(),
    })
    this.#server = await buildServer({
      settings,
      log,
      engine,
      topics,
      publisher,
      delayed,
      groups,
      metrics,
      hand,
      stopping: this.#stopping.signal,
    })
    this.#opened('server', () => this.#closeServer())
    this.#address = await listen(this.#server, settings)
    const tookMs = Math.round(clock.monotonicMs() - beganMs)
    const { pending } = wheel.stats()
    log.info(
      {
        address: this.#address,
        directory,
        topics: topics.list().length,
        groups: groups.stats().groups,
        pending,
        tookMs,
      },
      `Listening on ${this.#address}; ${pending} delayed messages pending.`,
    )
  }

  #opened(part: string, close: () => Promise<unknown>): void {
    this.#open.push({ part, close })
  }

  /** The index is derived: when it is damaged it is made anew. */
  async #openIndex(directory: string): Promise<KeyValueStore> {
    const { disk, log } = this.#options
    try {
      return await openLevelStore(directory)
    } catch (error) {
      if (!(error instanceof DwellError) || error.code !== 'STORE_DAMAGED') throw error
      log.error(
        { path: directory, error: error.message },
        'The index of ids is damaged and is made anew out of the log.',
      )
      await disk.removeTree(directory)
      return openLevelStore(directory)
    }
  }

  async #stop(): Promise<void> {
    const { log, clock } = this.#options
    const beganMs = clock.monotonicMs()
    log.info({}, 'Stopping.')
    await this.#closeAll()
    log.info({ tookMs: Math.round(clock.monotonicMs() - beganMs) }, 'Stopped.')
  }

  async #closeAll(): Promise<void> {
    this.#stopping.abort()
    for (let last = this.#open.pop(); last !== undefined; last = this.#open.pop()) {
      await last.close()
    }
  }

  /** Idle connections are closed at once, the others when they have their answer, or after the stop timeout. */
  async #closeServer(): Promise<void> {
    const { clock, settings, log } = this.#options
    const server = this.#server as FastifyInstance
    const timer = clock.setTimer(() => {
      log.warn({}, 'Requests still under way are cut off.')
      server.server.closeAllConnections()
    }, settings.STOP_TIMEOUT)
    await server.close()
    timer.cancel()
  }
}

async function listen(server: FastifyInstance, { HOST: host, PORT: port }: Settings): Promise<string> {
  try {
    return await server.listen({ host, port })
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === undefined) throw error
    const sentence = `Cannot listen on ${host}, port ${port}: ${(error as Error).message}.`
    throw new DwellError('ADDRESS_NOT_AVAILABLE', sentence, { host, port }, error)
  }
}
