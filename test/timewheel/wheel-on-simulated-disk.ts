// The log and the wheel, with small files, on one simulated disk: what the sweeps of the wheel start, kill and start again.
// The overflow store's calls count and fail as calls of the disk do.

import { type DwellError, EmbeddedEngine, type Log, SILENT } from '../../storage/index.ts'
import { HandClock, Wheel } from '../../timewheel/index.ts'
import { SimulatedStore } from '../simulation/simulated-store.ts'
import { DATA, SimulatedDisk } from '../storage/simulated-disk.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { SeededRandom } from '../support/seeded-random.ts'

const KIB = 1024
const STEPS_MAX = 3_000

/** The overflow store and the disk whose calls its calls are: those of the machine that runs. */
interface Storage {
  disk: SimulatedDisk
  store: SimulatedStore
}

export interface MachineOptions {
  /** Of the chances that the overflow store has. */
  seed?: number
  log?: Log
  /** How far the wheel reaches, in seconds. */
  slots?: number
  /** How long slot files are left alone before they are synced. */
  settledMs?: number
}

/** A machine until it, or its process, dies; what goes on then is another one with the same storage. */
export class Machine {
  readonly disk: SimulatedDisk
  readonly clock: ManualClock
  readonly log: Log
  readonly #options: MachineOptions
  readonly #storage: Storage
  engine!: EmbeddedEngine
  wheel!: Wheel
  /** What the parts of the process that runs now have reported: it must end. */
  failures: unknown[] = []
  /** Bytes that this process has read of each topic. */
  readonly readBytes = new Map<string, number>()

  private constructor(storage: Storage, clock: ManualClock, options: MachineOptions) {
    this.disk = storage.disk
    this.clock = clock
    this.log = options.log ?? SILENT
    this.#options = options
    this.#storage = storage
  }

  static empty(options: MachineOptions = {}): Machine {
    const { seed = 7 } = options
    const call = async (what: string) => void (await storage.disk.size(what))
    const store = new SimulatedStore({ random: new SeededRandom(seed), call })
    const storage: Storage = { disk: new SimulatedDisk(), store }
    return new Machine(storage, new ManualClock(), options)
  }

  /** Starts a process; throws what refuses the start. */
  async start(): Promise<void> {
    const { disk, clock, log } = this
    const { slots = 20, settledMs = 300 } = this.#options
    const { store } = this.#storage
    const failures: unknown[] = []
    this.failures = failures
    const onFailure = (error: unknown) => void failures.push(error)
    this.engine = await EmbeddedEngine.open({
      disk,
      clock,
      random: new SeededRandom(7),
      directory: DATA,
      log,
      journalFileBytes: 32 * KIB,
      segmentBytes: 4 * KIB,
      checkpointBytes: 64 * KIB,
      checkpointIntervalMs: 3_600_000,
      tailBytes: 12 * KIB,
      openFilesMax: 4,
      onFailure: onFailure as (error: DwellError) => void,
    })
    this.#countReads(this.engine)
    this.wheel = await Wheel.open({
      engine: this.engine,
      disk,
      clock,
      hand: new HandClock({ clock, log, settleMs: 30_000 }),
      overflow: store.open(),
      directory: `${DATA}/wheel`,
      log,
      slots,
      settledMs,
      memoryBytes: 3 * KIB,
      readBytes: 2 * KIB,
      windowSeconds: 3,
      rememberMs: 10_000,
      onFailure,
    })
    // A wheel that cannot go on says so to onFailure as well.
    await this.wheel.start()
  }

  #countReads(engine: EmbeddedEngine): void {
    const read = engine.read.bind(engine)
    engine.read = async (topic, ...place) => {
      const bytes = await read(topic, ...place)
      this.readBytes.set(topic, (this.readBytes.get(topic) ?? 0) + bytes.length)
      return bytes
    }
  }

  /** Lets time pass until `done` says so, or a part has failed. */
  async until(done: () => boolean, stepMs = 250): Promise<void> {
    for (let steps = 0; !done() && this.failures.length === 0; steps++) {
      if (steps > STEPS_MAX) throw new Error('nothing happens any more')
      await this.#advance(stepMs)
    }
  }

  /** Lets time pass until `operation` has an outcome, and answers it. */
  async outcome<T>(operation: Promise<T>): Promise<T> {
    let over = false
    const done = operation.finally(() => {
      over = true
    })
    done.catch(() => {})
    for (let steps = 0; !over; steps++) {
      if (steps > STEPS_MAX) throw new Error('it has no outcome')
      await this.#advance(10)
    }
    return done
  }

  /** Lets `ms` pass and the wheel come to rest. */
  async pass(ms: number): Promise<void> {
    const untilMs = this.clock.wallMs() + ms
    await this.until(() => this.clock.wallMs() >= untilMs)
  }

  /** A dead machine has no time. */
  async #advance(ms: number): Promise<void> {
    if (this.disk.dead) await new Promise(() => {})
    await this.clock.advance(ms)
  }

  /** A stop that fails is the end of the process as well. */
  async stop(): Promise<void> {
    try {
      await this.outcome(this.wheel.stop())
      await this.engine.close()
    } catch (error) {
      this.failures.push(error)
      throw error
    }
  }

  /** What is found after the process is gone, as by kill -9: all that it had written, as it was seen. */
  killed(): Machine {
    this.disk.die()
    this.#storage.store.crash(false)
    this.#storage.disk = this.disk.afterKill()
    return new Machine(this.#storage, new ManualClock(this.clock.wallMs()), this.#options)
  }

  /** What is found after the machine lost its power: what was not synced may be anything. */
  powerless(random: SeededRandom): Machine {
    this.disk.die(() => random.fraction())
    this.#storage.store.crash(true)
    this.#storage.disk = this.disk.afterPowerCut(() => random.fraction())
    const clock = new ManualClock(this.clock.wallMs())
    clock.reboot()
    return new Machine(this.#storage, clock, this.#options)
  }
}
