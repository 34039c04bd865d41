// Writes checkpoints: now and then, and after so much journal, so that a start has little to replay and journal files
// can be used again.
//
// In this order, each step only when the one before is durable:
//   1. note where the journal stands; 2. retention moves log starts; 3. write and sync what is dirty; 4. replace the
//   checkpoint; 5. set journal files free and remove segments before the log starts.
//
// After a crash between any two steps: the old checkpoint with the old journal files, or the new one; steps 5 that were
// not made are made after the next checkpoint.

import type { Clock } from '../base/clock.ts'
import type { Disk } from '../base/disk.ts'
import { type CheckpointEntry, writeCheckpoint } from './checkpoint.ts'
import type { GroupCommit } from './group-commit.ts'
import type { Journal } from './journal.ts'
import type { Partition } from './partition.ts'
import { partitionsDirectory } from './recovery.ts'
import type { Topic, Topics } from './topics.ts'

/** Syncs under way at once: few, so that the journal finds a free thread. */
const SYNCS_MAX = 2

export interface CheckpointerOptions {
  disk: Disk
  clock: Clock
  directory: string
  journal: Journal
  commits: GroupCommit
  topics: Topics
}

export class Checkpointer {
  readonly #options: CheckpointerOptions
  #running: Promise<void> | undefined
  #next: Promise<void> | undefined
  /** Bytes that the journal had written at the last checkpoint. */
  #journalBytes = 0

  constructor(options: CheckpointerOptions) {
    this.#options = options
  }

  /** Bytes of journal that a start would replay. */
  get replayBytes(): number {
    return this.#options.journal.writtenBytes - this.#journalBytes
  }

  /** Whether a checkpoint is being written. */
  get busy(): boolean {
    return this.#running !== undefined
  }

  /** Writes a checkpoint that covers all that is durable now. Calls that come while one is written share the next one. */
  run(): Promise<void> {
    if (this.#running === undefined) {
      this.#running = this.#write().finally(() => {
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

  async #write(): Promise<void> {
    const { disk, clock, directory, journal, commits, topics } = this.#options
    const applied = commits.applied
    const journalBytes = journal.writtenBytes
    await this.#retain()
    const folders = partitionsDirectory(directory)
    const dirty = [...topics.partitions()].filter((partition) => partition.dirty)
    await eachOf(dirty, SYNCS_MAX, (partition) => partition.sync())
    if (dirty.length > 0) await disk.syncDirectory(folders)
    const entries = [...topics.partitions()].flatMap(entryOf)
    await writeCheckpoint(disk, directory, { bootId: clock.bootId(), journal: applied, entries })
    this.#journalBytes = journalBytes
    journal.trim(applied)
    await eachOf([...topics.partitions()], SYNCS_MAX, (partition) => partition.removeExpired())
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
