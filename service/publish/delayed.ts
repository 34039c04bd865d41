// Delayed messages by their id: looked up, cancelled, rescheduled, dispatched now. An id is the caller's own, or else the one
// the server gave, which says where the message was put in the wheel.
//
// Always true: `__ids` says of an id what the wheel did with its message, since both are one atomic append, but it may be
// read a little later. So whatever it calls pending is asked of the wheel, from which the answer comes.

import { DwellError } from '../../storage/index.ts'
import { type DelayedState, messageId, type Place, parseMessageId } from '../../timewheel/index.ts'
import type { Topics } from '../topics.ts'
import type { IdEntry } from './id-entry.ts'
import type { Ids } from './ids.ts'

export interface DelayedOptions {
  topics: Topics
  ids: Ids
  wheel: {
    lookUp(topic: string, place: Place, id: string, knownBytes: number | undefined): Promise<DelayedState>
    cancel(
      topic: string,
      place: Place,
      id: string,
      knownBytes: number | undefined,
    ): Promise<'cancelled' | 'dispatched' | 'unknown'>
    reschedule(
      topic: string,
      place: Place,
      dueAtMs: number,
      id: string,
      knownBytes: number | undefined,
    ): Promise<DelayedState>
    dispatchNow(topic: string, place: Place, id: string, knownBytes: number | undefined): Promise<DelayedState>
  }
  /** Throws while there is no room for what waits longer. */
  space: { admit(): void }
}

export interface Delayed {
  id: string
  state: 'pending' | 'dispatched' | 'cancelled'
  /** Absent for a message that was published at once. */
  dueAtMs?: number
  /** Where it was dispatched to, while that is remembered. */
  partition?: number
  offset?: number
  /** When this state began, as far as `__ids` tells. */
  sinceMs?: number
  /** Where it was put into `__delay`, if it ever waited. */
  delayOffset?: number
}

export class DelayedMessages {
  readonly #options: DelayedOptions

  constructor(options: DelayedOptions) {
    this.#options = options
  }

  /** @throws TOPIC_NOT_FOUND, MESSAGE_NOT_FOUND */
  lookUp(topic: string, id: string): Promise<Delayed> {
    return this.#ask(topic, id, (place, knownBytes) => this.#options.wheel.lookUp(topic, place, id, knownBytes))
  }

  /** The same, but undefined for a message that is not known. @throws TOPIC_NOT_FOUND */
  find(topic: string, id: string): Promise<Delayed | undefined> {
    return this.lookUp(topic, id).catch((error) => {
      if (error instanceof DwellError && error.code === 'MESSAGE_NOT_FOUND') return undefined
      throw error
    })
  }

  /**
   * Cancels a message that is pending; durable and definite when resolved.
   * @throws TOPIC_NOT_FOUND, TOPIC_OWNED_BY_GROUP, MESSAGE_NOT_FOUND, ALREADY_DISPATCHED
   */
  async cancel(topic: string, id: string): Promise<void> {
    const { topics, wheel } = this.#options
    topics.checkNotOwned(topic)
    const found = await this.#ask(topic, id, async (place, knownBytes) => {
      const state = await wheel.cancel(topic, place, id, knownBytes)
      return state === 'cancelled' ? { state, dueAtMs: place.dueAtMs } : wheel.lookUp(topic, place, id, knownBytes)
    })
    if (found.state === 'dispatched') throw dispatched(topic, found)
  }

  /**
   * Has a message that is pending wait until `dueAtMs` instead; at once when that is past. Its id stays.
   * @throws TOPIC_NOT_FOUND, TOPIC_OWNED_BY_GROUP, MESSAGE_NOT_FOUND, ALREADY_DISPATCHED, ALREADY_CANCELLED, DISK_LOW, OVERLOADED
   */
  async reschedule(topic: string, id: string, dueAtMs: number): Promise<Delayed> {
    const { topics, wheel, space } = this.#options
    topics.checkNotOwned(topic)
    space.admit()
    const found = await this.#ask(topic, id, (place, knownBytes) => {
      return wheel.reschedule(topic, place, dueAtMs, id, knownBytes)
    })
    if (found.state === 'dispatched') throw dispatched(topic, found)
    if (found.state === 'cancelled') throw cancelled(topic, found)
    return found
  }

  /**
   * Dispatches a message that is pending now instead of at its time; resolves when it is in its topic.
   * @throws TOPIC_NOT_FOUND, TOPIC_OWNED_BY_GROUP, MESSAGE_NOT_FOUND, ALREADY_CANCELLED, OVERLOADED
   */
  async dispatchNow(topic: string, id: string): Promise<Delayed> {
    this.#options.topics.checkNotOwned(topic)
    const found = await this.#ask(topic, id, (place, knownBytes) => {
      return this.#options.wheel.dispatchNow(topic, place, id, knownBytes)
    })
    if (found.state === 'cancelled') throw cancelled(topic, found)
    return found
  }

  /** What `__ids` says of the message if it is pending no more, else what `wheel` answers to the place where it waits. */
  async #ask(
    topicName: string,
    id: string,
    wheel: (place: Place, knownBytes: number | undefined) => Promise<DelayedState>,
  ): Promise<Delayed> {
    const { topics, ids } = this.#options
    const topic = topics.describe(topicName)
    const entry = ids.find(topic.id, id)
    if (entry !== undefined && entry.state !== 'pending') return remembered(id, entry)
    const place = entry === undefined ? parseMessageId(id) : placeOf(entry)
    if (place === undefined) throw notFound(topicName, id)
    const found = await wheel(place, entry?.recordBytes)
    // Whoever asks next, or publishes this id again, is to find what is answered now.
    await ids.caughtUp()
    if (found.state !== 'unknown') {
      const delayOffset = place.offset
      return { id, ...found, state: found.state, sinceMs: entry?.atMs, delayOffset }
    }
    const later = ids.find(topic.id, id)
    if (later === undefined || later.state === 'pending') throw notFound(topicName, id)
    return remembered(id, later)
  }
}

/** The id that a delayed message is known by: its own, or the one that the server gives. */
export function idOf(own: string, dueAtMs: number, delayOffset: number): string {
  return own === '' ? messageId({ dueAtMs, offset: delayOffset }) : own
}

function remembered(id: string, { state, atMs: sinceMs, dueAtMs, delayOffset, partition, offset }: IdEntry): Delayed {
  if (state === 'published') return { id, state: 'dispatched', partition, offset, sinceMs }
  const waited = { id, state, dueAtMs, sinceMs, delayOffset }
  return state === 'dispatched' ? { ...waited, partition, offset } : waited
}

function placeOf({ dueAtMs, delayOffset }: IdEntry): Place {
  return { dueAtMs, offset: delayOffset }
}

function notFound(topic: string, id: string): DwellError {
  const sentence = `In ${topic} no message with this id is pending, and none was lately.`
  return new DwellError('MESSAGE_NOT_FOUND', sentence, { topic, id: id.slice(0, 200) })
}

function dispatched(topic: string, { id, partition, offset }: Delayed): DwellError {
  const fields: Record<string, string | number> = { state: 'dispatched', topic, id: id.slice(0, 200) }
  if (partition !== undefined && offset !== undefined) Object.assign(fields, { partition, offset })
  return new DwellError('ALREADY_DISPATCHED', 'The message was dispatched before it could be changed.', fields)
}

function cancelled(topic: string, { id }: Delayed): DwellError {
  const fields = { state: 'cancelled', topic, id: id.slice(0, 200) }
  return new DwellError('ALREADY_CANCELLED', 'The message is cancelled; it cannot be brought back.', fields)
}
