// Makes the records of `__delay`: the envelopes of entry.ts as bodies, written once, where they will stay.

import { assert, type BodySource, RecordValueSource, writeUInt64 } from '../../storage/index.ts'
import { type DelayedRecord, DUE_AT, FILL_ID, MESSAGE, PARTITION_AT, TOPIC_AT, TOPIC_ID_AT } from './entry.ts'

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

/** An envelope that lies in memory already. */
class WrittenEnvelope implements BodySource {
  readonly length: number
  readonly #envelope: Buffer

  constructor(envelope: Buffer) {
    this.length = envelope.length
    this.#envelope = envelope
  }

  writeTo(into: Buffer, position: number): void {
    into.set(this.#envelope, position)
  }
}

/** The body of the record that keeps a message for the topic that now has `topicId`. */
export function messageBody(record: DelayedRecord, topicId: number): BodySource {
  return new RecordValueSource(new MessageEnvelope(record, topicId))
}

/** The body of the record with this envelope: of a cancelled, or a moved one. */
export function envelopeBody(envelope: Buffer): BodySource {
  return new RecordValueSource(new WrittenEnvelope(envelope))
}
