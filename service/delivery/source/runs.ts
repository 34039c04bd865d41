// The runs of a source: all of its records that are in flight.
//
// Always true: they lie in order of offset, do not overlap, and each has an open record.

import { assert } from '../../../storage/index.ts'
import { MOVES, type Run, Status } from './run.ts'

export class Runs {
  #list: Run[] = []
  #open = 0

  get list(): readonly Run[] {
    return this.#list
  }

  /** How many records are not finished. */
  get open(): number {
    return this.#open
  }

  /** The first record that is not finished; undefined when there is none. */
  get firstOpen(): number | undefined {
    return this.#list[0]?.firstOpen
  }

  clear(): void {
    this.#list = []
    this.#open = 0
  }

  add(run: Run): void {
    const last = this.#list[this.#list.length - 1]
    if (last === undefined || last.end <= run.first) this.#list.push(run)
    else this.#list.splice(this.#indexOf(run.first), 0, run)
    this.#open += run.open
  }

  /** The run that holds `offset`. */
  find(offset: number): Run | undefined {
    const run = this.#list[this.#indexOf(offset)]
    return run !== undefined && offset >= run.first ? run : undefined
  }

  /** The place of the first run that ends behind `offset`. */
  #indexOf(offset: number): number {
    let low = 0
    let high = this.#list.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#list[middle].end <= offset) low = middle + 1
      else high = middle
    }
    return low
  }

  /** Finishes `count` records from `first` on; all of them are leaving. `finished` is told the hash of each one's key. */
  finish(first: number, count: number, finished: (hash: number) => void): void {
    const from = this.#indexOf(first)
    let to = from
    let gone = 0
    for (let offset = first; offset < first + count; offset++) {
      while (offset >= this.#list[to].end) to++
      const run = this.#list[to]
      assert(run.move(offset, MOVES.finish), 'what is finished was leaving')
      finished(run.hashOf(offset))
      if (run.open === 0) gone++
    }
    this.#open -= count
    if (gone === 0) return
    if (gone === to - from + 1) this.#list.splice(from, gone)
    else this.#list = this.#list.filter((run) => run.open > 0)
  }

  /** Gives `count` records from `first` on a lock of their own; where only part of a run changes, it is parted. */
  renew(first: number, count: number, lock: { lockMs: number; deadlineMs: number }): void {
    const end = first + count
    const parted: Run[] = []
    for (const run of this.#list) {
      const from = Math.max(first, run.first)
      const to = Math.min(end, run.end)
      if (from >= to) {
        parted.push(run)
        continue
      }
      const renewed = from === run.first && to === run.end ? run : run.part(from, to)
      renewed.lockMs = lock.lockMs
      renewed.deadlineMs = lock.deadlineMs
      if (from > run.first) parted.push(run.part(run.first, from))
      parted.push(renewed)
      if (to < run.end) parted.push(run.part(to, run.end))
    }
    this.#list = parted.filter((run) => run.open > 0)
  }

  /** Calls `visit` for every acquired record of a run whose lock is over at `nowMs`. */
  expired(nowMs: number, visit: (run: Run, offset: number) => void): void {
    for (const run of this.#list) {
      if (run.deadlineMs > nowMs) continue
      for (let i = 0; i < run.statuses.length; i++) {
        if (run.statuses[i] === Status.acquired) visit(run, run.first + i)
      }
    }
  }

  /** The first deadline behind `nowMs`; infinity when there is none. */
  nextDeadlineMs(nowMs: number): number {
    let nextMs = Number.POSITIVE_INFINITY
    for (const { deadlineMs } of this.#list) if (deadlineMs > nowMs && deadlineMs < nextMs) nextMs = deadlineMs
    return nextMs
  }
}
