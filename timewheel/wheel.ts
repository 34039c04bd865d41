// The wheel: consumes `__delay` in order, keeps each message until it is due, and dispatches it. Derived state, all of it.
//
// Always true:
//   1. The mark on disk is the hand after each step; the mark and the records it stands for are one atomic append.
//   2. Nothing but late entries is dispatched before all that was in `__delay` at the start is consumed: a cancel of it may
//      lie there.
//   3. One loop does everything, one thing at a time; it looks at the state each time round and so heals itself. Writing
//      slots, reading the next one and finishing a checkpoint go on beside it.
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
  type KeyValueStore,
  type Log,
  type LogEngine,
  readPage,
  type Timer,
  valueOfRecordBody,
} from '../storage/index.ts'
import { Checkpointer } from './checkpointer.ts'
import { Dispatcher, type DispatcherOptions } from './dispatcher.ts'
import {
  CANCEL,
  cancelBody,
  checkEnvelope,
  DELAY_TOPIC,
  type DelayedRecord,
  dueAtMsOf,
  kindOf,
  messageBody,
  targetOf,
} from './entry.ts'
import type { HandClock } from './hand-clock.ts'
import { Horizon } from './horizon.ts'
import { type DelayedState, LookUp } from './look-up.ts'
import { covers, lastMark, MARK_TOPIC, type Mark } from './mark.ts'
import { Overflow } from './overflow.ts'
import { Pending } from './pending.ts'
import { messageId, type Place } from './place.ts'
import { moveOverflow } from './reach.ts'
import { recover } from './recovery.ts'
import type { ReadyEntry } from './slot-reader.ts'
import { Slots } from './slots.ts'

const CONSUME_BYTES = 1024 * 1024
const HEARTBEAT_MS = 250

export interface WheelOptions extends Pick<DispatcherOptions, 'onDispatch'> {
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
  /** Called after a dispatch is durable: how late `count` messages were. */
  onLateness?: (latenessMs: number, count: number) => void
  /** Called once when the wheel cannot go on; the process must end. */
  onFailure: (error: unknown) => void
}

export class Wheel {
  readonly #options: WheelOptions
  readonly #pending: Pending
  readonly #horizon: Horizon
  readonly #dispatcher: Dispatcher
  readonly #checkpointer: Checkpointer
  readonly #lookUp: LookUp
  /** Offset in `__delay` of the next entry to consume. */
  #consumed: number
  readonly #catchUpTo: number
  #caughtUp = false
  /** The last durable mark. */
  #mark: Mark
  readonly #consumedWaiters: { offset: number; resolve: () => void }[] = []
  #lastTickMs: number
  #wake: (() => void) | undefined
  #woken = false
  #stopping = false
  #failure: unknown
  #loop: Promise<void> | undefined
  #unsubscribe: (() => void) | undefined
  readonly #ready = Promise.withResolvers<void>()

  /**
   * Opens the wheel: reads its checkpoint and the mark. start() sets it going.
   * @throws OVERFLOW_LOST
   */
  static async open(options: WheelOptions): Promise<Wheel> {
    const { engine, disk, log, directory, hand, clock, memoryBytes } = options
    for (const topic of [DELAY_TOPIC, MARK_TOPIC]) {
      if (engine.topic(topic) === undefined) await engine.createTopic(topic, { partitions: 1, cleanup: 'delete' })
    }
    const slotsDirectory = join(directory, 'slots')
    await disk.makeDirectory(slotsDirectory)
    const mark = await lastMark(engine)
    hand.notBefore(mark.hand.dueAtMs)
    const wake = () => wheel.#wakeUp()
    const overflow = new Overflow(options.overflow, wake)
    const slots = new Slots({ disk, directory: slotsDirectory, memoryBytes, onRelieved: wake })
    const { logStartOffset, highWatermark } = engine.offsets(DELAY_TOPIC, 0)
    const { checkpoint, because } = await recover({
      disk,
      log,
      checkpointPath: join(directory, 'checkpoint'),
      slotsDirectory,
      overflow,
      mark,
      delayLogStart: logStartOffset,
      delayEnd: highWatermark,
      bootId: clock.bootId(),
    })
    const { slots: reachSeconds, readBytes } = options
    const consumed = checkpoint?.consumed ?? logStartOffset
    const nowMs = hand.nowMs()
    const pending = new Pending({
      slots,
      overflow,
      mark,
      checkpoint,
      consumed,
      reachSeconds,
      readBytes,
      // Half of it: records take more than their bodies, and the mark comes with them.
      stepBytesMax: engine.appendBytesMax / 2,
      nowMs,
    })
    const wheel: Wheel = new Wheel(options, pending, mark, consumed)
    await slots.deleteOthers()
    await overflow.begin()
    await overflow.restore(checkpoint, pending.moved)
    const [fromOffset, toOffset] = [wheel.#consumed, wheel.#catchUpTo]
    log.info({ because, fromOffset, toOffset, overflowRows: overflow.count }, 'The wheel is open.')
    return wheel
  }

  private constructor(options: WheelOptions, pending: Pending, mark: Mark, consumed: number) {
    const { engine, clock, directory } = options
    this.#options = options
    this.#pending = pending
    this.#horizon = new Horizon({
      ...options,
      pending,
      slotsDirectory: join(directory, 'slots'),
      consumed: () => this.#consumed,
      onMoved: () => this.#wakeUp(),
      onFailure: (error) => this.#fail(error),
    })
    this.#checkpointer = new Checkpointer({ ...options, pending, onFailure: (error) => this.#fail(error) })
    this.#dispatcher = new Dispatcher(options)
    this.#lookUp = new LookUp(engine, pending)
    this.#mark = mark
    this.#consumed = consumed
    this.#catchUpTo = this.#highWatermark()
    this.#lastTickMs = clock.monotonicMs()
    this.#ready.promise.catch(() => {})
  }

  /** Sets the wheel going. Resolves when it has consumed what was in `__delay` at the start. */
  start(): Promise<void> {
    assert(this.#loop === undefined, 'a wheel is started once')
    this.#unsubscribe = this.#options.engine.onHighWatermark((topic) => {
      if (topic === DELAY_TOPIC) this.#wakeUp()
    })
    this.#loop = this.#run().catch((error) => this.#fail(error))
    return this.#ready.promise
  }

  /** Lets the step under way finish and stops. Nothing is lost without a checkpoint; the next start is quicker after one. */
  async stop(): Promise<void> {
    this.#stopping = true
    this.#wakeUp()
    await this.#loop
    await this.#checkpointer.finished()
    this.#unsubscribe?.()
    await this.#horizon.close()
    if (this.#failure !== undefined) return
    await this.#pending.slots.written()
    await this.#pending.overflow.flush()
  }

  /**
   * What keeps `records` in `__delay`: for the caller's append. Record i has the offset base + i, and with it its id. A message
   * is for the topic that has the name now: when that one is deleted, the message goes with it.
   * @throws TOPIC_NOT_FOUND
   */
  append(records: readonly DelayedRecord[]): Append {
    const { engine, hand } = this.#options
    const timestampMs = hand.nowMs()
    const kept = records.map((record) => {
      const { topic } = record
      const topicId = engine.topic(topic)?.id
      if (topicId === undefined) throw new DwellError('TOPIC_NOT_FOUND', `There is no topic ${topic}.`, { topic })
      return { timestampMs, body: messageBody(record, topicId) }
    })
    return { topic: DELAY_TOPIC, partition: 0, records: kept }
  }

  /**
   * Cancels a message; `id` is its own one if it has any. The answer is durable and will not change; `unknown` when no such
   * message is remembered.
   */
  async cancel(topic: string, place: Place, id = messageId(place)): Promise<'cancelled' | 'dispatched' | 'unknown'> {
    const { state } = await this.lookUp(topic, place, id)
    if (state !== 'pending') return state
    const records = [{ timestampMs: this.#options.hand.nowMs(), body: cancelBody(place) }]
    const [offset] = await this.#options.engine.append([{ topic: DELAY_TOPIC, partition: 0, records }])
    await this.#untilConsumed(offset)
    return this.#pending.overflow.cancelOf(place) === undefined ? 'dispatched' : 'cancelled'
  }

  /** What became of the message for `topic` at `place`; with its partition and offset once it is dispatched. */
  async lookUp(topic: string, place: Place, id = messageId(place)): Promise<DelayedState> {
    await this.#untilConsumed(Math.min(place.offset, this.#highWatermark() - 1))
    return this.#lookUp.stateOf(topic, place, id, this.#mark, this.#options.hand.nowMs())
  }

  /** Writes down where the wheel is, and lets go of what it needs no more. Resolves when that is durable. */
  checkpoint(): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure)
    this.#wakeUp()
    return this.#checkpointer.want()
  }

  /** Figures for metrics and for the log. */
  stats() {
    const { hand, clock } = this.#options
    const { slots, overflow, ready, nextDueAtMs } = this.#pending
    return {
      pending: this.#pending.count,
      overdueMs: Math.max(0, hand.nowMs() - nextDueAtMs),
      dispatched: this.#dispatcher.dispatched,
      discarded: this.#dispatcher.discarded,
      cancelled: this.#pending.cancelled,
      slotFlushes: slots.flushes,
      slotsDerived: this.#horizon.derived,
      openHandles: this.#horizon.openHandles,
      memoryBytes: slots.memoryBytes + ready.bytes,
      overflowRows: overflow.count,
      lastTickAgeMs: clock.monotonicMs() - this.#lastTickMs,
      handMs: this.#pending.hand.dueAtMs,
      consumed: this.#consumed,
    }
  }

  async #run(): Promise<void> {
    const { hand, clock, slots } = this.#options
    while (!this.#stopping) {
      this.#lastTickMs = clock.monotonicMs()
      let busy = await this.#consume()
      if (this.#caughtUp) busy = (!this.#checkpointer.isWanted && this.#horizon.extend(hand.nowMs())) || busy
      busy = (await this.#dispatch()) || busy
      if (this.#caughtUp) {
        busy = (await moveOverflow(this.#pending, hand.nowMs(), slots)) || busy
        await this.#horizon.slide()
      }
      this.#pending.slots.relieve()
      if (!this.#horizon.reading) this.#checkpointer.begin(this.#consumed)
      // Reads from memory resolve without letting input and output have their turn.
      if (busy) await nextTurn()
      else await this.#sleep()
    }
  }

  async #sleep(): Promise<void> {
    if (!this.#woken && !this.#stopping) {
      const delayMs = Math.min(HEARTBEAT_MS, this.#pending.nextDueAtMs - this.#options.hand.nowMs())
      let timer: Timer | undefined
      await new Promise<void>((resolve) => {
        this.#wake = resolve
        timer = this.#options.clock.setTimer(resolve, Math.max(0, delayMs))
      })
      timer?.cancel()
      this.#wake = undefined
    }
    this.#woken = false
  }

  #wakeUp(): void {
    this.#woken = true
    this.#wake?.()
  }

  #fail(error: unknown): void {
    if (this.#failure !== undefined) return
    this.#failure = error
    this.#stopping = true
    this.#ready.reject(error)
    this.#checkpointer.reject(error)
    for (const { resolve } of this.#consumedWaiters.splice(0)) resolve()
    this.#wakeUp()
    this.#options.onFailure(error)
  }

  async #consume(): Promise<boolean> {
    if (!this.#caughtUp && this.#consumed >= this.#catchUpTo) {
      this.#caughtUp = true
      this.#ready.resolve()
    }
    if (this.#consumed >= this.#highWatermark() || this.#pending.crowded) return false
    const bytes = await this.#options.engine.read(DELAY_TOPIC, 0, this.#consumed, CONSUME_BYTES)
    // Offsets that a repair had to give up are in no record: nextOffset goes over them.
    const { records, nextOffset } = readPage(bytes, this.#consumed)
    for (const { offset, body } of records) {
      const envelope = valueOfRecordBody(body) as Buffer
      checkEnvelope(envelope, offset)
      if (kindOf(envelope) !== CANCEL)
        this.#pending.add({ dueAtMs: dueAtMsOf(envelope), offset }, envelope, !this.#caughtUp)
      else if (this.#caughtUp || !(await this.#rememberOldCancel(offset, targetOf(envelope)))) {
        this.#pending.cancel(offset, envelope, !this.#caughtUp)
      }
      this.#consumed = offset + 1
    }
    this.#consumed = nextOffset
    this.#answerWaiters()
    return true
  }

  /** A cancel that is consumed again after a crash, its target done by then. */
  async #rememberOldCancel(offset: number, target: Place): Promise<boolean> {
    if (!covers(this.#mark, target)) return false
    const { overflow } = this.#pending
    const earlier = overflow.cancelOf(target)
    const tookEffect = earlier === undefined ? await this.#lookUp.tookEffect(offset, target) : earlier === offset
    if (!tookEffect) return true
    if (earlier === undefined) overflow.rememberCancelled(target, offset)
    this.#pending.cancelAgain(target)
    return true
  }

  #highWatermark(): number {
    return this.#options.engine.offsets(DELAY_TOPIC, 0).highWatermark
  }

  async #untilConsumed(offset: number): Promise<void> {
    if (offset >= this.#consumed && this.#failure === undefined) {
      await new Promise<void>((resolve) => {
        this.#consumedWaiters.push({ offset, resolve })
        this.#wakeUp()
      })
    }
    if (this.#failure !== undefined) throw new DwellError('WHEEL_FAILED', 'The wheel has stopped.', {}, this.#failure)
  }

  #answerWaiters(): void {
    for (let i = this.#consumedWaiters.length - 1; i >= 0; i--) {
      if (this.#consumedWaiters[i].offset < this.#consumed) this.#consumedWaiters.splice(i, 1)[0].resolve()
    }
  }

  async #dispatch(): Promise<boolean> {
    const pending = this.#pending
    const nowMs = this.#options.hand.nowMs()
    // What is late cannot be cancelled any more, so it need not wait for a cancel that is still to be consumed.
    const entries = pending.takeDue(this.#caughtUp ? nowMs : Number.NEGATIVE_INFINITY)
    if (entries.length === 0) return false
    const consumed = pending.settledUpTo(this.#consumed)
    this.#mark = await this.#dispatcher.dispatch(entries, { consumed, hand: pending.hand }, nowMs)
    this.#observeLateness(entries)
    return true
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
}
