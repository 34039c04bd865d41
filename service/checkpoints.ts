// Writes checkpoints of the parts above the log, one after the other, from time to time and after so much journal. They
// bound the work of the next start; nothing is lost without them. The log writes its own (storage/log/checkpointer.ts):
// what a part lets go of here, the next one of those leaves out.

import type { Clock, Log, Timer } from '../storage/index.ts'

/** How often it looks whether there was so much journal. */
const LOOK_MS = 1_000

export interface CheckpointsOptions {
  clock: Clock
  log: Log
  intervalMs: number
  /** So much journal since the last one makes for another. */
  journalBytesMax: number
  /** Bytes of journal written so far. */
  journalBytes: () => number
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
  #lastJournalBytes = 0

  constructor(options: CheckpointsOptions) {
    this.#options = options
    this.#lastMs = options.clock.monotonicMs()
  }

  start(): void {
    const { clock, intervalMs, onFailure } = this.#options
    const look = async () => {
      if (this.#isDue()) await this.run()
      if (!this.#stopped) this.start()
    }
    this.#timer = clock.setTimer(() => void look().catch(onFailure), Math.min(intervalMs, LOOK_MS))
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

  #isDue(): boolean {
    const { clock, intervalMs, journalBytes, journalBytesMax } = this.#options
    const passedMs = clock.monotonicMs() - this.#lastMs
    return passedMs >= intervalMs || journalBytes() - this.#lastJournalBytes >= journalBytesMax
  }

  async #write(): Promise<void> {
    const { clock, log, parts, journalBytes } = this.#options
    const beganMs = clock.monotonicMs()
    this.#lastJournalBytes = journalBytes()
    for (const part of parts) await part.checkpoint()
    this.#count++
    this.#lastMs = clock.monotonicMs()
    log.debug({ tookMs: Math.round(this.#lastMs - beganMs) }, 'A checkpoint is written.')
  }
}
