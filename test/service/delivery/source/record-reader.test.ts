import t from 'tap'
import { RecordReader } from '../../../../service/delivery/source/record-reader.ts'
import { encodeRecordBody, SILENT } from '../../../../storage/index.ts'
import { MemoryEngine } from '../../../support/memory-engine.ts'

t.test('records far apart do not keep in memory what was read around them', async (t) => {
  const engine = new MemoryEngine()
  await engine.createTopic('orders', { partitions: 1, cleanup: 'delete' })
  const body = encodeRecordBody(null, Buffer.alloc(1_000, 'x'), [])
  const records = Array.from({ length: 500 }, () => ({ timestampMs: 1, body }))
  for (let i = 0; i < 20; i++) await engine.append([{ topic: 'orders', partition: 0, records }])
  const reader = new RecordReader(engine, SILENT)
  const place = { topic: 'orders', partition: 0 }
  const pinned = new Set<ArrayBufferLike>()
  let bytes = 0
  for (let offset = 250; offset < 10_000; offset += 500) {
    const record = await reader.read(place, offset)
    t.same(record?.body, body)
    if (record === undefined) continue
    bytes += record.body.length
    pinned.add(record.body.buffer)
  }
  const pinnedBytes = [...pinned].reduce((sum, { byteLength }) => sum + byteLength, 0)
  t.ok(pinnedBytes <= 8 * bytes, `${bytes} bytes of bodies keep ${pinnedBytes}`)
})
