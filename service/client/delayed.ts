// The delayed messages of a topic: looked up, cancelled, moved, let go, listed.

import { type CallOptions, type Calls, segment } from './calls.ts'
import { type Content, type Duration, type Time, timeOf } from './message.ts'
import { allOf } from './pages.ts'

/** Where a delayed message is. */
export interface DelayedState {
  id: string
  state: 'pending' | 'dispatched' | 'cancelled'
  dueAt?: string
  dueAtMs?: number
  /** Of a dispatched one: where it lies in its topic. */
  partition?: number
  offset?: number
}

/** A delayed message that is pending. */
export interface DelayedMessage<V = unknown> extends Content<V> {
  id: string
  dueAt: string
  dueAtMs: number
  /** If one was chosen. */
  partition?: number
}

export interface DelayedListOptions extends CallOptions {
  /** Due at or after. */
  from?: Time
  /** Due before. */
  to?: Time
  /** Messages of one page, 1 to 1,000; 100 when absent. */
  pageSize?: number
}

/** Made by DwellClient.delayed(). Each method throws CallError (`MESSAGE_NOT_FOUND`, `ALREADY_DISPATCHED` …). */
export class DelayedMessages {
  readonly #calls: Calls
  readonly #path: string

  constructor(calls: Calls, topic: string) {
    this.#calls = calls
    this.#path = `/v1/topics/${segment(topic)}/delayed`
  }

  /** Where it is. `MESSAGE_NOT_FOUND` when it was never there, or is forgotten since. */
  get(id: string, options?: CallOptions): Promise<DelayedState> {
    return this.#calls.json({ method: 'GET', path: this.#of(id), repeat: 'always', options })
  }

  /** It does not arrive. @throws CallError ALREADY_DISPATCHED when it is too late */
  async cancel(id: string, options?: CallOptions): Promise<void> {
    await this.#calls.json({ method: 'DELETE', path: this.#of(id), repeat: 'always', options })
  }

  /** Moves it; the id stays. Exactly one of the two is given. */
  reschedule(id: string, due: { delay: Duration } | { deliverAt: Time }, options?: CallOptions): Promise<DelayedState> {
    const body = 'delay' in due ? { delay: due.delay } : { deliverAt: timeOf(due.deliverAt) }
    return this.#calls.json({ method: 'PATCH', path: this.#of(id), body, repeat: 'always', options })
  }

  /** Now instead of then. */
  dispatch(id: string, options?: CallOptions): Promise<DelayedState> {
    return this.#calls.json({ method: 'POST', path: `${this.#of(id)}/dispatch`, repeat: 'always', options })
  }

  /** Those that are pending, in order of due time. */
  list<V = unknown>({
    from,
    to,
    pageSize,
    ...options
  }: DelayedListOptions = {}): AsyncGenerator<DelayedMessage<V>, void> {
    const bounds = { from: from && timeOf(from), to: to && timeOf(to), limit: pageSize }
    return allOf(async (after) => {
      const call = { method: 'GET', path: this.#path, query: { ...bounds, after }, repeat: 'always', options } as const
      const page = await this.#calls.json<{ messages: DelayedMessage<V>[]; after: string | null }>(call)
      return { items: page.messages, after: page.after }
    })
  }

  #of(id: string): string {
    return `${this.#path}/${segment(id)}`
  }
}
