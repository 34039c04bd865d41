// Records of a source that were passed over because their key had another record under way.
//
// Always true:
//   1. Of each key the first is the next (parked-places.ts).
//   2. `#free` holds the keys with a record here that may begin: what becomes free is told, never searched.
//   3. Bodies are in the log. Some are kept, up to KEPT_BYTES_MAX, of the first NEAR_MAX of each key: those that were passed
//      over first, later those that lie where something was read. What was acquired from here keeps its body until it is
//      finished: a failed try copies it, and such records lie far apart in the log. Any may be dropped at any time.
//
// The bound is OWN_MAX a source, and beyond that what is left for all sources (parked-room.ts), of a group never more than its
// snapshot has room for (snapshot-room.ts): so far, and no further, a source looks ahead behind records whose keys are busy.
//
// After a crash: places and hashes stand in `__groups` (group-log.ts).

import { type LogEngine, readPage, type StoredRecord } from '../../../storage/index.ts'
import type { SnapshotRoom } from '../group/snapshot-room.ts'
import type { ReadAheadBudget } from '../source/read-ahead-budget.ts'
import { isUnreadable } from '../source/source-place.ts'
import { type ParkedColumns, type ParkedPlace, ParkedPlaces } from './parked-places.ts'
import type { ParkedRoom } from './parked-room.ts'

export const OWN_MAX = 1_000

const READ_SIZE = 64 * 1024
/** Bodies are kept of so many of each key: those behind them are not needed soon. */
const NEAR_MAX = 32
const KEPT_BYTES_MAX = 8 * 1024 * 1024
/** Whoever looks for what is ready looks at so many free keys at most. */
const LOOKED_AT_MAX = 10_000

export class Parked {
  readonly #budget: ReadAheadBudget
  readonly #places = new ParkedPlaces()
  readonly #free = new Set<number>()
  /** Bodies, by offset, those that were kept first at the front. */
  readonly #kept = new Map<number, StoredRecord>()
  #keptBytes = 0
  #room: ParkedRoom | undefined
  #snapshotRoom: SnapshotRoom | undefined

  constructor(budget: ReadAheadBudget) {
    this.#budget = budget
  }

  /** From now on it shares `room` with others. */
  share(room: ParkedRoom): void {
    this.#room = room
    room.take(this.#beyond)
  }

  /** From now on its places take room in the snapshot of its group. */
  shareSnapshot(room: SnapshotRoom): void {
    this.#snapshotRoom = room
    room.parked(this.count)
  }

  get #beyond(): number {
    return Math.max(0, this.count - OWN_MAX)
  }

  get count(): number {
    return this.#places.count
  }

  /** So many more may be added. */
  get room(): number {
    const shared = Math.max(0, OWN_MAX - this.count) + (this.#room?.left ?? 0)
    return Math.min(shared, this.#snapshotRoom?.parkedLeft ?? shared)
  }

  /** undefined when there is none. */
  get firstOffset(): number | undefined {
    return this.#places.firstOffset
  }

  /** All places, in order of their offsets. */
  get columns(): ParkedColumns {
    return this.#places.columns
  }

  /** How many lie at or behind `offset`; quick where all do. */
  countFrom(offset: number): number {
    return this.count - this.#before(offset).length
  }

  has(offset: number): boolean {
    return this.#places.has(offset)
  }

  /** How many of its key were passed over before a record that is parked; undefined for one that is not. */
  aheadOf(offset: number): number | undefined {
    return this.#places.aheadOf(offset)
  }

  countOf(hash: number): number {
    return this.#places.countOf(hash)
  }

  hasKey(hash: number): boolean {
    return this.#places.hasKey(hash)
  }

  /** Adds one behind all others. Its key is busy, or has others here. */
  add({ offset, hash }: ParkedPlace): void {
    this.#places.add(offset, hash)
    this.#snapshotRoom?.parked(1)
    if (this.count > OWN_MAX) this.#room?.take(1)
  }

  /** Keeps the body of one that is here while that costs no other: the first are those that are needed first. */
  keep(record: StoredRecord): void {
    if (this.#places.isNear(record.offset, NEAR_MAX) && this.#keptBytes + record.body.length <= KEPT_BYTES_MAX)
      this.#keep(record)
  }

  #keep({ offset, timestampMs, body }: StoredRecord): void {
    if (this.#kept.has(offset)) return
    // A copy: a view would pin all that was read with it.
    this.#kept.set(offset, { offset, timestampMs, body: Buffer.from(body as Buffer) })
    this.#keptBytes += body.length
    this.#budget.hold(this, this.#keptBytes)
  }

  /** The body of one that is here or was acquired from here, if it is kept. */
  kept(offset: number): StoredRecord | undefined {
    return this.#kept.get(offset)
  }

  /** Removes one that is no longer readable; false when it is not here. */
  giveUp(offset: number): boolean {
    const isHere = this.has(offset)
    this.remove(offset)
    this.#letGo(offset)
    return isHere
  }

  /** One that was acquired from here is finished. */
  finished(offset: number): void {
    this.#letGo(offset)
  }

  #letGo(offset: number): void {
    const record = this.#kept.get(offset)
    if (record === undefined) return
    this.#kept.delete(offset)
    this.#keptBytes -= record.body.length
    if (this.#kept.size === 0) this.#budget.letGo(this)
  }

  /** It is acquired. */
  remove(offset: number): void {
    const beyond = this.#beyond
    const hash = this.#places.remove(offset)
    if (hash === 0) return
    this.#snapshotRoom?.parked(-1)
    this.#room?.take(this.#beyond - beyond)
    if (!this.#places.hasKey(hash)) this.#free.delete(hash)
  }

  clear(): void {
    this.#room?.take(-this.#beyond)
    this.#snapshotRoom?.parked(-this.count)
    this.drop()
    this.#places.clear()
    this.#free.clear()
  }

  keyFreed(hash: number): void {
    if (this.#places.hasKey(hash)) this.#free.add(hash)
  }

  keyTaken(hash: number): void {
    this.#free.delete(hash)
  }

  /** Asks anew for each key whether it is free. */
  sort(isBusy: (hash: number) => boolean): void {
    this.#free.clear()
    for (const hash of this.#places.keys) if (!isBusy(hash)) this.#free.add(hash)
  }

  /** Those that may begin and are kept, at most `max`, by offset. */
  ready(max: number): StoredRecord[] {
    const records: StoredRecord[] = []
    if (max > 0 && this.#kept.size > 0) {
      for (const offset of this.#nexts(LOOKED_AT_MAX)) {
        const record = this.#kept.get(offset)
        if (record !== undefined && records.push(record) >= max) break
      }
    }
    return records.sort((a, b) => a.offset - b.offset)
  }

  /** The first of each free key, at most `max`. */
  *#nexts(max: number): Iterable<number> {
    let known = 0
    for (const hash of this.#free) {
      if (known++ >= max) return
      const offset = this.#places.firstOf(hash)
      if (offset !== undefined) yield offset
    }
  }

  /** Reads what may begin, at most `max`; answers the offsets of what is no longer there or not readable. */
  async read(engine: LogEngine, topic: string, partition: number, max: number): Promise<number[]> {
    const gone = this.#before(engine.offsets(topic, partition).logStartOffset)
    if (gone.length > 0) return gone
    const wanted = [...this.#nexts(max)].filter((offset) => !this.#kept.has(offset)).sort((a, b) => a - b)
    const lost: number[] = []
    let bytes = 0
    for (let i = 0; i < wanted.length && bytes < KEPT_BYTES_MAX; ) {
      const page = await readFrom(engine, topic, partition, wanted[i])
      // What else is parked there will be wanted soon.
      for (const record of page) {
        if (!this.#places.isNear(record.offset, NEAR_MAX)) continue
        this.#keep(record)
        bytes += record.body.length
      }
      const end = page.length === 0 ? wanted[i] : page[page.length - 1].offset
      for (; i < wanted.length && wanted[i] <= end; i++) if (!this.#kept.has(wanted[i])) lost.push(wanted[i])
    }
    this.#makeRoom(bytes)
    return lost.filter((offset) => this.#places.has(offset))
  }

  /** Those that are needed last go: the furthest that are not the first of their key. Should that not do, the last `newBytes` stay. */
  #makeRoom(newBytes: number): void {
    if (this.#keptBytes <= KEPT_BYTES_MAX) return
    const furthestFirst = Float64Array.from(this.#kept.keys()).sort().reverse()
    for (const offset of furthestFirst) {
      // Some more, so that few calls have to sort.
      if (this.#keptBytes <= KEPT_BYTES_MAX * 0.75) return
      if (!this.#places.isNear(offset, 1)) this.#letGo(offset)
    }
    for (const offset of this.#kept.keys()) {
      if (this.#keptBytes <= Math.max(KEPT_BYTES_MAX, newBytes)) return
      this.#letGo(offset)
    }
  }

  #before(offset: number): number[] {
    const before: number[] = []
    for (const place of this.#places) {
      if (place.offset >= offset) break
      before.push(place.offset)
    }
    return before
  }

  /** Lets go of bodies. */
  drop(): void {
    this.#kept.clear()
    this.#keptBytes = 0
    this.#budget.letGo(this)
  }
}

async function readFrom(engine: LogEngine, topic: string, partition: number, offset: number): Promise<StoredRecord[]> {
  try {
    return readPage(await engine.read(topic, partition, offset, READ_SIZE), offset).records
  } catch (error) {
    if (isUnreadable(error)) return []
    throw error
  }
}
