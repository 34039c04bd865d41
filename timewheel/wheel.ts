// The wheel: keeps each message of `__delay` until it is due, and dispatches it. Derived state, all of it.
//
// Always true:
//   1. The mark on disk is the hand after each step; the mark and the records it stands for are one atomic append.
//   2. Nothing but late entries is dispatched before all that was in `__delay` at the start is consumed: what takes a message
//      away may lie there.
//   3. One loop does everything, one thing at a time: it consumes, settles changes, dispatches. It looks at the state each
//      time round and so heals itself. Writing slots, reading the next one and finishing a checkpoint go on beside it.
//
// After a crash: recovery.ts decides, then `__delay` is consumed from the checkpoint on.

import { setImmediate as nextTurn } from 'node:timers/promises'
import { type Append, assert, DwellError } from '../storage/index.ts'
import { Alarm } from './alarm.ts'
import type { Census } from './census/census.ts'
import { Changes, type ChangesOptions } from './changes.ts'
import { Checkpointer } from './checkpoint/checkpointer.ts'
import type { Consumption } from './consumption.ts'
import { Dispatcher, type DispatcherOptions } from './dispatcher.ts'
import { DELAY_TOPIC, type DelayedRecord } from './entry/entry.ts'
import { messageBody } from './entry/entry-body.ts'
import { messageId, type Place } from './entry/place.ts'
import { Horizon } from './horizon.ts'
import { type ListedPage, Listing, type ListOptions } from './list/listing.ts'
import { type Found, LookUp } from './look-up.ts'
import { type Opened, type OpeningOptions, openParts } from './opening.ts'
import type { Pending } from './pending.ts'
import { moveOverflow } from './reach.ts'
import type { ReadyEntry } from './slot/slot-reader.ts'
import { Waiters } from './waiters.ts'

const HEARTBEAT_MS = 250
/** After downtime: so many small slots, each within this time, are read before what is ready is dispatched. */
const GATHERED_MAX = 64
const GATHER_MS = 5

/** What a cancel came to. */
export type Cancelled = 'cancelled' | 'dispatched' | 'unknown'

/** What became of a message; `dueAtMs` is the due time in force. */
export type DelayedState =
  | { state: 'unknown' }
  | { state: 'pending' | 'cancelled'; dueAtMs: number }
  | { state: 'dispatched'; dueAtMs: number; partition: number; offset: number }

export interface WheelOptions
  extends Omit<OpeningOptions, 'onWritten'>,
    Pick<DispatcherOptions, 'onDispatch'>,
    Pick<ChangesOptions, 'onChange'> {
  /** How many seconds ahead slot files are held open. */
  windowSeconds: number
  /** How long look-ups remember what was dispatched and cancelled. */
  rememberMs: number
  /** How long slot files are left alone before they are synced; as long as the system takes to write them, when absent. */
  settledMs?: number
  /** Called after a dispatch is durable: how late `count` messages were. */
  onLateness?: (latenessMs: number, count: number) => void
  /** Called once when the wheel cannot go on; the process must end. */
  onFailure: (error: unknown) => void
}

export class Wheel {
  readonly #options: WheelOptions
  readonly #pending: Pending
  readonly #consumption: Consumption
  readonly #changes: Changes
  readonly #horizon: Horizon
  readonly #dispatcher: Dispatcher
  readonly #checkpointer: Checkpointer
  readonly #lookUp: LookUp
  readonly #listing: Listing
  readonly #alarm: Alarm
  readonly #dispatchWaiters = new Waiters()
  #lastTickMs: number
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
    const alarm = new Alarm(options.clock)
    return new Wheel(options, alarm, await openParts({ ...options, onWritten: () => alarm.ring() }))
  }

  private constructor(
    options: WheelOptions,
    alarm: Alarm,
    { pending, consumption, kept, slotsDirectory, synced }: Opened,
  ) {
    const onFailure = (error: unknown) => this.#fail(error)
    const ring = () => alarm.ring()
    this.#options = options
    this.#alarm = alarm
    this.#pending = pending
    this.#consumption = consumption
    this.#lookUp = new LookUp({ ...options, pending, consumption, kept })
    this.#changes = new Changes({ ...options, pending, consumption, lookUp: this.#lookUp, onWanted: ring })
    const consumed = () => consumption.consumed
    this.#horizon = new Horizon({ ...options, pending, slotsDirectory, consumed, onMoved: ring, onFailure })
    const isDeriving = (second: number) => this.#horizon.isDeriving(second)
    this.#listing = new Listing({ ...options, pending, slotsDirectory, isDeriving })
    this.#checkpointer = new Checkpointer({ ...options, pending, synced, onFailure })
    this.#dispatcher = new Dispatcher(options)
    this.#lastTickMs = options.clock.monotonicMs()
    this.#ready.promise.catch(() => {})
  }

  /** Sets the wheel going. Resolves when it has consumed what was in `__delay` at the start. */
  start(): Promise<void> {
    assert(this.#loop === undefined, 'a wheel is started once')
    this.#unsubscribe = this.#options.engine.onHighWatermark((topic) => {
      if (topic === DELAY_TOPIC) this.#alarm.ring()
    })
    this.#loop = this.#run().catch((error) => this.#fail(error))
    return this.#ready.promise
  }

  /** Lets the step under way finish and stops. Nothing is lost without a checkpoint; the next start is quicker after one. */
  async stop(): Promise<void> {
    this.#stopping = true
    this.#alarm.ring()
    await this.#loop
    this.#end(new DwellError('ENGINE_CLOSED', 'The service is stopping.', {}))
    await this.#checkpointer.close()
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
   * Cancels the message for `topic` that is, or once was, at `place`, and whose id is `id`. `knownBytes` are those of its record
   * when `__ids` says so, which spares reading it. The answer is durable and will not change; `unknown` when no such message is
   * remembered.
   * @throws OVERLOADED, WHEEL_FAILED, ENGINE_CLOSED
   */
  async cancel(topic: string, place: Place, id = messageId(place), knownBytes?: number): Promise<Cancelled> {
    const { state } = await this.#changes.change({ topic, place, id, knownBytes }, 'cancel')
    assert(state !== 'pending', 'a cancelled message does not wait')
    return state
  }

  /**
   * Has a message that waits wait until `dueAtMs` instead; at once when that is past. Its id stays. Answers what it is after
   * that: pending with its new due time, or what it was already.
   * @throws OVERLOADED, WHEEL_FAILED, ENGINE_CLOSED
   */
  async reschedule(
    topic: string,
    place: Place,
    dueAtMs: number,
    id = messageId(place),
    knownBytes?: number,
  ): Promise<DelayedState> {
    return stateOf(await this.#changes.change({ topic, place, id, knownBytes }, { dueAtMs }))
  }

  /**
   * Dispatches a message that waits now. Resolves when that is durable, or with what else became of it.
   * @throws OVERLOADED, WHEEL_FAILED, ENGINE_CLOSED
   */
  async dispatchNow(topic: string, place: Place, id = messageId(place), knownBytes?: number): Promise<DelayedState> {
    for (;;) {
      const found = await this.#changes.change({ topic, place, id, knownBytes }, { dueAtMs: 0 })
      if (found.state !== 'pending') return stateOf(found)
      await this.#changes.untilLeft(found.place)
    }
  }

  /**
   * Resolves when the wheel has kept up so far that more may be appended; undefined when that is now. What is not consumed
   * makes the next start longer.
   * @throws WHEEL_FAILED, ENGINE_CLOSED
   */
  room(): Promise<void> | undefined {
    return this.#consumption.room()
  }

  /** What became of a message; with its partition and offset once it is dispatched. */
  async lookUp(topic: string, place: Place, id = messageId(place), knownBytes?: number): Promise<DelayedState> {
    return stateOf(await this.#lookUp.find({ topic, place, id, knownBytes }))
  }

  /**
   * Resolves when everything published before this call and due up to `timeMs`, where the hand's clock stands already, is
   * dispatched or withdrawn.
   * @throws WHEEL_FAILED, ENGINE_CLOSED
   */
  async untilDispatched(timeMs: number): Promise<void> {
    await this.#consumption.until(this.#consumption.highWatermark - 1)
    await this.#dispatchWaiters.until(() => this.#pending.isDone(timeMs))
  }

  /**
   * Writes down where the wheel is, and lets go of what it needs no more. Resolves when that is durable.
   * @throws ENGINE_CLOSED, and what the wheel has failed with
   */
  checkpoint(): Promise<void> {
    this.#alarm.ring()
    return this.#checkpointer.want()
  }

  /**
   * Lists what waits for a topic, of all that was published before this call.
   * @throws OVERLOADED, SLOT_DAMAGED, ENTRY_DAMAGED, READ_FAILED, WHEEL_FAILED, ENGINE_CLOSED
   */
  async list(options: ListOptions): Promise<ListedPage> {
    await this.#consumption.until(this.#consumption.highWatermark - 1)
    return this.#listing.page(options)
  }

  /** How many messages wait, by due time and topic. */
  get census(): Census {
    return this.#pending.census
  }

  /** Figures for metrics and for the log. */
  stats() {
    const { hand, clock } = this.#options
    const { slots, ready, census, nextDueAtMs } = this.#pending
    return {
      pending: census.count,
      overdueMs: Math.max(0, hand.nowMs() - nextDueAtMs),
      dispatched: this.#dispatcher.dispatched,
      discarded: this.#dispatcher.discarded,
      cancelled: this.#changes.cancelled,
      rescheduled: this.#changes.moved,
      moved: this.#pending.arrived,
      slotFlushes: slots.flushes,
      slotsDerived: this.#horizon.derived,
      openHandles: this.#horizon.openHandles,
      memoryBytes: slots.memoryBytes + ready.bytes + this.#horizon.heldBytes,
      overflowRows: census.later,
      lastTickAgeMs: Math.max(0, clock.monotonicMs() - this.#lastTickMs),
      handMs: hand.nowMs(),
      consumed: this.#consumption.consumed,
    }
  }

  async #run(): Promise<void> {
    const { hand, clock, slots } = this.#options
    let gathered = 0
    while (!this.#stopping) {
      this.#lastTickMs = clock.monotonicMs()
      if (this.#consumption.isCaughtUp) this.#ready.resolve()
      let busy = await this.#consumption.step(this.#checkpointer.isWanted)
      const isCaughtUp = this.#consumption.isCaughtUp
      if (isCaughtUp) {
        // A checkpoint begins when all facts are consumed, so none are added then.
        if (!this.#isCheckpointNext) busy = (await this.#changes.settle(hand.nowMs())) || busy
        busy = this.#horizon.extend(hand.nowMs()) || busy
        // One append takes what lies in many small slots.
        if (gathered++ < GATHERED_MAX && this.#horizon.gathers(hand.nowMs())) {
          await this.#alarm.rest(GATHER_MS)
          continue
        }
        gathered = 0
      }
      busy = (await this.#dispatch(isCaughtUp)) || busy
      if (isCaughtUp) {
        busy = (await moveOverflow(this.#pending, hand.nowMs(), slots)) || busy
        this.#horizon.slide()
      }
      this.#pending.slots.relieve()
      this.#pending.overflow.check()
      if (!this.#horizon.deriving && this.#consumption.isEven) this.#checkpointer.begin(this.#consumption.consumed)
      // Reads from memory resolve without letting input and output have their turn.
      if (busy) await nextTurn()
      else await this.#alarm.rest(Math.min(HEARTBEAT_MS, this.#pending.nextDueAtMs - hand.nowMs()))
    }
  }

  /** A checkpoint is wanted, and nothing but facts that are not consumed may keep it from beginning. */
  get #isCheckpointNext(): boolean {
    return this.#checkpointer.isWanted && !this.#horizon.deriving && this.#pending.canSettle
  }

  #fail(error: unknown): void {
    if (this.#failure !== undefined) return
    this.#failure = error
    this.#stopping = true
    this.#ready.reject(error)
    this.#checkpointer.end(error)
    this.#end(new DwellError('WHEEL_FAILED', 'The wheel has stopped.', {}, error))
    this.#alarm.ring()
    this.#options.onFailure(error)
  }

  /** Answers whoever waits for something that does not come any more. */
  #end(error: DwellError): void {
    this.#consumption.end(error)
    this.#changes.end(error)
    this.#checkpointer.end(error)
    this.#dispatchWaiters.end(error)
  }

  async #dispatch(isCaughtUp: boolean): Promise<boolean> {
    const pending = this.#pending
    const nowMs = this.#options.hand.nowMs()
    // What is late cannot be changed any more, so it need not wait for what is still to be consumed.
    const entries = pending.takeDue(isCaughtUp ? nowMs : Number.NEGATIVE_INFINITY)
    if (entries.length > 0) {
      const consumed = pending.settledUpTo(this.#consumption.consumed)
      pending.stepDone(await this.#dispatcher.dispatch(entries, { consumed, hand: pending.hand }, nowMs))
      this.#changes.dispatched(entries)
      this.#observeLateness(entries)
    }
    this.#dispatchWaiters.look()
    return entries.length > 0
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

function stateOf(found: Found): DelayedState {
  if (found.state === 'unknown') return { state: 'unknown' }
  const { dueAtMs } = found.place
  if (found.state !== 'dispatched') return { state: found.state, dueAtMs }
  return { state: 'dispatched', dueAtMs, partition: found.partition, offset: found.offset }
}
