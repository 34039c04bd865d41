// What stops the log is told as what it was: a failure of the disk, or a fault of ours.

import t from 'tap'
import { asFailure, isFault } from '../../storage/base/failure.ts'
import { batchSize, writeBatch } from '../../storage/batch/record-batch.ts'
import { AssertionError, DwellError } from '../../storage/index.ts'
import { Partition } from '../../storage/log/partition.ts'
import type { Segments } from '../../storage/segment/segments.ts'
import { record } from '../contract/engine.ts'
import { openLog } from './log-on-simulated-disk.ts'
import { SimulatedDisk } from './simulated-disk.ts'

const EIO = Object.assign(new Error('EIO: i/o error, write'), { code: 'EIO', path: '/a' })

t.test('a broken invariant does not read like a broken disk', async (t) => {
  t.match(asFailure(EIO), { code: 'LOG_FAILED', fields: { path: '/a' }, cause: EIO })
  for (const fault of [
    new AssertionError('no'),
    new TypeError('no'),
    new RangeError('no'),
    structuredClone(new Error('no')),
  ]) {
    t.match(asFailure(fault), { code: 'INTERNAL', cause: fault })
    t.ok(isFault(fault))
  }
  t.ok(isFault(Object.assign(new RangeError('out of range'), { code: 'ERR_OUT_OF_RANGE' })), 'Node’s own codes')
  t.notOk(isFault(EIO))
  const known = new DwellError('SEGMENT_DAMAGED', 'damaged')
  t.equal(asFailure(known), known)
  t.notOk(isFault(known))
})

t.test('the log stops on either, and says which', async (t) => {
  for (const [error, code] of [
    [new AssertionError('batches overlap'), 'INTERNAL'],
    [EIO, 'LOG_FAILED'],
  ] as const) {
    const disk = new SimulatedDisk()
    const failures: DwellError[] = []
    const engine = await openLog(disk, { onFailure: (failure) => failures.push(failure) })
    await engine.createTopic('orders', { partitions: 1, cleanup: 'delete' })
    await engine.append([{ topic: 'orders', partition: 0, records: [record('a')] }])
    disk.onCall = (_call, what) => (/^write .*orders-0.*log$/.test(what) ? error : 'go on')
    await t.rejects(engine.checkpoint(), { code })
    t.match(failures, [{ code }])
    const late = engine.append([{ topic: 'orders', partition: 0, records: [record('b')] }])
    await t.rejects(late, { code })
  }
})

t.test('after a failed write nothing is written any more, and nobody waits for it for ever', async (t) => {
  let appends = 0
  let removed = 0
  const segments = {
    endOffset: 0,
    async append() {
      appends++
      throw EIO
    },
    remove: async () => void removed++,
  } as unknown as Segments
  const partition = new Partition({ topicId: 1, topic: 'orders', index: 0, logStartOffset: 0 }, segments, () => {})
  const records = [record('a')]
  const batch = Buffer.alloc(batchSize(records))
  writeBatch(batch, 0, 0, records)
  partition.commit(batch, batch.length)
  for (let i = 0; i < 3; i++) await t.rejects(partition.flush(), { code: 'EIO' })
  t.equal(appends, 1, 'a tail that may be half written is not written again')
  await partition.drop()
  t.equal(removed, 1)
})
