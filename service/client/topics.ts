// Topics: created, changed, described, listed, deleted, read as they are.

import { type CallOptions, type Calls, segment } from './calls.ts'
import type { GroupSettings } from './group.ts'
import type { Content, Duration } from './message.ts'

/** What is given changes, the rest stays; partitions can grow, not shrink. */
export interface TopicChange {
  partitions?: number
  /** null keeps records for ever. */
  retention?: Duration | null
  retentionBytes?: number | null
  cleanup?: 'delete' | 'compact'
}

interface TopicSettings {
  topic: string
  retention: string | null
  retentionBytes: number | null
  cleanup: 'delete' | 'compact'
}

export interface TopicSummary extends TopicSettings {
  partitions: number
}

export interface TopicPartition {
  partition: number
  logStartOffset: number
  highWatermark: number
  logEndOffset: number
  sizeBytes: number
}

export interface TopicDescription extends TopicSettings {
  partitions: TopicPartition[]
}

export interface LogRecord<V = unknown> extends Content<V> {
  offset: number
  timestamp: string
}

export interface RecordsPage<V = unknown> {
  records: LogRecord<V>[]
  /** Where to read on. */
  nextOffset: number
  highWatermark: number
}

export interface RecordsOptions extends CallOptions {
  /** A number, `earliest` (when absent), `latest`, or a time as `@2026-11-20T10:00:00Z`. */
  offset?: number | string
  /** 1 to 10,000; 100 when absent. */
  limit?: number
}

/** DwellClient.topics. Each method throws CallError (`TOPIC_NOT_FOUND` …), or the reason of the signal. */
export class Topics {
  readonly #calls: Calls

  constructor(calls: Calls) {
    this.#calls = calls
  }

  /** Those that the token may see. */
  async list(options?: CallOptions): Promise<TopicSummary[]> {
    const call = { method: 'GET', path: '/v1/topics', repeat: 'always', options } as const
    return (await this.#calls.json<{ topics: TopicSummary[] }>(call)).topics
  }

  /** Settings and the places of each partition. */
  get(topic: string, options?: CallOptions): Promise<TopicDescription> {
    return this.#calls.json({ method: 'GET', path: pathOf(topic), repeat: 'always', options })
  }

  /** Creates the topic, or changes what is given. */
  put(topic: string, change: TopicChange = {}, options?: CallOptions): Promise<TopicDescription> {
    return this.#calls.json({ method: 'PUT', path: pathOf(topic), body: change, repeat: 'always', options })
  }

  /** Deletes the topic with all of its records and groups. */
  delete(topic: string, options?: CallOptions): Promise<void> {
    return this.#calls.json({ method: 'DELETE', path: pathOf(topic), repeat: 'always', options })
  }

  /** Reads a partition as it lies in the log, whatever groups do with it. */
  records<V = unknown>(
    topic: string,
    partition: number,
    { offset, limit, ...options }: RecordsOptions = {},
  ): Promise<RecordsPage<V>> {
    const path = `${pathOf(topic)}/partitions/${partition}/records`
    return this.#calls.json({ method: 'GET', path, query: { offset, limit }, repeat: 'always', options })
  }

  /** The groups of a topic, by their settings. */
  async groups(topic: string, options?: CallOptions): Promise<GroupSettings[]> {
    const call = { method: 'GET', path: `${pathOf(topic)}/groups`, repeat: 'always', options } as const
    return (await this.#calls.json<{ groups: GroupSettings[] }>(call)).groups
  }
}

function pathOf(topic: string): string {
  return `/v1/topics/${segment(topic)}`
}
