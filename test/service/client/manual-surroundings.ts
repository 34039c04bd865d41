// A clock that a test moves, and chance that is none.

import type { Surroundings } from '../../../service/client/index.ts'

export class ManualSurroundings implements Surroundings {
  #nowMs = 1_000
  #tokens = 0
  #suspendedMs = 0
  readonly #tasks = new Map<() => void, number>()

  monotonicMs(): number {
    return this.#nowMs
  }

  wallMs(): number {
    return this.#nowMs + this.#suspendedMs + 1_700_000_000_000
  }

  /** Wall time goes on, nothing else does. */
  suspend(ms: number): void {
    this.#suspendedMs += ms
  }

  after(delayMs: number, task: () => void): () => void {
    const once = () => task()
    this.#tasks.set(once, this.#nowMs + delayMs)
    return () => this.#tasks.delete(once)
  }

  fraction(): number {
    return 0.5
  }

  token(): string {
    return `token-${++this.#tokens}`
  }

  /** How many timers wait. */
  get waiting(): number {
    return this.#tasks.size
  }

  /** Moves the clock, task by task; what each begins has its turn before the next. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms
    for (;;) {
      await turns()
      const [next] = [...this.#tasks].filter(([, atMs]) => atMs <= untilMs).sort(([, a], [, b]) => a - b)
      if (next === undefined) break
      const [task, atMs] = next
      this.#nowMs = Math.max(this.#nowMs, atMs)
      this.#tasks.delete(task)
      task()
    }
    this.#nowMs = untilMs
    await turns()
  }
}

/** All that can happen without the clock has happened. */
export async function turns(): Promise<void> {
  for (let i = 0; i < 10; i++) await new Promise((resolve) => setImmediate(resolve))
}
