// What `dwell repair` does about damage to the journal and the checkpoint. See repair-rig.ts.

import t from 'tap'
import { makeDirectories } from './data-directory.ts'
import { JOURNAL_HARMS } from './harm.ts'
import { tryRepair } from './repair-rig.ts'

t.setTimeout(110_000)

const directories = await makeDirectories(t)

for (const harm of JOURNAL_HARMS) t.test(`${harm.name}: is repaired`, (t) => tryRepair(t, directories, harm))
