// Compaction keeps the last record of each key and says so by offsets that never change: against a model of what was
// appended, over many rounds, and case by case.

import t from 'tap'
import { headerOfBatchAt } from '../../storage/batch/record-batch.ts'
import { type EmbeddedEngine, type EmbeddedEngineOptions, encodeRecordBody, readPage } from '../../storage/index.ts'
import { ManualClock, settle } from '../support/manual-clock.ts'
import { CompactedModel, keyed, readBatches, recordsIn } from './compacted-model.ts'
import { KIB, openLog, Said } from './log-on-simulated-disk.ts'
import { DATA, SimulatedDisk } from './simulated-disk.ts'

const COMPACT = { partitions: 1, cleanup: 'compact' } as const
const HOUR_MS = 3_600_000

async function openCompacted(
  disk: SimulatedDisk,
  options: Partial<EmbeddedEngineOptions> = {},
): Promise<EmbeddedEngine> {
  const engine = await openLog(disk, { segmentBytes: 2 * KIB, ...options })
  if (engine.topic('users') === undefined) await engine.createTopic('users', COMPACT)
  return engine
}

/** Appends one record per append: key=value, or a tombstone for `key=`. */
async function append(engine: EmbeddedEngine, ...texts: string[]): Promise<void> {
  for (const text of texts) await engine.append([{ topic: 'users', partition: 0, records: [keyed(text)] }])
}

/** Completes the growing segment, so that all before may be cleaned, and cleans. */
async function compact(engine: EmbeddedEngine): Promise<void> {
  await append(engine, `filler=${'.'.repeat(2 * KIB)}`, `filler=${'.'.repeat(2 * KIB)}`)
  await engine.checkpoint()
  await engine.compact()
}

function without(filler: string, texts: string[]): string[] {
  return texts.filter((text) => !text.startsWith(`${filler}=`))
}

async function textsIn(engine: EmbeddedEngine): Promise<string[]> {
  return without(
    'filler',
    (await recordsIn(engine, 'users')).map(({ text }) => text),
  )
}

t.test('of each key the last record stays, at its offset', async (t) => {
  const engine = await openCompacted(new SimulatedDisk())
  await append(engine, 'a=1', 'b=1', 'a=2', 'c=1', 'b=2', 'a=3')
  await compact(engine)
  const kept = (await recordsIn(engine, 'users')).filter(({ text }) => !text.startsWith('filler'))
  t.same(
    kept.map(({ offset, text }) => `${offset} ${text}`),
    ['3 c=1', '4 b=2', '5 a=3'],
  )
})

t.test('a batch keeps its base and last offset, whatever is taken out of it', async (t) => {
  const engine = await openCompacted(new SimulatedDisk())
  const records = ['a=1', 'b=1', 'c=1', 'd=1'].map((text) => keyed(text))
  await engine.append([{ topic: 'users', partition: 0, records }])
  await append(engine, 'a=2', 'd=2')
  await compact(engine)
  const [first] = await readBatches(engine, 'users')
  t.match(headerOfBatchAt(first, 0), { baseOffset: 0, lastOffset: 3, recordCount: 2 })
  t.same(
    readPage(first).records.map(({ offset }) => offset),
    [1, 2],
  )
})

t.test('records without a key stay', async (t) => {
  const engine = await openCompacted(new SimulatedDisk())
  const keyless = { timestampMs: 1, body: encodeRecordBody(null, Buffer.from('alone'), []) }
  await engine.append([{ topic: 'users', partition: 0, records: [keyless, keyed('a=1'), keyless] }])
  await append(engine, 'a=2')
  await compact(engine)
  t.same(
    (await recordsIn(engine, 'users')).slice(0, 3).map(({ offset }) => offset),
    [0, 2, 3],
  )
})

t.test('the growing segment, and what no checkpoint has seen complete, is never cleaned', async (t) => {
  const engine = await openCompacted(new SimulatedDisk())
  await append(engine, 'a=1', 'a=2', 'a=3')
  await engine.checkpoint()
  await engine.compact()
  t.same(await textsIn(engine), ['a=1', 'a=2', 'a=3'])
  await append(engine, `filler=${'.'.repeat(2 * KIB)}`, `filler=${'.'.repeat(2 * KIB)}`)
  await engine.compact()
  t.same(await textsIn(engine), ['a=1', 'a=2', 'a=3'], 'complete, but the last checkpoint calls it growing')
})

t.test('a tombstone takes what was before it away at once, and goes itself after the delete retention', async (t) => {
  const clock = new ManualClock()
  const disk = new SimulatedDisk()
  const engine = await openCompacted(disk, { clock, deleteRetentionMs: 24 * HOUR_MS })
  await append(engine, 'a=1', 'b=1', 'a=')
  await compact(engine)
  t.same(await textsIn(engine), ['b=1', 'a='])
  const [batch] = (await readBatches(engine, 'users')).filter((bytes) => headerOfBatchAt(bytes, 0).baseOffset === 2)
  const { deleteHorizonMs, baseTimestampMs } = headerOfBatchAt(batch, 0)
  t.equal(deleteHorizonMs, clock.wallMs() + 24 * HOUR_MS)
  t.equal(baseTimestampMs, deleteHorizonMs)
  t.equal(readPage(batch).records[0].timestampMs, 1_000, 'its own time stays')
  clock.jump(24 * HOUR_MS - 1)
  await compact(engine)
  t.same(await textsIn(engine), ['b=1', 'a='])
  clock.jump(1)
  await engine.compact()
  t.same(await textsIn(engine), ['b=1'])
})

t.test('a horizon stands over restarts and later passes', async (t) => {
  const clock = new ManualClock()
  const disk = new SimulatedDisk()
  let engine = await openCompacted(disk, { clock })
  await append(engine, 'a=1', 'a=', 'b=1')
  await compact(engine)
  clock.jump(13 * HOUR_MS)
  await engine.close()
  engine = await openCompacted(disk.afterKill(), { clock })
  await append(engine, 'b=2')
  await compact(engine)
  t.same(await textsIn(engine), ['a=', 'b=2'])
  clock.jump(11 * HOUR_MS)
  await compact(engine)
  t.same(await textsIn(engine), ['b=2'], '24 hours after the first pass, not after the last')
})

t.test('everything of a log may be gone, and yet it is read to its end', async (t) => {
  const clock = new ManualClock()
  const disk = new SimulatedDisk()
  const engine = await openCompacted(disk, { clock, deleteRetentionMs: 0 })
  for (let round = 0; round < 12; round++) await append(engine, `a=${'x'.repeat(700)}`)
  await append(engine, 'a=')
  await engine.alterTopic('users', { ...COMPACT, retentionMs: HOUR_MS })
  for (let round = 0; round < 3; round++) {
    await engine.checkpoint()
    await engine.compact()
  }
  const { logStartOffset, highWatermark } = engine.offsets('users', 0)
  let offset = logStartOffset
  while (offset < highWatermark) {
    const { nextOffset } = readPage(await engine.read('users', 0, offset, 1), offset)
    t.ok(nextOffset > offset, `from ${offset} to ${nextOffset}`)
    offset = nextOffset
  }
})

t.test('small neighbours become one segment, and every size is right', async (t) => {
  const disk = new SimulatedDisk()
  const engine = await openCompacted(disk)
  for (let i = 0; i < 40; i++) await append(engine, `k${i % 3}=${i}${'.'.repeat(400)}`)
  await engine.checkpoint()
  const logs = () => disk.paths().filter((path) => path.includes('/users-0/') && path.endsWith('.log'))
  const before = logs().length
  await engine.compact()
  await compact(engine)
  t.ok(before >= 8 && logs().length <= 4, `${before} segments, then ${logs().length}`)
  const bytes = logs().reduce((sum, path) => sum + disk.contents(path).length, 0)
  await engine.checkpoint()
  t.equal(engine.offsets('users', 0).sizeBytes, bytes)
  await engine.close()
  const left = disk.afterKill()
  const again = await openCompacted(left)
  t.equal(again.offsets('users', 0).sizeBytes, bytes, 'as the checkpoint says it')
  await recordsIn(again, 'users')
  t.equal(again.offsets('users', 0).sizeBytes, bytes, 'as the files say it')
})

t.test('when the offset map is full, a pass covers what it knows and the next one goes on', async (t) => {
  const engine = await openCompacted(new SimulatedDisk(), { compactionBytes: 24 * 12 })
  const model = new CompactedModel()
  for (let i = 0; i < 150; i++) {
    const text = `k${(i * 7) % 40}=${i}`
    model.append(text, engine.offsets('users', 0).logEndOffset)
    await append(engine, text)
  }
  await compact(engine)
  t.ok(engine.compaction.passes >= 4, `${engine.compaction.passes} passes`)
  t.same(await textsIn(engine), model.texts())
})

t.test('a look at a clean log writes nothing', async (t) => {
  const disk = new SimulatedDisk()
  const engine = await openCompacted(disk)
  for (let i = 0; i < 30; i++) await append(engine, `k${i % 3}=${i}${'.'.repeat(300)}`)
  await compact(engine)
  disk.onCall = (_call, what) => {
    t.notMatch(what, /^(write|rename|remove|sync|truncate)/)
    return 'go on'
  }
  await engine.compact()
})

t.test('in the background it runs when half of the log is dirty, at its pace', async (t) => {
  const clock = new ManualClock()
  const engine = await openCompacted(new SimulatedDisk(), { clock, checkpointIntervalMs: 1_000 })
  for (let i = 0; i < 90; i++) await append(engine, `k${i % 50}=${i}${'.'.repeat(300)}`)
  for (let i = 0; i < 60 && engine.compaction.passes === 0; i++) await clock.advance(1_000)
  t.equal(engine.compaction.passes, 1)
  const before = (await recordsIn(engine, 'users')).length
  t.ok(before < 60, `${before} records`)
  for (let i = 0; i < 20; i++) await append(engine, `k${i}=${'.'.repeat(300)}`)
  for (let i = 0; i < 20; i++) await clock.advance(1_000)
  t.equal(engine.compaction.passes, 1, 'a little is not worth a pass')
})

t.test('a pass that finds no room is made again when there is some, and leaves nothing behind', async (t) => {
  const disk = new SimulatedDisk()
  const said = new Said()
  const engine = await openCompacted(disk, { log: said, onFailure: (error) => t.fail(error) })
  for (let i = 0; i < 30; i++) await append(engine, `k${i % 3}=${i}${'.'.repeat(300)}`)
  await append(engine, `filler=${'.'.repeat(2 * KIB)}`, `filler=${'.'.repeat(2 * KIB)}`)
  await engine.checkpoint()
  disk.onCall = (_call, what) => {
    if (!what.startsWith('write') || !what.includes('.cleaned')) return 'go on'
    return Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' })
  }
  await engine.compact()
  t.match(said.lines, [{ level: 'warn', sentence: /cannot be compacted: ENOSPC.*tried again later/ }])
  t.same(
    disk.paths().filter((path) => path.endsWith('.cleaned')),
    [],
  )
  t.equal((await recordsIn(engine, 'users')).length, 32)
  disk.onCall = () => 'go on'
  await engine.compact()
  t.equal((await textsIn(engine)).length, 3)
})

t.test('what is damaged is not rewritten, and said once', async (t) => {
  const disk = new SimulatedDisk()
  const said = new Said()
  const engine = await openCompacted(disk, { log: said, onFailure: (error) => t.fail(error) })
  for (let i = 0; i < 30; i++) await append(engine, `k${i % 3}=${i}${'.'.repeat(300)}`)
  await engine.checkpoint()
  const [first] = disk.paths().filter((path) => path.includes('/users-0/') && path.endsWith('.log'))
  disk.contents(first)[100] ^= 1
  const before = Buffer.from(disk.contents(first))
  await engine.compact()
  await engine.compact()
  t.match(said.lines, [{ level: 'warn', sentence: /cannot be compacted: Offsets 0 to 0 in/ }])
  t.equal(said.lines.length, 1)
  t.same(disk.contents(first), before)
  await t.rejects(engine.read('users', 0, 0, KIB), { code: 'BATCH_DAMAGED', fields: { offset: 0, lastOffset: 0 } })
})

t.test('a lost or damaged mark costs another pass and no record', async (t) => {
  const disk = new SimulatedDisk()
  let engine = await openCompacted(disk)
  for (let i = 0; i < 30; i++) await append(engine, `k${i % 3}=${i}${'.'.repeat(300)}`)
  await compact(engine)
  const kept = await recordsIn(engine, 'users')
  await engine.close()
  const damaged = disk.afterKill()
  damaged.contents(`${DATA}/topics/users-0/cleaned`)[20] ^= 1
  engine = await openCompacted(damaged)
  t.same(await recordsIn(engine, 'users'), kept)
  await engine.compact()
  t.same(await recordsIn(engine, 'users'), kept)
  await engine.close()
  const lost = disk.afterKill()
  lost.takeAway(`${DATA}/topics/users-0/cleaned`)
  engine = await openCompacted(lost)
  await engine.compact()
  t.same(await recordsIn(engine, 'users'), kept)
})

t.test('what __ids and a topic that was compacted once hold is read on behind gaps', async (t) => {
  const disk = new SimulatedDisk()
  const engine = await openCompacted(disk)
  for (let i = 0; i < 30; i++) await append(engine, `k${i % 3}=${i}${'.'.repeat(300)}`)
  await compact(engine)
  const kept = await recordsIn(engine, 'users')
  await engine.alterTopic('users', { partitions: 1, cleanup: 'delete' })
  t.same(await recordsIn(engine, 'users'), kept, 'gaps stay right when the topic is no longer compacted')
  await engine.close()
  const again = await openCompacted(disk.afterKill())
  t.same(await recordsIn(again, 'users'), kept)
  await again.compact()
  t.equal(again.compaction.passes, 0)
})

t.test('a reader whose segment is exchanged meanwhile reads what it would have read', async (t) => {
  for (const heldCall of ['size', 'open', 'read']) {
    let held: PromiseWithResolvers<void> | undefined
    let isHeld = false
    const disk = new SimulatedDisk({
      turn: async (what) => {
        await settle(1)
        if (held === undefined || isHeld || !what.startsWith(heldCall) || !/users-0\/0{20}\./.test(what)) return
        isHeld = true
        await held.promise
      },
    })
    const engine = await openCompacted(disk)
    for (let i = 0; i < 30; i++) await append(engine, `k${i}=${i}${'.'.repeat(300)}`)
    for (let i = 0; i < 30; i += 2) await append(engine, `k${i}=${i}${'.'.repeat(300)}`)
    await append(engine, `filler=${'.'.repeat(2 * KIB)}`, `filler=${'.'.repeat(2 * KIB)}`)
    await engine.close()
    const again = await openCompacted(disk)
    // What is read first is loaded first: the pass itself must not be what is held.
    await again.read('users', 0, 40, 1)
    held = Promise.withResolvers()
    const reading = again.read('users', 0, 3, KIB)
    for (let i = 0; i < 100 && !isHeld; i++) await settle(1)
    t.ok(isHeld, heldCall)
    const compacted = again.compact()
    await settle(400)
    const other = again.read('users', 0, 41, KIB)
    held.resolve()
    t.equal(readPage(await reading, 3).records[0].offset, 3, heldCall)
    await compacted
    t.equal(readPage(await other, 41).records[0].offset, 41, heldCall)
    t.equal(again.compaction.passes, 1)
    t.equal((await textsIn(again)).length, 30)
    await again.close()
  }
})

t.test('a pass that finds no space leaves the segments as they were, their indexes too', async (t) => {
  const disk = new SimulatedDisk()
  const engine = await openLog(disk, { segmentBytes: 64 * KIB, journalFileBytes: 1024 * KIB })
  await engine.createTopic('users', { partitions: 1, cleanup: 'compact' })
  for (let i = 0; i < 120; i++) {
    const records = [keyed(`k${i % 5}=${'x'.repeat(1400)}`)]
    await engine.append([{ topic: 'users', partition: 0, records }])
  }
  await engine.checkpoint()
  const files = () => disk.paths().filter((path) => path.includes('users-0/0'))
  const before = files()
  disk.onCall = (_call, what) =>
    what.startsWith('write') && what.endsWith('.cleaned')
      ? Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' })
      : 'go on'
  await engine.compact()
  t.same(files(), before)
  t.ok(before.some((path) => path.endsWith('.timeindex')))
  disk.onCall = () => 'go on'
  await engine.close()
})
