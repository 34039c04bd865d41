// A reader far behind disturbs nobody at the tail: what is newest is read from memory, and published to, whatever the
// disk is doing for those who read what is old.

import t from 'tap'
import { type Disk, type DiskFile, readPage } from '../../storage/index.ts'
import { record } from '../contract/engine.ts'
import { KIB, openLog } from './log-on-simulated-disk.ts'
import { SimulatedDisk } from './simulated-disk.ts'

/** A disk on which reads of segments can be held up. */
function withHeldReads(disk: SimulatedDisk): {
  disk: SimulatedDisk
  hold: () => void
  letGo: () => void
  held: () => number
} {
  let gate: PromiseWithResolvers<void> | undefined
  let held = 0
  const open = disk.open.bind(disk)
  const holding: Disk['open'] = async (path, mode) => {
    const file = await open(path, mode)
    if (!path.endsWith('.log')) return file
    const read: DiskFile['read'] = async (into, position) => {
      held++
      await gate?.promise
      held--
      return file.read(into, position)
    }
    return {
      read,
      write: (bytes, position) => file.write(bytes, position),
      sync: () => file.sync(),
      truncate: (size) => file.truncate(size),
      size: () => file.size(),
      close: () => file.close(),
    }
  }
  disk.open = holding
  return {
    disk,
    hold: () => {
      gate = Promise.withResolvers()
    },
    letGo: () => gate?.resolve(),
    held: () => held,
  }
}

t.test('the newest records are read and published to while every read of old ones hangs', async (t) => {
  const { disk, hold, letGo, held } = withHeldReads(new SimulatedDisk())
  const engine = await openLog(disk)
  await engine.createTopic('orders', { partitions: 1, cleanup: 'delete' })
  const append = (text: string) => engine.append([{ topic: 'orders', partition: 0, records: [record(text)] }])
  for (let i = 0; i < 60; i++) await append(`${i} ${'.'.repeat(KIB)}`)
  await engine.checkpoint()
  hold()
  const behind = Array.from({ length: 20 }, (_, offset) => engine.read('orders', 0, offset, 16 * KIB))
  for (let round = 0; round < 3; round++) {
    const [offset] = await append(`new ${round}`)
    const { records } = readPage(await engine.read('orders', 0, offset, KIB), offset)
    t.match(records, [{ offset }])
  }
  t.ok(held() > 0, `${held()} reads hang`)
  letGo()
  for (const [offset, bytes] of (await Promise.all(behind)).entries()) {
    t.equal(readPage(bytes, offset).records[0].offset, offset)
  }
  await engine.close()
})

t.test('memory that the reader brings is what a page from segments lies in', async (t) => {
  const engine = await openLog(new SimulatedDisk(), { segmentBytes: 64 * KIB })
  await engine.createTopic('orders', { partitions: 1, cleanup: 'delete' })
  for (let i = 0; i < 20; i++) {
    await engine.append([{ topic: 'orders', partition: 0, records: [record('.'.repeat(KIB))] }])
  }
  await engine.checkpoint()
  const own = Buffer.alloc(64 * KIB)
  const bytes = await engine.read('orders', 0, 3, 32 * KIB, (size) => own.subarray(0, size))
  t.equal(bytes.buffer, own.buffer)
  t.equal(readPage(bytes, 3).records[0].offset, 3)
  await engine.close()
})
