// Compaction of `__ids` on a real log takes nothing that is still known: whatever is asked of an id is answered as before,
// by the ids that ran on, by those of a new start, and by those whose index was lost.

import t from 'tap'
import type { IdEntry } from '../../../service/publish/id-entry.ts'
import { IDS_TOPIC, Ids } from '../../../service/publish/ids.ts'
import type { EmbeddedEngine } from '../../../storage/index.ts'
import { KIB, openLog } from '../../storage/log-on-simulated-disk.ts'
import { SimulatedDisk } from '../../storage/simulated-disk.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { MemoryStore } from '../../support/memory-store.ts'
import { SeededRandom } from '../../support/seeded-random.ts'

const WINDOW_MS = 60_000
const DAY_MS = 86_400_000

t.test('ids are known as before when __ids was compacted', async (t) => {
  const random = new SeededRandom(3)
  const clock = new ManualClock()
  const hand = { ms: 1_000, nowMs: () => hand.ms }
  let disk = new SimulatedDisk({ turn: async () => {} })
  const open = () => openLog(disk, { clock, segmentBytes: KIB })
  const idsOn = (engine: EmbeddedEngine, index = new MemoryStore()) =>
    Ids.open({ engine, index, hand, windowMs: WINDOW_MS })
  let engine = await open()
  const index = new MemoryStore()
  let ids = await idsOn(engine, index)
  const known = new Map<string, IdEntry | null>()
  let passes = 0
  for (let round = 0; round < 12; round++) {
    for (let i = 0; i < 25; i++) {
      const id = `id-${random.between(0, 60)}`
      const state = random.pick(['published', 'pending', 'dispatched', 'cancelled'] as const)
      const entry: IdEntry | null = random.chance(0.15)
        ? null
        : { state, atMs: hand.ms, dueAtMs: 9_000, delayOffset: round, partition: 0, offset: i }
      await engine.append([ids.append(() => [ids.record(1, id, entry)])])
      known.set(id, entry)
    }
    await ids.caughtUp()
    if (round % 3 === 0) await ids.checkpoint()
    await engine.checkpoint()
    await engine.compact()
    clock.stepWall(DAY_MS)
    await engine.compact()
    passes += engine.compaction.passes
    if (round % 4 === 3) {
      await ids.stop()
      await engine.close()
      disk = disk.afterKill()
      engine = await open()
      ids = await idsOn(engine, index)
    }
    for (const each of [ids, await idsOn(engine)]) {
      for (const [id, entry] of known) {
        const found = each.find(1, id)
        if (found?.state !== entry?.state || found?.offset !== entry?.offset) {
          t.same(found, entry, `round ${round}, ${id}`)
          return
        }
      }
    }
  }
  t.ok(passes > 10, `${passes} passes`)
  const { logStartOffset, highWatermark, sizeBytes } = engine.offsets(IDS_TOPIC, 0)
  t.ok(sizeBytes < 12 * KIB, `${sizeBytes} bytes for ${highWatermark - logStartOffset} offsets`)
})
