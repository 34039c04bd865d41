// The test clock by itself, over clocks that stand still.

import t from 'tap'
import { TestClock } from '../../service/test-clock.ts'
import { SILENT } from '../../storage/index.ts'
import { HandClock } from '../../timewheel/index.ts'
import { ManualClock } from '../support/manual-clock.ts'

const HOUR_MS = 3_600_000

function rig(aheadMs = 0) {
  const machine = new ManualClock()
  const remembered: number[] = []
  const remember = async (ms: number) => void remembered.push(ms)
  const clock = new TestClock({ clock: machine, aheadMs, spareMs: 0, remember })
  const ran: string[] = []
  const timer = (name: string, delayMs: number) => clock.setTimer(() => ran.push(name), delayMs)
  return { machine, remembered, clock, ran, timer }
}

t.test('all clocks are ahead by the same, so that a hand takes it for no jump', async (t) => {
  const { machine, clock } = rig(5 * HOUR_MS)
  for (const read of ['wallMs', 'monotonicMs', 'bootMs'] as const) t.equal(clock[read](), machine[read]() + 5 * HOUR_MS)
  const hand = new HandClock({ clock, log: SILENT, settleMs: 30_000 })
  await clock.advance(300 * 24 * HOUR_MS)
  t.equal(hand.nowMs(), clock.wallMs())
  t.strictSame(hand.steps, { back: 0, forward: 0 })
})

t.test('timers that come due run at once, in their order; the others stay as long as is left', async (t) => {
  const { machine, clock, ran, timer } = rig()
  timer('in 3 h', 3 * HOUR_MS)
  timer('in 1 h', HOUR_MS)
  timer('in 2 h', 2 * HOUR_MS)
  const never = timer('cancelled', HOUR_MS)
  never.cancel()
  await clock.advance(2 * HOUR_MS)
  t.strictSame(ran, ['in 1 h', 'in 2 h'])
  await machine.advance(HOUR_MS - 1)
  t.equal(ran.length, 2)
  await machine.advance(1)
  t.strictSame(ran, ['in 1 h', 'in 2 h', 'in 3 h'])
  await machine.advance(10 * HOUR_MS)
  await clock.advance(10 * HOUR_MS)
  t.equal(ran.length, 3, 'each once')
})

t.test('a timer that another one cancels on the way does not run; one that it sets counts from there', async (t) => {
  const { clock, ran, timer } = rig()
  clock.setTimer(() => {
    second.cancel()
    timer('set on the way', HOUR_MS)
  }, HOUR_MS)
  const second = timer('cancelled on the way', 2 * HOUR_MS)
  await clock.advance(3 * HOUR_MS)
  t.strictSame(ran, [])
  await clock.advance(HOUR_MS)
  t.strictSame(ran, ['set on the way'])
})

t.test('a timer that the machine brings too early, because it knows no later, waits on', async (t) => {
  const { machine, clock, ran, timer } = rig()
  const setTimer = machine.setTimer.bind(machine)
  machine.setTimer = (task, delayMs) => setTimer(task, Math.min(delayMs, HOUR_MS))
  timer('in 3 h', 3 * HOUR_MS)
  await machine.advance(3 * HOUR_MS - 1)
  t.strictSame(ran, [])
  await machine.advance(1)
  t.strictSame(ran, ['in 3 h'])
  t.equal(clock.monotonicMs(), machine.monotonicMs())
})

t.test('what is not remembered is not moved', async (t) => {
  const machine = new ManualClock()
  const remember = async () => {
    throw new Error('the disk failed')
  }
  const clock = new TestClock({ clock: machine, aheadMs: 7, spareMs: 0, remember })
  await t.rejects(clock.advance(HOUR_MS), /the disk failed/)
  t.equal(clock.wallMs(), machine.wallMs() + 7)
})

t.test('it is remembered before it is moved, and moves are one after the other', async (t) => {
  const { clock, machine, remembered } = rig(1)
  const moves = await Promise.all([clock.advance(10), clock.advance(0), clock.advance(5)])
  t.strictSame(remembered, [11, 16])
  t.strictSame(
    moves.map((ms) => ms - machine.wallMs()),
    [11, 11, 16],
  )
})
