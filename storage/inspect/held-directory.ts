// Makes sure that nobody uses a data directory while it is looked at, and that nobody begins to, without changing a byte of it:
// the lock is the kernel's, on the file `lock/LOCK`, and can be taken through a link to it.
//
// The kernel's lock is one for a whole process: whoever has the directory open in this very process is not seen.

import { join } from 'node:path'
import { ownerOf } from '../base/directory-lock.ts'
import type { Disk } from '../base/disk.ts'
import { DwellError } from '../base/errors.ts'
import { Scratch } from '../base/scratch.ts'
import { type KeyValueStore, openLevelStore } from '../keyed/key-value-store.ts'

export interface HeldDirectory {
  letGo(): Promise<void>
}

/**
 * Holds `directory` until letGo().
 * @throws DATA_DIRECTORY_LOCKED, naming the owner
 */
export async function holdDirectory(disk: Disk, directory: string): Promise<HeldDirectory> {
  const names = await disk.list(join(directory, 'lock'))
  // A copy need not have one.
  if (!names.includes('LOCK')) return { async letGo() {} }
  const scratch = await Scratch.make()
  let store: KeyValueStore
  try {
    store = await openLevelStore(
      disk,
      await scratch.linkFolder('lock', join(directory, 'lock'), (name) => name === 'LOCK'),
    )
  } catch (error) {
    await scratch.remove()
    if (error instanceof DwellError && error.code === 'STORE_LOCKED') throw await ownerOf(disk, directory, error)
    throw error
  }
  return {
    async letGo() {
      await store.close()
      await scratch.remove()
    },
  }
}
