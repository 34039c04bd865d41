// Groups on the simulated machine, from the beginning of a seed to its end: some lives of log, wheel and groups, with calls that
// come back as the seed says, disks that fail, clocks that are stepped; then all is mended, everything is accepted and read.
// The history is judged by the very checker that judges crash runs.

import { Groups } from '../../../service/delivery/index.ts'
import { SILENT } from '../../../storage/index.ts'
import { check } from '../../checker/checker.ts'
import { SeededRandom } from '../../support/seeded-random.ts'
import { NO_FAULTS, planOf } from '../faults.ts'
import type { Outcome } from '../simulation.ts'
import { SPANS, type Swarm, swarmOf } from '../swarm.ts'
import { Trace } from '../trace.ts'
import { World } from '../world.ts'
import { Consumers, type DeliveryOperation, GROUPS, type GroupProcess, TIERS_MS, TOPIC } from './consumers.ts'
import { readFinalState } from './final-state.ts'
import { SimulatedHistory } from './simulated-history.ts'

const OPERATIONS: Record<DeliveryOperation, number> = {
  publish: 12,
  acquire: 14,
  acknowledge: 14,
  configure: 2,
  pause: 1,
  resume: 2,
  list: 1,
  redrive: 3,
  'stop redrives': 1,
  purge: 1,
  checkpoint: 2,
  grow: 1,
}
const TURNS_MAX = 200_000
const STARTS_MAX = 5
/** So often it is looked whether all is done; a tier lasts an hour at the most, and a record has three. */
const LOOKS_MAX = 1_000
const PATIENT_LOOKS = 200
const DAY_MS = 86_400_000
const LOOK_MS_MAX = 600_000
/** A resume, a look at redrives and an acquire of each group, asked and answered. */
const EVENTS_OF_NOTHING = 6 * GROUPS.length

const SMALL_STEPS = { milliseconds: 5, seconds: 5 }

class Wrong extends Error {}

/** Runs one seed. `print` is given every line of the trace. */
export async function simulateDelivery(seed: number, print?: (line: string) => void): Promise<Outcome> {
  const trace = new Trace(print)
  const simulation = new DeliverySimulation(seed, trace)
  await simulation.run()
  const { wrong, world, messages } = simulation
  for (const sentence of wrong) trace.add(`WRONG ${sentence}`)
  const { elapsedMs: simulatedMs, life: lives } = world
  return {
    seed,
    wrong,
    lastLines: trace.last(),
    lines: trace.count,
    hash: trace.digest(),
    simulatedMs,
    messages,
    lives,
  }
}

class DeliverySimulation {
  readonly world: World
  readonly wrong: string[] = []
  #sleptMs = 0
  readonly #random: SeededRandom
  readonly #swarm: Swarm
  readonly #history: SimulatedHistory
  readonly #consumers: Consumers
  readonly #operations: Record<DeliveryOperation, number>

  constructor(seed: number, trace: Trace) {
    const random = new SeededRandom(seed)
    this.#swarm = swarmOf(random.fork())
    // Lanes keep what is done with for an hour: as long as time goes on in small steps, every copy is there to be counted.
    if (random.chance(0.6)) this.#swarm.jumps = SMALL_STEPS
    this.world = new World(this.#swarm, random.fork(), trace)
    this.#history = new SimulatedHistory(this.world)
    const accuse = (sentence: string) => void this.wrong.push(sentence)
    this.#consumers = new Consumers({ world: this.world, history: this.#history, random: random.fork(), accuse })
    this.#random = random.fork()
    const entries = Object.entries(OPERATIONS) as [DeliveryOperation, number][]
    this.#operations = Object.fromEntries(
      entries.map(([name, weight]) => [name, weight > 10 || this.#random.chance(0.7) ? weight : 0]),
    ) as Record<DeliveryOperation, number>
    trace.add(JSON.stringify({ ...this.#swarm, operations: this.#operations }))
  }

  get messages(): number {
    return this.#consumers.published
  }

  async run(): Promise<void> {
    const unhandled = (error: unknown) => this.wrong.push(`a rejection that nobody handles: ${(error as Error)?.stack}`)
    process.on('unhandledRejection', unhandled)
    try {
      for (let i = 0; i < this.#swarm.processes; i++) await this.#live()
      await this.#end()
    } catch (error) {
      if (!(error instanceof Wrong)) this.wrong.push(`the simulation itself: ${(error as Error).stack}`)
    } finally {
      process.off('unhandledRejection', unhandled)
    }
  }

  /** One process, to its end. */
  async #live(): Promise<void> {
    const ending = this.#random.weighted(this.#swarm.endings)
    const process = await this.#start(planOf(this.#random, this.#swarm, ending))
    if (process === undefined) return
    await this.#work(process)
    if (ending === 'stop' && !this.#hasEnded(process)) await this.#stop(process)
    else this.#crash(ending === 'fault' ? this.#random.chance(0.5) : ending.startsWith('power cut'))
  }

  async #work(process: GroupProcess): Promise<void> {
    const begunAt = this.world.turns
    for (let left = this.#swarm.operationsPerProcess; left > 0 && !this.#hasEnded(process); ) {
      if (this.world.turns - begunAt > TURNS_MAX) this.#fail('18: the process never comes to an end')
      if (this.#consumers.underWay < this.#swarm.clientsMax && this.#random.chance(this.world.idle ? 0.6 : 0.1)) {
        left--
        this.#consumers.begin(this.#random.weighted(this.#operations), process)
      } else if (this.world.idle) this.#passTime()
      await this.world.turn()
      if (this.wrong.length > 0) throw new Wrong()
    }
  }

  #passTime(): void {
    const { clock, jumps } = this.#swarm
    const event = this.#random.weighted({ ...clock, none: 40 })
    const [fromMs, toMs] = SPANS[this.#random.weighted(jumps)]
    const ms = this.#random.between(fromMs, toMs)
    if (event === 'back') this.#step(-ms)
    else if (event === 'forward') this.#step(ms)
    else if (event === 'suspend') {
      this.#sleptMs += ms
      this.world.suspend(ms)
    } else this.world.pass(ms)
  }

  /** The history is told that it goes ahead before it does, that it goes back when it has. */
  #step(ms: number): void {
    if (ms > 0) this.#history.stepped(ms)
    this.world.stepWall(ms)
    if (ms < 0) this.#history.stepped(ms)
  }

  async #start(plan: typeof NO_FAULTS): Promise<GroupProcess | undefined> {
    const opened = await this.#succeed('it does not start', this.#open(plan))
    if (opened === undefined || opened.failure !== undefined) return void this.#crash(this.#random.chance(0.5))
    return opened
  }

  async #open(plan: typeof NO_FAULTS): Promise<GroupProcess> {
    const process = (await this.world.openEngine(plan)) as GroupProcess
    const { engine, hand, clock } = process
    if (engine.topic(TOPIC) === undefined) await engine.createTopic(TOPIC, { partitions: 2, cleanup: 'delete' })
    await this.world.openWheel(process, () => [])
    const wheel = process.wheel as NonNullable<typeof process.wheel>
    process.groups = await Groups.open({ engine, clock, random: this.#random.fork(), hand, wheel, log: SILENT })
    await process.groups.deadLetters.start()
    this.#history.note('server started')
    for (const group of GROUPS) {
      if (process.groups.settingsOf(TOPIC, group) === undefined)
        await this.#consumers.configure(process, group, {
          retryMs: this.#random.pick(TIERS_MS),
          ...(group === 'keyed' && { order: 'key' }),
        })
    }
    return process
  }

  async #stop({ groups, wheel, engine }: GroupProcess): Promise<void> {
    const stop = async () => {
      await groups.stop()
      await wheel?.checkpoint()
      await wheel?.stop()
      await engine.close()
      return true
    }
    await this.#succeed('it does not stop', stop())
    this.#crash(false)
  }

  #crash(powerCut: boolean): void {
    this.world.crash(powerCut)
    this.#consumers.forget()
    this.#history.ended()
    if (this.#random.chance(0.3)) this.#passTime()
  }

  #hasEnded({ failure }: GroupProcess): boolean {
    if (failure !== undefined && this.world.faults.delivered === 0)
      this.#fail(`though nothing was wrong with the disk, it has stopped: ${(failure as Error).stack}`)
    return this.world.dead || failure !== undefined
  }

  /** What `step` resolves with; undefined when the process died, or when it was rejected after a fault. */
  async #succeed<T>(complaint: string, step: Promise<T>): Promise<T | undefined> {
    const rejected = (error: unknown) => {
      if (this.world.faults.delivered === 0) this.wrong.push(`${complaint}: ${(error as Error).stack}`)
      return 'rejected' as const
    }
    const result = await this.world.until(step.catch(rejected), TURNS_MAX)
    if (result === 'hangs') this.#fail(`18: ${complaint}: it hangs`)
    if (this.wrong.length > 0) throw new Wrong()
    return result === 'died' || result === 'rejected' ? undefined : (result as T)
  }

  /** Mends everything, accepts whatever comes until nothing does, and reads it all; and once more after a restart. */
  async #end(): Promise<void> {
    this.world.trace.add('end')
    this.#step(-this.#history.aheadMs)
    const process = await this.#startWell()
    await this.#drain(process)
    const final = await this.#succeed('it cannot be read', readFinalState(process, this.#history))
    await this.#stop(process)
    const again = await this.#succeed('it cannot be read', readFinalState(await this.#startWell(), this.#history))
    if (final === undefined || JSON.stringify(final) !== JSON.stringify(again))
      this.#fail('a restart changed what is read')
    const { settleMs } = this.#swarm
    const sleptMs = this.#sleptMs
    const { violations } = check(this.#history.events, final, {
      retryMs: [],
      settleMs,
      sleptMs,
      lateMsMax: Number.POSITIVE_INFINITY,
    })
    for (const { anomaly, what } of violations) this.wrong.push(`${anomaly}: ${what}`)
    this.#crash(false)
  }

  async #drain(process: GroupProcess): Promise<void> {
    for (let looks = 0, quiet = 0; quiet < 3; looks++) {
      if (looks > LOOKS_MAX) this.#fail(`18: it never comes to rest: ${JSON.stringify(this.#leftIn(process))}`)
      const before = this.#history.events.length
      await this.#succeed('it does not come to rest', this.#acceptAll(process))
      const isQuiet = this.#history.events.length - before === EVENTS_OF_NOTHING && this.#isAtRest(process)
      quiet = isQuiet ? quiet + 1 : 0
      // The hand stands while it is ahead of the wall clock. What the wheel brings waits for the time that a wrong clock reckoned.
      const ms = looks < PATIENT_LOOKS ? this.#random.pick([1, 1_000, LOOK_MS_MAX]) : DAY_MS
      this.world.pass(Math.max(ms, -process.hand.offsetMs()))
      while (!this.world.idle) await this.world.turn()
    }
  }

  async #acceptAll(process: GroupProcess): Promise<true> {
    for (const group of GROUPS) {
      await this.#consumers.resume(process, group)
      await this.#consumers.stopRedrives(process, group)
      await this.#consumers.acquire(process, group, 500, 0)
      await this.#consumers.acknowledge(process, group, () => 'accept')
    }
    return true
  }

  #isAtRest(process: GroupProcess): boolean {
    return Object.values(this.#leftIn(process)).every((count) => count === 0)
  }

  /** What is not done, by what counts it. */
  #leftIn({ groups, wheel }: GroupProcess): Record<string, number> {
    const left: Record<string, number> = { pending: wheel?.stats().pending ?? 0 }
    for (const group of GROUPS) {
      for (const { partition, lag, inFlight, waiting } of groups.describe(TOPIC, group).partitions) {
        left[`${group} ${partition} lag`] = lag
        left[`${group} ${partition} in flight`] = inFlight
        for (const { tier, count } of waiting) left[`${group} ${partition} ${tier}`] = count
      }
    }
    return left
  }

  async #startWell(): Promise<GroupProcess> {
    for (let start = 0; start < STARTS_MAX; start++) {
      const process = await this.#start(NO_FAULTS)
      if (process !== undefined) return process
    }
    return this.#fail('a machine without faults does not start')
  }

  #fail(sentence: string): never {
    this.wrong.push(sentence)
    throw new Wrong()
  }
}
