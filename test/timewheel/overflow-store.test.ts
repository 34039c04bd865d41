// Overflow rows lie nowhere else: whatever takes some of them away is seen at the next start, which is refused and says
// which due times are concerned (D16 of the faults). With the real LevelDB.

import { cpSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { type KeyValueStore, openLevelStore, SystemDisk } from '../../storage/index.ts'
import { openOverflowStore } from '../../timewheel/checkpoint/overflow-store.ts'
import { Overflow } from '../../timewheel/overflow.ts'
import { MemoryStore } from '../support/memory-store.ts'
import { WheelRig } from '../support/wheel.ts'

/** LevelDB passes over the rest of a block of 32 KiB: what comes behind it is there. */
const PADDING = '.'.repeat(40_000)
const HOUR_MS = 3_600_000
const DAYS = 24 * HOUR_MS

interface Stopped {
  rig: WheelRig
  /** Where the rows are. */
  rows: string
  /** As they were some batches earlier. */
  older: string
}

/** A wheel that was stopped with messages beyond its reach, whose rows are in a table and in the write-ahead file. */
async function stopped(t: Test): Promise<Stopped> {
  const rig = new WheelRig()
  const rows = join(rig.directory, 'overflow')
  const older = join(rig.directory, 'older')
  let store: KeyValueStore | undefined
  for (let round = 0; round < 3; round++) {
    if (round === 2) cpSync(rows, older, { recursive: true })
    rig.overflow = store = await openLevelStore(rig.disk, rows)
    await rig.start()
    for (let i = 0; i < 5; i++) {
      await rig.publish([{ dueAtMs: rig.startMs + (2 + round) * DAYS + i * HOUR_MS, text: `${round} ${i} ${PADDING}` }])
      const written = rig.wheel.checkpoint()
      await rig.rest()
      await written
    }
    await rig.wheel.stop()
    await store.close()
  }
  t.teardown(() => rm(rig.directory))
  return { rig, rows, older }
}

const rm = (directory: string) => rmSync(directory, { recursive: true, force: true })
const fileOf = (directory: string, pattern: RegExp) =>
  join(directory, readdirSync(directory).find((name) => pattern.test(name)) as string)

const DAMAGES: Record<string, (stopped: Stopped) => void> = {
  'CURRENT missing': ({ rows }) => rmSync(join(rows, 'CURRENT')),
  'MANIFEST torn': ({ rows }) => truncateSync(fileOf(rows, /^MANIFEST/), 20),
  'a table of no bytes': ({ rows }) => truncateSync(fileOf(rows, /\.ldb$/), 0),
  'an older snapshot of the folder': ({ rows, older }) => {
    rm(rows)
    cpSync(older, rows, { recursive: true })
  },
  'the folder gone': ({ rows }) => rm(rows),
  'a batch in the middle of the write-ahead file that LevelDB passes over': ({ rows }) => {
    const path = fileOf(rows, /^\d+\.log$/)
    const bytes = readFileSync(path)
    bytes[bytes.indexOf('2 1 .')] ^= 1
    writeFileSync(path, bytes)
  },
}

t.test('rows that are gone refuse the start, which names the span of due times', async (t) => {
  const original = await stopped(t)
  const { rig } = original
  const saved = join(rig.directory, 'saved')
  cpSync(original.rows, saved, { recursive: true })
  for (const [what, damage] of Object.entries(DAMAGES)) {
    rm(original.rows)
    cpSync(saved, original.rows, { recursive: true })
    damage(original)
    const open = () => openLevelStore(rig.disk, original.rows)
    const opened = openOverflowStore({ open, engine: rig.engine, disk: rig.disk, directory: rig.directory })
    const refusal = await opened.then(
      async (store) => {
        rig.overflow = store
        const error = await rig.start().catch((error: Error) => error)
        await store.close()
        return error
      },
      (error: Error) => error,
    )
    t.match(refusal, { code: 'OVERFLOW_LOST' }, what)
    t.match(refusal, { message: /due between 2026-11-20T.* and 2026-11-24T14:00:00.000Z may be missing/ }, what)
  }
  rm(original.rows)
  cpSync(saved, original.rows, { recursive: true })
  const open = () => openLevelStore(new SystemDisk(), original.rows)
  rig.overflow = await openOverflowStore({ open, engine: rig.engine, disk: rig.disk, directory: rig.directory })
  await rig.start()
  t.equal(rig.wheel.stats().pending, 15, 'as it was, it starts')
  await rig.wheel.stop()
  await rig.overflow.close()
})

t.test('a lost batch is seen, and forgotten once nobody needs it', async (t) => {
  const store = new MemoryStore()
  const overflow = new Overflow(store)
  for (let i = 0; i < 4; i++) {
    overflow.put({ dueAtMs: 1_000 + i, offset: i }, Buffer.from('a'))
    await overflow.flush()
  }
  t.equal(await new Overflow(store).lostBatch(), undefined)
  const key = Buffer.from('b--------', 'latin1')
  key.writeBigUInt64BE(2n, 1)
  await store.write([{ type: 'del', key }])
  const again = new Overflow(store)
  t.equal(await again.lostBatch(), 2)
  again.forgetLostBatches()
  again.put({ dueAtMs: 9_000, offset: 9 }, Buffer.from('a'))
  await again.flush()
  t.equal(await new Overflow(store).lostBatch(), undefined)
})

t.test('a store of the time when batches left no row is taken as it is', async (t) => {
  const store = new MemoryStore()
  await store.write([{ type: 'put', key: Buffer.from('l'), value: Buffer.from('0000000000000005', 'hex') }])
  const overflow = new Overflow(store)
  t.equal(await overflow.lostBatch(), undefined)
  overflow.put({ dueAtMs: 1, offset: 1 }, Buffer.from('a'))
  await overflow.flush()
  const again = new Overflow(store)
  t.equal(again.sequence, 6)
  t.equal(await again.lostBatch(), undefined)
})
