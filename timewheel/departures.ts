// Who waits for a message to leave where it waits: dispatched, or taken away. Keyed by its offset in `__delay`: ten thousand a
// second leave, and hardly anybody waits.

export class Departures {
  readonly #waiting = new Map<number, PromiseWithResolvers<void>>()
  #error: unknown

  /** Resolves when the message at `offset`, which is still there, leaves. */
  of(offset: number): Promise<void> {
    if (this.#error !== undefined) return Promise.reject(this.#error)
    let waiting = this.#waiting.get(offset)
    if (waiting === undefined) this.#waiting.set(offset, (waiting = Promise.withResolvers()))
    return waiting.promise
  }

  /** These messages have left. */
  left(places: readonly { offset: number }[]): void {
    if (this.#waiting.size === 0) return
    for (const { offset } of places) {
      this.#waiting.get(offset)?.resolve()
      this.#waiting.delete(offset)
    }
  }

  /** No message leaves any more. */
  end(error: unknown): void {
    this.#error ??= error
    for (const { reject } of this.#waiting.values()) reject(error)
    this.#waiting.clear()
  }
}
