// The latest time that an earlier run of the wheel wrote down: by it a start judges what the wall clock shows.

import { type Disk, DwellError, type LogEngine } from '../../storage/index.ts'
import { lastMark, MARK_TOPIC } from '../mark.ts'
import { readCheckpoint } from './checkpoint.ts'
import { checkpointPath } from './checkpoint-files.ts'

/** Epoch milliseconds; 0 when nothing was ever written down. `directory` is the wheel's own. */
export async function lastKnownMs(engine: LogEngine, disk: Disk, directory: string): Promise<number> {
  const mark = engine.topic(MARK_TOPIC) === undefined ? undefined : await lastMark(engine)
  const checkpoint = await readCheckpoint(disk, checkpointPath(directory)).catch((error) => {
    // Damage is told, and answered, when the wheel opens.
    if (error instanceof DwellError) return undefined
    throw error
  })
  return Math.max(mark?.hand.dueAtMs ?? 0, checkpoint?.nowMs ?? 0)
}
