// What a snapshot of one group has room for: it must fit into one append, so what may become a million rows is bounded by what an
// append may carry. Parked places have 3/8 of it and holds 1/8; the other half is for runs, settings, and the copies that
// stand in the same append.
//
// Derived: whoever keeps such rows says how many came and went.

/** In a snapshot; a hold at most. */
const PARKED_SIZE = 8
const HOLD_SIZE = 20

export class SnapshotRoom {
  readonly #parkedMax: number
  readonly #holdsMax: number
  #parked = 0
  #holds = 0

  constructor(appendBytesMax: number) {
    this.#parkedMax = Math.floor((appendBytesMax * 3) / 8 / PARKED_SIZE)
    this.#holdsMax = Math.floor(appendBytesMax / 8 / HOLD_SIZE)
  }

  /** So many more places may be parked. */
  get parkedLeft(): number {
    return Math.max(0, this.#parkedMax - this.#parked)
  }

  /** While it is so no further key may begin: what is under way may become holds yet, and there is room for that. */
  get hasAllHolds(): boolean {
    return this.#holds >= this.#holdsMax
  }

  /** So many places were parked, or with less than 0 went. */
  parked(count: number): void {
    this.#parked += count
  }

  held(count: number): void {
    this.#holds += count
  }
}
