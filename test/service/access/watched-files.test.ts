// Files that are read again: how often what they hold is looked into.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import { LOOK_MS, WatchedFiles } from '../../../service/access/watched-files.ts'
import { SILENT, SystemDisk } from '../../../storage/index.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { tokensFolder } from '../../support/token-holders.ts'

t.test('what is wrong is looked into once, and again when its bytes are others', async (t) => {
  const path = join(tokensFolder(t), 'watched')
  const clock = new ManualClock()
  const used: string[] = []
  let failures = 0
  let begun = 0
  let ended = 0
  const disk = new SystemDisk()
  const open = disk.open.bind(disk)
  disk.open = async (...args) => {
    begun++
    const file = await open(...args)
    const close = file.close.bind(file)
    file.close = () => close().finally(() => ended++)
    return file
  }
  writeFileSync(path, 'right')
  const files = await WatchedFiles.open({
    disk,
    clock,
    log: SILENT,
    what: 'words',
    paths: [path],
    bytesMax: 100,
    use: ([bytes]) => {
      used.push(bytes.toString())
      if (bytes.toString().startsWith('wrong')) throw new Error('That is wrong.')
    },
    onFailure: () => failures++,
  })
  t.teardown(() => files.close())
  const looks = async (text: string) => {
    writeFileSync(path, text)
    for (let look = 0; look < 3; look++) {
      const wanted = begun + 1
      while (begun < wanted) {
        await clock.advance(LOOK_MS)
        await turn()
      }
      while (ended < begun) await turn()
      await turn()
    }
  }
  for (const text of ['right', 'wrong', 'wrong too', 'right', 'wrong', 'right too']) await looks(text)
  t.strictSame(used, ['right', 'wrong', 'wrong too', 'wrong', 'right too'])
  t.equal(failures, 2, 'and it is said once, as long as it is the same that is wrong')
})
