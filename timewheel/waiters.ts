// Who waits for something to become true of the wheel. Looked at where it may have changed; all get an answer, also when the
// wheel stops.

export class Waiters {
  #waiting: { holds: () => boolean; done: PromiseWithResolvers<void> }[] = []
  #error: unknown

  /** Resolves when `holds` does: at once, or at one of the next looks. */
  async until(holds: () => boolean): Promise<void> {
    if (this.#error !== undefined) throw this.#error
    if (holds()) return
    const done = Promise.withResolvers<void>()
    this.#waiting.push({ holds, done })
    await done.promise
  }

  /** Answers those for whom it holds by now. */
  look(): void {
    if (this.#waiting.length === 0) return
    this.#waiting = this.#waiting.filter(({ holds, done }) => {
      if (!holds()) return true
      done.resolve()
      return false
    })
  }

  /** Nothing becomes true any more: whoever waits, or comes later, gets this error. */
  end(error: unknown): void {
    this.#error ??= error
    for (const { done } of this.#waiting.splice(0)) done.reject(error)
  }
}
