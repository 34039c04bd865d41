// The process is killed, the power is cut or the disk fails at every call of the disk that changes something while a topic
// is compacted, cut by retention and by deleteRecords(), and read. What a log must hold then: compacted-history.ts.
//
// sampled.ts says which calls `npm test` tries (segment-exchange.test.ts tries all).

import t, { type Test } from 'tap'
import { DwellError, type EmbeddedEngine } from '../../storage/index.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { sampled } from '../support/sampled.ts'
import { SeededRandom } from '../support/seeded-random.ts'
import { CompactedHistory } from './compacted-history.ts'
import { keyed, recordsIn } from './compacted-model.ts'
import { KIB, openLog } from './log-on-simulated-disk.ts'
import { DATA, SimulatedDisk } from './simulated-disk.ts'

const HOUR_MS = 3_600_000

t.setTimeout(600_000)

class Run {
  readonly clock = new ManualClock()
  readonly history = new CompactedHistory('users')
  /** What readers saw that cannot be. */
  readonly wrong: string[] = []
  failure: DwellError | undefined
  readonly #disk: SimulatedDisk
  /** The calls before were made to fill the log. */
  firstCall = 0

  constructor(disk: SimulatedDisk) {
    this.#disk = disk
  }

  open(disk = this.#disk): Promise<EmbeddedEngine> {
    return openLog(disk, {
      clock: this.clock,
      segmentBytes: KIB,
      openFilesMax: 4,
      deleteRetentionMs: HOUR_MS,
      compactionBytes: 24 * 8,
      onFailure: (error) => {
        this.failure = error
      },
    })
  }

  async all(): Promise<void> {
    const engine = await this.open()
    await engine.createTopic('users', { partitions: 1, cleanup: 'compact' })
    await engine.createTopic('kept', { partitions: 1, cleanup: 'delete', retentionBytes: 3 * KIB })
    for (let i = 0; i < 5; i++) await this.#round(engine, i)
    await this.history.append(engine, 'k0=', 'k7=')
    await this.#fill(engine)
    await engine.checkpoint()
    this.firstCall = this.#disk.calls
    await this.#read(engine, () =>
      Promise.all([engine.compact(), this.history.append(engine, `k1=during${'.'.repeat(90)}`)]),
    )
    await this.history.deleteRecords(engine, 5)
    for (let i = 5; i < 8; i++) await this.#round(engine, i)
    await this.#fill(engine)
    // Tombstones are due from now on, as far as the first pass has seen them.
    this.history.tombstonesMayGo = true
    this.clock.jump(2 * HOUR_MS)
    await this.#read(engine, () => Promise.all([engine.checkpoint().then(() => engine.compact()), engine.checkpoint()]))
    await engine.checkpoint()
    await engine.close()
  }

  async #round(engine: EmbeddedEngine, i: number): Promise<void> {
    const pad = '.'.repeat(90)
    await this.history.append(engine, `k${i % 3}=${i}a${pad}`, `k${3 + (i % 5)}=${i}b${pad}`)
    await this.history.append(engine, `k${i % 2}=${i}c${pad}`)
    await engine.append([{ topic: 'kept', partition: 0, records: [keyed(`x=${i}${pad}${pad}${pad}`)] }])
  }

  async #fill(engine: EmbeddedEngine): Promise<void> {
    for (let i = 0; i < 2; i++) await this.history.append(engine, `filler=${i}${'.'.repeat(700)}`)
  }

  /** Reads both topics again and again while `task` runs. */
  async #read(engine: EmbeddedEngine, task: () => Promise<unknown>): Promise<void> {
    let done = false
    const reading = (async () => {
      while (!done) {
        try {
          await recordsIn(engine, 'users', 0, 200)
          await recordsIn(engine, 'kept', 0, 200)
        } catch (error) {
          // Retention may overtake a reader; nothing else may happen to it while the log works.
          const overtaken = error instanceof DwellError && error.code === 'OFFSET_OUT_OF_RANGE'
          if (!overtaken && this.failure === undefined) this.wrong.push(String(error))
        }
        await new Promise((resolve) => setImmediate(resolve))
      }
    })()
    try {
      await task()
    } finally {
      done = true
      await reading
    }
  }

  /** What contradicts what was answered, on the disk that was left; also after cleaning again, and after another start. */
  async contradictions(left: SimulatedDisk): Promise<string[]> {
    const wrong = [...this.wrong]
    const history = this.history.copy()
    let engine = await this.open(left)
    wrong.push(...(await history.contradictions(engine)), ...sizesWrong(engine, left))
    await history.append(engine, 'k2=after', 'k3=')
    await engine.checkpoint()
    await engine.compact()
    wrong.push(...(await history.contradictions(engine)), ...sizesWrong(engine, left))
    await engine.close()
    const again = left.afterKill()
    engine = await this.open(again)
    wrong.push(...(await history.contradictions(engine)), ...sizesWrong(engine, again))
    const strange = again.paths().filter((path) => /\.(cleaned|swap|new)$/.test(path))
    await engine.close()
    return [...wrong, ...strange.map((path) => `${path} is left over`)]
  }
}

/** The log's sizes are those of its files, once they were looked at, and but for what is not in segments yet. */
function sizesWrong(engine: EmbeddedEngine, disk: SimulatedDisk): string[] {
  const { sizeBytes } = engine.offsets('users', 0)
  const bytes = disk
    .paths()
    .filter((path) => path.startsWith(`${DATA}/topics/users-0/`) && path.endsWith('.log'))
    .reduce((sum, path) => sum + disk.contents(path).length, 0)
  return sizeBytes < bytes ? [`the log says it has ${sizeBytes} bytes, its files have ${bytes}`] : []
}

async function untilDeath(disk: SimulatedDisk): Promise<Run> {
  const run = new Run(disk)
  await Promise.race([disk.death, run.all().catch(() => {})])
  return run
}

t.test('the scenario itself compacts, merges, retains and drops tombstones', async (t) => {
  const disk = new SimulatedDisk()
  const run = new Run(disk)
  const renames = new Set<string>()
  disk.onCall = (_call, what) => {
    if (/^rename .*users-0.*\.log/.test(what)) renames.add(what.replace(/.*\.log(\.\w+)?$/, '$1'))
    return 'go on'
  }
  await run.all()
  t.equal(run.failure, undefined)
  t.same(run.wrong, [])
  t.same([...renames].sort(), ['', '.swap'])
  t.same(await run.contradictions(disk.afterKill()), [])
  t.comment(`${disk.calls - run.firstCall} calls of the disk`)
})

/** The calls of the scenario that change something, once the log is filled. */
async function changes(): Promise<{ call: number; what: string }[]> {
  const disk = new SimulatedDisk()
  const calls: string[] = []
  disk.onCall = (call, what) => {
    calls[call] = what
    return 'go on'
  }
  const { firstCall } = await untilDeath(disk)
  return calls
    .map((what, call) => ({ call, what }))
    .filter(({ call, what }) => call >= firstCall && /^(write|sync|truncate|rename|remove)/.test(what))
}

async function sweep(
  t: Test,
  fate: 'die before' | 'die after',
  leave: (disk: SimulatedDisk, run: Run, seed: number) => SimulatedDisk,
): Promise<void> {
  const calls = [...sampled(await changes())]
  for (const { call: at, what } of calls) {
    const disk = new SimulatedDisk()
    disk.onCall = (call) => (call === at ? fate : 'go on')
    const run = await untilDeath(disk)
    const wrong = await run.contradictions(leave(disk, run, at)).catch((error) => [String(error.stack)])
    if (wrong.length > 0) return void t.same(wrong, [], `${fate} call ${at}: ${what}`)
  }
  t.pass(`${calls.length} calls`)
}

t.test('killed at any call of the disk, every key has its last value', async (t) => {
  await sweep(t, 'die after', (disk) => disk.afterKill())
})

t.test('power cut at any call of the disk, every key has its last value', async (t) => {
  await sweep(t, 'die before', (disk, run, seed) => {
    const random = new SeededRandom(seed)
    run.clock.reboot()
    return disk.afterPowerCut(() => random.fraction())
  })
})

t.test('killed, and the power cut before anything was synced, every key has its last value', async (t) => {
  await sweep(t, 'die after', (disk, run, seed) => {
    const random = new SeededRandom(seed)
    run.clock.reboot()
    return disk.afterKill().afterPowerCut(() => random.fraction())
  })
})

t.test('killed, and the checkpoint lost as well, every key has its last value', async (t) => {
  await sweep(t, 'die after', (disk) => {
    const left = disk.afterKill()
    left.takeAway(`${DATA}/checkpoint`)
    return left
  })
})

t.test('a call of the disk that fails stops the log or only the pass, and every key has its last value', async (t) => {
  const outcomes = { stopped: 0, wentOn: 0 }
  for (const { call: at, what } of sampled(await changes())) {
    const disk = new SimulatedDisk()
    disk.onCall = (call, name) => {
      if (call !== at) return 'go on'
      return Object.assign(new Error(`EIO: input/output error, ${name}`), { code: 'EIO' })
    }
    const run = new Run(disk)
    await run.all().catch(() => {})
    outcomes[run.failure === undefined ? 'wentOn' : 'stopped']++
    // A reader is told of a read that failed.
    run.wrong.length = 0
    const wrong = await run.contradictions(disk.afterKill()).catch((error) => [String(error.stack)])
    if (wrong.length > 0) return void t.same(wrong, [], `failed call ${at}: ${what}`)
  }
  t.pass(JSON.stringify(outcomes))
})

t.test('a tombstone never goes before what it deleted, whatever two crashes come between', async (t) => {
  const pad = '.'.repeat(600)
  const filled = new SimulatedDisk({ turn: async () => {} })
  const first = new Run(filled)
  const engine = await first.open()
  await engine.createTopic('users', { partitions: 1, cleanup: 'compact' })
  for (const text of [`k=1${pad}`, `a=${pad}`, `b=${pad}`, `c=${pad}`, 'k=', `d=${pad}`, `e=${pad}`]) {
    await first.history.append(engine, text)
  }
  await engine.close()
  let deaths = 0
  /** Compacts until the `at`-th exchange is done, and dies; undefined when there are not so many. */
  const compactUntil = async (disk: SimulatedDisk, at: number, laterMs: number): Promise<SimulatedDisk | undefined> => {
    const run = new Run(disk)
    run.clock.stepWall(laterMs)
    let exchanges = 0
    disk.onCall = (_call, what) => {
      if (!/^rename .*users-0.*swap .*log$/.test(what)) return 'go on'
      return exchanges++ === at ? 'die after' : 'go on'
    }
    const ended = run.open(disk).then((opened) => opened.compact())
    const died = await Promise.race([ended.then(() => false), disk.death.then(() => true)])
    if (died) deaths++
    return died ? disk.afterKill() : undefined
  }
  for (let one = 0; one < 8; one++) {
    const left = await compactUntil(filled.afterKill(), one, 0)
    if (left === undefined) break
    for (let two = 0; two < 8; two++) {
      const again = await compactUntil(left.afterKill(), two, 2 * HOUR_MS)
      if (again === undefined) break
      const third = new Run(again)
      const texts = (await recordsIn(await third.open(again), 'users')).map(({ text }) => text)
      const last = texts.filter((text) => text.startsWith('k=')).at(-1)
      if (last !== undefined && last !== 'k=') return void t.fail(`the deleted value is back after ${one} and ${two}`)
    }
  }
  t.ok(deaths >= 4, `${deaths} deaths`)
})
