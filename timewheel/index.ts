// The only door into this folder.

export type { Dispatched } from './dispatcher.ts'
export type { DelayedRecord } from './entry.ts'
export { HandClock } from './hand-clock.ts'
export type { DelayedState } from './look-up.ts'
export { ID_PLACEHOLDER, messageId, type Place, parseMessageId } from './place.ts'
export { Wheel, type WheelOptions } from './wheel.ts'
