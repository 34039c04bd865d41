import t from 'tap'
import { type Append, DwellError } from '../../../../storage/index.ts'
import { ManualClock } from '../../../support/manual-clock.ts'
import { MemoryEngine } from '../../../support/memory-engine.ts'
import { GroupRig } from '../group-rig.ts'

const APPEND_BYTES_MAX = 24 * 1024
const GROUPS = '__groups'

/** A group that keeps the order of keys, on a log whose appends are small. */
async function smallRig() {
  const engine = Object.assign(new MemoryEngine(), { appendBytesMax: APPEND_BYTES_MAX })
  const crash = async (engine: MemoryEngine) => {
    engine.crash()
    return engine
  }
  const home = { engine, crash, idleTurns: 10 }
  const rig = await GroupRig.startIn(home, new ManualClock(), { topics: { orders: 1 }, defaults: { order: 'key' } })
  await rig.groups.configure('orders', 'billing', { order: 'key', maxInFlight: 10_000 })
  return rig
}

async function lastSnapshotSize(rig: GroupRig): Promise<number> {
  await rig.groups.checkpoint()
  return (await rig.log(GROUPS)).at(-1)?.value?.length ?? 0
}

t.test('a snapshot fits into an append, however many records of a hot key are passed over', async (t) => {
  const rig = await smallRig()
  const count = 6_000
  await rig.publish('orders', Array(count).fill('hot'), 0, 'hot')
  const first = await rig.one()
  t.same(await rig.acquire(), [])
  t.ok((await lastSnapshotSize(rig)) < APPEND_BYTES_MAX / 2, `${await lastSnapshotSize(rig)} bytes`)
  await rig.crash()
  t.same(await rig.acquire(), [])
  await rig.groups.acknowledge('orders', 'billing', [{ receipt: first.receipt, type: 'accept' }])
  for (let i = 1; i < 1_300; i++) {
    const { offset, receipt } = await rig.one()
    if (offset !== i) t.fail(`${offset} comes, not ${i}`)
    await rig.groups.acknowledge('orders', 'billing', [{ receipt, type: 'accept' }])
  }
  t.equal((await rig.one()).offset, 1_300, 'those that there was no room for come behind')
})

t.test(
  'a snapshot fits into an append, however many keys are held; when they are back further ones begin',
  async (t) => {
    const rig = await smallRig()
    for (let i = 0; i < 600; i++) await rig.publish('orders', ['x'], 0, `key ${i}`)
    let held = 0
    for (let deliveries = await rig.acquire(); deliveries.length > 0; deliveries = await rig.acquire()) {
      const releases = deliveries.map(({ receipt }) => ({ receipt, type: 'release' as const, delayMs: 60_000 }))
      await rig.groups.acknowledge('orders', 'billing', releases)
      held += deliveries.length
    }
    t.ok(held >= 150 && held <= 300, `${held} are held`)
    t.ok((await lastSnapshotSize(rig)) < APPEND_BYTES_MAX / 2)
    await rig.clock.advance(61_000)
    await rig.turnWheel()
    const seen = new Set<number>()
    for (let deliveries = await rig.acquire(); deliveries.length > 0; deliveries = await rig.acquire()) {
      for (const { offset } of deliveries) seen.add(offset)
      const accepts = deliveries.map(({ receipt }) => ({ receipt, type: 'accept' as const }))
      await rig.groups.acknowledge('orders', 'billing', accepts)
    }
    t.equal(seen.size, 600)
  },
)

t.test(
  'a snapshot that no append can carry is told and counted; its group goes on, and nothing of it is lost',
  async (t) => {
    const rig = await smallRig()
    await rig.publish('orders', ['a', 'b'])
    const taken = await rig.one()
    const { logStartOffset } = rig.engine.offsets(GROUPS, 0)
    const { append } = rig.engine
    Object.assign(rig.engine, {
      append: (appends: readonly Append[]) => {
        if (appends.length > 1 || appends[0].topic !== GROUPS) return append.call(rig.engine, appends)
        return Promise.reject(new DwellError('APPEND_TOO_LARGE', 'An append has at most 1 byte.', { limit: 1 }))
      },
    })
    await rig.groups.checkpoint()
    await rig.groups.checkpoint()
    t.equal(rig.groups.stats().snapshotsTooLarge, 2)
    Object.assign(rig.engine, { append })
    t.equal(rig.engine.offsets(GROUPS, 0).logStartOffset, logStartOffset)
    const second = await rig.one()
    await rig.groups.acknowledge('orders', 'billing', [{ receipt: taken.receipt, type: 'accept' }])
    await rig.crash()
    t.same(await rig.acquire(), [], 'both are known')
    t.equal(second.offset, 1)
  },
)
