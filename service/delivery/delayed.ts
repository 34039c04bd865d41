// Delayed messages by their id: looked up and cancelled. An id is the caller's own, or else the one the server gave, which
// is the message's place in the wheel in text.

import { DwellError } from '../../storage/index.ts'
import { type DelayedState, messageId, type Place, parseMessageId } from '../../timewheel/index.ts'
import type { Topics } from '../topics.ts'
import type { IdEntry } from './id-entry.ts'
import type { Ids } from './ids.ts'

export interface DelayedOptions {
  topics: Topics
  ids: Ids
  wheel: {
    cancel(topic: string, place: Place): Promise<'cancelled' | 'dispatched' | 'unknown'>
    lookUp(topic: string, place: Place): Promise<DelayedState>
  }
}

export interface Delayed {
  id: string
  state: 'pending' | 'dispatched' | 'cancelled'
  /** Absent for a message that was published at once. */
  dueAtMs?: number
  /** Where it was dispatched to, while that is remembered. */
  partition?: number
  offset?: number
}

export class DelayedMessages {
  readonly #topics: Topics
  readonly #ids: Ids
  readonly #wheel: DelayedOptions['wheel']

  constructor({ topics, ids, wheel }: DelayedOptions) {
    this.#topics = topics
    this.#ids = ids
    this.#wheel = wheel
  }

  /** @throws TOPIC_NOT_FOUND, MESSAGE_NOT_FOUND */
  async lookUp(topicName: string, id: string): Promise<Delayed> {
    const topic = this.#topics.describe(topicName)
    const entry = this.#ids.find(topic.id, id)
    if (entry !== undefined) return this.#current(topicName, topic.id, id, entry)
    const place = parseMessageId(id)
    if (place === undefined) throw notFound(topicName, id)
    const found = await this.#wheel.lookUp(topicName, place)
    if (found.state === 'unknown') throw notFound(topicName, id)
    return { id, ...found, state: found.state, dueAtMs: place.dueAtMs }
  }

  /**
   * Cancels a message that is pending; durable and definite when resolved.
   * @throws TOPIC_NOT_FOUND, MESSAGE_NOT_FOUND, ALREADY_DISPATCHED
   */
  async cancel(topicName: string, id: string): Promise<void> {
    const topic = this.#topics.describe(topicName)
    const entry = this.#ids.find(topic.id, id)
    if (entry?.state === 'cancelled') return
    if (entry !== undefined && entry.state !== 'pending') throw tooLate(topicName, id, entry)
    const place = entry === undefined ? parseMessageId(id) : placeOf(entry)
    if (place === undefined) throw notFound(topicName, id)
    const state = await this.#wheel.cancel(topicName, place)
    if (state === 'cancelled') {
      if (entry !== undefined) await this.#ids.cancelled(topic.id, id, entry)
      return
    }
    const now = await this.lookUp(topicName, id)
    if (now.state === 'dispatched') throw tooLate(topicName, id, now)
  }

  /** An entry may lag behind the wheel: a cancel is remembered after it took effect, a dispatch is read back. */
  async #current(topicName: string, topicId: number, id: string, entry: IdEntry): Promise<Delayed> {
    const { dueAtMs } = entry
    if (entry.state === 'published')
      return { id, state: 'dispatched', partition: entry.partition, offset: entry.offset }
    if (entry.state === 'cancelled') return { id, state: 'cancelled', dueAtMs }
    if (entry.state === 'pending') {
      const { state } = await this.#wheel.lookUp(topicName, placeOf(entry))
      if (state === 'pending' || state === 'cancelled') return { id, state, dueAtMs }
      await this.#ids.caughtUp()
      const later = this.#ids.find(topicId, id)
      if (later === undefined) throw notFound(topicName, id)
      if (later.state === 'cancelled') return { id, state: 'cancelled', dueAtMs }
      if (later.state === 'pending') return { id, state: state === 'unknown' ? 'pending' : state, dueAtMs }
      entry = later
    }
    return { id, state: 'dispatched', dueAtMs, partition: entry.partition, offset: entry.offset }
  }
}

/** The id that a delayed message is known by: its own, or the one that the server gives. */
export function idOf(own: string, dueAtMs: number, delayOffset: number): string {
  return own === '' ? messageId({ dueAtMs, offset: delayOffset }) : own
}

function placeOf({ dueAtMs, delayOffset }: IdEntry): Place {
  return { dueAtMs, offset: delayOffset }
}

function notFound(topic: string, id: string): DwellError {
  const sentence = `In ${topic} no message with this id is pending, and none was lately.`
  return new DwellError('MESSAGE_NOT_FOUND', sentence, { topic, id: id.slice(0, 200) })
}

function tooLate(topic: string, id: string, at: { partition?: number; offset?: number }): DwellError {
  const fields: Record<string, string | number> = { state: 'dispatched', topic, id: id.slice(0, 200) }
  if (at.partition !== undefined && at.offset !== undefined) {
    fields.partition = at.partition
    fields.offset = at.offset
  }
  return new DwellError('ALREADY_DISPATCHED', 'The message was dispatched before it could be cancelled.', fields)
}
