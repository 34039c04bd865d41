// A deleted topic's folder that could not be removed: a topic of the same name that was made afterwards once wrote into it,
// and after a restart took the old segments for its own.

import t from 'tap'
import { readAll, record, SETTINGS } from '../contract/engine.ts'
import { KIB, openLog } from './log-on-simulated-disk.ts'
import { SimulatedDisk } from './simulated-disk.ts'

const OPTIONS = { segmentBytes: 2 * KIB }

t.test('a folder that could not be removed with its topic is in nobody’s way', async (t) => {
  const disk = new SimulatedDisk()
  const engine = await openLog(disk, OPTIONS)
  await engine.createTopic('orders', SETTINGS)
  const append = (text: string) => engine.append([{ topic: 'orders', partition: 0, records: [record(text)] }])
  for (let i = 0; i < 6; i++) await append(`old ${i} ${'.'.repeat(900)}`)
  await engine.checkpoint()
  disk.onCall = (_call, what) => {
    return what.startsWith('removeTree') ? Object.assign(new Error(`EIO: ${what}`), { code: 'EIO' }) : 'go on'
  }
  await engine.deleteTopic('orders')
  disk.onCall = () => 'go on'
  t.ok(
    disk.paths().some((path) => path.includes('orders-0/')),
    'it is still there',
  )
  await engine.createTopic('orders', SETTINGS)
  // Beyond the first offsets of the old segments.
  for (let i = 0; i < 5; i++) await append(`new ${i} ${'.'.repeat(600)}`)
  await engine.checkpoint()
  disk.die()
  const again = await openLog(disk.afterKill(), OPTIONS)
  t.same(
    (await readAll(again, 'orders', 0)).map(({ text }) => text.slice(0, 5)),
    [0, 1, 2, 3, 4].map((i) => `new ${i}`),
  )
})
