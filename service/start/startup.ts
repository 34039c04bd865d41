// A start, step by step: what it is at, for whoever asks meanwhile, and how long each step took, for the log.

import { type Clock, DwellError } from '../../storage/index.ts'
import type { Readiness } from './readiness.ts'

export interface StartupOptions {
  clock: Clock
  readiness: Readiness
  /** Aborted when the start is not wanted any more: it then ends before its next step. */
  unwanted: AbortSignal | undefined
}

export class Startup {
  readonly #options: StartupOptions
  readonly #beganMs: number
  readonly #stepsMs: Record<string, number> = {}
  #step: { name: string; beganMs: number } | undefined
  #took = { tookMs: 0, atMs: 0 }

  constructor(options: StartupOptions) {
    this.#options = options
    this.#beganMs = options.clock.monotonicMs()
  }

  /**
   * Goes on to the next step, which readiness waits for as `sentence` says.
   * @throws ENGINE_CLOSED when the start is not wanted any more
   */
  next(step: string, sentence: string): void {
    const { readiness, unwanted } = this.#options
    if (unwanted?.aborted) throw new DwellError('ENGINE_CLOSED', 'The service was told to stop while it was starting.')
    this.#end()
    this.#step = { name: step, beganMs: this.#options.clock.monotonicMs() }
    readiness.doing(sentence)
  }

  /** Ends the last step: how long each took, and all of it, in whole milliseconds. */
  done(): { tookMs: number; stepsMs: Readonly<Record<string, number>> } {
    const { clock } = this.#options
    this.#end()
    this.#took = { tookMs: Math.round(clock.monotonicMs() - this.#beganMs), atMs: clock.wallMs() }
    return { tookMs: this.#took.tookMs, stepsMs: this.#stepsMs }
  }

  /** How long all of it took, and when it was done; 0 before that. */
  get took(): { tookMs: number; atMs: number } {
    return this.#took
  }

  #end(): void {
    if (this.#step === undefined) return
    this.#stepsMs[this.#step.name] = Math.round(this.#options.clock.monotonicMs() - this.#step.beganMs)
  }
}
