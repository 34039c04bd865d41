import { join } from 'node:path'
import t from 'tap'
import { SystemDisk, writeDurableFile } from '../../storage/index.ts'
import { kindOfDirectory, kindOfFile, PointsDisk } from './points-disk.ts'

t.test('a point names its moment, its operation and the kind of file', async (t) => {
  const directory = t.testdir()
  const points: string[] = []
  const disk = new PointsDisk(new SystemDisk(), { onPoint: (point) => points.push(point), root: directory })
  await writeDurableFile(disk, join(directory, 'checkpoint'), { magic: 'TEST', version: 1 }, Buffer.from('x'))
  t.same(points, [
    'before truncate checkpoint',
    'after truncate checkpoint',
    'before sync checkpoint',
    'after sync checkpoint',
    'before rename checkpoint',
    'after rename checkpoint',
    'before syncDirectory root',
    'after syncDirectory root',
  ])
})

t.test('a write is a point only when it makes its bytes durable', async (t) => {
  const directory = t.testdir()
  const points: string[] = []
  const disk = new PointsDisk(new SystemDisk(), { onPoint: (point) => points.push(point) })
  const plain = await disk.open(join(directory, '1.log'), 'write')
  const through = await disk.open(join(directory, '00000000000000000001.journal'), 'write-through')
  await plain.write(Buffer.from('a'), 0)
  await through.write(Buffer.from('b'), 0)
  await plain.close()
  await through.close()
  t.same(points, ['before write journal', 'after write journal'])
})

t.test('each write of a slot is a point, though it is not durable', async (t) => {
  const points: string[] = []
  const disk = new PointsDisk(new SystemDisk(), { onPoint: (point) => points.push(point) })
  const file = await disk.open(join(t.testdir(), '17.slot'), 'write')
  await file.write(Buffer.from('a'), 0)
  await file.close()
  t.same(points, ['before write slot', 'after write slot'])
})

t.test('it can say that less is free than there is, never more', async (t) => {
  const directory = t.testdir()
  const really = await new SystemDisk().free(directory)
  let bytes = 17
  const disk = new PointsDisk(new SystemDisk(), { onPoint: () => {}, freeBytes: () => bytes })
  t.match(await disk.free(directory), { bytes: 17, files: Number })
  bytes = Number.POSITIVE_INFINITY
  t.ok((await disk.free(directory)).bytes < 2 * really.bytes)
})

t.test('what disappears has points too, also when the call fails half way', async (t) => {
  const directory = t.testdir({ 'orders-0': { '1.log': '' } })
  const points: string[] = []
  const disk = new PointsDisk(new SystemDisk(), { onPoint: (point) => points.push(point) })
  await disk.remove(join(directory, 'orders-0', '1.log'))
  await disk.removeTree(join(directory, 'orders-0'))
  await t.rejects(disk.rename(join(directory, 'none'), join(directory, '17.slot')))
  t.same(points, [
    'before remove segment',
    'after remove segment',
    'before removeTree partition',
    'after removeTree partition',
    'before rename slot',
  ])
})

t.test('a slow disk has a point in the middle', async (t) => {
  const directory = t.testdir({ file: '' })
  const points: string[] = []
  const disk = new PointsDisk(new SystemDisk(), { onPoint: (point) => points.push(point), slowMs: 1 })
  const removed = disk.remove(join(directory, 'file'))
  t.same(points, ['before remove file'])
  await removed
  t.same(points, ['before remove file', 'during remove file', 'after remove file'])
})

t.test('kinds', async (t) => {
  t.equal(kindOfFile('/d/orders-0/00000000000000000000.log'), 'segment')
  t.equal(kindOfFile('/d/orders-0/00000000000000000000.index'), 'offset-index')
  t.equal(kindOfFile('/d/orders-0/00000000000000000000.timeindex'), 'time-index')
  t.equal(kindOfFile('/d/orders-0/00000000000000000000.log.cleaned'), 'cleaned-segment')
  t.equal(kindOfFile('/d/orders-0/00000000000000000000.log.swap'), 'swapped-segment')
  t.equal(kindOfFile('/d/orders-0/cleaned'), 'cleaned-mark')
  t.equal(kindOfFile('/d/runs/00000000000000000007.run'), 'run')
  t.equal(kindOfFile('/d/slots/1795255200.slot'), 'slot')
  t.equal(kindOfFile('/d/orders-0/partition.metadata'), 'metadata')
  t.equal(kindOfFile('/d/journal/00000000000000000007.journal.new'), 'journal')
  t.equal(kindOfFile('/d/checkpoint.new'), 'checkpoint')
  t.equal(kindOfFile('/d/wheel/checkpoint.new'), 'wheel-checkpoint')
  t.equal(kindOfDirectory('/d/orders.billing.retry.5s-3'), 'partition')
  t.equal(kindOfDirectory('/d/journal'), 'journal')
})
