import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import { SystemDisk, writeDurableFile } from '../../storage/index.ts'
import { WriteBackDisk } from './write-back-disk.ts'

const bytes = (text: string) => Buffer.from(text)

t.test('what was not synced is not below, yet every handle reads it', async (t) => {
  const path = join(t.testdir(), 'file')
  const disk = new WriteBackDisk(new SystemDisk())
  const one = await disk.open(path, 'write')
  await one.write(bytes('hello'), 0)
  const other = await disk.open(path, 'read')
  const into = Buffer.alloc(10)
  t.equal(await other.read(into, 0), 5)
  t.equal(into.toString('latin1', 0, 5), 'hello')
  t.equal(await disk.size(path), 5)
  t.equal(readFileSync(path, 'latin1'), '')
  await one.sync()
  t.equal(readFileSync(path, 'latin1'), 'hello')
  await one.close()
  await other.close()
})

t.test('a write-through write is below at once, what lies beside it is not', async (t) => {
  const path = join(t.testdir(), 'file')
  const disk = new WriteBackDisk(new SystemDisk())
  const plain = await disk.open(path, 'write')
  const through = await disk.open(path, 'write-through')
  await plain.write(bytes('abcdef'), 0)
  await through.write(bytes('XY'), 2)
  t.equal(readFileSync(path, 'latin1'), '\0\0XY')
  const into = Buffer.alloc(6)
  await plain.read(into, 0)
  t.equal(into.toString('latin1'), 'abXYef')
  await plain.close()
  await through.close()
})

t.test('a rename carries the unsynced bytes along, also past an open handle', async (t) => {
  const directory = t.testdir()
  const disk = new WriteBackDisk(new SystemDisk())
  const file = await disk.open(join(directory, 'a'), 'write')
  await file.write(bytes('one'), 0)
  await disk.rename(join(directory, 'a'), join(directory, 'b'))
  t.equal(await disk.size(join(directory, 'b')), 3)
  t.equal(readFileSync(join(directory, 'b'), 'latin1'), '', 'the name is there, the bytes are not')
  await file.sync()
  t.equal(readFileSync(join(directory, 'b'), 'latin1'), 'one')
  await file.close()
})

t.test('a file removed and made anew begins empty', async (t) => {
  const directory = t.testdir({ tree: {} })
  const disk = new WriteBackDisk(new SystemDisk())
  for (const remove of ['file', 'tree']) {
    const path = join(directory, 'tree', 'a')
    await disk.makeDirectory(join(directory, 'tree'))
    const old = await disk.open(path, 'write')
    await old.write(bytes('old'), 0)
    await old.close()
    await (remove === 'file' ? disk.remove(path) : disk.removeTree(join(directory, 'tree')))
    t.equal(await disk.size(path), undefined)
  }
})

t.test('a durable file survives the power cut that follows it', async (t) => {
  const path = join(t.testdir(), 'checkpoint')
  await writeDurableFile(new WriteBackDisk(new SystemDisk()), path, { magic: 'TEST', version: 1 }, bytes('contents'))
  t.equal(readFileSync(path).toString('latin1', 14), 'contents')
})

type Step =
  | { call: 'write'; position: number; size: number; through: boolean }
  | { call: 'truncate'; size: number }
  | { call: 'sync' }

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    call: fc.constant('write' as const),
    position: fc.nat(60),
    size: fc.integer({ min: 1, max: 20 }),
    through: fc.boolean(),
  }),
  fc.record({ call: fc.constant('truncate' as const), size: fc.nat(70) }),
  fc.record({ call: fc.constant('sync' as const) }),
)

t.test('any sequence of calls reads as on a plain file, and after a sync the disk below agrees', async (t) => {
  const directory = t.testdir()
  let run = 0
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
      const path = join(directory, String(run++))
      const disk = new WriteBackDisk(new SystemDisk())
      const file = await disk.open(path, 'write')
      const through = await disk.open(path, 'write-through')
      let model: Buffer = Buffer.alloc(0)
      let mark = 1
      for (const step of steps) {
        if (step.call === 'write') {
          const piece = Buffer.alloc(step.size, mark++)
          const grown = Buffer.alloc(Math.max(model.length, step.position + step.size))
          grown.set(model)
          grown.set(piece, step.position)
          model = grown
          await (step.through ? through : file).write(piece, step.position)
        } else if (step.call === 'truncate') {
          const cut = Buffer.alloc(step.size)
          cut.set(model.subarray(0, step.size))
          model = cut
          await file.truncate(step.size)
        } else {
          await file.sync()
          if (!readFileSync(path).equals(model)) return false
        }
        const into = Buffer.alloc(model.length + 8)
        const size = await file.read(into, 0)
        if (size !== model.length || !into.subarray(0, size).equals(model)) return false
        if ((await disk.size(path)) !== model.length) return false
      }
      await file.close()
      await through.close()
      return true
    }),
    { numRuns: 150 },
  )
})
