// What a power cut leaves is not damage: verify finds nothing wrong with the log on it, whatever became of what was not synced.

import t from 'tap'
import { type Counts, StoredLog, verifyLog } from '../../storage/index.ts'
import { record } from '../contract/engine.ts'
import { openLog } from '../storage/log-on-simulated-disk.ts'
import { DATA, SimulatedDisk } from '../storage/simulated-disk.ts'
import { SeededRandom } from '../support/seeded-random.ts'

const SEEDS = 60

async function cutAt(seed: number): Promise<SimulatedDisk> {
  const random = new SeededRandom(seed)
  const disk = new SimulatedDisk()
  const engine = await openLog(disk)
  await engine.createTopic('orders', { partitions: 2, cleanup: 'delete' })
  const dieAt = disk.calls + random.between(20, 400)
  disk.onCall = (call) => (call < dieAt ? 'go on' : random.chance(0.5) ? 'die before' : 'die after')
  const work = async () => {
    for (let i = 0; ; i++) {
      await engine.append([
        { topic: 'orders', partition: 0, records: [record(`${i} ${'.'.repeat(900)}`)] },
        { topic: 'orders', partition: 1, records: [record(`${i}`)] },
      ])
      if (i % 7 === 6) await engine.checkpoint()
      if (i % 20 === 19) await engine.deleteRecords('orders', 0, i - 5)
    }
  }
  await Promise.race([work(), disk.death])
  return random.chance(0.5) ? disk.afterKill() : disk.afterPowerCut(() => random.fraction())
}

t.test('nothing is wrong after a kill or a power cut at any moment', async (t) => {
  let batches = 0
  for (let seed = 1; seed <= SEEDS; seed++) {
    const disk = await cutAt(seed)
    const counts: Counts = {}
    const log = await StoredLog.open(disk, DATA)
    for await (const finding of verifyLog({ log, counts, bootId: 'another boot' })) {
      if (finding.kind === 'wrong') t.fail(`seed ${seed}: ${finding.code} ${finding.sentence}`)
    }
    const said = [...log.partitions()].filter(({ topic }) => topic === 'orders')
    const engine = await openLog(disk)
    for (const { index, endOffset, logStartOffset } of said) {
      const { highWatermark, logStartOffset: start } = engine.offsets('orders', index)
      t.equal(endOffset, highWatermark, `seed ${seed}: the end that a start finds`)
      t.equal(logStartOffset, start, `seed ${seed}: the log start that a start finds`)
    }
    await engine.close()
    batches += counts.batches ?? 0
  }
  t.ok(batches > SEEDS, `${batches} batches`)
})
