// D16 of the faults, over the whole service: the index of ids is made anew whatever became of it, and knows the same ids;
// a damaged overflow store refuses the start and says which messages may be missing.

import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { openIdIndex } from '../../service/publish/id-index.ts'
import { Ids } from '../../service/publish/ids.ts'
import { openLevelStore, SILENT, SystemDisk } from '../../storage/index.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { MemoryEngine } from '../support/memory-engine.ts'
import { startService } from './running-service.ts'

/** Removed after the services in it have stopped: what is registered last is torn down first. */
function folder(t: Test): string {
  const directory = mkdtempSync(join(tmpdir(), 'dwell-stores-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  return directory
}

const fileOf = (directory: string, pattern: RegExp) =>
  join(directory, readdirSync(directory).find((name) => pattern.test(name)) as string)

/** Nothing in common, so that a table holds them as they are. */
const IDS = ['0v8gk2mdq1', '5hx7rwz93t', 'b4n6jcyepf']

const DAMAGES: Record<string, (index: string) => void> = {
  'CURRENT missing': (index) => rmSync(join(index, 'CURRENT')),
  'MANIFEST torn': (index) => truncateSync(fileOf(index, /^MANIFEST/), 20),
  'the write-ahead file gone': (index) => rmSync(fileOf(index, /^\d+\.log$/)),
  'all of it gone': (index) => rmSync(index, { recursive: true }),
}

t.test('the index of ids is made anew out of the log', async (t) => {
  const directory = folder(t)
  let service = await startService(t, {}, { directory })
  const first = (await service.publish('orders', { value: 1, id: 'a', delay: '30d' })).json.results[0]
  for (const [what, damage] of Object.entries(DAMAGES)) {
    await service.stop()
    damage(join(directory, 'index'))
    service = await startService(t, {}, { directory })
    const again = (await service.publish('orders', { value: 1, id: 'a' })).json.results[0]
    t.strictSame(again, { ...first, duplicate: true }, what)
  }
})

t.test('overflow rows that are gone refuse the start with the span of due times', async (t) => {
  const directory = folder(t)
  const service = await startService(t, {}, { directory })
  await service.publish('orders', { value: 1, delay: '30d' })
  await service.stop()
  const current = join(directory, 'overflow', 'CURRENT')
  renameSync(current, `${current}.away`)
  await t.rejects(startService(t, {}, { directory }), {
    code: 'OVERFLOW_LOST',
    message: /due between .* and .* may be missing/,
  })
  renameSync(`${current}.away`, current)
  const again = await startService(t, {}, { directory })
  t.match((await again.call('GET', '/metrics')).text, /dwell_delayed_pending 1\n/)
})

t.test('a damaged row that is met later has the next start make the index anew', async (t) => {
  const directory = join(folder(t), 'index')
  const disk = new SystemDisk()
  const engine = new MemoryEngine()
  const clock = new ManualClock()
  const open = async () => {
    const index = await openIdIndex(disk, directory, SILENT)
    return { index, ids: await Ids.open({ engine, index, hand: { nowMs: () => clock.wallMs() }, windowMs: 1_000 }) }
  }
  const first = await open()
  const entry = { state: 'pending' as const, atMs: 1, dueAtMs: 2, delayOffset: 3, partition: 0, offset: 0 }
  for (let i = 0; i < 3; i++) await engine.append([first.ids.append(() => [first.ids.record(7, IDS[i], entry)])])
  await first.ids.caughtUp()
  await first.ids.checkpoint()
  await first.index.close()
  // Opening moves the rows into a table, where one of them loses a bit.
  await (await openLevelStore(disk, directory)).close()
  const table = fileOf(directory, /\.ldb$/)
  const bytes = readFileSync(table)
  bytes[bytes.indexOf(IDS[2].slice(1)) + 5] ^= 1
  writeFileSync(table, bytes)
  const second = await open()
  await t.rejects(second.ids.checkpoint(), { code: /^(STORE|ROW)_DAMAGED$/ })
  await second.ids.stop()
  await second.index.close()
  const third = await open()
  await third.ids.checkpoint()
  t.same(third.ids.find(7, IDS[2]), entry)
  await third.index.close()
})
