import t from 'tap'
import type { KeyedWrite } from '../../storage/index.ts'
import { Overflow } from '../../timewheel/overflow.ts'
import { settle } from '../support/manual-clock.ts'
import { MemoryStore } from '../support/memory-store.ts'
import { WheelRig } from '../support/wheel.ts'

const MIB = 1024 * 1024

class HeldStore extends MemoryStore {
  readonly #held = Promise.withResolvers<void>()
  /** What is written waits for release() or fail(). */
  isHeld = true

  override async write(writes: readonly KeyedWrite[]): Promise<void> {
    if (this.isHeld) await this.#held.promise
    await super.write(writes)
  }

  release(): void {
    this.#held.resolve()
  }

  fail(): void {
    this.#held.reject(new Error('the disk is gone'))
  }
}

t.test('a store that was crowded gets less crowded though nobody adds anything', async (t) => {
  const store = new HeldStore()
  let written = 0
  const overflow = new Overflow(store, () => written++)
  overflow.put({ dueAtMs: 1_000, offset: 0 }, Buffer.alloc(MIB))
  await settle()
  for (let offset = 1; offset < 20; offset++) overflow.put({ dueAtMs: 1_000, offset }, Buffer.alloc(MIB))
  t.ok(overflow.crowded)
  store.release()
  await settle()
  t.notOk(overflow.crowded)
  t.equal((await overflow.rows({ dueAtMs: 0, offset: -1 }, 2_000, 100)).length, 20)
  t.ok(written > 1)
})

t.test(
  'a batch that cannot be written while much more is gathered ends the wheel, which nothing else would wake',
  async (t) => {
    const store = new HeldStore()
    const rig = new WheelRig({ slots: 60 })
    t.teardown(() => rig.close())
    rig.overflow = store
    store.isHeld = false
    await rig.start()
    store.isHeld = true
    const text = '.'.repeat(MIB)
    for (let i = 0; i < 20; i++) await rig.publish([{ dueAtMs: rig.startMs + 3_600_000, text }])
    await rig.rest()
    t.ok(rig.wheel.stats().consumed < 20, 'it is crowded')
    t.strictSame(rig.failures, [])
    store.fail()
    await settle()
    t.match(rig.failures, [{ code: 'OVERFLOW_FAILED' }])
  },
)

t.test('what is gathered is found before it is written, and each batch raises the sequence', async (t) => {
  const overflow = new Overflow(new MemoryStore())
  const place = { dueAtMs: 1_000, offset: 7 }
  overflow.put(place, Buffer.from('a'))
  t.equal(overflow.sequence, 1)
  t.equal(String(overflow.get(place)), 'a')
  await overflow.flush()
  t.equal(overflow.sequence, 1)
  overflow.remove(place)
  t.equal(overflow.get(place), undefined)
  overflow.remember(place, { cancelledBy: 12 })
  await overflow.flush()
  t.equal(overflow.sequence, 2)
  t.same(overflow.fateOf(place), { cancelledBy: 12 })
  await overflow.trim(2_000, 2_000)
  t.equal(overflow.fateOf(place), undefined)
})
