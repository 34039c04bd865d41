// What one record of `__delay` says: a message to be kept, or what became of one before it was due. These bytes, the envelope,
// are the value of the record; they lie the same in slots and in overflow rows. FORMAT.md draws them.
//
//   message     to be kept until it is due
//   cancelled   a fact: the message at the target's place waits no more
//   moved       a fact: neither does that one; it is here anew, whole, under another due time and with its id
//   cancel      what earlier versions wrote: the wish to cancel a message, to be granted if that was still pending
//
// A message and a moved one *wait*. A cancelled one, and a cancel, are *withdrawals*: in the slot of their target they take
// it away. A moved message is both, so its withdrawal is made an envelope of its own for the slot of its target.

import { assert, type BodySource, DwellError, readUInt64, writeUInt64 } from '../../storage/index.ts'
import { ID_PLACEHOLDER, messageId, type Place, writeMessageId } from './place.ts'

/** The topic that keeps delayed messages, and what became of them before they were due, in the order in which that was said. */
export const DELAY_TOPIC = '__delay'

/** A message to be delayed. */
export interface DelayedRecord {
  topic: string
  /** Chosen at dispatch when absent: by the record's key, else in turns. */
  partition?: number
  dueAtMs: number
  /** Key, value and headers: see encodeRecordBody(). */
  body: Uint8Array | BodySource
  /** The id that the publisher gave; of a moved message its id, whoever gave it. */
  ownId?: string
  /** The last header of the body has ID_PLACEHOLDER as its value; the id is put there at dispatch. */
  fillId: boolean
}

export const MESSAGE = 1
export const CANCEL = 2
export const CANCELLED = 3
export const MOVED = 4
export const FILL_ID = 1
export const DUE_AT = 2
export const PARTITION_AT = 10
export const TOPIC_ID_AT = 14
/** Of a message; that of a moved one lies behind its target. */
export const TOPIC_AT = 18
const TARGET_SIZE = 16
const TARGET_OFFSET_AT = 10
const CANCEL_SIZE = 18
/** Of a cancelled one as it lies in the slot of its target, and as earlier versions wrote it into `__delay` too. */
const CANCELLED_SIZE = 22
const CANCELLED_BYTES_AT = CANCELLED_SIZE

export function kindOf(envelope: Buffer): number {
  return envelope[0]
}

/** Whether it is something that waits: a message, or a moved one. */
export function isMessage(envelope: Buffer): boolean {
  return envelope[0] === MESSAGE || envelope[0] === MOVED
}

/** Whether all it does is to take its target away, in whose slot it lies. */
export function isWithdrawal(envelope: Buffer): boolean {
  return envelope[0] === CANCELLED || envelope[0] === CANCEL
}

/** When a message is due; of a withdrawal, when its target was. */
export function dueAtMsOf(envelope: Buffer): number {
  return readUInt64(envelope, DUE_AT)
}

/** The place of the message that a withdrawal takes away, or that a moved one was moved from. */
export function targetOf(envelope: Buffer): Place {
  if (envelope[0] !== MOVED) return { dueAtMs: dueAtMsOf(envelope), offset: readUInt64(envelope, TARGET_OFFSET_AT) }
  return { dueAtMs: readUInt64(envelope, TOPIC_AT), offset: readUInt64(envelope, TOPIC_AT + 8) }
}

/** What takes the target of a cancelled or moved one away where it lies: the envelope for the target's slot. */
export function withdrawalOf(fact: Buffer): Buffer {
  return fact[0] === MOVED ? cancelledEnvelope(targetOf(fact), topicIdOf(fact)) : fact.subarray(0, CANCELLED_SIZE)
}

/** The id of the topic that a message, a moved or a cancelled one is of. */
export function topicIdOf(envelope: Buffer): number {
  return envelope.readUInt32BE(envelope[0] === CANCELLED ? CANCEL_SIZE : TOPIC_ID_AT)
}

/**
 * The bytes of the record that a message becomes, whatever place it was moved to; of a cancelled one, those that its target
 * had, or 0 where that does not say.
 */
export function recordBytesOf(envelope: Buffer): number {
  if (isMessage(envelope)) return envelope.length - bodyAtOf(envelope)
  return envelope.length > CANCELLED_SIZE ? envelope.readUInt32BE(CANCELLED_BYTES_AT) : 0
}

/** The topic that a message is for. */
export function topicOf(message: Buffer): string {
  const at = topicAtOf(message)
  return message.toString('utf8', at + 1, at + 1 + message[at])
}

function topicAtOf(message: Buffer): number {
  return message[0] === MOVED ? TOPIC_AT + TARGET_SIZE : TOPIC_AT
}

/** The partition that a message is for; negative when it is chosen at dispatch. */
export function partitionOf(message: Buffer): number {
  return message.readInt32BE(PARTITION_AT)
}

/** Whether the last bytes of a message's body are to be its id, which follows from its place. */
export function fillsId(message: Buffer): boolean {
  return (message[1] & FILL_ID) !== 0
}

/** Where in a message's envelope the size of its own id stands, two bytes, behind which it comes itself and then the body. */
function ownIdAtOf(message: Buffer): number {
  const topicAt = topicAtOf(message)
  return topicAt + 1 + message[topicAt]
}

/** Where in a message's envelope its body begins. */
export function bodyAtOf(message: Buffer): number {
  const at = ownIdAtOf(message)
  return at + 2 + (message[at] << 8) + message[at + 1]
}

/**
 * Everything in a message's envelope, which stays as it is: it may lie in a slot, under a checksum. The body is a view into it,
 * or a copy with the id filled in where that is asked for.
 */
export function decodeMessage(message: Buffer, offset: number): DelayedRecord & { topicId: number; body: Buffer } {
  const partition = partitionOf(message)
  const dueAtMs = dueAtMsOf(message)
  const fillId = fillsId(message)
  const view = message.subarray(bodyAtOf(message))
  const body = fillId ? Buffer.from(view) : view
  if (fillId) writeMessageId(body, body.length - ID_PLACEHOLDER.length, { dueAtMs, offset })
  return {
    topic: topicOf(message),
    topicId: topicIdOf(message),
    partition: partition < 0 ? undefined : partition,
    dueAtMs,
    body,
    ownId: ownIdOf(message),
    fillId,
  }
}

/** The id that a message's envelope says; undefined when its id follows from its place. */
export function ownIdOf(message: Buffer): string | undefined {
  const at = ownIdAtOf(message) + 2
  const bodyAt = bodyAtOf(message)
  return at === bodyAt ? undefined : message.toString('utf8', at, bodyAt)
}

/**
 * The envelope that says of the message at `target` that it waits no more; with `recordBytes` as `__delay` has it, without
 * as the slot of the target does.
 */
export function cancelledEnvelope(target: Place, topicId: number, recordBytes?: number): Buffer {
  const envelope = Buffer.allocUnsafe(CANCELLED_SIZE + (recordBytes === undefined ? 0 : 4))
  if (recordBytes !== undefined) envelope.writeUInt32BE(recordBytes, CANCELLED_BYTES_AT)
  envelope[0] = CANCELLED
  envelope[1] = 0
  writeUInt64(envelope, DUE_AT, target.dueAtMs)
  writeUInt64(envelope, TARGET_OFFSET_AT, target.offset)
  envelope.writeUInt32BE(topicId, CANCEL_SIZE)
  return envelope
}

/**
 * The envelope of the `message` at `target`, moved to `dueAtMs`. Its id no longer follows from its place, so that is written
 * down, in the record too.
 */
export function movedEnvelope(target: Place, message: Buffer, dueAtMs: number): Buffer {
  const { body, ownId } = decodeMessage(message, target.offset)
  const id = ownId ?? messageId(target)
  const topicAt = topicAtOf(message)
  const topicSize = 1 + message[topicAt]
  const idSize = Buffer.byteLength(id)
  assert(idSize < 65536, 'ids are checked before they come here')
  const envelope = Buffer.allocUnsafe(TOPIC_AT + TARGET_SIZE + topicSize + 2 + idSize + body.length)
  envelope.set(message.subarray(0, TOPIC_AT))
  envelope[0] = MOVED
  envelope[1] = 0
  writeUInt64(envelope, DUE_AT, dueAtMs)
  writeUInt64(envelope, TOPIC_AT, target.dueAtMs)
  writeUInt64(envelope, TOPIC_AT + 8, target.offset)
  let at = TOPIC_AT + TARGET_SIZE
  envelope.set(message.subarray(topicAt, topicAt + topicSize), at)
  at = envelope.writeUInt16BE(idSize, at + topicSize)
  at += envelope.write(id, at)
  envelope.set(body, at)
  return envelope
}

/** Says what is wrong with an envelope that came from a file. */
export function checkEnvelope(envelope: Buffer, offset: number): void {
  if (!isWhole(envelope))
    throw new DwellError('ENTRY_DAMAGED', `The entry at offset ${offset} of __delay is damaged.`, { offset })
}

function isWhole(envelope: Buffer): boolean {
  switch (envelope[0]) {
    case CANCEL:
      return envelope.length === CANCEL_SIZE
    case CANCELLED:
      return envelope.length === CANCELLED_SIZE || envelope.length === CANCELLED_BYTES_AT + 4
    case MESSAGE:
    case MOVED: {
      const topicAt = topicAtOf(envelope)
      return envelope.length > topicAt && envelope.length >= topicAt + 3 + envelope[topicAt]
    }
    default:
      return false
  }
}
