// What `dwell repair` does about damage to everything but the journal. See repair-rig.ts.

import t from 'tap'
import { makeDirectories } from './data-directory.ts'
import { FILE_HARMS } from './harm.ts'
import { repair, tryRepair } from './repair-rig.ts'

t.setTimeout(110_000)

const directories = await makeDirectories(t)

t.test('there is nothing to repair where nothing is wrong', async (t) => {
  for (const directory of Object.values(directories)) {
    t.same(await repair(directory, false), { open: false, text: 'There is nothing to repair.\n' })
  }
})

for (const harm of FILE_HARMS) t.test(`${harm.name}: is repaired`, (t) => tryRepair(t, directories, harm))
