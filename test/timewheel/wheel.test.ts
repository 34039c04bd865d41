import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { encodeRecordBody } from '../../storage/index.ts'
import { envelopeBody } from '../../timewheel/entry/entry-body.ts'
import { messageId, type Place } from '../../timewheel/index.ts'
import { MemoryStore } from '../support/memory-store.ts'
import { WheelRig } from '../support/wheel.ts'

/** Lets input and output go on until `condition` holds; the test's own time limit is the bound. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve))
}

async function rigFor(
  t: { teardown(task: () => unknown): void },
  options = {},
  topics?: Record<string, number>,
): Promise<WheelRig> {
  const rig = new WheelRig(options)
  await rig.start(topics)
  t.teardown(() => rig.close())
  return rig
}

t.test('a message is dispatched at its time and never before', async (t) => {
  const rig = await rigFor(t)
  const dueAtMs = rig.startMs + 2_000
  const [place] = await rig.publish([{ dueAtMs, text: 'a' }])
  await rig.clock.advance(1_999)
  t.same(await rig.texts(), [])
  t.match(await rig.wheel.lookUp('orders', place), { state: 'pending' })
  await rig.clock.advance(1)
  t.same(await rig.dispatched(), [{ text: 'a', id: messageId(place), atMs: dueAtMs }])
  t.same(await rig.wheel.lookUp('orders', place), { state: 'dispatched', dueAtMs, partition: 0, offset: 0 })
  t.equal(rig.wheel.stats().pending, 0)
})

t.test('messages are dispatched in the order of their due times, then of their publishing', async (t) => {
  const rig = await rigFor(t)
  const at = (ms: number) => rig.startMs + ms
  await rig.publish([
    { dueAtMs: at(3_000), text: 'd' },
    { dueAtMs: at(1_500), text: 'b' },
    { dueAtMs: at(1_500), text: 'c' },
    { dueAtMs: at(900), text: 'a' },
  ])
  for (let i = 0; i < 40; i++) await rig.clock.advance(100)
  await rig.drained()
  t.same(await rig.texts(), ['a', 'b', 'c', 'd'])
})

t.test('a late entry is dispatched at once, also behind the hand', async (t) => {
  const rig = await rigFor(t)
  await rig.publish([{ dueAtMs: rig.startMs + 1_000, text: 'first' }])
  await rig.clock.advance(1_000)
  const [late] = await rig.publish([{ dueAtMs: rig.startMs + 500, text: 'late' }])
  await rig.rest(1)
  t.same(await rig.texts(), ['first', 'late'])
  t.match(await rig.wheel.lookUp('orders', late), { state: 'dispatched', offset: 1 })
})

t.test('a key goes where murmur2 says, no key goes round, a topic that is gone takes its messages along', async (t) => {
  const rig = await rigFor(t, {}, { orders: 4, gone: 1, again: 1 })
  const dueAtMs = rig.startMs + 1_000
  const keyed = Array.from({ length: 5 }, (_, i) => ({ dueAtMs, text: `k${i}`, key: 'customer-4' }))
  const plain = Array.from({ length: 8 }, (_, i) => ({ dueAtMs, text: `p${i}` }))
  await rig.publish([...keyed, ...plain, { dueAtMs, text: 'x', topic: 'gone' }, { dueAtMs, text: 'y', topic: 'again' }])
  await rig.engine.deleteTopic('gone')
  await rig.engine.deleteTopic('again')
  await rig.engine.createTopic('again', { partitions: 1, cleanup: 'delete' })
  await rig.clock.advance(1_500)
  const texts = await Promise.all([0, 1, 2, 3].map((partition) => rig.texts('orders', partition)))
  t.same(texts.map((partition) => partition.filter((text) => text.startsWith('k')).length).sort(), [0, 0, 0, 5])
  t.same(
    texts.map((partition) => partition.filter((text) => text.startsWith('p')).length),
    [2, 2, 2, 2],
  )
  t.equal(rig.wheel.stats().discarded, 2)
  t.same(await rig.texts('again'), [])
})

t.test('a cancelled message is never dispatched, wherever it waits', async (t) => {
  const rig = await rigFor(t, { slots: 10 })
  const waits = { ready: 600, slot: 5_000, overflow: 60_000 }
  for (const [where, ms] of Object.entries(waits)) {
    const [place, kept] = await rig.publish([
      { dueAtMs: rig.startMs + ms, text: `cancelled in ${where}` },
      { dueAtMs: rig.startMs + ms, text: `kept in ${where}` },
    ])
    t.equal(await rig.wheel.cancel('orders', place), 'cancelled', where)
    t.equal(await rig.wheel.cancel('orders', place), 'cancelled', `${where}, again`)
    t.equal(await rig.wheel.cancel('other', kept), 'unknown', 'of another topic')
    t.match(await rig.wheel.lookUp('orders', place), { state: 'cancelled' })
  }
  t.equal(rig.wheel.stats().pending, 3)
  t.equal(rig.wheel.stats().cancelled, 3)
  for (let i = 0; i < 70; i++) await rig.clock.advance(1_000)
  await rig.drained()
  t.same(await rig.texts(), ['kept in ready', 'kept in slot', 'kept in overflow'])
  t.equal(rig.wheel.stats().pending, 0)
})

t.test('a cancel that comes too late says so, and an unknown message is unknown', async (t) => {
  const rig = await rigFor(t)
  const [place] = await rig.publish([{ dueAtMs: rig.startMs + 500, text: 'a' }])
  await rig.clock.advance(500)
  t.equal(await rig.wheel.cancel('orders', place), 'dispatched')
  t.equal(await rig.wheel.cancel('orders', { dueAtMs: rig.startMs + 500, offset: 7 }), 'unknown')
  t.equal(await rig.wheel.cancel('orders', { dueAtMs: rig.startMs + 501, offset: 0 }), 'unknown')
})

for (const moment of [
  'before a checkpoint',
  'after a checkpoint',
  'with its slot files deleted',
  'after another boot',
]) {
  t.test(`after a crash ${moment} nothing is missing and nothing is double`, async (t) => {
    const rig = await rigFor(t, { slots: 10 })
    const expected: string[] = []
    const publishSome = async (from: number) => {
      const messages = Array.from({ length: 60 }, (_, i) => ({
        dueAtMs: rig.startMs + from + i * 700,
        text: `m${from + i}`,
      }))
      expected.push(...messages.map(({ text }) => text))
      return rig.publish(messages)
    }
    const [, cancelled] = await publishSome(4_000)
    await rig.rest()
    if (moment !== 'before a checkpoint') await Promise.all([rig.wheel.checkpoint(), rig.rest()])
    await publishSome(4_300)
    t.equal(await rig.wheel.cancel('orders', cancelled), 'cancelled')
    await rig.clock.advance(9_000)
    const pending = rig.wheel.stats().pending
    await rig.crash()
    if (moment === 'with its slot files deleted') rmSync(join(rig.directory, 'slots'), { recursive: true })
    if (moment === 'after another boot') rig.clock.reboot()
    await rig.start()
    t.match(await rig.wheel.lookUp('orders', cancelled), { state: 'cancelled' })
    for (let i = 0; i < 60; i++) await rig.clock.advance(1_000)
    await rig.drained()
    const texts = await rig.texts()
    t.same(texts.toSorted(), expected.filter((text) => text !== 'm4001').toSorted())
    t.ok(pending > 0)
    t.equal(rig.wheel.stats().pending, 0)
    t.same(rig.failures, [])
  })
}

t.test('a crash while a dispatch is not yet durable dispatches it again, once', async (t) => {
  const rig = await rigFor(t)
  await rig.publish([
    { dueAtMs: rig.startMs + 400, text: 'a' },
    { dueAtMs: rig.startMs + 800, text: 'b' },
  ])
  await rig.clock.advance(400)
  rig.engine.held = true
  await rig.clock.advance(400)
  t.same(await rig.texts(), ['a'])
  rig.engine.crash()
  rig.engine.held = false
  await rig.start()
  await rig.rest()
  t.same(await rig.texts(), ['a', 'b'])
})

t.test('downtime: what is overdue is dispatched at the start, oldest first', async (t) => {
  const rig = await rigFor(t, { slots: 10 })
  const messages = Array.from({ length: 50 }, (_, i) => ({ dueAtMs: rig.startMs + 1_000 + i * 3_000, text: `m${i}` }))
  await rig.publish(messages.toReversed())
  await rig.rest()
  await rig.crash()
  rig.clock.suspend(3 * 24 * 3_600_000)
  await rig.start()
  for (let i = 0; i < 30; i++) await rig.rest()
  await rig.drained()
  t.same(
    await rig.texts(),
    messages.map(({ text }) => text),
  )
})

t.test('memory stays inside its budget: entries are written to slot files, largest first', async (t) => {
  const rig = await rigFor(t, { memoryBytes: 256 * 1024 })
  const text = 'x'.repeat(1_000)
  for (let i = 0; i < 20; i++) {
    await rig.publish(
      Array.from({ length: 20 }, (_, j) => ({ dueAtMs: rig.startMs + 10_000 + ((i * 20 + j) % 50) * 1_000, text })),
    )
    await until(() => rig.wheel.stats().memoryBytes <= 256 * 1024)
  }
  t.ok(rig.wheel.stats().slotFlushes > 10)
  t.equal(rig.wheel.stats().pending, 400)
  for (let i = 0; i < 70; i++) await rig.clock.advance(1_000)
  await rig.drained()
  t.equal((await rig.texts()).length, 400)
})

t.test('a hot second is read in pieces and dispatched in order', async (t) => {
  const rig = await rigFor(t, { memoryBytes: 16 * 1024, readBytes: 8 * 1024 })
  const messages = Array.from({ length: 500 }, (_, i) => ({
    dueAtMs: rig.startMs + 20_000 + ((i * 37) % 1_000),
    text: `${i}`,
  }))
  for (let i = 0; i < messages.length; i += 50) {
    await rig.publish(messages.slice(i, i + 50))
    await rig.rest(0)
  }
  const places = await rig.publish([{ dueAtMs: rig.startMs + 20_500, text: 'cancelled' }])
  t.equal(await rig.wheel.cancel('orders', places[0]), 'cancelled')
  for (let i = 0; i < 60; i++) await rig.rest(500)
  await rig.drained()
  const expected = messages.toSorted((a, b) => a.dueAtMs - b.dueAtMs).map(({ text }) => text)
  t.same(await rig.texts(), expected)
})

t.test('a damaged slot file is derived again', async (t) => {
  const rig = await rigFor(t)
  await rig.publish(Array.from({ length: 10 }, (_, i) => ({ dueAtMs: rig.startMs + 30_000 + i, text: `${i}` })))
  const [cancelled] = await rig.publish([{ dueAtMs: rig.startMs + 30_005, text: 'cancelled' }])
  await rig.wheel.cancel('orders', cancelled)
  await Promise.all([rig.wheel.checkpoint(), rig.rest()])
  const [name] = readdirSync(join(rig.directory, 'slots'))
  const file = await rig.disk.open(join(rig.directory, 'slots', name), 'write')
  await file.write(Buffer.from([0xff]), 300)
  await file.close()
  for (let i = 0; i < 32; i++) await rig.clock.advance(1_000)
  await rig.drained()
  await rig.rest()
  t.same(
    (await rig.texts()).toSorted(),
    Array.from({ length: 10 }, (_, i) => `${i}`),
  )
  t.equal(rig.wheel.stats().slotsDerived, 1)
})

t.test('past slot files are deleted, and __delay is kept as long as it is needed and no longer', async (t) => {
  const rig = await rigFor(t, { slots: 100 })
  await rig.publish(
    Array.from({ length: 9_000 }, (_, i) => ({ dueAtMs: rig.startMs + 5_000 + (i % 3) * 1_000, text: `${i}` })),
  )
  await rig.rest()
  await Promise.all([rig.wheel.checkpoint(), rig.rest()])
  t.ok(readdirSync(join(rig.directory, 'slots')).length === 3)
  t.equal(rig.engine.offsets('__delay', 0).logStartOffset, 0)
  for (let i = 0; i < 10; i++) await rig.clock.advance(1_000)
  await rig.drained()
  // The slot of the hand's own second stays until the hand is further.
  await rig.publish([{ dueAtMs: rig.startMs + 12_000, text: 'later' }])
  await rig.clock.advance(3_000)
  await Promise.all([rig.wheel.checkpoint(), rig.rest()])
  t.same(readdirSync(join(rig.directory, 'slots')), [])
  t.equal(rig.engine.offsets('__delay', 0).logStartOffset, 9_000)
  t.equal((await rig.texts()).length, 9_001)
})

t.test(
  'an overflow store that lost rows is noticed: the service does not start as if nothing were pending',
  async (t) => {
    const rig = await rigFor(t, { slots: 10 })
    await rig.publish([{ dueAtMs: rig.startMs + 100_000, text: 'far' }])
    await Promise.all([rig.wheel.checkpoint(), rig.rest()])
    await rig.crash()
    const kept = rig.overflow
    rig.overflow = new MemoryStore()
    await t.rejects(rig.start(), { code: 'OVERFLOW_LOST' })
    rig.overflow = kept
    await rig.start()
    for (let i = 0; i < 110; i++) await rig.clock.advance(1_000)
    await rig.drained()
    t.same(await rig.texts(), ['far'])
  },
)

t.test(
  'a wall clock that steps back holds the hand; one that steps ahead is followed after the settle time',
  async (t) => {
    const rig = await rigFor(t)
    await rig.publish([{ dueAtMs: rig.startMs + 10_000, text: 'a' }])
    await rig.clock.advance(5_000)
    rig.clock.stepWall(-3_600_000)
    await rig.clock.advance(60_000)
    t.same(await rig.texts(), [], 'held')
    rig.clock.stepWall(3_600_000 - 60_000)
    await rig.clock.advance(5_000)
    t.same(await rig.texts(), ['a'])
    await rig.publish([{ dueAtMs: rig.wheel.stats().handMs + 60_000, text: 'b' }])
    rig.clock.stepWall(7_200_000)
    await rig.clock.advance(29_000)
    t.same(await rig.texts(), ['a'], 'not followed yet')
    await rig.clock.advance(2_000)
    t.same(await rig.texts(), ['a', 'b'])
  },
)

t.test('a checkpoint keeps what was only in memory, due in a moment', async (t) => {
  const rig = await rigFor(t)
  await rig.publish([
    { dueAtMs: rig.startMs + 700, text: 'a' },
    { dueAtMs: rig.startMs + 800, text: 'b' },
  ])
  await rig.rest(0)
  await Promise.all([rig.wheel.checkpoint(), rig.rest(10)])
  await rig.crash()
  rig.clock.suspend(3_600_000)
  await rig.start()
  t.equal(rig.wheel.stats().consumed, 2, 'nothing was left to be consumed again')
  await rig.drained()
  t.same(await rig.texts(), ['a', 'b'])
})

t.test('a cancel whose memory was lost in a crash is known again', async (t) => {
  const rig = await rigFor(t)
  const [early] = await rig.publish([
    { dueAtMs: rig.startMs + 2_000, text: 'early' },
    { dueAtMs: rig.startMs + 2_500, text: 'kept' },
  ])
  t.equal(await rig.wheel.cancel('orders', early), 'cancelled')
  await rig.clock.advance(3_000)
  await rig.crash()
  rig.overflow = new MemoryStore()
  await rig.start()
  t.match(await rig.wheel.lookUp('orders', early), { state: 'cancelled' })
  t.equal(await rig.wheel.cancel('orders', early), 'cancelled')
  t.same(await rig.texts(), ['kept'])
})

t.test('what an earlier version wrote as the wish to cancel is granted if it is not too late', async (t) => {
  const rig = await rigFor(t, { slots: 10 })
  const places = await rig.publish([
    { dueAtMs: rig.startMs + 2_000, text: 'dispatched before' },
    { dueAtMs: rig.startMs + 4_000, text: 'in a slot' },
    { dueAtMs: rig.startMs + 30_000, text: 'in overflow' },
    { dueAtMs: rig.startMs + 40_000, text: 'kept' },
  ])
  await rig.clock.advance(3_000)
  await rig.wheel.stop()
  const wishes = [0, 1, 1, 2].map((i) => ({ timestampMs: 0, body: envelopeBody(wishToCancel(places[i])) }))
  await rig.engine.append([{ topic: '__delay', partition: 0, records: wishes }])
  await rig.start()
  t.equal(rig.wheel.stats().pending, 1)
  t.equal(rig.wheel.census.later, 1)
  t.match(await rig.wheel.lookUp('orders', places[0]), { state: 'dispatched' })
  for (const place of places.slice(1, 3)) t.match(await rig.wheel.lookUp('orders', place), { state: 'cancelled' })
  await Promise.all([rig.wheel.checkpoint(), rig.rest()])
  await rig.crash()
  await rig.start()
  t.equal(rig.wheel.stats().pending, 1)
  for (let i = 0; i < 40; i++) await rig.clock.advance(1_000)
  await rig.drained()
  t.same(await rig.texts(), ['dispatched before', 'kept'])
})

/** Kind 2. */
function wishToCancel({ dueAtMs, offset }: Place): Buffer {
  const envelope = Buffer.alloc(18)
  envelope[0] = 2
  envelope.writeBigUInt64BE(BigInt(dueAtMs), 2)
  envelope.writeBigUInt64BE(BigInt(offset), 10)
  return envelope
}

t.test('a message is not found any more when its topic is gone, or its records are', async (t) => {
  const rig = await rigFor(t, {}, { orders: 1, gone: 1 })
  const [kept, gone] = await rig.publish([
    { dueAtMs: rig.startMs + 400, text: 'a' },
    { dueAtMs: rig.startMs + 400, text: 'b', topic: 'gone' },
  ])
  await rig.clock.advance(1_000)
  t.match(await rig.wheel.lookUp('gone', gone), { state: 'dispatched', offset: 0 })
  await rig.engine.deleteTopic('gone')
  t.same(await rig.wheel.lookUp('gone', gone), { state: 'unknown' })
  await rig.engine.deleteRecords('orders', 0, 1)
  t.same(await rig.wheel.lookUp('orders', kept), { state: 'unknown' })
})

t.test('a disk that fails stops the wheel: nothing is answered any more', async (t) => {
  const rig = await rigFor(t)
  const [place] = await rig.publish([{ dueAtMs: rig.startMs + 60_000, text: 'a' }])
  rig.disk.open = async () => {
    throw Object.assign(new Error('EIO: i/o error'), { code: 'EIO' })
  }
  await Promise.all([t.rejects(rig.wheel.checkpoint(), { code: 'SLOT_WRITE_FAILED' }), rig.rest()])
  t.match(rig.failures, [{ code: 'SLOT_WRITE_FAILED' }])
  t.equal(rig.failures.length, 1)
  await t.rejects(rig.wheel.lookUp('orders', place), { code: 'WHEEL_FAILED' })
  await t.rejects(rig.wheel.checkpoint(), { code: 'SLOT_WRITE_FAILED' })
})

for (const boot of ['same boot', 'another boot']) {
  for (const sleepMs of [0, 8_000, 12_000]) {
    t.test(`a cancel is consumed again though its row is gone: ${boot}, ${sleepMs} ms later`, async (t) => {
      const rig = await rigFor(t, { slots: 10 })
      const [far] = await rig.publish([
        { dueAtMs: rig.startMs + 15_000, text: 'cancelled' },
        { dueAtMs: rig.startMs + 15_000, text: 'kept' },
      ])
      await Promise.all([rig.wheel.checkpoint(), rig.rest()])
      t.equal(rig.engine.offsets('__delay', 0).logStartOffset, 2, 'overflow has it, __delay need not')
      t.equal(await rig.wheel.cancel('orders', far), 'cancelled')
      await rig.crash()
      if (boot === 'another boot') rig.clock.reboot()
      rig.clock.suspend(sleepMs)
      await rig.start()
      await rig.rest()
      t.equal(rig.wheel.stats().pending, 1)
      await Promise.all([rig.wheel.checkpoint(), rig.rest()])
      await rig.clock.advance(16_000)
      await rig.drained()
      t.same(await rig.texts(), ['kept'])
      t.same(rig.failures, [])
    })
  }
}

t.test('a start with more late entries than memory is given for catches up all the same', async (t) => {
  const rig = await rigFor(t, { readBytes: 10_000 })
  await rig.publish([{ dueAtMs: rig.startMs + 1_000, text: 'first' }])
  await rig.clock.advance(1_000)
  await rig.wheel.stop()
  // More than the wheel reads from __delay in one piece.
  const texts = Array.from({ length: 30 }, (_, i) => `${i} ${'x'.repeat(50_000)}`)
  for (const text of texts) {
    const body = encodeRecordBody(null, Buffer.from(text), [])
    const dueAtMs = rig.startMs + 500
    await rig.engine.append([rig.wheel.append([{ topic: 'orders', dueAtMs, body, fillId: false }])])
  }
  await rig.start()
  t.same(await rig.texts(), ['first', ...texts])
})

t.test('a slot is read though a checkpoint has settled it and not written it yet', async (t) => {
  const rig = new WheelRig({})
  const writes = Promise.withResolvers<void>()
  const open = rig.disk.open.bind(rig.disk)
  let opened = 0
  rig.disk.open = async (path, mode) => {
    // The first four writers wait, so that the others' slots stay settled and unwritten.
    if (path.endsWith('.slot') && mode === 'write' && opened++ < 4) await writes.promise
    return open(path, mode)
  }
  await rig.start()
  t.teardown(() => rig.close())
  const messages = [5, 6, 7, 8, 2].map((second) => ({ dueAtMs: rig.startMs + second * 1_000, text: `${second}` }))
  await rig.publish(messages)
  await rig.rest(0)
  const checkpoint = rig.wheel.checkpoint()
  await rig.rest(0)
  await rig.clock.advance(2_500)
  while ((await rig.texts()).length === 0) await rig.clock.advance(10)
  t.same(await rig.texts(), ['2'])
  t.equal(rig.wheel.stats().slotsDerived, 0)
  writes.resolve()
  await Promise.all([checkpoint, rig.rest()])
  await rig.clock.advance(6_000)
  await rig.drained()
  t.same(await rig.texts(), ['2', '5', '6', '7', '8'])
})

t.test('a lost checkpoint is no reason to refuse a start when nothing ever went to overflow', async (t) => {
  const rig = await rigFor(t)
  await rig.publish([
    { dueAtMs: rig.startMs + 500, text: 'a' },
    { dueAtMs: rig.startMs + 60_000, text: 'b' },
  ])
  await rig.clock.advance(2_000)
  await Promise.all([rig.wheel.checkpoint(), rig.rest()])
  await rig.engine.deleteRecords('__delay', 0, 1)
  await rig.crash()
  rmSync(join(rig.directory, 'checkpoint'))
  await rig.start()
  await rig.clock.advance(60_000)
  await rig.drained()
  t.same(await rig.texts(), ['a', 'b'])
})

t.test('what arrives for an earlier second while a slot is being read comes before it', async (t) => {
  const rig = await rigFor(t)
  await rig.publish([{ dueAtMs: rig.startMs + 10_500, text: 'b' }])
  await rig.wheel.checkpoint()
  const gate = Promise.withResolvers<void>()
  const { disk } = rig
  const read = { begun: false }
  const open = disk.open.bind(disk)
  disk.open = async (path, mode) => {
    if (path.endsWith('.slot')) {
      read.begun = true
      await gate.promise
    }
    return open(path, mode)
  }
  // The process stood still for a while: the hand is to pass many seconds at once.
  rig.clock.jump(20_000)
  await until(() => read.begun)
  await rig.publish([{ dueAtMs: rig.startMs + 5_000, text: 'a' }])
  await rig.rest()
  gate.resolve()
  for (let i = 0; i < 500 && (await rig.texts()).length < 2; i++) await rig.rest(10)
  t.same(await rig.texts(), ['a', 'b'])
})

t.test('a message that was dispatched after a long silence is found as long as any other', async (t) => {
  const rig = await rigFor(t, { rememberMs: 600_000 })
  await rig.publish([{ dueAtMs: rig.startMs + 100, text: 'a' }])
  await rig.rest()
  rig.clock.jump(3 * 3_600_000)
  await rig.rest()
  const dueAtMs = rig.clock.wallMs() + 100
  const [place] = await rig.publish([{ dueAtMs, text: 'b' }])
  await rig.rest()
  await rig.wheel.checkpoint()
  t.match(await rig.wheel.lookUp('orders', place), { state: 'dispatched', offset: 1 })
})

t.test('what waits to be consumed is bounded, for a start has to be through with it', async (t) => {
  const rig = new WheelRig({ slots: 10 })
  t.teardown(() => rig.close())
  const store = new MemoryStore()
  const disk = Promise.withResolvers<void>()
  const write = store.write.bind(store)
  rig.overflow = store
  const wheel = await rig.start()
  store.write = async (writes) => {
    await disk.promise
    return write(writes)
  }
  const dueAtMs = rig.startMs + 3_600_000
  const message = { dueAtMs, text: 'x'.repeat(2_000) }
  for (let i = 0; i < 20; i++) await rig.publish(Array(500).fill(message))
  t.equal(wheel.room(), undefined, 'overflow takes them, in memory at first')
  for (let i = 0; i < 150; i++) await rig.publish(Array(500).fill(message))
  const room = wheel.room()
  t.ok(room, 'then the wheel falls behind')
  disk.resolve()
  await until(() => wheel.stats().overflowRows === 85_000)
  await room
  t.equal(wheel.room(), undefined, 'until it has caught up')
})
