import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { SystemDisk } from '../../storage/index.ts'
import { OpenFiles } from '../../storage/log/open-files.ts'

const NOTHING = async () => {}

t.test('handles are bounded, closed when nobody used them for a while, and never while in use', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'dwell-open-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  const forgotten: string[] = []
  const owners = ['a', 'b', 'c', 'd'].map((name) => {
    const path = join(directory, name)
    writeFileSync(path, name)
    return { path, forget: () => forgotten.push(name) }
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
