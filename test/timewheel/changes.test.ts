// Changes of messages that wait: definite answers, whatever they race against, wherever the message waits and comes to wait.

import t, { type Test } from 'tap'
import { messageId, type Place } from '../../timewheel/index.ts'
import { settle } from '../support/manual-clock.ts'
import { MemoryStore } from '../support/memory-store.ts'
import { WheelRig } from '../support/wheel.ts'

const REACH_SECONDS = 10

async function rigFor(t: Test, options = {}): Promise<WheelRig> {
  const rig = new WheelRig({ slots: REACH_SECONDS, ...options })
  t.teardown(() => rig.close())
  await rig.start()
  return rig
}

/** Holds back what the wheel appends to `topic`; answers what lets it go on. */
function held(rig: WheelRig, topic: string): () => void {
  const gate = Promise.withResolvers<void>()
  const append = rig.engine.append.bind(rig.engine)
  rig.engine.append = async (given) => {
    if (given.some((one) => one.topic === topic)) await gate.promise
    return append(given)
  }
  return () => {
    rig.engine.append = append
    gate.resolve()
  }
}

async function seconds(rig: WheelRig, count: number): Promise<void> {
  for (let i = 0; i < count; i++) await rig.clock.advance(1_000)
}

const WAITS_MS = { 'the ready queue': 700, 'a slot': 5_000, overflow: 60_000 }

for (const [from, fromMs] of Object.entries(WAITS_MS)) {
  for (const [to, toMs] of [...Object.entries(WAITS_MS), ['the past', -5_000] as const]) {
    for (const crash of [false, true]) {
      const when = crash ? ', and the process dies then' : ''
      t.test(`a message that waits in ${from} is moved to ${to}${when}`, async (t) => {
        const rig = await rigFor(t)
        const startMs = rig.startMs
        const [place] = await rig.publish([
          { dueAtMs: startMs + fromMs, text: 'moved' },
          { dueAtMs: startMs + 30_000, text: 'other' },
        ])
        // To a millisecond of its own: the same time again would be no change.
        const dueAtMs = startMs + toMs + 50
        t.match(await rig.wheel.reschedule('orders', place, dueAtMs), {
          state: 'pending',
          dueAtMs: Math.max(startMs, dueAtMs),
        })
        if (crash) {
          await rig.crash()
          await rig.start()
        }
        await rig.rest(0)
        t.equal(rig.wheel.census.later, 1 + (to === 'overflow' ? 1 : 0))
        for (let i = 0; i < 70; i++) {
          if ((await rig.texts()).includes('moved')) break
          t.match(await rig.wheel.lookUp('orders', place), { state: 'pending' })
          t.equal(rig.wheel.stats().pending, (await rig.texts()).includes('other') ? 1 : 2)
          await rig.clock.advance(1_000)
        }
        const found = (await rig.dispatched()).filter(({ text }) => text === 'moved')
        t.match(found, [{ id: messageId(place) }], 'once, with the id that it was given')
        t.ok(found[0].atMs >= dueAtMs && found[0].atMs < Math.max(startMs, dueAtMs) + 1_000, 'at its new time')
        t.match(await rig.wheel.lookUp('orders', place), { state: 'dispatched', partition: 0 })
        await seconds(rig, 35)
        await rig.drained()
        t.equal((await rig.texts()).length, 2, 'and not at the old one')
      })
    }
  }
}

t.test('a change and the dispatch at the same millisecond: one of them wins, and the answer says which', async (t) => {
  for (const turns of [0, 1, 2, 3, 5, 8]) {
    const rig = await rigFor(t)
    const dueAtMs = rig.startMs + 2_000
    const places = await rig.publish(['a', 'b', 'c'].map((text) => ({ dueAtMs, text })))
    await rig.clock.advance(1_999)
    const passing = rig.clock.advance(1)
    await settle(turns)
    const cancelled = rig.wheel.cancel('orders', places[0])
    const moved = rig.wheel.reschedule('orders', places[1], dueAtMs + 1)
    const now = rig.wheel.dispatchNow('orders', places[2])
    await Promise.all([passing, rig.rest()])
    const texts = await rig.texts()
    t.equal(texts.includes('a'), (await cancelled) === 'dispatched')
    t.match(await now, { state: 'dispatched', offset: texts.indexOf('c') })
    const { state } = await moved
    const record = (await rig.dispatched()).find(({ text }) => text === 'b')
    t.ok(record !== undefined && record.atMs >= (state === 'pending' ? dueAtMs + 1 : dueAtMs))
    t.equal(texts.length, (await cancelled) === 'dispatched' ? 3 : 2)
  }
})

t.test('what is being dispatched cannot be changed any more: the answer waits and says where it is', async (t) => {
  const rig = await rigFor(t)
  const [place] = await rig.publish([{ dueAtMs: rig.startMs + 500, text: 'a' }])
  const release = held(rig, 'orders')
  await rig.clock.advance(600)
  const answers = Promise.all([
    rig.wheel.cancel('orders', place),
    rig.wheel.reschedule('orders', place, rig.startMs + 9_000),
    rig.wheel.dispatchNow('orders', place),
  ])
  await settle()
  release()
  await rig.rest()
  const dispatched = { state: 'dispatched', partition: 0, offset: 0 }
  t.match(await answers, ['dispatched', dispatched, dispatched])
})

t.test('a late message is dispatched, not changed, also when it waits behind more than one step takes', async (t) => {
  const rig = await rigFor(t, { readBytes: 100 * 1024 * 1024 })
  await rig.publish([{ dueAtMs: rig.startMs + 1_000, text: 'first' }])
  await rig.clock.advance(1_000)
  const release = held(rig, 'orders')
  const late = Array.from({ length: 10_050 }, (_, i) => ({ dueAtMs: rig.startMs + 500, text: `late ${i}` }))
  const places = await rig.publish(late)
  const answers = Promise.all([
    rig.wheel.cancel('orders', places[10_049]),
    rig.wheel.reschedule('orders', places[10_048], rig.startMs + 60_000),
  ])
  await settle()
  release()
  await rig.rest()
  t.match(await answers, ['dispatched', { state: 'dispatched', offset: 10_049 }])
  t.equal((await rig.texts()).length, 10_051)
})

t.test('twice at once: the second one answers what the first one did', async (t) => {
  const rig = await rigFor(t)
  const dueAtMs = rig.startMs + 5_000
  const [a, b, c] = await rig.publish(['a', 'b', 'c'].map((text) => ({ dueAtMs, text })))
  const cancels = Promise.all([rig.wheel.cancel('orders', a), rig.wheel.cancel('orders', a)])
  const moves = Promise.all([
    rig.wheel.reschedule('orders', b, dueAtMs + 1_000),
    rig.wheel.reschedule('orders', b, dueAtMs + 90_000),
    rig.wheel.reschedule('orders', b, dueAtMs + 2_000),
  ])
  const both = Promise.all([
    rig.wheel.reschedule('orders', c, dueAtMs + 1_000),
    rig.wheel.cancel('orders', c),
    rig.wheel.dispatchNow('orders', c),
  ])
  await rig.rest()
  t.same(await cancels, ['cancelled', 'cancelled'])
  t.match(
    (await moves).map(({ state }) => state),
    ['pending', 'pending', 'pending'],
  )
  t.match(await rig.wheel.lookUp('orders', b), { state: 'pending', dueAtMs: dueAtMs + 2_000 }, 'the last one holds')
  t.match(await both, [{ state: 'pending' }, 'cancelled', { state: 'cancelled' }])
  t.match(rig.wheel.stats(), { pending: 1, cancelled: 2, rescheduled: 4 })
  await seconds(rig, 10)
  t.same(await rig.texts(), ['b'])
})

t.test('a change of a message that is not consumed yet waits for that', async (t) => {
  const rig = await rigFor(t)
  const read = rig.engine.read.bind(rig.engine)
  const gate = Promise.withResolvers<void>()
  rig.engine.read = async (topic, ...place) => {
    if (topic === '__delay') await gate.promise
    return read(topic, ...place)
  }
  const [place] = await rig.publish([{ dueAtMs: rig.startMs + 400, text: 'a' }])
  const answer = rig.wheel.cancel('orders', place)
  await rig.clock.advance(1_000)
  t.same(await rig.texts(), [])
  gate.resolve()
  await rig.rest()
  // Behind the clock, but not behind the hand: it is cancelled before it is dispatched, or not at all.
  t.equal((await rig.texts()).includes('a'), (await answer) === 'dispatched')
})

t.test('the same time again, or at once what is due already, is no change', async (t) => {
  const rig = await rigFor(t)
  const dueAtMs = rig.startMs + 5_000
  const [place] = await rig.publish([{ dueAtMs, text: 'a' }])
  const end = rig.engine.offsets('__delay', 0).highWatermark
  t.match(await rig.wheel.reschedule('orders', place, dueAtMs), { state: 'pending', dueAtMs })
  t.equal(rig.engine.offsets('__delay', 0).highWatermark, end, 'nothing was written')
})

t.test('a message of a topic that was deleted, or made anew, is unknown', async (t) => {
  const rig = await rigFor(t)
  const [place] = await rig.publish([{ dueAtMs: rig.startMs + 5_000, text: 'a' }])
  const ask = async () => [
    await rig.wheel.cancel('orders', place),
    (await rig.wheel.reschedule('orders', place, 0)).state,
    (await rig.wheel.dispatchNow('orders', place)).state,
    (await rig.wheel.lookUp('orders', place)).state,
  ]
  const unknown = ['unknown', 'unknown', 'unknown', 'unknown']
  await rig.engine.deleteTopic('orders')
  t.same(await ask(), unknown)
  await rig.engine.createTopic('orders', { partitions: 1, cleanup: 'delete' })
  t.same(await ask(), unknown)
  t.same(await rig.wheel.cancel('orders', { ...place, dueAtMs: place.dueAtMs + 1 }), 'unknown', 'a forged id')
})

t.test('a message goes where its key says, also after it was moved', async (t) => {
  const rig = new WheelRig({ slots: REACH_SECONDS })
  t.teardown(() => rig.close())
  await rig.start({ orders: 8 })
  const dueAtMs = rig.startMs + 5_000
  const places = await rig.publish(
    ['a', 'b'].map((text) => ({ dueAtMs, text, key: 'customer-4', ownId: `id-${text}` })),
  )
  await rig.wheel.reschedule('orders', places[0], dueAtMs + 90_000, 'id-a')
  const moved = await rig.wheel.dispatchNow('orders', places[0], 'id-a')
  const left = await rig.wheel.dispatchNow('orders', places[1], 'id-b')
  t.ok(moved.state === 'dispatched' && left.state === 'dispatched' && moved.partition === left.partition)
})

t.test('whoever waits when the wheel stops is told so', async (t) => {
  const rig = await rigFor(t)
  const [place] = await rig.publish([{ dueAtMs: rig.startMs + 5_000, text: 'a' }])
  const asked = (place: Place): Promise<unknown>[] => [
    rig.wheel.cancel('orders', place),
    rig.wheel.reschedule('orders', place, rig.startMs + 9_000),
    rig.wheel.dispatchNow('orders', place),
    rig.wheel.untilDispatched(rig.startMs + 60_000),
  ]
  await rig.wheel.stop()
  for (const answer of asked(place)) await t.rejects(answer, { code: 'ENGINE_CLOSED' })
  await rig.start()
  const answers = asked(place).map((answer) => t.rejects(answer, { code: 'WHEEL_FAILED' }))
  rig.engine.append = async () => {
    throw new Error('the disk is gone')
  }
  await rig.rest()
  await Promise.all(answers)
  t.equal(rig.failures.length, 1)
})

t.test('whoever waits for a checkpoint when the wheel stops is told that there is none', async (t) => {
  const rig = await rigFor(t)
  const waiting = rig.wheel.checkpoint()
  waiting.catch(() => {})
  await rig.wheel.stop()
  await t.rejects(waiting, { code: 'ENGINE_CLOSED' })
  await t.rejects(rig.wheel.checkpoint(), { code: 'ENGINE_CLOSED' })
})

t.test('no checkpoint begins before what was changed is consumed', async (t) => {
  const rig = await rigFor(t)
  const [a] = await rig.publish(['a', 'b'].map((text) => ({ dueAtMs: rig.startMs + 5_000, text })))
  const read = rig.engine.read.bind(rig.engine)
  const gate = Promise.withResolvers<void>()
  const checkpoint = Promise.withResolvers<void>()
  let consumed = rig.engine.offsets('__delay', 0).highWatermark
  const append = rig.engine.append.bind(rig.engine)
  rig.engine.append = async (given) => {
    // Wanted while the facts become durable: before the loop comes to consume them.
    rig.wheel.checkpoint().then(checkpoint.resolve, checkpoint.reject)
    return append(given)
  }
  rig.engine.read = async (topic, partition, from, ...rest) => {
    if (topic === '__delay' && from >= consumed) await gate.promise
    return read(topic, partition, from, ...rest)
  }
  const cancelled = rig.wheel.cancel('orders', a)
  await rig.rest()
  t.equal(await cancelled, 'cancelled')
  rig.engine.append = append
  consumed = Number.POSITIVE_INFINITY
  gate.resolve()
  await rig.rest()
  await checkpoint.promise
  await rig.crash()
  await rig.start()
  await rig.rest()
  t.equal(rig.wheel.stats().pending, 1)
})

t.test('what was changed since the checkpoint is so after a crash, and counted once', async (t) => {
  for (const lost of ['nothing', 'what overflow had gathered', 'the boot']) {
    const rig = await rigFor(t)
    const at = (second: number) => rig.startMs + second * 1_000
    const dues = [3, 4, 5, 6, 40, 41, 42, 43]
    const places = await rig.publish(dues.map((second) => ({ dueAtMs: at(second), text: `${second}` })))
    await Promise.all([rig.wheel.checkpoint(), rig.rest()])
    t.equal(await rig.wheel.cancel('orders', places[0]), 'cancelled')
    t.equal(await rig.wheel.cancel('orders', places[4]), 'cancelled')
    for (const [i, second] of [[1, 50], [2, 7], [5, 8], [6, 51]]) // biome-ignore format: pairs
      t.match(await rig.wheel.reschedule('orders', places[i], at(second)), { state: 'pending' })
    await rig.rest(lost === 'what overflow had gathered' ? 0 : 300)
    t.match(rig.wheel.stats(), { pending: 6, overflowRows: 3 })
    await rig.crash()
    if (lost === 'the boot') rig.clock.reboot()
    await rig.start()
    t.match(rig.wheel.stats(), { pending: 6 }, lost)
    t.equal(rig.wheel.census.later, 3)
    t.match(await rig.wheel.lookUp('orders', places[0]), { state: 'cancelled' })
    t.match(await rig.wheel.lookUp('orders', places[1]), { state: 'pending', dueAtMs: at(50) })
    await seconds(rig, 55)
    await rig.drained()
    t.same(await rig.texts(), ['6', '5', '41', '43', '4', '42'])
    t.same(rig.failures, [])
  }
})

t.test('a fate that was lost with the overflow store is found again in __delay', async (t) => {
  const rig = await rigFor(t)
  const [a, b] = await rig.publish(['a', 'b'].map((text) => ({ dueAtMs: rig.startMs + 5_000, text })))
  await rig.wheel.cancel('orders', a)
  await rig.wheel.reschedule('orders', b, rig.startMs + 7_000)
  await rig.crash()
  rig.overflow = new MemoryStore()
  await rig.start()
  t.match(await rig.wheel.lookUp('orders', a), { state: 'cancelled' })
  t.match(await rig.wheel.lookUp('orders', b), { state: 'pending', dueAtMs: rig.startMs + 7_000 })
})

t.test('a checkpoint does not wait for the hand to make room for a change that is decided', async (t) => {
  const rig = new WheelRig({ readBytes: 4_096 })
  t.teardown(() => rig.close())
  const wheel = await rig.start()
  const [far] = await rig.publish([{ dueAtMs: rig.startMs + 3_600_000, text: 'far' }])
  const soon = { dueAtMs: rig.startMs + 500, text: 'x'.repeat(1_000) }
  await rig.publish([soon])
  await rig.clock.advance(10)
  await rig.publish(Array(20).fill(soon))
  await rig.publish([soon])
  t.ok(wheel.stats().consumed < 23, 'as much as memory is given for is due soon: the rest waits to be consumed')
  t.equal(await wheel.cancel('orders', far), 'cancelled')
  await wheel.checkpoint()
  t.equal(wheel.stats().pending, 22)
})
