// What one record of `__delay` says: a message to be kept, or the cancellation of one. These bytes, the envelope, are the
// value of the record; they lie the same in slots and in overflow rows.
//
//   message ┌───────────┬───────────┬──────────────┬────────────────┬──────────────┬────────────────┬───────┬────────────────┬────────┬──────┐
//           │ kind <1b> │ flags <1b>│ dueAtMs <8b> │ partition <4b> │ topicId <4b> │ topicSize <1b> │ topic │ ownIdSize <2b> │ own id │ body │
//           └───────────┴───────────┴──────────────┴────────────────┴──────────────┴────────────────┴───────┴────────────────┴────────┴──────┘
//   cancel  ┌───────────┬───────────┬──────────────┬───────────────────┐
//           │ kind <1b> │ flags <1b>│ dueAtMs <8b> │ targetOffset <8b> │      dueAtMs is the target's
//           └───────────┴───────────┴──────────────┴───────────────────┘
//
// partition is -1 when it is chosen at dispatch. topicId tells a topic from a later one of the same name. Flag 1: the last 26 bytes of the body are the message's id, to be filled
// in at dispatch. Big-endian.

import { assert, type BodySource, DwellError, RecordValueSource, readUInt64, writeUInt64 } from '../storage/index.ts'
import { ID_PLACEHOLDER, messageId, type Place } from './place.ts'

/** The topic that keeps delayed messages and their cancels, in the order in which they came. */
export const DELAY_TOPIC = '__delay'

/** A message to be delayed. */
export interface DelayedRecord {
  topic: string
  /** Chosen at dispatch when absent: by the record's key, else in turns. */
  partition?: number
  dueAtMs: number
  /** Key, value and headers: see encodeRecordBody(). */
  body: Uint8Array | BodySource
  /** The id that the publisher gave. */
  ownId?: string
  /** The last header of the body has ID_PLACEHOLDER as its value; the id is put there at dispatch. */
  fillId: boolean
}

export const MESSAGE = 1
export const CANCEL = 2
const FILL_ID = 1
const DUE_AT = 2
const PARTITION_AT = 10
const TOPIC_ID_AT = 14
const TOPIC_AT = 18
const TARGET_AT = 10
const CANCEL_SIZE = 18

/** The envelope of a message that is kept for the topic that now has `topicId`. */
class MessageEnvelope implements BodySource {
  readonly length: number
  readonly #record: DelayedRecord
  readonly #topicId: number

  constructor(record: DelayedRecord, topicId: number) {
    const { topic, body, ownId } = record
    const topicSize = Buffer.byteLength(topic)
    const ownIdSize = ownId === undefined ? 0 : Buffer.byteLength(ownId)
    assert(topicSize < 256 && ownIdSize < 65536, 'names are checked before they come here')
    this.#record = record
    this.#topicId = topicId
    this.length = TOPIC_AT + 1 + topicSize + 2 + ownIdSize + body.length
  }

  writeTo(into: Buffer, position: number): void {
    const { topic, partition, dueAtMs, body, ownId, fillId } = this.#record
    into[position] = MESSAGE
    into[position + 1] = fillId ? FILL_ID : 0
    writeUInt64(into, position + DUE_AT, dueAtMs)
    into.writeInt32BE(partition ?? -1, position + PARTITION_AT)
    into.writeUInt32BE(this.#topicId, position + TOPIC_ID_AT)
    const topicSize = into.write(topic, position + TOPIC_AT + 1)
    into[position + TOPIC_AT] = topicSize
    const ownIdAt = position + TOPIC_AT + 1 + topicSize + 2
    const ownIdSize = ownId === undefined ? 0 : into.write(ownId, ownIdAt)
    into.writeUInt16BE(ownIdSize, ownIdAt - 2)
    if (body instanceof Uint8Array) into.set(body, ownIdAt + ownIdSize)
    else body.writeTo(into, ownIdAt + ownIdSize)
  }
}

/** The envelope of a cancel. */
class CancelEnvelope implements BodySource {
  readonly length = CANCEL_SIZE
  readonly #target: Place

  constructor(target: Place) {
    this.#target = target
  }

  writeTo(into: Buffer, position: number): void {
    into[position] = CANCEL
    into[position + 1] = 0
    writeUInt64(into, position + DUE_AT, this.#target.dueAtMs)
    writeUInt64(into, position + TARGET_AT, this.#target.offset)
  }
}

/** The body of the `__delay` record that keeps a message for the topic that now has `topicId`. */
export function messageBody(record: DelayedRecord, topicId: number): BodySource {
  return new RecordValueSource(new MessageEnvelope(record, topicId))
}

/** The body of the `__delay` record that cancels the message at `target`. */
export function cancelBody(target: Place): BodySource {
  return new RecordValueSource(new CancelEnvelope(target))
}

export function kindOf(envelope: Buffer): number {
  return envelope[0]
}

export function dueAtMsOf(envelope: Buffer): number {
  return readUInt64(envelope, DUE_AT)
}

/** The offset in `__delay` of the message that a cancel is for. */
export function targetOf(cancel: Buffer): Place {
  return { dueAtMs: dueAtMsOf(cancel), offset: readUInt64(cancel, TARGET_AT) }
}

/** The topic that a message is for. */
export function topicOf(message: Buffer): string {
  return message.toString('utf8', TOPIC_AT + 1, TOPIC_AT + 1 + message[TOPIC_AT])
}

/** Everything in a message's envelope; the body is a view into it, its id filled in where that is asked for. */
export function decodeMessage(message: Buffer, offset: number): DelayedRecord & { topicId: number; body: Buffer } {
  const partition = message.readInt32BE(PARTITION_AT)
  const ownIdAt = TOPIC_AT + 1 + message[TOPIC_AT]
  const ownIdSize = message.readUInt16BE(ownIdAt)
  const dueAtMs = dueAtMsOf(message)
  const fillId = (message[1] & FILL_ID) !== 0
  if (fillId) message.write(messageId({ dueAtMs, offset }), message.length - ID_PLACEHOLDER.length, 'latin1')
  return {
    topic: topicOf(message),
    topicId: message.readUInt32BE(TOPIC_ID_AT),
    partition: partition < 0 ? undefined : partition,
    dueAtMs,
    body: message.subarray(ownIdAt + 2 + ownIdSize),
    ownId: ownIdSize === 0 ? undefined : message.toString('utf8', ownIdAt + 2, ownIdAt + 2 + ownIdSize),
    fillId,
  }
}

/** Says what is wrong with an envelope that came from a file. */
export function checkEnvelope(envelope: Buffer, offset: number): void {
  const kind = envelope[0]
  const whole =
    kind === CANCEL
      ? envelope.length === CANCEL_SIZE
      : kind === MESSAGE && envelope.length > TOPIC_AT && envelope.length >= TOPIC_AT + 3 + envelope[TOPIC_AT]
  if (!whole) throw new DwellError('ENTRY_DAMAGED', `The entry at offset ${offset} of __delay is damaged.`, { offset })
}
