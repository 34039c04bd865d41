// What waits after a start: what waited at the checkpoint, without what the mark says is done since, and with what `__delay`
// says since. Without a checkpoint: what overflow has and all that `__delay` says.
//
// From the checkpoint on `__delay` comes again, though the overflow store is newer than the checkpoint: it has rows of messages
// that are consumed only now, and rows that were withdrawn since are gone. So each count is put right once, here:
//
//   a message                          its row           what is counted
//   ────────────────────────────────   ───────────────   ─────────────────────────────────────────────────────
//   comes again                        is there          later, and the row brings it; deriving, it was counted with the rows
//                                      is not            as if it came for the first time
//   was counted by the checkpoint as   is there          no more: begin() saw that the hand has passed it
//   later, and is behind the hand      is gone           no more, when the fact that withdrew it comes again
//   is withdrawn by a fact that        is there, or it   no more, as if that were for the first time
//   comes again, ahead of the hand     came again
//                                      is gone           no more, if the checkpoint had counted it

import type { Census } from './census/census.ts'
import type { Checkpoint } from './checkpoint/checkpoint.ts'
import { recordBytesOf, topicIdOf } from './entry/entry.ts'
import { comparePlaces, lastPlaceOf, type Place } from './entry/place.ts'
import { covers, type Mark } from './mark.ts'
import type { Overflow } from './overflow.ts'
import type { Pending } from './pending.ts'

export interface CatchUpOptions {
  pending: Pending
  mark: Mark
  checkpoint: Checkpoint | undefined
  /** From where on `__delay` comes again. */
  consumed: number
}

export class CatchUp {
  readonly #pending: Pending
  readonly #overflow: Overflow
  readonly #census: Census
  readonly #mark: Mark
  readonly #checkpoint: Checkpoint | undefined
  readonly #consumed: number

  constructor({ pending, mark, checkpoint, consumed }: CatchUpOptions) {
    this.#pending = pending
    this.#overflow = pending.overflow
    this.#census = pending.census
    this.#mark = mark
    this.#checkpoint = checkpoint
    this.#consumed = consumed
  }

  /** Counts the rows: without a checkpoint those that wait, else away those that the hand has passed since. */
  async begin(): Promise<void> {
    const { moved } = this.#pending
    if (this.#checkpoint === undefined) {
      const rows = this.#overflow.rowsBetween(moved, lastPlaceOf(Number.MAX_SAFE_INTEGER - 1))
      for await (const { dueAtMs, envelope } of rows) {
        this.#census.addLater(topicIdOf(envelope), recordBytesOf(envelope))
        this.#overflow.lastDueAtMs = dueAtMs
      }
      return
    }
    this.#overflow.lastDueAtMs = this.#checkpoint.overflowLastDueAtMs
    for await (const { offset, envelope } of this.#overflow.rowsBetween(this.#checkpoint.moved, moved)) {
      if (offset < this.#consumed) this.#census.removeLater(topicIdOf(envelope), recordBytesOf(envelope))
    }
  }

  /** The message at `place` comes again, or for the first time. */
  add(place: Place, envelope: Buffer): void {
    if (covers(this.#mark, place)) return
    const isAhead = comparePlaces(place, this.#pending.moved) > 0
    if (!isAhead || this.#overflow.get(place) === undefined) {
      this.#pending.add(place, envelope)
      return
    }
    if (this.#checkpoint !== undefined) this.#census.addLater(topicIdOf(envelope), recordBytesOf(envelope))
    this.#overflow.lastDueAtMs = Math.max(this.#overflow.lastDueAtMs, place.dueAtMs)
  }

  /** The fact that withdrew the message at `target`, of so many bytes, comes again, or for the first time. */
  withdraw(target: Place, factOffset: number, topicId: number, recordBytes: number): void {
    const isAhead = comparePlaces(target, this.#pending.moved) > 0
    const hasRow = isAhead && this.#overflow.get(target) !== undefined
    if (target.offset >= this.#consumed || hasRow) {
      if (!covers(this.#mark, target)) this.#pending.withdraw(target, factOffset, topicId, recordBytes)
    } else if (this.#checkpoint !== undefined) this.#withdrawCounted(target, factOffset, topicId, recordBytes)
  }

  /** Of a message that does not come again, and that had no row ahead of `moved` that is still there. */
  #withdrawCounted(target: Place, factOffset: number, topicId: number, recordBytes: number): void {
    const { moved } = this.#checkpoint as Checkpoint
    const wasLater = comparePlaces(target, moved) > 0
    if (!wasLater && !covers(this.#mark, target)) {
      this.#pending.withdraw(target, factOffset, topicId, recordBytes)
    } else if (wasLater && this.#overflow.get(target) === undefined) this.#census.removeLater(topicId, recordBytes)
  }
}
