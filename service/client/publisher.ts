// A publisher that gathers messages into few requests: what is published while a request is under way forms the next one, so
// that a busy program sends large requests and an idle one waits for nothing.
//
// Always true:
//   1. At most `bufferMessagesMax` messages and about `bufferBytesMax` bytes are held; whoever publishes beyond that waits in a
//      line, and beyond `waitingMax` of those is refused with PUBLISHER_FULL.
//   2. Each message has an id before it is sent, so a request may be repeated: the service publishes it once, as long as
//      `retryForMs` is shorter than the service's deduplication window (10 minutes unless set otherwise).
//   3. A message that is refused takes no other with it: the rest of its request is sent again without it.
//   4. With `requestsMax` 1 messages reach each partition in the order in which they were published, also over repetitions.
//   5. A message keeps the trace in which publish() was called; the requests, of messages of several traces, are in none.
//   6. No promise of it is an unhandled rejection: what nobody waits for is counted, and told by flush().

import { CallError } from './call-error.ts'
import type { Calls } from './calls.ts'
import type { Message, Published } from './message.ts'
import { messageLine } from './message.ts'
import { checkNumbers, given } from './options.ts'
import { publishLines } from './publish.ts'

const KIB = 1024
const MIB = 1024 * KIB

export interface PublisherOptions {
  /** Messages held; 10,000 when absent. */
  bufferMessagesMax?: number
  /** Bytes held; 16 MiB when absent. */
  bufferBytesMax?: number
  /** Calls of publish() that wait for room; 1,000 when absent. */
  waitingMax?: number
  /** Of one request; 1,000 and 1 MiB when absent. */
  requestMessagesMax?: number
  requestBytesMax?: number
  /** Requests at a time; 1 when absent, which keeps the order. */
  requestsMax?: number
  /** How long to go on trying, 2 minutes when absent. Must be shorter than the service's deduplication window. */
  retryForMs?: number
  timeoutMs?: number
  acks?: 'all' | '1'
}

interface Held {
  line: string
  size: number
  made: boolean
  settle(result: Published | undefined, error: unknown): void
}

const SPLIT_CODES: ReadonlySet<string> = new Set(['REQUEST_TOO_LARGE', 'TOO_MANY_MESSAGES', 'APPEND_TOO_LARGE'])
const RETRY_FOR_MS = 120_000

/** Made by DwellClient.publisher(). */
export class Publisher {
  readonly #calls: Calls
  readonly #topic: string
  readonly #options: Required<Omit<PublisherOptions, 'timeoutMs' | 'acks'>> & PublisherOptions
  readonly #abort = new AbortController()
  #queue: Held[] = []
  #heldMessages = 0
  #heldBytes = 0
  #requests = 0
  #scheduled = false
  #closed = false
  #firstFailure: { error: unknown } | undefined
  readonly #line: (() => void)[] = []
  readonly #readyWaiters: (() => void)[] = []
  readonly #emptyWaiters: (() => void)[] = []
  /** How many were published, how many of them the service knew already, how many were refused or given up; requests, and those that took several tries. */
  readonly stats = { published: 0, duplicates: 0, failed: 0, requests: 0, repeated: 0 }

  /** @throws CallError INVALID_ARGUMENT */
  constructor(calls: Calls, topic: string, options: PublisherOptions) {
    this.#calls = calls
    this.#topic = topic
    this.#options = {
      bufferMessagesMax: 10_000,
      bufferBytesMax: 16 * MIB,
      waitingMax: 1_000,
      requestMessagesMax: 1_000,
      requestBytesMax: MIB,
      requestsMax: 1,
      retryForMs: RETRY_FOR_MS,
      ...given(options),
    }
    const { requestsMax, requestMessagesMax, requestBytesMax, bufferMessagesMax, bufferBytesMax } = this.#options
    checkNumbers({ requestsMax, requestMessagesMax, requestBytesMax, bufferMessagesMax, bufferBytesMax })
  }

  /**
   * Publishes a message; resolves when the service has it. While the buffer is full it waits for room first. The rejection
   * (CallError) may be left alone: flush() tells it.
   */
  publish(message: Message): Promise<Published> {
    const published = new Promise<Published>((resolve, reject) => {
      try {
        if (this.#closed) throw closed()
        const held = this.#hold(message, resolve, reject)
        if (this.#line.length === 0 && !this.#isFull) return this.#take(held)
        if (this.#line.length >= this.#options.waitingMax) throw full()
        this.#line.push(() => this.#take(held))
      } catch (error) {
        this.#count(error)
        reject(error)
      }
    })
    published.catch(() => {})
    return published
  }

  /** Publishes all of `messages` in their order, no faster than there is room. @throws the first failure, when all are answered */
  async publishAll(messages: Iterable<Message> | AsyncIterable<Message>): Promise<void> {
    for await (const message of messages) {
      await this.ready()
      void this.publish(message)
    }
    await this.flush()
  }

  /** Resolves when there is room, at once if there is. */
  ready(): Promise<void> {
    if (!this.#isFull && this.#line.length === 0) return Promise.resolve()
    return new Promise((resolve) => this.#readyWaiters.push(resolve))
  }

  /** Resolves when all that was published is answered. @throws the first failure since the flush before */
  async flush(): Promise<void> {
    if (this.#heldMessages > 0) await new Promise<void>((resolve) => this.#emptyWaiters.push(resolve))
    const failure = this.#firstFailure
    this.#firstFailure = undefined
    if (failure !== undefined) throw failure.error
  }

  /** Takes nothing more, and flushes. @throws the first failure since the last flush */
  async close(): Promise<void> {
    this.#closed = true
    await this.flush()
  }

  /** Gives up what is not answered: it rejects with the reason, and may have been published. */
  abort(reason: unknown = closed()): void {
    this.#closed = true
    this.#abort.abort(reason)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  get #isFull(): boolean {
    return this.#heldMessages >= this.#options.bufferMessagesMax || this.#heldBytes >= this.#options.bufferBytesMax
  }

  #hold(message: Message, resolve: (result: Published) => void, reject: (error: unknown) => void): Held {
    const made = message.id === undefined
    const line = messageLine(inTrace(message, this.#calls.trace()), message.id ?? this.#calls.surroundings.token())
    const settle = (result: Published | undefined, error: unknown) => {
      this.#heldMessages--
      this.#heldBytes -= line.length
      if (result === undefined) {
        this.#count(error)
        reject(error)
        return
      }
      this.stats.published++
      if (result.duplicate) this.stats.duplicates++
      resolve(result)
    }
    return { line, size: line.length, made, settle }
  }

  #take(held: Held): void {
    this.#heldMessages++
    this.#heldBytes += held.size
    this.#queue.push(held)
    this.#schedule()
  }

  /** What is published in the same turn goes together. */
  #schedule(): void {
    if (this.#scheduled || this.#requests >= this.#options.requestsMax) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      this.#pump()
    })
  }

  #pump(): void {
    while (this.#requests < this.#options.requestsMax && this.#queue.length > 0) {
      this.#requests++
      void this.#send(this.#nextRequest()).then(() => {
        this.#requests--
        this.#letIn()
        this.#pump()
      })
    }
  }

  #nextRequest(): Held[] {
    const { requestMessagesMax, requestBytesMax } = this.#options
    let count = 0
    let size = 0
    while (count < this.#queue.length && count < requestMessagesMax) {
      size += this.#queue[count].size + 1
      if (count > 0 && size > requestBytesMax) break
      count++
    }
    const request = this.#queue.slice(0, count)
    this.#queue = this.#queue.slice(count)
    return request
  }

  /** Settles every message of the request; never rejects. */
  async #send(request: readonly Held[]): Promise<void> {
    let rest = request
    while (rest.length > 0) {
      try {
        const { retryForMs, timeoutMs, acks } = this.#options
        const options = { retryForMs, timeoutMs, acks, signal: this.#abort.signal }
        const prepared = { lines: rest.map(({ line }) => line), made: rest.map(({ made }) => made) }
        this.stats.requests++
        const { results, tries } = await publishLines(this.#calls, this.#topic, prepared, 'always', options, true)
        if (tries > 1) this.stats.repeated++
        for (let i = 0; i < rest.length; i++) rest[i].settle(results[i], undefined)
        return
      } catch (error) {
        const line = lineOf(error, rest.length)
        if (line !== undefined) {
          rest[line].settle(undefined, error)
          rest = rest.toSpliced(line, 1)
        } else if (rest.length > 1 && error instanceof CallError && SPLIT_CODES.has(error.code)) {
          const half = rest.length >> 1
          await this.#send(rest.slice(0, half))
          rest = rest.slice(half)
        } else {
          for (const held of rest) held.settle(undefined, error)
          return
        }
      }
    }
  }

  #letIn(): void {
    while (this.#line.length > 0 && !this.#isFull) this.#line.shift()?.()
    if (!this.#isFull && this.#line.length === 0) for (const wake of this.#readyWaiters.splice(0)) wake()
    if (this.#heldMessages === 0 && this.#line.length === 0) for (const wake of this.#emptyWaiters.splice(0)) wake()
  }

  #count(error: unknown): void {
    this.stats.failed++
    this.#firstFailure ??= { error }
  }
}

/** With the trace in which it is published, unless its headers name one. */
function inTrace(message: Message, trace: Record<string, string> | undefined): Message {
  if (trace === undefined || message.headers?.traceparent !== undefined) return message
  return { ...message, headers: { ...message.headers, ...trace } }
}

/** Which message of the request the service refuses, from 0; undefined when it is not about one of them. */
function lineOf(error: unknown, count: number): number | undefined {
  if (!(error instanceof CallError) || error.retryable || typeof error.fields.line !== 'number') return undefined
  const index = error.fields.line - 1
  return index >= 0 && index < count ? index : undefined
}

function closed(): CallError {
  return new CallError({ code: 'CLIENT_CLOSED', sentence: 'The publisher is closed.' })
}

function full(): CallError {
  const sentence = 'The publisher is full, and so is the line of those who wait for room: wait for ready().'
  return new CallError({ code: 'PUBLISHER_FULL', sentence })
}
