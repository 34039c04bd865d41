// What becomes of a LevelDB store whose files are damaged, missing, older, or only out of reach for a moment: D16 of the
// faults, with the real LevelDB in a real folder. Made anew is only what is damaged, and only by who can derive it.

import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { type DwellError, type KeyValueStore, lockDirectory, openLevelStore, SystemDisk } from '../../storage/index.ts'
import { LEVEL_FAILURES } from '../../storage/keyed/key-value-store.ts'
import { LEVEL_FOLDERS, type LevelFiles } from '../../storage/keyed/level-files.ts'
import { tablesOf } from '../../storage/keyed/level-manifest.ts'

const ROWS = 400
const disk = new SystemDisk()

function folder(t: Test): string {
  const directory = mkdtempSync(join(tmpdir(), 'dwell-store-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  return join(directory, 'store')
}

/** A store with a table and a write-ahead file. */
async function filled(directory: string): Promise<void> {
  const value = (i: number) => Buffer.from(`${i} `.padEnd(2_000, String.fromCharCode(33 + (i % 90))))
  for (const part of [0, 1]) {
    // Opening moves what the write-ahead file holds into a table.
    const store = await openLevelStore(disk, directory)
    for (let i = part * (ROWS / 2); i < (part + 1) * (ROWS / 2); i++) {
      await store.write([{ type: 'put', key: Buffer.from(String(i).padStart(5, '0')), value: value(i) }])
    }
    await store.close()
  }
}

function fileOf(directory: string, pattern: RegExp): string {
  return join(directory, readdirSync(directory).find((name) => pattern.test(name)) as string)
}

const cut = (path: string, size: number) => truncateSync(path, size)
const flip = (path: string, at: number) => {
  const bytes = readFileSync(path)
  bytes[at] ^= 1
  writeFileSync(path, bytes)
}
const half = (path: string) => cut(path, readFileSync(path).length >> 1)

const TABLE = /\.ldb$/
const MANIFEST = /^MANIFEST-/
const WRITE_AHEAD = /^\d+\.log$/

/** Each damage, and when it is seen: at the opening, at the first read that comes to it, or by nobody but who counts rows. */
const DAMAGES: readonly {
  what: string
  seen: 'opening' | 'reading' | 'counting'
  damage: (directory: string) => void
}[] = [
  { what: 'CURRENT missing', seen: 'opening', damage: (d) => rmSync(join(d, 'CURRENT')) },
  { what: 'CURRENT empty', seen: 'opening', damage: (d) => cut(join(d, 'CURRENT'), 0) },
  { what: 'CURRENT cut', seen: 'opening', damage: (d) => cut(join(d, 'CURRENT'), 9) },
  {
    what: 'CURRENT names another',
    seen: 'opening',
    damage: (d) => writeFileSync(join(d, 'CURRENT'), 'MANIFEST-000099\n'),
  },
  { what: 'MANIFEST missing', seen: 'opening', damage: (d) => rmSync(fileOf(d, MANIFEST)) },
  { what: 'MANIFEST empty', seen: 'opening', damage: (d) => cut(fileOf(d, MANIFEST), 0) },
  { what: 'MANIFEST torn', seen: 'opening', damage: (d) => half(fileOf(d, MANIFEST)) },
  { what: 'MANIFEST with a bit flipped', seen: 'opening', damage: (d) => flip(fileOf(d, MANIFEST), 30) },
  { what: 'a table missing', seen: 'opening', damage: (d) => rmSync(fileOf(d, TABLE)) },
  { what: 'a table of no bytes', seen: 'opening', damage: (d) => cut(fileOf(d, TABLE), 0) },
  { what: 'a table torn', seen: 'opening', damage: (d) => half(fileOf(d, TABLE)) },
  { what: 'a table with a bit flipped', seen: 'reading', damage: (d) => flip(fileOf(d, TABLE), 100) },
  { what: 'the write-ahead file missing', seen: 'counting', damage: (d) => rmSync(fileOf(d, WRITE_AHEAD)) },
  { what: 'the write-ahead file torn', seen: 'counting', damage: (d) => half(fileOf(d, WRITE_AHEAD)) },
  {
    what: 'the write-ahead file with a bit flipped',
    seen: 'counting',
    damage: (d) => flip(fileOf(d, WRITE_AHEAD), 50),
  },
]

t.test('damage of each file of LevelDB is called damage, and nothing is deleted for it', async (t) => {
  const original = folder(t)
  await filled(original)
  for (const { what, seen, damage } of DAMAGES) {
    const directory = folder(t)
    cpSync(original, directory, { recursive: true })
    damage(directory)
    const before = seen === 'opening' ? readdirSync(directory).filter((name) => TABLE.test(name)) : []
    const store = await openLevelStore(disk, directory).catch((error: DwellError) => error)
    if (store instanceof Error) {
      t.match(store, { code: 'STORE_DAMAGED', fields: { path: directory } }, what)
      t.equal(seen, 'opening', what)
      t.same(readdirSync(directory).filter((name) => TABLE.test(name)), before, `${what}: its tables are still there`) // biome-ignore format: one line
      continue
    }
    const rows = await readAll(store).catch((error: DwellError) => error)
    if (seen === 'reading') t.match(rows, { code: /^(STORE|ROW)_DAMAGED$/ }, what)
    else t.ok(seen === 'counting' && typeof rows === 'number' && rows < ROWS, `${what}: ${rows} rows`)
    await store.close()
  }
})

async function readAll(store: KeyValueStore): Promise<number> {
  return (await store.rows({}, 10 * ROWS)).length
}

t.test('a store that only cannot be reached is not called damaged', async (t) => {
  const directory = folder(t)
  await filled(directory)
  const open = await openLevelStore(disk, directory)
  await t.rejects(openLevelStore(disk, directory), { code: 'STORE_LOCKED' })
  await open.close()
  // Permissions say nothing to a privileged user: a folder in the place of a file is as unreadable to everybody.
  const manifest = fileOf(directory, MANIFEST)
  const bytes = readFileSync(manifest)
  rmSync(manifest)
  mkdirSync(manifest)
  await t.rejects(openLevelStore(disk, directory), {
    code: 'STORE_UNREADABLE',
    message: /illegal operation on a directory/,
  })
  rmSync(manifest, { recursive: true })
  writeFileSync(manifest, bytes)
  const again = await openLevelStore(disk, directory)
  t.equal(await readAll(again), ROWS, 'nothing was deleted')
  await again.close()

  const failing = Object.assign(new SystemDisk(), {
    list: async () => {
      throw Object.assign(new Error('EMFILE: too many open files'), { code: 'EMFILE' })
    },
  })
  await t.rejects(openLevelStore(failing, directory), { code: 'STORE_UNREADABLE', message: /EMFILE/ })
})

t.test('every row of the table of what LevelDB says', (t) => {
  const says: [string, string][] = [
    ['IO error: lock /d/LOCK: already held by process', 'STORE_LOCKED'],
    ['IO error: lock /d/LOCK: Resource temporarily unavailable', 'STORE_LOCKED'],
    ['IO error: lock /d/LOCK: No locks available', 'STORE_UNREADABLE'],
    ['Corruption: CURRENT file does not end with newline', 'STORE_DAMAGED'],
    ['IO error: /d/MANIFEST-000004: No such file or directory', 'STORE_DAMAGED'],
    ['IO error: /d/000009.ldb: Invalid argument', 'STORE_DAMAGED'],
    ['Invalid argument: d: leveldb.BytewiseComparator does not match', 'STORE_DAMAGED'],
    ['IO error: /d/LOCK: Permission denied', 'STORE_UNREADABLE'],
    ['IO error: /d/000009.ldb: Too many open files', 'STORE_UNREADABLE'],
    ['IO error: /d/000009.ldb: Input/output error', 'STORE_UNREADABLE'],
    ['IO error: /d/000010.log: Read-only file system', 'STORE_UNREADABLE'],
  ]
  for (const [sentence, means] of says) {
    t.equal(LEVEL_FAILURES.find((row) => row.says.test(sentence))?.means, means, sentence)
  }
  t.end()
})

t.test('every row of the table of folders', (t) => {
  const rows: [LevelFiles, string][] = [
    [{ current: false, rows: false, cutTable: undefined }, 'new'],
    [{ current: false, rows: true, cutTable: undefined }, 'damaged'],
    [{ current: true, rows: true, cutTable: '000009.ldb' }, 'damaged'],
    [{ current: true, rows: true, cutTable: undefined }, 'there'],
    [{ current: true, rows: false, cutTable: undefined }, 'there'],
  ]
  for (const [files, is] of rows) t.equal(LEVEL_FOLDERS.find(({ when }) => when(files))?.is, is)
  t.end()
})

t.test('half a table that a killed process left behind is no damage', async (t) => {
  const directory = folder(t)
  await filled(directory)
  const table = fileOf(directory, TABLE)
  writeFileSync(join(directory, '000785.ldb'), readFileSync(table).subarray(0, 1_000))
  const store = await openLevelStore(disk, directory)
  t.equal(await readAll(store), ROWS, 'all is there')
  await store.close()
  t.notOk(readdirSync(directory).includes('000785.ldb'), 'and LevelDB has cleared it away')
})

t.test('the manifest names the tables that count, however many edits and blocks it has', async (t) => {
  const directory = folder(t)
  for (let part = 0; part < 12; part++) {
    const store = await openLevelStore(disk, directory, { writeBufferBytes: 64 * 1024 })
    // Long keys stand in the manifest twice a table, so that it fills several blocks.
    for (let i = 0; i < 40; i++) {
      const key = Buffer.from(`${(part * 40 + i) % 97} `.padEnd(4_000, 'k'))
      await store.write([{ type: 'put', key, value: Buffer.alloc(4_000, part + i) }])
    }
    await store.close()
  }
  const manifest = readFileSync(fileOf(directory, MANIFEST))
  const there = readdirSync(directory).filter((name) => TABLE.test(name))
  t.ok(there.length > 1)
  const numbers = there.map((name) => Number.parseInt(name, 10))
  t.same(tablesOf(manifest), new Set(numbers))
  const whole = Buffer.from([0, 0, 0, 0, 100, 0, 1])
  t.equal(tablesOf(Buffer.concat([whole, Buffer.alloc(100, 0xff)])), undefined, 'no edit')
  t.same(tablesOf(Buffer.alloc(3)), new Set(), 'a torn end')
})

t.test('a lock whose files a power cut has garbled can be taken all the same', async (t) => {
  const directory = folder(t)
  const owner = { pid: 1, host: 'a', startedAtMs: 1 }
  await (await lockDirectory(disk, directory, owner)).release()
  for (const damage of [
    () => cut(join(directory, 'lock', 'CURRENT'), 3),
    () => rmSync(join(directory, 'lock', 'CURRENT')),
    () => flip(fileOf(join(directory, 'lock'), MANIFEST), 20),
  ]) {
    damage()
    const lock = await lockDirectory(disk, directory, owner)
    await t.rejects(lockDirectory(disk, directory, owner), { code: 'DATA_DIRECTORY_LOCKED' })
    await lock.release()
  }
})
