// Fills a slot anew out of `__delay` and overflow, when its file cannot be read. As much as memory allows is added at a time,
// the rest is written to the slot's file, behind what cannot be read.

import { type LogEngine, readPage, valueOfRecordBody } from '../storage/index.ts'
import { CANCEL, DELAY_TOPIC, dueAtMsOf, isMessage, kindOf, MESSAGE, targetOf, withdrawalOf } from './entry/entry.ts'
import { comparePlaces, type Place } from './entry/place.ts'
import { ROWS_AT_ONCE } from './overflow.ts'
import type { Pending } from './pending.ts'
import type { Slot } from './slot/slot.ts'

const READ_BYTES = 1024 * 1024

export interface DeriveOptions {
  engine: LogEngine
  pending: Pending
  /** Up to where `__delay` is consumed. */
  consumed: () => number
}

/** Fills the slot that stands in the place of `slot`; what of it is up to the horizon was taken already. */
export async function deriveSlot(slot: Slot, { engine, pending, consumed }: DeriveOptions): Promise<void> {
  const { slots, overflow } = pending
  const { second } = slot
  while (slot.writing) {
    await slots.write([slot], false)
    await slot.written()
  }
  slots.startAnew(slot)
  // What lies behind that comes by itself; but what a fact says was applied before it is consumed.
  const until = consumed()
  const end = engine.offsets(DELAY_TOPIC, 0).highWatermark
  const add = (place: Place, offset: number, envelope: Buffer) => {
    if (Math.floor(place.dueAtMs / 1000) !== second || comparePlaces(place, pending.horizon) <= 0) return
    slots.add(place.dueAtMs, offset, envelope)
  }
  for (let at = 0; at < end; ) {
    // A checkpoint under way may let go of more meanwhile, of nothing that is needed here.
    at = Math.max(at, engine.offsets(DELAY_TOPIC, 0).logStartOffset)
    const { records, nextOffset } = readPage(await engine.read(DELAY_TOPIC, 0, at, READ_BYTES), at)
    for (const { offset, body } of records) {
      if (offset >= end) break
      const envelope = valueOfRecordBody(body) as Buffer
      const kind = kindOf(envelope)
      const isConsumed = offset < until
      if (isMessage(envelope) && isConsumed) add({ dueAtMs: dueAtMsOf(envelope), offset }, offset, envelope)
      if (kind !== MESSAGE && (isConsumed || kind !== CANCEL)) add(targetOf(envelope), offset, withdrawalOf(envelope))
    }
    at = nextOffset
    await slots.relieved()
  }
  await overflow.flush()
  for (let after: Place = { dueAtMs: second * 1000, offset: -1 }; ; ) {
    const rows = await overflow.rows(after, (second + 1) * 1000, ROWS_AT_ONCE)
    for (const row of rows) add(row, row.offset, row.envelope)
    if (rows.length < ROWS_AT_ONCE) return
    after = rows[rows.length - 1]
    await slots.relieved()
  }
}
