// Something that all endpoints share and of which there is only so much: sockets, bytes in flight.
//
// Always true:
//   1. Half of it is parted equally among those who share it: that much each of them gets at any time, whatever the others
//      hold. The other half goes to whoever asks first.
//   2. No more than the total is given out; but who joins gets its part though others still hold it, and everybody gets one.
//   3. Who was refused is told when there is room again, those who have waited longest first and few at a time: of a thousand
//      that are refused all the time, each end of a push would wake all. Nobody depends on being told: who is refused holds
//      something, and asks again when that ends.

const TOLD_MAX = 4

export class SharedBound {
  readonly #total: number
  readonly #shares = new Set<Share>()
  /** Who got less than was wanted. */
  readonly #refused = new Set<Share>()
  #own = 0
  #held = 0
  /** Held by anybody beyond the own part. */
  #beyond = 0

  constructor(total: number) {
    this.#total = total
  }

  get held(): number {
    return this.#held
  }

  /** `onRoom` is called after take() gave less than was wanted, when there may be more. */
  join(onRoom: () => void): Share {
    const share = new Share(this, onRoom)
    this.#shares.add(share)
    this.#part()
    return share
  }

  /** What it held is free; it gets nothing more, and is told nothing. */
  leave(share: Share): void {
    this.#shares.delete(share)
    this.#refused.delete(share)
    this.#held -= share.held
    share.held = 0
    this.#part()
    this.#tell()
  }

  #part(): void {
    this.#own = Math.max(1, Math.floor(this.#total / 2 / this.#shares.size))
    this.#beyond = 0
    for (const { held } of this.#shares) this.#beyond += Math.max(0, held - this.#own)
  }

  /** How many of `wanted` the share gets. */
  admit(share: Share, wanted: number): number {
    if (!this.#shares.has(share)) return 0
    const own = Math.min(wanted, Math.max(0, this.#own - share.held))
    const free = this.#total - this.#own * this.#shares.size - this.#beyond
    const count = own + Math.max(0, Math.min(wanted - own, free))
    if (count < wanted) this.#refused.add(share)
    return count
  }

  moved(share: Share, before: number): void {
    const after = share.held
    if (!this.#shares.has(share)) return
    this.#held += after - before
    this.#beyond += Math.max(0, after - this.#own) - Math.max(0, before - this.#own)
    if (after < before) this.#tell()
  }

  #tell(): void {
    const told: Share[] = []
    for (const share of this.#refused) {
      if (told.push(share) === TOLD_MAX) break
    }
    for (const share of told) this.#refused.delete(share)
    for (const share of told) share.onRoom()
  }
}

export class Share {
  readonly #bound: SharedBound
  readonly onRoom: () => void
  held = 0

  constructor(bound: SharedBound, onRoom: () => void) {
    this.#bound = bound
    this.onRoom = onRoom
  }

  /** How many of `wanted` take() would give now. */
  offer(wanted: number): number {
    return this.#bound.admit(this, wanted)
  }

  /** Takes up to `wanted`; answers how many. */
  take(wanted: number): number {
    const count = this.offer(wanted)
    this.#move(count)
    return count
  }

  /** Takes what is needed already, whether there is room or not. */
  force(count: number): void {
    this.#move(count)
  }

  give(count: number): void {
    this.#move(-count)
  }

  #move(count: number): void {
    const before = this.held
    this.held += count
    if (count !== 0) this.#bound.moved(this, before)
  }
}
