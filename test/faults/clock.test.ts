// What clocks do to the wheel, injected: a clock that a test moves, an engine in memory, real slot files. test/faults/README.md rows C1 to
// C5 and C7; the same on the real process: clock-process.test.ts.

import t, { type Test } from 'tap'
import { SILENT } from '../../storage/index.ts'
import { HandClock } from '../../timewheel/index.ts'
import { ManualClock, settle } from '../support/manual-clock.ts'
import { WheelRig } from '../support/wheel.ts'

const SECOND_MS = 1_000
const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
const YEAR_MS = 365 * DAY_MS
const SETTLE_MS = 30_000
const EARLIEST_MS = Date.UTC(2026, 0, 1)

/** A running wheel whose hand believes no wall clock that cannot be right. */
async function start(t: Test, clock = new ManualClock(), lastKnownMs = 0): Promise<WheelRig> {
  const limits = { earliestMs: EARLIEST_MS, jumpMaxMs: 400 * DAY_MS, lastKnownMs }
  const hand = new HandClock({ clock, log: SILENT, settleMs: SETTLE_MS, limits })
  const rig = new WheelRig({ hand }, clock)
  t.teardown(() => rig.close())
  await rig.start()
  return rig
}

/** Lets `ms` go by in small steps, as the heartbeat of the wheel sees them. */
async function pass(rig: WheelRig, ms: number): Promise<void> {
  for (let left = ms; left > 0; left -= 250) await rig.clock.advance(Math.min(250, left))
  await settle(30)
}

t.test(
  'C1: a wall clock that steps back by a second, an hour, a year fires nothing early, nothing twice',
  async (t) => {
    for (const stepMs of [SECOND_MS, HOUR_MS, YEAR_MS]) {
      const rig = await start(t)
      const nowMs = rig.clock.wallMs()
      await rig.publish([{ dueAtMs: nowMs + 500, text: 'before' }, { dueAtMs: nowMs + 5_000, text: 'after' }]) // biome-ignore format: one line
      await pass(rig, 1_000)
      t.strictSame(await rig.texts(), ['before'])
      rig.clock.stepWall(-stepMs)
      await rig.publish([{ dueAtMs: nowMs + 2_000, text: 'published while the hand stands' }])
      await pass(rig, 800)
      t.strictSame(await rig.texts(), ['before'], 'the hand stands')
      rig.clock.stepWall(stepMs)
      await pass(rig, 5_000)
      const dispatched = await rig.dispatched()
      t.strictSame(
        dispatched.map(({ text }) => text),
        ['before', 'published while the hand stands', 'after'],
      )
      for (const [i, dueAtMs] of [nowMs + 500, nowMs + 2_000, nowMs + 5_000].entries())
        t.ok(dispatched[i].atMs >= dueAtMs)
    }
  },
)

t.test(
  'C2: steps ahead that are taken back fire nothing; one that stays is followed after the settle time',
  async (t) => {
    const rig = await start(t)
    const nowMs = rig.clock.wallMs()
    await rig.publish([
      { dueAtMs: nowMs + HOUR_MS, text: 'in an hour' },
      { dueAtMs: nowMs + 3 * HOUR_MS, text: 'in three hours' },
      { dueAtMs: nowMs + 5 * YEAR_MS, text: 'in five years' },
    ])
    for (const stepMs of [2 * HOUR_MS, 10 * YEAR_MS]) {
      rig.clock.stepWall(stepMs)
      await pass(rig, SETTLE_MS - 1_000)
      rig.clock.stepWall(-stepMs)
      await pass(rig, 2_000)
      t.strictSame(await rig.texts(), [], `${stepMs} ms and back`)
    }
    rig.clock.stepWall(10 * YEAR_MS)
    await pass(rig, 10 * SETTLE_MS)
    t.strictSame(await rig.texts(), [], 'ten years are not fired at once, however long the clock stays there')
    rig.clock.stepWall(2 * HOUR_MS - 10 * YEAR_MS)
    await pass(rig, SETTLE_MS - 1_000)
    t.strictSame(await rig.texts(), [])
    await pass(rig, 2_000)
    t.strictSame(await rig.texts(), ['in an hour'])
    rig.clock.stepWall(SECOND_MS)
    await rig.publish([{ dueAtMs: rig.clock.wallMs() + 300, text: 'a second ahead' }])
    await pass(rig, 500)
    t.strictSame(await rig.texts(), ['in an hour', 'a second ahead'], 'a second is followed at once')
  },
)

t.test('C3: drift of 5 % and strobe of 200 ms: nothing early, nothing later than they are', async (t) => {
  const clocks: [string, (rig: WheelRig, turn: number) => void, lateMsMax: number][] = [
    ['a clock that is too fast', ({ clock }) => clock.stepWall(0.25), 2],
    ['a clock that is too slow', ({ clock }) => clock.stepWall(-0.25), 2],
    ['a clock that strobes', ({ clock }, turn) => clock.stepWall(turn % 2 === 0 ? 200 : -200), 402],
  ]
  for (const [name, move, lateMsMax] of clocks) {
    const rig = await start(t)
    const nowMs = rig.clock.wallMs()
    const dueAtMs = Array.from({ length: 60 }, (_, i) => nowMs + 100 + i * 50)
    await rig.publish(dueAtMs.map((ms) => ({ dueAtMs: ms, text: String(ms) })))
    for (let turn = 0; turn < 900; turn++) {
      await rig.clock.advance(5)
      move(rig, turn)
    }
    await pass(rig, 500)
    const dispatched = await rig.dispatched()
    t.equal(dispatched.length, 60, name)
    const late = dispatched.map(({ text, atMs }) => atMs - Number(text))
    t.ok(Math.min(...late) >= 0, 'never early')
    t.ok(Math.max(...late) <= lateMsMax + 5, `${Math.max(...late)} ms late`)
  }
})

t.test('C4: begun in 1970 or 2099 and corrected: what was published meanwhile is neither early nor lost', async (t) => {
  for (const wallMs of [60_000, Date.UTC(2099, 0, 1)]) {
    const clock = new ManualClock(wallMs)
    const rig = await start(t, clock)
    const trueMs = Date.UTC(2026, 10, 20, 10)
    await rig.publish([
      { dueAtMs: trueMs + 60_000, text: 'in a minute' },
      { dueAtMs: trueMs + DAY_MS, text: 'tomorrow' },
    ])
    await pass(rig, 10_000)
    t.strictSame(await rig.texts(), [])
    clock.stepWall(trueMs - clock.wallMs())
    await pass(rig, SETTLE_MS + 1_000)
    t.strictSame(await rig.texts(), [], 'a minute has not passed')
    await pass(rig, 30_000)
    t.strictSame(await rig.texts(), ['in a minute'])
    clock.suspend(DAY_MS)
    await pass(rig, 1_000)
    t.strictSame(await rig.texts(), ['in a minute', 'tomorrow'])
  }
})

t.test('C4: started in 2099 on a directory that knows the time: a year of messages stays where it is', async (t) => {
  const rig = await start(t)
  const nowMs = rig.clock.wallMs()
  await rig.publish([{ dueAtMs: nowMs + 100, text: 'now' }, { dueAtMs: nowMs + 300 * DAY_MS, text: 'far' }]) // biome-ignore format: one line
  await pass(rig, 1_000)
  await rig.crash()
  const clock = new ManualClock(Date.UTC(2099, 0, 1))
  const limits = { earliestMs: EARLIEST_MS, jumpMaxMs: 400 * DAY_MS, lastKnownMs: nowMs + 100 }
  const hand = new HandClock({ clock, log: SILENT, settleMs: SETTLE_MS, limits })
  const again = Object.assign(new WheelRig({ hand }, clock), { engine: rig.engine, directory: rig.directory, overflow: rig.overflow }) // biome-ignore format: one line
  await again.start()
  await pass(again, 10 * SETTLE_MS)
  t.strictSame(await again.texts(), ['now'])
  await again.publish([{ dueAtMs: hand.nowMs() + 500, text: 'by monotonic time' }])
  await pass(again, 1_000)
  t.strictSame(await again.texts(), ['now', 'by monotonic time'])
  await again.wheel.stop()
})

t.test('C5: a suspended machine wakes as after downtime: what is overdue fires at once, oldest first', async (t) => {
  const rig = await start(t)
  const nowMs = rig.clock.wallMs()
  const hours = [5, 1, 3, 2, 4, 30]
  await rig.publish(hours.map((hour) => ({ dueAtMs: nowMs + hour * HOUR_MS, text: String(hour) })))
  rig.clock.suspend(6 * HOUR_MS)
  t.strictSame(await rig.texts(), [])
  await pass(rig, 1_000)
  t.strictSame(await rig.texts(), ['1', '2', '3', '4', '5'])
})

t.test('C7: a monotonic clock that freezes or jumps: the next tick finds the present again', async (t) => {
  const rig = await start(t)
  const nowMs = rig.clock.wallMs()
  await rig.publish([1, 2, 3].map((hour) => ({ dueAtMs: nowMs + hour * HOUR_MS, text: String(hour) })))
  rig.clock.stepMonotonic(10 * HOUR_MS)
  await pass(rig, 1_000)
  t.strictSame(await rig.texts(), [], 'ahead by itself, it fires nothing')
  rig.clock.stepMonotonic(-20 * HOUR_MS)
  // The timers of the machine are set by it: what comes in wakes the wheel.
  await rig.publish([{ dueAtMs: nowMs, text: 'at once' }])
  t.strictSame(await rig.texts(), ['at once'])
  t.ok(rig.wheel.stats().lastTickAgeMs < 300)
  rig.clock.stepMonotonic(20 * HOUR_MS)
  await pass(rig, HOUR_MS)
  t.strictSame(await rig.texts(), ['at once', '1'])
})

t.test('C7: a machine that was frozen whole, its wall clock put right afterwards, has jumped ahead', async (t) => {
  const rig = await start(t)
  const nowMs = rig.clock.wallMs()
  await rig.publish([1, 2].map((hour) => ({ dueAtMs: nowMs + hour * HOUR_MS, text: String(hour) })))
  rig.clock.stepWall(1.5 * HOUR_MS)
  await pass(rig, SETTLE_MS - 1_000)
  t.strictSame(await rig.texts(), [])
  await pass(rig, 3_000)
  t.strictSame(await rig.texts(), ['1'])
})

t.test(
  'downtime of 300 days is passed over in a few steps, with the rows that lie in it fired oldest first',
  async (t) => {
    const rig = await start(t)
    const nowMs = rig.clock.wallMs()
    const days = Array.from({ length: 300 }, (_, i) => i + 1)
    await rig.publish(days.toReversed().map((day) => ({ dueAtMs: nowMs + day * DAY_MS, text: String(day) })))
    let reads = 0
    const rows = rig.overflow.rows.bind(rig.overflow)
    rig.overflow.rows = (range, limit) => {
      reads++
      return rows(range, limit)
    }
    rig.clock.jump(299.5 * DAY_MS)
    while ((await rig.texts()).length < 299) await pass(rig, 250)
    t.strictSame(
      await rig.texts(),
      days.slice(0, 299).map((day) => String(day)),
    )
    t.ok(reads < 60, `${reads} reads of overflow: not one for each hour`)
  },
)

t.test('after downtime one append takes what lies in many small slot files', async (t) => {
  const rig = await start(t)
  const nowMs = rig.clock.wallMs()
  const seconds = Array.from({ length: 200 }, (_, i) => 100 + i)
  await rig.publish(seconds.toReversed().map((s) => ({ dueAtMs: nowMs + s * SECOND_MS, text: String(s) })))
  await rig.wheel.checkpoint()
  const marks = () => rig.engine.offsets('__mark', 0).highWatermark
  const before = marks()
  rig.clock.jump(HOUR_MS)
  while ((await rig.texts()).length < 200) await settle()
  t.strictSame(
    await rig.texts(),
    seconds.map((s) => String(s)),
  )
  t.ok(marks() - before < 20, `${marks() - before} appends`)
})
