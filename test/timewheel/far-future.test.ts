// Messages far beyond the reach: one row each, written once, copied once, and gone. What a store has deleted lies in its way
// until it gets round to it (LevelDB's iterators crawl over it), so neither moving nor trimming may come by there again.

import t from 'tap'
import type { KeyedWrite, KeyRange } from '../../storage/index.ts'
import { settle } from '../support/manual-clock.ts'
import { MemoryStore } from '../support/memory-store.ts'
import { SeededRandom } from '../support/seeded-random.ts'
import { WheelRig } from '../support/wheel.ts'

const HOUR_MS = 3_600_000

/** Knows what was deleted, and how much of that a call had to pass over. */
class CrawledStore extends MemoryStore {
  readonly #deleted = new Set<string>()
  /** Deleted messages that were passed over. */
  crawled = 0
  /** Messages that were read. */
  read = 0
  written = 0

  override async rows(range: KeyRange, limit: number): Promise<[Buffer, Buffer][]> {
    const rows = await super.rows(range, limit)
    const end = rows.length === limit ? rows[limit - 1][0] : range.lt
    this.#crawl({ ...range, lt: end })
    this.read += rows.filter(([key]) => isMessage(key)).length
    return rows
  }

  override async write(writes: readonly KeyedWrite[]): Promise<void> {
    for (const { type, key } of writes) {
      if (!isMessage(key)) continue
      if (type === 'put') this.written++
      else this.#deleted.add(key.toString('hex'))
    }
    await super.write(writes)
  }

  override async clear(range: KeyRange): Promise<void> {
    this.#crawl(range)
    for (const [key] of await super.rows(range, Number.POSITIVE_INFINITY)) this.#deleted.add(key.toString('hex'))
    await super.clear(range)
  }

  #crawl({ gte, lt }: KeyRange): void {
    const [from, before] = [gte?.toString('hex') ?? '', lt?.toString('hex') ?? '~']
    for (const key of this.#deleted) if (key >= from && key < before) this.crawled++
  }
}

function isMessage(key: Buffer): boolean {
  return key.toString('latin1', 0, 1) === 'd'
}

t.test('each message is written once, read once, and nothing that is gone is passed over', async (t) => {
  const count = 2_000
  const spanMs = 240 * HOUR_MS
  const store = new CrawledStore()
  const rig = new WheelRig({ slots: 3_600 })
  t.teardown(() => rig.close())
  rig.overflow = store
  const random = new SeededRandom(3)
  await rig.start()
  const beforeMs = rig.startMs + 2 * HOUR_MS
  for (let i = 0; i < count; i += 100) {
    const dueAtMs = Array.from({ length: 100 }, () => beforeMs + random.between(0, spanMs))
    await rig.publish(dueAtMs.map((due, n) => ({ dueAtMs: due, text: `m${i + n}` })))
  }
  await rig.rest()
  const readPerDay: number[] = []
  for (let hour = 0; rig.wheel.stats().pending > 0 && hour < 300; hour++) {
    const before = store.read
    rig.clock.jump(HOUR_MS)
    // A jump of the wall clock is followed when it has stayed there.
    await rig.rest(40_000)
    const written = rig.wheel.checkpoint()
    while ((await Promise.race([written.then(() => 'written'), rig.rest(10)])) !== 'written');
    if (hour % 24 === 0) readPerDay.push(0)
    readPerDay[readPerDay.length - 1] += store.read - before
  }
  await settle()
  t.equal((await rig.texts()).length, count, 'all are dispatched')
  t.equal(store.written, count, 'each was written once')
  // Where time jumps, a few are looked at to see how far.
  t.ok(store.read < 1.05 * count, `and read once: ${store.read} of ${count}`)
  t.equal(store.crawled, 0)
  t.ok(Math.max(...readPerDay) < 2 * (count / 10), `read a day: ${readPerDay}`)
})
