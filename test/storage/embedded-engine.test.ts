// What the embedded engine promises beyond the contract: bounds, refusals, segments, indexes, retention, an orderly end.

import t from 'tap'
import { sizeOfBatchAt } from '../../storage/batch/record-batch.ts'
import { readRecords } from '../../storage/batch/record-page.ts'
import { readAll, record, SETTINGS } from '../contract/engine.ts'
import { ManualClock, settle } from '../support/manual-clock.ts'
import { framesIn, KIB, openLog } from './log-on-simulated-disk.ts'
import { DATA, SimulatedDisk } from './simulated-disk.ts'

const ONE = { partitions: 1, cleanup: 'delete' } as const

function to(topic: string, texts: string[], timestampMs = 1_000) {
  return [{ topic, partition: 0, records: texts.map((text) => record(text, timestampMs)) }]
}

function logsOf(disk: SimulatedDisk, folder: string): string[] {
  return disk.paths().filter((path) => path.includes(`/${folder}/`) && path.endsWith('.log'))
}

t.test('appends that arrive while one write is under way share the next frame', async (t) => {
  const disk = new SimulatedDisk()
  const engine = await openLog(disk)
  await engine.createTopic('orders', SETTINGS)
  const before = framesIn(disk).length
  await Promise.all(Array.from({ length: 100 }, (_, i) => engine.append(to('orders', [`r${i}`]))))
  t.equal(framesIn(disk).length - before, 1)
  const bytes = await engine.read('orders', 0, 0, KIB * KIB)
  t.equal(sizeOfBatchAt(bytes, 0), bytes.length, 'their records are one batch')
  t.equal(readRecords(bytes).length, 100)
})

t.test('a batch takes no more appends in beyond 256 KiB', async (t) => {
  const disk = new SimulatedDisk()
  const engine = await openLog(disk, { journalFileBytes: 4 * KIB * KIB })
  await engine.createTopic('orders', ONE)
  await Promise.all(Array.from({ length: 30 }, () => engine.append(to('orders', ['x'.repeat(30 * KIB)]))))
  const first = await engine.read('orders', 0, 0, 1)
  t.ok(first.length > 256 * KIB && first.length < 300 * KIB, `${first.length} bytes`)
  t.equal((await readAll(engine, 'orders', 0)).length, 30)
})

t.test('an append over the limit is refused as a whole, and the next one gets its offsets', async (t) => {
  const engine = await openLog(new SimulatedDisk())
  await engine.createTopic('orders', SETTINGS)
  const small = { topic: 'orders', partition: 0, records: [record('a')] }
  const large = { topic: 'orders', partition: 1, records: [record('x'.repeat(61 * KIB))] }
  await t.rejects(engine.append([small, large]), { code: 'APPEND_TOO_LARGE', fields: { limit: 60 * KIB } })
  t.same(await engine.append([small]), [0])
  t.match(engine.offsets('orders', 1), { logEndOffset: 0 })
  const fits = { topic: 'orders', partition: 1, records: [record('x'.repeat(59 * KIB))] }
  t.same(await engine.append([fits]), [0])
})

t.test('an append whose late records throw appends nothing', async (t) => {
  const engine = await openLog(new SimulatedDisk())
  await engine.createTopic('orders', SETTINGS)
  const late = () => {
    throw new Error('no')
  }
  const appends = [...to('orders', ['a']), { topic: 'orders', partition: 1, records: late }]
  await t.rejects(engine.append(appends), { message: 'no' })
  t.same(await engine.append(to('orders', ['b'])), [0])
})

t.test('close finishes the appends under way; those that come after it are refused', async (t) => {
  const disk = new SimulatedDisk()
  const engine = await openLog(disk)
  await engine.createTopic('orders', ONE)
  const underWay = Array.from({ length: 50 }, (_, i) => engine.append(to('orders', [`r${i}`])))
  const closed = engine.close()
  await t.rejects(engine.append(to('orders', ['late'])), { code: 'ENGINE_CLOSED' })
  t.same(
    (await Promise.all(underWay)).flat(),
    Array.from({ length: 50 }, (_, i) => i),
  )
  await closed
  await engine.close()
  await t.rejects(engine.append(to('orders', ['late'])), { code: 'ENGINE_CLOSED' })
  await t.rejects(engine.createTopic('other', ONE), { code: 'ENGINE_CLOSED' })
  const again = await openLog(disk.afterKill())
  t.equal((await readAll(again, 'orders', 0)).length, 50)
})

t.test('segments roll, and are read across their ends and through the sparse index', async (t) => {
  const disk = new SimulatedDisk()
  const engine = await openLog(disk)
  await engine.createTopic('orders', ONE)
  for (let i = 0; i < 60; i++) await engine.append(to('orders', [`${i}${'.'.repeat(600)}`], 10 * i))
  await engine.checkpoint()
  t.ok(logsOf(disk, 'orders-0').length >= 4)
  for (let offset = 0; offset < 60; offset += 7) {
    t.equal(readRecords(await engine.read('orders', 0, offset, 1), offset)[0].offset, offset)
    t.equal(await engine.offsetForTime('orders', 0, 10 * offset - 3), offset)
  }
  t.equal((await readAll(engine, 'orders', 0, 0, 2000)).length, 60)
  t.equal(await engine.offsetForTime('orders', 0, 10 * 59 + 1), 60)
})

t.test('indexes that are missing, too long, cut, disordered or of another segment are written anew', async (t) => {
  const disk = new SimulatedDisk()
  const engine = await openLog(disk)
  await engine.createTopic('orders', ONE)
  for (let i = 0; i < 60; i++) await engine.append(to('orders', [`${i}${'.'.repeat(600)}`], 10 * i))
  await engine.close()
  const good = disk.paths().filter((path) => /orders-0.*index$/.test(path))
  const right = good.map((path) => Buffer.from(disk.contents(path)))
  const damages: Record<string, (left: SimulatedDisk, path: string) => void> = {
    missing: (left, path) => left.takeAway(path),
    empty: (left, path) => left.place(path, Buffer.alloc(0)),
    cut: (left, path) => left.place(path, left.contents(path).subarray(0, -5)),
    'too long': (left, path) => left.place(path, Buffer.concat([left.contents(path), Buffer.alloc(24, 0x7f)])),
    zeros: (left, path) => left.place(path, Buffer.alloc(left.contents(path).length)),
    'of another segment': (left, path) => left.place(path, right[(good.indexOf(path) + 2) % good.length]),
    flipped: (left, path) => {
      const bytes = left.contents(path)
      if (bytes.length > 0) bytes[bytes.length - 1] ^= 0x55
    },
  }
  for (const [name, damage] of Object.entries(damages)) {
    const left = disk.afterKill()
    for (const path of good) damage(left, path)
    const again = await openLog(left)
    for (let offset = 0; offset < 60; offset += 3) {
      t.equal(readRecords(await again.read('orders', 0, offset, 1), offset)[0].offset, offset, name)
      t.equal(await again.offsetForTime('orders', 0, 10 * offset), offset, name)
    }
    await again.close()
  }
})

t.test('a damaged batch is reported with its offsets, and the batches around it are served', async (t) => {
  const disk = new SimulatedDisk()
  const engine = await openLog(disk)
  await engine.createTopic('orders', ONE)
  for (let i = 0; i < 6; i++) await engine.append(to('orders', [`${i}a`, `${i}b`]))
  await engine.checkpoint()
  const bytes = disk.contents(logsOf(disk, 'orders-0')[0])
  bytes[2 * sizeOfBatchAt(bytes, 0) + 70] ^= 1
  t.equal(readRecords(await engine.read('orders', 0, 0, KIB)).length, 4, 'up to the damage')
  const damage = { code: 'BATCH_DAMAGED', fields: { offset: 4, lastOffset: 5 } }
  await t.rejects(engine.read('orders', 0, 4, KIB), damage)
  t.equal(readRecords(await engine.read('orders', 0, 6, KIB)).length, 6, 'behind the damage')
})

t.test('a read that fails once is answered when it is tried again, and harms nothing else', async (t) => {
  const disk = new SimulatedDisk()
  const engine = await openLog(disk)
  await engine.createTopic('orders', ONE)
  for (let i = 0; i < 40; i++) await engine.append(to('orders', ['.'.repeat(600)]))
  await engine.close()
  for (let at = 0; ; at++) {
    const left = disk.afterKill()
    const again = await openLog(left, { onFailure: (error) => t.fail(error) })
    const calls = left.calls
    left.onCall = (call) => (call === calls + at ? Object.assign(new Error('EIO'), { code: 'EIO' }) : 'go on')
    const read = await again.read('orders', 0, 39, 1).catch((error) => error.code)
    if (read !== 'READ_FAILED') return t.ok(at > 5, `${at} calls`)
    t.equal(readRecords(await again.read('orders', 0, 39, 1), 39)[0].offset, 39)
    t.same(await again.append(to('orders', ['on'])), [40])
  }
})

t.test('a segment that is missing in the middle is reported with its offsets', async (t) => {
  const disk = new SimulatedDisk()
  const engine = await openLog(disk)
  await engine.createTopic('orders', ONE)
  for (let i = 0; i < 40; i++) await engine.append(to('orders', ['.'.repeat(600)]))
  await engine.close()
  const left = disk.afterKill()
  const [, second, third] = logsOf(left, 'orders-0')
  left.takeAway(second)
  const again = await openLog(left)
  const from = Number(/(\d+)\.log$/.exec(second)?.[1])
  const next = Number(/(\d+)\.log$/.exec(third)?.[1])
  await t.rejects(again.read('orders', 0, from + 1, KIB), { code: 'BATCH_DAMAGED', fields: { lastOffset: next - 1 } })
  t.ok((await readAll(again, 'orders', 0, next)).length > 0)
})

t.test('the size limit of a topic is kept by whole segments at a checkpoint', async (t) => {
  const disk = new SimulatedDisk()
  const engine = await openLog(disk)
  await engine.createTopic('orders', { ...ONE, retentionBytes: 20 * KIB })
  for (let i = 0; i < 80; i++) await engine.append(to('orders', ['.'.repeat(600)]))
  await engine.checkpoint()
  await engine.checkpoint()
  const { logStartOffset, sizeBytes } = engine.offsets('orders', 0)
  t.ok(logStartOffset > 0 && sizeBytes >= 20 * KIB && sizeBytes < 30 * KIB, `${sizeBytes} bytes from ${logStartOffset}`)
  t.match(logsOf(disk, 'orders-0')[0], new RegExp(`${logStartOffset}\\.log$`))
  t.equal((await readAll(engine, 'orders', 0)).length, 80 - logStartOffset)
  disk.die()
  const again = await openLog(disk.afterKill())
  t.match(again.offsets('orders', 0), { logStartOffset, sizeBytes })
})

t.test('the age limit of a topic is kept by whole segments, the last one included', async (t) => {
  const disk = new SimulatedDisk()
  const clock = new ManualClock()
  const engine = await openLog(disk, { clock })
  await engine.createTopic('orders', { ...ONE, retentionMs: 60_000 })
  for (let i = 0; i < 30; i++) await engine.append(to('orders', ['.'.repeat(600)], clock.wallMs()))
  await engine.checkpoint()
  t.equal(engine.offsets('orders', 0).logStartOffset, 0)
  await clock.advance(59_000)
  await engine.append(to('orders', ['young'], clock.wallMs()))
  clock.stepWall(2_000)
  await engine.checkpoint()
  await engine.checkpoint()
  const { logStartOffset } = engine.offsets('orders', 0)
  t.ok(logStartOffset > 10 && logStartOffset <= 30)
  clock.stepWall(100_000)
  await engine.checkpoint()
  await engine.checkpoint()
  t.match(engine.offsets('orders', 0), { logStartOffset: 31, highWatermark: 31, sizeBytes: 0 })
  t.equal(logsOf(disk, 'orders-0').length, 1)
  t.same(await engine.append(to('orders', ['new'], clock.wallMs())), [31])
  await engine.close()
  t.match(await readAll(await openLog(disk.afterKill(), { clock }), 'orders', 0), [{ offset: 31, text: 'new' }])
})

t.test('deleted records give their segments back, and stay deleted after a crash', async (t) => {
  const disk = new SimulatedDisk()
  const engine = await openLog(disk)
  await engine.createTopic('orders', ONE)
  for (let i = 0; i < 60; i++) await engine.append(to('orders', [`${i}${'.'.repeat(600)}`]))
  await engine.deleteRecords('orders', 0, 45)
  disk.die()
  const left = disk.afterKill()
  const again = await openLog(left)
  t.equal(again.offsets('orders', 0).logStartOffset, 45)
  await again.checkpoint()
  t.ok(logsOf(left, 'orders-0').length <= 3, 'of six segments, those before the log start are gone')
  t.match(await readAll(again, 'orders', 0), [{ offset: 45 }])
  await t.rejects(again.deleteRecords('orders', 0, 61), { code: 'OFFSET_OUT_OF_RANGE' })
  await t.rejects(again.deleteRecords('orders', 0, Number.NaN), { code: 'OFFSET_OUT_OF_RANGE' })
})

t.test('a thousand partitions work with eight handles, and an idle one costs no file', async (t) => {
  const disk = new SimulatedDisk()
  const engine = await openLog(disk, { openFilesMax: 8, journalFileBytes: KIB * KIB, runTailsMin: 1001 })
  await engine.createTopic('wide', { partitions: 1000, cleanup: 'delete' })
  const every = (take: (partition: number) => boolean) =>
    Array.from({ length: 1000 }, (_, partition) => partition).filter(take)
  for (let round = 0; round < 2; round++) {
    await engine.append(
      every((p) => p % 2 === 0).map((partition) => ({
        topic: 'wide',
        partition,
        records: [record(`${round} ${partition}`)],
      })),
    )
    await engine.checkpoint()
    t.ok(engine.stats().openFiles <= 8, `${engine.stats().openFiles} handles`)
  }
  t.equal(disk.paths().filter((path) => path.includes('/wide-') && path.endsWith('.log')).length, 500)
  for (const partition of [0, 500, 998]) t.equal((await readAll(engine, 'wide', partition)).length, 2)
  await engine.close()
  const left = disk.afterKill()
  const again = await openLog(left, { openFilesMax: 8 })
  t.ok(left.calls < 100, `a start makes ${left.calls} calls of the disk`)
  for (const partition of every((p) => p % 97 === 0)) {
    t.equal((await readAll(again, 'wide', partition)).length, partition % 2 === 0 ? 2 : 0)
  }
})

t.test(
  'checkpoints are written by time and by the amount of journal, and only when something was appended',
  async (t) => {
    const disk = new SimulatedDisk()
    const clock = new ManualClock()
    const engine = await openLog(disk, { clock, checkpointIntervalMs: 1000, checkpointBytes: 50 * KIB })
    await engine.createTopic('orders', ONE)
    let written = 0
    disk.onCall = (_call, what) => {
      if (what === `rename ${DATA}/checkpoint.new ${DATA}/checkpoint`) written++
      return 'go on'
    }
    await clock.advance(1000)
    await settle(100)
    t.equal(written, 1)
    await clock.advance(5000)
    await settle(100)
    t.equal(written, 1, 'nothing new')
    for (let i = 0; i < 20; i++) await engine.append(to('orders', ['.'.repeat(3000)]))
    await settle(200)
    t.equal(written, 2)
    t.ok(engine.stats().replayBytes < 50 * KIB)
    await engine.close()
  },
)

t.test('journal files are used again: their number stays bounded', async (t) => {
  const disk = new SimulatedDisk()
  const engine = await openLog(disk, { checkpointBytes: 128 * KIB })
  await engine.createTopic('orders', { ...ONE, retentionBytes: 16 * KIB })
  for (let i = 0; i < 300; i++) await engine.append(to('orders', ['.'.repeat(9000)]))
  await settle(500)
  const files = disk.paths().filter((path) => path.endsWith('.journal'))
  t.ok(files.length <= 12, `${files.length} files`)
  t.match(files.at(-1), /0{16}\d{3}\d?\.journal$/)
})

t.test('close, with a long catalogue and a checkpoint under way, ends in order', async (t) => {
  const disk = new SimulatedDisk()
  const engine = await openLog(disk, { checkpointBytes: 64 * KIB, onFailure: (error) => t.fail(error) })
  for (let i = 0; i < 600; i++) {
    await engine.createTopic('comes', ONE)
    await engine.deleteTopic('comes')
  }
  await engine.createTopic('orders', ONE)
  const appends = Array.from({ length: 200 }, () => engine.append(to('orders', ['.'.repeat(9000)])))
  const checkpoint = engine.checkpoint()
  await engine.close()
  await checkpoint
  await Promise.all(appends)
  t.equal(engine.stats().waitingBytes, 0)
  t.equal((await readAll(await openLog(disk.afterKill()), 'orders', 0)).length, 200)
})

t.test('memory for tails is bounded: appends wait for a slow disk', async (t) => {
  const disk = new SimulatedDisk()
  const engine = await openLog(disk, { tailBytes: 32 * KIB, journalFileBytes: 256 * KIB })
  await engine.createTopic('orders', SETTINGS)
  let most = 0
  engine.onHighWatermark(() => {
    most = Math.max(most, engine.stats().tailBytes)
  })
  for (let i = 0; i < 60; i++) await engine.append(to('orders', ['.'.repeat(10 * KIB)]))
  t.ok(most <= 2 * 32 * KIB + 16 * KIB, `${most} bytes`)
})

t.test('a topic of the same name is created only when the old one is gone', async (t) => {
  const disk = new SimulatedDisk()
  const engine = await openLog(disk)
  await engine.createTopic('orders', ONE)
  await engine.append(to('orders', ['old']))
  await engine.checkpoint()
  const [, created, , refused] = await Promise.allSettled([
    engine.deleteTopic('orders'),
    engine.createTopic('orders', SETTINGS),
    engine.append(to('orders', ['old'])),
    engine.createTopic('orders', SETTINGS),
  ])
  t.equal(created.status, 'fulfilled')
  t.match(refused, { status: 'rejected', reason: { code: 'TOPIC_EXISTS' } })
  t.match(engine.offsets('orders', 0), { highWatermark: 0 })
})

t.test('the catalogue stays short, however often topics come and go', async (t) => {
  const disk = new SimulatedDisk()
  const engine = await openLog(disk)
  const stays = await engine.createTopic('stays', { ...SETTINGS, retentionMs: 5 })
  for (let i = 0; i < 600; i++) {
    await engine.createTopic('comes', ONE)
    await engine.deleteTopic('comes')
  }
  await engine.checkpoint()
  const { logStartOffset, highWatermark } = engine.offsets('__topics', 0)
  t.ok(highWatermark - logStartOffset < 10, `${highWatermark - logStartOffset} records`)
  disk.die()
  const again = await openLog(disk.afterKill())
  t.same(again.topic('stays'), stays)
  t.equal(again.topic('comes'), undefined)
  const { id } = await again.createTopic('comes', ONE)
  t.ok(id > highWatermark, 'an id is never given again')
})
