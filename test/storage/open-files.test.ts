import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { SystemDisk } from '../../storage/index.ts'
import { OpenFiles } from '../../storage/segment/open-files.ts'

const NOTHING = async () => {}

t.test('handles are bounded, closed when nobody used them for a while, and never while in use', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'dwell-open-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  const forgotten: string[] = []
  const owners = ['a', 'b', 'c', 'd'].map((name) => {
    const path = join(directory, name)
    writeFileSync(path, name)
    return { path, mode: 'read' as const, forget: () => forgotten.push(name) }
  })
  const files = new OpenFiles(new SystemDisk(), 3)
  for (const owner of owners) await files.use(owner, NOTHING)
  t.same(forgotten, ['a'], 'the least recently used one goes')
  t.equal(files.count, 3)

  files.closeUnused()
  t.equal(files.count, 3, 'all were used since')
  const inUse = Promise.withResolvers<void>()
  const use = files.use(owners[3], () => inUse.promise)
  await files.use(owners[1], NOTHING)
  files.closeUnused()
  t.same(forgotten, ['a', 'c'])
  files.closeUnused()
  t.same(forgotten, ['a', 'c', 'b'])
  t.equal(files.count, 1, 'one is in use')
  inUse.resolve()
  await use
  await files.closeAll()
  t.equal(files.count, 0)
})

t.test('reading many old files does not close those that are written to', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'dwell-open-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  const closed: string[] = []
  const owner = (name: string, mode: 'read' | 'write') => {
    const path = join(directory, name)
    writeFileSync(path, name)
    return { path, mode, forget: () => closed.push(name) }
  }
  const files = new OpenFiles(new SystemDisk(), 4)
  for (const name of ['written-0', 'written-1']) await files.use(owner(name, 'write'), NOTHING)
  for (let i = 0; i < 6; i++) await files.use(owner(`old-${i}`, 'read'), NOTHING)
  t.same(closed, ['old-0', 'old-1', 'old-2', 'old-3'])
  await files.closeAll()
})

t.test('a file is closed when those who use it have left', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'dwell-open-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  const path = join(directory, 'a')
  writeFileSync(path, 'a')
  const one = { path, mode: 'read' as const, forget: () => {} }
  const files = new OpenFiles(new SystemDisk(), 4)
  const inUse = Promise.withResolvers<void>()
  const bytes = Buffer.alloc(1)
  const use = files.use(one, async (file) => {
    await inUse.promise
    await file.read(bytes, 0)
  })
  const closed = files.close(one)
  inUse.resolve()
  await use
  await closed
  t.equal(bytes.toString(), 'a', 'it could still be read')
})
