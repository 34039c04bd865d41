// Opens the index of ids. It is derived from `__ids`, so whatever is damaged in it is answered by making all of it anew: at
// once when the start meets it, at the next start when a row is met later. Until then its progress row, which comes before
// all others, has no value. An index that only cannot be read just now is left as it is.

import { type Disk, DwellError, type KeyValueStore, type Log, openLevelStore } from '../../storage/index.ts'

/** The row that says how far the index goes. Topic ids begin at 1, so no row of an id has this key. */
export const PROGRESS_KEY = Buffer.alloc(4)

/** @throws STORE_LOCKED, STORE_UNREADABLE */
export async function openIdIndex(disk: Disk, directory: string, log: Log): Promise<KeyValueStore> {
  let index: KeyValueStore | undefined
  let code = 'ROW_DAMAGED'
  let why: string
  try {
    index = await openLevelStore(disk, directory)
    const [progress] = await index.rows({}, 1)
    if (progress === undefined || progress[1].length > 0) return index
    why = 'A row of it could not be read.'
  } catch (error) {
    if (!isOfIndex(error)) throw error
    code = error.code
    why = error.message
  }
  await index?.close()
  log.error({ code, path: directory, error: why }, 'The index of ids is damaged: it is made anew out of the log.')
  await disk.removeTree(directory)
  return openLevelStore(disk, directory)
}

/** Has the next start make the index anew if `error` says that it is damaged; answers whether it does. */
export async function condemnIdIndex(index: KeyValueStore, error: unknown): Promise<boolean> {
  if (!isOfIndex(error)) return false
  await index.write([{ type: 'put', key: PROGRESS_KEY, value: Buffer.alloc(0) }])
  return true
}

/** Damage of the index itself, not of the log that it is made from. */
function isOfIndex(error: unknown): error is DwellError {
  return error instanceof DwellError && (error.code === 'STORE_DAMAGED' || error.code === 'ROW_DAMAGED')
}
