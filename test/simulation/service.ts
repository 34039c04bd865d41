// One process of the service after another on one machine: how each starts, comes to rest, stops or dies; and that what is
// found then is what the model says.
//
// Always true: a process fails, or refuses to start, only when something was wrong with the disk.

import { type Append, encodeRecordBody } from '../../storage/index.ts'
import type { Dispatched } from '../../timewheel/index.ts'
import type { SeededRandom } from '../support/seeded-random.ts'
import { checkAtRest, NOTES, settleDoubts } from './checks.ts'
import type { Plan } from './faults.ts'
import type { Model } from './model.ts'
import { type Moves, openMoves } from './moves.ts'
import { SPANS, type Swarm } from './swarm.ts'
import type { Workload } from './workload.ts'
import type { Process, World } from './world.ts'

/** Far more turns than anything takes. */
export const TURNS_MAX = 400_000
/** The wheel looks about it so often when nothing happens. */
const HEARTBEAT_MS = 250
const BEATS_AT_REST = 4
/**
 * After so many the wall clock is put right, and time goes on to where the hand stands: while it stands because the wall clock
 * was set back, perhaps after it had followed a step ahead by days, nothing becomes due.
 */
const BEATS_PATIENT = 200

/** Thrown when something is wrong: nothing after it means anything. */
export class Wrong extends Error {}

export interface ServiceOptions {
  world: World
  model: Model
  swarm: Swarm
  workload: Workload
  random: SeededRandom
}

export class Service {
  readonly #world: World
  readonly #model: Model
  readonly #swarm: Swarm
  readonly #workload: Workload
  readonly #random: SeededRandom

  constructor({ world, model, swarm, workload, random }: ServiceOptions) {
    this.#world = world
    this.#model = model
    this.#swarm = swarm
    this.#workload = workload
    this.#random = random
  }

  /** Starts a process and settles what was in doubt; undefined when it died or failed on the way. */
  async start(plan: Plan): Promise<Process | undefined> {
    const process = await this.#succeed('the log does not open', this.#world.openEngine(plan))
    const settled =
      process && (await this.#succeed('the log cannot be read', settleDoubts(process.engine, this.#model)))
    const opened = settled && process && (await this.#succeed('the wheel does not open', this.#open(process)))
    if (opened === undefined || process === undefined || process.failure !== undefined) return void this.crash()
    this.#world.trace.add('ready')
    return process
  }

  /** Lets everything under way end and some heartbeats pass; then the model must agree. */
  async rest(process: Process): Promise<void> {
    const { trace } = this.#world
    const { hand, engine, wheel } = process
    trace.add('rest')
    const begunAt = this.#world.turns
    for (let beats = 0, beatsInAll = 0; beats < BEATS_AT_REST; ) {
      if (this.hasEnded(process)) return
      if (this.#world.turns - begunAt > TURNS_MAX) this.fail(`18: ${this.#workload.underWay} calls are never answered`)
      await this.#world.turn()
      this.check()
      if (!this.#world.idle) continue
      const patient = ++beatsInAll % BEATS_PATIENT !== 0
      if (!patient) this.#world.healClock()
      this.#world.pass(patient ? HEARTBEAT_MS : Math.max(HEARTBEAT_MS, -hand.offsetMs()))
      // What is due soon may take all the memory there is for it; nothing is consumed then until it is dispatched.
      const behind = (wheel?.stats().consumed ?? 0) < engine.offsets('__delay', 0).highWatermark
      beats = this.#workload.underWay > 0 || behind ? 0 : beats + 1
    }
    await this.turns(0)
    if (wheel === undefined || this.hasEnded(process)) return
    this.#world.faults.end()
    await this.#succeed('it cannot be read', checkAtRest(engine, wheel, this.#model, this.#world.moves, hand.nowMs()))
  }

  /** Stops a process as it should be stopped; whatever it has not closed goes with it. */
  async stop(process: Process): Promise<void> {
    const stopped = await this.#succeed('it does not stop', close(process))
    this.crash(stopped === undefined ? undefined : false)
  }

  /** The process ends here and now; with the machine or without. Perhaps time goes on before the next one starts. */
  crash(powerCut = this.#random.chance(0.5)): void {
    this.#world.crash(powerCut)
    this.#workload.forget()
    if (this.#random.chance(0.3)) {
      const [fromMs, toMs] = SPANS[this.#random.weighted(this.#swarm.jumps)]
      this.#world.pass(this.#random.between(fromMs, toMs))
    }
    this.check()
  }

  /** Whether the process is dead, or must end because of a fault. */
  hasEnded({ failure }: Process): boolean {
    if (failure !== undefined) this.#expectFault('it has stopped', failure)
    return this.#world.dead || failure !== undefined
  }

  /** Takes so many turns, and then as many as there is something to do. */
  async turns(count: number): Promise<void> {
    for (let i = 0; i < count || !this.#world.idle; i++) {
      if (i > TURNS_MAX) this.fail('18: the process never comes to rest')
      await this.#world.turn()
    }
  }

  fail(sentence: string): never {
    this.#model.accuse(sentence)
    throw new Wrong()
  }

  /** Ends the run when something is wrong. */
  check(): void {
    if (this.#model.wrong.length > 0) throw new Wrong()
  }

  async #open(process: Process): Promise<true> {
    const { engine } = process
    if (engine.topic(NOTES) === undefined) await engine.createTopic(NOTES, { partitions: 1, cleanup: 'delete' })
    await openMoves(engine, this.#world.moves)
    await this.#world.openWheel(process, (dispatched, nowMs) => note(dispatched, nowMs, this.#world.moves))
    if ([...engine.topics()].every(({ name }) => name.startsWith('__'))) await this.#workload.createFirstTopic(process)
    return true
  }

  /** What `step` resolves with; undefined when the process died, or when it was rejected, as is right after a fault. */
  async #succeed<T>(complaint: string, step: Promise<T>): Promise<T | undefined> {
    const rejected = (error: unknown) => {
      if (error instanceof Wrong) throw error
      this.#expectFault(complaint, error)
      return 'rejected' as const
    }
    const result = await this.#world.until(step.catch(rejected), TURNS_MAX)
    this.check()
    if (result === 'hangs') this.fail(`18: ${complaint}: it hangs`)
    return result === 'died' || result === 'rejected' ? undefined : (result as T)
  }

  #expectFault(complaint: string, error: unknown): void {
    if (this.#world.faults.delivered > 0) return
    this.fail(`though nothing was wrong with the disk, ${complaint}: ${(error as Error).stack}`)
  }
}

/** As the service does it: from the top down. */
async function close({ wheel, engine }: Process): Promise<true> {
  await wheel?.checkpoint()
  await wheel?.stop()
  await engine.close()
  return true
}

/** Joins the dispatch of messages with an id of their own, or that were moved: where each was put. */
function note(dispatched: readonly Dispatched[], nowMs: number, { numbers }: Moves): Append[] {
  const records = (baseOffsets: readonly number[]) =>
    dispatched.map(({ ownId, topic, partition, appendIndex, indexInAppend }) => {
      const n = numbers.get(ownId) ?? ownId.slice('own-'.length)
      const text = `#${n}; ${topic} ${partition} ${baseOffsets[appendIndex] + indexInAppend};`
      return { timestampMs: nowMs, body: encodeRecordBody(null, Buffer.from(text), []) }
    })
  return [{ topic: NOTES, partition: 0, records }]
}
