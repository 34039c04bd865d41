// Writes checkpoints of all parts from time to time, from the top down: what a part lets go of in the log, the engine's
// checkpoint then leaves out. They bound the work of the next start; nothing is lost without them.

import type { Clock, Log, Timer } from '../storage/index.ts'

export interface CheckpointsOptions {
  clock: Clock
  log: Log
  intervalMs: number
  /** In the order in which they are called, one after the other. */
  parts: readonly { checkpoint(): Promise<void> }[]
  onFailure: (error: unknown) => void
}

export class Checkpoints {
  readonly #options: CheckpointsOptions
  #timer: Timer | undefined
  #running: Promise<void> | undefined
  #stopped = false
  #count = 0
  #lastMs: number

  constructor(options: CheckpointsOptions) {
    this.#options = options
    this.#lastMs = options.clock.monotonicMs()
  }

  start(): void {
    const { clock, intervalMs, onFailure } = this.#options
    this.#timer = clock.setTimer(() => {
      this.run().then(() => {
        if (!this.#stopped) this.start()
      }, onFailure)
    }, intervalMs)
  }

  /** Writes one now, or waits for the one under way. */
  run(): Promise<void> {
    this.#running ??= this.#write().finally(() => {
      this.#running = undefined
    })
    return this.#running
  }

  async stop(): Promise<void> {
    this.#stopped = true
    this.#timer?.cancel()
    await this.#running
  }

  stats(): { count: number; lastAgeMs: number } {
    return { count: this.#count, lastAgeMs: this.#options.clock.monotonicMs() - this.#lastMs }
  }

  async #write(): Promise<void> {
    const { clock, log, parts } = this.#options
    const beganMs = clock.monotonicMs()
    for (const part of parts) await part.checkpoint()
    this.#count++
    this.#lastMs = clock.monotonicMs()
    log.debug({ tookMs: Math.round(this.#lastMs - beganMs) }, 'A checkpoint is written.')
  }
}
