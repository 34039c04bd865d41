// Turns entries that are due into one atomic append: the records in their target partitions, whatever the service adds for
// messages with an id of their own, and the mark. The record and the fact that it was dispatched cannot come apart.

import {
  type Append,
  decodeRecordBody,
  type Log,
  type LogEngine,
  type LogRecord,
  partitionOfKey,
  RoundRobin,
} from '../storage/index.ts'
import { decodeMessage } from './entry.ts'
import { encodeMark, MARK_TOPIC, type Mark } from './mark.ts'
import type { Place } from './place.ts'
import type { ReadyEntry } from './slot-reader.ts'

/** A message with an id of its own, and where in the append it stands: its offset is baseOffsets[appendIndex] + indexInAppend. */
export interface Dispatched {
  ownId: string
  topic: string
  partition: number
  place: Place
  appendIndex: number
  indexInAppend: number
}

export interface DispatcherOptions {
  engine: LogEngine
  log: Log
  /** Appends that join the dispatch of messages with an id of their own. */
  onDispatch?: (dispatched: readonly Dispatched[], nowMs: number) => Append[]
}

export class Dispatcher {
  readonly #options: DispatcherOptions
  readonly #turns = new RoundRobin()
  dispatched = 0
  /** Messages whose topic, or partition, was deleted while they waited. */
  discarded = 0

  constructor(options: DispatcherOptions) {
    this.#options = options
  }

  /** Appends `entries` and the mark. Resolves with the mark when it is durable. */
  async dispatch(
    entries: readonly ReadyEntry[],
    { consumed, hand }: Pick<Mark, 'consumed' | 'hand'>,
    nowMs: number,
  ): Promise<Mark> {
    const { engine, onDispatch } = this.#options
    const appends: (Append & { records: LogRecord[] })[] = []
    const appendIndexes = new Map<string, number[]>()
    const withOwnId: Dispatched[] = []
    let discarded = 0
    for (const entry of entries) {
      const message = decodeMessage(entry.envelope, entry.offset)
      const partition = this.#partitionOf(message)
      if (partition === undefined) {
        discarded++
        continue
      }
      let indexes = appendIndexes.get(message.topic)
      if (indexes === undefined) appendIndexes.set(message.topic, (indexes = []))
      if (indexes[partition] === undefined) {
        indexes[partition] = appends.push({ topic: message.topic, partition, records: [] }) - 1
      }
      const appendIndex = indexes[partition]
      const indexInAppend = appends[appendIndex].records.push({ timestampMs: nowMs, body: message.body }) - 1
      if (message.ownId !== undefined) {
        const { ownId, topic } = message
        const place = { dueAtMs: entry.dueAtMs, offset: entry.offset }
        withOwnId.push({ ownId, topic, partition, place, appendIndex, indexInAppend })
      }
    }
    const mark: Mark = { consumed, hand, targets: [] }
    const markRecords = (baseOffsets: readonly number[]) => {
      mark.targets = appends.map(({ topic, partition, records }, i) => {
        return { topic, partition, baseOffset: baseOffsets[i], count: records.length }
      })
      return [{ timestampMs: nowMs, body: encodeMark(mark) }]
    }
    const added = withOwnId.length > 0 && onDispatch ? onDispatch(withOwnId, nowMs) : []
    await engine.append([...appends, ...added, { topic: MARK_TOPIC, partition: 0, records: markRecords }])
    this.#count(entries, discarded)
    return mark
  }

  /** Undefined when the topic that the message is for is not there any more. */
  #partitionOf({ topic, topicId, partition: chosen, body }: ReturnType<typeof decodeMessage>): number | undefined {
    const description = this.#options.engine.topic(topic)
    if (description?.id !== topicId) return undefined
    if (chosen !== undefined) return chosen < description.partitions ? chosen : undefined
    const key = keyOf(body)
    return key === null ? this.#turns.next(topic, description.partitions) : partitionOfKey(key, description.partitions)
  }

  #count(entries: readonly ReadyEntry[], discarded: number): void {
    this.dispatched += entries.length - discarded
    this.discarded += discarded
    if (discarded > 0) {
      this.#options.log.warn({ discarded }, 'Delayed messages came due whose topic was deleted; they went with it.')
    }
  }
}

function keyOf(body: Buffer): Buffer | null {
  // A null key is one byte, zigzag for -1: the usual case costs no decoding.
  return body[0] === 1 ? null : decodeRecordBody(body).key
}
