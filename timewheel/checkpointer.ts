// Writes the wheel's checkpoint when it is wanted, and lets go of what is not needed after it: past slot files, overflow rows,
// the old part of `__delay`, marks that no look-up asks for any more. In that order: nothing is dropped that the checkpoint
// on disk still relies on.

import { join } from 'node:path'
import type { Clock, Disk, LogEngine } from '../storage/index.ts'
import { type Checkpoint, writeCheckpoint } from './checkpoint.ts'
import { DELAY_TOPIC } from './entry.ts'
import type { HandClock } from './hand-clock.ts'
import { MARK_TOPIC } from './mark.ts'
import type { Pending } from './pending.ts'
import type { Slot } from './slot.ts'

/** `__mark` is kept this much longer than look-ups need it, since it is trimmed only here. */
const MARK_SPARE_MS = 10 * 60_000

export interface CheckpointerOptions {
  engine: LogEngine
  disk: Disk
  clock: Clock
  hand: HandClock
  directory: string
  rememberMs: number
  pending: Pending
  onFailure: (error: unknown) => void
}

export class Checkpointer {
  readonly #options: CheckpointerOptions
  readonly #wanted: { resolve: () => void; reject: (error: unknown) => void }[] = []
  #underWay: Promise<void> | undefined

  constructor(options: CheckpointerOptions) {
    this.#options = options
  }

  /** Resolves when a checkpoint that was begun after this call is durable. */
  want(): Promise<void> {
    const wanted = Promise.withResolvers<void>()
    this.#wanted.push(wanted)
    return wanted.promise
  }

  /** True while one is wanted and has not begun: then no new slot should be read, since it must not begin beside that. */
  get isWanted(): boolean {
    return this.#wanted.length > 0 && this.#underWay === undefined
  }

  /** Begins a checkpoint if one is wanted and none is under way. Only between two steps of the wheel. */
  begin(consumed: number): void {
    if (!this.isWanted || !this.#options.pending.canSettle) return
    const wanted = this.#wanted.splice(0)
    const { pending, clock, hand, onFailure } = this.#options
    const { checkpoint, unwritten, doneMs } = pending.settle(clock.bootId(), consumed, hand.nowMs())
    this.#underWay = this.#finish(unwritten, checkpoint, doneMs)
      .then(() => {
        for (const { resolve } of wanted) resolve()
      })
      .catch((error) => {
        for (const { reject } of wanted) reject(error)
        onFailure(error)
      })
      .finally(() => {
        this.#underWay = undefined
      })
  }

  /** Nothing more comes: answers who waits. */
  reject(error: unknown): void {
    for (const { reject } of this.#wanted.splice(0)) reject(error)
  }

  /** Resolves when none is under way. */
  async finished(): Promise<void> {
    await this.#underWay
  }

  async #finish(unwritten: Slot[], checkpoint: Checkpoint, doneMs: number): Promise<void> {
    const { engine, disk, directory, rememberMs } = this.#options
    const { slots, overflow, retention } = this.#options.pending
    await slots.write(unwritten, false)
    await slots.written()
    await overflow.flush()
    await writeCheckpoint(disk, join(directory, 'checkpoint'), checkpoint)
    await slots.deleteBefore(Math.floor(doneMs / 1000))
    await overflow.trim(doneMs, doneMs - rememberMs)
    const neededFrom = Math.min(retention.neededFrom(doneMs, checkpoint.consumed), checkpoint.consumed)
    retention.forgetBefore(neededFrom)
    await engine.deleteRecords(DELAY_TOPIC, 0, neededFrom)
    await this.#trimMarks()
  }

  async #trimMarks(): Promise<void> {
    const { engine, hand, rememberMs } = this.#options
    const { logStartOffset, highWatermark } = engine.offsets(MARK_TOPIC, 0)
    const forgottenMs = hand.nowMs() - rememberMs - MARK_SPARE_MS
    // The last mark is needed however old it is; and the one before the first that is looked for, to tell that it is the first.
    const firstNeeded = Math.min(await engine.offsetForTime(MARK_TOPIC, 0, forgottenMs), highWatermark) - 1
    if (firstNeeded > logStartOffset) await engine.deleteRecords(MARK_TOPIC, 0, firstNeeded)
  }
}
