// Writes checkpoints: `intervalMs` after the last one if anything was appended, and after `bytesMax` of journal, so that a
// start has little to replay and journal files can be used again. Where the disk is too slow for that, appends wait at
// twice `bytesMax` (room()).
//
// In this order, each step only when the one before is durable:
//   1. note where the journal stands; 2. retention moves log starts; 3. write and sync what is dirty, small tails to a run;
//   4. replace the checkpoint; 5. set journal files free, remove merged runs and segments before the log starts.
//
// After a crash between any two steps: the old checkpoint with the old journal files, or the new one; steps 5 that were
// not made are made after the next checkpoint.

import type { Clock, Timer } from '../base/clock.ts'
import type { Disk } from '../base/disk.ts'
import type { DwellError } from '../base/errors.ts'
import { asFailure } from '../base/failure.ts'
import type { Journal } from '../journal/journal.ts'
import type { Runs } from '../run/runs.ts'
import { type CheckpointEntry, writeCheckpoint } from './checkpoint.ts'
import type { GroupCommit } from './group-commit.ts'
import type { Partition } from './partition.ts'
import { partitionsDirectory } from './recovery.ts'
import type { TailWriter } from './tail-writer.ts'
import type { Topic, Topics } from './topics.ts'

/** Removals under way at once: few, so that the journal finds a free thread. */
const REMOVALS_MAX = 2

export interface CheckpointerOptions {
  disk: Disk
  clock: Clock
  directory: string
  journal: Journal
  commits: GroupCommit
  topics: Topics
  tails: TailWriter
  runs: Runs
  bytesMax: number
  intervalMs: number
  /** Makes the checkpoint of an interval smaller by an append; fails harmlessly. */
  shorten: () => Promise<void>
  /** Called when one could not be written. */
  onFailure: (failure: DwellError) => void
}

export class Checkpointer {
  readonly #options: CheckpointerOptions
  #running: Promise<void> | undefined
  #next: Promise<void> | undefined
  /** Bytes that the journal had written at the last checkpoint. */
  #journalBytes = 0
  #timer: Timer | undefined

  constructor(options: CheckpointerOptions) {
    this.#options = options
  }

  /** Bytes of journal that a start would replay. */
  get replayBytes(): number {
    return this.#options.journal.writtenBytes - this.#journalBytes
  }

  /** Begins to write one in each interval. */
  start(): void {
    const { clock, intervalMs, shorten } = this.#options
    this.#timer = clock.setTimer(() => {
      if (this.replayBytes > 0 && this.#running === undefined) shorten().then(() => this.soon())
      this.start()
    }, intervalMs)
  }

  stop(): void {
    this.#timer?.cancel()
  }

  /** The journal has grown: begins a checkpoint if it has come to `bytesMax`. */
  grown(): void {
    if (this.replayBytes >= this.#options.bytesMax) this.soon()
  }

  /** Begins one, if none is being written. A failure goes to onFailure. */
  soon(): void {
    if (this.#running === undefined) this.run().catch(() => {})
  }

  /** Resolves when the journal may grow further; undefined when it may already. */
  room(): Promise<void> | undefined {
    return this.replayBytes < 2 * this.#options.bytesMax ? undefined : this.run()
  }

  /** Writes a checkpoint that covers all that is durable now. Calls that come while one is written share the next one. */
  run(): Promise<void> {
    if (this.#running === undefined) {
      this.#running = this.#attempt().finally(() => {
        this.#running = undefined
      })
      return this.#running
    }
    this.#next ??= this.#running.then(
      () => {
        this.#next = undefined
        return this.run()
      },
      (error) => {
        this.#next = undefined
        throw error
      },
    )
    return this.#next
  }

  async #attempt(): Promise<void> {
    try {
      await this.#write()
    } catch (error) {
      const failure = asFailure(error)
      this.#options.onFailure(failure)
      throw failure
    }
  }

  async #write(): Promise<void> {
    const { disk, clock, directory, journal, commits, topics, tails, runs } = this.#options
    const applied = commits.applied
    const journalBytes = journal.writtenBytes
    await this.#retain()
    await tails.sync(topics.partitions())
    // All of one moment: a merge of runs may be under way, and make folders.
    const entries = [...topics.partitions()].flatMap(entryOf)
    const merged = runs.takeMerged()
    const numbers = runs.numbers
    await disk.syncDirectory(partitionsDirectory(directory))
    await writeCheckpoint(disk, directory, { bootId: clock.bootId(), journal: applied, entries, runs: numbers })
    this.#journalBytes = journalBytes
    journal.trim(applied)
    await runs.remove(merged)
    await eachOf([...topics.partitions()], REMOVALS_MAX, (partition) => partition.removeExpired())
  }

  async #retain(): Promise<void> {
    for (const topic of this.#options.topics.all()) {
      const limits = limitsOf(topic, this.#options.clock.wallMs())
      if (limits === undefined) continue
      for (const partition of topic.partitions) if (partition.sizeBytes > 0) await partition.retain(limits)
    }
  }
}

function limitsOf({ description }: Topic, nowMs: number): { earliestMs?: number; bytesMax?: number } | undefined {
  const { retentionMs, retentionBytes } = description
  if (retentionMs === undefined && retentionBytes === undefined) return undefined
  return { earliestMs: retentionMs === undefined ? undefined : nowMs - retentionMs, bytesMax: retentionBytes }
}

function entryOf({ topicId, index, logStartOffset, segments }: Partition): CheckpointEntry[] {
  const safe = segments.safeFrom(logStartOffset)
  return safe === undefined ? [] : [{ topicId, partition: index, logStartOffset, safe }]
}

async function eachOf<T>(items: readonly T[], workersMax: number, task: (item: T) => Promise<void>): Promise<void> {
  let next = 0
  const worker = async () => {
    while (next < items.length) await task(items[next++])
  }
  await Promise.all(Array.from({ length: Math.min(workersMax, items.length) }, worker))
}
