// Publishing: all messages of a request become one atomic append, in the log for those to be published at once, in
// `__delay` for the others, with what `__ids` is to remember of them.
//
// Always true:
//   1. Nothing is appended, and no topic created, before every message of the request was found valid.
//   2. Messages without a key of one request go to one partition, in their order; requests take turns.
//   3. A message's offset, and the id that the server gives it, are known when the append is durable.
//   4. What waits to become durable is bounded in bytes; beyond that publishing is refused, not queued.

import {
  type Append,
  DwellError,
  type LogEngine,
  type LogRecord,
  partitionOfKey,
  RoundRobin,
  type TopicDescription,
} from '../../storage/index.ts'
import { type DelayedRecord, ID_PLACEHOLDER, type Wheel } from '../../timewheel/index.ts'
import type { Topics } from '../topics.ts'
import type { IdEntry } from './id-entry.ts'
import type { Claim, Ids } from './ids.ts'
import { bodyOf, type Message } from './message.ts'

export interface PublisherOptions {
  engine: LogEngine
  topics: Topics
  ids: Ids
  wheel: Pick<Wheel, 'append' | 'lookUp'>
  hand: { nowMs(): number }
  waitingBytesMax: number
}

/** What became of one message. */
export type Published =
  | { kind: 'now'; partition: number; offset: number; duplicate: boolean }
  | { kind: 'delayed'; dueAtMs: number; delayOffset: number; duplicate: boolean }

/** Where a message of the request will be: in which append, at which place, or which entry was there before it. */
interface Slot {
  append: number
  index: number
  earlier: IdEntry | undefined
  /** The message of the same request that has the same id and came first; -1 when there is none. */
  sameAs: number
}

export class Publisher {
  readonly #options: PublisherOptions
  readonly #turns = new RoundRobin()
  #waitingBytes = 0
  readonly #counts = { now: 0, delayed: 0, duplicates: 0, overloaded: 0 }

  constructor(options: PublisherOptions) {
    this.#options = options
  }

  stats(): { now: number; delayed: number; duplicates: number; overloaded: number; waitingBytes: number } {
    return { ...this.#counts, waitingBytes: this.#waitingBytes }
  }

  /**
   * Publishes all of `messages` or none; resolves with one result each when they are durable.
   * @throws TOPIC_NOT_FOUND, PARTITION_NOT_FOUND, OVERLOADED, APPEND_TOO_LARGE, INVALID_NAME
   */
  async publish(topicName: string, messages: readonly Message[]): Promise<Published[]> {
    this.#checkPartitions(topicName, messages)
    const topic = this.#options.topics.find(topicName) ?? (await this.#options.topics.ensure(topicName))
    const ids = ownIdsOf(messages)
    if (ids === undefined) return this.#append(topic, messages, undefined)
    return this.#appendWithIds(topic, messages, ids)
  }

  #checkPartitions(topicName: string, messages: readonly Message[]): void {
    const partitions = this.#options.topics.partitionsOf(topicName)
    for (let i = 0; i < messages.length; i++) {
      const { partition } = messages[i]
      if (partition < partitions) continue
      const sentence = `The topic ${topicName} has ${partitions} partitions; there is no partition ${partition}.`
      throw new DwellError('PARTITION_NOT_FOUND', sentence, { field: 'partition', limit: partitions - 1, index: i })
    }
  }

  /** Publishes messages some of which have ids of their own: those known already change nothing. */
  async #appendWithIds(topic: TopicDescription, messages: readonly Message[], own: string[]): Promise<Published[]> {
    const { ids } = this.#options
    await this.#settleDoubtful(topic, own)
    for (let other: Claim | undefined; (other = ids.claimed(topic.id, own)) !== undefined; ) {
      await other.settled.catch(() => {})
    }
    const done = Promise.withResolvers<void>()
    done.promise.catch(() => {})
    const fresh = own.filter((id) => ids.find(topic.id, id) === undefined)
    const claim = ids.claim(topic.id, fresh, done.promise)
    try {
      return await this.#append(topic, messages, claim)
    } finally {
      ids.release(claim)
      done.resolve()
    }
  }

  async #settleDoubtful(topic: TopicDescription, own: readonly string[]): Promise<void> {
    const { ids, wheel } = this.#options
    for (const id of own) {
      const entry = ids.find(topic.id, id)
      if (entry === undefined || !ids.isDoubtful(entry)) continue
      const { state } = await wheel.lookUp(topic.name, { dueAtMs: entry.dueAtMs, offset: entry.delayOffset })
      await ids.caughtUp()
      if (state !== 'pending' && ids.find(topic.id, id)?.state === 'pending') {
        await ids.cancelled(topic.id, id, entry, entry.dueAtMs)
      }
    }
  }

  async #append(topic: TopicDescription, messages: readonly Message[], claim: Claim | undefined): Promise<Published[]> {
    const { engine, wheel, ids } = this.#options
    const slots: Slot[] = new Array(messages.length)
    const appends: (Append & { records: LogRecord[] })[] = []
    const delayed: DelayedRecord[] = []
    const firsts = new Map<string, number>()
    const byPartition: number[] = []
    const timestampMs = this.#options.hand.nowMs()
    let keyless = -1
    let bytes = 0
    for (let i = 0; i < messages.length; i++) {
      const message = messages[i]
      if (message.id !== '') {
        const earlier = ids.find(topic.id, message.id)
        const sameAs = firsts.get(message.id) ?? -1
        if (earlier !== undefined || sameAs >= 0) {
          slots[i] = { append: -1, index: -1, earlier, sameAs }
          continue
        }
        firsts.set(message.id, i)
      }
      const ownId = message.id === '' ? undefined : message.id
      if (message.dueAtMs > 0) {
        const body = bodyOf(message, ownId === undefined ? ID_PLACEHOLDER : Buffer.from(ownId))
        const partition = message.partition < 0 ? undefined : message.partition
        slots[i] = { append: DELAYED, index: delayed.length, earlier: undefined, sameAs: -1 }
        delayed.push({
          topic: topic.name,
          partition,
          dueAtMs: message.dueAtMs,
          body,
          ownId,
          fillId: ownId === undefined,
        })
        bytes += body.length
        continue
      }
      const body = bodyOf(message, ownId === undefined ? undefined : Buffer.from(ownId))
      let { partition } = message
      if (partition < 0) {
        if (message.key !== null) partition = partitionOfKey(message.key, topic.partitions)
        else partition = keyless < 0 ? (keyless = this.#turns.next(topic.name, topic.partitions)) : keyless
      }
      const append = (byPartition[partition] ??= appends.push({ topic: topic.name, partition, records: [] }) - 1)
      slots[i] = {
        append,
        index: appends[append].records.push({ timestampMs, body }) - 1,
        earlier: undefined,
        sameAs: -1,
      }
      bytes += body.length
    }
    const all: Append[] = appends
    if (delayed.length > 0) all.push(wheel.append(delayed))
    const delayedAt = appends.length - (delayed.length > 0 ? 1 : 0)
    let remembered: IdEntry[] = []
    if (firsts.size > 0) {
      const records = (baseOffsets: readonly number[]) => {
        remembered = [...firsts.values()].map((i) =>
          entryOf(messages[i], slots[i], baseOffsets, delayedAt, all, timestampMs),
        )
        return [...firsts.keys()].map((id, n) => ids.record(topic.id, id, remembered[n]))
      }
      all.push(ids.append(records))
    }
    const baseOffsets = all.length === 0 ? [] : await this.#admit(engine, all, bytes)
    if (claim !== undefined && firsts.size > 0) ids.published(claim, baseOffsets[all.length - 1], remembered)
    return this.#results(messages, slots, baseOffsets, delayedAt, all)
  }

  async #admit(engine: LogEngine, appends: readonly Append[], bytes: number): Promise<number[]> {
    const { waitingBytesMax } = this.#options
    if (this.#waitingBytes > 0 && this.#waitingBytes + bytes > waitingBytesMax) {
      this.#counts.overloaded++
      const sentence = `${this.#waitingBytes} bytes wait to be written; at most ${waitingBytesMax} may.`
      throw new DwellError('OVERLOADED', sentence, { limit: waitingBytesMax, retryAfterSeconds: 1 })
    }
    this.#waitingBytes += bytes
    try {
      return await engine.append(appends)
    } finally {
      this.#waitingBytes -= bytes
    }
  }

  #results(
    messages: readonly Message[],
    slots: readonly Slot[],
    baseOffsets: readonly number[],
    delayedAt: number,
    appends: readonly Append[],
  ): Published[] {
    const results: Published[] = new Array(messages.length)
    for (let i = 0; i < messages.length; i++) {
      const { append, index, earlier, sameAs } = slots[i]
      if (sameAs >= 0) results[i] = { ...results[sameAs], duplicate: true }
      else if (earlier !== undefined) results[i] = publishedOf(earlier)
      else if (append === DELAYED) {
        const delayOffset = baseOffsets[delayedAt] + index
        results[i] = { kind: 'delayed', dueAtMs: messages[i].dueAtMs, delayOffset, duplicate: false }
        this.#counts.delayed++
        continue
      } else {
        const offset = baseOffsets[append] + index
        results[i] = { kind: 'now', partition: appends[append].partition, offset, duplicate: false }
        this.#counts.now++
        continue
      }
      this.#counts.duplicates++
    }
    return results
  }
}

/** Stands for the append to `__delay` in a slot. */
const DELAYED = -2

function ownIdsOf(messages: readonly Message[]): string[] | undefined {
  let ids: Set<string> | undefined
  for (let i = 0; i < messages.length; i++) {
    const { id } = messages[i]
    if (id !== '') (ids ??= new Set()).add(id)
  }
  return ids && [...ids]
}

function entryOf(
  { dueAtMs }: Message,
  { append, index }: Slot,
  baseOffsets: readonly number[],
  delayedAt: number,
  appends: readonly Append[],
  atMs: number,
): IdEntry {
  if (append === DELAYED) {
    return { state: 'pending', atMs, dueAtMs, delayOffset: baseOffsets[delayedAt] + index, partition: 0, offset: 0 }
  }
  const { partition } = appends[append]
  return { state: 'published', atMs, dueAtMs: 0, delayOffset: 0, partition, offset: baseOffsets[append] + index }
}

/** The first result of an id that is published again. */
function publishedOf({ state, dueAtMs, delayOffset, partition, offset }: IdEntry): Published {
  if (state === 'published') return { kind: 'now', partition, offset, duplicate: true }
  return { kind: 'delayed', dueAtMs, delayOffset, duplicate: true }
}
