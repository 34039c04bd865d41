// A client of one process: what its calls need, and what becomes of their answers. Answers of a process that is dead are
// nobody's: what they would have said stays in doubt.

import { DwellError, type EmbeddedEngine } from '../../storage/index.ts'
import type { Wheel } from '../../timewheel/index.ts'
import type { SeededRandom } from '../support/seeded-random.ts'
import type { Model } from './model.ts'
import type { Swarm } from './swarm.ts'
import type { Process, World } from './world.ts'

/** What a request can be told that is not the fault of any disk. */
const REFUSALS = new Set([
  'TOPIC_NOT_FOUND',
  'PARTITION_NOT_FOUND',
  'TOPIC_EXISTS',
  'PARTITIONS_CANNOT_SHRINK',
  'APPEND_TOO_LARGE',
  'OFFSET_OUT_OF_RANGE',
  'ENGINE_CLOSED',
])

/** Whether an error says that nothing was done, and that the request was to blame. */
export function isRefusal(error: unknown): boolean {
  return error instanceof DwellError && REFUSALS.has(error.code)
}

export interface ClientOptions {
  world: World
  model: Model
  swarm: Swarm
  random: SeededRandom
}

export class Client implements ClientOptions {
  readonly world: World
  readonly model: Model
  readonly swarm: Swarm
  readonly random: SeededRandom
  readonly engine: EmbeddedEngine
  readonly #process: Process
  readonly #life: number

  constructor({ world, model, swarm, random }: ClientOptions, process: Process) {
    this.world = world
    this.model = model
    this.swarm = swarm
    this.random = random
    this.engine = process.engine
    this.#process = process
    this.#life = world.life
  }

  get wheel(): Wheel {
    return this.#process.wheel as Wheel
  }

  /** Where the hand of this process stands. */
  get handMs(): number {
    return this.#process.hand.nowMs()
  }

  /** Whether the process that was asked has died since. */
  get isDead(): boolean {
    return this.#life !== this.world.life || this.world.dead
  }

  /** An answer came. */
  answered(what: string): void {
    this.world.trace.add(`< ${what}`)
  }

  /** An answer came which says that something was written: it must not be false. */
  written(what: string): void {
    this.answered(what)
    const { broken } = this.world.faults
    // When the wheel fails the service ends at once; what the log has under way then is as durable as ever.
    if (this.#process.logFailed) this.model.accuse(`21: ${what}, answered after the log had failed`)
    else if (broken !== undefined && broken.atTurn < this.world.turns - 1)
      this.model.accuse(`21: ${what}, answered after ${broken.what} had failed`)
  }

  /** A call was rejected. */
  rejected(call: string, error: unknown): void {
    this.answered(`${call}: ${error instanceof DwellError ? error.code : error}`)
    if (isRefusal(error) || this.#process.failure !== undefined || this.world.faults.delivered > 0) return
    this.model.accuse(`${call} was rejected, though nothing was wrong with the disk: ${(error as Error).stack}`)
  }
}
