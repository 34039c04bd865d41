// The journal on a disk that has no room for its next file.

import t from 'tap'
import type { DwellError } from '../../storage/index.ts'
import { settle } from '../support/manual-clock.ts'
import { KIB, openLog } from './log-on-simulated-disk.ts'
import { SimulatedDisk } from './simulated-disk.ts'

function open(disk: SimulatedDisk, failures: DwellError[]) {
  return openLog(disk, { checkpointBytes: 128 * KIB, onFailure: (error) => failures.push(error) })
}

const FULL = Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' })
const record = { timestampMs: 0, body: Buffer.alloc(7 * KIB, 1) }

t.test('D7: a journal file that finds no room ahead of its need waits until a checkpoint sets one free', async (t) => {
  const disk = new SimulatedDisk()
  const failures: DwellError[] = []
  const engine = await open(disk, failures)
  await engine.createTopic('orders', { partitions: 1, cleanup: 'delete' })
  let refused = 0
  disk.onCall = (_, what) => (what.startsWith('write') && what.endsWith('.preparing') && ++refused ? FULL : 'go on')
  for (let i = 0; i < 100; i++) await engine.append([{ topic: 'orders', partition: 0, records: [record] }])
  t.ok(refused > 0, 'no file could be made')
  t.strictSame(failures, [])
  t.equal(engine.offsets('orders', 0).highWatermark, 100)
  await settle(200)
  t.notOk(
    disk.paths().some((path) => path.endsWith('.preparing')),
    'what was begun keeps no room',
  )
  await engine.close()
  const again = await open(disk, failures)
  t.equal(again.offsets('orders', 0).highWatermark, 100)
  await again.close()
})

t.test(
  'D7: with little room left the journal takes old files again, and makes none that it does not need',
  async (t) => {
    const disk = new SimulatedDisk()
    const failures: DwellError[] = []
    const engine = await open(disk, failures)
    await engine.createTopic('orders', { partitions: 1, cleanup: 'delete' })
    await settle(200)
    const files = () => disk.paths().filter((path) => path.endsWith('.journal')).length
    const before = files()
    disk.space = { bytes: 100 * KIB, files: 1_000 }
    for (let i = 0; i < 100; i++) await engine.append([{ topic: 'orders', partition: 0, records: [record] }])
    t.equal(files(), before)
    t.strictSame(failures, [])
    await engine.close()
  },
)

t.test('D7: a journal without room for any file stops with path and reason, and is whole afterwards', async (t) => {
  const disk = new SimulatedDisk()
  const failures: DwellError[] = []
  const engine = await open(disk, failures)
  await engine.createTopic('orders', { partitions: 1, cleanup: 'delete' })
  await settle()
  // Neither a new file nor an old one under a new name.
  disk.onCall = (_, what) => (/^write .*preparing|^rename .*journal/.test(what) ? FULL : 'go on')
  let acknowledged = 0
  const failed = async () => {
    for (;;) {
      await engine.append([{ topic: 'orders', partition: 0, records: [record] }])
      acknowledged++
    }
  }
  await t.rejects(failed(), { code: 'JOURNAL_FAILED', message: /ENOSPC/ })
  t.equal(failures.length, 1)
  disk.onCall = () => 'go on'
  const again = await open(disk.afterKill(), [])
  t.equal(again.offsets('orders', 0).highWatermark, acknowledged)
  await again.close()
})
