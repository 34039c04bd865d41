// Consumes `__delay`: reads it in order, once, and hands to the wheel what it says.
//
// Always true:
//   1. What became of a message is settled before it is written down (changes.ts), so a fact that this run wrote was applied
//      before it is consumed. All that consuming it does then is to take a moved message in, under its new place.
//   2. A fact of an earlier run is applied when it is consumed, and so is a cancel that an earlier version wrote.
//
// After a crash: `__delay` is consumed from the checkpoint on.

import { assert, type LogEngine, readPage, valueOfRecordBody } from '../storage/index.ts'
import type { CatchUp } from './catch-up.ts'
import {
  CANCEL,
  checkEnvelope,
  DELAY_TOPIC,
  dueAtMsOf,
  kindOf,
  MESSAGE,
  MOVED,
  recordBytesOf,
  targetOf,
  topicIdOf,
} from './entry/entry.ts'
import { comparePlaces, type Place } from './entry/place.ts'
import type { KeptMessages } from './kept-messages.ts'
import type { Pending } from './pending.ts'
import { Waiters } from './waiters.ts'

/** Little enough not to hold up what is due: a few milliseconds. */
const READ_BYTES = 256 * 1024

/** How many entries may wait to be consumed before whoever publishes waits: a start has to be through with all of them. */
const BACKLOG_MAX = 65_536

export interface ConsumptionOptions {
  engine: LogEngine
  pending: Pending
  catchUp: CatchUp
  kept: KeptMessages
  /** Where to begin. */
  from: number
}

export class Consumption {
  readonly #engine: LogEngine
  readonly #pending: Pending
  readonly #catchUp: CatchUp
  readonly #kept: KeptMessages
  /** Offset of the next entry. */
  #consumed: number
  /** What was there at the start ends here. */
  readonly #catchUpTo: number
  /** Facts that are applied and not consumed. */
  readonly #applied = new Set<number>()
  readonly #waiters = new Waiters()

  constructor({ engine, pending, catchUp, kept, from }: ConsumptionOptions) {
    this.#engine = engine
    this.#pending = pending
    this.#catchUp = catchUp
    this.#kept = kept
    this.#consumed = from
    this.#catchUpTo = this.highWatermark
  }

  get consumed(): number {
    return this.#consumed
  }

  get highWatermark(): number {
    return this.#engine.offsets(DELAY_TOPIC, 0).highWatermark
  }

  /** All that was in `__delay` at the start is consumed. */
  get isCaughtUp(): boolean {
    return this.#consumed >= this.#catchUpTo
  }

  /** Everything applied is consumed: what is in memory is what `__delay` says up to `consumed`. */
  get isEven(): boolean {
    return this.#applied.size === 0
  }

  /** The fact at this offset is applied. */
  applied(offset: number): void {
    this.#applied.add(offset)
  }

  /**
   * Consumes the next piece, unless too much waits in memory; answers whether there was one. With `toEven` it goes on all the
   * same up to the last fact that is applied: a checkpoint must not wait for the hand, which may stand for long.
   */
  async step(toEven: boolean): Promise<boolean> {
    if (this.#consumed >= this.highWatermark) return false
    if (this.#pending.crowded && (this.isEven || !toEven)) return false
    const bytes = await this.#engine.read(DELAY_TOPIC, 0, this.#consumed, READ_BYTES)
    // Offsets that a repair had to give up are in no record: nextOffset goes over them.
    const { records, nextOffset } = readPage(bytes, this.#consumed)
    for (const { offset, body } of records) {
      const envelope = valueOfRecordBody(body) as Buffer
      checkEnvelope(envelope, offset)
      if (kindOf(envelope) === MESSAGE) this.#add({ dueAtMs: dueAtMsOf(envelope), offset }, envelope)
      else if (kindOf(envelope) === CANCEL) await this.#cancel(offset, targetOf(envelope))
      else this.#fact(offset, envelope)
      this.#consumed = offset + 1
    }
    this.#consumed = nextOffset
    this.#waiters.look()
    return true
  }

  /** Resolves when more entries may come; undefined when they may at once. */
  room(): Promise<void> | undefined {
    const hasRoom = () => this.highWatermark - this.#consumed <= BACKLOG_MAX
    return hasRoom() ? undefined : this.#waiters.until(hasRoom)
  }

  /** Resolves when the entry at `offset` is consumed. */
  until(offset: number): Promise<void> {
    return this.#waiters.until(() => this.#consumed > offset)
  }

  /** Nothing is consumed any more. */
  end(error: unknown): void {
    this.#waiters.end(error)
  }

  #add(place: Place, envelope: Buffer): void {
    if (this.isCaughtUp) this.#pending.add(place, envelope)
    else this.#catchUp.add(place, envelope)
  }

  #fact(offset: number, envelope: Buffer): void {
    const target = targetOf(envelope)
    const isMoved = kindOf(envelope) === MOVED
    const place = { dueAtMs: dueAtMsOf(envelope), offset }
    if (!this.#applied.delete(offset)) {
      assert(!this.isCaughtUp, 'only this wheel writes facts')
      this.#catchUp.withdraw(target, offset, topicIdOf(envelope), recordBytesOf(envelope))
      this.#pending.overflow.remember(target, isMoved ? { movedTo: place } : { cancelledBy: offset })
    }
    if (isMoved) this.#add(place, envelope)
  }

  /** Of an earlier version: effective if its target still waits and was not cancelled before. */
  async #cancel(offset: number, target: Place): Promise<void> {
    const { overflow } = this.#pending
    const fate = overflow.fateOf(target)
    const isFirst = fate === undefined || ('cancelledBy' in fate && fate.cancelledBy === offset)
    if (!isFirst || comparePlaces(target, this.#pending.hand) <= 0) return
    const message = await this.#kept.read(target)
    if (message === undefined) return
    const waits = this.isCaughtUp ? this.#pending : this.#catchUp
    waits.withdraw(target, offset, topicIdOf(message), recordBytesOf(message))
    overflow.remember(target, { cancelledBy: offset })
  }
}
