// Retention and deleteRecords() take whole segments, in time and no more than that, and wait for those who read them.

import t from 'tap'
import { type EmbeddedEngine, readRecords } from '../../storage/index.ts'
import { readAll, record } from '../contract/engine.ts'
import { ManualClock, settle } from '../support/manual-clock.ts'
import { CompactedHistory } from './compacted-history.ts'
import { keyed } from './compacted-model.ts'
import { KIB, openLog } from './log-on-simulated-disk.ts'
import { DATA, SimulatedDisk } from './simulated-disk.ts'

const ONE = { partitions: 1, cleanup: 'delete' } as const
const MINUTE_MS = 60_000

function logsOf(disk: SimulatedDisk, folder: string): string[] {
  return disk.paths().filter((path) => path.includes(`/${folder}/`) && path.endsWith('.log'))
}

async function fill(engine: EmbeddedEngine, count: number, from = 0, stepMs = 10): Promise<void> {
  for (let i = from; i < from + count; i++) {
    const records = [record(`${i}${'.'.repeat(600)}`, 1_000 + stepMs * i)]
    await engine.append([{ topic: 'orders', partition: 0, records }])
  }
}

t.test('what is too old goes by whole segments, also the last one', async (t) => {
  const clock = new ManualClock(1_000)
  const disk = new SimulatedDisk()
  const engine = await openLog(disk, { clock })
  await engine.createTopic('orders', { ...ONE, retentionMs: 10 * MINUTE_MS })
  await fill(engine, 60, 0, MINUTE_MS)
  await engine.checkpoint()
  clock.stepWall(40 * MINUTE_MS)
  await engine.checkpoint()
  const { logStartOffset, highWatermark } = engine.offsets('orders', 0)
  t.ok(logStartOffset > 10 && logStartOffset <= 30, `from ${logStartOffset} on`)
  t.equal((await readAll(engine, 'orders', 0)).length, highWatermark - logStartOffset)
  t.equal(logsOf(disk, 'orders-0').length, Math.ceil((60 - logStartOffset) / 12))
  clock.stepWall(60 * MINUTE_MS)
  await engine.checkpoint()
  t.match(engine.offsets('orders', 0), { logStartOffset: 60, highWatermark: 60 })
  await engine.checkpoint()
  t.equal(logsOf(disk, 'orders-0').length, 1, 'the one that grows')
  t.equal(engine.offsets('orders', 0).sizeBytes, 0)
  await fill(engine, 1, 60)
  t.match(await readAll(engine, 'orders', 0), [{ offset: 60 }])
})

t.test('limits of a compacted topic hold as well', async (t) => {
  const clock = new ManualClock(1_000)
  const engine = await openLog(new SimulatedDisk(), { clock, segmentBytes: 2 * KIB })
  await engine.createTopic('orders', { partitions: 1, cleanup: 'compact', retentionBytes: 6 * KIB })
  for (let i = 0; i < 40; i++) {
    await engine.append([{ topic: 'orders', partition: 0, records: [keyed(`k${i}=${'.'.repeat(500)}`)] }])
  }
  await engine.checkpoint()
  await engine.checkpoint()
  await engine.compact()
  t.ok(engine.offsets('orders', 0).logStartOffset > 20)
  t.ok(engine.offsets('orders', 0).sizeBytes <= 8 * KIB)
})

t.test('a segment goes only after its last reader has left, whatever the reader is at', async (t) => {
  for (const heldCall of ['size', 'open', 'read']) {
    let held: PromiseWithResolvers<void> | undefined
    let isHeld = false
    const disk = new SimulatedDisk({
      turn: async (what) => {
        await settle(1)
        if (held === undefined || !what.startsWith(heldCall) || !/orders-0\/0{20}\./.test(what)) return
        isHeld = true
        await held.promise
      },
    })
    const engine = await openLog(disk)
    await engine.createTopic('orders', ONE)
    await fill(engine, 40)
    await engine.close()
    const again = await openLog(disk)
    await again.read('orders', 0, 30, 1)
    held = Promise.withResolvers()
    const reading = again.read('orders', 0, 5, 4 * KIB)
    for (let i = 0; i < 100 && !isHeld; i++) await settle(1)
    t.ok(isHeld, heldCall)
    await again.deleteRecords('orders', 0, 30)
    const checkpoint = again.checkpoint()
    await settle(100)
    t.ok(
      logsOf(disk, 'orders-0').some((path) => path.includes('/00000000000000000000.')),
      `${heldCall}: it is still there`,
    )
    held.resolve()
    held = undefined
    const first = await reading.then(
      (bytes) => readRecords(bytes, 5)[0].offset,
      (error) => error.code,
    )
    t.ok(first === 5 || first === 'OFFSET_OUT_OF_RANGE', `${heldCall}: ${first}`)
    await checkpoint
    t.notOk(
      logsOf(disk, 'orders-0').some((path) => path.includes('/00000000000000000000.')),
      `${heldCall}: gone`,
    )
    await again.close()
  }
})

t.test('a reader that retention overtakes is told so, and makes no file anew', async (t) => {
  const disk = new SimulatedDisk()
  const engine = await openLog(disk, { openFilesMax: 2 })
  await engine.createTopic('orders', { ...ONE, retentionBytes: 10 * KIB })
  await fill(engine, 40)
  await engine.checkpoint()
  let overtaken = 0
  const readers = [0, 7, 13, 21].map(async (from) => {
    for (let next = from; next < 120; ) {
      try {
        const bytes = await engine.read('orders', 0, next, 2_000)
        for (const { offset, body } of readRecords(bytes, next)) {
          if (!Buffer.from(body).toString().includes(`${offset}.`)) t.fail(`offset ${offset} is not itself`)
          next = offset + 1
        }
        await settle(bytes.length === 0 ? 1 : from)
      } catch (error) {
        t.equal((error as { code?: string }).code, 'OFFSET_OUT_OF_RANGE')
        overtaken++
        next = engine.offsets('orders', 0).logStartOffset
      }
    }
  })
  for (let from = 40; from < 120; from += 8) {
    await fill(engine, 8, from)
    await engine.checkpoint()
  }
  await Promise.all(readers)
  t.comment(`${overtaken} reads were overtaken`)
  await engine.checkpoint()
  const { logStartOffset } = engine.offsets('orders', 0)
  for (const path of logsOf(disk, 'orders-0')) t.ok(disk.contents(path).length > 0, path)
  t.ok(logsOf(disk, 'orders-0').every((path) => Number(path.slice(-24, -4)) >= logStartOffset))
})

t.test(
  'the time index of a segment is complete on the disk once it is rolled, also when nothing else of it is new',
  async (t) => {
    const disk = new SimulatedDisk()
    const engine = await openLog(disk)
    await engine.createTopic('orders', ONE)
    await fill(engine, 11)
    await engine.checkpoint()
    // Too large for what is left: it rolls, and adds no byte to the segment before.
    await engine.append([{ topic: 'orders', partition: 0, records: [record('x'.repeat(3_000), 9_000)] }])
    await engine.checkpoint()
    disk.die()
    const times = disk.afterKill().contents(`${DATA}/topics/orders-0/00000000000000000000.timeindex`)
    t.ok(times.length > 0)
    t.equal(Number(times.readBigInt64BE(times.length - 12)), 1_000 + 10 * 10, 'the latest time of the segment')
    t.equal(times.readInt32BE(times.length - 4), 10)
  },
)

t.test('a read after close is refused', async (t) => {
  const disk = new SimulatedDisk()
  const engine = await openLog(disk)
  await engine.createTopic('orders', ONE)
  await fill(engine, 3)
  await engine.close()
  await t.rejects(engine.read('orders', 0, 0, KIB), { code: 'ENGINE_CLOSED' })
  await t.rejects(engine.offsetForTime('orders', 0, 0), { code: 'ENGINE_CLOSED' })
  await t.rejects(engine.deleteRecords('orders', 0, 1), { code: 'ENGINE_CLOSED' })
  t.equal(engine.stats().openFiles, 0)
})

t.test('a deleted topic is gone, also while it is read and compacted', async (t) => {
  const disk = new SimulatedDisk()
  const engine = await openLog(disk, { segmentBytes: 2 * KIB, onFailure: (error) => t.fail(error) })
  await engine.createTopic('users', { partitions: 1, cleanup: 'compact' })
  const history = new CompactedHistory('users')
  for (let i = 0; i < 40; i++) await history.append(engine, `k${i % 4}=${i}${'.'.repeat(300)}`)
  await engine.checkpoint()
  const compacted = engine.compact()
  await settle(15)
  const read = engine.read('users', 0, 20, KIB).catch((error) => error.code)
  await engine.deleteTopic('users')
  await compacted
  t.ok((await read) === 'TOPIC_NOT_FOUND' || Buffer.isBuffer(await read))
  t.same(
    disk.paths().filter((path) => path.startsWith(`${DATA}/topics/users-0`)),
    [],
  )
})

t.test('records are found by time over gaps, segments and the tail, and none below the log start', async (t) => {
  const engine = await openLog(new SimulatedDisk(), { segmentBytes: KIB })
  await engine.createTopic('users', { partitions: 1, cleanup: 'compact' })
  const append = (text: string, timestampMs: number) =>
    engine.append([{ topic: 'users', partition: 0, records: [keyed(text, timestampMs)] }])
  const kept = new Map<string, { offset: number; timestampMs: number }>()
  for (let i = 0; i < 60; i++) {
    // Times go back now and then.
    const timestampMs = 10_000 + 100 * i - (i % 7 === 0 ? 350 : 0)
    await append(`k${i % 23}=${i}${'.'.repeat(120)}`, timestampMs)
    kept.set(`k${i % 23}`, { offset: i, timestampMs })
  }
  await engine.checkpoint()
  await engine.compact()
  const check = async (why: string) => {
    const { logStartOffset, highWatermark } = engine.offsets('users', 0)
    for (let timestampMs = 9_900; timestampMs < 16_200; timestampMs += 50) {
      const found = await engine.offsetForTime('users', 0, timestampMs)
      const later = [...kept.values()].filter((r) => r.offset >= logStartOffset && r.timestampMs >= timestampMs)
      const expected = later.length === 0 ? highWatermark : Math.min(...later.map(({ offset }) => offset))
      // What the growing segment holds is not cleaned.
      if (found !== expected && !(found < expected && expected >= 37))
        t.equal(found, expected, `${why}: ${timestampMs}`)
    }
  }
  await check('compacted')
  await engine.deleteRecords('users', 0, 50)
  await check('from 50 on')
  t.equal(await engine.offsetForTime('users', 0, 0), 50)
})
