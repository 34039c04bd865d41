// A process is killed at every single call of the disk; the next one goes on from what it finds, most of which no sync has
// made durable; then the power goes. What the first was answered, what the second was answered and what it could read
// must be there: what a start has read, it must have made durable before anything relies on it.

import t from 'tap'
import { EmbeddedEngine, SILENT } from '../../storage/index.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { SeededRandom } from '../support/seeded-random.ts'
import { LogHistory } from './log-history.ts'
import { DATA, SimulatedDisk } from './simulated-disk.ts'

const KIB = 1024

function open(disk: SimulatedDisk, clock = new ManualClock()): Promise<EmbeddedEngine> {
  return EmbeddedEngine.open({
    disk,
    clock,
    random: new SeededRandom(7),
    directory: DATA,
    log: SILENT,
    journalFileBytes: 20 * KIB,
    segmentBytes: 4 * KIB,
    checkpointBytes: 40 * KIB,
    tailBytes: 6 * KIB,
    openFilesMax: 3,
    onFailure: () => {},
  })
}

/** Begins `task` on a disk that dies at a call; resolves when it is done or the disk is dead. */
async function untilDeath(disk: SimulatedDisk, task: () => Promise<unknown>): Promise<void> {
  await Promise.race([disk.death, task().catch(() => {})])
}

async function first(disk: SimulatedDisk, history: LogHistory): Promise<void> {
  const engine = await open(disk)
  await history.create(engine, 'orders', 2)
  for (let round = 0; round < 6; round++) {
    await Promise.all([
      history.append(engine, [['orders', 0]], 2, 900),
      history.append(engine, [['orders', 0], ['orders', 1]], 1, 1500), // biome-ignore format: one append
    ])
  }
}

async function second(disk: SimulatedDisk, history: LogHistory): Promise<void> {
  const engine = await open(disk)
  if (engine.topic('orders') === undefined) await history.create(engine, 'orders', 2)
  for (let round = 0; round < 4; round++) await history.append(engine, [['orders', round % 2]], 1, 900)
}

t.test('killed at any call, gone on with, and the power cut at any time after that: nothing is lost', async (t) => {
  const whole = new SimulatedDisk()
  await first(whole, new LogHistory())
  for (let at = 0; at < whole.calls; at++) {
    const random = new SeededRandom(at)
    const disk = new SimulatedDisk()
    disk.onCall = (call) => (call === at ? 'die before' : 'go on')
    const history = new LogHistory()
    await untilDeath(disk, () => first(disk, history))
    const next = disk.afterKill()
    const cutAt = random.between(20, 160)
    next.onCall = (call) => (call === cutAt ? 'die before' : 'go on')
    await untilDeath(next, () => second(next, history))
    const clock = new ManualClock()
    clock.reboot()
    const wrong = await open(
      next.afterPowerCut(() => random.fraction()),
      clock,
    ).then(
      (engine) => history.contradictions(engine),
      (error) => [String(error)],
    )
    if (wrong.length > 0) return void t.same(wrong, [], `killed at call ${at}, power cut at call ${cutAt} after that`)
  }
  t.pass(`${whole.calls} calls`)
})

t.test('what deleteRecords() answered holds, though retention had moved the log start there before', async (t) => {
  const disk = new SimulatedDisk()
  const history = new LogHistory()
  const engine = await open(disk)
  await history.create(engine, 'bills', 1, { retentionBytes: 6 * KIB })
  for (let i = 0; i < 8; i++) await history.append(engine, [['bills', 0]], 1, 1500)
  // Retention moves the log start in memory; the power goes before the checkpoint that says so is durable.
  disk.onCall = (_, what) => (what.startsWith('sync /data/checkpoint') ? 'die before' : 'go on')
  void engine.checkpoint()
  while (engine.offsets('bills', 0).logStartOffset === 0) await new Promise((resolve) => setImmediate(resolve))
  const { logStartOffset } = engine.offsets('bills', 0)
  const deleted = history.deleteRecords(engine, 'bills', 0, logStartOffset)
  await Promise.race([disk.death, deleted])
  await disk.death
  const left = disk.afterKill()
  t.same(await history.contradictions(await open(left)), [])
})

t.test('segments that a crash left behind are taken off the size once', async (t) => {
  const disk = new SimulatedDisk()
  const engine = await open(disk)
  const history = new LogHistory()
  await history.create(engine, 'orders', 1)
  for (let i = 0; i < 8; i++) await history.append(engine, [['orders', 0]], 1, 1500)
  await engine.checkpoint()
  await history.deleteRecords(engine, 'orders', 0, 6)
  disk.onCall = (_, what) => (what.startsWith('remove /data/topics/') ? 'die before' : 'go on')
  await untilDeath(disk, () => engine.checkpoint())
  t.ok(disk.dead, 'it died between the checkpoint and the removals that it allows')
  const again = await open(disk.afterKill())
  await again.read('orders', 0, 7, 1)
  for (let i = 0; i < 2; i++) await again.checkpoint()
  const { sizeBytes } = again.offsets('orders', 0)
  t.ok(sizeBytes > 0 && sizeBytes < 6 * KIB, `${sizeBytes} bytes are left`)
  await again.close()
})
