// Calls of the service: JSON in and out, problem documents become errors, and what failed is tried again where that does no harm.
//
// Always true:
//   1. A call that may be carried out twice without harm (`repeat: 'always'`) is repeated as long as the error says that it may
//      help and `retryForMs` is not over; any other only when it is certain that it was not carried out.
//   2. No two tries of one call run at a time.

import { backoffMs, Stopwatch } from './backoff.ts'
import { CallError } from './call-error.ts'
import type { Exchanges, Incoming } from './exchange.ts'
import { pause, type Surroundings } from './surroundings.ts'
import { type TraceSource, traceFields } from './trace.ts'

/** What every method of the client takes. */
export interface CallOptions {
  /** Ends the call: it rejects with the reason of the signal. */
  signal?: AbortSignal
  /** How long one try may take, until the last byte of the answer; that of the client when absent. */
  timeoutMs?: number
  /** How long to go on trying; 0 for a single try; that of the client when absent. */
  retryForMs?: number
}

export interface Call {
  method: 'GET' | 'PUT' | 'POST' | 'PATCH' | 'DELETE'
  path: string
  query?: Readonly<Record<string, string | number | boolean | undefined>>
  /** Sent as JSON. */
  body?: unknown
  /** Sent as it is, instead of `body`. */
  raw?: { bytes: string | Uint8Array; type: string }
  /** Whether it may be carried out twice without harm. */
  repeat: 'always' | 'unless-sent'
  keepBegunAnswer?: boolean
  /** Not to be sent in a trace: it is about what was published in several. */
  isUntraced?: boolean
  /** What is an answer beside those with a status of success. */
  isAnswer?: (incoming: Incoming) => boolean
  options?: CallOptions
}

export interface CallsOptions {
  exchanges: Exchanges
  token?: string
  userAgent: string
  timeoutMs: number
  retryForMs: number
  surroundings: Surroundings
  trace?: TraceSource
}

export interface Answered {
  incoming: Incoming
  /** How many tries it took. */
  tries: number
}

export class Calls {
  readonly #options: CallsOptions
  readonly #closing = new AbortController()

  constructor(options: CallsOptions) {
    this.#options = options
  }

  get surroundings(): Surroundings {
    return this.#options.surroundings
  }

  /** How long one try may take when a call says nothing. */
  get timeoutMs(): number {
    return this.#options.timeoutMs
  }

  /** The trace of whoever calls, as fields of a header. */
  trace(): Record<string, string> | undefined {
    return traceFields(this.#options.trace)
  }

  /** The answer's JSON; undefined when it has no body. @throws CallError, or the reason of the signal */
  async json<T>(call: Call): Promise<T> {
    const { incoming } = await this.answered(call)
    return jsonOf(incoming) as T
  }

  /** The answer as text. @throws CallError, or the reason of the signal */
  async text(call: Call): Promise<string> {
    return (await this.answered(call)).incoming.text
  }

  /** @throws CallError, or the reason of the signal */
  async answered(call: Call): Promise<Answered> {
    const { surroundings } = this.#options
    const { retryForMs = this.#options.retryForMs, signal } = call.options ?? {}
    const watch = new Stopwatch(surroundings)
    const trace = call.isUntraced ? undefined : this.trace()
    for (let tries = 1; ; tries++) {
      try {
        return { incoming: await this.#once(call, trace), tries }
      } catch (error) {
        if (!(error instanceof CallError) || !error.retryable || this.#closing.signal.aborted) throw error
        if (call.repeat === 'unless-sent' && !error.harmless) throw error
        const waitMs = backoffMs(surroundings, tries, error.retryAfterMs)
        if (watch.elapsedMs() + waitMs > retryForMs) throw error
        const closing = this.#closing.signal
        await pause(surroundings, waitMs, signal === undefined ? closing : AbortSignal.any([signal, closing]))
        // It was suspended meanwhile: the window in which a repetition is known may be over.
        if (watch.elapsedMs() > retryForMs) throw error
      }
    }
  }

  close(): void {
    this.#closing.abort(closed())
    this.#options.exchanges.close()
  }

  async #once(
    { method, path, query, body, raw, options, keepBegunAnswer, isAnswer }: Call,
    trace: Record<string, string> | undefined,
  ): Promise<Incoming> {
    const { exchanges, token, userAgent, timeoutMs } = this.#options
    if (this.#closing.signal.aborted) throw closed()
    const headers: Record<string, string> = { accept: 'application/json', 'user-agent': userAgent, ...trace }
    if (token !== undefined) headers.authorization = `Bearer ${token}`
    if (raw !== undefined) headers['content-type'] = raw.type
    else if (body !== undefined) headers['content-type'] = 'application/json'
    const incoming = await exchanges.run({
      method,
      path: path + queryOf(query),
      headers,
      body: raw?.bytes ?? (body === undefined ? undefined : encode(body)),
      timeoutMs: options?.timeoutMs ?? timeoutMs,
      signal: options?.signal,
      keepBegunAnswer,
    })
    if ((incoming.status >= 200 && incoming.status < 300) || isAnswer?.(incoming)) return incoming
    throw refusalOf(incoming)
  }
}

/** A part of a path: names and ids of users are put in as they are. */
export function segment(text: string): string {
  return encodeURIComponent(text).replace(/^\.+$/, (dots) => dots.replaceAll('.', '%2E'))
}

/** JSON as it is sent. @throws CallError INVALID_ARGUMENT for what JSON cannot say */
export function encode(value: unknown): string {
  try {
    const text = JSON.stringify(value)
    if (text !== undefined) return text
    throw new TypeError('undefined is no JSON')
  } catch (error) {
    const sentence = `This cannot be sent as JSON: ${(error as Error).message.split('\n')[0]}.`
    throw new CallError({ code: 'INVALID_ARGUMENT', sentence, cause: error })
  }
}

function closed(): CallError {
  return new CallError({ code: 'CLIENT_CLOSED', sentence: 'The client is closed.' })
}

function queryOf(query: Call['query'] = {}): string {
  const pairs = Object.entries(query)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(String(value))}`)
  return pairs.length === 0 ? '' : `?${pairs.join('&')}`
}

/** @throws CallError ANSWER_UNREADABLE */
export function jsonOf({ status, text }: Incoming): unknown {
  if (text === '') return undefined
  try {
    return JSON.parse(text)
  } catch (cause) {
    const sentence = `The answer (status ${status}) is no JSON: something else than Dwell is at this address.`
    throw new CallError({ code: 'ANSWER_UNREADABLE', sentence, status, sent: true, cause })
  }
}

function refusalOf(incoming: Incoming): CallError {
  const { status, headers } = incoming
  const retryAfterMs = Number(headers['retry-after']) * 1000 || undefined
  let document: unknown
  try {
    document = JSON.parse(incoming.text)
  } catch {
    document = undefined
  }
  if (typeof document === 'object' && document !== null && 'code' in document && typeof document.code === 'string') {
    const { code, detail, type: _type, title: _title, status: _status, ...fields } = document as Record<string, unknown>
    return new CallError({ code: String(code), sentence: String(detail ?? code), status, fields, retryAfterMs })
  }
  const sentence = `The answer has the status ${status} and is no problem document: something else than Dwell, a proxy perhaps, answered.`
  return new CallError({ code: 'ANSWER_UNREADABLE', sentence, status, retryAfterMs, sent: true })
}
