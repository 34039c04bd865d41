// One process for each data directory.
//
// The lock is the one that LevelDB holds on its own folder, `lock/`: a lock of the kernel (fcntl), which ends with the
// process that holds it, however it ends. `owner.json` beside it only says who that is.
//
//   lock/           a LevelDB without rows
//   owner.json      {"pid":4711,"host":"a","startedAtMs":1790000000000}
//
// After a crash: the kernel has let go; the next owner replaces owner.json.

import { join } from 'node:path'
import { type KeyValueStore, openLevelStore } from '../keyed/key-value-store.ts'
import type { Disk } from './disk.ts'
import { DwellError } from './errors.ts'

const OWNER_BYTES_MAX = 4096

export interface Owner {
  pid: number
  host: string
  startedAtMs: number
}

export interface DirectoryLock {
  release(): Promise<void>
}

/**
 * Takes the lock of `directory`, which is made when missing; `owner` is what a second process will be told.
 * @throws DATA_DIRECTORY_LOCKED, naming the owner; DATA_DIRECTORY_UNUSABLE
 */
export async function lockDirectory(disk: Disk, directory: string, owner: Owner): Promise<DirectoryLock> {
  await disk.makeDirectory(directory).catch((error) => {
    const isFile = error.code === 'EEXIST' || error.code === 'ENOTDIR'
    const sentence = isFile
      ? `The data directory ${directory} is not a folder. Name one, or a path at which one can be made.`
      : `The data directory ${directory} cannot be made: ${error.message}.`
    throw new DwellError('DATA_DIRECTORY_UNUSABLE', sentence, { path: directory }, error)
  })
  const ownerPath = join(directory, 'owner.json')
  const store = await openLock(disk, join(directory, 'lock')).catch(async (error) => {
    if (!(error instanceof DwellError) || error.code !== 'STORE_LOCKED') throw error
    throw await ownerOf(disk, directory, error)
  })
  try {
    await writeOwner(disk, ownerPath, owner)
  } catch (error) {
    await store.close()
    throw error
  }
  return {
    async release() {
      await disk.remove(ownerPath)
      await store.close()
    },
  }
}

/** There are no rows to be lost: what a power cut left of its files is made anew, all but LOCK, which is the lock itself. */
async function openLock(disk: Disk, directory: string): Promise<KeyValueStore> {
  try {
    return await openLevelStore(disk, directory)
  } catch (error) {
    if (!(error instanceof DwellError) || error.code !== 'STORE_DAMAGED') throw error
    for (const name of await disk.list(directory)) if (name !== 'LOCK') await disk.remove(join(directory, name))
    return openLevelStore(disk, directory)
  }
}

/** The error that names who uses `directory`. */
export async function ownerOf(disk: Disk, directory: string, cause: DwellError): Promise<DwellError> {
  return locked(directory, await readOwner(disk, join(directory, 'owner.json')), cause)
}

function locked(directory: string, owner: Owner | undefined, cause: DwellError): DwellError {
  if (owner === undefined) {
    const sentence = `The data directory ${directory} is in use by another process.`
    return new DwellError('DATA_DIRECTORY_LOCKED', sentence, { path: directory }, cause)
  }
  const since = new Date(owner.startedAtMs).toISOString()
  const sentence = `The data directory ${directory} is in use by process ${owner.pid} on ${owner.host}, started at ${since}.`
  const fields = { path: directory, pid: owner.pid, host: owner.host, startedAt: since }
  return new DwellError('DATA_DIRECTORY_LOCKED', sentence, fields, cause)
}

async function writeOwner(disk: Disk, path: string, owner: Owner): Promise<void> {
  const file = await disk.open(path, 'write')
  try {
    await file.truncate(0)
    await file.write(Buffer.from(`${JSON.stringify(owner)}\n`), 0)
    await file.sync()
  } finally {
    await file.close()
  }
}

/** The owner; undefined when the file is missing or being written right now. */
async function readOwner(disk: Disk, path: string): Promise<Owner | undefined> {
  try {
    const file = await disk.open(path, 'read')
    try {
      const bytes = Buffer.alloc(OWNER_BYTES_MAX)
      return JSON.parse(bytes.toString('utf8', 0, await file.read(bytes, 0)))
    } finally {
      await file.close()
    }
  } catch {
    return undefined
  }
}
