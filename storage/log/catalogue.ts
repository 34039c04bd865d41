// Creates, alters and deletes topics: each a record in `__topics`, durable before the change is seen.
//
// Always true:
//   1. Changes to one name happen one after the other; those to different names at the same time.
//   2. A deleted topic's folders are gone before the same name can be created again.
//   3. `__topics` stays in proportion to the topics there are: shorten() writes them all anew and deletes what is older.

import { assert } from '../base/assert.ts'
import type { Clock } from '../base/clock.ts'
import { DwellError } from '../base/errors.ts'
import type { Append, LogRecord, TopicDescription, TopicSettings } from '../engine.ts'
import type { Partition } from './partition.ts'
import type { PartitionMaker } from './partition-maker.ts'
import { encodeTopic, encodeTopicDeletion, TOPICS, TOPICS_ID } from './topic-record.ts'
import type { Topic, Topics } from './topics.ts'

/** A topic's name becomes part of a folder's. */
const NAME = /^[A-Za-z0-9._-]{1,249}$/
/** So many records of the past are kept in any case. */
const RECORDS_MIN = 1000

export interface CatalogueOptions {
  topics: Topics
  /** Of `__topics`. */
  partition: Partition
  append: (appends: readonly Append[]) => Promise<number[]>
  /** Deletes records of `__topics`. */
  deleteRecords: (beforeOffset: number) => Promise<void>
  maker: PartitionMaker
  clock: Clock
}

export class Catalogue {
  readonly #options: CatalogueOptions
  /** The last change of each name that is under way. */
  readonly #changing = new Map<string, Promise<unknown>>()

  constructor(options: CatalogueOptions) {
    this.#options = options
  }

  /** @throws TOPIC_EXISTS */
  create(name: string, settings: TopicSettings): Promise<TopicDescription> {
    assert(NAME.test(name) && settings.partitions >= 1, 'names and settings of topics were checked above')
    return this.#oneByOne(name, async () => {
      const { topics, partition, maker } = this.#options
      if (topics.get(name) !== undefined)
        throw new DwellError('TOPIC_EXISTS', `The topic ${name} exists.`, { topic: name })
      const description = { ...settings, name, id: partition.logEndOffset + 1 }
      await this.#append(encodeTopic(description, this.#nowMs()))
      const partitions = Array.from({ length: settings.partitions }, (_, index) => maker.make(description, index))
      topics.set({ description, partitions })
      return description
    })
  }

  /** @throws TOPIC_NOT_FOUND, PARTITIONS_CANNOT_SHRINK */
  alter(name: string, settings: TopicSettings): Promise<TopicDescription> {
    return this.#oneByOne(name, async () => {
      const topic = this.#topic(name)
      const { partitions } = topic
      if (settings.partitions < partitions.length) {
        const sentence = `The topic ${name} has ${partitions.length} partitions and cannot shrink to ${settings.partitions}.`
        throw new DwellError('PARTITIONS_CANNOT_SHRINK', sentence, { topic: name, limit: partitions.length })
      }
      const description = { ...settings, name, id: topic.description.id }
      await this.#append(encodeTopic(description, this.#nowMs()))
      while (partitions.length < settings.partitions) {
        partitions.push(this.#options.maker.make(description, partitions.length))
      }
      topic.description = description
      return description
    })
  }

  /** @throws TOPIC_NOT_FOUND */
  delete(name: string): Promise<void> {
    return this.#oneByOne(name, async () => {
      const topic = this.#topic(name)
      await this.#append(encodeTopicDeletion(name, this.#nowMs()))
      this.#options.topics.delete(topic)
      for (const partition of topic.partitions) await partition.drop()
    })
  }

  /** Writes all topics anew, in one append, when most of the records in `__topics` are of the past. */
  async shorten(): Promise<void> {
    const { topics, partition, append, deleteRecords } = this.#options
    const alive = [...topics.all()].filter(({ description }) => description.id !== TOPICS_ID)
    const count = partition.logEndOffset - partition.logStartOffset
    // A change that is under way has its record already, and is not seen yet.
    if (count < RECORDS_MIN + 2 * alive.length || this.#changing.size > 0) return
    const records = alive.map(({ description }) => encodeTopic(description, this.#nowMs()))
    const [baseOffset] = await append([{ topic: TOPICS, partition: 0, records }])
    await deleteRecords(baseOffset)
  }

  #topic(name: string): Topic {
    const topic = name === TOPICS ? undefined : this.#options.topics.get(name)
    if (topic === undefined) throw new DwellError('TOPIC_NOT_FOUND', `There is no topic ${name}.`, { topic: name })
    return topic
  }

  async #append(record: LogRecord): Promise<void> {
    await this.#options.append([{ topic: TOPICS, partition: 0, records: [record] }])
  }

  #nowMs(): number {
    return this.#options.clock.wallMs()
  }

  async #oneByOne<T>(name: string, change: () => Promise<T>): Promise<T> {
    const before = this.#changing.get(name) ?? Promise.resolve()
    const done = before.then(change, change)
    this.#changing.set(name, done)
    try {
      return await done
    } finally {
      if (this.#changing.get(name) === done) this.#changing.delete(name)
    }
  }
}
