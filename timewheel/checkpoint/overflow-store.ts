// Opens the overflow store, the one store whose rows lie nowhere else. When it is damaged the start is refused, and what
// the checkpoint of the wheel and the mark still know goes into the sentence: which due times may be missing.

import { type Disk, DwellError, type KeyValueStore, type LogEngine } from '../../storage/index.ts'
import { FIRST_MARK, lastMark, MARK_TOPIC } from '../mark.ts'
import { readCheckpoint } from './checkpoint.ts'
import { checkpointPath } from './checkpoint-files.ts'
import { overflowLost } from './recovery.ts'

export interface OverflowStoreOptions {
  open: () => Promise<KeyValueStore>
  engine: LogEngine
  disk: Disk
  /** The wheel's own folder. */
  directory: string
}

/** @throws OVERFLOW_LOST when it is damaged, and what else `open` throws */
export async function openOverflowStore({
  open,
  engine,
  disk,
  directory,
}: OverflowStoreOptions): Promise<KeyValueStore> {
  try {
    return await open()
  } catch (error) {
    if (!(error instanceof DwellError) || error.code !== 'STORE_DAMAGED') throw error
    const mark = engine.topic(MARK_TOPIC) === undefined ? FIRST_MARK : await lastMark(engine)
    const checkpoint = await readCheckpoint(disk, checkpointPath(directory)).catch(() => undefined)
    throw overflowLost(checkpoint, mark, error)
  }
}
