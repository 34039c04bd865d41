// What became of a message: from the mark, from what is remembered of cancels, from `__delay` and overflow while it waits,
// and from `__mark` and its target once it is dispatched. Nothing is written down for it at dispatch.

import { type LogEngine, readPage, readRecords, valueOfRecordBody } from '../storage/index.ts'
import { CANCEL, DELAY_TOPIC, dueAtMsOf, kindOf, topicOf } from './entry.ts'
import { covers, findMark, type Mark, type Target } from './mark.ts'
import type { Pending } from './pending.ts'
import { comparePlaces, type Place } from './place.ts'

const READ_BYTES = 1024 * 1024

export type DelayedState =
  | { state: 'pending' | 'cancelled' | 'unknown' }
  | { state: 'dispatched'; partition: number; offset: number }

export class LookUp {
  readonly #engine: LogEngine
  readonly #pending: Pending

  constructor(engine: LogEngine, pending: Pending) {
    this.#engine = engine
    this.#pending = pending
  }

  /** The state of the message for `topic` at `place` whose id is `id`, when `mark` is the last one and it is `nowMs`. */
  async stateOf(topic: string, place: Place, id: string, mark: Mark, nowMs: number): Promise<DelayedState> {
    if (this.#pending.overflow.cancelOf(place) !== undefined) return { state: 'cancelled' }
    if (!covers(mark, place)) {
      // Before anything is awaited: the mark and what waits change together.
      const holds = this.#pending.holds(place, nowMs)
      if (!(await this.#isKept(topic, place))) return { state: 'unknown' }
      return { state: holds ? 'pending' : 'cancelled' }
    }
    const found = await findMark(this.#engine, place)
    for (const target of found?.mark.targets ?? []) {
      const offset = target.topic === topic ? await this.#findIn(target, id) : undefined
      if (offset !== undefined) return { state: 'dispatched', partition: target.partition, offset }
    }
    return { state: 'unknown' }
  }

  /** Whether a cancel came in time, though its target is behind the hand by now: only the marks know after a crash. */
  async tookEffect(cancelOffset: number, target: Place): Promise<boolean> {
    const found = await findMark(this.#engine, target)
    if (found === undefined) return false
    const wasLate = comparePlaces(target, found.before.hand) <= 0
    return !wasLate && found.mark.consumed > cancelOffset
  }

  async #isKept(topic: string, place: Place): Promise<boolean> {
    const row = this.#pending.overflow.get(place)
    if (row !== undefined) return topicOf(row) === topic
    const { logStartOffset, highWatermark } = this.#engine.offsets(DELAY_TOPIC, 0)
    if (place.offset < logStartOffset || place.offset >= highWatermark) return false
    const [record] = readRecords(await this.#engine.read(DELAY_TOPIC, 0, place.offset, 1), place.offset)
    if (record?.offset !== place.offset) return false
    const envelope = valueOfRecordBody(record.body) as Buffer
    return kindOf(envelope) !== CANCEL && dueAtMsOf(envelope) === place.dueAtMs && topicOf(envelope) === topic
  }

  async #findIn({ topic, partition, baseOffset, count }: Target, id: string): Promise<number | undefined> {
    if (this.#engine.topic(topic) === undefined) return undefined
    const end = baseOffset + count
    for (let at = Math.max(baseOffset, this.#engine.offsets(topic, partition).logStartOffset); at < end; ) {
      const { records, nextOffset } = readPage(await this.#engine.read(topic, partition, at, READ_BYTES), at)
      for (const { offset, body } of records) if (offset < end && hasId(body, id)) return offset
      // A page without records is not the end: compaction leaves gaps.
      if (nextOffset === at) return undefined
      at = nextOffset
    }
    return undefined
  }
}

/** A message's id is always the value of its last header. */
function hasId(body: Uint8Array, id: string): boolean {
  return Buffer.from(body.buffer, body.byteOffset, body.length).subarray(-Buffer.byteLength(id)).toString() === id
}
