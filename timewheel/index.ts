// The only door into this folder.

export type { Census } from './census/census.ts'
export { type Forecast, type ForecastOptions, forecast } from './census/forecast.ts'
export type { Changed } from './changes.ts'
export {
  CHECKPOINT_FORMAT as WHEEL_CHECKPOINT_FORMAT,
  type Checkpoint as WheelCheckpoint,
  decodeCheckpoint as decodeWheelCheckpoint,
} from './checkpoint/checkpoint.ts'
export { lastKnownMs } from './checkpoint/last-known-time.ts'
export { openOverflowStore } from './checkpoint/overflow-store.ts'
export { decodeSynced, SYNCED_FORMAT } from './checkpoint/synced-file.ts'
export type { Dispatched } from './dispatcher.ts'
export { DELAY_TOPIC, type DelayedRecord } from './entry/entry.ts'
export type { Fate } from './entry/fate.ts'
export { ID_PLACEHOLDER, messageId, type Place, parseMessageId } from './entry/place.ts'
export { CLOCK_STATES, type ClockLimits, type ClockState, HandClock } from './hand-clock.ts'
export { type Envelope, readEnvelope } from './inspect/envelope.ts'
export { keptEntries } from './inspect/kept-entries.ts'
export { type OverflowRow, readOverflowRow } from './inspect/overflow-row.ts'
export { repairWheel } from './inspect/repair-wheel.ts'
export { type WalkedEnd, type WalkedEntry, walkSlot } from './inspect/slot-walk.ts'
export { type VerifyWheelOptions, verifyWheel } from './inspect/verify-wheel.ts'
export type { Listed, ListedPage, ListOptions } from './list/listing.ts'
export { decodeMark, MARK_TOPIC } from './mark.ts'
export { type DelayedState, Wheel, type WheelOptions } from './wheel.ts'
