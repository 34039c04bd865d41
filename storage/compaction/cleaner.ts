// Compacts the partitions of compacted topics, in the background: one at a time, the dirtiest first, no faster than its pace.
//
// Always true:
//   1. A partition is cleaned when the part of it that was never cleaned is at least `dirtyShareMin` of what may be cleaned,
//      or when tombstones in it are due.
//   2. A pass that fails before it exchanges files has changed nothing: it is reported, and made again later (a full disk).
//      Damage is reported once, and the partition is left alone until the next start: what cannot be read is not rewritten.
//   3. `__topics` is left out: the catalogue writes it anew and deletes what is older (catalogue.ts).

import type { Clock } from '../base/clock.ts'
import { DwellError } from '../base/errors.ts'
import { isFault } from '../base/failure.ts'
import type { Log } from '../base/log.ts'
import type { Partition } from '../log/partition.ts'
import { TOPICS_ID } from '../log/topic-record.ts'
import type { Topics } from '../log/topics.ts'
import { Compaction } from './compaction.ts'
import { dirtyShare, tombstonesDue } from './compaction-plan.ts'
import { Pace } from './pace.ts'

const MIB = 1024 * 1024
/** What says that a partition cannot be read because of its bytes, so that trying again is in vain. */
const DAMAGES: ReadonlySet<string> = new Set([
  'BATCH_DAMAGED',
  'FILE_DAMAGED',
  'RECORD_DAMAGED',
  'RUN_DAMAGED',
  'SEGMENT_DAMAGED',
])

export interface CleanerOptions {
  topics: Topics
  clock: Clock
  log: Log
  segmentBytes: number
  /** How long a tombstone stands. */
  deleteRetentionMs?: number | undefined
  /** For the offset map. */
  memoryBytes?: number | undefined
  dirtyShareMin?: number | undefined
  /** Read and written together; a pass at full speed takes a whole processor for about 60 MB a second. */
  bytesPerSecond?: number | undefined
  /** Files were being exchanged when something failed. */
  onFailure: (error: unknown) => void
}

export interface CleanerStats {
  passes: number
  bytesBefore: number
  bytesAfter: number
  failures: number
}

export class Cleaner {
  readonly #options: CleanerOptions
  readonly #pace: Pace
  readonly #damaged = new WeakSet<Partition>()
  readonly stats: CleanerStats = { passes: 0, bytesBefore: 0, bytesAfter: 0, failures: 0 }
  #running: Promise<void> | undefined
  #stopped = false

  constructor(options: CleanerOptions) {
    this.#options = options
    this.#pace = new Pace(options.clock, options.bytesPerSecond ?? 16 * MIB)
  }

  /** Begins to clean what is dirty enough, unless that is under way. */
  wake(): void {
    if (this.#stopped || this.#running !== undefined) return
    this.#running = this.#cleanDirty().finally(() => {
      this.#running = undefined
    })
  }

  /** Cleans all that may be cleaned now, as fast as it goes. */
  async compact(): Promise<void> {
    while (this.#running !== undefined) await this.#running
    this.#running = this.#cleanAll().finally(() => {
      this.#running = undefined
    })
    await this.#running
  }

  /** Begins nothing any more; resolves when what was under way has ended, at its next chance. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#pace.stop()
    await this.#running
  }

  async #cleanDirty(): Promise<void> {
    const { clock, dirtyShareMin = 0.5 } = this.#options
    const found: { partition: Partition; share: number }[] = []
    for (const partition of this.#partitions()) {
      const looked = await this.#look(partition)
      if (looked === undefined) continue
      const { share, cleaned } = looked
      const due = tombstonesDue(cleaned, clock.wallMs())
      if (due || (share > 0 && share >= dirtyShareMin)) found.push({ partition, share })
    }
    found.sort((a, b) => b.share - a.share)
    for (const { partition } of found) await this.#clean(partition, this.#pace)
  }

  async #cleanAll(): Promise<void> {
    for (const partition of this.#partitions()) {
      for (;;) {
        const looked = await this.#look(partition)
        if (looked === undefined) break
        if (looked.share === 0 && !tombstonesDue(looked.cleaned, this.#options.clock.wallMs())) break
        if (!(await this.#clean(partition, undefined))) break
      }
    }
  }

  *#partitions(): Iterable<Partition> {
    for (const { description, partitions } of [...this.#options.topics.all()]) {
      if (description.cleanup === 'compact' && description.id !== TOPICS_ID) yield* partitions
    }
  }

  /** How dirty a partition is; undefined when there is nothing to clean. */
  async #look(partition: Partition) {
    const { segments, dropped } = partition
    if (this.#stopped || dropped || this.#damaged.has(partition) || !segments.hasComplete) return undefined
    try {
      const complete = await segments.complete(partition.logStartOffset)
      return { share: dirtyShare(complete, segments.cleaned), cleaned: segments.cleaned }
    } catch (error) {
      if (isFault(error)) this.#options.onFailure(error)
      else this.#report(partition, error)
      return undefined
    }
  }

  /** One pass; whether it came to its end. */
  async #clean(partition: Partition, pace: Pace | undefined): Promise<boolean> {
    if (this.#stopped || partition.dropped) return false
    const { clock, segmentBytes, deleteRetentionMs = 86_400_000, memoryBytes = 16 * MIB } = this.#options
    const compaction = new Compaction({
      partition,
      nowMs: clock.wallMs(),
      deleteRetentionMs,
      memoryBytes,
      segmentBytes,
      pace,
      stopped: () => this.#stopped,
    })
    try {
      let done = false
      await partition.compact(async () => {
        const compacted = await compaction.run()
        done = compacted.done
        this.#count(compacted)
      })
      return done
    } catch (error) {
      if (compaction.isTorn || isFault(error)) this.#options.onFailure(error)
      else this.#report(partition, error)
      return false
    }
  }

  #count({ done, bytesBefore, bytesAfter }: { done: boolean; bytesBefore: number; bytesAfter: number }): void {
    if (done) this.stats.passes++
    this.stats.bytesBefore += bytesBefore
    this.stats.bytesAfter += bytesAfter
  }

  #report(partition: Partition, error: unknown): void {
    if (partition.dropped) return
    this.stats.failures++
    const isDamaged = error instanceof DwellError && DAMAGES.has(error.code)
    if (isDamaged) this.#damaged.add(partition)
    const then = isDamaged ? 'It is left as it is until the next start.' : 'It is tried again later.'
    const code = isDamaged ? error.code : undefined
    const { topic, index } = partition
    const why = error instanceof Error ? error.message : String(error)
    this.#options.log.warn({ code, topic, partition: index, error }, `A partition cannot be compacted: ${why} ${then}`)
  }
}
