// How much of `__delay` must be kept. It is cut into stretches of a fixed number of offsets; each remembers until when its
// entries may still be needed to build a slot anew: the latest due time of those that went to a slot. What went to
// overflow is kept there. The checkpoint carries the stretches.

const STRETCH_OFFSETS = 8192

export interface Stretch {
  fromOffset: number
  /** The latest due time of a message that went to a slot. What withdraws one comes behind it, so is kept as well. */
  neededUntilMs: number
}

export class DelayRetention {
  #stretches: Stretch[]

  constructor(stretches: readonly Stretch[] = []) {
    this.#stretches = stretches.map((stretch) => ({ ...stretch }))
  }

  /** The entry at `offset` is in a slot until `dueAtMs`. Offsets come in rising order. */
  note(offset: number, dueAtMs: number): void {
    const last = this.#stretches.at(-1)
    if (last === undefined || offset >= last.fromOffset + STRETCH_OFFSETS) {
      this.#stretches.push({ fromOffset: offset, neededUntilMs: dueAtMs })
    } else if (dueAtMs > last.neededUntilMs) last.neededUntilMs = dueAtMs
  }

  /** The first offset that is still needed when all that is due up to `doneMs` is done; `consumed` when none is. */
  neededFrom(doneMs: number, consumed: number): number {
    return this.#stretches.find(({ neededUntilMs }) => neededUntilMs > doneMs)?.fromOffset ?? consumed
  }

  /** Drops the stretches before `offset`. */
  forgetBefore(offset: number): void {
    this.#stretches = this.#stretches.filter(({ fromOffset }) => fromOffset >= offset)
  }

  stretches(): readonly Stretch[] {
    return this.#stretches
  }
}
