// One group of a topic: its settings, what it has to do, and acquire and acknowledge as they are. A Consumer does those two with
// concurrency, renewals and a graceful stop.

import { type CallOptions, type Calls, segment } from './calls.ts'
import { type Content, type Duration, type Time, timeOf } from './message.ts'

/** One delivery that failed. */
export interface Attempt {
  /** RFC 3339. */
  at: string
  /** `CLIENT_RELEASE`, `CLIENT_REJECT`, `LOCK_EXPIRED` … */
  cause: string
  reason: string
}

/** A record that was handed out under a lock. */
export interface AcquiredRecord<V = unknown> extends Content<V> {
  /** What acknowledges it. */
  receipt: string
  topic: string
  partition: number
  offset: number
  /** RFC 3339. */
  timestamp: string
  /** 1 at the first delivery. */
  deliveryCount: number
  lockedUntil: string
  /** Those before, oldest first. */
  attempts?: Attempt[]
}

/** What acquire() answers: at most as many records as were asked for, fewer also while there are more. */
export interface Acquired<V = unknown> {
  records: AcquiredRecord<V>[]
  /** The wait ended in a pause of the group. */
  paused?: true
  reason?: string
  since?: string
}

/** What is to become of an acquired record; `renew` gives more time. */
export type Acknowledgement =
  | { receipt: string; type: 'accept' }
  | { receipt: string; type: 'release'; delay?: Duration; reason?: string }
  | { receipt: string; type: 'reject'; reason?: string }
  | { receipt: string; type: 'renew'; lock?: Duration }

/** What became of it. */
export type AcknowledgeResult =
  | { state: 'acknowledged' }
  | { state: 'retrying'; dueAt: string; dueAtMs: number; tier: string }
  | { state: 'dead' }
  | { state: 'acquired'; lockedUntil: string }
  /** The receipt is not valid any more: its lock is over, or it was acknowledged before. */
  | { state: 'invalid'; code: string }

/** An endpoint that records are pushed to; see docs/push.md. */
export interface PushSettings {
  url?: string
  concurrency?: number
  timeout?: Duration
  /** Pushes a second; null for as many as go. */
  rate?: number | null
  pauseAfter?: number
  headers?: Record<string, string>
  secret?: string | string[] | null
}

/** What is given changes, the rest stays. docs/groups.md tells what each means. */
export interface GroupChange {
  retry?: Duration[] | { first: Duration; factor: number; count: number; max?: Duration } | 'standard-webhooks'
  jitter?: number
  lock?: Duration
  maxInFlight?: number
  order?: 'none' | 'key'
  start?: 'earliest' | 'latest'
  deadLetters?: { perMinuteMax?: number | null; retention?: Duration | null }
  push?: PushSettings | null
}

/** A group as it is set. */
export interface GroupSettings {
  topic: string
  group: string
  retry: string[]
  jitter: number
  lock: string
  maxInFlight: number
  order: 'none' | 'key'
  start: 'earliest' | 'latest'
  paused?: { since: string; reason: string }
  deadLetters: { perMinuteMax: number | null; retention: string | null }
  push?: {
    url: string
    concurrency: number
    timeout: string
    rate?: number
    pauseAfter: number
    headers: Record<string, string>
    secret: string
    paused?: { since: string; reason: string }
  }
}

/** Where a group stands in one partition of its topic. */
export interface GroupPartition {
  partition: number
  startOffset: number
  endOffset: number
  /** Records that are not finished: `endOffset` minus `startOffset`, and what is finished in between. */
  lag: number
  inFlight: number
  /** How many wait for their retry, by tier. */
  waiting: Record<string, number>
  dead: number
}

export interface GroupDescription extends GroupSettings {
  partitions: GroupPartition[]
  lanes: {
    tier: string
    topic: string
    waiting: number
    oldestAt?: string
    oldestAtMs?: number
    oldestAgeMs?: number
  }[]
}

/** What there is to do, for an autoscaler. */
export interface Scale {
  ready: number
  inFlight: number
  dueSoon: number
  paused?: true
  approximate?: true
}

export interface AcquireOptions extends CallOptions {
  /** 1 to 10,000; 100 when absent. */
  max?: number
  /** How long to wait when there is nothing, up to 5 minutes; not at all when absent. */
  waitMs?: number
  /** That of the group when absent. */
  lockMs?: number
}

/** Made by DwellClient.group(). Each method throws CallError, or the reason of the signal. */
export class Group {
  readonly topic: string
  readonly group: string
  readonly #calls: Calls
  readonly #path: string

  constructor(calls: Calls, topic: string, group: string) {
    this.topic = topic
    this.group = group
    this.#calls = calls
    this.#path = `/v1/topics/${segment(topic)}/groups/${segment(group)}`
  }

  /** Takes records under a lock. An answer that is lost leaves them locked until their lock is over. */
  acquire<V = unknown>({ max, waitMs, lockMs, ...options }: AcquireOptions = {}): Promise<Acquired<V>> {
    const timeoutMs = options.timeoutMs ?? (waitMs ?? 0) + this.#calls.timeoutMs
    const body = { max, wait: waitMs, lock: lockMs }
    const path = `${this.#path}/acquire`
    return this.#calls.json({
      method: 'POST',
      path,
      body,
      repeat: 'always',
      keepBegunAnswer: true,
      options: { ...options, timeoutMs },
    })
  }

  /** Says what became of records, 1 to 10,000; the results in their order. Harmless when repeated. */
  async acknowledge(acknowledgements: readonly Acknowledgement[], options?: CallOptions): Promise<AcknowledgeResult[]> {
    const path = `${this.#path}/acknowledge`
    const call = { method: 'POST', path, body: { acknowledgements }, repeat: 'always', options } as const
    return (await this.#calls.json<{ results: AcknowledgeResult[] }>(call)).results
  }

  /** Settings, where it stands in each partition, what waits in each lane. `GROUP_NOT_FOUND` for one that was never asked for. */
  describe(options?: CallOptions): Promise<GroupDescription> {
    return this.#calls.json({ method: 'GET', path: this.#path, repeat: 'always', options })
  }

  /** Creates the group, or changes what is given. */
  put(change: GroupChange, options?: CallOptions): Promise<GroupSettings> {
    return this.#calls.json({ method: 'PUT', path: this.#path, body: change, repeat: 'always', options })
  }

  /** Moves the group to another place of the log. Receipts of its topic become void; only `latest` gives up what waits in tiers. */
  reset(to: 'earliest' | 'latest' | Time, options?: CallOptions): Promise<GroupDescription> {
    const path = `${this.#path}/reset`
    return this.#calls.json({ method: 'POST', path, body: { to: timeOf(to) }, repeat: 'always', options })
  }

  /** Hands nothing out until resume(). */
  pause(reason?: string, options?: CallOptions): Promise<GroupDescription> {
    return this.#calls.json({
      method: 'POST',
      path: `${this.#path}/pause`,
      body: { reason },
      repeat: 'always',
      options,
    })
  }

  /** Goes on after a pause, that of a flood of dead letters too. */
  resume(options?: CallOptions): Promise<GroupDescription> {
    return this.#calls.json({ method: 'POST', path: `${this.#path}/resume`, repeat: 'always', options })
  }

  /** Forgets the group, with where it stands and what waits for its retry. */
  delete(options?: CallOptions): Promise<void> {
    return this.#calls.json({ method: 'DELETE', path: this.#path, repeat: 'always', options })
  }

  /** How much there is to do; `within` is how far ahead `dueSoon` looks, 30 s when absent. */
  scale({ within, ...options }: CallOptions & { within?: Duration } = {}): Promise<Scale> {
    return this.#calls.json({
      method: 'GET',
      path: `${this.#path}/scale`,
      query: { within },
      repeat: 'always',
      options,
    })
  }
}
