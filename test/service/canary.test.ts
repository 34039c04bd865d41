// The canary tells what users see: how late, whether at all, and nothing of the one that a restart left behind.

import t, { type Test } from 'tap'
import type { Settings } from '../../service/settings.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { startService } from './running-service.ts'

const INTERVAL_MS = 10_000
/** Its delay, and how long after that it counts as lost. */
const DELAY_MS = 5_000
const LOST_MS = 30_000
/** How far the clock is moved at once, where it is not to be exact. */
const STEP_MS = 1_000
const TRIES = 1_000
const ROOM = 16_384 * 2 ** 30

const CAUGHT = 'dwell_canary_lateness_seconds_count'
const LATE_SECONDS = 'dwell_canary_lateness_seconds_sum'
const LOST = 'dwell_canary_lost_total'
const WAITING = 'dwell_delayed_pending'

/** A service with canaries, on a clock that only a test moves. */
async function start(t: Test, clock: ManualClock, settings: Partial<Settings> = {}, directory?: string) {
  const service = await startService(t, { CANARY_INTERVAL: INTERVAL_MS, ...settings }, { clock, directory })
  const number = async (name: string) => {
    const { text } = await service.call('GET', '/metrics')
    return Number(text.split('\n').find((line) => line.startsWith(`${name} `))?.slice(name.length + 1)) // biome-ignore format: one line
  }
  /** Moves the clock by `stepMs` again and again until the number is there: what is durable comes by itself. */
  const until = async (name: string, wanted: number, stepMs: number) => {
    for (let tries = 0; (await number(name)) < wanted && tries < TRIES; tries++) await clock.advance(stepMs)
    t.equal(await number(name), wanted, name)
  }
  return { ...service, number, until }
}

t.test('one flies each interval, and tells how late it was', async (t) => {
  const clock = new ManualClock()
  const { number, until } = await start(t, clock)
  t.equal(await number(CAUGHT), 0)
  for (const flown of [1, 2]) await until(CAUGHT, flown, STEP_MS)
  const lateSeconds = await number(LATE_SECONDS)
  // The clock goes on in steps while the disk takes its time.
  t.ok(lateSeconds <= (2 * DELAY_MS) / 1000, `no wait of its own is counted: ${lateSeconds} s of two`)
  t.equal(await number(LOST), 0)
})

t.test('one that nobody hands out is lost, once, and the next one is none the wiser', async (t) => {
  const clock = new ManualClock()
  const { call, number, until } = await start(t, clock)
  await clock.advance(INTERVAL_MS)
  await until(WAITING, 1, 0)
  await call('POST', '/v1/topics/dwell-canary/groups/canary/pause', { reason: 'for a test' })
  await until(LOST, 1, STEP_MS)
  t.equal(await number(CAUGHT), 0)
  await call('POST', '/v1/topics/dwell-canary/groups/canary/resume')
  await until(CAUGHT, 1, STEP_MS)
  t.equal(await number(LOST), 1, 'the lost one was there as well, and is not counted again')
  t.equal(await number('dwell_acknowledged_total{type="accept"}'), 2)
})

t.test('one that is refused for want of room is lost at once', async (t) => {
  const clock = new ManualClock()
  const { until, number } = await start(t, clock, { DISK_LOW_BYTES: ROOM })
  await clock.advance(INTERVAL_MS)
  await until(LOST, 1, 1)
  t.equal(await number(WAITING), 0)
})

t.test('while the wall clock is behind nothing delayed comes: canaries are lost, and fly again after it', async (t) => {
  const clock = new ManualClock()
  const { until, number } = await start(t, clock)
  await clock.advance(INTERVAL_MS - 1_000)
  clock.stepWall(-3_600_000)
  await until(LOST, 1, STEP_MS)
  t.equal(await number(CAUGHT), 0)
  clock.stepWall(3_600_000)
  await until(CAUGHT, 1, STEP_MS)
})

t.test('one that flew when the service stopped is not counted, and harms no later one', async (t) => {
  const clock = new ManualClock()
  const before = await start(t, clock)
  await clock.advance(INTERVAL_MS)
  await before.until(WAITING, 1, 0)
  await before.stop()
  clock.jump(DELAY_MS + LOST_MS)
  const { number, until } = await start(t, clock, {}, before.directory)
  await until('dwell_dispatched_total', 1, 1)
  t.equal((await number(CAUGHT)) + (await number(LOST)), 0)
  await until(CAUGHT, 1, STEP_MS)
  t.equal(await number(LOST), 0)
  t.equal(await number('dwell_acknowledged_total{type="accept"}'), 2, 'it took the old one along')
})
