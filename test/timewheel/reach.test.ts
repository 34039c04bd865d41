// A withdrawal may come between the moment at which the store was asked for rows and the moment at which it answers.

import t from 'tap'
import type { KeyRange } from '../../storage/index.ts'
import { Census } from '../../timewheel/census/census.ts'
import { lastPlaceOf } from '../../timewheel/entry/place.ts'
import { FIRST_MARK } from '../../timewheel/mark.ts'
import { Overflow } from '../../timewheel/overflow.ts'
import { Pending } from '../../timewheel/pending.ts'
import { moveOverflow } from '../../timewheel/reach.ts'
import { forEachEntry } from '../../timewheel/slot/slot-entry.ts'
import { MemoryStore } from '../support/memory-store.ts'
import { message, SECOND, SlotRig } from './slot-rig.ts'

const REACH_SECONDS = 60
const TOPIC_ID = 1

/** Answers rows as they were when it was asked, once `release` is called. */
class SnapshotStore extends MemoryStore {
  readonly #asked = Promise.withResolvers<void>()
  readonly #released = Promise.withResolvers<void>()
  readonly asked = this.#asked.promise
  readonly release = this.#released.resolve

  override async rows(range: KeyRange, limit: number): Promise<[Buffer, Buffer][]> {
    const rows = await super.rows(range, limit)
    if (rows.length === 0) return rows
    this.#asked.resolve()
    await this.#released.promise
    return rows
  }
}

for (const isFlushed of [false, true]) {
  const when = isFlushed ? 'durably ' : ''
  t.test(`a message that is ${when}withdrawn while its row is being read is not copied into its slot`, async (t) => {
    const rig = new SlotRig()
    t.teardown(() => rig.close())
    const { slots } = rig
    const store = new SnapshotStore()
    const overflow = new Overflow(store)
    const census = new Census()
    const pending = new Pending({
      slots,
      overflow,
      census,
      mark: FIRST_MARK,
      checkpoint: undefined,
      reachSeconds: REACH_SECONDS,
      readBytes: 1e9,
      stepBytesMax: 1e9,
      nowMs: (SECOND - 1_000) * 1000,
    })
    const places = [0, 1, 2].map((offset) => ({ dueAtMs: SECOND * 1000 + offset, offset }))
    for (const place of places) pending.add(place, message(place.offset))
    t.equal(census.later, 3, 'all three wait beyond the reach')

    const nowMs = (SECOND - 10) * 1000
    pending.take([], lastPlaceOf(nowMs - 1))
    const moving = moveOverflow(pending, nowMs, REACH_SECONDS)
    await store.asked
    pending.withdraw(places[1], 7, TOPIC_ID, 0)
    overflow.remember(places[1], { cancelledBy: 7 })
    if (isFlushed) await overflow.flush()
    store.release()
    await moving

    const copied: number[] = []
    for (const bytes of slots.get(SECOND)?.unwritten() ?? []) {
      forEachEntry(bytes, 0, SECOND, (_, offset) => copied.push(offset))
    }
    t.same(copied, [0, 2])
    t.same([census.later, census.dueIn(SECOND)], [0, 2], 'and the census counts it nowhere')
  })
}
