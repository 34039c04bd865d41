// The two checkpoints of the wheel on disk: the one that is written every time, and the synced one (synced-checkpoint.ts).
//
// Always true: whoever begins slot files anew has taken the worth from every checkpoint that names them before. Otherwise a
// process killed soon after would leave new files behind that are as long as an old checkpoint says, and hold something else.

import { join } from 'node:path'
import { type Disk, DwellError, type Log } from '../../storage/index.ts'
import { readCheckpoint, writeCheckpoint } from './checkpoint.ts'

export function checkpointPath(directory: string): string {
  return join(directory, 'checkpoint')
}

export function syncedPath(directory: string): string {
  return join(directory, 'checkpoint.synced')
}

export interface Taken<T> {
  file: 'none' | 'damaged' | 'whole'
  contents: T | undefined
}

/** What `read` finds at `path`; a file that is damaged is set aside. */
export async function take<T>(
  disk: Disk,
  path: string,
  log: Log,
  read: (disk: Disk, path: string) => Promise<T | undefined>,
): Promise<Taken<T>> {
  try {
    const contents = await read(disk, path)
    return { file: contents === undefined ? 'none' : 'whole', contents }
  } catch (error) {
    if (!(error instanceof DwellError && error.code === 'FILE_DAMAGED')) throw error
    log.error({ code: error.code, path, error: error.message }, 'A checkpoint of the wheel is damaged and set aside.')
    await disk.rename(path, `${path}.damaged`)
    return { file: 'damaged', contents: undefined }
  }
}

/**
 * Takes the worth from the checkpoint in `directory`: without the id of a boot no start goes on from it, though it still says
 * what overflow has to have. Durable when it resolves.
 */
export async function distrustCheckpoint(disk: Disk, directory: string): Promise<void> {
  const path = checkpointPath(directory)
  const checkpoint = await readCheckpoint(disk, path)
  if (checkpoint !== undefined && checkpoint.bootId !== '')
    await writeCheckpoint(disk, path, { ...checkpoint, bootId: '' })
}

/** Removes the synced checkpoint. Durable when it resolves. */
export async function removeSynced(disk: Disk, directory: string): Promise<void> {
  await disk.remove(syncedPath(directory))
  await disk.syncDirectory(directory)
}
