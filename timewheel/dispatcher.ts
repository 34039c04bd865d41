// Turns entries that are due into one atomic append: the records in their target partitions, whatever the service adds for
// messages with an id of their own, and the mark. The record and the fact that it was dispatched cannot come apart.
//
// Hot path, a million in a few seconds: a message costs two small objects and one copy of its body. What its topic is, is
// found out once a step.

import {
  type Append,
  type BodySource,
  decodeRecordBody,
  type Log,
  type LogEngine,
  type LogRecord,
  partitionOfKey,
  RoundRobin,
} from '../storage/index.ts'
import { bodyAtOf, fillsId, ownIdOf, partitionOf, topicIdOf, topicOf } from './entry/entry.ts'
import { ID_PLACEHOLDER, type Place, writeMessageId } from './entry/place.ts'
import { encodeMark, MARK_TOPIC, type Mark } from './mark.ts'
import type { ReadyEntry } from './slot/slot-reader.ts'

/** A message with an id of its own, and where in the append it stands: its offset is baseOffsets[appendIndex] + indexInAppend. */
export interface Dispatched {
  ownId: string
  topic: string
  partition: number
  place: Place
  appendIndex: number
  indexInAppend: number
}

/** A topic, and where in the append of a step each of its partitions stands. */
interface StepTopic {
  topic: string
  partitions: number
  appendIndexes: number[]
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
    const targets = new Map<number, StepTopic | undefined>()
    const withOwnId: Dispatched[] = []
    let discarded = 0
    for (let i = 0; i < entries.length; i++) {
      const entry = entries[i]
      const { envelope } = entry
      const bodyAt = bodyAtOf(envelope)
      const target = this.#topicOf(envelope, targets)
      const partition = target && this.#partitionOf(target, envelope, bodyAt)
      if (target === undefined || partition === undefined) {
        discarded++
        continue
      }
      const { topic, appendIndexes } = target
      const appendIndex = (appendIndexes[partition] ??= appends.push({ topic, partition, records: [] }) - 1)
      const body = new DueBody(entry, bodyAt)
      const indexInAppend = appends[appendIndex].records.push({ timestampMs: nowMs, body }) - 1
      const ownId = ownIdOf(envelope)
      if (ownId !== undefined) {
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
  #topicOf(message: Buffer, targets: Map<number, StepTopic | undefined>): StepTopic | undefined {
    const topicId = topicIdOf(message)
    const known = targets.get(topicId)
    if (known !== undefined || targets.has(topicId)) return known
    const topic = topicOf(message)
    const description = this.#options.engine.topic(topic)
    const { partitions } = description ?? { partitions: 0 }
    const target = description?.id === topicId ? { topic, partitions, appendIndexes: [] } : undefined
    targets.set(topicId, target)
    return target
  }

  /** Undefined when that partition is not there any more. */
  #partitionOf({ topic, partitions }: StepTopic, message: Buffer, bodyAt: number): number | undefined {
    const chosen = partitionOf(message)
    if (chosen >= 0) return chosen < partitions ? chosen : undefined
    // A null key is one byte, zigzag for -1: the usual case costs no decoding.
    const key = message[bodyAt] === 1 ? null : decodeRecordBody(message.subarray(bodyAt)).key
    return key === null ? this.#turns.next(topic, partitions) : partitionOfKey(key, partitions)
  }

  #count(entries: readonly ReadyEntry[], discarded: number): void {
    this.dispatched += entries.length - discarded
    this.discarded += discarded
    if (discarded > 0) {
      this.#options.log.warn({ discarded }, 'Delayed messages came due whose topic was deleted; they went with it.')
    }
  }
}

/** The body of a message that is due, written once, into the frame, and there completed by its id. */
class DueBody implements BodySource {
  readonly length: number
  readonly #entry: ReadyEntry
  readonly #bodyAt: number

  constructor(entry: ReadyEntry, bodyAt: number) {
    this.length = entry.envelope.length - bodyAt
    this.#entry = entry
    this.#bodyAt = bodyAt
  }

  writeTo(into: Buffer, position: number): void {
    const { envelope } = this.#entry
    into.set(new Uint8Array(envelope.buffer, envelope.byteOffset + this.#bodyAt, this.length), position)
    if (fillsId(envelope)) writeMessageId(into, position + this.length - ID_PLACEHOLDER.length, this.#entry)
  }
}
