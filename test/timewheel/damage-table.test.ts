// Each row of the wheel's table of damage: what it says is what a start does, and every message still comes once, in time.
// The bytes of a slot and of a checkpoint are flipped bit by bit and cut at each length under their readers; what a start
// makes of that is tried at some places.

import t from 'tap'
import { DwellError, type Verdict } from '../../storage/index.ts'
import { readCheckpoint } from '../../timewheel/checkpoint/checkpoint.ts'
import { WHEEL_DAMAGE } from '../../timewheel/damage.ts'
import { SlotSurvey } from '../../timewheel/slot/slot-survey.ts'
import { Said } from '../storage/log-on-simulated-disk.ts'
import { DATA, type SimulatedDisk } from '../storage/simulated-disk.ts'
import { DelayedHistory } from './delayed-history.ts'
import { Machine } from './wheel-on-simulated-disk.ts'

// Minutes of a loaded machine; seconds of a quiet one.
t.setTimeout(300_000)

const CHECKPOINT = `${DATA}/wheel/checkpoint`
const SYNCED = `${CHECKPOINT}.synced`
const SLOT = `${DATA}/wheel/slots/1795168804.slot`
const LATER_SLOT = `${DATA}/wheel/slots/1795168806.slot`

interface Killed {
  machine: Machine
  history: DelayedHistory
  said: Said
  /** The disk as it was one checkpoint earlier. */
  older: SimulatedDisk
}

/** Messages in slots, late and cancelled ones, some beyond the reach; two checkpoints, and something behind them. */
async function killed(): Promise<Killed> {
  const said = new Said()
  const machine = Machine.empty({ log: said })
  const history = new DelayedHistory()
  await machine.start()
  const { engine, wheel, clock, disk } = machine
  await engine.createTopic('__due', { partitions: 1, cleanup: 'delete' })
  const startMs = clock.wallMs()
  const publish = (dueMs: number[]) => history.publish(engine, wheel, '__due', dueMs.map((ms) => startMs + ms), 90) // biome-ignore format: short
  await publish([500, 4_000, 4_100, 4_200, 6_000, 6_500, 40_000])
  const older: SimulatedDisk[] = []
  for (let round = 1; round <= 2; round++) {
    await machine.pass(250)
    await machine.outcome(history.cancel(wheel, 1))
    await machine.outcome(wheel.checkpoint())
    await engine.checkpoint()
    // So that the one of this round is synced.
    await machine.pass(500)
    older.push(disk.afterKill())
    await publish([2_000, 4_300 + round, 6_100 + round, 50_000 + round])
  }
  return { machine: machine.killed(), history, said, older: older[0] }
}

interface Outcome {
  verdict: Verdict
  code?: string
  wrong: string[]
}

async function outcomeOf({ machine, history, said }: Killed): Promise<Outcome> {
  try {
    await machine.start()
  } catch (error) {
    if (error instanceof DwellError) return { verdict: 'refuse', code: error.code, wrong: [] }
    return { verdict: 'refuse', wrong: [String((error as Error).stack)] }
  }
  const { engine, wheel, clock, disk } = machine
  const { because } = said.lines.findLast(({ sentence }) => sentence === 'The wheel is open.')?.fields ?? {}
  await machine.pass(history.lastDueAtMs - clock.wallMs() + 100)
  await machine.until(() => wheel.stats().pending === 0)
  const wrong = await history.contradictions(engine, wheel, ['__due'], clock.wallMs(), true)
  wrong.push(...machine.failures.map(String))
  const isAside = disk.paths().some((path) => path.endsWith('.damaged'))
  const isRebuilt = because !== 'everything is there' || wheel.stats().slotsDerived > 0
  return { verdict: isAside ? 'set aside' : isRebuilt ? 'rebuild' : 'keep', wrong }
}

type Damage = (disk: SimulatedDisk, killed: Killed) => void

const flip = (path: string, at: number, bit = at % 8): Damage => (disk) => void (disk.contents(path)[at] ^= 1 << bit) // biome-ignore format: short
const cut = (path: string, size: number): Damage => (disk) => disk.place(path, Buffer.from(disk.contents(path).subarray(0, size))) // biome-ignore format: short
const gone =
  (path: string): Damage =>
  (disk) =>
    disk.takeAway(path)
const older =
  (path: string): Damage =>
  (disk, killed) =>
    disk.place(path, killed.older.contents(path))
/** The machine was booted since as well. */
const booted =
  (damage: Damage): Damage =>
  (disk, killed) => {
    killed.machine.clock.reboot()
    damage(disk, killed)
  }
/** The first batch that `__delay` still has; without a checkpoint it has to be consumed. */
const firstOfDelay: Damage = (disk) => {
  const path = disk.paths().find((name) => name.includes('/__delay-0/') && name.endsWith('.log')) as string
  disk.contents(path)[30] ^= 1
  for (const path of [CHECKPOINT, SYNCED]) disk.takeAway(path)
}

const DAMAGES: Record<string, Damage[]> = {
  'slot: anywhere': [
    flip(SLOT, 0),
    flip(SLOT, 5),
    flip(SLOT, 6),
    flip(SLOT, 10),
    flip(SLOT, 20),
    flip(SLOT, 28),
    flip(SLOT, 100),
  ],
  'slot: cut or gone': [cut(SLOT, 0), cut(SLOT, 5), cut(SLOT, 6), cut(SLOT, 100), gone(SLOT)],
  'slot: an older one in its place': [older(SLOT)],
  'slot: that of another second in its place': [
    // Its first entries are as long as those that count of the other, so that only their second tells.
    (disk) => disk.place(LATER_SLOT, disk.contents(SLOT)),
  ],
  'slot: too long': [(disk) => disk.place(SLOT, Buffer.concat([disk.contents(SLOT), disk.contents(SLOT)]))],
  'slot: one that no checkpoint names': [
    (disk) => disk.place(`${DATA}/wheel/slots/1795168805.slot`, disk.contents(SLOT)),
  ],
  'checkpoint of the wheel: anywhere': [0, 4, 6, 10, 14, 25, 60, 100].map((at) => flip(CHECKPOINT, at)),
  'checkpoint of the wheel: cut': [0, 3, 13, 14, 60].map((size) => cut(CHECKPOINT, size)),
  'checkpoint of the wheel: gone': [gone(CHECKPOINT)],
  'checkpoint of the wheel: an older one in its place': [older(CHECKPOINT)],
  'synced checkpoint: anywhere': [0, 4, 6, 10, 14, 25, 60, 200].map((at) => flip(SYNCED, at)),
  'synced checkpoint: cut': [0, 3, 13, 14, 60].map((size) => cut(SYNCED, size)),
  'synced checkpoint: gone': [gone(SYNCED)],
  'synced checkpoint: an older one in its place': [older(SYNCED)],
  'synced checkpoint, booted since: anywhere': [0, 14, 60, 200].map((at) => booted(flip(SYNCED, at))),
  'synced checkpoint, booted since: gone': [booted(gone(SYNCED))],
  'synced checkpoint, booted since: an older one in its place': [booted(older(SYNCED))],
  'slot, booted since: its last sector, appended to after it was synced': [
    booted((disk) => void disk.contents(SLOT).fill(0, disk.contents(SLOT).length & ~511)),
  ],
  '__delay: a batch that has to be consumed': [firstOfDelay],
}

t.test('the table has a row for every damage that is tried', (t) => {
  // Those of overflow are tried with the real LevelDB: overflow-store.test.ts.
  const rows = WHEEL_DAMAGE.map(({ file, hit }) => `${file}: ${hit}`).filter((name) => !/^overflow/.test(name))
  t.same(rows.sort(), Object.keys(DAMAGES).sort())
  t.end()
})

for (const { file, hit, verdict, code } of WHEEL_DAMAGE) {
  const damages = DAMAGES[`${file}: ${hit}`]
  if (damages === undefined) continue
  t.test(`${file}, ${hit}: ${verdict}`, async (t) => {
    for (const [i, damage] of damages.entries()) {
      const found = await killed()
      damage(found.machine.disk, found)
      t.same(await outcomeOf(found), { verdict, ...(code === undefined ? {} : { code }), wrong: [] }, `damage ${i}`)
    }
  })
}

t.test('no flipped bit and no cut of a slot or of a checkpoint gets past its reader', async (t) => {
  const { machine } = await killed()
  const { disk } = machine
  const surveyOf = (second: number) => new SlotSurvey({ disk, second, sortedPath: '', budgetBytes: 1e6 })
  const readSlot = async (size: number) => {
    const file = await disk.open(SLOT, 'read')
    await surveyOf(1_795_168_804).runsIn(file, 0, size, size)
  }
  const file = await disk.open(SLOT, 'read')
  const size = await file.size()
  const ofAnother = surveyOf(1_795_168_805).runsIn(file, 0, size, size)
  await t.rejects(ofAnother, { code: 'SLOT_DAMAGED', message: /of another second/ })
  const readers = { [SLOT]: readSlot, [CHECKPOINT]: () => readCheckpoint(disk, CHECKPOINT) }
  let tried = 0
  for (const [path, read] of Object.entries(readers)) {
    const whole = Buffer.from(disk.contents(path))
    const refused = async (what: string) => {
      tried++
      const error = await read(whole.length).then(() => 'read', (failure) => failure) // biome-ignore format: short
      if (!(error instanceof DwellError)) t.fail(`${path}, ${what}: ${error}`)
    }
    for (let at = 0; at < whole.length; at++) {
      for (let bit = 0; bit < 8; bit++) {
        disk.contents(path)[at] ^= 1 << bit
        await refused(`bit ${bit} of byte ${at}`)
        disk.contents(path)[at] ^= 1 << bit
      }
    }
    for (let size = 0; size < whole.length; size++) {
      disk.place(path, whole.subarray(0, size))
      await refused(`cut at ${size}`)
    }
    disk.place(path, whole)
  }
  t.pass(`${tried} damages`)
})
