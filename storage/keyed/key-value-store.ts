// An ordered map on disk: LevelDB, behind the few calls that this project makes of it.
//
// Always true:
//   1. A batch is all or nothing, and durable when it resolves: every write is synced. LevelDB 1.20 does not sync an old
//      write-ahead file when it begins a new one, so a synced write would not cover unsynced ones before it.
//   2. Every value carries a CRC-32C of key and value; a value that does not match is an error, never an answer.
//   3. STORE_DAMAGED says that bytes or files of the store are wrong or missing, and nothing else: who holds derived rows may
//      answer it by making them anew. A store that only cannot be reached just now (permissions, descriptors, space, a
//      read that failed) is STORE_UNREADABLE: what is in it may be whole, so nobody may throw it away.
//   4. After a write has failed none is made any more, until the store is opened anew: LevelDB 1.20 goes on behind a record
//      that was cut off, answers with success, and loses all of it at the next start.
//
//   value:  ┌─────────────┬──────────┐
//           │ crc32c <4b> │ contents │      the checksum covers key and contents
//           └─────────────┴──────────┘

import { dirname } from 'node:path'
import { ClassicLevel } from 'classic-level'
import { crc32c } from '../base/crc.ts'
import type { Disk } from '../base/disk.ts'
import { DwellError } from '../base/errors.ts'
import { LEVEL_FOLDERS, lookAtLevelFiles } from './level-files.ts'

export interface KeyRange {
  gte?: Buffer
  gt?: Buffer
  lt?: Buffer
}

export type KeyedWrite = { type: 'put'; key: Buffer; value: Buffer } | { type: 'del'; key: Buffer }

export interface KeyValueStore {
  /** The value of `key`; undefined when there is none. Blocks for a read from memory or, at worst, from disk. */
  get(key: Buffer): Buffer | undefined
  /** Up to `limit` rows of `range` in order of their keys. */
  rows(range: KeyRange, limit: number): Promise<[key: Buffer, value: Buffer][]>
  /** Writes all or nothing; resolves when durable. */
  write(writes: readonly KeyedWrite[]): Promise<void>
  /** Removes all rows of `range`. Not synced: after a crash some may be back. */
  clear(range: KeyRange): Promise<void>
  close(): Promise<void>
}

type StoreFailure = 'STORE_LOCKED' | 'STORE_DAMAGED' | 'DISK_FULL' | 'STORE_UNREADABLE'

/** What LevelDB says, and what it means; the first row that fits decides. It has words for its errors, no numbers. */
export const LEVEL_FAILURES: readonly { says: RegExp; means: StoreFailure }[] = [
  { says: /^IO error: lock .*: (already held by process|Resource temporarily unavailable)/, means: 'STORE_LOCKED' },
  { says: /^Corruption:/, means: 'STORE_DAMAGED' },
  // A file that CURRENT or the manifest names is not there; a table that is empty or cut cannot be mapped.
  { says: /^IO error: .*: (No such file or directory|Invalid argument)/, means: 'STORE_DAMAGED' },
  // What else it calls invalid is what it read, never what was asked of it here.
  { says: /^Invalid argument:/, means: 'STORE_DAMAGED' },
  { says: /: (No space left on device|Disk quota exceeded)/, means: 'DISK_FULL' },
  { says: /./, means: 'STORE_UNREADABLE' },
]

/**
 * Opens LevelDB in `directory`, which is created when missing; its names are durable then. `disk` is only asked what lies
 * there. Every call of the store may throw what this does.
 * @throws STORE_LOCKED (another process has it open), STORE_DAMAGED, DISK_FULL, STORE_UNREADABLE
 */
export async function openLevelStore(
  disk: Disk,
  directory: string,
  options: { cacheBytes?: number; writeBufferBytes?: number } = {},
): Promise<KeyValueStore> {
  const files = await lookAtLevelFiles(disk, directory).catch((error) => {
    throw failureOf(directory, error)
  })
  if (LEVEL_FOLDERS.find(({ when }) => when(files))?.is === 'damaged') {
    const why = files.current ? `the table ${files.cutTable} is cut` : 'the file CURRENT is missing'
    throw new DwellError('STORE_DAMAGED', `LevelDB in ${directory} is damaged: ${why}.`, { path: directory })
  }
  const level = new ClassicLevel<Buffer, Buffer>(directory, {
    keyEncoding: 'buffer',
    valueEncoding: 'buffer',
    cacheSize: options.cacheBytes,
    writeBufferSize: options.writeBufferBytes,
  })
  try {
    await level.open()
    // LevelDB renames CURRENT and makes its first write-ahead file without syncing their names.
    for (const changed of [directory, dirname(directory)]) await disk.syncDirectory(changed)
  } catch (error) {
    throw failureOf(directory, error)
  }
  return new LevelStore(level, directory)
}

/** An error of LevelDB, or of a look at its files, as one of ours. */
function failureOf(directory: string, error: unknown): DwellError {
  const { cause, message } = error as Error
  const why = (cause as Error | undefined)?.message ?? message
  const { means } = LEVEL_FAILURES.find(({ says }) => says.test(why)) as (typeof LEVEL_FAILURES)[number]
  const sentence = means === 'STORE_LOCKED' ? 'is open in another process' : `cannot be read or written: ${why}`
  return new DwellError(means, `LevelDB in ${directory} ${sentence}.`, { path: directory }, error)
}

class LevelStore implements KeyValueStore {
  readonly #level: ClassicLevel<Buffer, Buffer>
  readonly #directory: string
  #failure: DwellError | undefined

  constructor(level: ClassicLevel<Buffer, Buffer>, directory: string) {
    this.#level = level
    this.#directory = directory
  }

  get(key: Buffer): Buffer | undefined {
    let stored: Buffer | undefined
    try {
      stored = this.#level.getSync(key)
    } catch (error) {
      throw failureOf(this.#directory, error)
    }
    return stored === undefined ? undefined : this.#checked(key, stored)
  }

  async rows(range: KeyRange, limit: number): Promise<[Buffer, Buffer][]> {
    const rows = await this.#asOurs(this.#level.iterator({ ...range, limit, fillCache: false }).all())
    return rows.map(([key, stored]) => [key, this.#checked(key, stored)])
  }

  async write(writes: readonly KeyedWrite[]): Promise<void> {
    if (writes.length === 0) return
    const batch = this.#level.batch()
    for (const write of writes) {
      if (write.type === 'del') batch.del(write.key)
      else batch.put(write.key, withChecksum(write.key, write.value))
    }
    await this.#unlessFailed(() => batch.write({ sync: true }))
  }

  async clear(range: KeyRange): Promise<void> {
    await this.#unlessFailed(() => this.#level.clear(range))
  }

  async close(): Promise<void> {
    await this.#asOurs(this.#level.close())
  }

  async #unlessFailed(write: () => Promise<void>): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure
    await this.#asOurs(write()).catch((error) => {
      throw (this.#failure = error)
    })
  }

  async #asOurs<T>(operation: Promise<T>): Promise<T> {
    try {
      return await operation
    } catch (error) {
      throw failureOf(this.#directory, error)
    }
  }

  #checked(key: Buffer, stored: Buffer): Buffer {
    const contents = stored.subarray(4)
    if (stored.length < 4 || stored.readUInt32BE(0) !== crc32c(contents, crc32c(key))) {
      const place = `${this.#directory}, key ${key.toString('hex')}`
      throw new DwellError('ROW_DAMAGED', `The row at ${place} does not match its checksum.`, { path: this.#directory })
    }
    return contents
  }
}

function withChecksum(key: Buffer, value: Buffer): Buffer {
  const stored = Buffer.allocUnsafe(4 + value.length)
  stored.writeUInt32BE(crc32c(value, crc32c(key)), 0)
  stored.set(value, 4)
  return stored
}
