// What became of a message: from the fates that are remembered, from the mark, from `__delay` and overflow while it waits, and
// from `__mark` and its target once it is dispatched. Nothing is written down for it at dispatch.

import { type LogEngine, readPage } from '../storage/index.ts'
import type { Consumption } from './consumption.ts'
import { recordBytesOf, topicIdOf } from './entry/entry.ts'
import type { Place } from './entry/place.ts'
import type { KeptMessages } from './kept-messages.ts'
import { findMark, type Target } from './mark.ts'
import type { Pending } from './pending.ts'

const READ_BYTES = 1024 * 1024

/** The message that somebody asks for. */
export interface Asked {
  topic: string
  /** Where it is, or once was. */
  place: Place
  id: string
  /** The bytes of its record when `__ids` has it, so that there is or was such a message; else only that itself says so. */
  knownBytes: number | undefined
}

/** `place` is the one in force: where the message waits, or waited last. The envelope is that of one that is not known. */
export type Found =
  | { state: 'unknown' }
  | { state: 'cancelled'; place: Place }
  | { state: 'pending'; place: Place; topicId: number; recordBytes: number; envelope: Buffer | undefined }
  | { state: 'dispatched'; place: Place; partition: number; offset: number }

export interface LookUpOptions {
  engine: LogEngine
  pending: Pending
  kept: KeptMessages
  consumption: Consumption
  hand: { nowMs(): number }
}

export class LookUp {
  readonly #engine: LogEngine
  readonly #pending: Pending
  readonly #kept: KeptMessages
  readonly #consumption: Consumption
  readonly #hand: { nowMs(): number }

  constructor({ engine, pending, kept, consumption, hand }: LookUpOptions) {
    this.#engine = engine
    this.#pending = pending
    this.#kept = kept
    this.#consumption = consumption
    this.#hand = hand
  }

  async find(asked: Asked): Promise<Found> {
    const { topic, place, id, knownBytes } = asked
    await this.#consumption.until(Math.min(place.offset, this.#consumption.highWatermark - 1))
    const fate = this.#pending.overflow.fateOf(place)
    if (fate !== undefined) {
      return 'movedTo' in fate ? this.find({ ...asked, place: fate.movedTo }) : { state: 'cancelled', place }
    }
    // Before anything is awaited: the mark and what waits change together.
    const standing = this.#pending.standingOf(place, this.#hand.nowMs())
    if (standing === 'gone') return { state: 'unknown' }
    if (standing === 'covered') return this.#dispatched(topic, place, id)
    const envelope = knownBytes === undefined ? await this.#kept.read(place) : undefined
    const topicId = this.#engine.topic(topic)?.id
    const isIt = envelope === undefined ? knownBytes !== undefined : topicIdOf(envelope) === topicId
    if (!isIt || topicId === undefined) return { state: 'unknown' }
    const recordBytes = envelope === undefined ? (knownBytes as number) : recordBytesOf(envelope)
    return { state: 'pending', place, topicId, recordBytes, envelope }
  }

  async #dispatched(topic: string, place: Place, id: string): Promise<Found> {
    const found = await findMark(this.#engine, place)
    for (const target of found?.targets ?? []) {
      const offset = target.topic === topic ? await this.#findIn(target, id) : undefined
      if (offset !== undefined) return { state: 'dispatched', place, partition: target.partition, offset }
    }
    return { state: 'unknown' }
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
