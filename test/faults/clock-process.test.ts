// What the wall clock does to the real process, by libfaketime, while its monotonic clock goes on. test/faults/README.md rows C1, C2, C4,
// C6. Drift, suspend and a monotonic clock that is wrong cannot be had this way: clock.test.ts has them injected.

import t, { type Test } from 'tap'
import { FakedWallClock, withoutFaketime } from './machine.ts'
import { Subject, until } from './subject.ts'

const SECOND_MS = 1_000
const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
const YEAR_MS = 365 * DAY_MS
/** Longer than it takes to take a step back. */
const SETTLE_MS = 1_500

// Each test starts a process or two, and waits until clocks have settled.
t.setTimeout(120_000)
const skip = withoutFaketime() ?? false

/** A process with a wall clock of its own. */
class Clocked {
  readonly subject: Subject
  readonly wall: FakedWallClock

  constructor(t: Test, environment: Record<string, string> = {}) {
    this.subject = new Subject(t, { settings: { DWELL_CLOCK_SETTLE: `${SETTLE_MS}ms`, ...environment } })
    this.wall = new FakedWallClock(this.subject.folder)
  }

  async start(): Promise<void> {
    await this.subject.start(this.wall.environment)
  }

  /** Publishes a message due at `dueAtMs`, or after `delayMs`; answers the status. */
  async publish(topic: string, when: { dueAtMs: number } | { delayMs: number }): Promise<number> {
    const more = 'dueAtMs' in when ? { deliverAt: when.dueAtMs } : { delay: when.delayMs }
    return (await this.subject.publish(topic, 1, 1, more)).status
  }

  /** When the messages in a topic were dispatched, by the clock of the process. */
  async dispatched(topic: string): Promise<number[]> {
    const { json } = await this.subject.process.client.call(
      'GET',
      `/v1/topics/${topic}/partitions/0/records?limit=1000`,
    )
    return (json as { records: { timestamp: string }[] }).records.map(({ timestamp }) => Date.parse(timestamp))
  }

  async clock(): Promise<string> {
    const { json } = await this.subject.process.client.call('GET', '/readyz')
    return (json as { clock: string }).clock
  }

  /** The wheel has run, and run once more, after a moment of the monotonic clock: what it would have done by then is done. */
  async ranBeyond(atMs: number): Promise<void> {
    for (let beyondMs = atMs, times = 0; times < 2; times++) {
      const isBeyond = async () => {
        const askedMs = performance.now()
        return askedMs - 1_000 * (await this.subject.metric('dwell_wheel_tick_age_seconds')) > beyondMs
      }
      await until(isBeyond, 10_000, 'the wheel runs')
      beyondMs = performance.now()
    }
  }

  async followed(): Promise<void> {
    await until(async () => (await this.clock()) === 'followed', 10_000, 'the hand follows the wall clock')
  }
}

t.test(
  'C1: back by a second, an hour, a year: the hand holds; nothing is early or twice; it is told',
  { skip },
  async (t) => {
    const clocked = new Clocked(t)
    const { wall, subject } = clocked
    await clocked.start()
    for (const [topic, stepMs] of Object.entries({ second: SECOND_MS, hour: HOUR_MS, year: YEAR_MS })) {
      const dueAtMs = wall.nowMs() + 300
      const stepMonotonicMs = performance.now()
      wall.setAhead(-stepMs)
      await clocked.publish(topic, { dueAtMs })
      // A second passes by itself.
      if (stepMs > SECOND_MS) {
        await clocked.ranBeyond(stepMonotonicMs + 300)
        t.strictSame(await clocked.dispatched(topic), [], `a ${topic} back: its time has not come`)
        t.not(await clocked.clock(), 'followed')
      }
      t.equal((await subject.publish('now', 1, 1)).status, 201, 'what is not delayed goes on')
      if (stepMs > SECOND_MS) wall.setAhead(0)
      await until(async () => (await clocked.dispatched(topic)).length > 0, 5_000, 'dispatched')
      const [atMs] = await clocked.dispatched(topic)
      t.ok(atMs >= dueAtMs, `${atMs - dueAtMs} ms after its time`)
      wall.setAhead(0)
      await clocked.followed()
    }
    const { text } = await subject.process.client.call('GET', '/metrics')
    t.match(text, /dwell_clock_steps_total\{direction="back"\} 3/)
    const held = subject.lines().filter(({ msg }) => msg.startsWith('The wall clock is behind the hand'))
    t.equal(held.length, 3)
    for (const topic of ['second', 'hour', 'year', 'now']) await subject.checkTopic(topic)
  },
)

t.test('C2: ahead by a second, two hours, ten years, and back', { skip }, async (t) => {
  const clocked = new Clocked(t)
  const { wall, subject } = clocked
  await clocked.start()
  const startMs = wall.nowMs()
  for (const dueInMs of [HOUR_MS, 3 * HOUR_MS, 300 * DAY_MS]) {
    await clocked.publish('later', { dueAtMs: startMs + dueInMs })
  }
  for (const stepMs of [2 * HOUR_MS, 10 * YEAR_MS]) {
    wall.setAhead(stepMs)
    await until(async () => /settling|not believed/.test(await clocked.clock()), 10_000, 'the step is seen')
    wall.setAhead(0)
    await clocked.followed()
  }
  wall.setAhead(10 * YEAR_MS)
  await clocked.ranBeyond(performance.now() + SETTLE_MS + 300)
  t.equal(await clocked.clock(), 'not believed')
  t.strictSame(await clocked.dispatched('later'), [], 'ten years are not fired at once')
  wall.setAhead(2 * HOUR_MS)
  await clocked.followed()
  await until(async () => (await clocked.dispatched('later')).length > 0, 5_000, 'followed when it has settled')
  t.equal((await clocked.dispatched('later')).length, 1, 'and no further than it went')
  wall.setAhead(2 * HOUR_MS + SECOND_MS)
  const dueAtMs = wall.nowMs() + 200
  await clocked.publish('second', { dueAtMs })
  await until(async () => (await clocked.dispatched('second')).length > 0, 5_000, 'a second is followed at once')
  t.ok((await clocked.dispatched('second'))[0] >= dueAtMs)
  await subject.checkTopic('second')
})

t.test(
  'C4: started in 1970, then in 2099, corrected each time: it holds and says so, and goes on',
  { skip },
  async (t) => {
    const clocked = new Clocked(t)
    const { wall, subject } = clocked
    const trueMs = Date.now()
    for (const [topic, year] of [
      ['first', 1970],
      ['second', 2099],
    ] as const) {
      wall.setTo(Date.UTC(year, 0, 2))
      await clocked.start()
      const { json } = await subject.process.client.call('GET', '/readyz')
      t.match(json, { ready: true, clock: 'not believed', why: new RegExp(`The wall clock says ${year}-`) })
      const refused = await subject.process.client.call('POST', `/v1/topics/${topic}/messages`, { body: { value: 1, delay: '1h' } }) // biome-ignore format: one line
      t.match(refused, { status: 503, json: { code: 'CLOCK_WRONG' } }, 'no delay can be reckoned')
      t.equal((await subject.publish('now', 1, 1)).status, 201, 'what is not delayed goes on')
      t.equal((await subject.acceptAll('now', '0s')).length, 1)
      const dueAtMs = Date.now() + 1_500
      t.equal(await clocked.publish(topic, { dueAtMs }), 201)
      t.equal(await clocked.publish(topic, { dueAtMs: trueMs + 10 * DAY_MS }), 201)
      t.strictSame(await clocked.dispatched(topic), [])
      wall.setAhead(0)
      await clocked.followed()
      await until(async () => (await clocked.dispatched(topic)).length > 0, 5_000, 'dispatched at its time')
      const dispatched = await clocked.dispatched(topic)
      t.equal(dispatched.length, 1)
      t.ok(dispatched[0] >= dueAtMs)
      t.equal(await clocked.publish(topic, { delayMs: 50 }), 201, 'delays are reckoned again')
      await until(async () => (await clocked.dispatched(topic)).length === 2, 5_000, 'and kept')
      await subject.process.stop()
    }
  },
)

t.test('C6: a change of summer time, in whatever zone, is no change', { skip }, async (t) => {
  const clocked = new Clocked(t, { TZ: 'Europe/Berlin' })
  const { wall, subject } = clocked
  // 02:00 in Berlin, which becomes 03:00.
  const changeMs = Date.UTC(2027, 2, 28, 1)
  wall.setTo(changeMs - 3_600_000)
  await clocked.start()
  const before = await subject.publish('later', 1, 1, { deliverAt: '2027-03-28T03:00:00.200+02:00' })
  t.match(before.json, { results: [{ dueAt: '2027-03-28T01:00:00.200Z' }] })
  wall.setTo(changeMs - 500)
  await until(async () => (await clocked.dispatched('later')).length > 0, 10_000, 'dispatched')
  const [atMs] = await clocked.dispatched('later')
  t.ok(atMs >= changeMs + 200 && atMs < changeMs + 10_000, `${atMs - changeMs} ms after the change`)
  t.equal(await clocked.clock(), 'followed')
  const { text } = await subject.process.client.call('GET', '/metrics')
  t.notMatch(text, /dwell_clock_steps_total\{direction="back"\} [1-9]/)
})

t.test(
  'C5: after a day of downtime what is overdue comes oldest first, each once, and publishing has its turns meanwhile',
  { skip },
  async (t) => {
    const count = 10_000
    const settings = {
      DWELL_WHEEL_MEMORY_BYTES: '48MiB',
      DWELL_CHECKPOINT_INTERVAL: '30s',
      DWELL_CHECKPOINT_BYTES: '64MiB',
    }
    const subject = new Subject(t, { settings })
    await subject.start()
    const startMs = Date.now() + HOUR_MS
    // In no order: each is due 8 s after another one, for 22 hours.
    const messages = Array.from({ length: count }, (_, i) => {
      const number = (i * 7_919) % count
      return { value: number, deliverAt: startMs + number * 8 * SECOND_MS }
    })
    for (let at = 0; at < count; at += 2_500) {
      const body = { messages: messages.slice(at, at + 2_500) }
      t.equal((await subject.process.client.call('POST', '/v1/topics/later/messages', { body })).status, 201)
    }
    await subject.process.kill()
    const { client } = await subject.start(FakedWallClock.ahead(DAY_MS))
    const latenciesMs: number[] = []
    while ((await subject.metric('dwell_dispatched_total')) < count) {
      const beganMs = performance.now()
      t.equal((await subject.publish('now', 1, 100)).status, 201)
      latenciesMs.push(performance.now() - beganMs)
      if (latenciesMs.length > 20_000) throw new Error('they are not all dispatched')
    }
    const worstMs = Math.max(...latenciesMs)
    t.ok(worstMs < 1_000, `${latenciesMs.length} publishes meanwhile, the slowest ${Math.round(worstMs)} ms`)
    const numbers: number[] = []
    while (numbers.length < count) {
      const path = `/v1/topics/later/partitions/0/records?limit=10000&offset=${numbers.length}`
      const { records } = (await client.call('GET', path)).json as { records: { value: number }[] }
      if (records.length === 0) break
      for (const { value } of records) numbers.push(value)
    }
    t.equal(numbers.length, count)
    t.ok(
      numbers.every((number, i) => number === i),
      'oldest first, each once',
    )
  },
)
