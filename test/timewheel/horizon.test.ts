// What the horizon makes of a slot that cannot be read: of damage another slot, once; of anything else the end of the wheel.

import t from 'tap'
import { DwellError, type Log, SILENT } from '../../storage/index.ts'
import { WheelRig } from '../support/wheel.ts'

const DUE_MS = 20_000
const OPTIONS = { memoryBytes: 64 * 1024, readBytes: 64 * 1024, windowSeconds: 0 }

/** A wheel with one slot, in a file; `fail` is what opening that for reading throws, if anything. */
async function rigFor(
  t: { teardown(task: () => unknown): void },
  fail: () => Error | undefined,
  log: Log = SILENT,
): Promise<WheelRig> {
  const rig = new WheelRig({ ...OPTIONS, log })
  t.teardown(() => rig.close())
  const open = rig.disk.open.bind(rig.disk)
  rig.disk.open = async (path, mode) => {
    const error = mode === 'read' && path.endsWith('.slot') ? fail() : undefined
    if (error !== undefined) throw error
    return open(path, mode)
  }
  await rig.start()
  await rig.publish(
    Array.from({ length: 100 }, (_, i) => ({ dueAtMs: rig.startMs + DUE_MS + i, text: `${i}${'.'.repeat(300)}` })),
  )
  await Promise.all([rig.wheel.checkpoint(), rig.rest(0)])
  return rig
}

const withCode = (code: string) => Object.assign(new Error(`${code}: simulated`), { code })

async function until(rig: WheelRig, holds: () => boolean): Promise<void> {
  while (!holds() && rig.failures.length === 0) await rig.clock.advance(50)
}

for (const error of [withCode('EMFILE'), new TypeError('a bug')]) {
  t.test(`what is not the fault of a slot's file ends the wheel and derives nothing: ${error.message}`, async (t) => {
    const rig = await rigFor(t, () => error)
    await rig.clock.advance(DUE_MS - 1_500)
    await until(rig, () => rig.wheel.stats().slotsDerived > 3)
    t.strictSame(rig.failures, [error])
    t.equal(rig.wheel.stats().slotsDerived, 0)
    t.strictSame(await rig.texts(), [])
  })
}

t.test('a slot that cannot be read is derived once, and all of it is dispatched', async (t) => {
  let failures = 1
  const rig = await rigFor(t, () => (failures-- > 0 ? withCode('EIO') : undefined))
  await rig.clock.advance(DUE_MS - 1_500)
  await until(rig, () => rig.wheel.stats().dispatched === 100)
  t.equal(rig.wheel.stats().slotsDerived, 1)
  t.equal((await rig.texts()).length, 100)
  t.strictSame(rig.failures, [])
})

for (const error of [withCode('ESTALE'), new DwellError('SLOT_DAMAGED', 'Its checksum does not match.', {})]) {
  t.test(`the log says what it was for which a slot was derived: ${error.message}`, async (t) => {
    let failures = 1
    const said: unknown[] = []
    const log = { ...SILENT, error: ({ code }: { code?: unknown }) => said.push(code) }
    const rig = await rigFor(t, () => (failures-- > 0 ? error : undefined), log)
    await rig.clock.advance(DUE_MS - 1_500)
    await until(rig, () => rig.wheel.stats().dispatched === 100)
    t.strictSame(said, [(error as { code?: string }).code])
  })
}

t.test('a slot that cannot be read after it was derived either ends the wheel', async (t) => {
  const rig = await rigFor(t, () => withCode('EIO'))
  // So much that what is derived goes to the file again.
  await rig.publish(
    Array.from({ length: 1_000 }, (_, i) => ({ dueAtMs: rig.startMs + DUE_MS + i, text: `${i}${'.'.repeat(300)}` })),
  )
  await rig.clock.advance(DUE_MS - 1_500)
  await until(rig, () => rig.wheel.stats().slotsDerived > 3)
  t.match(rig.failures, [{ code: 'EIO' }])
  t.equal(rig.wheel.stats().slotsDerived, 1)
})

t.test('a derivation that fails ends the wheel, and no checkpoint settles the half of it', async (t) => {
  const rig = await rigFor(t, () => withCode('EIO'))
  const failure = new Error('a bug')
  rig.engine.read = async () => {
    throw failure
  }
  await rig.clock.advance(DUE_MS - 1_500)
  await until(rig, () => false)
  t.strictSame(rig.failures, [failure])
  await t.rejects(rig.wheel.checkpoint(), failure)
})
