// Wherever a crash stops the exchange of segments, and a second one what finishes it, the folder holds either all of the old
// segments or the cleaned one alone, and the indexes are those of what is there.

import t from 'tap'
import { batchSize, writeBatch } from '../../storage/batch/record-batch.ts'
import { BufferPool, readRecords } from '../../storage/index.ts'
import { OpenFiles } from '../../storage/segment/open-files.ts'
import { PartitionFolder } from '../../storage/segment/partition-folder.ts'
import { Segment } from '../../storage/segment/segment.ts'
import { finishExchanges } from '../../storage/segment/segment-exchange.ts'
import { record } from '../contract/engine.ts'
import { SeededRandom } from '../support/seeded-random.ts'
import { SimulatedDisk } from './simulated-disk.ts'

const FOLDER = '/p'
const BASES = [0, 15, 30, 45]
const SEEDS = 5
t.setTimeout(300_000)

function batch(offset: number, count = 1): Buffer {
  const records = Array.from({ length: count }, (_, i) => record(`${offset + i}${'.'.repeat(900)}`, 1_000 + offset))
  const bytes = Buffer.alloc(batchSize(records))
  writeBatch(bytes, 0, offset, records)
  return bytes
}

/** Three segments of fifteen records and the growing one, durable, with their indexes. */
async function filled(): Promise<SimulatedDisk> {
  const disk = new SimulatedDisk({ turn: async () => {} })
  await disk.makeDirectory(FOLDER)
  const folder = folderOn(disk)
  for (const base of BASES) {
    const segment = folder.begin(base)
    await segment.append(Array.from({ length: 15 }, (_, i) => batch(base + i)))
    await segment.finish()
    await segment.sync(true)
    await segment.close()
  }
  for (const parent of ['/', FOLDER]) await disk.syncDirectory(parent)
  return disk
}

function folderOn(disk: SimulatedDisk): PartitionFolder {
  const files = new OpenFiles(disk, 8)
  const place = { disk, files, pool: new BufferPool(), directory: FOLDER }
  return new PartitionFolder({ ...place, topicId: 1, isCompacted: true, indexesTrusted: true })
}

/** Of the first three every fifth record stays, and their last one. */
const KEPT = [...Array.from({ length: 9 }, (_, i) => 5 * i), 44]

async function exchange(disk: SimulatedDisk): Promise<void> {
  const folder = folderOn(disk)
  const stretch = BASES.slice(0, 3).map((base) => folder.segment(base))
  const cleaned = await folder.beginCleaned(0)
  await cleaned.append(KEPT.map((offset) => batch(offset)))
  await cleaned.finish()
  await cleaned.syncLog()
  await folder.commitExchange(cleaned)
  await folder.completeExchange(stretch, cleaned)
}

/** What is wrong in the folder, in words; undefined when it is as it was or as it should be. */
async function wrongIn(disk: SimulatedDisk): Promise<string | undefined> {
  const names = await finishExchanges(disk, FOLDER)
  const bases = names
    .filter((name) => name.endsWith('.log'))
    .map((name) => Number(name.slice(0, 20)))
    .sort((a, b) => a - b)
  const isNew = bases.join() === '0,45'
  if (!isNew && bases.join() !== BASES.join()) return `segments ${bases}`
  if (names.some((name) => /swap|cleaned/.test(name))) return `left over: ${names}`
  const files = new OpenFiles(disk, 8)
  const there: number[] = []
  for (const [i, base] of bases.entries()) {
    const place = { disk, files, directory: FOLDER, baseOffset: base, mayHaveGaps: isNew && base === 0 }
    const size = (await disk.size(`${FOLDER}/${String(base).padStart(20, '0')}.log`)) ?? 0
    const segment = new Segment(place, size, bases[i + 1] ?? 60)
    for (let next = base; next < (bases[i + 1] ?? 60); ) {
      const [first] = readRecords(await segment.read(next, 1), next)
      if (first === undefined) return `nothing at ${next}`
      there.push(first.offset)
      next = first.offset + 1
    }
  }
  const kept = isNew ? KEPT : Array.from({ length: 45 }, (_, i) => i)
  const expected = [...kept, ...Array.from({ length: 15 }, (_, i) => 45 + i)]
  return there.join() === expected.join() ? undefined : `offsets ${there}`
}

/** Runs `task` until the call `at`, or to its end; whether it came there. */
async function dieAt(disk: SimulatedDisk, at: number, task: () => Promise<unknown>): Promise<boolean> {
  const from = disk.calls
  disk.onCall = (call) => (call - from !== at ? 'go on' : at % 2 === 0 ? 'die after' : 'die before')
  return Promise.race([task().then(() => true), disk.death.then(() => false)])
}

t.test('without a crash the cleaned segment is there', async (t) => {
  const disk = await filled()
  await exchange(disk)
  t.same(disk.paths().filter((path) => path.endsWith('.log')).length, 2)
  t.equal(await wrongIn(disk), undefined)
})

for (const first of ['kill', 'power cut'] as const) {
  t.test(`${first} at any call, then power cut at any call of what finishes it`, async (t) => {
    let crashes = 0
    for (let at = 0; ; at++) {
      const disk = await filled()
      if (await dieAt(disk, at, () => exchange(disk))) break
      for (let seed = 0; seed < SEEDS; seed++) {
        const random = new SeededRandom(1_000 * at + seed)
        const left = () => (first === 'kill' ? disk.afterKill() : disk.afterPowerCut(() => random.fraction()))
        const wrong = await wrongIn(left())
        if (wrong !== undefined) return void t.fail(`call ${at}, seed ${seed}: ${wrong}`)
        for (let again = seed % 3; ; again += 3) {
          const second = left()
          if (await dieAt(second, again, () => finishExchanges(second, FOLDER))) break
          crashes++
          const wrongAgain = await wrongIn(second.afterPowerCut(() => random.fraction()))
          if (wrongAgain !== undefined) return void t.fail(`calls ${at} and ${again}, seed ${seed}: ${wrongAgain}`)
        }
      }
    }
    t.pass(`${crashes} double crashes`)
  })
}
