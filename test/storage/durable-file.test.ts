// Wherever the process dies or the power goes while a file is replaced, it holds all of the old contents or all of the new.

import t from 'tap'
import { readDurableFile, writeDurableFile } from '../../storage/index.ts'
import { SeededRandom } from '../support/seeded-random.ts'
import { SimulatedDisk } from './simulated-disk.ts'

const FORMAT = { magic: 'TEST', version: 1 }
const PATH = '/d/checkpoint'
const OLD = Buffer.alloc(700, 'old')
const NEW = Buffer.alloc(1_800, 'new')
const SEEDS = 30

async function written(): Promise<SimulatedDisk> {
  const disk = new SimulatedDisk({ turn: async () => {} })
  await disk.makeDirectory('/d')
  await disk.syncDirectory('/')
  await writeDurableFile(disk, PATH, FORMAT, OLD)
  return disk
}

/** What is read after an end; in words what cannot be. */
async function contentsOn(disk: SimulatedDisk): Promise<string> {
  const contents = await readDurableFile(disk, PATH, FORMAT).catch((error) => error.message)
  if (contents instanceof Buffer) return contents.equals(NEW) ? 'new' : contents.equals(OLD) ? 'old' : 'another'
  return contents ?? 'gone'
}

async function callsOfReplacement(): Promise<number> {
  const disk = await written()
  const before = disk.calls
  await writeDurableFile(disk, PATH, FORMAT, NEW)
  return disk.calls - before
}

for (const fate of ['die before', 'die after'] as const) {
  t.test(`all of the old or all of the new: ${fate} each call`, async (t) => {
    const calls = await callsOfReplacement()
    for (let at = 0; at < calls; at++) {
      const disk = await written()
      const first = disk.calls
      disk.onCall = (call) => (call === first + at ? fate : 'go on')
      const done = writeDurableFile(disk, PATH, FORMAT, NEW).then(() => 'done')
      await Promise.race([done, disk.death])
      t.match(await contentsOn(disk.afterKill()), /^(old|new)$/, `killed at call ${at}`)
      for (let seed = 1; seed <= SEEDS; seed++) {
        const random = new SeededRandom(seed)
        const left = disk.afterPowerCut(() => random.fraction())
        t.match(await contentsOn(left), /^(old|new)$/, `the power cut at call ${at}, seed ${seed}`)
      }
    }
  })
}

t.test('once it is said to be durable it is', async (t) => {
  const disk = await written()
  await writeDurableFile(disk, PATH, FORMAT, NEW)
  for (let seed = 1; seed <= SEEDS; seed++) {
    const random = new SeededRandom(seed)
    t.equal(await contentsOn(disk.afterPowerCut(() => random.fraction())), 'new')
  }
})
