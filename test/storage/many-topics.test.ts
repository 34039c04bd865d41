import t from 'tap'
import { crc32c } from '../../storage/base/crc.ts'
import { encodeRecordBody, type LogEngine } from '../../storage/index.ts'
import { readAll } from '../contract/engine.ts'
import { KIB, openLog, Said } from './log-on-simulated-disk.ts'
import { DATA, SimulatedDisk } from './simulated-disk.ts'

const COUNT = 200
const RUN = `${DATA}/runs/00000000000000000001.run`

async function withTopics(disk: SimulatedDisk, options = {}, count = COUNT) {
  const engine = await openLog(disk, { journalFileBytes: KIB * KIB, ...options })
  for (let i = 0; i < count; i++) await engine.createTopic(`t${i}`, { partitions: 1, cleanup: 'delete' })
  return engine
}

/** One record into each topic, all in one append; timestamps tell the rounds apart. */
async function appendToAll(engine: LogEngine, round: number, count = COUNT): Promise<void> {
  const record = (i: number) => ({ timestampMs: 1000 * round, body: encodeRecordBody(null, text(round, i), []) })
  await engine.append(Array.from({ length: count }, (_, i) => ({ topic: `t${i}`, partition: 0, records: [record(i)] })))
}

function text(round: number, i: number): Buffer {
  return Buffer.from(`${round} of ${i}`)
}

async function textsOf(engine: LogEngine, topic: string): Promise<string[]> {
  return (await readAll(engine, topic, 0)).map(({ text }) => text)
}

function filesIn(disk: SimulatedDisk, folder: string): string[] {
  return disk.paths().filter((path) => path.startsWith(`${DATA}/${folder}/`))
}

t.test('a checkpoint of many small tails is one file, not a folder for each partition', async (t) => {
  const disk = new SimulatedDisk()
  const engine = await withTopics(disk)
  await appendToAll(engine, 0)
  const before = disk.calls
  await engine.checkpoint()
  t.ok(disk.calls - before < COUNT / 2, `${disk.calls - before} calls of the disk`)
  t.same(filesIn(disk, 'runs'), [RUN])
  t.notOk(disk.paths().some((path) => path.includes('/t0-0/')))
  t.same(await textsOf(engine, 't17'), ['0 of 17'], 'read from the run')
  disk.die()
  const left = disk.afterKill()
  const again = await openLog(left)
  t.ok(left.calls < 100, `a start makes ${left.calls} calls of the disk`)
  for (const i of [0, 99, 199]) t.same(await textsOf(again, `t${i}`), [`0 of ${i}`])
})

t.test('fewer small tails than that go to their segments at once', async (t) => {
  const disk = new SimulatedDisk()
  const engine = await withTopics(disk, {}, 10)
  await appendToAll(engine, 0, 10)
  await engine.checkpoint()
  t.same(filesIn(disk, 'runs'), [])
  t.ok(disk.paths().some((path) => path.endsWith('/t0-0/00000000000000000000.log')))
})

t.test('a partition is read on from its segments through runs to its tail, by offset and by time', async (t) => {
  const disk = new SimulatedDisk()
  const engine = await withTopics(disk, { runsMax: 3 })
  for (let round = 0; round < 5; round++) {
    await appendToAll(engine, round)
    await engine.checkpoint()
  }
  await appendToAll(engine, 5)
  const all = Array.from({ length: 6 }, (_, round) => `${round} of 7`)
  t.same(await textsOf(engine, 't7'), all)
  for (let round = 0; round < 6; round++) t.equal(await engine.offsetForTime('t7', 0, 1000 * round - 500), round)
  t.equal(await engine.offsetForTime('t7', 0, 5001), 6)
  t.equal(engine.offsets('t7', 0).sizeBytes, engine.offsets('t8', 0).sizeBytes, 'what is in runs counts')
  await engine.close()
  const again = await openLog(disk.afterKill())
  t.same(await textsOf(again, 't7'), all)
  await appendToAll(again, 6)
  t.same(await textsOf(again, 't7'), [...all, '6 of 7'])
})

t.test(
  'runs are merged into segments when there are enough, and removed once a checkpoint can do without',
  async (t) => {
    const disk = new SimulatedDisk()
    const engine = await withTopics(disk, { runsMax: 3 })
    for (let round = 0; round < 3; round++) {
      await appendToAll(engine, round)
      await engine.checkpoint()
    }
    t.equal(filesIn(disk, 'runs').length, 3)
    const before = disk.calls
    for (let turn = 0; turn < 100_000 && disk.calls < before + 20 * COUNT; turn++) await new Promise(setImmediate)
    await appendToAll(engine, 3)
    await engine.checkpoint()
    await engine.checkpoint()
    t.same(filesIn(disk, 'runs'), [`${DATA}/runs/00000000000000000004.run`])
    t.equal(disk.paths().filter((path) => /\/t\d+-0\/0+\.log$/.test(path)).length, COUNT)
    t.same(await textsOf(engine, 't42'), ['0 of 42', '1 of 42', '2 of 42', '3 of 42'])
  },
)

t.test('a topic whose log starts in a run keeps its start', async (t) => {
  const disk = new SimulatedDisk()
  const engine = await withTopics(disk)
  for (let round = 0; round < 3; round++) {
    await appendToAll(engine, round)
    await engine.checkpoint()
  }
  await engine.deleteRecords('t5', 0, 2)
  await engine.checkpoint()
  await engine.deleteTopic('t6')
  disk.die()
  const again = await openLog(disk.afterKill())
  t.match(again.offsets('t5', 0), { logStartOffset: 2, highWatermark: 3 })
  t.same(await textsOf(again, 't5'), ['2 of 5'])
  t.equal(again.topic('t6'), undefined)
})

t.test('a damaged run: its index refuses the start, a batch is told to who reads it, the rest is kept', async (t) => {
  const disk = new SimulatedDisk()
  const engine = await withTopics(disk)
  await appendToAll(engine, 0)
  await engine.close()

  const index = disk.afterKill()
  index.contents(RUN)[40] ^= 1
  await t.rejects(openLog(index), { code: 'RUN_DAMAGED', fields: { path: RUN } })

  const missing = disk.afterKill()
  missing.takeAway(RUN)
  await t.rejects(openLog(missing), { code: 'RUN_DAMAGED', fields: { path: RUN } })

  for (const { what, at, merged } of [
    { what: 'contents', at: 66, merged: 'BATCH_DAMAGED' },
    { what: 'header', at: 16, merged: undefined },
  ]) {
    const left = disk.afterKill()
    left.contents(RUN)[24 + COUNT * 28 + at] ^= 0xff
    const log = new Said()
    const again = await openLog(left, { log, runsMax: 1 })
    await t.rejects(again.read('t0', 0, 0, 1000), { code: 'BATCH_DAMAGED', fields: { offset: 0, lastOffset: 0 } }, what)
    t.same(await textsOf(again, 't1'), ['0 of 1'])
    await appendToAll(again, 1)
    await again.checkpoint()
    for (let turn = 0; turn < 20_000; turn++) await new Promise(setImmediate)
    const read = again.read('t0', 0, 0, 1000)
    if (merged === undefined) await t.resolves(read, 'its offsets are given up')
    else await t.rejects(read, { code: merged }, 'merged as it was')
    t.equal(
      log.lines.some(({ level }) => level === 'error'),
      merged === undefined,
    )
    t.same(await textsOf(again, 't1'), ['0 of 1', '1 of 1'])
    await again.close()
  }
})

t.test('a tail that goes to a run while a checkpoint waits to write it is in that checkpoint', async (t) => {
  const held = Promise.withResolvers<void>()
  let hold = false
  const turn = async (what: string) => {
    await new Promise(setImmediate)
    if (hold && /^sync .*\/t[01]-0\/.*\.log/.test(what)) await held.promise
  }
  const disk = new SimulatedDisk({ turn })
  const engine = await withTopics(disk, { runTailsMin: 4, tailBytes: 4 * KIB }, 6)
  await appendToAll(engine, 0, 3)
  hold = true
  // Three small tails are too few for a run. Two syncs are under way at once, so the third waits for its turn.
  const checkpoint = engine.checkpoint()
  for (let i = 0; i < 200; i++) await new Promise(setImmediate)
  const large = [{ timestampMs: 0, body: encodeRecordBody(null, Buffer.alloc(2 * KIB), []) }]
  await engine.append([2, 3, 4, 5].map((i) => ({ topic: `t${i}`, partition: 0, records: large })))
  for (let i = 0; i < 200; i++) await new Promise(setImmediate)
  t.same(filesIn(disk, 'runs'), [RUN], 'four small tails and too much memory')
  hold = false
  held.resolve()
  await checkpoint
  disk.die()
  const again = await openLog(disk.afterKill())
  t.equal((await readAll(again, 't2', 0)).length, 2)
})

t.test('a checkpoint of version 1, which knew no runs, is read', async (t) => {
  const disk = new SimulatedDisk()
  const engine = await withTopics(disk, {}, 3)
  await appendToAll(engine, 0, 3)
  await engine.close()
  const path = `${DATA}/checkpoint`
  const left = disk.afterKill()
  const bytes = Buffer.from(left.contents(path).subarray(0, -4))
  const contents = bytes.subarray(14)
  bytes.writeUInt16BE(1, 4)
  bytes.writeUInt32BE(contents.length, 6)
  bytes.writeUInt32BE(crc32c(contents), 10)
  left.place(path, bytes)
  const log = new Said()
  const again = await openLog(left, { log })
  t.same(await textsOf(again, 't2'), ['0 of 2'])
  t.notOk(log.lines.some(({ level }) => level === 'warn'))
})
