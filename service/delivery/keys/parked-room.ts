// How many records all sources together may have passed over, beyond the part that each has for itself: a key with a million
// records fills memory no further than this, and however full it is, every other source looks ahead as far as its own part.
// How many one group may have is bounded by its snapshot besides (snapshot-room.ts).

export class ParkedRoom {
  readonly #max: number
  #taken = 0

  constructor(max = 1_500_000) {
    this.#max = max
  }

  get left(): number {
    return Math.max(0, this.#max - this.#taken)
  }

  /** Takes so much, or with less than 0 gives it back. */
  take(count: number): void {
    this.#taken += count
  }
}
