// As crash.test.ts, for a log whose small tails go to runs: the process is killed, the power is cut or the disk fails at
// every second call or so of a scenario in which runs are written, read, merged and removed (the simulation takes them at
// random).

import t, { type Test } from 'tap'
import { type DwellError, EmbeddedEngine, SILENT } from '../../storage/index.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { SeededRandom } from '../support/seeded-random.ts'
import { LogHistory } from './log-history.ts'
import { DATA, SimulatedDisk } from './simulated-disk.ts'

const KIB = 1024

t.setTimeout(180_000)

function open(disk: SimulatedDisk, clock = new ManualClock(), onFailure: (error: DwellError) => void = () => {}) {
  return EmbeddedEngine.open({
    disk,
    clock,
    random: new SeededRandom(7),
    directory: DATA,
    log: SILENT,
    journalFileBytes: 64 * KIB,
    segmentBytes: 8 * KIB,
    checkpointBytes: 100 * KIB,
    tailBytes: 12 * KIB,
    openFilesMax: 3,
    runTailsMin: 2,
    runsMax: 2,
    onFailure,
  })
}

/** Small tails in several partitions, again and again, beside one that grows fast; log starts and deletion on the way. */
async function scenario(engine: EmbeddedEngine, history: LogHistory, deletes = true): Promise<void> {
  await history.create(engine, 'wide', 4)
  await history.create(engine, 'short', 2)
  for (let round = 0; round < 6; round++) {
    if (round === 4 && deletes) await history.create(engine, 'short', 2)
    await Promise.all([
      history.append(engine, [['wide', round % 4], ['wide', (round + 1) % 4], ['short', 1]], 1, 500), // biome-ignore format: one append
      history.append(engine, [['wide', 3]], 2, 1500),
      history.append(engine, [['short', 0]], 1, 200),
    ])
    if (round === 1) await engine.checkpoint()
    if (round === 2) await history.deleteRecords(engine, 'wide', 3, 3)
    if (round === 3) await Promise.all([engine.checkpoint(), history.append(engine, [['wide', 0]], 1, 300)])
    if (round === 3 && deletes) await history.delete(engine, 'short')
    if (round === 4) await history.append(engine, [['wide', 1]], 1, 70 * 100)
    await engine.checkpoint()
  }
  await history.append(engine, [['wide', 0], ['wide', 2]], 1, 100) // biome-ignore format: one append
  await engine.close()
}

async function runUntilDeath(disk: SimulatedDisk, deletes = true): Promise<LogHistory> {
  const history = new LogHistory()
  const run = async () => scenario(await open(disk), history, deletes)
  await Promise.race([disk.death, run()])
  return history
}

async function contradictions(
  disk: SimulatedDisk,
  history: LogHistory,
  clock = new ManualClock(),
  startsKnown = true,
): Promise<string[]> {
  const engine = await open(disk, clock)
  const wrong = await history.contradictions(engine, startsKnown)
  for (const { name } of engine.topics()) if (!name.startsWith('__')) await history.append(engine, [[name, 0]], 1, 10)
  await engine.close()
  const again = await open(disk.afterKill(), clock)
  wrong.push(...(await history.contradictions(again, startsKnown)))
  await again.close()
  return wrong
}

async function sweep(
  t: Test,
  fate: 'die before' | 'die after',
  left: (disk: SimulatedDisk, at: number, clock: ManualClock) => SimulatedDisk,
  { startsKnown = true, deletes = true, step = 2 } = {},
): Promise<void> {
  const whole = new SimulatedDisk()
  await runUntilDeath(whole, deletes)
  for (let at = 0; at < whole.calls; at += step) {
    const disk = new SimulatedDisk()
    let what = ''
    disk.onCall = (call, name) => {
      if (call === at) what = name
      return call === at ? fate : 'go on'
    }
    const history = await runUntilDeath(disk, deletes)
    const clock = new ManualClock()
    const wrong = await contradictions(left(disk, at, clock), history, clock, startsKnown).catch((error) => [
      String(error.stack),
    ])
    if (wrong.length > 0) return void t.same(wrong, [], `${fate} call ${at}: ${what}`)
  }
  t.pass(`${whole.calls} calls, step ${step}`)
}

t.test('the scenario writes runs, merges them and removes them, and leaves what was answered', async (t) => {
  const disk = new SimulatedDisk()
  const seen = new Set<string>()
  disk.onCall = (_call, name) => {
    if (name.includes('/runs/')) seen.add(name.split(' ')[0])
    return 'go on'
  }
  const history = await runUntilDeath(disk)
  for (const call of ['write', 'sync', 'read', 'remove']) t.ok(seen.has(call), `${call} of a run`)
  t.same(await contradictions(disk.afterKill(), history), [])
})

t.test('killed at any call, nothing acknowledged is lost and every append is whole', (t) =>
  sweep(t, 'die after', (disk) => disk.afterKill()),
)

t.test('power cut at any call, nothing acknowledged is lost and every append is whole', (t) =>
  sweep(t, 'die before', (disk, at, clock) => {
    const random = new SeededRandom(at)
    clock.reboot()
    return disk.afterPowerCut(() => random.fraction())
  }),
)

t.test('killed, and the checkpoint lost as well: nothing acknowledged is lost either', (t) =>
  sweep(
    t,
    'die after',
    (disk) => {
      const left = disk.afterKill()
      left.takeAway(`${DATA}/checkpoint`)
      return left
    },
    { startsKnown: false, step: 5 },
  ),
)

t.test('power cut, and the checkpoint lost as well: nothing acknowledged is lost either', (t) =>
  sweep(
    t,
    'die before',
    (disk, at, clock) => {
      const random = new SeededRandom(at)
      clock.reboot()
      const left = disk.afterPowerCut(() => random.fraction())
      left.takeAway(`${DATA}/checkpoint`)
      return left
    },
    { startsKnown: false, deletes: false, step: 5 },
  ),
)

t.test('after a call of the disk has failed, no append is answered with success', async (t) => {
  const whole = new SimulatedDisk()
  await runUntilDeath(whole)
  for (let at = 1; at < whole.calls; at += 3) {
    const disk = new SimulatedDisk()
    let what = ''
    disk.onCall = (call, name) => {
      if (call !== at) return 'go on'
      what = name
      return Object.assign(new Error(`EIO: input/output error, ${name}`), { code: 'EIO' })
    }
    const history = new LogHistory()
    let reported = 0
    const engine = await open(disk, new ManualClock(), () => reported++).catch(() => undefined)
    if (engine !== undefined) {
      await scenario(engine, history).catch(() => {})
      if (reported > 0) {
        const late = await engine.append([{ topic: 'wide', partition: 0, records: [] }]).catch((error) => error.code)
        if (!/FAILED$/.test(late)) return void t.fail(`after a failed ${what}: ${late}`)
      } else if (/^(write|sync|truncate|rename|syncDirectory) /.test(what)) {
        return void t.fail(`a failed ${what} was not reported`)
      }
    }
    const wrong = await contradictions(disk.afterKill(), history).catch((error) => [String(error.stack)])
    if (wrong.length > 0) return void t.same(wrong, [], `failed call ${at}: ${what}`)
  }
  t.pass(`${whole.calls} calls, every third`)
})
