// Publishing: all messages of a request become one atomic append, in the log for those to be published at once, in
// `__delay` for the others, with what `__ids` is to remember of them.
//
// Always true:
//   1. Nothing is appended, and no topic created, before every message of the request was found valid.
//   2. Messages without a key of one request go to one partition, in their order; requests take turns.
//   3. A message's offset, and the id that the server gives it, are known when the append is durable.
//   4. What waits to become durable is bounded in bytes; beyond that publishing is refused, not queued. So it is while the
//      disk is nearly full.
//   5. Delayed messages wait for the wheel when it falls behind: what it has not consumed makes a start longer.

import { DwellError, type LogEngine, RoundRobin, type TopicDescription } from '../../storage/index.ts'
import { parseMessageId, type Wheel } from '../../timewheel/index.ts'
import type { Topics } from '../topics.ts'
import type { IdEntry } from './id-entry.ts'
import type { Claim, Ids } from './ids.ts'
import type { Message } from './message.ts'
import { Publication, type Published } from './publication.ts'

export interface PublisherOptions {
  engine: LogEngine
  topics: Topics
  ids: Ids
  wheel: Pick<Wheel, 'append' | 'lookUp' | 'room'>
  hand: { nowMs(): number }
  /** Throws while there is no room to publish. */
  space: { admit(): void }
  waitingBytesMax: number
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
   * @throws TOPIC_NOT_FOUND, TOPIC_OWNED_BY_GROUP, PARTITION_NOT_FOUND, KEY_REQUIRED, OVERLOADED, DISK_LOW, APPEND_TOO_LARGE, INVALID_NAME
   */
  async publish(topicName: string, messages: readonly Message[]): Promise<Published[]> {
    this.#options.space.admit()
    this.#options.topics.checkNotOwned(topicName)
    this.#checkPartitions(topicName, messages)
    const topic = this.#options.topics.find(topicName) ?? (await this.#options.topics.ensure(topicName))
    if (topic.cleanup === 'compact') checkKeys(topic.name, messages)
    const ids = ownIdsOf(messages)
    const results = ids === undefined ? this.#append(topic, messages) : this.#appendWithIds(topic, messages, ids)
    return this.#count(await results)
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
    const given = await this.#givenByServer(topic, own)
    // Last of all that waits: from here to the claim it is one turn, so nobody claims in between.
    for (let other: Claim | undefined; (other = ids.claimed(topic.id, own)) !== undefined; ) {
      await other.settled.catch(() => {})
    }
    const find = (id: string) => ids.find(topic.id, id) ?? given.get(id)
    const fresh = own.filter((id) => find(id) === undefined)
    const done = Promise.withResolvers<void>()
    const claim = ids.claim(topic.id, fresh, done.promise)
    try {
      return await this.#append(topic, messages, find, claim)
    } finally {
      ids.release(claim)
      done.resolve()
    }
  }

  /** The messages that have one of these ids from the server: nobody else can have it as well. */
  async #givenByServer(topic: TopicDescription, own: readonly string[]): Promise<ReadonlyMap<string, IdEntry>> {
    const { ids, wheel, hand } = this.#options
    const given = new Map<string, IdEntry>()
    for (const id of own) {
      const place = parseMessageId(id)
      if (place === undefined || ids.find(topic.id, id) !== undefined) continue
      const found = await wheel.lookUp(topic.name, place, id)
      if (found.state === 'unknown') continue
      const at = { atMs: hand.nowMs(), delayOffset: place.offset, partition: 0, offset: 0 }
      given.set(id, { ...at, ...found })
    }
    return given
  }

  async #settleDoubtful(topic: TopicDescription, own: readonly string[]): Promise<void> {
    const { ids, wheel } = this.#options
    for (const id of own) {
      const entry = ids.find(topic.id, id)
      if (entry === undefined || !ids.isDoubtful(entry)) continue
      const { state } = await wheel.lookUp(topic.name, { dueAtMs: entry.dueAtMs, offset: entry.delayOffset }, id)
      await ids.caughtUp()
      if (state !== 'pending' && ids.find(topic.id, id)?.state === 'pending') {
        await ids.cancelled(topic.id, id, entry, entry.dueAtMs)
      }
    }
  }

  async #append(
    topic: TopicDescription,
    messages: readonly Message[],
    find: (id: string) => IdEntry | undefined = () => undefined,
    claim?: Claim,
  ): Promise<Published[]> {
    const { engine, wheel, ids, hand } = this.#options
    const publication = new Publication({
      topic,
      messages,
      timestampMs: hand.nowMs(),
      find,
      turn: () => this.#turns.next(topic.name, topic.partitions),
    })
    const appends = publication.appends.slice()
    if (publication.delayed.length > 0) appends.push(wheel.append(publication.delayed))
    let entries: IdEntry[] = []
    const fresh = publication.ids
    if (fresh.length > 0) {
      const records = (baseOffsets: readonly number[]) => {
        entries = publication.entries(baseOffsets)
        return fresh.map((id, i) => ids.record(topic.id, id, entries[i]))
      }
      appends.push(ids.append(records))
    }
    const { bytes } = publication
    this.#admit(bytes)
    let baseOffsets: number[] = []
    try {
      const room = publication.delayed.length > 0 ? wheel.room() : undefined
      if (room !== undefined) await room
      if (appends.length > 0) baseOffsets = await engine.append(appends)
    } finally {
      this.#waitingBytes -= bytes
    }
    if (claim !== undefined && fresh.length > 0) ids.published(claim, baseOffsets[appends.length - 1], entries)
    return publication.results(baseOffsets)
  }

  #admit(bytes: number): void {
    const { waitingBytesMax } = this.#options
    if (this.#waitingBytes > 0 && this.#waitingBytes + bytes > waitingBytesMax) {
      this.#counts.overloaded++
      const sentence = `${this.#waitingBytes} bytes wait to be written; at most ${waitingBytesMax} may.`
      throw new DwellError('OVERLOADED', sentence, { limit: waitingBytesMax, retryAfterSeconds: 1 })
    }
    this.#waitingBytes += bytes
  }

  #count(results: Published[]): Published[] {
    for (let i = 0; i < results.length; i++) {
      if (results[i].duplicate) this.#counts.duplicates++
      else this.#counts[results[i].kind]++
    }
    return results
  }
}

/** Compaction keeps the last record of each key: one without a key would stay for ever. */
function checkKeys(topic: string, messages: readonly Message[]): void {
  const index = messages.findIndex(({ key }) => key === null)
  if (index < 0) return
  const sentence = `The topic ${topic} keeps the last message of each key; this one has no key.`
  throw new DwellError('KEY_REQUIRED', sentence, { field: 'key', index })
}

function ownIdsOf(messages: readonly Message[]): string[] | undefined {
  let ids: Set<string> | undefined
  for (let i = 0; i < messages.length; i++) {
    const { id } = messages[i]
    if (id !== '') (ids ??= new Set()).add(id)
  }
  return ids && [...ids]
}
