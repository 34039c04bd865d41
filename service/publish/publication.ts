// One request to publish, on its way: its messages as appends, and the offsets of those appends as its results.
//
// A message takes one of four ways: into the log at once, into `__delay`, or nowhere, since its id was published before,
// earlier or in the same request.

import { type Append, type LogRecord, partitionOfKey, type TopicDescription } from '../../storage/index.ts'
import { type DelayedRecord, ID_PLACEHOLDER } from '../../timewheel/index.ts'
import type { IdEntry } from './id-entry.ts'
import { bodyOf, type Message } from './message.ts'

/** What became of one message. */
export type Published =
  | { kind: 'now'; partition: number; offset: number; duplicate: boolean }
  /** `state` is set where the message of the same id was cancelled: it will not come, whoever publishes it again. */
  | { kind: 'delayed'; dueAtMs: number; delayOffset: number; duplicate: boolean; state?: 'cancelled' }

type Way =
  | { to: 'log'; append: number; index: number }
  | { to: 'delay'; index: number }
  | { to: 'nowhere'; earlier: IdEntry }
  | { to: 'nowhere'; sameAs: number }

export interface PublicationOptions {
  topic: TopicDescription
  messages: readonly Message[]
  timestampMs: number
  /** What is known of an id. */
  find(id: string): IdEntry | undefined
  /** A partition for messages without a key; asked at most once. */
  turn(): number
}

export class Publication {
  readonly #options: PublicationOptions
  readonly #ways: Way[] = []
  readonly #appends: { topic: string; partition: number; records: LogRecord[] }[] = []
  readonly #appendOf: number[] = []
  /** The index of the message that is the first with this id. */
  #firsts: Map<string, number> | undefined
  #keyless = -1
  /** Those for `__delay`. */
  readonly delayed: DelayedRecord[] = []
  /** Of all record bodies. */
  bytes = 0

  constructor(options: PublicationOptions) {
    this.#options = options
    const { messages } = options
    for (let i = 0; i < messages.length; i++) this.#ways.push(this.#wayOf(messages[i], i))
  }

  /** Those for the partitions of the topic. `__delay` comes behind them in the request's append, `__ids` last. */
  get appends(): readonly Append[] {
    return this.#appends
  }

  /** The ids that are published by this request, in order. */
  get ids(): string[] {
    return this.#firsts === undefined ? [] : [...this.#firsts.keys()]
  }

  /** What is to be remembered of `ids`, when the base offsets of the appends before that to `__ids` are known. */
  entries(baseOffsets: readonly number[]): IdEntry[] {
    const { messages, timestampMs: atMs } = this.#options
    return [...(this.#firsts?.values() ?? [])].map((i) => {
      const published = this.#result(i, baseOffsets)
      if (published.kind === 'now') {
        const { partition, offset } = published
        return { state: 'published', atMs, dueAtMs: 0, delayOffset: 0, partition, offset }
      }
      const { dueAtMs } = messages[i]
      const { delayOffset } = published
      return { state: 'pending', atMs, dueAtMs, delayOffset, partition: 0, offset: 0, recordBytes: this.#bytesOf(i) }
    })
  }

  /** One result a message, in order. */
  results(baseOffsets: readonly number[]): Published[] {
    const results: Published[] = new Array(this.#ways.length)
    for (let i = 0; i < results.length; i++) results[i] = this.#result(i, baseOffsets)
    return results
  }

  #result(i: number, baseOffsets: readonly number[]): Published {
    const way = this.#ways[i]
    if (way.to === 'log') {
      const { partition } = this.#appends[way.append]
      return { kind: 'now', partition, offset: baseOffsets[way.append] + way.index, duplicate: false }
    }
    if (way.to === 'delay') {
      const delayOffset = baseOffsets[this.#appends.length] + way.index
      return { kind: 'delayed', dueAtMs: this.#options.messages[i].dueAtMs, delayOffset, duplicate: false }
    }
    if ('sameAs' in way) return { ...this.#result(way.sameAs, baseOffsets), duplicate: true }
    const { state, dueAtMs, delayOffset, partition, offset } = way.earlier
    if (state === 'published') return { kind: 'now', partition, offset, duplicate: true }
    const duplicate = { kind: 'delayed', dueAtMs, delayOffset, duplicate: true } as const
    return state === 'cancelled' ? { ...duplicate, state } : duplicate
  }

  /** Of the record that a delayed message becomes. */
  #bytesOf(i: number): number {
    const way = this.#ways[i]
    return way.to === 'delay' ? this.delayed[way.index].body.length : 0
  }

  #wayOf(message: Message, i: number): Way {
    const { topic, find } = this.#options
    const { id, dueAtMs } = message
    if (id !== '') {
      const earlier = find(id)
      if (earlier !== undefined) return { to: 'nowhere', earlier }
      const sameAs = this.#firsts?.get(id)
      if (sameAs !== undefined) return { to: 'nowhere', sameAs }
      this.#firsts ??= new Map()
      this.#firsts.set(id, i)
    }
    if (dueAtMs === 0) return this.#toLog(message)
    const fillId = id === ''
    const body = bodyOf(message, fillId ? ID_PLACEHOLDER : Buffer.from(id))
    this.bytes += body.length
    const partition = message.partition < 0 ? undefined : message.partition
    const ownId = fillId ? undefined : id
    return { to: 'delay', index: this.delayed.push({ topic: topic.name, partition, dueAtMs, body, ownId, fillId }) - 1 }
  }

  #toLog(message: Message): Way {
    const { topic, timestampMs } = this.#options
    const body = bodyOf(message, message.id === '' ? undefined : Buffer.from(message.id))
    this.bytes += body.length
    const partition = this.#partitionOf(message)
    const append = (this.#appendOf[partition] ??= this.#appends.push({ topic: topic.name, partition, records: [] }) - 1)
    return { to: 'log', append, index: this.#appends[append].records.push({ timestampMs, body }) - 1 }
  }

  #partitionOf({ partition, key }: Message): number {
    const { topic, turn } = this.#options
    if (partition >= 0) return partition
    if (key !== null) return partitionOfKey(key, topic.partitions)
    if (this.#keyless < 0) this.#keyless = turn()
    return this.#keyless
  }
}
