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

import { type Clock, DwellError, type Log, type LogEngine, type Random, type Timer } from '../../storage/index.ts'
import { Acquisition } from './acquisition.ts'
import type { Delivery } from './delivery.ts'
import type { Group } from './group.ts'
import { DeltaWriter } from './group-log.ts'
import type { KeyTurns } from './key-turns.ts'
import { loadTurns } from './key-turns-load.ts'
import { TOKEN_SIZE } from './run.ts'
import { isGone, type Source } from './source.ts'

export interface AcquireOptions {
  /** At most so many records, at least 1. */
  max: number
  /** No more bytes than this, and the record that goes beyond it; the most that one call gets when absent. */
  bytesMax?: number
  /** How long to wait when there is nothing; 0 not at all. */
  waitMs: number
  /** Instead of the group's lockMs. */
  lockMs?: number
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
  answer(deliveries: Delivery[] | Promise<Delivery[]>): void
  fail(error: unknown): void
  answered: boolean
}

const LOOK_AGAIN_MS = 1_000

export class Acquirer {
  readonly #group: Group
  readonly #parts: AcquireParts
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
  }

  get waiting(): number {
    return this.#waiters.size
  }

  acquire({ max, bytesMax, waitMs, lockMs, signal }: AcquireOptions): Promise<Delivery[]> {
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
    const { hand } = this.#parts
    if (this.#isPaused) return false
    this.#group.takeTopicIn()
    const known = await this.#loadTurns()
    const sources = [...this.#group.sources]
    let ready = 0
    for (let i = 0; i < sources.length && ready < waiter.max; i++) {
      const source = sources[(this.#turn + i) % sources.length]
      const room = this.#room(source)
      if (room > 0) await this.#unpark(source, Math.min(room, waiter.max))
      this.#park(source)
      while (room > 0 && source.hungry(hand.nowMs(), Math.min(room, waiter.max))) {
        if (!(await this.#fill(source))) break
        this.#park(source)
      }
      ready += source.ready(hand.nowMs(), Math.min(room, waiter.max))
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
      if (!turns.isLoaded) await loadTurns(this.#group, partition, turns, this.#parts.engine)
    }
    return [...this.#group.turns.values()].filter(({ isLoaded }) => isLoaded)
  }

  /** Reads parked records whose key is free. Those that are no longer there are given up, and the next of their keys read. */
  async #unpark(source: Source, max: number): Promise<void> {
    const { engine, counters, log } = this.#parts
    const { topic, partition, index } = source.place
    const { epoch } = source
    while (source.parked.count > 0) {
      let lost: number[]
      try {
        lost = await source.parked.read(engine, topic, partition, max)
      } catch (error) {
        if (this.#removeLane(source, error)) return
        throw error
      }
      if (lost.length === 0 || source.epoch !== epoch || this.#group.end) return
      const delta = new DeltaWriter()
      for (const offset of lost) if (source.giveUp(offset)) delta.finished(index, offset, 1)
      counters.skipped += lost.length
      const from = lost[0]
      const count = lost.length
      log.error({ topic, partition, from, count }, 'Records that waited for their key are no longer readable.')
      this.#append(delta)
    }
  }

  /** Whether the error says that a lane was deleted; then it is no source any more. */
  #removeLane(source: Source, error: unknown): boolean {
    const { kind, topic, partition } = source.place
    if (!isGone(error) || kind === 'topic') return false
    const { log } = this.#parts
    log.warn({ topic, partition, group: this.#group.name }, 'A retry topic was deleted with what waited in it.')
    this.#group.remove(source)
    return true
  }

  /** Passes over records whose key is busy. */
  #park(source: Source): void {
    const delta = new DeltaWriter()
    if (source.parkBlocked(delta)) this.#append(delta)
  }

  /** Nobody waits for it; when it is refused the group is read again. */
  #append(delta: DeltaWriter): void {
    this.#group.append(delta).catch(() => {})
  }

  #room(source: Source): number {
    return this.#group.settings.maxInFlight - source.inFlight
  }

  /** Reads on; false when there is no use in going on with this source now. */
  async #fill(source: Source): Promise<boolean> {
    const { engine, log, counters } = this.#parts
    const { topic, partition } = source.place
    try {
      await source.fill(engine)
      return true
    } catch (error) {
      if (this.#removeLane(source, error)) return false
      if (isGone(error)) throw error
      // What was read before is good: serve it first, the error comes again.
      if (source.readCount > 0) return false
      if (!(error instanceof DwellError) || typeof error.fields.lastOffset !== 'number') throw error
      const from = source.next
      source.skipTo(error.fields.lastOffset + 1)
      counters.skipped += source.next - from
      log.error({ topic, partition, from, to: source.next, code: error.code }, 'Damaged records are passed over.')
      return source.next > from
    }
  }

  /** Acquires what was read, in one turn; undefined when nothing is ready. */
  #take(waiter: Waiter): Promise<Delivery[]> | undefined {
    const { clock, hand, random } = this.#parts
    const { sources, settings } = this.#group
    const nowMs = hand.nowMs()
    const lockMs = waiter.lockMs ?? settings.lockMs
    const turn = this.#turn
    let acquisition: Acquisition | undefined
    for (let i = 0; i < sources.length; i++) {
      const missing = waiter.max - (acquisition?.deliveries.length ?? 0)
      if (missing === 0 || acquisition?.isFull) break
      const source = sources[(turn + i) % sources.length]
      const count = source.ready(nowMs, Math.min(this.#room(source), missing))
      if (count === 0) continue
      acquisition ??= new Acquisition(random.bytes(TOKEN_SIZE), lockMs, clock, waiter.bytesMax)
      acquisition.take(source, count)
      this.#turn = turn + i + 1
    }
    if (acquisition === undefined) return undefined
    const { deliveries, delta, lock } = acquisition
    this.#parts.locked(lock.deadlineMs)
    this.#parts.counters.acquired += deliveries.length
    return this.#group.append(delta).then(() => deliveries)
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
