// Checks the slot files that the next start relies on: each entry against its checksum and against `__delay`.

import { type Counts, counted, type Disk, type Finding, wrong } from '../../storage/index.ts'
import type { Checkpoint } from '../checkpoint/checkpoint.ts'
import { DELAY_TOPIC } from '../entry/entry.ts'
import type { Mark } from '../mark.ts'
import { slotPath, slotsPath } from '../slot/slot-files.ts'
import type { DelayTable } from './delay-table.ts'
import { walkSlot } from './slot-walk.ts'
import { countingSlots } from './verify-checkpoints.ts'

export interface VerifySlotsOptions {
  disk: Disk
  /** The wheel's own folder. */
  directory: string
  counts: Counts
  mark: Mark
  table: DelayTable
  /** The one that the next start goes on from. */
  checkpoint: Checkpoint
}

/** Answers whether one could not be read to its end: what is in the unread rest cannot be told. */
export async function* verifySlots(options: VerifySlotsOptions): AsyncGenerator<Finding, boolean> {
  const { counts, checkpoint, mark } = options
  let isUnread = false
  for (const { second, fileSize } of countingSlots(checkpoint, mark)) {
    counted(counts, 'slots')
    if (yield* verifySlot(options, second, fileSize)) isUnread = true
  }
  return isUnread
}

async function* verifySlot(
  { disk, directory, table, counts }: VerifySlotsOptions,
  second: number,
  fileSize: number,
): AsyncGenerator<Finding, boolean> {
  const path = slotPath(slotsPath(directory), second)
  const file = await disk.open(path, 'read')
  try {
    for await (const item of walkSlot(file, second, fileSize)) {
      const { position } = item
      if (item.kind === 'damage') {
        yield wrong('slot-damaged', path, `The slot is damaged at byte ${position}: ${item.reason}.`, {
          position,
          meaning: `It is derived from ${DELAY_TOPIC} again when its second comes; that takes a while.`,
          acknowledged: false,
        })
        return true
      }
      counted(counts, 'slot entries')
      const { offset, dueAtMs, envelope } = item
      // What lies before the log start came out of overflow.
      const isForeign =
        Math.floor(dueAtMs / 1000) !== second ||
        (offset >= table.fromOffset && !(table.has(offset) && table.keep(offset, envelope)))
      if (isForeign) {
        yield wrong(
          'slot-foreign',
          path,
          `The entry at byte ${position} says offset ${offset}, due ${new Date(dueAtMs).toISOString()}: ${DELAY_TOPIC} has no such entry for this second.`,
          {
            position,
            offset,
            meaning: 'It would be dispatched though nobody published it like this.',
            acknowledged: false,
          },
        )
      }
    }
    return false
  } finally {
    await file.close()
  }
}
