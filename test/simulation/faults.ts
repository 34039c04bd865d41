// What goes wrong with the disk while one process runs: where it dies, which calls fail.
//
// Always true: after a call has failed that changes a file of the log, the log must answer no append with success any
// more. `broken` says since when; the simulation holds the answers against it. A full disk is not that: what found no
// room may be tried again, as when a read moves a partition's tail out of a run.

import type { Fate } from '../storage/simulated-disk.ts'
import type { SeededRandom } from '../support/seeded-random.ts'
import type { Fault, Swarm } from './swarm.ts'

/** Calls after which the log must stop at once. After others it may first close a file. */
const LOG_CHANGES = /^(write|sync) \/data\/topics\/\S+\.log$/

export interface Plan {
  /** From which call on the process dies, at the first that `dieAt` fits; infinity for never. */
  dieFromCall: number
  dieAt: RegExp
  /** Which calls fail, when they do. */
  fault: Fault | undefined
  /** From which call on. */
  failFromCall: number
  /** How many calls fail that could. */
  failures: number
}

export const NO_FAULTS: Plan = {
  dieFromCall: Number.POSITIVE_INFINITY,
  dieAt: /./,
  fault: undefined,
  failFromCall: Number.POSITIVE_INFINITY,
  failures: 0,
}

export class Faults {
  readonly #random: SeededRandom
  #plan = NO_FAULTS
  /** The failure that the call which is about to begin will have. */
  #next: Error | undefined
  /** Failures that were delivered to this process. */
  delivered = 0
  /** The failed call after which the log must stop. */
  broken: { what: string; atTurn: number } | undefined

  constructor(random: SeededRandom) {
    this.#random = random
  }

  /** A new process, with this before it. */
  begin(plan: Plan): void {
    this.#plan = { ...plan }
    this.delivered = 0
    this.broken = undefined
  }

  /** Nothing more goes wrong in this process. */
  end(): void {
    this.#plan = NO_FAULTS
  }

  /** The fate of a call of the disk; to be asked when it begins. */
  fateOf(call: number, what: string): Fate {
    this.#next = undefined
    if (call >= this.#plan.dieFromCall && this.#plan.dieAt.test(what))
      return this.#random.chance(0.5) ? 'die before' : 'die after'
    const failure = this.#failureOf(call, what)
    this.#next = failure
    return failure ?? 'go on'
  }

  /** To be called when a call begins; answers what to call when it comes back, with the turn. */
  underWay(what: string): (turn: number) => Error | undefined {
    const failure = this.#next
    this.#next = undefined
    return (atTurn) => {
      if (failure === undefined) return undefined
      this.delivered++
      if ('code' in failure && failure.code !== 'ENOSPC' && LOG_CHANGES.test(what)) this.broken ??= { what, atTurn }
      return failure
    }
  }

  /** The failure of a call of the overflow store; undefined when it goes well. */
  failureOfStore(call: number, what: string): Error | undefined {
    const failure = what.startsWith('store write') ? this.#failureOf(call, 'write /data/overflow') : undefined
    if (failure !== undefined) this.delivered++
    return failure
  }

  #failureOf(call: number, what: string): (Error & { writtenShare?: number }) | undefined {
    const { fault, failFromCall, failures } = this.#plan
    if (fault === undefined || call < failFromCall || failures === 0 || !FITS[fault].test(what)) return undefined
    // Not always the first that could.
    if (this.#random.chance(0.7)) return undefined
    this.#plan.failures--
    const code = fault === 'short write' ? this.#random.pick(['EIO', 'ENOSPC']) : fault
    const error: Error & { writtenShare?: number } = Object.assign(new Error(`${code}: simulated, ${what}`), { code })
    if (fault === 'short write') error.writtenShare = this.#random.fraction()
    return error
  }
}

/** Which calls can fail in which way. */
const FITS: Record<Fault, RegExp> = {
  EIO: /^(read|write|sync|truncate|rename|syncDirectory|open|size|list|makeDirectory|remove) /,
  ENOSPC: /^(write|open|makeDirectory|rename|sync) /,
  EMFILE: /^(open|list|syncDirectory) /,
  'short write': /^write /,
}

/** At which calls a process dies: at any, or at one of those between which it is neither before nor after. */
const DEATHS = [/./, /./, /^(rename|remove|removeTree|syncDirectory) /, /checkpoint/, /^(sync|truncate) /]

/** What a seed has in store for its next process. */
export function planOf(random: SeededRandom, swarm: Swarm, ending: string): Plan {
  const atCall = random.pick([30, 300, 1500])
  const inRecovery = swarm.crashesInRecovery && random.chance(0.4)
  const call = random.between(1, inRecovery ? 40 : atCall)
  if (ending.endsWith('at call')) return { ...NO_FAULTS, dieFromCall: call, dieAt: random.pick(DEATHS) }
  if (ending !== 'fault' || swarm.faults.length === 0) return NO_FAULTS
  return { ...NO_FAULTS, fault: random.pick(swarm.faults), failFromCall: call, failures: random.pick([1, 1, 3, 20]) }
}
