// The dead letters of a group: listed, counted, grouped by reason, given back, purged; and the tasks that give them back.

import { type CallOptions, type Calls, segment } from './calls.ts'
import type { Attempt } from './group.ts'
import { type Content, type Time, timeOf } from './message.ts'
import { allOf } from './pages.ts'
import { pause } from './surroundings.ts'

/** All that is given must be true; without anything, all are meant. */
export interface DeadLetterFilter {
  /** Is part of the last reason. */
  reason?: string
  cause?: 'CLIENT_REJECT' | 'DELIVERY_COUNT_EXCEEDED'
  key?: string
  /** When it died: at or after, before. */
  from?: Time
  to?: Time
  [header: `header.${string}`]: string
}

export interface DeadLetter<V = unknown> extends Content<V> {
  /** The place of the original. */
  topic: string
  partition: number
  offset: number
  timestamp: string
  deliveryCount: number
  cause: 'CLIENT_REJECT' | 'DELIVERY_COUNT_EXCEEDED'
  reason: string
  diedAt: string
  attempts: Attempt[]
  /** Where it lies now. */
  deadLetter: { topic: string; partition: number; offset: number }
}

export interface DeathReasons {
  reasons: { cause: string; reason: string; count: number; first: string; last: string }[]
  /** How many died of something that is not listed. */
  others: number
}

/** A task that gives dead letters back. */
export interface Redrive {
  task: string
  topic: string
  group: string
  filter: Record<string, string>
  ratePerSecond: number | null
  state: 'running' | 'done' | 'stopped' | 'failed'
  matched: number
  moved: number
  failed: number
  started: string
  finished: string | null
  reason?: string
}

/** Made by DwellClient.deadLetters(). Each method throws CallError, or the reason of the signal. */
export class DeadLetters {
  readonly #calls: Calls
  readonly #path: string

  constructor(calls: Calls, topic: string, group: string) {
    this.#calls = calls
    this.#path = `/v1/topics/${segment(topic)}/groups/${segment(group)}/dead-letters`
  }

  /** Those that the filter matches; records that die meanwhile come behind those of their partition. */
  list<V = unknown>(
    filter: DeadLetterFilter = {},
    { pageSize, ...options }: CallOptions & { pageSize?: number } = {},
  ): AsyncGenerator<DeadLetter<V>, void> {
    const limits = { ...sent(filter), limit: pageSize }
    return allOf(async (after) => {
      const call = { method: 'GET', path: this.#path, query: { ...limits, after }, repeat: 'always', options } as const
      const page = await this.#calls.json<{ records: DeadLetter<V>[]; after: string | null }>(call)
      return { items: page.records, after: page.after }
    })
  }

  /** How many the filter matches. */
  async count(filter: DeadLetterFilter = {}, options?: CallOptions): Promise<number> {
    const call = { method: 'GET', path: `${this.#path}/count`, query: sent(filter), repeat: 'always', options } as const
    return (await this.#calls.json<{ count: number }>(call)).count
  }

  /** The thousand most frequent. */
  reasons(filter: DeadLetterFilter = {}, options?: CallOptions): Promise<DeathReasons> {
    return this.#calls.json({
      method: 'GET',
      path: `${this.#path}/reasons`,
      query: sent(filter),
      repeat: 'always',
      options,
    })
  }

  /** Begins to give dead letters back to their group; answers the name of the task. */
  async redrive(
    { filter = {}, ratePerSecond }: { filter?: DeadLetterFilter; ratePerSecond?: number } = {},
    options?: CallOptions,
  ): Promise<string> {
    const body = { filter: sent(filter), ratePerSecond }
    const call = { method: 'POST', path: `${this.#path}/redrive`, body, repeat: 'unless-sent', options } as const
    return (await this.#calls.json<{ task: string }>(call)).task
  }

  /** Removes dead letters for ever; answers how many. */
  async purge(filter: DeadLetterFilter = {}, options?: CallOptions): Promise<number> {
    const body = { filter: sent(filter) }
    const call = { method: 'POST', path: `${this.#path}/purge`, body, repeat: 'unless-sent', options } as const
    return (await this.#calls.json<{ count: number }>(call)).count
  }
}

export interface RedriveWaitOptions extends CallOptions {
  /** Told each time that the task was looked at. */
  onProgress?: (redrive: Redrive) => void
  /** Between two looks; 1,000 when absent. */
  everyMs?: number
}

/** DwellClient.redrives. Each method throws CallError, or the reason of the signal. */
export class Redrives {
  readonly #calls: Calls

  constructor(calls: Calls) {
    this.#calls = calls
  }

  /** The newest first. */
  async list(options?: CallOptions): Promise<Redrive[]> {
    const call = { method: 'GET', path: '/v1/redrives', repeat: 'always', options } as const
    return (await this.#calls.json<{ redrives: Redrive[] }>(call)).redrives
  }

  /** `REDRIVE_NOT_FOUND` for one that is not known any more. */
  get(task: string, options?: CallOptions): Promise<Redrive> {
    return this.#calls.json({ method: 'GET', path: `/v1/redrives/${segment(task)}`, repeat: 'always', options })
  }

  /** Stops a task; what was moved stays moved. */
  stop(task: string, options?: CallOptions): Promise<Redrive> {
    return this.#calls.json({ method: 'POST', path: `/v1/redrives/${segment(task)}/stop`, repeat: 'always', options })
  }

  /** Resolves with the task when it runs no more. */
  async wait(task: string, { onProgress, everyMs = 1_000, ...options }: RedriveWaitOptions = {}): Promise<Redrive> {
    for (;;) {
      const redrive = await this.get(task, options)
      onProgress?.(redrive)
      if (redrive.state !== 'running') return redrive
      await pause(this.#calls.surroundings, everyMs, options.signal)
    }
  }
}

function sent({ from, to, ...rest }: DeadLetterFilter): Record<string, string | number | undefined> {
  return { ...rest, from: from && timeOf(from), to: to && timeOf(to) }
}
