// The machine: its disk, its clocks, the overflow store, and the one process at a time that runs on it.
//
// Always true:
//   1. All that happens follows from the seed: calls come back as the scheduler chooses, time moves only in pass().
//   2. What a dead process had under way never comes back, and its answers are nobody's any more.

import { setImmediate as nextTurn } from 'node:timers/promises'
import { type Clock, type DwellError, EmbeddedEngine, SILENT } from '../../storage/index.ts'
import { HandClock, Wheel, type WheelOptions } from '../../timewheel/index.ts'
import { DATA, SimulatedDisk } from '../storage/simulated-disk.ts'
import { ManualClock } from '../support/manual-clock.ts'
import type { SeededRandom } from '../support/seeded-random.ts'
import { Faults, type Plan } from './faults.ts'
import { HandBound } from './hand-bound.ts'
import { Moves } from './moves.ts'
import { Scheduler } from './scheduler.ts'
import { SimulatedStore } from './simulated-store.ts'
import type { Swarm } from './swarm.ts'
import type { Trace } from './trace.ts'

/** Without a call under way for so many turns, nothing happens any more until time goes on. */
const IDLE_TURNS = 4

/** One life of the service. */
export interface Process {
  engine: EmbeddedEngine
  hand: HandClock
  clock: Clock
  /** Undefined while it is opening. */
  wheel: Wheel | undefined
  /** Why it must end; undefined while it need not. */
  failure: unknown
  /** Whether it was the log that failed. */
  logFailed: boolean
}

export class World {
  readonly trace: Trace
  readonly clock = new ManualClock()
  readonly handBound: HandBound
  readonly faults: Faults
  readonly moves = new Moves()
  readonly #swarm: Swarm
  readonly #random: SeededRandom
  readonly #scheduler: Scheduler
  readonly #store: SimulatedStore
  #disk: SimulatedDisk
  #idleTurns = 0
  /** Counts the processes; whoever remembers an older number belongs to a dead one. */
  life = 0
  turns = 0
  #elapsedMs = 0
  /** How far steps of the wall clock have moved it. */
  #steppedMs = 0

  constructor(swarm: Swarm, random: SeededRandom, trace: Trace) {
    this.#swarm = swarm
    this.#random = random
    this.trace = trace
    this.faults = new Faults(random.fork())
    this.#scheduler = new Scheduler(random.fork())
    this.#disk = this.#wired(new SimulatedDisk({ turn: (what) => this.#diskTurn(what) }))
    this.#store = new SimulatedStore({ random: random.fork(), call: (what) => this.#storeCall(what) })
    this.handBound = new HandBound(this.clock, swarm.settleMs)
  }

  get dead(): boolean {
    return this.#disk.dead
  }

  get idle(): boolean {
    return this.#idleTurns >= IDLE_TURNS
  }

  /** Milliseconds that have passed since the beginning. */
  get elapsedMs(): number {
    return this.#elapsedMs
  }

  /** Begins a life: opens the log. openWheel() follows. */
  async openEngine(plan: Plan): Promise<Process> {
    this.life++
    this.faults.begin(plan)
    this.handBound.start()
    const started: { process?: Process; failure?: unknown } = {}
    const fail = (failure: DwellError) => {
      this.trace.add(`failed ${failure.message}`)
      if (started.process === undefined) started.failure ??= failure
      else {
        started.process.failure ??= failure
        started.process.logFailed = true
      }
    }
    const clock = this.#clockOfLife()
    const engine = await EmbeddedEngine.open({
      ...this.#swarm.engine,
      disk: this.#disk,
      clock,
      random: this.#random,
      directory: DATA,
      log: SILENT,
      onFailure: fail,
    })
    const hand = new HandClock({ clock, log: SILENT, settleMs: this.#swarm.settleMs })
    started.process = {
      engine,
      hand,
      clock,
      wheel: undefined,
      failure: started.failure,
      logFailed: started.failure !== undefined,
    }
    return started.process
  }

  /** Opens the wheel of a process, and resolves when it has consumed what was there. */
  async openWheel(process: Process, onDispatch: WheelOptions['onDispatch']): Promise<void> {
    const { engine, hand, clock } = process
    const wheel = await Wheel.open({
      ...this.#swarm.wheel,
      engine,
      hand,
      disk: this.#disk,
      clock,
      overflow: this.#store.open(),
      directory: `${DATA}/wheel`,
      log: SILENT,
      onDispatch,
      onChange: (changed) => this.moves.append(changed, hand.nowMs()),
      onFailure: (failure) => {
        this.trace.add(`failed ${failure}`)
        process.failure ??= failure
      },
    })
    await wheel.start()
    process.wheel = wheel
  }

  /** Lets one call come back, and all run that follows from it. */
  async turn(): Promise<void> {
    this.turns++
    this.#idleTurns = this.#scheduler.step() ? 0 : this.#idleTurns + 1
    await nextTurn()
  }

  /** Takes turns until `promise` is settled or the process has died; 'died' then. Time goes on when nothing else does. */
  async until<T>(promise: Promise<T>, turnsMax = 100_000): Promise<T | 'died' | 'hangs'> {
    let settled = false
    const done = () => {
      settled = true
    }
    promise.then(done, done)
    const { life } = this
    for (let turn = 0; !settled; turn++) {
      if (this.dead || life !== this.life) return 'died'
      if (turn > turnsMax) return 'hangs'
      await this.turn()
      if (this.idle && !settled) this.pass(Math.min(this.clock.nextTimerInMs, 1_000))
    }
    return promise
  }

  /** Lets time go on. */
  pass(ms: number): void {
    this.trace.add(`pass ${ms}`)
    this.#idleTurns = 0
    this.#elapsedMs += ms
    this.clock.jump(ms)
    this.handBound.passed(ms)
  }

  stepWall(ms: number): void {
    this.trace.add(`step the wall clock by ${ms}`)
    this.#steppedMs += ms
    this.clock.stepWall(ms)
    this.handBound.look()
  }

  suspend(ms: number): void {
    this.trace.add(`suspend for ${ms}`)
    this.#elapsedMs += ms
    this.clock.suspend(ms)
    this.handBound.passed(ms, true)
  }

  /** Puts the wall clock right again. */
  healClock(): void {
    this.stepWall(-this.#steppedMs)
  }

  /** The process ends, the machine goes on; or the machine does not. */
  crash(powerCut: boolean): void {
    const random = this.#random
    const roll = () => random.fraction()
    this.trace.add(powerCut ? 'power cut' : 'kill')
    this.#disk.die(random.chance(0.3) ? undefined : roll)
    this.#scheduler.forget()
    this.#store.crash(powerCut)
    this.#disk = this.#wired(powerCut ? this.#disk.afterPowerCut(roll) : this.#disk.afterKill())
    if (powerCut) this.clock.reboot()
    else this.clock.forgetTimers()
    this.life++
  }

  /** The clock as a process has it: once it is dead, no timer of its own runs, not even one that it sets without noticing. */
  #clockOfLife(): Clock {
    const { life, clock } = this
    return {
      wallMs: () => clock.wallMs(),
      monotonicMs: () => clock.monotonicMs(),
      bootMs: () => clock.bootMs(),
      bootId: () => clock.bootId(),
      setTimer: (task, delayMs) => (life === this.life ? clock.setTimer(task, delayMs) : { cancel() {} }),
    }
  }

  #wired(disk: SimulatedDisk): SimulatedDisk {
    disk.onCall = (call, what) => this.faults.fateOf(call, what)
    return disk
  }

  async #diskTurn(what: string): Promise<void> {
    const failure = this.faults.underWay(what)
    await this.#scheduler.turn(what)
    const failed = failure(this.turns)
    this.trace.add(failed === undefined ? what : failed.message)
  }

  async #storeCall(what: string): Promise<void> {
    await this.#scheduler.turn(what)
    this.trace.add(what)
    const failure = this.faults.failureOfStore(this.#disk.calls, what)
    if (failure !== undefined) throw failure
  }
}
