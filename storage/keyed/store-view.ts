// Looks into a LevelDB folder without changing a byte of it.
//
// LevelDB writes when it is opened, but never into a file that is there: tables and logs are read, renamed or removed, the rest
// is made anew. So it is opened in a folder of links, and what it renames and removes are links. A folder that another
// process has open can be looked at too: its state is that of some moment.

import { ClassicLevel } from 'classic-level'
import { crc32c } from '../base/crc.ts'
import type { Disk } from '../base/disk.ts'
import { DwellError } from '../base/errors.ts'
import { Scratch } from '../base/scratch.ts'
import type { KeyRange } from './key-value-store.ts'
import { lookAtLevelFiles } from './level-files.ts'

const ROWS_AT_ONCE = 1_000
/** LevelDB's own lock and diary: each folder has its own. */
const OWN_FILES = new Set(['LOCK', 'LOG', 'LOG.old'])

export interface ViewedRow {
  key: Buffer
  /** As it is stored behind its checksum. */
  value: Buffer
  /** Whether it matches its checksum. */
  good: boolean
}

export class StoreView {
  readonly #level: ClassicLevel<Buffer, Buffer>
  readonly #scratch: Scratch
  readonly #directory: string

  private constructor(level: ClassicLevel<Buffer, Buffer>, scratch: Scratch, directory: string) {
    this.#level = level
    this.#scratch = scratch
    this.#directory = directory
  }

  /**
   * Opens a store that nobody writes to, and looks for tables that are cut, as a start does.
   * @throws STORE_DAMAGED
   */
  static async openStopped(disk: Disk, directory: string): Promise<StoreView> {
    const { cutTable } = await lookAtLevelFiles(disk, directory)
    if (cutTable === undefined) return StoreView.open(directory)
    throw new DwellError('STORE_DAMAGED', `LevelDB in ${directory} is damaged: the table ${cutTable} is cut.`, {
      path: directory,
    })
  }

  /** @throws STORE_DAMAGED */
  static async open(directory: string): Promise<StoreView> {
    const scratch = await Scratch.make()
    try {
      const folder = await scratch.linkFolder('store', directory, (file) => !OWN_FILES.has(file))
      const options = { keyEncoding: 'buffer', valueEncoding: 'buffer', createIfMissing: false }
      const level = new ClassicLevel<Buffer, Buffer>(folder, options)
      await level.open()
      return new StoreView(level, scratch, directory)
    } catch (error) {
      await scratch.remove()
      throw damaged(scratch, directory, error)
    }
  }

  /**
   * All rows of `range` in order of their keys.
   * @throws STORE_DAMAGED
   */
  async *rows(range: KeyRange = {}): AsyncGenerator<ViewedRow> {
    for (let from: KeyRange = range; ; ) {
      const page = this.#level.iterator({ ...from, limit: ROWS_AT_ONCE, fillCache: false })
      const rows = await page.all().catch((error) => {
        throw damaged(this.#scratch, this.#directory, error)
      })
      for (const [key, stored] of rows) yield viewed(key, stored)
      if (rows.length < ROWS_AT_ONCE) return
      from = { gt: rows[rows.length - 1][0], ...(range.lt && { lt: range.lt }) }
    }
  }

  async get(key: Buffer): Promise<ViewedRow | undefined> {
    const stored = await this.#level.get(key).catch((error) => {
      throw damaged(this.#scratch, this.#directory, error)
    })
    return stored === undefined ? undefined : viewed(key, stored)
  }

  async close(): Promise<void> {
    await this.#level.close()
    await this.#scratch.remove()
  }
}

function viewed(key: Buffer, stored: Buffer): ViewedRow {
  const value = stored.subarray(4)
  return { key, value, good: stored.length >= 4 && stored.readUInt32BE(0) === crc32c(value, crc32c(key)) }
}

function damaged(scratch: Scratch, directory: string, error: unknown): DwellError {
  const { cause, message } = error as { cause?: { message?: string }; message: string }
  const why = (cause?.message ?? message).replaceAll(`${scratch.directory}/store`, directory)
  return new DwellError('STORE_DAMAGED', `LevelDB cannot read ${directory}: ${why}`, { path: directory }, error)
}
