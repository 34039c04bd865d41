// A repair may be killed at any moment.

import t from 'tap'
import { copyOf, findingsIn, makeDirectories, recordsIn } from './data-directory.ts'
import { DyingDisk } from './dying-disk.ts'
import { JOURNAL_HARMS } from './harm.ts'
import { repair } from './repair-rig.ts'

t.setTimeout(110_000)

const { killed } = await makeDirectories(t)

t.test('a repair that is killed at any moment can be run again', async (t) => {
  const [hole] = JOURNAL_HARMS
  const whole = copyOf(t, killed)
  hole.to(whole)
  await repair(whole, true)
  const expected = [...(await recordsIn(whole))]
  for (let call = 1; ; call++) {
    const copy = copyOf(t, killed)
    hole.to(copy)
    const disk = new DyingDisk(call)
    await repair(copy, true, disk).catch((error) => t.match(error.message, /killed/))
    if (!disk.isDead) return void t.pass(`${call - 1} calls that change something`)
    await repair(copy, true)
    t.same((await findingsIn(copy)).wrong, [], `killed at call ${call}`)
    t.same([...(await recordsIn(copy))], expected)
  }
})
