// Acquiring: calls wait in line, first come first served, until there are records for the first of them.
//
// Always true:
//   1. At most one pump runs per group; it alone reads ahead and acquires, so each record goes to one call.
//   2. Nobody polls. The pump runs when a call comes, when a high watermark moved, when the head of a lane is due and when
//      room came back below maxInFlight; while records of a lane wait, one timer looks at the time again each second at
//      the latest, because the hand may be moved.
//   3. A call is answered when its acquisition is durable. Who went away before that holds its records until the lock ends.
//   4. While the group is paused nothing is taken. Calls that wait stay in line for the end of the pause, or of their wait.
//
// After a crash: waiting calls are gone, what was acquired stands in `__groups`.

import type { Clock, DwellError, Log, LogEngine, Random, Timer } from '../../../storage/index.ts'
import type { Delivery } from '../delivery.ts'
import type { Group } from '../group/group.ts'
import type { KeyTurns } from '../keys/key-turns.ts'
import { loadTurns } from '../keys/key-turns-load.ts'
import { TOKEN_SIZE } from '../source/run.ts'
import type { Source } from '../source/source.ts'
import { Acquisition } from './acquisition.ts'
import { companyMax } from './company.ts'
import { Reading } from './reading.ts'

export interface AcquireOptions {
  /** At most so many records, at least 1. */
  max: number
  /** No more bytes than this, and the record that goes beyond it; the most that one call gets when absent. */
  bytesMax?: number
  /** How long to wait when there is nothing; 0 not at all. */
  waitMs: number
  /** Instead of the group's lockMs. */
  lockMs?: number
  /** Each record is worked on by itself, so that none fails with another: they come in any company (company.ts). */
  apart?: boolean
  /** When it aborts, a waiting call answers [] at once and takes nothing. */
  signal?: AbortSignal
}

export interface AcquireParts {
  engine: LogEngine
  clock: Clock
  hand: { nowMs(): number }
  random: Random
  log: Log
  /** Arms the group's lock timer. */
  locked(deadlineMs: number): void
  counters: { acquired: number; skipped: number }
}

interface Waiter {
  max: number
  bytesMax: number | undefined
  lockMs: number | undefined
  apart: boolean
  answer(deliveries: Delivery[] | Promise<Delivery[]>): void
  fail(error: unknown): void
  answered: boolean
}

const LOOK_AGAIN_MS = 1_000

export class Acquirer {
  readonly #group: Group
  readonly #parts: AcquireParts
  readonly #reading: Reading
  readonly #waiters = new Set<Waiter>()
  #pumping = false
  #pumped: Promise<void> = Promise.resolve()
  #again = false
  /** The hand's time before the pump last looked at what is due. */
  #lookedAtMs = 0
  #turn = 0
  #timer: Timer | undefined

  constructor(group: Group, parts: AcquireParts) {
    this.#group = group
    this.#parts = parts
    this.#reading = new Reading(group, parts)
  }

  get waiting(): number {
    return this.#waiters.size
  }

  acquire({ max, bytesMax, waitMs, lockMs, apart = false, signal }: AcquireOptions): Promise<Delivery[]> {
    if (this.#group.end) return Promise.reject(this.#group.end)
    if (signal?.aborted || (waitMs <= 0 && this.#isPaused)) return Promise.resolve([])
    return new Promise((resolve, reject) => {
      let timer: Timer | undefined
      const leave = () => {
        waiter.answered = true
        timer?.cancel()
        signal?.removeEventListener('abort', goAway)
        this.#waiters.delete(waiter)
      }
      const waiter: Waiter = {
        max,
        bytesMax,
        lockMs,
        apart,
        answered: false,
        answer: (deliveries) => {
          leave()
          resolve(deliveries)
        },
        fail: (error) => {
          leave()
          reject(error)
        },
      }
      const goAway = () => waiter.answer([])
      signal?.addEventListener('abort', goAway)
      this.#waiters.add(waiter)
      // Without a wait it still gets its turn: the pump answers it with nothing when nothing is there.
      if (waitMs > 0) timer = this.#parts.clock.setTimer(goAway, waitMs)
      this.#pump().then(() => {
        if (waitMs <= 0 && !waiter.answered) waiter.answer([])
      })
    })
  }

  get #isPaused(): boolean {
    return this.#group.settings.paused !== undefined
  }

  /** Something may have become available. Quick when nobody waits, or the group is paused. */
  wake(): void {
    if (this.#waiters.size > 0 && !this.#isPaused) void this.#pump()
  }

  /** Answers all that wait: with nothing, or with an error. */
  dismiss(error?: DwellError): void {
    this.#timer?.cancel()
    for (const waiter of this.#waiters) {
      if (error) waiter.fail(error)
      else waiter.answer([])
    }
  }

  /** Serves as many waiters as there are records for; resolves when what is there now was looked at. */
  #pump(): Promise<void> {
    this.#again = true
    if (!this.#pumping) {
      this.#pumping = true
      this.#pumped = this.#serveAll()
    }
    return this.#pumped
  }

  async #serveAll(): Promise<void> {
    // A turn later: what became durable together is seen together.
    await undefined
    while (this.#again) {
      this.#again = false
      this.#lookedAtMs = this.#parts.hand.nowMs()
      for (const waiter of this.#waiters) {
        try {
          if (!(await this.#serve(waiter))) break
        } catch (error) {
          waiter.fail(error)
        }
      }
    }
    this.#pumping = false
    this.#armLanes()
  }

  /** Whether the waiter is answered, or needs no answer any more. */
  async #serve(waiter: Waiter): Promise<boolean> {
    if (this.#isPaused) return false
    this.#group.takeTopicIn()
    const known = await this.#loadTurns()
    const sources = [...this.#group.sources]
    let ready = 0
    for (let i = 0; i < sources.length && ready < waiter.max && !this.#group.end; i++) {
      const source = sources[(this.#turn + i) % sources.length]
      const wanted = Math.min(this.#room(source), waiter.max)
      await this.#reading.prepare(source, wanted)
      ready += source.ready(this.#parts.hand.nowMs(), wanted)
    }
    if (waiter.answered || this.#group.end) return true
    if (this.#isPaused) return false
    const deliveries = this.#take(waiter)
    if (deliveries === undefined) {
      // Somebody lost count of them meanwhile.
      if (known.some(({ isLoaded }) => !isLoaded)) this.#again = true
      return false
    }
    waiter.answer(deliveries)
    return true
  }

  /** Where the group keeps the order of keys: finds out whose turn it is; answers where that is known. */
  async #loadTurns(): Promise<KeyTurns[]> {
    for (const [partition, turns] of this.#group.turns) {
      if (this.#group.end) break
      if (!turns.isLoaded) await loadTurns(this.#group, partition, turns, this.#parts.engine)
    }
    return [...this.#group.turns.values()].filter(({ isLoaded }) => isLoaded)
  }

  #room(source: Source): number {
    return this.#group.settings.maxInFlight - source.inFlight
  }

  /** Acquires what was read, in one turn; undefined when nothing is ready. */
  #take(waiter: Waiter): Promise<Delivery[]> | undefined {
    const { sources } = this.#group
    const nowMs = this.#parts.hand.nowMs()
    const turn = this.#turn
    let acquisition: Acquisition | undefined
    for (let i = 0; i < sources.length; i++) {
      const missing = waiter.max - (acquisition?.deliveries.length ?? 0)
      if (missing === 0 || acquisition?.isFull) break
      const source = sources[(turn + i) % sources.length]
      const count = source.ready(nowMs, Math.min(this.#room(source), missing))
      if (count === 0) continue
      acquisition ??= this.#begin(waiter)
      // Whose record must not come with what is there already is the first for the next call.
      const isOver = !acquisition.take(source, count)
      this.#turn = turn + i + (isOver ? 0 : 1)
      if (isOver) break
    }
    if (acquisition === undefined) return undefined
    const { deliveries, delta, lock } = acquisition
    this.#parts.locked(lock.deadlineMs)
    this.#parts.counters.acquired += deliveries.length
    return this.#group.append(delta).then(() => deliveries)
  }

  #begin({ lockMs, bytesMax, apart }: Waiter): Acquisition {
    const { clock, random } = this.#parts
    const { settings } = this.#group
    return new Acquisition({
      clock,
      token: random.bytes(TOKEN_SIZE),
      lockMs: lockMs ?? settings.lockMs,
      bytesMax,
      companyMax: apart ? () => Number.POSITIVE_INFINITY : (delivery) => companyMax(delivery, settings.retry.length),
    })
  }

  /** Looks again when the first lane that was not due yet will be; at once when it came due since the pump looked. */
  #armLanes(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    if (this.#waiters.size === 0 || this.#isPaused) return
    const nowMs = this.#parts.hand.nowMs()
    let waitMs = Number.POSITIVE_INFINITY
    for (const source of this.#group.sources) {
      const dueMs = source.headDueMs
      if (dueMs !== undefined && dueMs > this.#lookedAtMs) waitMs = Math.min(waitMs, Math.max(0, dueMs - nowMs))
    }
    if (waitMs === Number.POSITIVE_INFINITY) return
    this.#timer = this.#parts.clock.setTimer(() => this.wake(), Math.min(waitMs, LOOK_AGAIN_MS))
  }
}
