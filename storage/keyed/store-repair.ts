// LevelDB's own repair: makes a store out of the tables and logs that can still be read. What was removed may come back, since
// some tables may be older than others that are lost.

import { ClassicLevel } from 'classic-level'
import { DwellError } from '../base/errors.ts'

/** @throws STORE_DAMAGED when not even that helps */
export async function repairLevelStore(directory: string): Promise<void> {
  try {
    await ClassicLevel.repair(directory)
  } catch (error) {
    const { cause, message } = error as Error
    const why = (cause as Error | undefined)?.message ?? message
    throw new DwellError('STORE_DAMAGED', `LevelDB cannot repair ${directory}: ${why}`, { path: directory }, error)
  }
}
