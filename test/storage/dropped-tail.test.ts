// A topic that is deleted while its compaction waits for the disk, its tail more than memory should hold: the partition can write
// nothing any more, and its tail goes only when the compaction has ended. The log must not try to write it meanwhile: it
// once did so again and again, and the disk never had its turn.

import t from 'tap'
import { encodeRecordBody, type LogEngine } from '../../storage/index.ts'
import { KIB, openLog } from './log-on-simulated-disk.ts'
import { SimulatedDisk } from './simulated-disk.ts'

function append(engine: LogEngine, topic: string, size: number): Promise<number[]> {
  const body = encodeRecordBody(Buffer.from('k'), Buffer.alloc(size), [])
  return engine.append([{ topic, partition: 0, records: [{ timestampMs: 1_000, body }] }])
}

t.test('a topic that is deleted while it is compacted holds nothing up', async (t) => {
  const gate = Promise.withResolvers<void>()
  let held = ''
  const disk = new SimulatedDisk({
    turn: async (what) => {
      if (held !== '' || !what.includes('.cleaned')) return nextTurn()
      held = what
      await gate.promise
    },
  })
  const engine = await openLog(disk, { tailBytes: 128 * KIB, segmentBytes: 2 * KIB })
  await engine.createTopic('users', { partitions: 1, cleanup: 'compact' })
  await engine.createTopic('orders', { partitions: 1, cleanup: 'delete' })
  for (let i = 0; i < 8; i++) await append(engine, 'users', 1_500)
  await engine.checkpoint()
  const compacted = engine.compact()
  while (held === '') await nextTurn()
  await append(engine, 'users', 40 * KIB)
  const deleted = engine.deleteTopic('users')
  while (engine.topic('users') !== undefined) await nextTurn()
  for (let i = 0; i < 8; i++) await append(engine, 'orders', 30 * KIB)
  gate.resolve()
  await Promise.all([compacted, deleted])
  t.equal(engine.topic('users'), undefined)
  await engine.close()
})

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
