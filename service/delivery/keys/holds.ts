// Records that were released with their own delay and hold their key: they are in the wheel, or lie in the lane that the
// wheel fills and were not delivered from there yet. Known by the offset of the original, which travels along.
//
// Only where keys take turns (key-turns.ts): they bound how many there are. Elsewhere nobody waits for them.
//
// A record that never comes, because its bytes were lost, must not hold its key for ever: GRACE_MS after it was due, and
// with nothing left in the lane, it is given up (Group.giveUpHolds).
//
// After a crash: they stand in `__groups` (group-log.ts).

import { DwellError, decodeRecordBody, type StoredRecord } from '../../../storage/index.ts'
import { readHistory } from '../failed-record.ts'
import type { SnapshotRoom } from '../group/snapshot-room.ts'

const GRACE_MS = 3_600_000

export interface Hold {
  /** Of the original record. */
  offset: number
  /** Of its key. */
  hash: number
  dueAtMs: number
}

export class Holds {
  /** After a reset an original may be under way several times. */
  readonly #byOffset = new Map<number, Hold[]>()
  #count = 0
  #room: SnapshotRoom | undefined

  /** From now on they take room in the snapshot of their group. */
  shareSnapshot(room: SnapshotRoom): void {
    this.#room = room
    room.held(this.#count)
  }

  get count(): number {
    return this.#count
  }

  get list(): Iterable<Hold> {
    return [...this.#byOffset.values()].flat()
  }

  /** The first one of this original, if it is held. */
  get(offset: number): Hold | undefined {
    return this.#byOffset.get(offset)?.[0]
  }

  add(hold: Hold): void {
    const others = this.#byOffset.get(hold.offset)
    if (others === undefined) this.#byOffset.set(hold.offset, [hold])
    else others.push(hold)
    this.#count++
    this.#room?.held(1)
  }

  /** Removes one of this original. */
  remove(offset: number): void {
    const holds = this.#byOffset.get(offset)
    if (holds === undefined) return
    holds.shift()
    this.#count--
    this.#room?.held(-1)
    if (holds.length === 0) this.#byOffset.delete(offset)
  }

  clear(): void {
    this.#room?.held(-this.#count)
    this.#byOffset.clear()
    this.#count = 0
  }

  /** Whether a record out of the lane is one of them. */
  has(record: StoredRecord): boolean {
    return this.#offsetOf(record) !== undefined
  }

  /** A record out of the lane is delivered; answers its original's offset when it was one of them. */
  take(record: StoredRecord): number | undefined {
    const offset = this.#offsetOf(record)
    if (offset !== undefined) this.remove(offset)
    return offset
  }

  #offsetOf(record: StoredRecord): number | undefined {
    if (this.#count === 0) return undefined
    const offset = originOffset(record)
    return offset !== undefined && this.#byOffset.has(offset) ? offset : undefined
  }

  /** Forgets those that were due before `dueMs`; whether there were any. */
  removeBefore(dueMs: number): boolean {
    const kept = [...this.list].filter(({ dueAtMs }) => dueAtMs >= dueMs)
    const isAny = kept.length < this.#count
    this.clear()
    for (const hold of kept) this.add(hold)
    return isAny
  }

  /** Those that should have come long before `nowMs`. */
  removeOverdue(nowMs: number): boolean {
    return this.removeBefore(nowMs - GRACE_MS)
  }
}

function originOffset({ body }: StoredRecord): number | undefined {
  try {
    return readHistory(decodeRecordBody(body))?.offset
  } catch (error) {
    if (error instanceof DwellError) return undefined
    throw error
  }
}
