// One partition of a topic or of a lane, as a group sees it.
//
// Always true:
//   1. Every record below `next` was acquired once, or passed over: it is in a run, parked, or finished. No record at or
//      above `next` was.
//   2. What is in flight is in runs (runs.ts).
//   3. The start offset is the first record that is not finished: it moves over finished ones by itself.
//   4. What was read ahead begins at `next`.
//   5. Where keys take turns, records are passed over (parked) only while their key is busy, or others of it are parked.
//      The lane of a tier passes over none: what waits there has its key's turn.
//
// After a crash: rebuilt by the same calls from `__groups` (group-log.ts).

import { assert, DwellError, type LogEngine, readPage, type StoredRecord } from '../../../storage/index.ts'
import type { DeltaWriter } from '../group/group-log.ts'
import { Holds } from '../keys/holds.ts'
import { hashOfRecord, type KeyTurns } from '../keys/key-turns.ts'
import { Parked } from '../keys/parked.ts'
import { laneTier } from '../lane.ts'
import type { LaneStart } from './lane-start.ts'
import { ReadAhead } from './read-ahead.ts'
import type { ReadAheadBudget } from './read-ahead-budget.ts'
import { Run } from './run.ts'
import { Runs } from './runs.ts'
import type { SourcePlace } from './source-place.ts'

const READ_SIZE = 1024 * 1024
/** While something is there, no more than this is read: one call gets no more. */
const AHEAD_BYTES_MAX = 16 * 1024 * 1024

/** Whoever has something ready does not look further than behind so many whose keys are busy; who has not, does. */
const LOOK_AHEAD_MAX = 4_000

export class Source {
  readonly place: SourcePlace
  readonly #ahead: ReadAhead
  next: number
  highWatermark: number
  readonly #runs = new Runs()
  /** Passed over because their key was busy. */
  readonly parked: Parked
  /** What is on its way into this lane through the wheel, where keys take turns. */
  readonly holds = new Holds()
  /** Where it began, or was set to by hand: of what lies before, the group never knew. 0 when it began in an older version. */
  began: number
  /** Of a lane that the wheel fills: where it ends when all that was sent has come. Stands in `__groups`. */
  wheelEnd = 0
  /** Grows when the position is set by hand: what began before must not be finished after. */
  epoch = 0
  /** The offset behind what was read ahead. */
  #readEnd: number
  /** What lay here when the group went to work; undefined before that, and where nothing did. */
  start: LaneStart | undefined
  /** When the record at `next` is due; undefined while nobody looked. */
  #headDueMs: number | undefined
  #turns: KeyTurns | undefined

  constructor(place: SourcePlace, next: number, highWatermark: number, budget: ReadAheadBudget) {
    this.place = place
    this.next = next
    this.began = next
    this.#readEnd = next
    this.highWatermark = highWatermark
    this.#ahead = new ReadAhead(budget)
    this.parked = new Parked(budget)
  }

  /** Those that the keys of its partition take; undefined when there is no order. */
  get turns(): KeyTurns | undefined {
    return this.#turns
  }

  set turns(turns: KeyTurns | undefined) {
    this.#turns?.leave(this.parked)
    this.#turns = turns
    turns?.join(this.parked)
    this.sortParked()
  }

  /** To be called when all turns are known. */
  sortParked(): void {
    const turns = this.#turns
    this.parked.sort((hash) => turns?.isBusy(hash) ?? false)
  }

  /** Whether a record may have to wait for its key. */
  get #takesTurns(): boolean {
    return this.#turns !== undefined && this.place.kind !== 'tier'
  }

  get runs(): readonly Run[] {
    return this.#runs.list
  }

  /** Acquired and not finished. */
  get inFlight(): number {
    return this.#runs.open
  }

  get startOffset(): number {
    const first = this.#runs.firstOpen ?? this.next
    return Math.min(first, this.parked.firstOffset ?? first)
  }

  /** Records that nobody acquired yet, due or not. */
  get available(): number {
    return Math.max(0, this.highWatermark - this.next) + this.parked.count
  }

  /** A record went into the wheel, to come into this lane. */
  sent(): void {
    this.wheelEnd = Math.max(this.wheelEnd, this.highWatermark) + 1
  }

  /** Records on their way into this lane through the wheel. */
  get inWheel(): number {
    return Math.max(0, this.wheelEnd - this.highWatermark)
  }

  /** The first record that nobody has or had, due or not; undefined when there is none. */
  get headOffset(): number | undefined {
    if (this.available === 0) return undefined
    return this.parked.firstOffset ?? this.next
  }

  /** Records read ahead. */
  get readCount(): number {
    return this.#ahead.count
  }

  get tier(): string | undefined {
    return this.place.kind === 'topic' ? undefined : laneTier(this.place.kind, this.place.tierMs)
  }

  /** How many records that were read may be acquired, at most `max`. */
  ready(nowMs: number, max: number): number {
    const parked = this.#unparked(max).length
    const fresh = max - parked
    return parked + (this.#takesTurns ? this.#choose(fresh).length : this.#due(nowMs, fresh))
  }

  /** Parked records whose key is free by now. */
  #unparked(max: number): StoredRecord[] {
    return this.#turns?.isLoaded === false ? [] : this.parked.ready(max)
  }

  /** How many records read ahead are due, at most `max`. A lane is in due order: the first that is not ends the count. */
  #due(nowMs: number, max: number): number {
    const count = Math.max(0, Math.min(this.#ahead.count, max))
    if (this.place.tierMs === 0) return count
    let due = 0
    while (due < count && this.dueMs(this.#ahead.peek(due)) <= nowMs) due++
    return due
  }

  /** When a record that lies here came, as far as its stamp can be believed. */
  cameAtMs(record: Pick<StoredRecord, 'offset' | 'timestampMs'>): number {
    return this.start?.cameAtMs(record) ?? record.timestampMs
  }

  /** When a record that lies here may be acquired. */
  dueMs(record: Pick<StoredRecord, 'offset' | 'timestampMs'>): number {
    return this.cameAtMs(record) + this.place.tierMs
  }

  /** The first offset whose record came at `timeMs` or later; the high watermark when there is none. */
  offsetSince(timeMs: number, engine: LogEngine): Promise<number> {
    const { topic, partition } = this.place
    return this.start?.offsetSince(this.place, timeMs, engine) ?? engine.offsetForTime(topic, partition, timeMs)
  }

  /** Of those read ahead the first, at most `max`, whose key is free. The first that can neither begin nor be parked ends them. */
  #choose(max: number): StoredRecord[] {
    const turns = this.#turns
    const chosen: StoredRecord[] = []
    if (turns === undefined) return chosen
    const seen = new Set<number>()
    let { room } = this.parked
    for (let i = 0; i < this.#ahead.count && chosen.length < max; i++) {
      const record = this.#ahead.peek(i)
      const hash = this.#ahead.hash(i)
      if (this.holds.has(record) || (hash === 0 && turns.isLoaded)) {
        chosen.push(record)
      } else if (!turns.isLoaded) {
        break
      } else if (seen.has(hash) || turns.isBusy(hash) || this.parked.hasKey(hash)) {
        if (room-- <= 0) break
        seen.add(hash)
      } else {
        if (turns.isFull) break
        seen.add(hash)
        chosen.push(record)
      }
    }
    return chosen
  }

  /** Whether reading could make more than the ready records available. */
  hungry(nowMs: number, max: number): boolean {
    const { count } = this.#ahead
    if (count > 0 && this.#ahead.bytes >= AHEAD_BYTES_MAX) return false
    if (count > 0 && this.#takesTurns && this.parked.room === 0) return false
    if (this.#takesTurns && this.parked.count + count >= LOOK_AHEAD_MAX && this.ready(nowMs, 1) > 0) return false
    if (count === 0) return this.next < this.highWatermark && (this.#headDueMs ?? nowMs) <= nowMs
    if (this.#readEnd >= this.highWatermark) return false
    if (this.#takesTurns) return this.#turns?.isFull === false && this.#choose(max).length < max
    return count < max && this.#due(nowMs, count) === count
  }

  /** When its first record is due; undefined when there is none, or nobody looked yet. */
  get headDueMs(): number | undefined {
    if (this.#ahead.count > 0) this.#headDueMs = this.dueMs(this.#ahead.peek(0))
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
    // Keys may have waited for what is given up.
    if (this.place.kind === 'tier') this.#turns?.forget()
    this.#moveTo(Math.min(Math.max(this.next, offset), this.highWatermark))
  }

  /** The next `count` records, of those that are ready; parked ones are the first. */
  peek(count: number): StoredRecord[] {
    const records = this.#unparked(count)
    const fresh = count - records.length
    if (this.#takesTurns) return records.concat(this.#choose(fresh))
    for (let i = 0; i < fresh; i++) records.push(this.#ahead.peek(i))
    return records
  }

  /** Parks what lies before the first record that may begin; whether there was anything. */
  parkBlocked(delta: DeltaWriter): boolean {
    if (!this.#takesTurns || !this.#turns?.isLoaded) return false
    const { next } = this
    const [first] = this.#choose(1)
    this.#parkBefore(first?.offset ?? Number.POSITIVE_INFINITY, delta)
    return this.next > next
  }

  #parkBefore(offset: number, delta: DeltaWriter): void {
    while (this.#ahead.count > 0 && this.parked.room > 0) {
      const record = this.#ahead.peek(0)
      const hash = this.#ahead.hash(0)
      if (record.offset >= offset || !(this.#turns?.isBusy(hash) || this.parked.hasKey(hash))) return
      this.#ahead.skip(1)
      this.park(record.offset, hash)
      this.parked.keep(record)
      delta.parked(this.place.index, record.offset, hash)
    }
  }

  /** Passes a record over, and all gaps before it. */
  park(offset: number, hash: number): void {
    assert(offset >= this.next, 'a record is passed over once')
    this.parked.add({ offset, hash })
    this.#goOn(offset + 1)
    if (this.#turns === undefined) this.parked.keyFreed(hash)
  }

  #goOn(next: number): void {
    this.next = next
    this.#headDueMs = undefined
    if (this.#ahead.count === 0) this.#readEnd = next
  }

  /**
   * Acquires records that peek() answered in this turn, a run for each stretch without gaps, and parks what lies between
   * them; answers the new runs. `delta` is told in order.
   */
  acquire(
    records: readonly StoredRecord[],
    token: Buffer,
    lock: { lockMs: number; deadlineMs: number },
    delta: DeltaWriter,
  ): Run[] {
    const runs: Run[] = []
    for (let from = 0; from < records.length; ) {
      const first = records[from].offset
      const isParked = first < this.next
      if (!isParked && this.#takesTurns) this.#parkBefore(first, delta)
      let to = from + 1
      while (to < records.length && records[to].offset === first + to - from) {
        if (records[to].offset < this.next !== isParked) break
        to++
      }
      if (!isParked) this.#ahead.skip(to - from)
      const run = Run.acquired(first, to - from, token, lock)
      if (this.#turns !== undefined) this.#takeTurns(run, records.slice(from, to), delta)
      this.addRun(run)
      delta.acquired(this.place.index, run)
      runs.push(run)
      from = to
    }
    this.#headDueMs = undefined
    return runs
  }

  #takeTurns(run: Run, records: readonly StoredRecord[], delta: DeltaWriter): void {
    run.hashes = new Uint32Array(records.length)
    for (const [i, record] of records.entries()) {
      const hash = hashOfRecord(record.body)
      run.hashes[i] = hash
      const held = this.holds.take(record)
      if (held !== undefined) delta.freed(this.place.index, held)
      else if (this.#takesTurns) this.#turns?.begin(hash)
    }
  }

  /** Adds a run: behind all others, or of what was parked between them. */
  addRun(run: Run): void {
    for (let offset = run.first; offset < Math.min(run.end, this.next); offset++) {
      assert(this.parked.has(offset), 'a record is acquired once')
      this.parked.remove(offset)
    }
    this.#runs.add(run)
    if (run.end > this.next) this.#goOn(run.end)
  }

  /** Gives up a parked record that is no longer there; false when it is not parked. */
  giveUp(offset: number): boolean {
    return this.parked.giveUp(offset)
  }

  /** The run that holds `offset`. */
  find(offset: number): Run | undefined {
    return this.#runs.find(offset)
  }

  /** Finishes `count` records from `first` on; all of them are leaving. */
  finish(first: number, count: number): void {
    this.#runs.finish(first, count, (hash) => this.#turns?.end(hash))
    for (let offset = first; offset < first + count; offset++) this.parked.finished(offset)
  }

  /** Gives `count` records from `first` on a lock of their own. */
  renew(first: number, count: number, lock: { lockMs: number; deadlineMs: number }): void {
    this.#runs.renew(first, count, lock)
  }

  /** Sets the position by hand; what is in flight is let go, its receipts match nothing any more. */
  reset(next: number): void {
    this.epoch++
    this.#runs.clear()
    this.parked.clear()
    this.#turns?.forget()
    this.began = next
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
    this.#runs.expired(nowMs, visit)
  }

  /** The first deadline behind `nowMs`; infinity when there is none. */
  nextDeadlineMs(nowMs: number): number {
    return this.#runs.nextDeadlineMs(nowMs)
  }
}
