import { cpSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { Append } from '../../storage/index.ts'
import { MARK_TOPIC, type Place } from '../../timewheel/index.ts'
import { WheelRig } from '../support/wheel.ts'

const KIB = 1024
const COUNT = 3_000
const HOT_MS = 20_000
const FILLING = 'x'.repeat(100)
const LARGE = 'x'.repeat(1_700)
/** The hot second holds some 700 KB. */
const OPTIONS = { memoryBytes: 64 * KIB, readBytes: 64 * KIB }

async function rigFor(t: { teardown(task: () => unknown): void }, options = {}): Promise<WheelRig> {
  const rig = new WheelRig({ ...OPTIONS, ...options })
  await rig.start()
  t.teardown(() => rig.close())
  return rig
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve))
}

/** Publishes COUNT messages, due anywhere in one second; answers their numbers in the order of firing, and their places. */
async function publishHot(rig: WheelRig, midway = async () => {}): Promise<{ texts: string[]; places: Place[] }> {
  const messages = Array.from({ length: COUNT }, (_, i) => {
    // All equally long, so that a file made of two halves that do not belong together shows no seam.
    return { dueAtMs: rig.startMs + HOT_MS + ((i * 7_919) % 1_000), text: `${numbered(i)} ${FILLING}` }
  })
  const places: Place[] = []
  for (let i = 0; i < COUNT; i += 100) {
    if (i === 1_000) await midway()
    places.push(...(await rig.publish(messages.slice(i, i + 100))))
    await until(() => rig.wheel.stats().memoryBytes <= OPTIONS.memoryBytes)
  }
  const sorted = messages.toSorted((a, b) => a.dueAtMs - b.dueAtMs)
  return { texts: sorted.map(({ text }) => numberOf(text)), places }
}

const numbered = (i: number) => String(i).padStart(4, '0')
const numberOf = (text: string) => text.split(' ')[0]
const numbers = async (rig: WheelRig) => (await rig.texts()).map(numberOf)
const slotPath = (rig: WheelRig) => join(rig.directory, 'slots', `${(rig.startMs + HOT_MS) / 1000}.slot`)

/** Lets time pass until `count` messages are dispatched. */
async function dispatched(rig: WheelRig, count: number): Promise<void> {
  while (rig.wheel.stats().dispatched < count && rig.failures.length === 0) await rig.clock.advance(20)
}

t.test('a hot second is changed, written and settled while it is read, and read again after a crash', async (t) => {
  const rig = await rigFor(t)
  const { texts, places } = await publishHot(rig)
  const gone = new Set<string>()
  const cancel = async (number: number) => {
    const cancelling = rig.wheel.cancel('orders', places[number])
    await rig.rest(0)
    t.equal(await cancelling, 'cancelled')
    gone.add(numbered(number))
  }
  await cancel(17)
  await rig.clock.advance(HOT_MS - 500)
  await dispatched(rig, 500)
  t.ok(rig.wheel.stats().pending > 1_000, 'in the middle of it')
  for (const ms of [970, 980, 990]) await cancel(places.findIndex(({ dueAtMs }) => dueAtMs % 1_000 === ms))
  await rig.publish([{ dueAtMs: rig.startMs + HOT_MS + 999, text: `late ${FILLING}` }])
  await Promise.all([rig.wheel.checkpoint(), rig.rest(0)])
  await rig.crash()
  await rig.start()
  while ((await rig.texts()).length < COUNT - gone.size + 1 && rig.failures.length === 0) await rig.clock.advance(50)
  await rig.rest()
  const found = await numbers(rig)
  t.same(
    found.filter((text) => text !== 'late'),
    texts.filter((text) => !gone.has(text)),
  )
  t.equal(found.length, COUNT - gone.size + 1)
  t.equal(rig.wheel.stats().slotsDerived, 0)
  t.same(
    readdirSync(join(rig.directory, 'slots')).filter((name) => name.endsWith('.sorted')),
    [],
  )
  t.same(rig.failures, [])
})

for (const damage of ['a byte in its middle is flipped', 'its file is gone'] as const) {
  t.test(`a hot slot is derived in bounded memory, and holds up no other second: ${damage}`, async (t) => {
    const rig = await rigFor(t, { slots: 60 })
    const { texts, places } = await publishHot(rig)
    t.equal(await rig.wheel.cancel('orders', places[5]), 'cancelled')
    await rig.publish([{ dueAtMs: rig.startMs + HOT_MS - 3_000, text: 'before' }])
    await Promise.all([rig.wheel.checkpoint(), rig.rest(0)])
    if (damage === 'its file is gone') rmSync(slotPath(rig))
    else {
      const file = await rig.disk.open(slotPath(rig), 'write')
      await file.write(Buffer.from([0xff]), 200_001)
      await file.close()
    }
    // The survey that looks ahead finds it; the derivation stands still at its first read of __delay.
    const gate = Promise.withResolvers<void>()
    const read = rig.engine.read.bind(rig.engine)
    rig.engine.read = async (topic, partition, fromOffset, maxBytes) => {
      if (topic !== '__delay') return read(topic, partition, fromOffset, maxBytes)
      if (fromOffset === 0) await gate.promise
      return read(topic, partition, fromOffset, 20_000)
    }
    await rig.clock.advance(HOT_MS - 2_000)
    await dispatched(rig, 1)
    await rig.clock.advance(3_000)
    t.same(await numbers(rig), ['before'], 'nothing of it, as long as half of it is missing')
    gate.resolve()
    let memoryBytesMax = 0
    while (rig.wheel.stats().pending > 0) {
      memoryBytesMax = Math.max(memoryBytesMax, rig.wheel.stats().memoryBytes)
      await rig.clock.advance(10)
    }
    t.same(await numbers(rig), ['before', ...texts.filter((text) => text !== numbered(5))])
    t.ok(memoryBytesMax < 2 * OPTIONS.memoryBytes + OPTIONS.readBytes, `${memoryBytesMax} bytes in memory`)
    t.equal(rig.wheel.stats().slotsDerived, 1)
    t.same(rig.failures, [])
  })
}

t.test('after a crash amid a derivation nothing is missing', async (t) => {
  const rig = await rigFor(t)
  // So that the runs which the derivation writes end elsewhere than those that it would write over.
  const { texts } = await publishHot(rig, async () => void (await Promise.all([rig.wheel.checkpoint(), rig.rest(0)])))
  await Promise.all([rig.wheel.checkpoint(), rig.rest(0)])
  const file = await rig.disk.open(slotPath(rig), 'write')
  await file.write(Buffer.from([0xff]), 200_001)
  await file.close()
  const read = rig.engine.read.bind(rig.engine)
  const gate = Promise.withResolvers<void>()
  let reads = 0
  rig.engine.read = async (topic, partition, fromOffset, maxBytes) => {
    if (topic !== '__delay') return read(topic, partition, fromOffset, maxBytes)
    if (++reads > 20) await gate.promise
    return read(topic, partition, fromOffset, 20_000)
  }
  await rig.clock.advance(HOT_MS - 500)
  await until(() => reads > 20)
  // The folder as kill -9 leaves it now; what the wheel does until it has stopped does not count.
  const asKilled = `${rig.directory}-killed`
  cpSync(rig.directory, asKilled, { recursive: true })
  rig.engine.crash()
  gate.resolve()
  await rig.wheel.stop()
  rmSync(rig.directory, { recursive: true })
  renameSync(asKilled, rig.directory)
  rig.engine.read = read
  await rig.start()
  await rig.clock.advance(2_000)
  await rig.drained()
  t.same(await numbers(rig), texts)
})

t.test('when dispatch cannot keep up lateness grows, and memory does not', async (t) => {
  const rig = new WheelRig(OPTIONS)
  // A dispatch holds a dozen messages, and takes a second.
  Object.assign(rig.engine, { appendBytesMax: 48 * KIB })
  await rig.start()
  t.teardown(() => rig.close())
  const append = rig.engine.append.bind(rig.engine)
  let isSlow = true
  rig.engine.append = async (appends: readonly Append[]) => {
    const isDispatch = appends.some(({ topic }) => topic === MARK_TOPIC)
    if (isDispatch && isSlow) await new Promise<void>((resolve) => rig.clock.setTimer(resolve, 1_000))
    return append(appends)
  }
  const expected: string[] = []
  const total = 6_000
  let memoryBytesMax = 0
  for (let i = 0; i < total; i += 100) {
    // Due soon, so that they would all be kept in memory.
    const dueAtMs = rig.clock.wallMs() + (i % 400) * 3
    const messages = Array.from({ length: 100 }, (_, j) => ({ dueAtMs, text: `${i + j} ${LARGE}` }))
    expected.push(...messages.map(({ text }) => numberOf(text)))
    t.equal((await rig.publish(messages)).length, 100, 'publishing goes on')
    await rig.clock.advance(200)
    memoryBytesMax = Math.max(memoryBytesMax, rig.wheel.stats().memoryBytes)
  }
  const { overdueMs, consumed, dispatched } = rig.wheel.stats()
  t.ok(overdueMs > 8_000, `${overdueMs} ms late`)
  t.ok(dispatched < 500, `${dispatched} dispatched`)
  t.ok(consumed < total / 2, `${consumed} consumed of ${total}: the others wait in __delay`)
  // What of __delay is read at a time may come on top: a mebibyte. Ten are published.
  const limit = 1.5 * OPTIONS.memoryBytes + 3 * OPTIONS.readBytes + 1.3 * KIB * KIB
  t.ok(memoryBytesMax < limit, `${memoryBytesMax} bytes in memory of ${limit}`)
  isSlow = false
  while (rig.wheel.stats().dispatched < total && rig.failures.length === 0) await rig.clock.advance(100)
  t.same((await numbers(rig)).toSorted(), expected.toSorted(), 'each once')
  t.same(rig.failures, [])
})
