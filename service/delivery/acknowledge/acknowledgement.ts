// What a consumer says about a delivery, and what it is told in return.

export type Acknowledgement =
  /** Done. */
  | { receipt: string; type: 'accept' }
  /** Failed: to the next tier, or again after `delayMs`. */
  | { receipt: string; type: 'release'; delayMs?: number; reason?: string }
  /** Never again: to the dead letters. */
  | { receipt: string; type: 'reject'; reason?: string }
  /** Needs more time: the lock begins anew with `lockMs`, or as long as it was before. */
  | { receipt: string; type: 'renew'; lockMs?: number }

export type AcknowledgeType = Acknowledgement['type']

export type AcknowledgeResult =
  | { state: 'acknowledged' }
  /** `tier` is the tier's duration as in the name of its lane (`5s`), or `delayed` for an own delay. */
  | { state: 'retrying'; dueAtMs: number; tier: string }
  | { state: 'dead' }
  | { state: 'acquired'; lockedUntilMs: number }
  /** INVALID_RECORD_STATE: lock over, already acknowledged, or never a receipt. RECORD_DELETED: retention took the record. */
  | { state: 'invalid'; code: 'INVALID_RECORD_STATE' | 'RECORD_DELETED' }

export const ACKNOWLEDGED: AcknowledgeResult = { state: 'acknowledged' }
export const DEAD: AcknowledgeResult = { state: 'dead' }
export const INVALID: AcknowledgeResult = { state: 'invalid', code: 'INVALID_RECORD_STATE' }
export const DELETED: AcknowledgeResult = { state: 'invalid', code: 'RECORD_DELETED' }
