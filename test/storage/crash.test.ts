// The process is killed, the power is cut or the disk fails at every single call that a scenario makes of the disk; the
// log that is opened afterwards has to agree with everything that was answered. See log-history.ts for what that means, and
// sampled.ts for which calls `npm test` tries.

import t from 'tap'
import { type DwellError, EmbeddedEngine, SILENT } from '../../storage/index.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { sampled } from '../support/sampled.ts'
import { SeededRandom } from '../support/seeded-random.ts'
import { LogHistory } from './log-history.ts'
import { DATA, SimulatedDisk } from './simulated-disk.ts'

// Minutes of a loaded machine; seconds of a quiet one.
t.setTimeout(300_000)

const KIB = 1024

function open(disk: SimulatedDisk, clock: ManualClock, onFailure: (error: DwellError) => void = () => {}) {
  return EmbeddedEngine.open({
    disk,
    clock,
    random: new SeededRandom(7),
    directory: DATA,
    log: SILENT,
    journalFileBytes: 64 * KIB,
    segmentBytes: 8 * KIB,
    checkpointBytes: 100 * KIB,
    tailBytes: 24 * KIB,
    openFilesMax: 3,
    onFailure,
  })
}

/** Touches everything: several topics in one append, rolls, recycled journal files, log starts, deletion and return. */
async function scenario(engine: EmbeddedEngine, history: LogHistory): Promise<void> {
  await Promise.all([
    history.create(engine, 'orders', 2),
    history.create(engine, 'bills', 1, { retentionBytes: 12 * KIB }),
  ])
  for (let round = 0; round < 3; round++) {
    await Promise.all([
      history.append(engine, [['orders', 0]], 3, 900),
      history.append(engine, [['orders', 0], ['orders', 1], ['bills', 0]], 1, 300), // biome-ignore format: one append
      history.append(engine, [['bills', 0]], 5, 700),
    ])
    await history.append(
      engine,
      [
        ['orders', 1],
        ['orders', 0],
      ],
      4,
      1500,
    )
    if (round === 0) await history.create(engine, 'short', 1)
    if (round === 0)
      await history.append(
        engine,
        [
          ['short', 0],
          ['orders', 1],
        ],
        2,
        500,
      )
    if (round === 1) await history.deleteRecords(engine, 'orders', 0, 9)
    if (round === 1) await Promise.all([engine.checkpoint(), fillJournal(engine, history)])
    if (round === 1) await history.delete(engine, 'short')
    if (round === 2) await history.create(engine, 'short', 2)
    if (round === 2)
      await history.append(
        engine,
        [
          ['short', 1],
          ['short', 0],
        ],
        1,
        100,
      )
    if (round === 2) await history.grow(engine, 'orders', 3)
    if (round === 2) await history.append(engine, [['orders', 2]], 6, 2500)
  }
  await engine.checkpoint()
  await history.append(
    engine,
    [
      ['orders', 2],
      ['bills', 0],
    ],
    3,
    1000,
  )
  await engine.close()
}

/** More than one journal file, while a checkpoint is being written. */
async function fillJournal(engine: EmbeddedEngine, history: LogHistory): Promise<void> {
  for (let i = 0; i < 6; i++) await history.append(engine, [['orders', 0]], 2, 8000)
}

/** Runs the scenario until the process dies; answers the disk as it was then, and what was answered until then. */
async function runUntilDeath(disk: SimulatedDisk, clock = new ManualClock()): Promise<LogHistory> {
  const history = new LogHistory()
  const run = async () => {
    const engine = await open(disk, clock)
    await scenario(engine, history)
  }
  await Promise.race([disk.death, run().catch(() => {})])
  return history
}

async function callsOfScenario(): Promise<number> {
  const disk = new SimulatedDisk()
  await runUntilDeath(disk)
  return disk.calls
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

t.test('the scenario itself, without a crash, leaves what was answered', async (t) => {
  const disk = new SimulatedDisk()
  const history = await runUntilDeath(disk)
  t.equal(history.acknowledgedCount, 22)
  t.same(await contradictions(disk.afterKill(), history), [])
  t.comment(`${disk.calls} calls of the disk`)
})

t.test('killed at any call of the disk, nothing acknowledged is lost and every append is whole', async (t) => {
  const calls = await callsOfScenario()
  for (const at of sampled(Array(calls).keys())) {
    const disk = new SimulatedDisk()
    let what = ''
    disk.onCall = (call, name) => {
      if (call === at) what = name
      return call === at ? 'die after' : 'go on'
    }
    const history = await runUntilDeath(disk)
    const wrong = await contradictions(disk.afterKill(), history).catch((error) => [String(error)])
    if (wrong.length > 0) return void t.same(wrong, [], `killed after call ${at}: ${what}`)
  }
  t.pass(`${calls} calls`)
})

t.test('power cut at any call of the disk, nothing acknowledged is lost and every append is whole', async (t) => {
  const calls = await callsOfScenario()
  for (const at of sampled(Array(calls).keys())) {
    const disk = new SimulatedDisk()
    let what = ''
    disk.onCall = (call, name) => {
      if (call === at) what = name
      return call === at ? 'die before' : 'go on'
    }
    const history = await runUntilDeath(disk)
    const random = new SeededRandom(at)
    const clock = new ManualClock()
    clock.reboot()
    const left = disk.afterPowerCut(() => random.fraction())
    const wrong = await contradictions(left, history, clock).catch((error) => [String(error.stack)])
    if (wrong.length > 0) return void t.same(wrong, [], `power cut at call ${at}: ${what}`)
  }
  t.pass(`${calls} calls`)
})

t.test('killed, and the checkpoint lost as well: nothing acknowledged is lost either', async (t) => {
  const calls = await callsOfScenario()
  for (const at of sampled(Array(calls).keys())) {
    const disk = new SimulatedDisk()
    disk.onCall = (call) => (call === at ? 'die after' : 'go on')
    const history = await runUntilDeath(disk)
    const left = disk.afterKill()
    left.takeAway(`${DATA}/checkpoint`)
    // A log start inside a segment is lost with the checkpoint; the next one that is written has it again.
    const wrong = await contradictions(left, history, new ManualClock(), false).catch((error) => [String(error)])
    if (wrong.length > 0) return void t.same(wrong, [], `killed after call ${at}`)
  }
  t.pass(`${calls} calls`)
})

t.test('killed again and again during recovery, it ends with the same log', async (t) => {
  const disk = new SimulatedDisk()
  const calls = await callsOfScenario()
  disk.onCall = (call) => (call === Math.floor(calls * 0.9) ? 'die before' : 'go on')
  const history = await runUntilDeath(disk)
  let next = disk.afterKill()
  for (let at = 0; at < 400; at++) {
    const current = next
    current.onCall = (call) => (call === at ? (at % 2 ? 'die after' : 'die before') : 'go on')
    const opened = await Promise.race([current.death.then(() => undefined), open(current, new ManualClock())])
    if (opened !== undefined) break
    next = current.afterKill()
  }
  t.same(await contradictions(next.afterKill(), history), [])
})

t.test('after a call of the disk has failed, no append is answered with success', async (t) => {
  const calls = await callsOfScenario()
  const failures = { atOpen: 0, whileRunning: 0, unnoticed: 0 }
  for (const at of sampled(Array(calls).keys())) {
    const disk = new SimulatedDisk()
    let failed = false
    let what = ''
    disk.onCall = (call, name) => {
      if (call !== at) return 'go on'
      failed = true
      what = name
      return Object.assign(new Error(`EIO: input/output error, ${name}`), { code: 'EIO' })
    }
    const history = new LogHistory()
    let reported = 0
    const engine = await open(disk, new ManualClock(), () => reported++).catch(() => undefined)
    if (engine === undefined) failures.atOpen++
    else {
      await scenario(engine, history).catch(() => {})
      const changes = /^(write|sync|truncate|rename|syncDirectory) /.test(what)
      if (failed && reported === 1) {
        failures.whileRunning++
        const late = await engine.append([{ topic: 'orders', partition: 0, records: [] }]).catch((error) => error.code)
        if (!/FAILED$/.test(late)) return void t.fail(`after a failed ${what}: ${late}`)
      } else if (failed && changes) return void t.fail(`a failed ${what} was reported ${reported} times`)
      else failures.unnoticed++
    }
    const wrong = await contradictions(disk.afterKill(), history).catch((error) => [String(error)])
    if (wrong.length > 0) return void t.same(wrong, [], `failed call ${at}: ${what}`)
  }
  t.pass(JSON.stringify(failures))
})
