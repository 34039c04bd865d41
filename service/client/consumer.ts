// A consumer: acquires records of a group, gives each to a handler, and acknowledges by what the handler answers.
//
// Always true:
//   1. At most `concurrency` handlers run, and no record is held that has no handler: nothing is acquired ahead.
//   2. A record stays in hand until its acknowledgement is durable, or nobody can say any more whether it is.
//   3. While a handler runs its record's lock is renewed; when the lock is lost its signal aborts.
//   4. No error ends the consumer but one that says that going on cannot help (no right, wrong names); all are told to `onError`.
//   5. No promise of it is an unhandled rejection.
//
// A record comes at least once: when an acknowledgement is lost, or a process is killed, it comes again.

import { Acknowledger, type Said } from './acknowledger.ts'
import { backoffMs } from './backoff.ts'
import { CallError } from './call-error.ts'
import type { AcquiredRecord, Group } from './group.ts'
import { Locks } from './locks.ts'
import type { Duration } from './message.ts'
import { checkNumbers, given } from './options.ts'
import { pause, type Surroundings } from './surroundings.ts'

/** What is to become of a record; without one it is accepted. */
export type Outcome =
  | { type: 'accept' }
  /** Try again: after the next tier, or after `delay`. */
  | { type: 'release'; delay?: Duration; reason?: string }
  /** Never again: a dead letter. */
  | { type: 'reject'; reason?: string }

/**
 * Handles one record. Nothing or `{ type: 'accept' }` accepts it; an error that it throws releases it, with the message as the
 * reason. `signal` aborts when the lock is lost, or when the consumer is stopped and will not wait any longer.
 */
export type Handler<V> = (record: AcquiredRecord<V>, context: { signal: AbortSignal }) => Answer | Promise<Answer>

// biome-ignore lint/suspicious/noConfusingVoidType: a handler that answers nothing is one that returns void
type Answer = Outcome | undefined | void

export interface ConsumerOptions {
  /** Handlers at a time; 16 when absent. */
  concurrency?: number
  /** How long a record is locked at a time; renewed when a third of it is over. 30,000 when absent. */
  lockMs?: number
  /** How long one call waits when there is nothing; 20,000 when absent. */
  waitMs?: number
  /** For how long stop() lets handlers finish; 30,000 when absent. */
  stopWithinMs?: number
  /** Ends after so many records. */
  recordsMax?: number
  /** Ends when a call that waited found nothing, and nothing is in hand; with TOPIC_NOT_FOUND where there is no topic. */
  untilEmpty?: boolean
  /** Stops the consumer, as stop() does. */
  signal?: AbortSignal
  /** Told of all that goes wrong and is tried again, and of what ends the consumer. */
  onError?: (error: CallError) => void
}

const ACQUIRE_MAX = 1_000
const REASON_LENGTH_MAX = 1_000
/** Between two empty answers that came at once. */
const IDLE_MS = 200

/** Made by DwellClient.consume(), running. */
export class Consumer<V = unknown> {
  readonly #group: Group
  readonly #handler: Handler<V>
  readonly #options: Required<Omit<ConsumerOptions, 'signal' | 'onError' | 'recordsMax' | 'untilEmpty'>> &
    ConsumerOptions
  readonly #surroundings: Surroundings
  readonly #acknowledger: Acknowledger
  readonly #locks: Locks
  readonly #stopping = new AbortController()
  /** Resolved for each record in hand when nothing more is to be done for it. */
  readonly #inHand = new Set<Promise<void>>()
  #wakeLoop = () => {}
  /** Resolves when the consumer has stopped; rejects with what ended it. It may be left alone: `onError` is told too. */
  readonly done: Promise<void>
  /** By what the service answered. `lost`: handled, but the lock was over before it was acknowledged, or nobody knows; it comes again. */
  readonly stats = { acquired: 0, accepted: 0, retrying: 0, dead: 0, lost: 0 }

  /** @throws CallError INVALID_ARGUMENT */
  constructor(group: Group, handler: Handler<V>, options: ConsumerOptions, surroundings: Surroundings) {
    this.#group = group
    this.#handler = handler
    this.#options = { concurrency: 16, lockMs: 30_000, waitMs: 20_000, stopWithinMs: 30_000, ...given(options) }
    this.#surroundings = surroundings
    const { concurrency, lockMs, waitMs, signal } = this.#options
    checkNumbers({ concurrency, lockMs, waitMs })
    const onError = (error: CallError) => this.#tell(error)
    this.#acknowledger = new Acknowledger({ group, retryForMs: lockMs, onError })
    this.#locks = new Locks({ lockMs, surroundings, say: (said) => this.#acknowledger.say(said) })
    const stop = () => void this.stop()
    signal?.addEventListener('abort', stop, { once: true })
    if (signal?.aborted) this.#stopping.abort(stopped())
    this.done = this.#run().finally(() => signal?.removeEventListener('abort', stop))
    this.done.catch(() => {})
  }

  /** How many records are in hand. */
  get inHand(): number {
    return this.#inHand.size
  }

  /**
   * Acquires nothing more, lets the handlers finish, and after `stopWithinMs` aborts the rest of them and releases their records.
   * Resolves when all is acknowledged; never rejects. While nobody answers, acknowledgements are tried for as long as a lock lasts,
   * so it takes at most `stopWithinMs` and `lockMs` together.
   */
  async stop(): Promise<void> {
    this.#stopping.abort(stopped())
    this.#wakeLoop()
    await this.done.catch(() => {})
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  async #run(): Promise<void> {
    try {
      await this.#acquireUntilStopped()
    } finally {
      await this.#finish()
    }
  }

  /** @throws CallError when going on cannot help */
  async #acquireUntilStopped(): Promise<void> {
    const { signal } = this.#stopping
    const { recordsMax = Number.POSITIVE_INFINITY, untilEmpty = false } = this.#options
    let failures = 0
    while (!signal.aborted && this.stats.acquired < recordsMax) {
      const free = this.#options.concurrency - this.#inHand.size
      if (free <= 0) {
        await new Promise<void>((resolve) => (this.#wakeLoop = resolve))
        continue
      }
      const askedMs = this.#surroundings.monotonicMs()
      try {
        const { waitMs, lockMs } = this.#options
        const max = Math.min(free, ACQUIRE_MAX, recordsMax - this.stats.acquired)
        const { records } = await this.#group.acquire<V>({ max, waitMs, lockMs, signal, retryForMs: 0 })
        failures = 0
        for (const record of records) this.#takeInHand(record)
        if (untilEmpty && this.#inHand.size === 0) return
        const isBusyLoop =
          records.length === 0 && this.#surroundings.monotonicMs() - askedMs < Math.min(waitMs, IDLE_MS)
        if (isBusyLoop) await pause(this.#surroundings, IDLE_MS, signal)
      } catch (error) {
        if (signal.aborted) return
        this.#tell(error as CallError)
        if (!(error instanceof CallError) || !mayHelp(error)) throw error
        // Nothing is in a topic that is not there; who waits for its end would wait for ever.
        if (untilEmpty && error.code === 'TOPIC_NOT_FOUND') throw error
        await pause(this.#surroundings, backoffMs(this.#surroundings, ++failures, error.retryAfterMs), signal)
      }
    }
  }

  #takeInHand(record: AcquiredRecord<V>): void {
    this.stats.acquired++
    const work = this.#work(record).then(() => {
      this.#inHand.delete(work)
      this.#wakeLoop()
    })
    this.#inHand.add(work)
  }

  /** Never rejects. */
  async #work(record: AcquiredRecord<V>): Promise<void> {
    const { receipt } = record
    const lock = this.#locks.keep(record)
    const outcome = await this.#outcomeOf(record, lock)
    this.#locks.letGo(record)
    // Somebody else may have it: what is said of it now would be refused.
    if (lock.aborted && isLockLost(lock.reason)) return void this.stats.lost++
    this.#count(await this.#acknowledger.say({ receipt, ...outcome }))
  }

  /** What the handler answers; a handler that does not end when it is told to is not waited for. */
  async #outcomeOf(record: AcquiredRecord<V>, signal: AbortSignal): Promise<Outcome> {
    let abort = () => {}
    const aborted = new Promise<Outcome>((resolve) => {
      abort = () => resolve({ type: 'release', reason: reasonOf(signal.reason) })
    })
    signal.addEventListener('abort', abort, { once: true })
    try {
      return await Promise.race([this.#handle(record, signal), aborted])
    } finally {
      signal.removeEventListener('abort', abort)
    }
  }

  /** Never rejects: what the handler throws, at once or later, releases. */
  async #handle(record: AcquiredRecord<V>, signal: AbortSignal): Promise<Outcome> {
    const handler = this.#handler
    try {
      return checked(await handler(record, { signal }))
    } catch (error) {
      return { type: 'release', reason: reasonOf(error) }
    }
  }

  async #finish(): Promise<void> {
    const { stopWithinMs } = this.#options
    const cancel = this.#surroundings.after(stopWithinMs, () => this.#locks.abortAll(stopped()))
    while (this.#inHand.size > 0) await Promise.all(this.#inHand)
    cancel()
  }

  #count(said: Said): void {
    if (said.state === 'acknowledged') this.stats.accepted++
    else if (said.state === 'retrying') this.stats.retrying++
    else if (said.state === 'dead') this.stats.dead++
    else this.stats.lost++
  }

  /** What a listener throws is its own. */
  #tell(error: CallError): void {
    try {
      this.#options.onError?.(error)
    } catch (thrown) {
      process.emitWarning(`onError of a Dwell consumer threw: ${reasonOf(thrown)}`)
    }
  }
}

/** Answers behind which the next try may go better: a topic is made by the first message, a group by the next call. */
const PASSING: ReadonlySet<string> = new Set(['TOPIC_NOT_FOUND', 'GROUP_NOT_FOUND', 'ANSWER_UNREADABLE'])

function mayHelp({ code, retryable }: CallError): boolean {
  return retryable || PASSING.has(code)
}

function checked(outcome: Answer): Outcome {
  if (outcome === undefined || outcome === null) return { type: 'accept' }
  switch (outcome.type) {
    case 'accept':
      return { type: 'accept' }
    case 'release':
      return { type: 'release', delay: outcome.delay, reason: outcome.reason?.slice(0, REASON_LENGTH_MAX) }
    case 'reject':
      return { type: 'reject', reason: outcome.reason?.slice(0, REASON_LENGTH_MAX) }
    default:
      return { type: 'release', reason: 'The handler answered something that is no outcome.' }
  }
}

function reasonOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).slice(0, REASON_LENGTH_MAX)
}

function isLockLost(reason: unknown): boolean {
  return reason instanceof CallError && reason.code === 'LOCK_LOST'
}

function stopped(): CallError {
  return new CallError({ code: 'CLIENT_CLOSED', sentence: 'The consumer is stopped.' })
}
