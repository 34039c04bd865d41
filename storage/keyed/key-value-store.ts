// An ordered map on disk: LevelDB, behind the few calls that this project makes of it.
//
// Always true:
//   1. A batch is all or nothing, and durable when it resolves: every write is synced. LevelDB 1.20 does not sync an old
//      write-ahead file when it begins a new one, so a synced write would not cover unsynced ones before it.
//   2. Every value carries a CRC-32C of key and value; a value that does not match is an error, never an answer.
//
//   value:  ┌─────────────┬──────────┐
//           │ crc32c <4b> │ contents │      the checksum covers key and contents
//           └─────────────┴──────────┘

import { ClassicLevel } from 'classic-level'
import { crc32c } from '../base/crc.ts'
import { DwellError } from '../base/errors.ts'

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

/**
 * Opens LevelDB in `directory`, which is created when missing.
 * @throws STORE_LOCKED (another process has it open), STORE_DAMAGED
 */
export async function openLevelStore(directory: string, options: { cacheBytes?: number } = {}): Promise<KeyValueStore> {
  const level = new ClassicLevel<Buffer, Buffer>(directory, {
    keyEncoding: 'buffer',
    valueEncoding: 'buffer',
    cacheSize: options.cacheBytes,
  })
  try {
    await level.open()
  } catch (error) {
    const cause = (error as { cause?: { code?: string; message?: string } }).cause
    if (cause?.code === 'LEVEL_LOCKED') {
      throw new DwellError('STORE_LOCKED', `${directory} is open in another process.`, { path: directory }, error)
    }
    const why = cause?.message ?? (error as Error).message
    throw new DwellError('STORE_DAMAGED', `LevelDB cannot open ${directory}: ${why}`, { path: directory }, error)
  }
  return new LevelStore(level, directory)
}

class LevelStore implements KeyValueStore {
  readonly #level: ClassicLevel<Buffer, Buffer>
  readonly #directory: string

  constructor(level: ClassicLevel<Buffer, Buffer>, directory: string) {
    this.#level = level
    this.#directory = directory
  }

  get(key: Buffer): Buffer | undefined {
    const stored = this.#level.getSync(key)
    return stored === undefined ? undefined : this.#checked(key, stored)
  }

  async rows(range: KeyRange, limit: number): Promise<[Buffer, Buffer][]> {
    const rows = await this.#level.iterator({ ...range, limit, fillCache: false }).all()
    return rows.map(([key, stored]) => [key, this.#checked(key, stored)])
  }

  async write(writes: readonly KeyedWrite[]): Promise<void> {
    if (writes.length === 0) return
    const batch = this.#level.batch()
    for (const write of writes) {
      if (write.type === 'del') batch.del(write.key)
      else batch.put(write.key, withChecksum(write.key, write.value))
    }
    await batch.write({ sync: true })
  }

  async clear(range: KeyRange): Promise<void> {
    await this.#level.clear(range)
  }

  async close(): Promise<void> {
    await this.#level.close()
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
