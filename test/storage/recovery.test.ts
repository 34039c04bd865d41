// What a start makes of what it finds: each row of the two tables in recovery.ts and journal-reader.ts.

import t, { type Test } from 'tap'
import type { EmbeddedEngine } from '../../storage/index.ts'
import { BLOCK_SIZE } from '../../storage/journal/journal-format.ts'
import { type Behind, VERDICTS } from '../../storage/journal/journal-reader.ts'
import { type Found, STARTS } from '../../storage/log/recovery.ts'
import { readAll, SETTINGS } from '../contract/engine.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { LogHistory } from './log-history.ts'
import { framesIn, KIB, openLog, Said } from './log-on-simulated-disk.ts'
import { DATA, SimulatedDisk } from './simulated-disk.ts'

const CHECKPOINT = `${DATA}/checkpoint`

/** A log that was killed: some of it is in segments, the rest only in the journal. */
async function killedLog(appendsAfter = 6, bytes = 3000): Promise<{ disk: SimulatedDisk; history: LogHistory }> {
  const disk = new SimulatedDisk()
  const history = new LogHistory()
  const engine = await openLog(disk)
  await history.create(engine, 'orders', 2)
  for (let i = 0; i < 8; i++) await history.append(engine, [['orders', i % 2]], 2, 2000)
  await engine.checkpoint()
  for (let i = 0; i < appendsAfter; i++) await history.append(engine, [['orders', 0], ['orders', 1]], 1, bytes) // biome-ignore format: one append
  disk.die()
  return { disk: disk.afterKill(), history }
}

async function agrees(t: Test, disk: SimulatedDisk, history: LogHistory, said = new Said()): Promise<EmbeddedEngine> {
  const engine = await openLog(disk, { log: said })
  t.same(await history.contradictions(engine), [])
  await history.append(engine, [['orders', 0]], 1, 10)
  t.same(await history.contradictions(engine), [])
  return engine
}

t.test('the journal goes on behind the checkpoint', async (t) => {
  const { disk, history } = await killedLog()
  const said = new Said()
  await agrees(t, disk, history, said)
  t.match(said.lines, [{ level: 'info', sentence: 'Replayed the journal.', fields: { frames: 6, files: 1 } }])
})

t.test('a frame that is torn at the end is cut, and the log says so', async (t) => {
  const { disk, history } = await killedLog()
  const last = framesIn(disk).at(-1)!
  // It was acknowledged; for the reader it looks like one that was not.
  history.forgetLast()
  disk.contents(last.path).fill(0, last.position + last.size - 100, last.position + last.size)
  const said = new Said()
  await agrees(t, disk, history, said)
  const { path, position, size } = last
  t.match(said.lines[0], { level: 'warn', fields: { path, position, tornBytes: size } })
})

t.test('a frame of which only the end was written is cut as well', async (t) => {
  const { disk, history } = await killedLog()
  const last = framesIn(disk).at(-1)!
  history.forgetLast()
  disk.contents(last.path).fill(0, last.position, last.position + 512)
  await agrees(t, disk, history)
})

t.test('a torn frame that was cut is not replayed when the journal went on in the next file', async (t) => {
  const { disk, history } = await killedLog()
  const last = framesIn(disk).at(-1)!
  history.forgetLast()
  disk.contents(last.path)[last.position + last.size - 100] ^= 1
  const engine = await openLog(disk)
  // Larger than what is left of the file in which the torn frame stands.
  await history.append(engine, [['orders', 0]], 1, 58_000)
  disk.die()
  const left = disk.afterKill()
  t.equal(framesIn(left).at(-1)?.number, last.number, 'its number is that of a frame in the next file')
  t.ok(left.paths().includes(last.path), 'and it is still there')
  await agrees(t, left, history)
})

t.test('damage in front of acknowledged frames is refused with file, position and reason', async (t) => {
  const { disk } = await killedLog()
  const damaged = framesIn(disk).at(-3)!
  disk.contents(damaged.path)[damaged.position + 200] ^= 1
  const before = disk.paths().map((path) => Buffer.from(disk.contents(path)))
  const error = await openLog(disk).catch((refusal) => refusal)
  t.match(error, { code: 'JOURNAL_DAMAGED', fields: { path: damaged.path, position: damaged.position } })
  t.match(error.message, /damaged or missing, yet later frames stand behind it/)
  t.same(
    disk.paths().map((path) => Buffer.from(disk.contents(path))),
    before,
    'nothing was changed',
  )
})

t.test('a journal that goes on in the next file is followed there', async (t) => {
  const { disk, history } = await killedLog(30)
  const files = new Set(framesIn(disk).map(({ path }) => path))
  t.ok(files.size >= 4, `${files.size} files`)
  await agrees(t, disk, history)
})

t.test('a damaged last frame of a file is refused when a later file goes on behind it', async (t) => {
  const { disk } = await killedLog(30)
  const frames = framesIn(disk)
  const last = frames.findLast(({ path }) => path !== frames.at(-1)?.path)!
  disk.contents(last.path)[last.position + 40] ^= 1
  await t.rejects(openLog(disk), { code: 'JOURNAL_DAMAGED', fields: { path: last.path, position: last.position } })
})

t.test('a damaged first frame of a later file is refused', async (t) => {
  const { disk } = await killedLog(30)
  const path = framesIn(disk).at(-1)!.path
  disk.contents(path)[BLOCK_SIZE + 40] ^= 1
  await t.rejects(openLog(disk), { code: 'JOURNAL_DAMAGED' })
})

t.test('a journal file missing in the middle, or at the checkpoint, is refused by name', async (t) => {
  for (const which of [1, 0]) {
    const { disk } = await killedLog(30)
    const files = [...new Set(framesIn(disk).map(({ path }) => path))]
    disk.takeAway(files[which])
    const sequence = Number(/(\d+)\.journal$/.exec(files[which])?.[1])
    await t.rejects(openLog(disk), { code: 'JOURNAL_DAMAGED', fields: { sequence, reason: 'missing' } })
  }
})

t.test('a journal file whose header is damaged, or that of another, is refused', async (t) => {
  for (const damage of ['flip', 'exchange']) {
    const { disk } = await killedLog(30)
    const files = [...new Set(framesIn(disk).map(({ path }) => path))]
    if (damage === 'flip') disk.contents(files[1])[9] ^= 1
    else disk.place(files[1], disk.contents(files[0]))
    await t.rejects(openLog(disk), { code: 'JOURNAL_DAMAGED', fields: { path: files[1], position: 0 } })
  }
})

t.test('old frames in a recycled file are not taken for new ones', async (t) => {
  const disk = new SimulatedDisk()
  const history = new LogHistory()
  const engine = await openLog(disk)
  await history.create(engine, 'orders', 1)
  for (let round = 0; round < 13; round++) {
    for (let i = 0; i < 4; i++) await history.append(engine, [['orders', 0]], 3, 3000)
    await engine.checkpoint()
  }
  await history.append(engine, [['orders', 0]], 1, 10)
  disk.die()
  const left = disk.afterKill()
  const end = framesIn(left).at(-1)!
  const behind = left.contents(end.path).subarray(end.position + BLOCK_SIZE)
  t.ok(behind.includes('DWJF'), 'an old frame stands behind the end')
  await agrees(t, left, history)
})

t.test('a journal that is replayed twice changes nothing', async (t) => {
  const { disk, history } = await killedLog(12)
  const journal = disk.paths().filter((path) => path.endsWith('.journal'))
  const checkpoint = Buffer.from(disk.contents(CHECKPOINT))
  const files = journal.map((path) => Buffer.from(disk.contents(path)))
  const engine = await openLog(disk)
  await engine.close()
  const left = disk.afterKill()
  for (const path of left.paths()) if (path.endsWith('.journal')) left.takeAway(path)
  for (const [i, path] of journal.entries()) left.place(path, files[i])
  left.place(CHECKPOINT, checkpoint)
  await agrees(t, left, history)
})

t.test(
  'without its checkpoint, or with a damaged one, the log is brought back from segments and journal',
  async (t) => {
    for (const state of ['missing', 'damaged', 'cut']) {
      const { disk, history } = await killedLog(12)
      if (state === 'missing') disk.takeAway(CHECKPOINT)
      if (state === 'damaged') disk.contents(CHECKPOINT)[30] ^= 1
      if (state === 'cut') disk.place(CHECKPOINT, disk.contents(CHECKPOINT).subarray(0, 9))
      const said = new Said()
      await agrees(t, disk, history, said)
      t.match(said.lines[0], { level: 'warn', sentence: /^The checkpoint is (missing|damaged): reading all segments/ })
    }
  },
)

t.test('without its checkpoint, a segment that was torn is completed from the journal', async (t) => {
  const { disk, history } = await killedLog(12)
  const engine = await openLog(disk, { tailBytes: 4 * KIB })
  await history.append(engine, [['orders', 0]], 8, 3000)
  disk.die()
  const left = disk.afterKill()
  left.takeAway(CHECKPOINT)
  const last = left.paths().findLast((path) => path.includes('orders-0/') && path.endsWith('.log'))!
  left.place(last, left.contents(last).subarray(0, left.contents(last).length - 700))
  await agrees(t, left, history)
})

t.test(
  'without its checkpoint, a damaged segment that the journal has no more is refused, and left as it is',
  async (t) => {
    const { disk } = await killedLog(2)
    disk.takeAway(CHECKPOINT)
    const first = disk.paths().find((path) => path.includes('orders-0/') && path.endsWith('.log'))!
    disk.contents(first)[100] ^= 1
    // Without the frames that hold the same records.
    const journal = disk.paths().filter((path) => path.endsWith('.journal'))
    const damaged = Buffer.from(disk.contents(first))
    for (const path of journal) disk.takeAway(path)
    const fresh = new SimulatedDisk()
    await (await openLog(fresh)).close()
    for (const path of fresh.paths()) if (path.endsWith('.journal')) disk.place(path, fresh.contents(path))
    await t.rejects(openLog(disk), { code: 'SEGMENT_DAMAGED' })
    t.same(disk.contents(first), damaged)
  },
)

t.test('segments without checkpoint and without journal are refused', async (t) => {
  for (const state of ['missing', 'damaged']) {
    const { disk } = await killedLog()
    if (state === 'missing') disk.takeAway(CHECKPOINT)
    else disk.contents(CHECKPOINT)[30] ^= 1
    for (const path of disk.paths()) if (path.endsWith('.journal')) disk.takeAway(path)
    await t.rejects(openLog(disk), { code: 'CHECKPOINT_DAMAGED', fields: { path: CHECKPOINT } })
  }
})

t.test('a segment that is shorter than the checkpoint says, or gone, is reported and not made up', async (t) => {
  for (const damage of ['short', 'gone']) {
    const { disk } = await killedLog(0)
    const last = disk.paths().findLast((path) => path.includes('orders-0/') && path.endsWith('.log'))!
    if (damage === 'short') disk.place(last, disk.contents(last).subarray(0, 50))
    else disk.takeAway(last)
    const engine = await openLog(disk)
    await t.rejects(readAll(engine, 'orders', 0), { code: 'SEGMENT_DAMAGED', fields: { path: last } })
    t.ok((await readAll(engine, 'orders', 1)).length > 0, 'other partitions are served')
  }
})

t.test('folders of deleted topics, and of what no checkpoint knows, are gone after a start', async (t) => {
  const { disk, history } = await killedLog()
  const engine = await openLog(disk)
  await history.delete(engine, 'orders')
  await history.create(engine, 'orders', 1)
  await history.append(engine, [['orders', 0]], 2, 10)
  disk.die()
  const left = disk.afterKill()
  await left.makeDirectory(`${DATA}/topics/orders-7`)
  left.place(`${DATA}/topics/orders-7/00000000000000000000.log`, Buffer.from('left over'))
  const again = await agrees(t, left, history)
  t.equal(again.offsets('orders', 0).logStartOffset, 0)
  t.notOk(left.paths().some((path) => path.includes('orders-7') || path.includes('orders-1')))
})

t.test('after another boot the indexes of growing segments are not believed', async (t) => {
  const { disk } = await killedLog(0)
  const indexes = disk.paths().filter((path) => /orders-0.*\.(index|timeindex)$/.test(path))
  // As plausible as an index can be, and wrong: only reading the segment tells.
  const sizes = indexes.map((path) => disk.contents(path).length)
  const clock = new ManualClock()
  clock.reboot()
  const writes: string[] = []
  disk.onCall = (_call, what) => {
    if (/^(truncate|write) .*orders-0.*index/.test(what)) writes.push(what)
    return 'go on'
  }
  const engine = await openLog(disk, { clock })
  await readAll(engine, 'orders', 0)
  t.ok(
    writes.some((what) => what.startsWith('truncate')),
    'written anew',
  )
  await engine.append([{ topic: 'orders', partition: 0, records: [{ timestampMs: 1, body: Buffer.from([1, 1, 0]) }] }])
  await engine.close()
  for (const [i, path] of indexes.entries()) t.ok(disk.contents(path).length >= sizes[i], path)
})

t.test('every row of the table of starts', (t) => {
  const rows: [Found, string][] = [
    [{ checkpoint: 'missing', journal: 'none', folders: false }, 'begin'],
    [{ checkpoint: 'good', journal: 'whole', folders: true }, 'replay'],
    [{ checkpoint: 'good', journal: 'whole', folders: false }, 'replay'],
    [{ checkpoint: 'good', journal: 'gap', folders: true }, 'refuse'],
    [{ checkpoint: 'good', journal: 'none', folders: true }, 'refuse'],
    [{ checkpoint: 'missing', journal: 'whole', folders: true }, 'survey'],
    [{ checkpoint: 'missing', journal: 'whole', folders: false }, 'survey'],
    [{ checkpoint: 'damaged', journal: 'whole', folders: true }, 'survey'],
    [{ checkpoint: 'missing', journal: 'gap', folders: true }, 'refuse'],
    [{ checkpoint: 'missing', journal: 'none', folders: true }, 'refuse'],
    [{ checkpoint: 'damaged', journal: 'none', folders: false }, 'refuse'],
    [{ checkpoint: 'damaged', journal: 'none', folders: true }, 'refuse'],
  ]
  for (const [found, start] of rows)
    t.equal(STARTS.find(({ when }) => when(found))?.start, start, JSON.stringify(found))
  t.end()
})

t.test('every row of the table of verdicts', (t) => {
  const rows: [Behind, string][] = [
    [{ here: false, laterNumber: undefined, expectedNumber: 5 }, 'end'],
    [{ here: false, laterNumber: 5, expectedNumber: 5 }, 'nextFile'],
    [{ here: false, laterNumber: 6, expectedNumber: 5 }, 'refuse'],
    [{ here: false, laterNumber: Number.POSITIVE_INFINITY, expectedNumber: 5 }, 'refuse'],
    [{ here: true, laterNumber: undefined, expectedNumber: 5 }, 'refuse'],
    [{ here: true, laterNumber: 5, expectedNumber: 5 }, 'refuse'],
  ]
  for (const [behind, verdict] of rows) t.equal(VERDICTS.find(({ when }) => when(behind))?.verdict, verdict)
  t.end()
})

t.test('an empty folder becomes a new log, also when the first start was killed at any point', async (t) => {
  for (let at = 0; ; at++) {
    const disk = new SimulatedDisk()
    disk.onCall = (call) => (call === at ? 'die after' : 'go on')
    const opened = await Promise.race([disk.death, openLog(disk)])
    const engine = await openLog(disk.afterKill())
    await engine.createTopic('orders', SETTINGS)
    await engine.close()
    if (opened !== undefined) return t.pass(`${at} calls`)
  }
})
