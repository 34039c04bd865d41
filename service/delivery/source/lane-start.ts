// What lay in a lane when its group went to work, and when that came there.
//
// A wall clock that was ahead, and that a restart put right, leaves records in a lane that were stamped in its time: they would
// wait until the hand is there again. But whatever lay here at the start came before it. So the stamp of such a record
// counts for no more than the start; with a stamp that is over it counts as it is.
//
// Always true:
//   1. Nothing is early: when the hand was behind at the start and was put right since, the start is put right with it, so
//      what lay here then waits for as long since, by the monotonic clock, as its tier is.
//   2. What came later counts as it is stamped. It lies behind, so the lane keeps its order.
//
// After a crash: a new start, with its own end.

import type { LogEngine, StoredRecord } from '../../../storage/index.ts'
import type { SourcePlace } from './source-place.ts'

export interface StartClocks {
  clock: { monotonicMs(): number }
  hand: { nowMs(): number }
}

export class LaneStart {
  readonly #clocks: StartClocks
  /** The offset behind what lay here. */
  readonly #end: number
  readonly #handMs: number
  readonly #monotonicMs: number

  constructor(end: number, clocks: StartClocks) {
    this.#clocks = clocks
    this.#end = end
    this.#handMs = clocks.hand.nowMs()
    this.#monotonicMs = clocks.clock.monotonicMs()
  }

  /** The start, as the hand tells it by now; a whole number. */
  get #atMs(): number {
    const { clock, hand } = this.#clocks
    return Math.max(this.#handMs, Math.ceil(hand.nowMs() - (clock.monotonicMs() - this.#monotonicMs)))
  }

  /** When a record came into the lane, as far as its stamp can be believed. */
  cameAtMs({ offset, timestampMs }: Pick<StoredRecord, 'offset' | 'timestampMs'>): number {
    return offset < this.#end && timestampMs > this.#handMs ? Math.min(timestampMs, this.#atMs) : timestampMs
  }

  /**
   * The first offset in the lane whose record came at `timeMs` or later; the high watermark when there is none.
   * @throws what LogEngine.offsetForTime() throws
   */
  offsetSince({ topic, partition }: SourcePlace, timeMs: number, engine: LogEngine): Promise<number> {
    return engine.offsetForTime(topic, partition, timeMs, timeMs > this.#atMs ? this.#end : 0)
  }
}
