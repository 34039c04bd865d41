// Writes the wheel's checkpoint when it is wanted, and lets go of what is not needed after it: past slot files, overflow rows,
// the old part of `__delay`, marks that no look-up asks for any more. In that order: nothing is dropped that the checkpoint
// on disk still relies on, or the synced one, which is some minutes older.

import type { Clock, Disk, Log, LogEngine } from '../../storage/index.ts'
import { DELAY_TOPIC } from '../entry/entry.ts'
import type { HandClock } from '../hand-clock.ts'
import { MARK_TOPIC } from '../mark.ts'
import type { Pending } from '../pending.ts'
import type { Slot } from '../slot/slot.ts'
import { type Checkpoint, writeCheckpoint } from './checkpoint.ts'
import { checkpointPath, distrustCheckpoint } from './checkpoint-files.ts'
import { SyncedCheckpoint } from './synced-checkpoint.ts'
import type { Synced } from './synced-file.ts'

/** `__mark` is kept this much longer than look-ups need it, since it is trimmed only here. */
const MARK_SPARE_MS = 10 * 60_000

export interface CheckpointerOptions {
  engine: LogEngine
  disk: Disk
  clock: Clock
  hand: HandClock
  log: Log
  /** The wheel's own folder. */
  directory: string
  rememberMs: number
  pending: Pending
  /** The synced checkpoint that the start left in place. */
  synced: Synced | undefined
  /** How long the system is given to write slot files by itself before they are synced; as it needs, when absent. */
  settledMs?: number
  onFailure: (error: unknown) => void
}

export class Checkpointer {
  readonly #options: CheckpointerOptions
  readonly #wanted: { resolve: () => void; reject: (error: unknown) => void }[] = []
  readonly #synced: SyncedCheckpoint
  /** The second of the last durable mark. */
  #handSecond: number
  #underWay: Promise<void> | undefined
  #distrusted = false
  #error: unknown

  constructor(options: CheckpointerOptions) {
    this.#options = options
    this.#handSecond = secondOf(options.pending.hand.dueAtMs)
    this.#synced = new SyncedCheckpoint({
      ...options,
      held: options.synced?.checkpoint,
      handSecond: () => this.#handSecond,
      distrust: () => this.#distrust(),
    })
  }

  /** Resolves when a checkpoint that was begun after this call is durable. */
  want(): Promise<void> {
    if (this.#error !== undefined) return Promise.reject(this.#error)
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
    this.#handSecond = secondOf(this.#options.pending.hand.dueAtMs)
    if (!this.isWanted || this.#distrusted || !this.#options.pending.canSettle) return
    const wanted = this.#wanted.splice(0)
    const { pending, clock, hand, onFailure } = this.#options
    const { checkpoint, unwritten, doneMs } = pending.settle(clock.bootId(), consumed, hand.nowMs())
    const { firstSecond } = this.#synced.needs
    const keptFrom = Math.max(this.#handSecond, Math.min(secondOf(doneMs), firstSecond))
    const slots = checkpoint.slots.filter(({ second }) => second >= keptFrom)
    this.#underWay = this.#finish(unwritten, { ...checkpoint, slots }, doneMs, keptFrom)
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

  /** None begins any more: whoever waits for one, or comes later, gets this error. */
  end(error: unknown): void {
    this.#error ??= error
    for (const { reject } of this.#wanted.splice(0)) reject(error)
  }

  /** Resolves when none is under way, and none will be any more. */
  async close(): Promise<void> {
    await this.#underWay
    await this.#synced.close()
  }

  /** The files of the slots cannot be relied on any more. */
  async #distrust(): Promise<void> {
    const { disk, directory } = this.#options
    this.#distrusted = true
    await this.#underWay
    await distrustCheckpoint(disk, directory)
  }

  /** `keptFrom` is the first second whose slot either checkpoint relies on. */
  async #finish(unwritten: Slot[], checkpoint: Checkpoint, doneMs: number, keptFrom: number): Promise<void> {
    const { engine, disk, directory, rememberMs } = this.#options
    const { slots, overflow, retention } = this.#options.pending
    await slots.write(unwritten, false)
    await slots.written()
    await overflow.flush()
    await writeCheckpoint(disk, checkpointPath(directory), checkpoint)
    this.#synced.offer(checkpoint)
    const { consumed, movedMs } = this.#synced.needs
    await slots.deleteBefore(keptFrom)
    await overflow.trim(Math.min(doneMs, movedMs), doneMs - rememberMs)
    const neededFrom = Math.min(retention.neededFrom(doneMs, checkpoint.consumed), checkpoint.consumed, consumed)
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

function secondOf(timeMs: number): number {
  return Math.floor(timeMs / 1000)
}
