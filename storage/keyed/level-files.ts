// What a look at the files of a LevelDB folder tells before LevelDB opens it, for LevelDB itself does not look:
//
//   1. Without CURRENT it takes any folder for a new one, replays the write-ahead files that lie there and deletes the
//      tables: what could have been put back is gone, and the rows that are left look as if they were all.
//   2. A table that was cut or emptied is found only by the first read that needs it. Only tables that the manifest names are
//      looked at: a process that was killed in a compaction leaves half of one behind, which nobody misses.
//
//   │ CURRENT │ tables or write-ahead files │ a table is cut │ then                                                    │
//   ├─────────┼─────────────────────────────┼────────────────┼─────────────────────────────────────────────────────────┤
//   │ missing │ none                        │                │ 'new': nothing was ever written, it may be made         │
//   │ missing │ some                        │                │ 'damaged'                                               │
//   │ there   │ any                         │ yes            │ 'damaged'                                               │
//   │ there   │ any                         │ no             │ 'there': LevelDB decides                                │

import { join } from 'node:path'
import type { Disk } from '../base/disk.ts'
import { tablesOf } from './level-manifest.ts'

export interface LevelFiles {
  current: boolean
  /** Tables and write-ahead files. */
  rows: boolean
  /** Name of a table of the manifest that does not end as tables do. */
  cutTable: string | undefined
}

/** The table above, as data: the first row that matches decides. */
export const LEVEL_FOLDERS: readonly { when: (files: LevelFiles) => boolean; is: 'new' | 'there' | 'damaged' }[] = [
  { when: ({ current, rows }) => !current && !rows, is: 'new' },
  { when: ({ current }) => !current, is: 'damaged' },
  { when: ({ cutTable }) => cutTable !== undefined, is: 'damaged' },
  { when: () => true, is: 'there' },
]

const TABLE = /^(\d+)\.(ldb|sst)$/
const MANIFEST = /^MANIFEST-\d+$/
const WRITE_AHEAD = /^\d+\.log$/
/** The last eight bytes of every table (leveldb/table/format.h). */
const TABLE_END = Buffer.from('57fb808b247547db', 'hex')

/** What lies in `directory`, which need not exist. */
export async function lookAtLevelFiles(disk: Disk, directory: string): Promise<LevelFiles> {
  const names = await disk.list(directory)
  const tables = await liveTables(disk, directory, names)
  let cutTable: string | undefined
  for (const name of names) {
    const number = TABLE.exec(name)?.[1]
    if (number === undefined || tables?.has(Number(number)) === false) continue
    if (!(await isWhole(disk, join(directory, name)))) cutTable ??= name
  }
  const rows = names.some((name) => TABLE.test(name) || WRITE_AHEAD.test(name))
  return { current: names.includes('CURRENT'), rows, cutTable }
}

/** Those that the manifest names; undefined when that does not tell: then all of them count. */
async function liveTables(disk: Disk, directory: string, names: readonly string[]): Promise<Set<number> | undefined> {
  if (!names.includes('CURRENT')) return undefined
  const manifest = (await readAll(disk, join(directory, 'CURRENT'))).toString('latin1').trim()
  if (!MANIFEST.test(manifest) || !names.includes(manifest)) return undefined
  return tablesOf(await readAll(disk, join(directory, manifest)))
}

async function readAll(disk: Disk, path: string): Promise<Buffer> {
  const file = await disk.open(path, 'read')
  try {
    const bytes = Buffer.alloc(await file.size())
    return bytes.subarray(0, await file.read(bytes, 0))
  } finally {
    await file.close()
  }
}

async function isWhole(disk: Disk, path: string): Promise<boolean> {
  const file = await disk.open(path, 'read')
  try {
    const end = Buffer.alloc(TABLE_END.length)
    const read = await file.read(end, Math.max(0, (await file.size()) - end.length))
    return read === end.length && end.equals(TABLE_END)
  } finally {
    await file.close()
  }
}
