// An engine in memory that keeps the contract of the log: what the wheel's and the groups' tests run on. Appends become
// durable a turn later, or, with `held`, when release() is called.

import { batchSize, writeBatch } from '../../storage/batch/record-batch.ts'
import {
  type Append,
  assert,
  DwellError,
  type HighWatermarkListener,
  type LogEngine,
  type LogRecord,
  type PartitionOffsets,
  readRecords,
  type TopicDescription,
  type TopicSettings,
} from '../../storage/index.ts'

interface MemoryPartition {
  batches: { baseOffset: number; lastOffset: number; bytes: Buffer }[]
  logStartOffset: number
  highWatermark: number
  logEndOffset: number
}

interface Pending {
  places: { topic: string; partition: number; baseOffset: number; records: readonly LogRecord[] }[]
  resolve: (baseOffsets: number[]) => void
  baseOffsets: number[]
}

export class MemoryEngine implements LogEngine {
  /** While true, appends wait for release(). */
  held = false
  appendBytesMax = 32 * 1024 * 1024
  readonly #topics = new Map<string, { description: TopicDescription; partitions: MemoryPartition[] }>()
  readonly #listeners = new Set<HighWatermarkListener>()
  #pending: Pending[] = []
  #nextId = 1

  async createTopic(name: string, settings: TopicSettings): Promise<TopicDescription> {
    if (this.#topics.has(name)) throw new DwellError('TOPIC_EXISTS', `The topic ${name} exists.`)
    const description = { ...settings, name, id: this.#nextId++ }
    this.#topics.set(name, { description, partitions: Array.from({ length: settings.partitions }, emptyPartition) })
    return description
  }

  async alterTopic(name: string, settings: TopicSettings): Promise<TopicDescription> {
    const topic = this.#topic(name)
    if (settings.partitions < topic.description.partitions) {
      throw new DwellError('PARTITIONS_CANNOT_SHRINK', `The topic ${name} cannot shrink.`)
    }
    while (topic.partitions.length < settings.partitions) topic.partitions.push(emptyPartition())
    topic.description = { ...topic.description, ...settings }
    return topic.description
  }

  async deleteTopic(name: string): Promise<void> {
    this.#topic(name)
    this.#topics.delete(name)
  }

  topic(name: string): TopicDescription | undefined {
    return this.#topics.get(name)?.description
  }

  *topics(): Iterable<TopicDescription> {
    for (const { description } of this.#topics.values()) yield description
  }

  append(appends: readonly Append[]): Promise<number[]> {
    let partitions: MemoryPartition[]
    try {
      partitions = appends.map((append) => this.#partition(append.topic, append.partition))
    } catch (error) {
      return Promise.reject(error)
    }
    const baseOffsets: number[] = []
    const places = appends.map(({ topic, partition, records }, i) => {
      const baseOffset = partitions[i].logEndOffset
      const made = typeof records === 'function' ? records(baseOffsets) : records
      baseOffsets.push(baseOffset)
      partitions[i].logEndOffset += made.length
      return { topic, partition, baseOffset, records: made }
    })
    return new Promise((resolve) => {
      this.#pending.push({ places, resolve, baseOffsets })
      if (!this.held) queueMicrotask(() => this.release())
    })
  }

  /** Makes all appends so far durable. */
  release(): void {
    const pending = this.#pending
    this.#pending = []
    for (const { places, resolve, baseOffsets } of pending) {
      for (const { topic, partition, baseOffset, records } of places) {
        const to = this.#topics.get(topic)?.partitions[partition]
        if (to === undefined || records.length === 0) continue
        const bytes = Buffer.alloc(batchSize(records))
        writeBatch(bytes, 0, baseOffset, records)
        to.batches.push({ baseOffset, lastOffset: baseOffset + records.length - 1, bytes })
        to.highWatermark = baseOffset + records.length
        for (const listener of this.#listeners) listener(topic, partition, to.highWatermark)
      }
      resolve(baseOffsets)
    }
  }

  /** As after kill -9: what was not durable is forgotten. The promises of those appends never resolve. */
  crash(): void {
    this.#pending = []
    this.#listeners.clear()
    for (const { partitions } of this.#topics.values()) {
      for (const partition of partitions) partition.logEndOffset = partition.highWatermark
    }
  }

  async read(topic: string, partition: number, fromOffset: number, maxBytes: number): Promise<Buffer> {
    const { batches, logStartOffset, highWatermark } = this.#partition(topic, partition)
    if (fromOffset < logStartOffset || fromOffset > highWatermark) {
      throw new DwellError(
        'OFFSET_OUT_OF_RANGE',
        `Offset ${fromOffset} is not in ${logStartOffset} to ${highWatermark}.`,
        {
          logStartOffset,
          highWatermark,
        },
      )
    }
    let low = 0
    let high = batches.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (batches[middle].lastOffset < fromOffset) low = middle + 1
      else high = middle
    }
    const taken: Buffer[] = []
    for (let size = 0; low < batches.length && (size === 0 || size + batches[low].bytes.length <= maxBytes); low++) {
      taken.push(batches[low].bytes)
      size += batches[low].bytes.length
    }
    return Buffer.concat(taken)
  }

  offsets(topic: string, partition: number): PartitionOffsets {
    const { batches, logStartOffset, highWatermark, logEndOffset } = this.#partition(topic, partition)
    const sizeBytes = batches.reduce((sum, { bytes }) => sum + bytes.length, 0)
    return { logStartOffset, highWatermark, logEndOffset, sizeBytes }
  }

  async offsetForTime(topic: string, partition: number, timestampMs: number, fromOffset = 0): Promise<number> {
    const { batches, logStartOffset, highWatermark } = this.#partition(topic, partition)
    for (const { bytes } of batches) {
      const from = Math.max(fromOffset, logStartOffset)
      const found = readRecords(bytes, from).find((record) => record.timestampMs >= timestampMs)
      if (found) return found.offset
    }
    return highWatermark
  }

  async deleteRecords(topic: string, partition: number, beforeOffset: number): Promise<void> {
    const at = this.#partition(topic, partition)
    assert(beforeOffset <= at.highWatermark, 'records are deleted below the high watermark')
    at.logStartOffset = Math.max(at.logStartOffset, beforeOffset)
    at.batches = at.batches.filter((batch) => batch.lastOffset >= at.logStartOffset)
  }

  onHighWatermark(listener: HighWatermarkListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  async checkpoint(): Promise<void> {}

  async close(): Promise<void> {
    this.release()
    this.#listeners.clear()
  }

  #topic(name: string) {
    const topic = this.#topics.get(name)
    if (!topic) throw new DwellError('TOPIC_NOT_FOUND', `There is no topic ${name}.`)
    return topic
  }

  #partition(name: string, partition: number): MemoryPartition {
    const found = this.#topic(name).partitions[partition]
    if (!found) throw new DwellError('PARTITION_NOT_FOUND', `The topic ${name} has no partition ${partition}.`)
    return found
  }
}

function emptyPartition(): MemoryPartition {
  return { batches: [], logStartOffset: 0, highWatermark: 0, logEndOffset: 0 }
}
