// What `dwell verify` says: nothing of a directory that is in order, and of each kind of damage what and where it is. It changes
// not one byte.

import { createHash } from 'node:crypto'
import { lstatSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { SystemDisk } from '../../storage/index.ts'
import { type Checkpoint, readCheckpoint } from '../../timewheel/checkpoint/checkpoint.ts'
import { writeSynced } from '../../timewheel/checkpoint/synced-file.ts'
import { copyOf, findingsIn, flip, makeDirectories } from './data-directory.ts'
import { FILE_HARMS, JOURNAL_HARMS } from './harm.ts'

/** Of all names, sizes, modes, times and bytes. */
function hashOf(directory: string): string {
  const hash = createHash('sha256')
  for (const name of readdirSync(directory, { recursive: true, encoding: 'utf8' }).sort()) {
    const path = join(directory, name)
    const { size, mode, mtimeMs, nlink } = lstatSync(path)
    hash.update(`${name} ${size} ${mode} ${mtimeMs} ${nlink}\n`)
    if (lstatSync(path).isFile()) hash.update(readFileSync(path))
  }
  return hash.digest('hex')
}

t.setTimeout(110_000)

const { clean, killed } = await makeDirectories(t)

for (const [name, directory] of Object.entries({ stopped: clean, killed })) {
  t.test(`nothing is wrong with a directory that was ${name}`, async (t) => {
    const before = hashOf(directory)
    const { wrong, counts } = await findingsIn(directory)
    t.same(wrong, [])
    t.equal(hashOf(directory), before, 'not one byte is changed')
    for (const what of [
      'batches',
      'marks',
      'slots',
      'overflow rows',
      'id records',
      'group records',
      'delayed entries',
    ]) {
      t.ok(counts[what] > 0, `${counts[what]} ${what}`)
    }
  })
}

t.test('journal files behind the checkpoint are read', async (t) => {
  t.ok((await findingsIn(killed)).counts.frames > 30)
})

t.test('after another boot the slots are checked that the synced checkpoint names', async (t) => {
  const copy = copyOf(t, killed)
  const wheel = join(copy, 'wheel')
  const disk = new SystemDisk()
  t.notOk((await findingsIn(copy, 'another')).counts.slots, 'without one all are derived')
  const checkpoint = (await readCheckpoint(disk, join(wheel, 'checkpoint'))) as Checkpoint
  await writeSynced(disk, join(wheel, 'checkpoint.synced'), { checkpoint, tails: new Map() })
  const { wrong, counts } = await findingsIn(copy, 'another')
  t.same(wrong, [])
  t.ok(counts.slots > 0)

  const { second } = checkpoint.slots.find(({ fileSize }) => fileSize > 0) as Checkpoint['slots'][number]
  flip(join(wheel, 'slots', `${second}.slot`), 40)
  t.match((await findingsIn(copy, 'another')).wrong, [{ code: 'slot-damaged' }])
  flip(join(wheel, 'checkpoint.synced'), 40)
  t.match((await findingsIn(copy, 'another')).wrong, [{ code: 'wheel-checkpoint-damaged' }], 'then they are derived')
})

for (const { name, to, says, note, clean: ofClean } of [...JOURNAL_HARMS, ...FILE_HARMS]) {
  t.test(`${name}: is said`, async (t) => {
    const copy = copyOf(t, ofClean ? clean : killed)
    to(copy)
    const before = hashOf(copy)
    const { wrong, notes } = await findingsIn(copy)
    const [code, words] = says
    const found = (note ? notes : wrong).find((finding) => finding.code === code && words.test(finding.sentence))
    t.ok(found, `${code}: ${[...wrong, ...notes].map((one) => `${one.code}: ${one.sentence}`).join('\n')}`)
    if (note) t.same(wrong, [])
    const others = wrong.filter((one) => /^(slot-foreign|overflow-row|ids-wrong)$/.test(one.code) && one.code !== code)
    t.same(others, [], 'what is only kept elsewhere is not called wrong')
    t.equal(hashOf(copy), before, 'not one byte is changed')
  })
}
