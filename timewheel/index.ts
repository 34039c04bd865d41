// The only door into this folder.

export {
  CHECKPOINT_FORMAT as WHEEL_CHECKPOINT_FORMAT,
  decodeCheckpoint as decodeWheelCheckpoint,
} from './checkpoint.ts'
export type { Dispatched } from './dispatcher.ts'
export { DELAY_TOPIC, type DelayedRecord } from './entry.ts'
export { HandClock } from './hand-clock.ts'
export { type Envelope, readEnvelope } from './inspect/envelope.ts'
export { keptEntries } from './inspect/kept-entries.ts'
export { type OverflowRow, readOverflowRow } from './inspect/overflow-row.ts'
export { repairWheel } from './inspect/repair-wheel.ts'
export { type WalkedEnd, type WalkedEntry, walkSlot } from './inspect/slot-walk.ts'
export { type VerifyWheelOptions, verifyWheel } from './inspect/verify-wheel.ts'
export type { DelayedState } from './look-up.ts'
export { decodeMark, MARK_TOPIC } from './mark.ts'
export { openOverflowStore } from './overflow-store.ts'
export { ID_PLACEHOLDER, messageId, type Place, parseMessageId } from './place.ts'
export { Wheel, type WheelOptions } from './wheel.ts'
