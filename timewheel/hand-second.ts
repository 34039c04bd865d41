// What waits in the second in which the hand stood when the wheel stopped. The checkpoint counted all of that second, and what
// was dispatched of it since only its slot can tell; so at a start the slot is read once, from the hand on, and counted anew.
// What comes within that second later is counted as it comes.
//
// It is read as on its way to the hand, in pieces and inside the budget, whatever its size; nothing of it is kept.

import type { Disk, Log } from '../storage/index.ts'
import type { Census } from './census/census.ts'
import { recordBytesOf, topicIdOf } from './entry/entry.ts'
import { comparePlaces, type Place } from './entry/place.ts'
import { slotPath } from './slot/slot-files.ts'
import { SlotReader } from './slot/slot-reader.ts'
import type { Slots } from './slot/slots.ts'

export interface HandSecondOptions {
  disk: Disk
  log: Log
  slotsDirectory: string
  /** As the checkpoint knew them. */
  slots: Slots
  census: Census
  /** Where the hand stands. */
  hand: Place
  /** Budget for reading slots. */
  readBytes: number
}

/** Counts the hand's own second anew, before anything is added to it. */
export async function countHandSecond(options: HandSecondOptions): Promise<void> {
  const { disk, log, slotsDirectory, slots, census, hand } = options
  const second = Math.floor(hand.dueAtMs / 1000)
  census.dropUpTo(second)
  const slot = slots.get(second)
  if (slot === undefined) return
  const reader = new SlotReader(slot, {
    ...options,
    open: ({ second }) => disk.open(slotPath(slotsDirectory, second), 'read'),
  })
  try {
    for (let after = hand; comparePlaces(after, slot.lastPlace) < 0; ) {
      if (!reader.isPrepared) await reader.prepare()
      const { entries, upTo } = reader.take(after)
      for (const { dueAtMs, envelope } of entries) {
        census.add(dueAtMs, topicIdOf(envelope), recordBytesOf(envelope))
      }
      after = upTo
    }
  } catch (error) {
    // The horizon comes to the same place, and derives the slot or says why it cannot.
    const fields = { second, error: (error as Error).message }
    log.warn(fields, 'The slot of the hand cannot be read: until its second is over, counts may lack some of it.')
  } finally {
    await reader.close()
  }
}
