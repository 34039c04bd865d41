// What a look-up says where neither the mark nor what is remembered of cancels tells it.

import t from 'tap'
import { settle } from '../support/manual-clock.ts'
import { WheelRig } from '../support/wheel.ts'

const MINUTE_MS = 60_000

t.test('a message whose cancel is forgotten is never pending again, and cannot be cancelled twice', async (t) => {
  const rig = new WheelRig({ rememberMs: MINUTE_MS })
  t.teardown(() => rig.close())
  await rig.start()
  // The second keeps the entry of the first in `__delay`.
  const [place] = await rig.publish([
    { dueAtMs: rig.startMs + 5_000, text: 'a' },
    { dueAtMs: rig.startMs + 60 * MINUTE_MS, text: 'b' },
  ])
  const cancelling = rig.wheel.cancel('orders', place)
  await rig.rest()
  t.equal(await cancelling, 'cancelled')
  await rig.clock.advance(3 * MINUTE_MS)
  const checkpoint = rig.wheel.checkpoint()
  await rig.rest()
  await checkpoint
  // Nothing was dispatched since, so no mark covers it.
  t.same(await rig.wheel.lookUp('orders', place), { state: 'unknown' })
  const again = rig.wheel.cancel('orders', place)
  await rig.rest()
  t.equal(await again, 'unknown')
  t.match(rig.wheel.stats(), { pending: 1, cancelled: 1 })
  t.same(await rig.texts(), [])
})

t.test('a message that is being dispatched is pending until that is durable', async (t) => {
  const rig = new WheelRig()
  t.teardown(() => rig.close())
  await rig.start()
  const [place] = await rig.publish([{ dueAtMs: rig.startMs + 500, text: 'a' }])
  const gate = Promise.withResolvers<void>()
  const append = rig.engine.append.bind(rig.engine)
  let appends = 0
  rig.engine.append = async (given) => {
    appends++
    await gate.promise
    return append(given)
  }
  await rig.clock.advance(2_000)
  t.equal(appends, 1, 'its dispatch is under way')
  t.match(await rig.wheel.lookUp('orders', place), { state: 'pending' })
  gate.resolve()
  await settle()
  t.match(await rig.wheel.lookUp('orders', place), { state: 'dispatched', partition: 0, offset: 0 })
})

t.test('a late message that waits behind others is pending', async (t) => {
  const rig = new WheelRig()
  t.teardown(() => rig.close())
  await rig.start()
  await rig.publish([{ dueAtMs: rig.startMs + 1_000, text: 'first' }])
  await rig.clock.advance(1_000)
  const gate = Promise.withResolvers<void>()
  const append = rig.engine.append.bind(rig.engine)
  rig.engine.append = async (given) => {
    if (given.some(({ topic }) => topic === 'orders')) await gate.promise
    return append(given)
  }
  const [late] = await rig.publish([{ dueAtMs: rig.startMs + 500, text: 'late' }])
  await rig.rest(1)
  t.match(await rig.wheel.lookUp('orders', late), { state: 'pending' })
  gate.resolve()
  await settle()
  t.match(await rig.wheel.lookUp('orders', late), { state: 'dispatched', offset: 1 })
})
