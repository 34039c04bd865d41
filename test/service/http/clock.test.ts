// What those who run the service, and publishers, are told when the clocks are not right. test/faults/README.md rows C1, C4, C7.

import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { type Clock, SystemClock } from '../../../storage/index.ts'
import { slowDisk } from '../../support/slow-disk.ts'
import { until } from '../../support/until.ts'
import { startService } from '../running-service.ts'

const HOUR_MS = 3_600_000

/** The machine's clocks, each with an offset that a test sets. */
function offsetClock() {
  const machine = new SystemClock()
  const off = { wallMs: 0, monotonicMs: 0 }
  const clock: Clock = {
    wallMs: () => machine.wallMs() + off.wallMs,
    monotonicMs: () => machine.monotonicMs() + off.monotonicMs,
    bootMs: () => machine.bootMs(),
    bootId: () => machine.bootId(),
    setTimer: (task, delayMs) => machine.setTimer(task, delayMs),
  }
  return { clock, off }
}

t.test('C1: a wall clock behind the hand shows in /readyz and in the metrics, which stays ready', async (t) => {
  const { clock, off } = offsetClock()
  const { call, publish } = await startService(t, {}, { clock })
  t.strictSame((await call('GET', '/readyz')).json.clock, 'followed')
  off.wallMs = -HOUR_MS
  t.match(await call('GET', '/readyz'), {
    status: 200,
    json: { ready: true, publishing: true, clock: 'behind', why: /waits until the wall clock has caught up/ },
  })
  const { text } = await call('GET', '/metrics')
  t.match(text, /^dwell_clock_followed 0$/m)
  t.match(text, /^dwell_clock_ahead_seconds -3(600|599)/m)
  t.match(text, /^dwell_clock_steps_total\{direction="back"\} 1$/m)
  const wallMs = clock.wallMs()
  t.hasOwnProps((await publish('orders', { value: 1, deliverAt: wallMs - 1 })).json.results[0], ['offset'], 'past')
  const soon = (await publish('orders', { value: 1, deliverAt: wallMs + HOUR_MS / 2 })).json.results[0]
  t.hasOwnProps(soon, ['dueAtMs'], 'half an hour ahead of the wall clock, though behind the hand')
  t.ok(soon.dueAtMs > wallMs + HOUR_MS / 2, 'not before the wall clock has caught up')
  off.wallMs = 0
  await until(async () => (await call('GET', '/readyz')).json.clock === 'followed')
  t.notHas((await call('GET', '/readyz')).json, { why: '' })
})

t.test('C2: retention does not go by a wall clock that jumps ahead', async (t) => {
  const { clock, off } = offsetClock()
  const settings = { CHECKPOINT_INTERVAL: 100, SEGMENT_BYTES: 16 * 1024 }
  const { call, publish } = await startService(t, settings, { clock })
  await call('PUT', '/v1/topics/orders', { partitions: 1, retention: '1h' })
  const startOffset = async () => (await call('GET', '/v1/topics/orders')).json.partitions[0].logStartOffset
  const checkpoints = async () => {
    return Number(/^dwell_checkpoints_total (\d+)$/m.exec((await call('GET', '/metrics')).text)?.[1])
  }
  for (let i = 0; i < 10; i++) await publish('orders', { value: 'x'.repeat(5_000) })
  for (const aheadMs of [2 * HOUR_MS, 10 * 365 * 24 * HOUR_MS]) {
    off.wallMs = aheadMs
    const before = await checkpoints()
    while ((await checkpoints()) < before + 5) await publish('orders', { value: 'x' })
    t.equal(await startOffset(), 0, `${aheadMs / HOUR_MS} hours ahead`)
    off.wallMs = 0
  }
  off.wallMs = off.monotonicMs = 2 * HOUR_MS
  while ((await startOffset()) === 0) await publish('orders', { value: 'x' })
  t.pass('hours that pass do count')
})

t.test('C4: while the clock cannot be right no delay is taken; a time is, and what needs none', async (t) => {
  const { clock, off } = offsetClock()
  const { call, publish } = await startService(t, { CLOCK_SETTLE: 0 }, { clock })
  const dueAtMs = clock.wallMs() + HOUR_MS
  for (const wrongMs of [-40 * 365 * 24 * HOUR_MS, 40 * 365 * 24 * HOUR_MS]) {
    off.wallMs = wrongMs
    t.match(await call('GET', '/readyz'), { status: 200, json: { ready: true, clock: 'not believed' } })
    const refusal = { status: 503, headers: { 'retry-after': '1' }, json: { code: 'CLOCK_WRONG', detail: /deliverAt/ } }
    t.match(await publish('orders', { value: 1, delay: '5s' }), refusal)
    t.match(await publish('orders', { messages: [{ value: 1 }, { value: 1, delay: 1 }] }), refusal, 'all or nothing')
    t.match(await call('POST', '/v1/topics/orders/raw?delay=5s', 'x', { 'content-type': 'text/plain' }), refusal)
    t.equal((await publish('orders', { value: 1, delay: 0 })).status, 201, 'none is no delay')
    t.equal((await publish('orders', { value: 1 })).status, 201)
    t.match((await publish('orders', { value: 1, deliverAt: dueAtMs })).json.results, [{ dueAtMs }])
    t.match(
      await publish('orders', { value: 1, deliverAt: dueAtMs + 9e12 }),
      refusal,
      'nor is a limit reckoned from it',
    )
  }
  off.wallMs = 0
  await until(async () => (await call('GET', '/readyz')).json.clock === 'followed')
  t.equal((await publish('orders', { value: 1, delay: '5s' })).status, 201)
  t.match(await publish('orders', { value: 1, deliverAt: dueAtMs + 9e12 }), { status: 400 })
})

t.test('C4: how far ahead a clock is believed at a start is reckoned from what the directory last knew', async (t) => {
  for (const [knownBy, message] of [
    ['the mark', { value: 1, delay: 1 }],
    ['the checkpoint', { value: 1, delay: '300d' }],
  ] as const) {
    const { clock, off } = offsetClock()
    const first = await startService(t, {}, { clock })
    const { directory } = first
    await first.publish('orders', message)
    const dispatched = knownBy === 'the mark' ? 1 : 0
    const isThere = new RegExp(`^dwell_dispatched_total ${dispatched}$`, 'm')
    while (!isThere.test((await first.call('GET', '/metrics')).text));
    await first.stop()
    if (knownBy === 'the mark') await rm(join(directory, 'wheel', 'checkpoint'))
    off.wallMs = 500 * 24 * HOUR_MS
    const second = await startService(t, {}, { clock, directory })
    t.match((await second.call('GET', '/readyz')).json, { clock: 'not believed', why: /CLOCK_JUMP_MAX/ }, knownBy)
    await second.stop()
    const third = await startService(t, { CLOCK_JUMP_MAX: 600 * 24 * HOUR_MS }, { clock, directory })
    t.match((await third.call('GET', '/readyz')).json, { clock: 'followed' })
    await third.stop()
  }
})

t.test('C7: a wheel that has not run for 30 s is told by /readyz, until it runs again', async (t) => {
  const { clock, off } = offsetClock()
  const { disk, slow } = slowDisk()
  const { call, publish } = await startService(t, {}, { clock, disk })
  const tickAge = async () => {
    return Number(/^dwell_wheel_tick_age_seconds (\S+)$/m.exec((await call('GET', '/metrics')).text)?.[1])
  }
  await publish('orders', { value: 1, delay: '1h' })
  slow.hold()
  off.wallMs = off.monotonicMs = HOUR_MS
  // It ticks once more, and hangs in the dispatch.
  for (let age = 0; !(age > 0.5 && age < 10); ) age = await tickAge()
  off.monotonicMs += 20_000
  t.equal((await call('GET', '/readyz')).status, 200)
  off.monotonicMs += 11_000
  t.ok((await tickAge()) > 30)
  t.match(await call('GET', '/readyz'), { status: 503, json: { ready: false, why: /has not run for 3\d s/ } })
  slow.letGo()
  while ((await call('GET', '/readyz')).status !== 200);
  t.ok((await tickAge()) < 1)
})
