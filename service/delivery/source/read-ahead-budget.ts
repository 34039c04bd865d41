// The bound on what all sources together keep of what was read: whoever goes beyond it drops what was filled longest ago. Nobody
// loses anything by that but the reading.

const BUDGET_BYTES = 64 * 1024 * 1024

/** Whoever keeps what was read. */
export interface Droppable {
  drop(): void
}

export class ReadAheadBudget {
  readonly #sizes = new Map<Droppable, number>()
  readonly #bytesMax: number
  #bytes = 0

  constructor(bytesMax = BUDGET_BYTES) {
    this.#bytesMax = bytesMax
  }

  get bytes(): number {
    return this.#bytes
  }

  hold(buffer: Droppable, size: number): void {
    this.letGo(buffer)
    this.#sizes.set(buffer, size)
    this.#bytes += size
    for (const oldest of this.#sizes.keys()) {
      if (this.#bytes <= this.#bytesMax || oldest === buffer) return
      oldest.drop()
    }
  }

  letGo(buffer: Droppable): void {
    this.#bytes -= this.#sizes.get(buffer) ?? 0
    this.#sizes.delete(buffer)
  }
}
