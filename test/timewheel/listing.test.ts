// Moments at which what waits is between two places. waiting.test.ts has the usual ones.

import t from 'tap'
import { decodeRecordBody } from '../../storage/index.ts'
import type { ListedPage, Place } from '../../timewheel/index.ts'
import { MemoryStore } from '../support/memory-store.ts'
import { WheelRig } from '../support/wheel.ts'

const EVER = { fromMs: 0, toMs: Number.MAX_SAFE_INTEGER }

async function texts({ wheel, engine }: WheelRig, limit = 50): Promise<string[]> {
  const topicId = engine.topic('orders')?.id as number
  const found: string[] = []
  for (let after: Place | undefined, isOver = false; !isOver; isOver = after === undefined) {
    const page: ListedPage = await wheel.list({ topicId, ...EVER, after, limit })
    found.push(...page.messages.map(({ body }) => String(decodeRecordBody(body).value)))
    after = page.after
  }
  return found
}

t.test('while rows of overflow are on their way into slots they are listed, each once', async (t) => {
  const store = new MemoryStore()
  const rig = new WheelRig({ slots: 60 })
  t.teardown(() => rig.close())
  rig.overflow = store
  await rig.start()
  const wanted = Array.from({ length: 300 }, (_, i) => `m${i}`)
  await rig.publish(wanted.map((text, i) => ({ dueAtMs: rig.startMs + 65_000 + i * 100, text })))
  const { rows } = store
  const held = Promise.withResolvers<void>()
  let isHeld = false
  store.rows = async (range, limit) => {
    const found = await rows.call(store, range, limit)
    // The first piece that the wheel copies: the reach is beyond it, and it is in no slot yet.
    if (found.length > 0 && !isHeld) {
      isHeld = true
      await held.promise
    }
    return found
  }
  await rig.clock.advance(20_000)
  t.ok(isHeld)
  t.equal(rig.wheel.stats().overflowRows, 300)
  t.strictSame(await texts(rig), wanted)
  held.resolve()
  await rig.clock.advance(20_000)
  t.equal(rig.wheel.stats().overflowRows, 0)
  t.strictSame(await texts(rig), wanted)
})

t.test('rows that are copied into a slot while its file is opened are listed', async (t) => {
  const store = new MemoryStore()
  const rig = new WheelRig({ slots: 60, memoryBytes: 16 * 1024 })
  t.teardown(() => rig.close())
  rig.overflow = store
  await rig.start()
  // All in one second: three pieces.
  const wanted = Array.from({ length: 300 }, (_, i) => `m${i}${'.'.repeat(300)}`)
  await rig.publish(wanted.map((text, i) => ({ dueAtMs: rig.startMs + 65_000 + i, text })))
  const { rows } = store
  const copying = Promise.withResolvers<void>()
  let pieces = 0
  store.rows = async (range, limit) => {
    const found = await rows.call(store, range, limit)
    if (found.length > 0 && ++pieces === 2) await copying.promise
    return found
  }
  await rig.clock.advance(20_000)
  while (pieces < 2) await rig.clock.advance(20)
  await rig.rest(0)
  t.equal(rig.wheel.stats().overflowRows, 300 - 128, 'the first piece is in the slot')
  const opening = Promise.withResolvers<void>()
  const asked = Promise.withResolvers<void>()
  const open = rig.disk.open.bind(rig.disk)
  rig.disk.open = async (path, mode) => {
    if (mode === 'read' && path.endsWith('.slot')) {
      asked.resolve()
      await opening.promise
    }
    return open(path, mode)
  }
  const listed = texts(rig, 300)
  await asked.promise
  copying.resolve()
  while (rig.wheel.stats().overflowRows > 0) await rig.clock.advance(20)
  opening.resolve()
  t.strictSame(await listed, wanted)
})

t.test('at a start the second of the hand is listed before it was read', async (t) => {
  const rig = new WheelRig({ slots: 60, memoryBytes: 24 * 1024, readBytes: 64 * 1024 })
  t.teardown(() => rig.close())
  await rig.start()
  const padding = '.'.repeat(300)
  const wanted = Array.from({ length: 200 }, (_, i) => `m${i}${padding}`)
  await rig.publish(wanted.map((text, i) => ({ dueAtMs: rig.startMs + 100 + i, text })))
  await rig.clock.advance(150)
  const dispatched = (await rig.texts()).length
  t.ok(dispatched > 0 && dispatched < 200)
  for (let i = 0; i < 10; i++) {
    await rig.crash()
    await rig.start()
    t.strictSame(await texts(rig), wanted.slice(dispatched))
  }
})

t.test('a late message is listed until it is dispatched', async (t) => {
  const rig = new WheelRig()
  t.teardown(() => rig.close())
  await rig.start()
  await rig.publish([{ dueAtMs: rig.startMs + 10_000, text: 'a' }])
  await rig.clock.advance(11_000)
  rig.engine.held = true
  const place = rig.publish([{ dueAtMs: rig.startMs + 5_000, text: 'late' }])
  rig.engine.release()
  await place
  t.strictSame(await rig.texts(), ['a'], 'its dispatch is not durable')
  t.strictSame(await texts(rig), ['late'])
  rig.engine.held = false
  rig.engine.release()
  await rig.rest()
  t.strictSame(await rig.texts(), ['a', 'late'])
  t.strictSame(await texts(rig), [])
})

t.test('a slot file that cannot be read is an error, not an empty page', async (t) => {
  const rig = new WheelRig({ memoryBytes: 16 * 1024 })
  t.teardown(() => rig.close())
  await rig.start()
  await rig.publish(
    Array.from({ length: 200 }, (_, i) => ({ dueAtMs: rig.startMs + 600_000, text: `m${i}${'.'.repeat(300)}` })),
  )
  await rig.wheel.checkpoint()
  const open = rig.disk.open.bind(rig.disk)
  rig.disk.open = async (path, mode) => {
    if (mode === 'read' && path.endsWith('.slot')) throw new Error('EIO')
    return open(path, mode)
  }
  await t.rejects(texts(rig), { code: 'READ_FAILED' })
  rig.disk.open = open
  t.equal((await texts(rig)).length, 200)
})

t.test('who asks for too many pages at once is refused, and those who wait get theirs', async (t) => {
  const rig = new WheelRig()
  t.teardown(() => rig.close())
  await rig.start()
  await rig.publish([{ dueAtMs: rig.startMs + 60_000, text: 'a' }])
  const asked = await Promise.allSettled(Array.from({ length: 100 }, () => texts(rig)))
  const answered = asked.filter(({ status }) => status === 'fulfilled')
  t.equal(answered.length, 65, 'one is made, 64 wait')
  for (const result of asked) {
    if (result.status === 'fulfilled') t.strictSame(result.value, ['a'])
    else t.equal(result.reason.code, 'OVERLOADED')
  }
})
