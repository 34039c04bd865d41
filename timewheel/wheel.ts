// The wheel: consumes `__delay` in order, keeps each message until it is due, and dispatches it. Derived state, all of it.
//
// Where an entry is, by its place (dueAtMs, offset):
//
//        … hand ──────────── horizon ─────────────────── reach ─────────────────────────→ due
//     late │  ready queue      │  slots: memory and files   │  overflow
//
// Always true:
//   1. hand ≤ horizon ≤ moved ≤ reach; each only moves forward. Everything up to the horizon is in memory; every overflow
//      row up to `moved` has been copied into a slot.
//   2. The mark on disk is the hand after each step. An entry that arrives behind the hand is late: it is dispatched by the
//      step that moves C past it, before the hand moves on, and can no longer be cancelled.
//   3. Nothing is dispatched before all that was in `__delay` at the start is consumed: a cancel may lie there.
//   4. One loop does everything, one thing at a time; it looks at the state each time round and so heals itself. Writing
//      slots and reading the next one go on beside it.
//
// After a crash: recovery.ts decides, then `__delay` is consumed from the checkpoint on.

import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import {
  type Append,
  assert,
  type Clock,
  type Disk,
  DwellError,
  decodeRecordBody,
  type KeyValueStore,
  type Log,
  type LogEngine,
  readRecords,
  type Timer,
} from '../storage/index.ts'
import { type Checkpoint, writeCheckpoint } from './checkpoint.ts'
import { DelayRetention } from './delay-retention.ts'
import { Dispatcher, type DispatcherOptions } from './dispatcher.ts'
import {
  CANCEL,
  checkEnvelope,
  type DelayedRecord,
  dueAtMsOf,
  encodeCancel,
  encodeMessage,
  kindOf,
  targetOf,
  topicOf,
} from './entry.ts'
import type { HandClock } from './hand-clock.ts'
import { covers, findMark, lastMark, MARK_TOPIC, type Mark } from './mark.ts'
import { Overflow } from './overflow.ts'
import { comparePlaces, lastPlaceOf, messageId, type Place } from './place.ts'
import { ReadyQueue } from './ready-queue.ts'
import { recover } from './recovery.ts'
import type { Slot } from './slot.ts'
import {
  collectUnwritten,
  forEachEntry,
  PieceCollector,
  READY_ENTRY_OVERHEAD,
  type ReadyEntry,
  readSlotFile,
} from './slot-reader.ts'
import { Slots } from './slots.ts'
import { Window } from './window.ts'

export const DELAY_TOPIC = '__delay'
const CONSUME_BYTES = 1024 * 1024
const STEP_ENTRIES_MAX = 10_000
const STEP_BYTES_MAX = 4 * 1024 * 1024
const MOVE_ROWS = 1_000
/** How far ahead of the hand a slot is read. */
const LEAD_MS = 1_000
const HEARTBEAT_MS = 250
/** `__mark` is kept this much longer than look-ups need it, since it is trimmed only at checkpoints. */
const MARK_SPARE_MS = 10 * 60_000

export interface WheelOptions extends Pick<DispatcherOptions, 'onDispatch' | 'onLateness'> {
  engine: LogEngine
  disk: Disk
  clock: Clock
  hand: HandClock
  overflow: KeyValueStore
  /** The wheel's own folder. */
  directory: string
  log: Log
  /** How far the wheel reaches, in seconds. */
  slots: number
  /** Budget for entries that are in memory only. */
  memoryBytes: number
  /** Budget for entries read from a slot on their way to the hand. */
  readBytes: number
  /** How many seconds ahead slot files are held open. */
  windowSeconds: number
  /** How long look-ups remember what was dispatched and cancelled. */
  rememberMs: number
  /** Called once when the wheel cannot go on; the process must end. */
  onFailure: (error: unknown) => void
}

export type DelayedState =
  | { state: 'pending' | 'cancelled' | 'unknown' }
  | { state: 'dispatched'; partition?: number; offset?: number }

export class Wheel {
  readonly #options: WheelOptions
  readonly #slots: Slots
  readonly #window: Window
  readonly #overflow: Overflow
  readonly #dispatcher: Dispatcher
  readonly #ready = new ReadyQueue()
  #retention: DelayRetention
  #late: ReadyEntry[] = []
  /** Offset in `__delay` of the next entry to consume. */
  #consumed: number
  #hand: Place
  #horizon: Place
  #moved: Place
  #reachMs: number
  /** The last durable mark. */
  #mark: Mark
  readonly #markAtStart: Mark
  /** The slots are derived again, and all rows counted already. */
  readonly #deriving: boolean
  readonly #catchUpTo: number
  #caughtUp = false
  #reading: Promise<void> | undefined
  #checkpointWanted: { resolve: () => void; reject: (error: unknown) => void }[] = []
  #checkpointing: Promise<void> = Promise.resolve()
  #inCheckpoint = false
  readonly #consumedWaiters: { offset: number; resolve: () => void }[] = []
  #windowSecond = 0
  #cancelled = 0
  #slotsDerived = 0
  #lastTickMs: number
  #wake: (() => void) | undefined
  #woken = false
  #stopping = false
  #failure: unknown
  #loop: Promise<void> | undefined
  #unsubscribe: (() => void) | undefined
  readonly #whenReady: { promise: Promise<void>; resolve: () => void; reject: (error: unknown) => void }

  /**
   * Opens the wheel: reads its checkpoint and the mark. start() sets it going.
   * @throws OVERFLOW_LOST
   */
  static async open(options: WheelOptions): Promise<Wheel> {
    const { engine, disk, log, directory, hand, clock } = options
    for (const topic of [DELAY_TOPIC, MARK_TOPIC]) {
      if (engine.topic(topic) === undefined) await engine.createTopic(topic, { partitions: 1, cleanup: 'delete' })
    }
    const slotsDirectory = join(directory, 'slots')
    await disk.makeDirectory(slotsDirectory)
    const mark = await lastMark(engine)
    hand.notBefore(mark.hand.dueAtMs)
    const overflow = new Overflow(options.overflow, () => wheel.#wakeUp())
    const { checkpoint, because } = await recover({
      disk,
      log,
      checkpointPath: join(directory, 'checkpoint'),
      slotsDirectory,
      overflow,
      mark,
      delayLogStart: engine.offsets(DELAY_TOPIC, 0).logStartOffset,
      bootId: clock.bootId(),
    })
    const wheel: Wheel = new Wheel(options, slotsDirectory, overflow, mark, checkpoint)
    await wheel.#slots.deleteOthers()
    await wheel.#countOverflow(checkpoint)
    const fromOffset = wheel.#consumed
    log.info({ because, fromOffset, toOffset: wheel.#catchUpTo, overflowRows: overflow.count }, 'The wheel is open.')
    return wheel
  }

  private constructor(
    options: WheelOptions,
    slotsDirectory: string,
    overflow: Overflow,
    mark: Mark,
    checkpoint: Checkpoint | undefined,
  ) {
    const { engine, disk, clock, hand, memoryBytes } = options
    this.#options = options
    this.#slots = new Slots({ disk, directory: slotsDirectory, memoryBytes, onRelieved: () => this.#wakeUp() })
    this.#window = new Window(disk, options.windowSeconds)
    this.#overflow = overflow
    this.#dispatcher = new Dispatcher(options)
    this.#retention = new DelayRetention(checkpoint?.stretches)
    this.#mark = mark
    this.#markAtStart = mark
    this.#hand = mark.hand
    this.#horizon = mark.hand
    this.#deriving = checkpoint === undefined
    const { logStartOffset, highWatermark } = engine.offsets(DELAY_TOPIC, 0)
    this.#consumed = checkpoint?.consumed ?? logStartOffset
    this.#catchUpTo = highWatermark
    const handSecond = Math.floor((mark.hand.dueAtMs || hand.nowMs()) / 1000)
    const movedBefore = checkpoint?.moved ?? mark.hand
    this.#moved = comparePlaces(movedBefore, mark.hand) < 0 ? mark.hand : movedBefore
    this.#reachMs = Math.max(this.#moved.dueAtMs, (handSecond + options.slots) * 1000)
    for (const { second, count, fileSize } of checkpoint?.slots ?? []) {
      if (second >= Math.floor(mark.hand.dueAtMs / 1000)) this.#slots.restore(second, count, fileSize)
    }
    this.#lastTickMs = clock.monotonicMs()
    this.#whenReady = Promise.withResolvers<void>()
    this.#whenReady.promise.catch(() => {})
  }

  async #countOverflow(checkpoint: Checkpoint | undefined): Promise<void> {
    const overflow = this.#overflow
    if (checkpoint === undefined) overflow.count = await overflow.countRows(this.#moved, Number.MAX_SAFE_INTEGER)
    else {
      // Rows that were moved and dispatched after the checkpoint.
      const moved = await overflow.countRows(checkpoint.moved, this.#moved.dueAtMs)
      overflow.count = checkpoint.overflowCount - moved
      overflow.lastDueAtMs = checkpoint.overflowLastDueAtMs
    }
  }

  /** Sets the wheel going. Resolves when it has consumed what was in `__delay` at the start. */
  start(): Promise<void> {
    assert(this.#loop === undefined, 'a wheel is started once')
    this.#unsubscribe = this.#options.engine.onHighWatermark((topic) => {
      if (topic === DELAY_TOPIC) this.#wakeUp()
    })
    this.#loop = this.#run().catch((error) => this.#fail(error))
    return this.#whenReady.promise
  }

  /** Lets the step under way finish and stops. Nothing is lost without a checkpoint; the next start is quicker after one. */
  async stop(): Promise<void> {
    this.#stopping = true
    this.#wakeUp()
    await this.#loop
    await this.#reading
    await this.#checkpointing
    this.#unsubscribe?.()
    await this.#slots.written()
    await this.#overflow.close()
    await this.#window.close()
  }

  /** What keeps `records` in `__delay`: for the caller's append. Record i has the offset base + i, and with it its id. */
  append(records: readonly DelayedRecord[]): Append {
    const timestampMs = this.#options.hand.nowMs()
    return {
      topic: DELAY_TOPIC,
      partition: 0,
      records: records.map((record) => ({ timestampMs, body: encodeMessage(record) })),
    }
  }

  /**
   * Cancels a message; `id` is its own one if it has any. The answer is durable and will not change; `unknown` when no such
   * message is remembered.
   */
  async cancel(topic: string, place: Place, id = messageId(place)): Promise<'cancelled' | 'dispatched' | 'unknown'> {
    const { state } = await this.lookUp(topic, place, id)
    if (state !== 'pending') return state
    const timestampMs = this.#options.clock.wallMs()
    const records = [{ timestampMs, body: encodeCancel(place) }]
    const [offset] = await this.#options.engine.append([{ topic: DELAY_TOPIC, partition: 0, records }])
    await this.#untilConsumed(offset)
    return this.#overflow.cancelOf(place) === undefined ? 'dispatched' : 'cancelled'
  }

  /** What became of the message for `topic` at `place`; with its partition and offset once it is dispatched. */
  async lookUp(topic: string, place: Place, id = messageId(place)): Promise<DelayedState> {
    if (place.offset >= this.#consumed) await this.#untilConsumed(Math.min(place.offset, this.#highWatermark() - 1))
    if (this.#overflow.cancelOf(place) !== undefined) return { state: 'cancelled' }
    if (!covers(this.#mark, place)) return { state: (await this.#isKept(topic, place)) ? 'pending' : 'unknown' }
    const found = await findMark(this.#options.engine, place)
    if (found === undefined) return { state: 'unknown' }
    const at = await this.#findDispatched(topic, id, found.mark)
    return at ? { state: 'dispatched', ...at } : { state: 'unknown' }
  }

  /** Writes down where the wheel is, and lets go of what it needs no more. Resolves when that is durable. */
  checkpoint(): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure)
    return new Promise((resolve, reject) => {
      this.#checkpointWanted.push({ resolve, reject })
      this.#wakeUp()
    })
  }

  stats() {
    let inSlots = 0
    let slotFiles = 0
    for (const slot of this.#slots.values()) {
      inSlots += slot.count
      if (slot.fileSize > 0) slotFiles++
    }
    const next = this.#late[0] ?? this.#ready.peek()
    return {
      pending: inSlots + this.#ready.count + this.#late.length + this.#overflow.count,
      overdueMs: next === undefined ? 0 : Math.max(0, this.#options.hand.nowMs() - next.dueAtMs),
      dispatched: this.#dispatcher.dispatched,
      discarded: this.#dispatcher.discarded,
      cancelled: this.#cancelled,
      slotFlushes: this.#slots.flushes,
      slotFiles,
      slotsDerived: this.#slotsDerived,
      openHandles: this.#window.openCount,
      memoryBytes: this.#slots.memoryBytes + this.#ready.bytes,
      overflowRows: this.#overflow.count,
      lastTickAgeMs: this.#options.clock.monotonicMs() - this.#lastTickMs,
      handMs: this.#hand.dueAtMs,
      consumed: this.#consumed,
    }
  }

  // The loop.

  async #run(): Promise<void> {
    while (!this.#stopping) {
      this.#lastTickMs = this.#options.clock.monotonicMs()
      let busy = await this.#consume()
      if (this.#caughtUp) {
        busy = this.#extendHorizon() || busy
        busy = (await this.#dispatch()) || busy
        busy = (await this.#moveOverflow()) || busy
        await this.#slideWindow()
      }
      this.#slots.relieve()
      if (this.#checkpointWanted.length > 0 && !this.#inCheckpoint && this.#reading === undefined)
        this.#beginCheckpoint()
      // Reads from memory resolve without letting input and output have their turn.
      if (busy) await nextTurn()
      else await this.#sleep()
    }
  }

  async #sleep(): Promise<void> {
    if (this.#woken || this.#stopping) {
      this.#woken = false
      return
    }
    const nowMs = this.#options.hand.nowMs()
    const nextMs = this.#ready.peek()?.dueAtMs ?? Number.POSITIVE_INFINITY
    const delayMs = Math.max(0, Math.min(HEARTBEAT_MS, nextMs - nowMs))
    let timer: Timer | undefined
    await new Promise<void>((resolve) => {
      this.#wake = resolve
      timer = this.#options.clock.setTimer(resolve, delayMs)
    })
    timer?.cancel()
    this.#wake = undefined
    this.#woken = false
  }

  #wakeUp(): void {
    this.#woken = true
    this.#wake?.()
  }

  #fail(error: unknown): void {
    this.#failure = error
    this.#stopping = true
    this.#whenReady.reject(error)
    for (const { reject } of this.#checkpointWanted.splice(0)) reject(error)
    for (const { resolve } of this.#consumedWaiters.splice(0)) resolve()
    this.#options.onFailure(error)
  }

  // Consuming `__delay`.

  async #consume(): Promise<boolean> {
    const until = this.#highWatermark()
    if (!this.#caughtUp && this.#consumed >= this.#catchUpTo) {
      this.#caughtUp = true
      this.#whenReady.resolve()
    }
    if (this.#consumed >= until || this.#crowded()) return false
    const bytes = await this.#options.engine.read(DELAY_TOPIC, 0, this.#consumed, CONSUME_BYTES)
    for (const { offset, body } of readRecords(bytes, this.#consumed)) {
      const envelope = decodeRecordBody(body).value as Buffer
      checkEnvelope(envelope, offset)
      if (kindOf(envelope) === CANCEL) await this.#consumeCancel(offset, envelope)
      else this.#consumeMessage({ dueAtMs: dueAtMsOf(envelope), offset }, envelope)
      this.#consumed = offset + 1
    }
    this.#answerWaiters()
    return true
  }

  #crowded(): boolean {
    const lateBytes = this.#late.length * READY_ENTRY_OVERHEAD
    return this.#slots.crowded || this.#overflow.crowded || this.#ready.bytes + lateBytes > 2 * this.#options.readBytes
  }

  #consumeMessage(place: Place, envelope: Buffer): void {
    if (covers(this.#markAtStart, place)) return
    const { dueAtMs, offset } = place
    if (comparePlaces(place, this.#hand) <= 0) {
      this.#late.push({ dueAtMs, offset, envelope: Buffer.from(envelope), stored: false })
    } else if (!this.#caughtUp && comparePlaces(place, this.#moved) > 0 && this.#overflow.get(place) !== undefined) {
      if (!this.#deriving) this.#overflow.count++
      return
    } else if (comparePlaces(place, this.#horizon) <= 0) {
      this.#ready.push({ dueAtMs, offset, envelope: Buffer.from(envelope), stored: false })
    } else if (dueAtMs < this.#reachMs) {
      this.#slots.add(dueAtMs, offset, envelope).count++
    } else {
      this.#overflow.put(place, envelope)
      this.#overflow.count++
      return
    }
    this.#retention.note(offset, dueAtMs)
  }

  async #consumeCancel(offset: number, envelope: Buffer): Promise<void> {
    const target = targetOf(envelope)
    const earlier = this.#overflow.cancelOf(target)
    if (comparePlaces(target, this.#hand) <= 0) {
      if (earlier === undefined && covers(this.#markAtStart, target)) await this.#rememberOldCancel(target, offset)
      return
    }
    if (earlier !== undefined && earlier < offset) return
    this.#overflow.rememberCancelled(target, offset)
    this.#cancelled++
    if (target.dueAtMs >= this.#reachMs) {
      this.#overflow.remove(target)
      this.#overflow.count--
      return
    }
    if (this.#overflow.get(target) !== undefined) this.#overflow.remove(target)
    const slot = this.#slots.add(target.dueAtMs, offset, envelope)
    if (comparePlaces(target, this.#horizon) <= 0) this.#ready.cancel(target.offset)
    else slot.count--
    this.#retention.note(offset, target.dueAtMs)
  }

  /** A cancel consumed again after a crash, its target done: the marks say whether it came in time. */
  async #rememberOldCancel(target: Place, cancelOffset: number): Promise<void> {
    const found = await findMark(this.#options.engine, target)
    if (found === undefined) return
    const wasLate = comparePlaces(target, found.before.hand) <= 0
    if (!wasLate && found.mark.consumed > cancelOffset) this.#overflow.rememberCancelled(target, cancelOffset)
  }

  #highWatermark(): number {
    return this.#options.engine.offsets(DELAY_TOPIC, 0).highWatermark
  }

  async #untilConsumed(offset: number): Promise<void> {
    if (offset < this.#consumed) return
    await new Promise<void>((resolve) => {
      this.#consumedWaiters.push({ offset, resolve })
      this.#wakeUp()
    })
    if (this.#failure !== undefined) throw new DwellError('WHEEL_FAILED', 'The wheel has stopped.', {}, this.#failure)
  }

  #answerWaiters(): void {
    for (let i = this.#consumedWaiters.length - 1; i >= 0; i--) {
      if (this.#consumedWaiters[i].offset < this.#consumed) this.#consumedWaiters.splice(i, 1)[0].resolve()
    }
  }

  // Moving the horizon.

  #extendHorizon(): boolean {
    const movedMs = Math.floor(this.#moved.dueAtMs / 1000) * 1000
    const targetMs = Math.min(this.#options.hand.nowMs() + LEAD_MS, movedMs - 1)
    if (this.#reading !== undefined || this.#horizon.dueAtMs >= targetMs) return false
    if (this.#ready.bytes > this.#options.readBytes) return false
    const from = Math.floor((this.#horizon.dueAtMs + (isEndOf(this.#horizon) ? 1 : 0)) / 1000)
    const second = this.#slots.nextSecond(from, Math.floor(targetMs / 1000))
    if (second === undefined) {
      this.#horizon = lastPlaceOf(targetMs)
      return false
    }
    this.#beginReading(this.#slots.get(second) as Slot)
    return true
  }

  #beginReading(slot: Slot): void {
    const collector = new PieceCollector(this.#horizon, this.#options.readBytes)
    if (!slot.inFile) {
      this.#take(slot, collector)
      return
    }
    this.#slots.reading = slot
    this.#reading = this.#read(slot, collector)
      .then((whole) => {
        if (whole) this.#take(slot, collector)
      })
      .catch((error) => this.#fail(error))
      .finally(() => {
        this.#slots.reading = undefined
        this.#reading = undefined
        this.#wakeUp()
      })
  }

  /** Answers false when the slot had to be derived again instead. */
  async #read(slot: Slot, collector: PieceCollector): Promise<boolean> {
    await slot.written()
    const held = this.#window.handle(slot.second)
    try {
      const file = held ?? (await this.#options.disk.open(slot.path(join(this.#options.directory, 'slots')), 'read'))
      try {
        await readSlotFile(file, slot.second, slot.fileSize, collector)
      } finally {
        if (file !== held) await file.close()
      }
      return true
    } catch (error) {
      await this.#deriveSlot(slot, error)
      return false
    }
  }

  /** Moves what the collector found, and what the slot holds in memory, into the ready queue, and the horizon with it. */
  #take(slot: Slot, collector: PieceCollector): void {
    const chunks = this.#slots.takeUnsealed(slot)
    collectUnwritten(chunks, slot.second, collector)
    const { entries, upTo } = collector.finish()
    this.#ready.append(entries)
    this.#horizon = upTo ?? lastPlaceOf(slot.second * 1000 + 999)
    slot.count = upTo === undefined ? 0 : slot.count - entries.length
    // Cancels go back, for their targets may lie in the file; messages behind the horizon as well.
    for (const chunk of chunks) {
      forEachEntry(chunk, 0, slot.second, (dueAtMs, offset, envelope) => {
        const staysBehind = upTo !== undefined && comparePlaces({ dueAtMs, offset }, upTo) > 0
        if (staysBehind || kindOf(envelope) === CANCEL) this.#slots.add(dueAtMs, offset, envelope)
      })
    }
  }

  /** Fills a slot anew from `__delay` and from overflow, after its file was found damaged or missing. */
  async #deriveSlot(slot: Slot, error: unknown): Promise<void> {
    const { engine, log } = this.#options
    const { second } = slot
    log.error({ second, error: (error as Error).message }, 'A slot file cannot be read: the slot is derived again.')
    this.#slotsDerived++
    const until = this.#consumed
    this.#slots.startAnew(slot)
    for (let at = engine.offsets(DELAY_TOPIC, 0).logStartOffset; at < until; ) {
      const records = readRecords(await engine.read(DELAY_TOPIC, 0, at, CONSUME_BYTES), at)
      for (const { offset, body } of records) {
        const envelope = decodeRecordBody(body).value as Buffer
        const dueAtMs = dueAtMsOf(envelope)
        if (offset < until && Math.floor(dueAtMs / 1000) === second) this.#slots.add(dueAtMs, offset, envelope)
        at = offset + 1
      }
    }
    await this.#overflow.flush()
    let after: Place = { dueAtMs: second * 1000, offset: -1 }
    for (;;) {
      const rows = await this.#overflow.rows(after, (second + 1) * 1000, MOVE_ROWS)
      for (const row of rows) this.#slots.add(row.dueAtMs, row.offset, row.envelope)
      if (rows.length < MOVE_ROWS) break
      after = rows[rows.length - 1]
    }
  }

  // Dispatching.

  async #dispatch(): Promise<boolean> {
    const nowMs = this.#options.hand.nowMs()
    const isLate = this.#late.length > 0
    const entries = isLate ? this.#takeLate() : this.#takeDue(nowMs)
    if (entries.length === 0) return false
    if (!isLate) this.#hand = entries[entries.length - 1]
    this.#hand = { dueAtMs: this.#hand.dueAtMs, offset: this.#hand.offset }
    const consumed = this.#late[0]?.offset ?? this.#consumed
    this.#mark = await this.#dispatcher.dispatch(entries, consumed, this.#hand, nowMs)
    this.#observeLateness(entries)
    return true
  }

  #takeLate(): ReadyEntry[] {
    return this.#late.splice(0, countWithin(this.#late))
  }

  #takeDue(nowMs: number): ReadyEntry[] {
    const entries: ReadyEntry[] = []
    let bytes = 0
    while (entries.length < STEP_ENTRIES_MAX && bytes < STEP_BYTES_MAX) {
      const entry = this.#ready.peek()
      if (entry === undefined || entry.dueAtMs > nowMs) break
      this.#ready.shift(entry)
      bytes += entry.envelope.length
      entries.push(entry)
    }
    return entries
  }

  #observeLateness(entries: readonly ReadyEntry[]): void {
    const { onLateness, hand } = this.#options
    if (onLateness === undefined) return
    const nowMs = hand.nowMs()
    let count = 0
    for (let i = 0; i < entries.length; i++) {
      count++
      if (entries[i + 1]?.dueAtMs === entries[i].dueAtMs) continue
      onLateness(nowMs - entries[i].dueAtMs, count)
      count = 0
    }
  }

  // Moving overflow rows into the wheel.

  async #moveOverflow(): Promise<boolean> {
    if (this.#slots.crowded) return false
    if (this.#moved.dueAtMs >= this.#reachMs) {
      const fromMs = Math.min(this.#options.hand.nowMs(), this.#horizon.dueAtMs)
      const reachMs = (Math.floor(fromMs / 1000) + this.#options.slots) * 1000
      if (reachMs - this.#reachMs < Math.max(1, Math.floor(this.#options.slots / 120)) * 1000) return false
      this.#reachMs = reachMs
      await this.#overflow.flush()
    }
    const rows = await this.#overflow.rows(this.#moved, this.#reachMs, MOVE_ROWS)
    for (const row of rows) {
      this.#slots.add(row.dueAtMs, row.offset, row.envelope).count++
      this.#overflow.count--
    }
    this.#moved = rows.length < MOVE_ROWS ? { dueAtMs: this.#reachMs, offset: -1 } : placeOf(rows[rows.length - 1])
    return true
  }

  async #slideWindow(): Promise<void> {
    const second = Math.floor(this.#horizon.dueAtMs / 1000)
    if (second === this.#windowSecond) return
    this.#windowSecond = second
    await this.#window.slide(second, (ahead) => {
      const slot = this.#slots.get(ahead)
      return slot?.inFile ? slot.path(join(this.#options.directory, 'slots')) : undefined
    })
  }

  // The checkpoint.

  #beginCheckpoint(): void {
    const wanted = this.#checkpointWanted.splice(0)
    const secondsReady = new Map<number, number>()
    this.#ready.forEach((entry) => {
      const second = Math.floor(entry.dueAtMs / 1000)
      secondsReady.set(second, (secondsReady.get(second) ?? 0) + 1)
      if (entry.stored) return
      this.#slots.add(entry.dueAtMs, entry.offset, entry.envelope)
      entry.stored = true
    })
    const unwritten = this.#slots.sealAll()
    const consumed = this.#late[0]?.offset ?? this.#consumed
    const doneMs = this.#doneMs()
    const slots = Array.from(this.#slots.values(), ({ second, count, fileSize }) => {
      return { second, count: count + (secondsReady.get(second) ?? 0), fileSize }
    }).filter(({ second }) => second >= Math.floor(doneMs / 1000))
    const checkpoint: Checkpoint = {
      bootId: this.#options.clock.bootId(),
      consumed,
      moved: this.#moved,
      overflowSequence: this.#overflow.sequence,
      overflowCount: this.#overflow.count,
      overflowLastDueAtMs: this.#overflow.lastDueAtMs,
      slots,
      stretches: this.#retention.stretches().map((stretch) => ({ ...stretch })),
    }
    this.#inCheckpoint = true
    this.#checkpointing = this.#finishCheckpoint(unwritten, checkpoint, doneMs).then(
      () => {
        this.#inCheckpoint = false
        for (const { resolve } of wanted) resolve()
        this.#wakeUp()
      },
      (error) => {
        for (const { reject } of wanted) reject(error)
        this.#fail(error)
      },
    )
  }

  /** Everything due up to here is dispatched or cancelled, durably. */
  #doneMs(): number {
    const lateMs = this.#late.reduce((least, { dueAtMs }) => Math.min(least, dueAtMs), Number.POSITIVE_INFINITY)
    const readyMs = this.#ready.peek()?.dueAtMs ?? Number.POSITIVE_INFINITY
    return Math.min(this.#horizon.dueAtMs, this.#options.hand.nowMs(), lateMs, readyMs) - 1
  }

  async #finishCheckpoint(unwritten: Slot[], checkpoint: Checkpoint, doneMs: number): Promise<void> {
    const { engine, disk, directory, hand, rememberMs } = this.#options
    await this.#slots.write(unwritten, false)
    await this.#slots.written()
    await this.#overflow.flush()
    await writeCheckpoint(disk, join(directory, 'checkpoint'), checkpoint)
    await this.#slots.deleteBefore(Math.floor(doneMs / 1000))
    await this.#overflow.trim(doneMs, doneMs - rememberMs)
    const neededFrom = Math.min(this.#retention.neededFrom(doneMs, checkpoint.consumed), checkpoint.consumed)
    this.#retention.forgetBefore(neededFrom)
    await engine.deleteRecords(DELAY_TOPIC, 0, neededFrom)
    const forgottenMs = hand.nowMs() - rememberMs - MARK_SPARE_MS
    const { logStartOffset, highWatermark } = engine.offsets(MARK_TOPIC, 0)
    const firstNeeded = Math.min(await engine.offsetForTime(MARK_TOPIC, 0, forgottenMs), highWatermark - 1)
    if (firstNeeded > logStartOffset) await engine.deleteRecords(MARK_TOPIC, 0, firstNeeded)
  }

  // Looking up.

  async #isKept(topic: string, place: Place): Promise<boolean> {
    const row = this.#overflow.get(place)
    if (row !== undefined) return topicOf(row) === topic
    const { logStartOffset, highWatermark } = this.#options.engine.offsets(DELAY_TOPIC, 0)
    if (place.offset < logStartOffset || place.offset >= highWatermark) return false
    const bytes = await this.#options.engine.read(DELAY_TOPIC, 0, place.offset, 1)
    const record = readRecords(bytes, place.offset)[0]
    if (record?.offset !== place.offset) return false
    const envelope = decodeRecordBody(record.body).value as Buffer
    return kindOf(envelope) !== CANCEL && dueAtMsOf(envelope) === place.dueAtMs && topicOf(envelope) === topic
  }

  async #findDispatched(
    topic: string,
    id: string,
    { targets }: Mark,
  ): Promise<{ partition: number; offset: number } | undefined> {
    const { engine } = this.#options
    for (const target of targets) {
      if (target.topic !== topic || engine.topic(topic) === undefined) continue
      const end = target.baseOffset + target.count
      for (let at = Math.max(target.baseOffset, engine.offsets(topic, target.partition).logStartOffset); at < end; ) {
        const records = readRecords(await engine.read(topic, target.partition, at, CONSUME_BYTES), at)
        if (records.length === 0) break
        for (const { offset, body } of records) {
          if (offset < end && hasId(body, id)) return { partition: target.partition, offset }
          at = offset + 1
        }
      }
    }
    return undefined
  }
}

/** A message's id is always the value of its last header. */
function hasId(body: Uint8Array, id: string): boolean {
  return Buffer.from(body.buffer, body.byteOffset, body.length).subarray(-id.length).toString('latin1') === id
}

function isEndOf(place: Place): boolean {
  return place.offset === Number.MAX_SAFE_INTEGER
}

function placeOf({ dueAtMs, offset }: Place): Place {
  return { dueAtMs, offset }
}

/** How many entries from the start fit into one step; at least one. */
function countWithin(entries: readonly ReadyEntry[]): number {
  let bytes = 0
  let count = 0
  while (count < entries.length && count < STEP_ENTRIES_MAX && bytes < STEP_BYTES_MAX)
    bytes += entries[count++].envelope.length
  return count
}
