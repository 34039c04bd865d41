// Any damage to any file of the log: a start succeeds or is refused with a code, and no record is ever served that was
// not appended there. Bytes are flipped, zeroed, cut off, doubled or exchanged by chance, from a seed that is printed.

import { dirname } from 'node:path'
import t from 'tap'
import { DwellError, readRecords } from '../../storage/index.ts'
import { record } from '../contract/engine.ts'
import { sampledCount } from '../support/sampled.ts'
import { SeededRandom } from '../support/seeded-random.ts'
import { openLog } from './log-on-simulated-disk.ts'
import { SimulatedDisk } from './simulated-disk.ts'

// Minutes of a loaded machine; seconds of a quiet one.
t.setTimeout(300_000)

const ROUNDS = sampledCount(400)

async function killedLog(): Promise<SimulatedDisk> {
  const disk = new SimulatedDisk()
  const engine = await openLog(disk)
  await engine.createTopic('orders', { partitions: 2, cleanup: 'delete' })
  const append = (i: number) =>
    engine.append([
      { topic: 'orders', partition: 0, records: [record(`0 ${2 * i} ${'.'.repeat(900)}`), record(`0 ${2 * i + 1}`)] },
      { topic: 'orders', partition: 1, records: [record(`1 ${i} ${'.'.repeat(400)}`)] },
    ])
  for (let i = 0; i < 25; i++) await append(i)
  await engine.checkpoint()
  for (let i = 25; i < 40; i++) await append(i)
  disk.die()
  return disk.afterKill()
}

function damage(disk: SimulatedDisk, random: SeededRandom): string {
  const path = random.pick(disk.paths())
  const bytes = disk.contents(path)
  const at = random.between(0, Math.max(0, bytes.length - 1))
  const size = random.between(1, random.pick([1, 4, 64, 5000]))
  const how = random.pick(['flip', 'zero', 'garbage', 'cut', 'double', 'exchange', 'remove'])
  if (how === 'flip' && bytes.length > 0) bytes[at] ^= 1 << random.between(0, 7)
  else if (how === 'zero') bytes.fill(0, at, Math.min(at + size, bytes.length))
  else if (how === 'garbage') bytes.set(random.bytes(Math.min(size, bytes.length - at)), at)
  else if (how === 'cut') disk.place(path, bytes.subarray(0, at))
  else if (how === 'double') disk.place(path, Buffer.concat([bytes.subarray(0, at), bytes]))
  else if (how === 'exchange') {
    // A batch does not name its partition: a segment of another partition in the place of one cannot be told.
    const others = disk.paths().filter((other) => !other.endsWith('.log') || dirname(other) === dirname(path))
    disk.place(path, disk.contents(random.pick(others)))
  }

  if (how === 'remove') disk.takeAway(path)
  return `${how} ${path} at ${at}`
}

t.test('damage of any kind is refused or survived, and never served', async (t) => {
  const original = await killedLog()
  const outcomes: Record<string, number> = {}
  const count = (outcome: string) => {
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1
  }
  for (let seed = 1; seed <= ROUNDS; seed++) {
    const random = new SeededRandom(seed)
    const disk = original.afterKill()
    const what = damage(disk, random)
    try {
      const engine = await openLog(disk)
      for (const partition of [0, 1]) {
        for (let offset = 0; offset < engine.offsets('orders', partition).highWatermark; offset++) {
          try {
            const [first] = readRecords(await engine.read('orders', partition, offset, 1), offset)
            const text = Buffer.from(first.body).toString()
            if (first.offset !== offset || !text.includes(`${partition} ${offset}`)) {
              return void t.fail(`seed ${seed}, ${what}: ${offset} is ${text}`)
            }
          } catch (error) {
            if (!(error instanceof DwellError)) throw error
            count(`${error.code} at a read`)
          }
        }
      }
      await engine.close()
      count('opened')
    } catch (error) {
      if (!(error instanceof DwellError)) return void t.fail(`seed ${seed}, ${what}: ${(error as Error).stack}`)
      count(error.code)
    }
  }
  t.pass(JSON.stringify(outcomes))
})
