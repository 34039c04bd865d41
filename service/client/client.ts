// The client of a Dwell service: `new DwellClient({ url, token })`. Each part of the HTTP contract is a method, or an object with
// methods, that answers what the service answers.

import { CallError } from './call-error.ts'
import { type CallOptions, Calls } from './calls.ts'
import { Consumer, type ConsumerOptions, type Handler } from './consumer.ts'
import { DeadLetters, Redrives } from './dead-letters.ts'
import { DelayedMessages } from './delayed.ts'
import { Exchanges } from './exchange.ts'
import { Group } from './group.ts'
import type { Message, Published } from './message.ts'
import {
  type Explanation,
  explain,
  type Forecast,
  type ForecastOptions,
  forecast,
  type MessageName,
  type Readiness,
  readiness,
} from './operations.ts'
import { type PublishOptions, prepare, publishLines } from './publish.ts'
import { Publisher, type PublisherOptions } from './publisher.ts'
import { type Surroundings, systemSurroundings } from './surroundings.ts'
import { Topics } from './topics.ts'
import type { TraceSource } from './trace.ts'

const MIB = 1024 * 1024

export interface ClientOptions {
  /** `http://127.0.0.1:7200` when absent; `https://…`, and a path when a proxy serves it below one. */
  url?: string | URL
  /** Sent as `Authorization: Bearer …`. */
  token?: string
  /** PEM of the certificate authorities to trust, instead of those of the system. */
  ca?: string | Uint8Array
  /** PEM of a client certificate and its key, where the service asks for one. */
  cert?: string | Uint8Array
  key?: string | Uint8Array
  /** How long one try of a call may take; 30,000 when absent. */
  timeoutMs?: number
  /** How long a call is tried again, where that is safe; 30,000 when absent. */
  retryForMs?: number
  /** Connections at a time; 64 when absent. */
  connectionsMax?: number
  /** How large an answer may be; 256 MiB when absent. */
  answerBytesMax?: number
  /** Sent as `User-Agent`. */
  userAgent?: string
  /** The trace that calls are made in: `() => ({ traceparent, tracestate })`. Messages keep it, for whoever they are delivered to. */
  trace?: TraceSource
  /** Clock and chance, for tests. */
  surroundings?: Surroundings
}

/**
 * The client. Connections are kept and shared; close() it, or let `await using` do so. Every method rejects with a CallError, or
 * with the reason of a signal that was given.
 */
export class DwellClient {
  readonly #calls: Calls
  readonly #surroundings: Surroundings
  /** Topics, and the log as it is. */
  readonly topics: Topics
  /** The tasks that give dead letters back. */
  readonly redrives: Redrives

  /** @throws CallError INVALID_ARGUMENT for a URL that is none */
  constructor(options: ClientOptions = {}) {
    const { ca, cert, key, token, connectionsMax = 64, answerBytesMax = 256 * MIB } = options
    this.#surroundings = options.surroundings ?? systemSurroundings()
    const address = { url: urlOf(options.url ?? 'http://127.0.0.1:7200'), ca, cert, key, connectionsMax }
    this.#calls = new Calls({
      exchanges: new Exchanges(address, answerBytesMax, this.#surroundings),
      token: tokenOf(token),
      userAgent: options.userAgent ?? 'dwell-client',
      timeoutMs: options.timeoutMs ?? 30_000,
      retryForMs: options.retryForMs ?? 30_000,
      surroundings: this.#surroundings,
      trace: options.trace,
    })
    this.topics = new Topics(this.#calls)
    this.redrives = new Redrives(this.#calls)
  }

  /**
   * Publishes one message, or several: all of them or none. Resolves when they are durable. Messages without an id get one, so
   * that a lost answer can be asked for again without publishing twice.
   */
  publish(topic: string, message: Message, options?: PublishOptions): Promise<Published>
  publish(topic: string, messages: readonly Message[], options?: PublishOptions): Promise<Published[]>
  async publish(
    topic: string,
    given: Message | readonly Message[],
    { generateIds = true, ...options }: PublishOptions = {},
  ): Promise<Published | Published[]> {
    const isList = Array.isArray(given)
    const messages: readonly Message[] = isList ? given : [given as Message]
    const prepared = prepare(this.#calls, messages, generateIds)
    const isSafe = generateIds || messages.every(({ id }) => id !== undefined)
    const { results } = await publishLines(this.#calls, topic, prepared, isSafe ? 'always' : 'unless-sent', options)
    return isList ? results : results[0]
  }

  /** A publisher for many messages: few requests, bounded memory, each message published once over any number of repetitions. */
  publisher(topic: string, options: PublisherOptions = {}): Publisher {
    return new Publisher(this.#calls, topic, options)
  }

  /** Starts a consumer. The group is created by its first call if it does not exist. */
  consume<V = unknown>(topic: string, group: string, handler: Handler<V>, options: ConsumerOptions = {}): Consumer<V> {
    return new Consumer(this.group(topic, group), handler, options, this.#surroundings)
  }

  /** One group: settings, place, acquire and acknowledge. Asks nothing by itself. */
  group(topic: string, group: string): Group {
    return new Group(this.#calls, topic, group)
  }

  /** The delayed messages of a topic. Asks nothing by itself. */
  delayed(topic: string): DelayedMessages {
    return new DelayedMessages(this.#calls, topic)
  }

  /** The dead letters of a group. Asks nothing by itself. */
  deadLetters(topic: string, group: string): DeadLetters {
    return new DeadLetters(this.#calls, topic, group)
  }

  /** How many delayed messages fall due in each second or minute ahead. */
  forecast(options?: ForecastOptions): Promise<Forecast> {
    return forecast(this.#calls, options)
  }

  /** Where a message is, what happened to it, what comes next, and why not yet. */
  explain(topic: string, message: MessageName, options?: CallOptions & { group?: string }): Promise<Explanation> {
    return explain(this.#calls, topic, message, options)
  }

  /** Whether the service is ready; one that is not, but answers, is no error. */
  ready(options?: CallOptions): Promise<Readiness> {
    return readiness(this.#calls, options)
  }

  /** The counters, in Prometheus' text form. */
  metrics(options?: CallOptions): Promise<string> {
    return this.#calls.text({ method: 'GET', path: '/metrics', repeat: 'always', options })
  }

  /** Closes the connections: calls under way end with CONNECTION_LOST, later ones with CLIENT_CLOSED. */
  close(): void {
    this.#calls.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }
}

function urlOf(given: string | URL): URL {
  const url = URL.parse(String(given))
  if (url !== null && /^https?:$/.test(url.protocol) && url.username === '' && url.search === '' && url.hash === '')
    return url
  const sentence = `${JSON.stringify(String(given))} is no address of a service: give http://host:port or https://host:port.`
  throw new CallError({ code: 'INVALID_ARGUMENT', sentence })
}

function tokenOf(token: string | undefined): string | undefined {
  if (token === undefined || /^[\x21-\x7e]+$/.test(token)) return token
  const sentence = 'The token has characters that no token has: a blank or a line end at its end, perhaps.'
  throw new CallError({ code: 'INVALID_ARGUMENT', sentence })
}
