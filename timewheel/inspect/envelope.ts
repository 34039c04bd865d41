// An envelope (entry.ts) as it lies in `__delay`, in slots and in overflow, for those who look from outside.

import { DwellError } from '../../storage/index.ts'
import { CANCEL, checkEnvelope, decodeMessage, dueAtMsOf, kindOf, targetOf } from '../entry.ts'
import type { Place } from '../place.ts'

export type Envelope =
  | {
      kind: 'message'
      dueAtMs: number
      topic: string
      topicId: number
      /** Undefined when it is chosen at dispatch. */
      partition: number | undefined
      ownId: string | undefined
      body: Buffer
    }
  | { kind: 'cancel'; dueAtMs: number; target: Place }

/**
 * What the envelope of the entry at `offset` of `__delay` says. Nothing in it is changed.
 * @throws ENTRY_DAMAGED
 */
export function readEnvelope(bytes: Buffer, offset: number): Envelope {
  checkEnvelope(bytes, offset)
  if (kindOf(bytes) === CANCEL) return { kind: 'cancel', dueAtMs: dueAtMsOf(bytes), target: targetOf(bytes) }
  // Decoding fills the id in, into a copy here.
  const { dueAtMs, topic, topicId, partition, ownId, body } = decodeMessage(Buffer.from(bytes), offset)
  return { kind: 'message', dueAtMs, topic, topicId, partition, ownId, body }
}

/** Whether the envelope of the entry at `offset` is that of a message, and whole. */
export function isWholeMessage(bytes: Buffer, offset: number): boolean {
  try {
    return readEnvelope(bytes, offset).kind === 'message'
  } catch (error) {
    if (error instanceof DwellError || error instanceof RangeError) return false
    throw error
  }
}
