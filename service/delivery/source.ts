// One partition of a topic or of a lane, as a group sees it.
//
// Always true:
//   1. Every record below `next` was acquired once: it is in a run, or finished. No record at or above `next` was.
//   2. Runs lie in order of offset, do not overlap, and each has an open record.
//   3. The start offset is the first record that is not finished: it moves over finished ones by itself.
//   4. What was read ahead begins at `next`.
//
// After a crash: rebuilt by the same calls from `__groups` (group-log.ts).

import { assert, DwellError, type LogEngine, readPage, type StoredRecord } from '../../storage/index.ts'
import { type LaneKind, laneTier } from './lane.ts'
import { ReadAhead, type ReadAheadBudget } from './read-ahead.ts'
import { MOVES, Run, Status } from './run.ts'

/** What a source is part of: the group's topic, the lane of a tier, or one that the wheel or a redrive fills. */
export type SourceKind = 'topic' | LaneKind

export interface SourcePlace {
  /** Names the source in receipts and in `__groups`; never used again in this group. */
  index: number
  kind: SourceKind
  /** How long records wait here after their timestamp; 0 but for tiers. */
  tierMs: number
  topic: string
  topicId: number
  partition: number
}

const READ_SIZE = 1024 * 1024

export class Source {
  readonly place: SourcePlace
  readonly #ahead: ReadAhead
  next: number
  highWatermark: number
  runs: Run[] = []
  /** Acquired and not finished. */
  inFlight = 0
  /** Grows when the position is set by hand: what began before must not be finished after. */
  epoch = 0
  /** The offset behind what was read ahead. */
  #readEnd: number
  /** When the record at `next` is due; undefined while nobody looked. */
  #headDueMs: number | undefined

  constructor(place: SourcePlace, next: number, highWatermark: number, budget: ReadAheadBudget) {
    this.place = place
    this.next = next
    this.#readEnd = next
    this.highWatermark = highWatermark
    this.#ahead = new ReadAhead(budget)
  }

  get startOffset(): number {
    return this.runs.length > 0 ? this.runs[0].firstOpen : this.next
  }

  /** Records that nobody acquired yet, due or not. */
  get available(): number {
    return Math.max(0, this.highWatermark - this.next)
  }

  /** Records read ahead. */
  get readCount(): number {
    return this.#ahead.count
  }

  get tier(): string | undefined {
    return this.place.kind === 'topic' ? undefined : laneTier(this.place.kind, this.place.tierMs)
  }

  /** How many records read ahead are due, at most `max`. A lane is in due order: the first that is not ends the count. */
  ready(nowMs: number, max: number): number {
    const count = Math.max(0, Math.min(this.#ahead.count, max))
    if (this.place.tierMs === 0) return count
    let due = 0
    while (due < count && this.#ahead.peek(due).timestampMs + this.place.tierMs <= nowMs) due++
    return due
  }

  /** Whether reading could make more than the ready records available. */
  hungry(nowMs: number, max: number): boolean {
    const { count } = this.#ahead
    if (count === 0) return this.next < this.highWatermark && (this.#headDueMs ?? nowMs) <= nowMs
    if (count >= max || this.#readEnd >= this.highWatermark) return false
    return this.ready(nowMs, count) === count
  }

  /** When its first record is due; undefined when there is none, or nobody looked yet. */
  get headDueMs(): number | undefined {
    if (this.#ahead.count > 0) this.#headDueMs = this.#ahead.peek(0).timestampMs + this.place.tierMs
    return this.next < this.highWatermark ? this.#headDueMs : undefined
  }

  /** Reads on. Where retention took records that nobody acquired, goes on behind them. */
  async fill(engine: LogEngine): Promise<void> {
    const { topic, partition } = this.place
    const { epoch } = this
    if (this.#ahead.count === 0) this.#readEnd = this.next
    const from = this.#readEnd
    let bytes: Buffer
    try {
      bytes = await engine.read(topic, partition, from, READ_SIZE)
    } catch (error) {
      if (!(error instanceof DwellError) || error.code !== 'OFFSET_OUT_OF_RANGE' || this.epoch !== epoch) throw error
      const { logStartOffset } = engine.offsets(topic, partition)
      if (logStartOffset <= from) throw error
      this.skipTo(logStartOffset)
      return
    }
    if (this.epoch !== epoch || this.#readEnd !== from || (this.#ahead.count === 0 && this.next !== from)) return
    const { records, nextOffset } = readPage(bytes, from)
    if (records.length === 0) {
      this.#passOver(Math.max(nextOffset, from + 1))
      return
    }
    this.#ahead.add(records, bytes.length)
    this.#readEnd = nextOffset
  }

  /** No record lies here (a control batch, a compacted one): go on at `offset`. */
  #passOver(offset: number): void {
    this.#readEnd = Math.min(offset, this.highWatermark)
    if (this.#ahead.count === 0) this.next = this.#readEnd
  }

  /** Gives up the records from `next` to before `offset`: deleted by retention, or damaged. */
  skipTo(offset: number): void {
    this.#moveTo(Math.min(Math.max(this.next, offset), this.highWatermark))
  }

  /** The record at `index` of those read ahead. */
  peek(index: number): StoredRecord {
    return this.#ahead.peek(index)
  }

  /** Acquires the next `count` records read ahead, a run for each stretch without gaps; answers the new runs. */
  acquire(count: number, token: Buffer, lock: { lockMs: number; deadlineMs: number }): Run[] {
    assert(count <= this.#ahead.count, 'only what was read is acquired')
    const runs: Run[] = []
    for (let from = 0; from < count; ) {
      const first = this.#ahead.peek(from).offset
      let to = from + 1
      while (to < count && this.#ahead.peek(to).offset === first + to - from) to++
      runs.push(Run.acquired(first, to - from, token, lock))
      from = to
    }
    this.#ahead.skip(count)
    for (const run of runs) this.addRun(run)
    this.#headDueMs = undefined
    return runs
  }

  /** Appends a run behind all others. */
  addRun(run: Run): void {
    assert(run.first >= this.next, 'a record is acquired once')
    this.runs.push(run)
    this.inFlight += run.open
    this.next = run.end
    if (this.#ahead.count === 0) this.#readEnd = this.next
  }

  /** The run that holds `offset`. */
  find(offset: number): Run | undefined {
    const run = this.runs[this.#indexOf(offset)]
    return run !== undefined && offset >= run.first ? run : undefined
  }

  /** The place of the first run that ends behind `offset`. */
  #indexOf(offset: number): number {
    let low = 0
    let high = this.runs.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.runs[middle].end <= offset) low = middle + 1
      else high = middle
    }
    return low
  }

  /** Finishes `count` records from `first` on; all of them are leaving. */
  finish(first: number, count: number): void {
    const from = this.#indexOf(first)
    let to = from
    let gone = 0
    for (let offset = first; offset < first + count; offset++) {
      while (offset >= this.runs[to].end) to++
      const run = this.runs[to]
      assert(run.move(offset, MOVES.finish), 'what is finished was leaving')
      if (run.open === 0) gone++
    }
    this.inFlight -= count
    if (gone === 0) return
    if (gone === to - from + 1) this.runs.splice(from, gone)
    else this.runs = this.runs.filter((run) => run.open > 0)
  }

  /** Gives `count` records from `first` on a lock of their own; where only part of a run changes, it is parted. */
  renew(first: number, count: number, lock: { lockMs: number; deadlineMs: number }): void {
    const end = first + count
    const parted: Run[] = []
    for (const run of this.runs) {
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
    this.runs = parted.filter((run) => run.open > 0)
  }

  /** Sets the position by hand; what is in flight is let go, its receipts match nothing any more. */
  reset(next: number): void {
    this.epoch++
    this.runs = []
    this.inFlight = 0
    this.#moveTo(next)
  }

  #moveTo(next: number): void {
    this.#ahead.drop()
    this.#headDueMs = undefined
    this.next = next
    this.#readEnd = next
  }

  /** Calls `visit` for every acquired record of a run whose lock is over at `nowMs`. */
  expired(nowMs: number, visit: (run: Run, offset: number) => void): void {
    for (const run of this.runs) {
      if (run.deadlineMs > nowMs) continue
      for (let i = 0; i < run.statuses.length; i++) {
        if (run.statuses[i] === Status.acquired) visit(run, run.first + i)
      }
    }
  }

  /** The first deadline behind `nowMs`; infinity when there is none. */
  nextDeadlineMs(nowMs: number): number {
    let nextMs = Number.POSITIVE_INFINITY
    for (const { deadlineMs } of this.runs) if (deadlineMs > nowMs && deadlineMs < nextMs) nextMs = deadlineMs
    return nextMs
  }
}

/** Whether an engine's error says that the place is no longer there. */
export function isGone(error: unknown): boolean {
  return error instanceof DwellError && (error.code === 'TOPIC_NOT_FOUND' || error.code === 'PARTITION_NOT_FOUND')
}
