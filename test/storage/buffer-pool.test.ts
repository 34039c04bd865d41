import t from 'tap'
import { BufferPool, readRecords } from '../../storage/index.ts'
import { record } from '../contract/engine.ts'
import { KIB, openLog } from './log-on-simulated-disk.ts'
import { SimulatedDisk } from './simulated-disk.ts'

t.test('a buffer is used again when nobody holds it, not before, and only so many wait for that', async (t) => {
  const pool = new BufferPool(100 * KIB)
  const first = pool.take(20 * KIB)
  t.equal(first.bytes.length, 24 * KIB)
  first.hold()
  first.release()
  t.not(pool.take(20 * KIB), first, 'it is held once more')
  first.release()
  t.equal(pool.take(24 * KIB), first)
  t.throws(() => {
    first.release()
    first.release()
  }, /released as often as it was held/)
  const large = pool.take(120 * KIB)
  large.release()
  t.not(pool.take(120 * KIB), large, 'there is no room for it to wait')
})

t.test('sizes are rounded up by at most a third', async (t) => {
  const pool = new BufferPool()
  for (let size = 17 * KIB; size < 4096 * KIB; size = Math.ceil(size * 1.01)) {
    const { length } = pool.take(size).bytes
    t.ok(length >= size && length <= 1.5 * size + 1, `${size} in ${length}`)
  }
})

t.test('what was read stays as it was while frames are used again', async (t) => {
  const engine = await openLog(new SimulatedDisk(), { tailBytes: 32 * KIB })
  await engine.createTopic('orders', { partitions: 1, cleanup: 'delete' })
  const text = (i: number) => `${i} ${'.'.repeat(6000)}`
  const pages: Buffer[] = []
  for (let i = 0; i < 60; i++) {
    await engine.append([{ topic: 'orders', partition: 0, records: [record(text(i))] }])
    pages.push(await engine.read('orders', 0, i, 1))
  }
  for (const [i, page] of pages.entries()) {
    if (!Buffer.from(readRecords(page)[0].body).includes(text(i))) t.fail(`the page of offset ${i} was overwritten`)
  }
  t.equal((await engine.offsets('orders', 0)).highWatermark, 60)
  await engine.close()
})
