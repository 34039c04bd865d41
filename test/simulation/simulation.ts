// One seed from its beginning to its end: some lives of the service on one machine, each with clients that ask things of
// it until it ends in its own way; then all is mended, time goes on until everything is due, and everything is read.

import { SeededRandom } from '../support/seeded-random.ts'
import { NO_FAULTS, planOf } from './faults.ts'
import { Model } from './model.ts'
import { Service, TURNS_MAX, Wrong } from './service.ts'
import { SPANS, type Swarm, swarmOf } from './swarm.ts'
import { Trace } from './trace.ts'
import { Workload } from './workload.ts'
import { type Process, World } from './world.ts'

/** A start of the last process that comes to nothing is tried again so often. */
const STARTS_MAX = 5
const DAY_MS = 86_400_000
const JUMP_MS_MAX = 31 * DAY_MS

export interface Outcome {
  seed: number
  /** What is wrong, in words; empty when nothing is. */
  wrong: string[]
  hash: string
  lastLines: string[]
  lines: number
  simulatedMs: number
  messages: number
  lives: number
}

/** Runs one seed. `print` is given every line of the trace. */
export async function simulate(seed: number, print?: (line: string) => void): Promise<Outcome> {
  const trace = new Trace(print)
  const simulation = new Simulation(seed, trace)
  await simulation.run()
  const { wrong, messages, world } = simulation
  for (const sentence of wrong) trace.add(`WRONG ${sentence}`)
  return {
    seed,
    wrong,
    lastLines: trace.last(),
    lines: trace.count,
    hash: trace.digest(),
    simulatedMs: world.elapsedMs,
    messages,
    lives: world.life,
  }
}

class Simulation {
  readonly world: World
  readonly #random: SeededRandom
  readonly #swarm: Swarm
  readonly #model: Model
  readonly #workload: Workload
  readonly #service: Service

  constructor(seed: number, trace: Trace) {
    const random = new SeededRandom(seed)
    const swarm = swarmOf(random.fork())
    const world = new World(swarm, random.fork(), trace)
    const model = new Model(() => world.handBound.maxMs)
    const workload = new Workload({ world, model, swarm, random: random.fork() })
    this.world = world
    this.#swarm = swarm
    this.#model = model
    this.#workload = workload
    this.#service = new Service({ world, model, swarm, workload, random: random.fork() })
    this.#random = random.fork()
    trace.add(JSON.stringify(swarm))
  }

  get wrong(): string[] {
    return this.#model.wrong
  }

  get messages(): number {
    return this.#model.messages.length
  }

  async run(): Promise<void> {
    const unhandled = (error: unknown) =>
      this.#model.accuse(`a rejection that nobody handles: ${(error as Error)?.stack ?? error}`)
    process.on('unhandledRejection', unhandled)
    try {
      for (let i = 0; i < this.#swarm.processes; i++) await this.#live()
      await this.#end()
    } catch (error) {
      if (!(error instanceof Wrong)) this.#model.accuse(`the simulation itself: ${(error as Error).stack}`)
    } finally {
      process.off('unhandledRejection', unhandled)
    }
  }

  /** One process, to its end. */
  async #live(): Promise<void> {
    const ending = this.#random.weighted(this.#swarm.endings)
    const process = await this.#service.start(planOf(this.#random, this.#swarm, ending))
    if (process === undefined) return
    await this.#work(process)
    if (ending === 'stop' && !this.#service.hasEnded(process)) await this.#service.stop(process)
    else this.#service.crash(ending === 'fault' ? undefined : ending.startsWith('power cut'))
  }

  /** Clients ask things until there were enough, or the process is dead or has failed. */
  async #work(process: Process): Promise<void> {
    const random = this.#random
    const { operationsPerProcess, clientsMax, operations } = this.#swarm
    const begunAt = this.world.turns
    for (let left = operationsPerProcess; left > 0 && !this.#service.hasEnded(process); ) {
      if (this.world.turns - begunAt > TURNS_MAX) this.#service.fail('18: the process never comes to an end')
      if (this.#workload.underWay < clientsMax && random.chance(this.world.idle ? 0.6 : 0.1)) {
        left--
        const operation = random.weighted(operations)
        if (operation === 'rest') await this.#service.rest(process)
        else this.#workload.begin(operation, process)
      } else if (this.world.idle) this.#passTime()
      else if (random.chance(0.01)) this.world.pass(random.between(1, 20))
      await this.world.turn()
      this.#service.check()
    }
  }

  #passTime(): void {
    const { clock, jumps } = this.#swarm
    const event = this.#random.weighted({ ...clock, none: 40 })
    const [fromMs, toMs] = SPANS[this.#random.weighted(jumps)]
    const ms = this.#random.between(fromMs, toMs)
    if (event === 'back') this.world.stepWall(-ms)
    else if (event === 'forward') this.world.stepWall(ms)
    else if (event === 'suspend') this.world.suspend(ms)
    else this.world.pass(ms)
  }

  /** Mends everything, lets time go on until all is due, and reads it all; and once more after a restart. */
  async #end(): Promise<void> {
    this.world.trace.add('end')
    this.world.healClock()
    const process = await this.#startWell()
    await this.#passUntilDue(process)
    await this.#service.rest(process)
    const { pending = 0 } = process.wheel?.stats() ?? {}
    if (pending !== 0) this.#service.fail(`18: ${pending} messages are pending after all were due`)
    await this.#service.stop(process)
    await this.#service.rest(await this.#startWell())
    this.#service.crash(false)
  }

  /** From one message that waits to the next, or a little further. */
  async #passUntilDue({ hand }: Process): Promise<void> {
    const { messages } = this.#model
    const lastMs = messages.reduce((last, { dueAtMs = 0, asked }) => Math.max(last, asked?.lastDueAtMs ?? dueAtMs), 0)
    for (let nowMs = hand.nowMs(); nowMs <= lastMs; nowMs = hand.nowMs()) {
      let nextMs = lastMs
      for (const { dueAtMs = 0, asked, seen } of messages) {
        for (const due of [dueAtMs, asked?.lastDueAtMs ?? 0])
          if (due > nowMs && due < nextMs && seen === undefined) nextMs = due
      }
      const furtherMs = this.#random.pick([0, 1, 1_000, 60_000, DAY_MS])
      this.world.pass(Math.max(1, Math.min(nextMs - nowMs + furtherMs, JUMP_MS_MAX)))
      await this.#service.turns(20)
    }
  }

  async #startWell(): Promise<Process> {
    for (let start = 0; start < STARTS_MAX; start++) {
      const process = await this.#service.start(NO_FAULTS)
      if (process !== undefined) return process
    }
    return this.#service.fail('a machine without faults does not start')
  }
}
