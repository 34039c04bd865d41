// An envelope (entry.ts) as it lies in `__delay`, in slots and in overflow, for those who look from outside.

import { DwellError } from '../../storage/index.ts'
import {
  CANCEL,
  CANCELLED,
  checkEnvelope,
  decodeMessage,
  dueAtMsOf,
  isMessage,
  kindOf,
  MOVED,
  targetOf,
  topicIdOf,
} from '../entry/entry.ts'
import type { Place } from '../entry/place.ts'

interface MessageContents {
  dueAtMs: number
  topic: string
  topicId: number
  /** Undefined when it is chosen at dispatch. */
  partition: number | undefined
  /** The id of a message: the publisher's own one, or that of a moved one; undefined when its place is its id. */
  ownId: string | undefined
  body: Buffer
}

export type Envelope =
  | ({ kind: 'message' } & MessageContents)
  /** The message at `target`, under another due time. */
  | ({ kind: 'moved'; target: Place } & MessageContents)
  | { kind: 'cancelled'; dueAtMs: number; target: Place; topicId: number }
  /** A request, as earlier versions wrote it: what it did follows from when it was consumed. */
  | { kind: 'cancel'; dueAtMs: number; target: Place }

/**
 * What the envelope of the entry at `offset` of `__delay` says. Nothing in it is changed.
 * @throws ENTRY_DAMAGED
 */
export function readEnvelope(bytes: Buffer, offset: number): Envelope {
  checkEnvelope(bytes, offset)
  const dueAtMs = dueAtMsOf(bytes)
  if (kindOf(bytes) === CANCEL) return { kind: 'cancel', dueAtMs, target: targetOf(bytes) }
  if (kindOf(bytes) === CANCELLED) {
    return { kind: 'cancelled', dueAtMs, target: targetOf(bytes), topicId: topicIdOf(bytes) }
  }
  // Decoding fills the id in, into a copy here.
  const { topic, topicId, partition, ownId, body } = decodeMessage(Buffer.from(bytes), offset)
  const contents = { dueAtMs, topic, topicId, partition, ownId, body }
  return kindOf(bytes) === MOVED
    ? { kind: 'moved', target: targetOf(bytes), ...contents }
    : { kind: 'message', ...contents }
}

/** Whether the envelope of the entry at `offset` is that of something that waits, and whole. */
export function isWholeMessage(bytes: Buffer, offset: number): boolean {
  try {
    readEnvelope(bytes, offset)
    return isMessage(bytes)
  } catch (error) {
    if (error instanceof DwellError || error instanceof RangeError) return false
    throw error
  }
}
