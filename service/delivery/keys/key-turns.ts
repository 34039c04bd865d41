// Whose turn it is, by key: of one partition of a group that keeps the order of keys, which keys have a record under way.
//
// Always true, once it is loaded:
//   1. A key is busy while a record of it is in flight (from the topic or from a lane), waits in the lane of a tier, or is
//      held: released with its own delay, in the wheel or in the lane that the wheel fills, not delivered from there yet.
//   2. A record of the topic begins only when its key is not busy, so a key has one record under way. What comes out of a
//      tier, or was held, goes on with the turn that it has. All else in the wheel's lane, and all that was redriven, waits
//      for a turn as a new record.
//   3. Records without a key need no turn. Keys are known by a hash of 32 bits: two that share it take turns too.
//   4. A key that is not busy any more is told to the sources, so that what was parked for it is found without a search.
//   5. While TURNS_MAX keys are busy, or the group's snapshot has no room for more holds, no further key begins; lanes flow on,
//      and bring keys back.
//
// The order is that of the partition. What was in flight or in lanes when the order was set may be several records of a key:
// they come as their tiers bring them, and later ones wait for all of them.
//
// After a crash: derived, before the next record is acquired, from the runs, the lanes and what is held
// (key-turns-load.ts). Whoever does not know any more what is counted calls forget(), and it is derived again.

import { keyOfRecordBody, murmur2 } from '../../../storage/index.ts'
import type { SnapshotRoom } from '../group/snapshot-room.ts'

/** So many keys of a partition may be busy at a time. */
export const TURNS_MAX = 100_000

/** Whoever keeps records that wait for their key. */
export interface Waiting {
  keyFreed(hash: number): void
  keyTaken(hash: number): void
}

/** A key's hash; 0 for none. */
export function hashOfKey(key: Uint8Array | null): number {
  return key === null ? 0 : murmur2(key) >>> 0 || 1
}

export function hashOfRecord(body: Uint8Array): number {
  return hashOfKey(keyOfRecordBody(body))
}

export class KeyTurns {
  readonly #room: SnapshotRoom | undefined
  readonly #waiting = new Set<Waiting>()
  /** By hash, how many records are under way; undefined while that is not known. */
  #counts: Map<number, number> | undefined
  /** Of copies that went to the lanes of tiers while it was looked up what is under way. */
  #sinceLoading: number[] | undefined

  /** `room` is that of the group's snapshot. */
  constructor(room?: SnapshotRoom) {
    this.#room = room
  }

  get isLoaded(): boolean {
    return this.#counts !== undefined
  }

  /** Whether no further key may begin. */
  get isFull(): boolean {
    return this.#counts === undefined || this.#counts.size >= TURNS_MAX || this.#room?.hasAllHolds === true
  }

  /** Nothing is free while nothing is known. */
  isBusy(hash: number): boolean {
    return hash !== 0 && (this.#counts === undefined || this.#counts.has(hash))
  }

  join(waiting: Waiting): void {
    this.#waiting.add(waiting)
  }

  leave(waiting: Waiting): void {
    this.#waiting.delete(waiting)
    this.forget()
  }

  /** A record begins its turn. */
  begin(hash: number): void {
    if (hash === 0 || this.#counts === undefined) return
    this.#add(hash)
    for (const waiting of this.#waiting) waiting.keyTaken(hash)
  }

  /** A copy of a record went to the lane of a tier, or is held: what is held is counted when loading ends. */
  goOn(hash: number, to: 'tier' | 'held'): void {
    if (to === 'tier') this.#sinceLoading?.push(hash)
    if (hash !== 0 && this.#counts !== undefined) this.#add(hash)
  }

  /** A record is no longer where it was. */
  end(hash: number): void {
    const count = this.#counts?.get(hash)
    if (count === undefined) return
    if (count > 1) {
      this.#counts?.set(hash, count - 1)
      return
    }
    this.#counts?.delete(hash)
    for (const waiting of this.#waiting) waiting.keyFreed(hash)
  }

  #add(hash: number): void {
    this.#counts?.set(hash, (this.#counts.get(hash) ?? 0) + 1)
  }

  forget(): void {
    this.#counts = undefined
    this.#sinceLoading = undefined
  }

  /** From now on copies that go to the lanes of tiers are remembered until loaded(). */
  beginLoading(): void {
    this.#counts = undefined
    this.#sinceLoading = []
  }

  /** What was found, a hash for each record; false when forget() came in between. */
  loaded(hashes: Iterable<number>): boolean {
    if (this.#sinceLoading === undefined) return false
    this.#counts = new Map()
    for (const hash of hashes) if (hash !== 0) this.#add(hash)
    for (const hash of this.#sinceLoading) if (hash !== 0) this.#add(hash)
    this.#sinceLoading = undefined
    return true
  }
}
