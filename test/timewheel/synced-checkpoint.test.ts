import t from 'tap'
import { SILENT } from '../../storage/index.ts'
import type { Checkpoint } from '../../timewheel/checkpoint/checkpoint.ts'
import { SyncedCheckpoint } from '../../timewheel/checkpoint/synced-checkpoint.ts'
import { readSynced, tailSizeOf } from '../../timewheel/checkpoint/synced-file.ts'
import { SimulatedDisk } from '../storage/simulated-disk.ts'
import { ManualClock, settle } from '../support/manual-clock.ts'

const SYNCED = '/wheel/checkpoint.synced'
const SETTLED_MS = 35_000

/** A checkpoint whose slots of the seconds 1, 2, … have files of these sizes. */
function checkpointOf(fileSizes: readonly number[], consumed = 10): Checkpoint {
  return {
    bootId: 'boot-1',
    consumed,
    moved: { dueAtMs: 1_000 * consumed, offset: -1 },
    overflowSequence: 3,
    overflowCount: 0,
    overflowLastDueAtMs: 0,
    slots: fileSizes.map((fileSize, i) => ({ second: i + 1, count: 1, fileSize })),
    stretches: [],
    nowMs: 5,
    census: Buffer.from('census'),
  }
}

class Rig {
  readonly clock = new ManualClock()
  readonly disk: SimulatedDisk
  readonly calls: string[] = []
  readonly failures: unknown[] = []
  handSecond = 0
  distrusted = 0
  synced!: SyncedCheckpoint
  /** How the next call that matches fails. */
  fault: { of: RegExp; code: string } | undefined

  private constructor(syncMs: number) {
    const nextTurn = () => new Promise<void>((resolve) => setImmediate(resolve))
    const ofSync = () => new Promise<void>((resolve) => this.clock.setTimer(resolve, syncMs))
    this.disk = new SimulatedDisk({ turn: (what) => (/^sync .*slot$/.test(what) ? ofSync() : nextTurn()) })
  }

  /** With so many slot files, on a disk that takes so long to sync one. */
  static async make(slots: number, syncMs = 0): Promise<Rig> {
    const rig = new Rig(syncMs)
    const { disk, clock } = rig
    await disk.makeDirectory('/wheel/slots')
    for (let second = 1; second <= slots; second++) {
      disk.place(`/wheel/slots/${second}.slot`, Buffer.alloc(1_000))
    }
    disk.onCall = (_call, what) => {
      rig.calls.push(what)
      if (!rig.fault?.of.test(what)) return 'go on'
      const { code } = rig.fault
      rig.fault = undefined
      return Object.assign(new Error(`${code}: simulated`), { code })
    }
    rig.synced = new SyncedCheckpoint({
      disk,
      clock,
      log: SILENT,
      directory: '/wheel',
      held: undefined,
      handSecond: () => rig.handSecond,
      distrust: async () => void rig.distrusted++,
      onFailure: (error) => rig.failures.push(error),
    })
    return rig
  }

  get syncs(): number[] {
    return this.calls.map((what) => /^sync .*\/(\d+)\.slot$/.exec(what)?.[1]).filter(Boolean).map(Number) // biome-ignore format: short
  }

  /** What is in place. */
  async inPlace(): Promise<Checkpoint | undefined> {
    return (await readSynced(this.disk, SYNCED))?.checkpoint
  }
}

t.test(
  'slots are synced when the system had time to write them, one after the other, and then it is in place',
  async (t) => {
    const rig = await Rig.make(30)
    rig.synced.offer(checkpointOf(new Array(30).fill(100)))
    await rig.clock.advance(SETTLED_MS - 1)
    t.same(rig.syncs, [])
    await rig.clock.advance(100)
    t.ok(rig.syncs.length >= 9 && rig.syncs.length <= 11, `${rig.syncs.length} syncs in a tenth of a second`)
    t.equal(await rig.inPlace(), undefined, 'not before all are')
    await rig.clock.advance(1_000)
    t.same(rig.syncs, Array.from({ length: 30 }, (_, i) => 30 - i), 'the latest first, each once') // biome-ignore format: short
    t.ok(
      rig.calls.indexOf('syncDirectory /wheel/slots') > rig.calls.findLastIndex((what) => /^sync .*slot$/.test(what)),
    )
    t.same(await rig.inPlace(), checkpointOf(new Array(30).fill(100)))
  },
)

t.test('a slow disk rests four times as long as a sync took', async (t) => {
  const rig = await Rig.make(5, 200)
  rig.synced.offer(checkpointOf(new Array(5).fill(100)))
  await rig.clock.advance(SETTLED_MS + 10)
  for (let i = 1; i <= 5; i++) {
    t.equal(rig.syncs.length, i)
    await rig.clock.advance(200 + 780)
    t.equal(rig.syncs.length, i)
    await rig.clock.advance(20)
  }
})

t.test('only what is new is synced, and nothing behind the hand', async (t) => {
  const rig = await Rig.make(4)
  rig.synced.offer(checkpointOf([100, 100, 100, 0]))
  await rig.clock.advance(SETTLED_MS + 1_000)
  t.same(rig.syncs, [3, 2, 1])
  rig.handSecond = 2
  rig.synced.offer(checkpointOf([200, 100, 300, 300], 20))
  await rig.clock.advance(SETTLED_MS + 1_000)
  t.same(rig.syncs.slice(3), [4, 3])
  t.match(await rig.inPlace(), { consumed: 20 })
})

t.test('a tail begins where the last sector does, also on a disk whose sectors have 4,096 bytes', (t) => {
  t.strictSame([0, 511, 4_095, 4_096, 5_000, 8_192].map(tailSizeOf), [0, 511, 4_095, 0, 904, 0])
  t.end()
})

t.test('what it needs is what the one in place and the one under way rely on', async (t) => {
  const rig = await Rig.make(4)
  const { synced } = rig
  t.same(synced.needs, { consumed: Infinity, movedMs: Infinity, firstSecond: Infinity })
  synced.offer(checkpointOf([0, 100, 100], 10))
  t.same(synced.needs, { consumed: 10, movedMs: 10_000, firstSecond: 2 })
  synced.offer(checkpointOf([0, 0, 100], 20))
  t.same(synced.needs, { consumed: 10, movedMs: 10_000, firstSecond: 2 }, 'one at a time')
  await rig.clock.advance(SETTLED_MS + 1_000)
  synced.offer(checkpointOf([0, 0, 100], 30))
  t.same(synced.needs, { consumed: 10, movedMs: 10_000, firstSecond: 2 }, 'until the next is in place')
  await rig.clock.advance(SETTLED_MS + 1_000)
  t.same(synced.needs, { consumed: 30, movedMs: 30_000, firstSecond: 3 })
})

t.test('a slot that cannot be opened, or no room, leaves the one in place', async (t) => {
  const rig = await Rig.make(3)
  rig.synced.offer(checkpointOf([100], 10))
  await rig.clock.advance(SETTLED_MS + 1_000)
  for (const fault of [
    { of: /^open .*slot$/, code: 'EMFILE' },
    { of: /^write /, code: 'ENOSPC' },
  ]) {
    rig.fault = fault
    rig.synced.offer(checkpointOf([200, 200], 20))
    await rig.clock.advance(SETTLED_MS + 1_000)
    t.match(await rig.inPlace(), { consumed: 10 })
    t.equal(rig.synced.needs.consumed, 10)
  }
  t.same(rig.failures, [])
  rig.synced.offer(checkpointOf([200, 200], 30))
  await rig.clock.advance(SETTLED_MS + 1_000)
  t.match(await rig.inPlace(), { consumed: 30 }, 'the next one takes its place')
})

t.test('a slot file that went when the hand passed it is not missed', async (t) => {
  const rig = await Rig.make(2)
  rig.synced.offer(checkpointOf([100, 100, 100]))
  rig.disk.onCall = (_call, what) => {
    if (/^open .*3\.slot$/.test(what)) rig.handSecond = 4
    return 'go on'
  }
  await rig.clock.advance(SETTLED_MS + 1_000)
  t.match(await rig.inPlace(), { consumed: 10 })
})

t.test('after a sync has failed, what is in place is worth nothing, and the process must end', async (t) => {
  // No room for what was written earlier is a failure as any other: those bytes may be lost.
  for (const code of ['EIO', 'ENOSPC']) {
    const rig = await Rig.make(2)
    rig.fault = { of: /^sync .*slot$/, code }
    rig.synced.offer(checkpointOf([100, 100]))
    await rig.clock.advance(SETTLED_MS + 1_000)
    t.equal(rig.distrusted, 1)
    t.match(rig.failures, [{ code: 'SLOT_WRITE_FAILED' }])
    t.equal(await rig.inPlace(), undefined)
  }
})

t.test('closing waits for the sync under way and for no more', async (t) => {
  const rig = await Rig.make(20)
  rig.synced.offer(checkpointOf(new Array(20).fill(100)))
  await rig.clock.advance(SETTLED_MS + 55)
  const begun = rig.syncs.length
  await rig.synced.close()
  rig.synced.offer(checkpointOf([100]))
  await settle()
  await rig.clock.advance(100_000)
  t.equal(rig.syncs.length, begun)
  t.equal(await rig.inPlace(), undefined)
})
