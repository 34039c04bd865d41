// Builds the parts and starts them from the bottom up; stops them from the top down.
//
// Data directory:
//   lock, identity, reserve     see data-directory.ts
//   journal/, topics/, …        the log: see storage/FORMAT.md
//   wheel/                      slots, derived from `__delay`
//   overflow/                   delayed messages beyond the reach of the wheel: the only place where they are
//   index/                      ids, derived from `__ids`; may be deleted while nobody uses the directory

import { join } from 'node:path'
import { type Clock, type Disk, EmbeddedEngine, type Log, openLevelStore, type Random } from '../storage/index.ts'
import { type ClockLimits, forecast, HandClock, lastKnownMs, openOverflowStore, Wheel } from '../timewheel/index.ts'
import { Access } from './access/access.ts'
import { BelievedClock } from './believed-clock.ts'
import { Canary } from './canary.ts'
import { Checkpoints } from './checkpoints.ts'
import { tallyDamage } from './damage-tally.ts'
import { DataDirectory } from './data-directory.ts'
import { Explainer } from './delivery/explain/explain.ts'
import { Groups } from './delivery/index.ts'
import { descriptorLimit, shareDescriptors } from './descriptors.ts'
import { ArrivingBytes } from './http/arriving-bytes.ts'
import { Listener } from './http/listener.ts'
import { ServedHosts } from './http/served-hosts.ts'
import { buildRoutes } from './http/server.ts'
import { SlowBodies } from './http/slow-bodies.ts'
import { Metrics, type MetricsOptions } from './metrics/metrics.ts'
import { pendingByTopic } from './metrics/pending-by-topic.ts'
import type { MetricSources } from './metrics/sources.ts'
import { PendingQuotas } from './pending-quotas.ts'
import { DelayedMessages } from './publish/delayed.ts'
import { openIdIndex } from './publish/id-index.ts'
import { Ids } from './publish/ids.ts'
import { type Acks, Publisher } from './publish/publish.ts'
import { AllowedHosts } from './push/allowed-hosts.ts'
import { ownAddresses, sharedResolve } from './push/network.ts'
import { Pusher } from './push/pusher.ts'
import { Quotas } from './quotas.ts'
import { Readiness } from './readiness.ts'
import type { Settings } from './settings.ts'
import { Startup } from './startup.ts'
import { Topics } from './topics.ts'
import { openTracing } from './tracing/tracing.ts'

export interface BrokerOptions {
  settings: Settings
  disk: Disk
  clock: Clock
  random: Random
  log: Log
  /** How long slot files are left alone before they are synced; as long as the system takes to write them, when absent. */
  slotsSettledMs?: number
  /** What is known of the process, where it is one of its own: for the metrics. */
  process?: MetricsOptions['process']
  /** Aborted when a start is not wanted any more: it ends before its next step, with ENGINE_CLOSED. */
  unwanted?: AbortSignal
  /** Called once when nothing can be answered with success any more: the process must end. */
  onFailure: (error: unknown) => void
}

const KIB = 1024
/** Four times that of LevelDB: it sorts tables a quarter as often, and far messages are taken half as fast again. */
const OVERFLOW_BUFFER_BYTES = 16 * KIB * KIB
/** The year in which this program was made: a wall clock before it is wrong. */
const MADE_MS = Date.UTC(2026, 0, 1)

export class Broker {
  readonly #options: BrokerOptions
  readonly #stopping = new AbortController()
  /** What is open, in the order in which it was opened, each with how it is closed. */
  readonly #open: { part: string; close: () => Promise<unknown> }[] = []
  readonly #readiness = new Readiness()
  #listener: Listener | undefined
  #stopped: Promise<void> | undefined
  #startTime = { tookMs: 0, atMs: 0 }

  private constructor(options: BrokerOptions) {
    this.#options = options
  }

  /**
   * Opens the data directory, listens, and recovers. Resolves when it is ready; until then requests are told what it is at.
   * @throws DATA_DIRECTORY_LOCKED, ADDRESS_NOT_AVAILABLE, ENGINE_CLOSED and what the parts find damaged
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

  /** Where it listens: `http://127.0.0.1:7200`, or `http://0.0.0.0:7200` for all addresses of its machine. */
  get address(): string {
    return this.#listener?.address ?? ''
  }

  /**
   * Is not ready from now on, and goes on for DWELL_STOP_DELAY. Then stops accepting, answers who waits, finishes what is under
   * way, writes a checkpoint and lets go of the directory.
   */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop()
    return this.#stopped
  }

  async #start(): Promise<void> {
    const { settings, random, onFailure, unwanted } = this.#options
    const { log, found: damage } = tallyDamage(this.#options.log)
    const readiness = this.#readiness
    const startup = new Startup({ clock: this.#options.clock, readiness, unwanted })
    unwanted?.addEventListener('abort', () => readiness.stop(), { once: true })
    const pushHosts = new AllowedHosts(settings.PUSH_ALLOWED_HOSTS, ownAddresses)
    const access = await Access.open({ settings, disk: this.#options.disk, clock: this.#options.clock, log })
    this.#opened('access', () => access.close())
    startup.next('directory', 'Opening the data directory.')
    const home = await DataDirectory.open({ ...this.#options, log }, (part, close) => this.#opened(part, close))
    const { disk, clock, path: directory, space, clusterId, testClock } = home
    const tracing = await openTracing({ endpoint: settings.TRACES_ENDPOINT, clock, random, log, clusterId })
    if (tracing !== undefined) this.#opened('tracing', () => tracing.close())
    const descriptors = shareDescriptors(descriptorLimit(), {
      segments: settings.OPEN_FILES_MAX,
      slots: Math.ceil(settings.WHEEL_WINDOW / 1000),
    })

    let metrics: Metrics | undefined
    const pushSockets = Math.min(settings.PUSH_CONNECTIONS_MAX, Math.floor(descriptors.connections / 4))
    const hosts = new ServedHosts(settings.ALLOWED_HOSTS, access.authenticator !== undefined)
    const spared = pushHosts.isEmpty ? 0 : 2 * pushSockets
    const listener = await Listener.open({
      ...{ settings, hosts, clock, log, readiness, certificates: access.certificates },
      connectionsMax: Math.min(settings.CONNECTIONS_MAX, descriptors.connections - spared),
      onDrop: () => metrics?.countDroppedConnection(),
    })
    this.#listener = listener
    this.#opened('listener', () => listener.close())
    log.info({ address: listener.address, directory, clusterId }, 'The port is open; starting.')

    const believed = new BelievedClock(clock)
    startup.next('log', 'Recovering the log.')
    const engine = await EmbeddedEngine.open({
      disk,
      clock: believed,
      random,
      directory,
      log,
      checkpointIntervalMs: settings.CHECKPOINT_INTERVAL,
      checkpointBytes: settings.CHECKPOINT_BYTES,
      segmentBytes: settings.SEGMENT_BYTES,
      deleteRetentionMs: settings.DELETE_RETENTION,
      compactionBytes: settings.COMPACTION_BYTES,
      journalFileBytes: settings.JOURNAL_FILE_BYTES,
      openFilesMax: descriptors.segments,
      onWrite: (written) => metrics?.observeWrite(written),
      onRecovery: ({ doing, file, files }) => readiness.doing(`${doing} the journal: file ${file} of ${files}.`),
      onFailure,
    })
    this.#opened('engine', () => engine.close())

    const wheelDirectory = join(directory, 'wheel')
    const hand = new HandClock({
      clock,
      log,
      settleMs: settings.CLOCK_SETTLE,
      // A test clock is wherever it was moved to.
      limits: testClock === undefined ? await this.#clockLimits(engine, wheelDirectory) : undefined,
    })
    believed.hand = hand
    startup.next('ids', 'Reading the ids of messages.')
    const index = await home.openStore(() => openIdIndex(disk, join(directory, 'index'), log))
    this.#opened('index', () => index.close())
    const ids = await Ids.open({ engine, index, hand, windowMs: settings.DEDUPLICATION_WINDOW })
    this.#opened('ids', () => ids.stop())

    startup.next('wheel', 'Opening the timing wheel.')
    const overflowDirectory = join(directory, 'overflow')
    const overflow = await home.openStore(() => {
      const open = () => openLevelStore(disk, overflowDirectory, { writeBufferBytes: OVERFLOW_BUFFER_BYTES })
      return openOverflowStore({ open, engine, disk, directory: wheelDirectory })
    })
    this.#opened('overflow', () => overflow.close())
    const wheel = await Wheel.open({
      engine,
      disk,
      clock,
      hand,
      overflow,
      directory: wheelDirectory,
      log,
      slots: settings.WHEEL_SLOTS,
      memoryBytes: settings.WHEEL_MEMORY_BYTES,
      readBytes: Math.max(64 * KIB, Math.floor(settings.WHEEL_MEMORY_BYTES / 2)),
      windowSeconds: descriptors.slots,
      rememberMs: settings.DEDUPLICATION_WINDOW,
      settledMs: this.#options.slotsSettledMs,
      onDispatch: (dispatched, nowMs) => ids.dispatched(dispatched, nowMs),
      onChange: (changed) => ids.changed(changed),
      onLateness: (ms, count) => metrics?.observeLateness(ms, count),
      onFailure,
    })
    this.#opened('wheel', () => wheel.stop())

    startup.next('groups', 'Restoring the groups.')
    const groups = await Groups.open({
      engine,
      clock,
      random,
      hand,
      wheel,
      log,
      defaults: {
        retry: settings.GROUP_RETRY,
        lockMs: settings.GROUP_LOCK,
        maxInFlight: settings.GROUP_IN_FLIGHT_MAX,
        deadLetters: { perMinuteMax: settings.GROUP_DEAD_PER_MINUTE_MAX || undefined },
      },
    })
    this.#opened('groups', () => groups.stop())
    startup.next('delayed', 'Catching up with delayed messages.')
    await wheel.start()
    startup.next('deadLetters', 'Looking at the dead letters.')
    await groups.deadLetters.start()

    const topics = new Topics({
      engine,
      defaultPartitions: settings.DEFAULT_PARTITIONS,
      autoCreate: settings.AUTO_CREATE_TOPICS,
      ownerOf: (topic) => groups.ownerOf(topic),
      space,
    })
    const waitingBytesMax = settings.WAITING_BYTES_MAX
    const onPublish = (topic: string, acks: Acks, count: number) => metrics?.countPublished(topic, acks, count)
    const publisher = new Publisher({ engine, topics, ids, wheel, hand, space, waitingBytesMax, onPublish })
    const delayed = new DelayedMessages({ topics, ids, wheel, space })
    const rememberMs = settings.DEDUPLICATION_WINDOW
    const explainer = new Explainer({ engine, clock, topics, delayed, wheel, groups, hand, rememberMs })
    const checkpoints = new Checkpoints({
      clock,
      log,
      intervalMs: settings.CHECKPOINT_INTERVAL,
      journalBytesMax: settings.CHECKPOINT_BYTES / 2,
      journalBytes: () => engine.stats().journalBytes,
      parts: [wheel, groups, ids],
      onFailure,
    })
    checkpoints.start()
    this.#opened('checkpoints', async () => {
      await checkpoints.stop()
      await checkpoints.run()
    })

    const pusher = Pusher.start({
      groups,
      clock,
      log,
      hosts: pushHosts,
      clusterId,
      resolve: sharedResolve(),
      socketsMax: pushSockets,
      bytesMax: settings.PUSH_BYTES_MAX,
      stopMs: settings.STOP_TIMEOUT,
      stopping: this.#stopping.signal,
      onPush: (tookMs) => metrics?.observePush(tookMs),
      tracing,
      onFailure,
    })
    this.#opened('pusher', () => pusher.stop())

    const sources: MetricSources = {
      published: () => publisher.stats(),
      wheel: () => wheel.stats(),
      overdue: () => {
        const fromSecond = Math.floor(hand.nowMs() / 1000)
        return forecast(wheel.census, { fromSecond, stepSeconds: 1, steps: 0 }).overdue
      },
      pendingByTopic: () => pendingByTopic(wheel.census, engine.topics(), settings.METRICS_TOPICS_MAX),
      groups: () => groups.stats(),
      groupsWaiting: () => groups.waiting(settings.METRICS_TOPICS_MAX),
      push: () => pusher.stats(),
      engine: () => engine.stats(),
      ready: () => readiness.whyNot() === undefined,
      topics: () => topics.list().length,
      connections: () => listener.connections,
      clock: () => ({ state: hand.state(), aheadMs: hand.offsetMs(), steps: hand.steps }),
      checkpoints: () => checkpoints.stats(),
      compaction: () => engine.compaction,
      damage: () => damage,
      space: () => space.stats(),
      access: () => access.stats(),
      start: () => this.#startTime,
    }
    metrics = new Metrics({ sources, namesMax: settings.METRICS_TOPICS_MAX, process: this.#options.process })
    const routes = await buildRoutes({
      settings,
      access,
      hosts,
      readiness,
      log,
      engine,
      topics,
      publisher,
      quotas: new Quotas({ settings, clock, topics, groups }),
      pendingQuotas: new PendingQuotas({ settings, clock, topics, census: wheel.census }),
      arriving: new ArrivingBytes(settings.ARRIVING_BYTES_MAX),
      slow: new SlowBodies(clock, settings.BODY_BYTES_PER_SECOND_MIN),
      delayed,
      groups,
      explainer,
      pushHosts,
      metrics,
      tracing,
      hand,
      wheel,
      testClock,
      space,
      clusterId,
      stopping: this.#stopping.signal,
    })
    // Before all that answers requests.
    this.#opened('routes', () => listener.close())
    if (settings.CANARY_INTERVAL > 0) {
      const canary = Canary.start({
        ...{ clock, hand, log, topics, publisher, groups },
        intervalMs: settings.CANARY_INTERVAL,
        onCaught: (latenessMs) => metrics?.observeCanary(latenessMs),
        onLost: () => metrics?.countLostCanary(),
      })
      this.#opened('canary', () => canary.stop())
    }
    readiness.serve(() => wheel.stats().lastTickAgeMs)
    listener.serve(routes)
    const { tookMs, stepsMs } = startup.done()
    this.#startTime = { tookMs, atMs: this.#options.clock.wallMs() }
    const { pending } = wheel.stats()
    log.info(
      {
        address: listener.address,
        directory,
        clusterId,
        topics: topics.list().length,
        groups: groups.stats().groups,
        pending,
        tookMs,
        stepsMs,
      },
      `Listening on ${listener.address}; ${pending} delayed messages pending.`,
    )
  }

  async #clockLimits(engine: EmbeddedEngine, wheelDirectory: string): Promise<ClockLimits> {
    const { disk, settings } = this.#options
    const lastKnown = await lastKnownMs(engine, disk, wheelDirectory)
    return { earliestMs: MADE_MS, jumpMaxMs: settings.CLOCK_JUMP_MAX, lastKnownMs: lastKnown }
  }

  #opened(part: string, close: () => Promise<unknown>): void {
    this.#open.push({ part, close })
  }

  async #stop(): Promise<void> {
    const { log, clock, settings } = this.#options
    const beganMs = clock.monotonicMs()
    log.info({}, 'Stopping.')
    this.#readiness.stop()
    await this.#listener?.retire()
    if (settings.STOP_DELAY > 0) await new Promise<void>((resolve) => clock.setTimer(resolve, settings.STOP_DELAY))
    await this.#closeAll()
    log.info({ tookMs: Math.round(clock.monotonicMs() - beganMs) }, 'Stopped.')
  }

  async #closeAll(): Promise<void> {
    this.#readiness.stop()
    this.#stopping.abort()
    for (let last = this.#open.pop(); last !== undefined; last = this.#open.pop()) {
      await last.close()
    }
  }
}
