import t from 'tap'
import { SILENT } from '../../storage/index.ts'
import { type ClockLimits, HandClock } from '../../timewheel/index.ts'
import { Said } from '../storage/log-on-simulated-disk.ts'
import { ManualClock } from '../support/manual-clock.ts'

const SETTLE_MS = 30_000
const DAY_MS = 86_400_000
const YEAR_MS = 365 * DAY_MS
const NOW_MS = Date.UTC(2026, 10, 20, 10)
const LIMITS: ClockLimits = { earliestMs: Date.UTC(2026, 0, 1), jumpMaxMs: 400 * DAY_MS, lastKnownMs: 0 }

function handOf(clock: ManualClock, limits?: ClockLimits, log = SILENT): HandClock {
  return new HandClock({ clock, log, settleMs: SETTLE_MS, limits })
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

t.test('C2: a wall clock that is ten years ahead is not believed, however long it stays there', async (t) => {
  const clock = new ManualClock(NOW_MS)
  const log = new Said()
  const hand = handOf(clock, { ...LIMITS, lastKnownMs: NOW_MS }, log)
  clock.stepWall(10 * YEAR_MS)
  for (let i = 0; i < 100; i++) {
    t.equal(hand.nowMs(), NOW_MS + i * 10_000, 'it goes on by monotonic time')
    await clock.advance(10_000)
  }
  t.equal(hand.state(), 'not believed')
  t.match(hand.why(), /says 2036-.*, the hand stands at 2026-.*CLOCK_JUMP_MAX/)
  clock.stepWall(-10 * YEAR_MS)
  t.equal(hand.nowMs(), clock.wallMs(), 'and back: as if nothing had been')
  t.equal(hand.state(), 'followed')
  t.equal(hand.why(), undefined)
  t.match(
    log.lines.map(({ sentence }) => sentence),
    [/too far ahead to be believed/, /follows the wall clock again/],
    'both are said, once',
  )
  t.strictSame(hand.steps, { back: 0, forward: 1 })
})

t.test('C2: from before the program was made to ten years ahead: each is said, each is a step', async (t) => {
  const clock = new ManualClock(NOW_MS)
  const log = new Said()
  const hand = handOf(clock, { ...LIMITS, lastKnownMs: NOW_MS }, log)
  for (const atMs of [0, NOW_MS + 10 * YEAR_MS, 0, NOW_MS + 10 * YEAR_MS]) {
    clock.stepWall(atMs - clock.wallMs())
    for (let i = 0; i < 3; i++) t.equal(hand.nowMs(), NOW_MS)
  }
  t.strictSame(hand.steps, { back: 2, forward: 2 })
  t.equal(log.lines.length, 4)
})

t.test('C2: a jump within reason that comes out of one beyond it has to settle', async (t) => {
  const clock = new ManualClock(NOW_MS)
  const hand = handOf(clock, { ...LIMITS, lastKnownMs: NOW_MS })
  clock.stepWall(10 * YEAR_MS)
  hand.nowMs()
  await clock.advance(10 * SETTLE_MS)
  hand.nowMs()
  clock.stepWall(DAY_MS - 10 * YEAR_MS)
  const beforeMs = hand.nowMs()
  t.equal(beforeMs, NOW_MS + 10 * SETTLE_MS)
  t.equal(hand.state(), 'settling')
  t.match(hand.why(), /followed when it has lasted for 30 s/)
  await clock.advance(SETTLE_MS - 1)
  t.equal(hand.nowMs(), beforeMs + SETTLE_MS - 1)
  await clock.advance(1)
  t.equal(hand.nowMs(), clock.wallMs())
})

for (const [name, wallMs] of Object.entries({ 1970: 5_000, 2099: Date.UTC(2099, 5, 1) })) {
  t.test(
    `C4: started in ${name}, on a new directory: it holds and says so; once corrected all is normal`,
    async (t) => {
      const clock = new ManualClock(wallMs)
      const log = new Said()
      const hand = handOf(clock, LIMITS, log)
      t.equal(hand.nowMs(), LIMITS.earliestMs, 'no earlier than the program was made')
      t.equal(hand.state(), 'not believed')
      t.match(hand.why(), new RegExp(`says ${name}-`))
      await clock.advance(600_000)
      t.equal(hand.nowMs(), LIMITS.earliestMs + (name === '2099' ? 600_000 : 0))
      t.equal(log.lines.length, 1)
      clock.stepWall(NOW_MS - clock.wallMs())
      t.ok(hand.nowMs() < NOW_MS, 'a jump like any other')
      await clock.advance(SETTLE_MS)
      t.equal(hand.nowMs(), clock.wallMs())
      t.equal(hand.state(), 'followed')
      await clock.advance(1_000)
      t.equal(hand.nowMs(), clock.wallMs())
      clock.stepWall(10 * YEAR_MS)
      hand.nowMs()
      await clock.advance(2 * SETTLE_MS)
      t.ok(hand.nowMs() < clock.wallMs() - 9 * YEAR_MS, 'from then on jumps are held against a time that is known')
    },
  )

  t.test(`C4: started in ${name}, on a directory that knows the time: it goes on from there`, async (t) => {
    const clock = new ManualClock(wallMs)
    const lastKnownMs = NOW_MS - DAY_MS
    const hand = handOf(clock, { ...LIMITS, lastKnownMs })
    t.equal(hand.nowMs(), lastKnownMs)
    t.equal(hand.state(), 'not believed')
    await clock.advance(600_000)
    t.equal(hand.nowMs(), lastKnownMs + (name === '2099' ? 600_000 : 0))
    clock.stepWall(NOW_MS - clock.wallMs())
    hand.nowMs()
    await clock.advance(SETTLE_MS)
    t.equal(hand.nowMs(), clock.wallMs())
    t.equal(hand.state(), 'followed')
  })
}

t.test('C4: what a wall clock may show at the start', async (t) => {
  const table: [why: string, wallMs: number, limits: Partial<ClockLimits>, startsAtMs: number][] = [
    ['a new directory', NOW_MS, {}, NOW_MS],
    ['a new directory, an old program', NOW_MS + 15 * YEAR_MS, {}, NOW_MS + 15 * YEAR_MS],
    ['a year of downtime', NOW_MS, { lastKnownMs: NOW_MS - YEAR_MS }, NOW_MS],
    ['two years of downtime', NOW_MS + 2 * YEAR_MS, { lastKnownMs: NOW_MS }, NOW_MS],
    ['two years, allowed', NOW_MS + 2 * YEAR_MS, { lastKnownMs: NOW_MS, jumpMaxMs: 3 * YEAR_MS }, NOW_MS + 2 * YEAR_MS],
    ['an hour before the last known time', NOW_MS - 3_600_000, { lastKnownMs: NOW_MS }, NOW_MS - 3_600_000],
    ['before the program was made', LIMITS.earliestMs - 1, { lastKnownMs: NOW_MS }, NOW_MS],
    ['a directory that was begun in 1970', NOW_MS, { lastKnownMs: 60_000 }, NOW_MS],
  ]
  for (const [why, wallMs, limits, startsAtMs] of table) {
    t.equal(handOf(new ManualClock(wallMs), { ...LIMITS, ...limits }).nowMs(), startsAtMs, why)
  }
})

t.test('C1: a wall clock behind the hand is told as that', async (t) => {
  const clock = new ManualClock(NOW_MS)
  const log = new Said()
  const hand = handOf(clock, LIMITS, log)
  clock.stepWall(-3_600_000)
  t.equal(hand.nowMs(), NOW_MS)
  t.equal(hand.offsetMs(), -3_600_000)
  t.equal(hand.state(), 'behind')
  t.match(hand.why(), /waits until the wall clock has caught up/)
  await clock.advance(3_600_001)
  t.equal(hand.state(), 'followed')
  t.match(log.lines, [
    { level: 'warn', fields: { behindMs: 3_600_000 } },
    { level: 'info', sentence: /again/ },
  ])
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

t.test('C3: with a drift of 5 % the hand stays with the wall clock', async (t) => {
  for (const drift of [0.05, -0.05]) {
    const clock = new ManualClock(NOW_MS)
    const hand = handOf(clock, LIMITS)
    for (let i = 0; i < 14_400; i++) {
      await clock.advance(250)
      clock.stepWall(250 * drift)
      if (hand.nowMs() !== clock.wallMs()) t.fail(`after ${i * 250} ms it is ${hand.offsetMs()} ms off`)
    }
    t.strictSame(hand.steps, { back: 0, forward: 0 }, 'an hour of it is no step')
  }
})

t.test('C5: a suspended machine is no jump: wall time is believed at once', async (t) => {
  for (const asleepMs of [3 * 3_600_000, 2 * YEAR_MS]) {
    const clock = new ManualClock(NOW_MS)
    const hand = handOf(clock, { ...LIMITS, lastKnownMs: NOW_MS })
    clock.suspend(asleepMs)
    t.equal(hand.nowMs(), clock.wallMs())
    t.equal(hand.steps.forward, 0)
  }
})

t.test('C7: a monotonic clock that stands, jumps or goes back moves the hand neither back nor ahead', async (t) => {
  const clock = new ManualClock(NOW_MS)
  const hand = handOf(clock, LIMITS)
  clock.stepMonotonic(3_600_000)
  t.equal(hand.nowMs(), NOW_MS, 'an hour ahead: wall time counts')
  clock.stepMonotonic(-3_600_000)
  t.equal(hand.nowMs(), NOW_MS, 'an hour back')
  await clock.advance(5_000)
  t.equal(hand.nowMs(), clock.wallMs())
  // Frozen with all else, the wall clock put right afterwards: a jump like any other.
  clock.stepWall(60_000)
  t.equal(hand.nowMs(), NOW_MS + 5_000)
  clock.stepMonotonic(-20_000)
  t.equal(hand.nowMs(), NOW_MS + 5_000, 'back while a jump settles')
  await clock.advance(SETTLE_MS)
  t.equal(hand.nowMs(), clock.wallMs(), 'it has been ahead for as long as it must')
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
