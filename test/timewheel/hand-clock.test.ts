import t from 'tap'
import { SILENT } from '../../storage/index.ts'
import { HandClock } from '../../timewheel/index.ts'
import { ManualClock } from '../support/manual-clock.ts'

const SETTLE_MS = 30_000

function handOf(clock: ManualClock): HandClock {
  return new HandClock({ clock, log: SILENT, settleMs: SETTLE_MS })
}

t.test(
  'C1: a wall clock that steps back by a second, an hour, a year holds the hand until it has caught up',
  async (t) => {
    for (const stepMs of [1_000, 3_600_000, 365 * 86_400_000]) {
      const clock = new ManualClock()
      const hand = handOf(clock)
      const beforeMs = hand.nowMs()
      clock.stepWall(-stepMs)
      await clock.advance(stepMs - 1)
      t.equal(hand.nowMs(), beforeMs)
      await clock.advance(2)
      t.equal(hand.nowMs(), beforeMs + 1)
      t.equal(hand.steps.back, 1)
    }
  },
)

t.test(
  'C2: a wall clock that steps ahead is followed after the settle time, and not at all when it comes back',
  async (t) => {
    for (const stepMs of [2_000, 7_200_000, 10 * 365 * 86_400_000]) {
      const clock = new ManualClock()
      const hand = handOf(clock)
      const beforeMs = hand.nowMs()
      clock.stepWall(stepMs)
      t.equal(hand.nowMs(), beforeMs)
      await clock.advance(10_000)
      t.equal(hand.nowMs(), beforeMs + 10_000, 'it goes on by monotonic time')
      clock.stepWall(-stepMs)
      await clock.advance(SETTLE_MS)
      t.equal(hand.nowMs(), beforeMs + 10_000 + SETTLE_MS, 'back again: as if nothing had been')
      clock.stepWall(stepMs)
      hand.nowMs()
      await clock.advance(SETTLE_MS - 1)
      t.ok(hand.nowMs() < clock.wallMs())
      await clock.advance(1)
      t.equal(hand.nowMs(), clock.wallMs())
      t.equal(hand.steps.forward, 2)
    }
  },
)

t.test('C2: a second jump ahead while the first one settles has to settle as well', async (t) => {
  const clock = new ManualClock()
  const hand = handOf(clock)
  clock.stepWall(5_000)
  hand.nowMs()
  await clock.advance(SETTLE_MS - 1_000)
  const beforeMs = hand.nowMs()
  clock.stepWall(365 * 86_400_000)
  await clock.advance(SETTLE_MS - 1)
  t.equal(hand.nowMs(), beforeMs + SETTLE_MS - 1)
  await clock.advance(SETTLE_MS)
  t.equal(hand.nowMs(), clock.wallMs())
})

t.test('steps of up to a second are followed at once', async (t) => {
  const clock = new ManualClock()
  const hand = handOf(clock)
  clock.stepWall(1_000)
  t.equal(hand.nowMs(), clock.wallMs())
  t.equal(hand.steps.forward, 0)
})

t.test('C3: a clock that drifts or strobes is never overtaken', async (t) => {
  const clock = new ManualClock()
  const hand = handOf(clock)
  let lastMs = hand.nowMs()
  const startMs = clock.wallMs()
  for (let i = 0; i < 6_000; i++) {
    clock.stepWall(i % 2 === 0 ? 200 : -200)
    await clock.advance(5)
    const nowMs = hand.nowMs()
    t.ok(nowMs >= lastMs || t.fail('it went back'))
    lastMs = nowMs
  }
  t.ok(lastMs <= startMs + 30_000 + 200, 'at most the strobe ahead')
  for (let i = 0; i < 100; i++) {
    clock.stepWall(-50)
    await clock.advance(1_000)
    t.ok(hand.nowMs() <= Math.max(lastMs, clock.wallMs()))
  }
})

t.test('C5: a suspended machine is no jump: wall time is believed at once', async (t) => {
  const clock = new ManualClock()
  const hand = handOf(clock)
  clock.suspend(3 * 3_600_000)
  t.equal(hand.nowMs(), clock.wallMs())
  t.equal(hand.steps.forward, 0)
})

t.test('P7: a stopped process finds the present at once', async (t) => {
  const clock = new ManualClock()
  const hand = handOf(clock)
  await clock.advance(60_000)
  t.equal(hand.nowMs(), clock.wallMs())
})

t.test('at the start wall time is believed, unless the hand was further already', async (t) => {
  const clock = new ManualClock(0)
  const hand = handOf(clock)
  hand.notBefore(5_000)
  t.equal(hand.nowMs(), 5_000)
  await clock.advance(5_500)
  t.equal(hand.nowMs(), 5_500)
})
