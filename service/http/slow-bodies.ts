// Bodies that arrive too slowly: who sends a byte a second would hold the room of a whole body until the time for a request is
// over. Each has to bring at least so many bytes a second, looked at over WINDOW_MS: who pauses for some seconds, as networks
// do, is not cut off, and who brought much at the beginning has no credit for later.
//
// One look a second at those that are arriving; a body that arrives at once, as nearly all do, costs its place in a set.

import { type Clock, DwellError, type Timer } from '../../storage/index.ts'

export const WINDOW_MS = 10_000
const LOOK_MS = 1_000

/** A body on its way. */
export interface Arriving {
  /** Bytes that came so far. */
  size: number
  /** Ends it: what comes of it later is not taken. */
  cut(error: DwellError): void
}

interface Watched {
  /** When the window began, and what had come until then. */
  sinceMs: number
  size: number
}

export class SlowBodies {
  readonly #clock: Pick<Clock, 'monotonicMs' | 'setTimer'>
  readonly #bytesPerSecondMin: number
  /** What was seen of each; undefined before the first look. */
  readonly #arriving = new Map<Arriving, Watched | undefined>()
  #timer: Timer | undefined

  /** 0 bytes a second: any body may take the whole time of its request. */
  constructor(clock: Pick<Clock, 'monotonicMs' | 'setTimer'>, bytesPerSecondMin: number) {
    this.#clock = clock
    this.#bytesPerSecondMin = bytesPerSecondMin
  }

  begin(body: Arriving): void {
    if (this.#bytesPerSecondMin === 0) return
    this.#arriving.set(body, undefined)
    this.#timer ??= this.#clock.setTimer(() => this.#look(), LOOK_MS)
  }

  end(body: Arriving): void {
    this.#arriving.delete(body)
  }

  #look(): void {
    const nowMs = this.#clock.monotonicMs()
    for (const [body, watched] of this.#arriving) {
      if (watched !== undefined && nowMs - watched.sinceMs < WINDOW_MS) continue
      if (watched !== undefined && this.#isSlow(body.size - watched.size, nowMs - watched.sinceMs))
        body.cut(this.#error())
      else this.#arriving.set(body, { sinceMs: nowMs, size: body.size })
    }
    this.#timer = this.#arriving.size === 0 ? undefined : this.#clock.setTimer(() => this.#look(), LOOK_MS)
  }

  #isSlow(bytes: number, tookMs: number): boolean {
    return bytes * 1000 < this.#bytesPerSecondMin * tookMs
  }

  #error(): DwellError {
    const limit = this.#bytesPerSecondMin
    const sentence = `The body arrived with less than ${limit} bytes a second.`
    return new DwellError('REQUEST_TIMEOUT', sentence, { limit })
  }
}
