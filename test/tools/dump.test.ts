// What `dwell dump` prints of each kind of file. The directory is made by the real engine and wheel, with a clock that stands
// still and chance from a seed, so that every byte is known.

import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { dump } from '../../service/cli/dump/dump.ts'
import type { DumpOptions } from '../../service/cli/dump/line.ts'
import { encodeIdEntry, idKey } from '../../service/publish/id-entry.ts'
import { blankBatch } from '../../storage/batch/blank-batch.ts'
import {
  EmbeddedEngine,
  encodeRecordBody,
  openLevelStore,
  SILENT,
  SystemDisk,
  writeDurableFile,
} from '../../storage/index.ts'
import { writeRun } from '../../storage/run/run.ts'
import { writeCleanedMark } from '../../storage/segment/cleaned-mark.ts'
import { HandClock, Wheel } from '../../timewheel/index.ts'
import { ManualClock, settle } from '../support/manual-clock.ts'
import { SeededRandom } from '../support/seeded-random.ts'
import { flip } from './data-directory.ts'
import { GOLDEN } from './dump-golden.ts'

const disk = new SystemDisk()
const MINUTE_MS = 60_000

async function makeDirectory(): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), 'dwell-dump-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  const clock = new ManualClock()
  const engine = await EmbeddedEngine.open({
    disk,
    clock,
    random: new SeededRandom(7),
    directory,
    log: SILENT,
    journalFileBytes: 1024 * 1024,
    segmentBytes: 16 * 1024,
    onFailure: (error) => t.fail(error.message),
  })
  await engine.createTopic('orders', { partitions: 1, cleanup: 'delete', retentionMs: 86_400_000 })
  const overflow = await openLevelStore(disk, join(directory, 'overflow'))
  const wheel = await Wheel.open({
    engine,
    disk,
    clock,
    hand: new HandClock({ clock, log: SILENT, settleMs: 0 }),
    overflow,
    directory: join(directory, 'wheel'),
    log: SILENT,
    slots: 7200,
    memoryBytes: 1024 * 1024,
    readBytes: 1024 * 1024,
    windowSeconds: 16,
    rememberMs: 600_000,
    settledMs: 1_000,
    onFailure: (error) => t.fail(String(error)),
  })
  await wheel.start()
  const record = (text: string, key: string | null = null) => ({
    timestampMs: clock.wallMs(),
    body: encodeRecordBody(key === null ? null : Buffer.from(key), Buffer.from(text), [['kind', Buffer.from('test')]]),
  })
  for (let i = 0; i < 12; i++) {
    await engine.append([
      { topic: 'orders', partition: 0, records: [record(`${i} ${'.'.repeat(700)}`, `k${i}`), record('short')] },
    ])
    await clock.advance(1)
  }
  const later = (text: string, delayMs: number, ownId?: string) => ({
    topic: 'orders',
    dueAtMs: clock.wallMs() + delayMs,
    body: encodeRecordBody(null, Buffer.from(text), []),
    ownId,
    fillId: false,
  })
  await engine.append([
    wheel.append([later('near', 10 * MINUTE_MS), later('far', 300 * MINUTE_MS, 'mine'), later('now', 50)]),
  ])
  await clock.advance(2_000)
  await wheel.cancel('orders', { dueAtMs: Date.UTC(2026, 10, 20, 10, 10, 0, 12), offset: 0 })
  await wheel.reschedule('orders', { dueAtMs: Date.UTC(2026, 10, 20, 15, 0, 0, 12), offset: 1 }, Date.UTC(2026, 10, 20, 10, 10, 0, 500), 'mine') // biome-ignore format: one call
  const done = wheel.checkpoint()
  await clock.advance(300)
  await settle(50)
  await done
  const endMs = clock.wallMs() + 30_000
  while (!existsSync(join(directory, 'wheel/checkpoint.synced'))) {
    await settle(100)
    await clock.advance(10)
  }
  await clock.advance(endMs - clock.wallMs())
  await engine.checkpoint()
  await engine.append([{ topic: 'orders', partition: 0, records: [record('behind the checkpoint')] }])
  await wheel.stop()
  await overflow.close()
  const index = await openLevelStore(disk, join(directory, 'index'))
  const entry = {
    state: 'pending' as const,
    atMs: clock.wallMs(),
    dueAtMs: clock.wallMs(),
    delayOffset: 1,
    partition: 0,
    offset: 0,
  }
  await index.write([{ type: 'put', key: idKey(3, 'mine'), value: encodeIdEntry(entry) }])
  await index.close()
  await engine.close()
  writeFileSync(join(directory, 'owner.json'), '{"pid":4711,"host":"a","startedAtMs":1790000000000}\n')
  const identity = { clusterId: '9f', host: 'a', path: '/var/dwell' }
  await writeDurableFile(
    disk,
    join(directory, 'identity'),
    { magic: 'DWID', version: 1 },
    Buffer.from(JSON.stringify(identity)),
  )
  await writeCleanedMark(disk, directory, { cleanedTo: 40, gapsTo: 30, horizonMs: 0 })
  mkdirSync(join(directory, 'runs'), { recursive: true })
  const batches = [blankBatch(5, 6)]
  await writeRun(disk, join(directory, 'runs'), 3, [{ topicId: 1, partition: 0, batches }])
  return directory
}

async function linesOf(path: string, options: Partial<DumpOptions> = {}): Promise<string[]> {
  const lines: string[] = []
  for await (const line of dump(disk, path, { records: false, values: false, ...options })) {
    lines.push(typeof line === 'string' ? line : `!! ${line.damage}`)
  }
  return lines
}

const directory = await makeDirectory()

for (const [name, { of, prints }] of Object.entries(GOLDEN)) {
  t.test(name, async (t) => {
    const lines = (await linesOf(join(directory, of[0]), of[1])).map((line) => line.replaceAll(directory, '<data>'))
    t.same(lines, prints)
  })
}

t.test('a damaged file is printed as far as it goes', async (t) => {
  const folder = join(directory, 'damaged')
  mkdirSync(folder)
  const copy = (from: string, name: string) => {
    writeFileSync(join(folder, name), readFileSync(join(directory, from)))
    return join(folder, name)
  }
  const segment = copy('topics/orders-0/00000000000000000000.log', '00000000000000000000.log')
  flip(segment, 1000)
  const lines = await linesOf(segment)
  t.match(lines[2], /^!! byte \d+ {2}damaged up to byte \d+: its checksum does not match$/)
  t.match(lines.at(-1), /13 batches, 24 records printed/, 'what lies behind is printed too')

  const slot = copy('wheel/slots/1795169400.slot', '1795169400.slot')
  truncateSync(slot, 50)
  t.match((await linesOf(slot)).at(-1), /^!! byte 6 {2}damaged: its last entry is not whole$/)

  const checkpoint = copy('checkpoint', 'checkpoint')
  flip(checkpoint, -1)
  t.match((await linesOf(checkpoint)).at(-1), /^!! .*its checksum does not match/)

  const journal = copy('journal/00000000000000000001.journal', 'named-otherwise')
  flip(journal, 3 * 4096 + 40)
  const damaged = (await linesOf(journal)).filter((line) => line.startsWith('!!'))
  t.same(damaged, ['!! byte 12288  damaged up to byte 16384, behind which frames go on: it begins with a broken frame'])
})

t.test('what is none of ours is refused with a sentence', async (t) => {
  writeFileSync(join(directory, 'picture'), 'GIF89a')
  writeFileSync(join(directory, 'nothing'), '')
  await t.rejects(linesOf(join(directory, 'picture')), { code: 'NOT_OURS', message: /is no file of Dwell/ })
  await t.rejects(linesOf(join(directory, 'absent')), { code: 'FILE_NOT_FOUND' })
  await t.rejects(linesOf(join(directory, 'topics')), { code: 'NOT_OURS', message: /is a folder and no LevelDB store/ })
  t.match(await linesOf(join(directory, 'nothing')), [/^!! .* is empty\.$/])
})
