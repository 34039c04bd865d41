// One pass of compaction over one partition.
//
//   1. The dirty part is read, from where the last pass ended, into an offset map; when that is full, the pass covers what
//      it knows, and the next one goes on there.
//   2. From the first segment on, stretch by stretch, what stays is written to one cleaned segment, which takes the place of
//      the stretch (segment-exchange.ts). A segment of which everything stays is left alone.
//   3. How far it is clean is remembered (cleaned-mark.ts).
//
// Always true:
//   1. Offsets never change. A segment ends with the batch that it ended with, emptied if nothing of it stays, so that it
//      still ends where the next one begins.
//   2. Stretches are exchanged in order: where a crash ends a pass, each key still has its last record.
//   3. A segment is held only while a piece of it is read: retention, deletion and a stop do not wait for a pass.
//   4. Damage ends the pass before anything in its stretch is changed.

import { assert } from '../base/assert.ts'
import { lastOffsetAt, recordCountAt, sizeOfBatchAt } from '../batch/record-batch.ts'
import type { Partition } from '../log/partition.ts'
import type { Segment } from '../segment/segment.ts'
import { BatchCleaner, keyOf, recordsOf } from './batch-cleaner.ts'
import { compactedBatch } from './compacted-batch.ts'
import { stretchesOf } from './compaction-plan.ts'
import { OffsetMap } from './offset-map.ts'
import type { Pace } from './pace.ts'

const KIB = 1024
const MIB = 1024 * KIB
/** Little at a time: between two pieces others have their turn of the event loop. */
const READ_BYTES = 256 * KIB
const WRITE_BYTES = MIB
/** Synced in steps: the journal never waits behind a large one. */
const SYNC_BYTES = 4 * MIB

export interface CompactionOptions {
  partition: Partition
  nowMs: number
  deleteRetentionMs: number
  /** For the offset map. */
  memoryBytes: number
  segmentBytes: number
  pace: Pace | undefined
  /** Whether to end at the next chance, leaving the rest to another pass. */
  stopped: () => boolean
}

/** What a pass did. */
export interface Compacted {
  /** Whether it came to its end. */
  done: boolean
  bytesBefore: number
  bytesAfter: number
}

export class Compaction {
  readonly #options: CompactionOptions
  readonly #compacted: Compacted = { done: false, bytesBefore: 0, bytesAfter: 0 }
  /** A segment that was begun and has not taken its place. */
  #begun: Segment | undefined
  #exchanging = false

  constructor(options: CompactionOptions) {
    this.#options = options
  }

  /** Whether files were being exchanged when run() failed: then memory and disk may not agree any more. */
  get isTorn(): boolean {
    return this.#exchanging
  }

  /** @throws BATCH_DAMAGED, and what the disk says; nothing is lost then, unless isTorn. */
  async run(): Promise<Compacted> {
    try {
      await this.#pass()
    } finally {
      // What cannot be removed now is when the partition is opened next.
      if (!this.#exchanging) await this.#begun?.discard().catch(() => {})
    }
    return this.#compacted
  }

  async #pass(): Promise<void> {
    const { partition, nowMs, deleteRetentionMs, segmentBytes } = this.#options
    const { segments } = partition
    const complete = await segments.complete(partition.logStartOffset)
    const { cleanedTo, gapsTo, horizonMs } = segments.cleaned
    const learned = await this.#learn(complete, cleanedTo)
    if (learned === undefined) return
    const { latest, knownTo } = learned
    const known = complete.filter(({ baseOffset }) => baseOffset < knownTo)
    if (known.length === 0) return
    const cleaner = new BatchCleaner({ latest, knownTo, nowMs, deleteRetentionMs })
    await segments.markCleaned({ cleanedTo, horizonMs, gapsTo: Math.max(gapsTo, known[known.length - 1].endOffset) })
    for (const stretch of stretchesOf(known, segmentBytes)) {
      if (!(await this.#clean(stretch, cleaner))) return
    }
    await segments.markCleaned({ ...segments.cleaned, cleanedTo: knownTo, horizonMs: cleaner.horizonMs })
    this.#compacted.done = true
  }

  /** The last offset of each key from `cleanedTo` to before `knownTo`; undefined when the pass is over. */
  async #learn(
    complete: readonly Segment[],
    cleanedTo: number,
  ): Promise<{ latest: OffsetMap; knownTo: number } | undefined> {
    const dirty = complete.filter(({ endOffset }) => endOffset > cleanedTo)
    const endOffset = complete.at(-1)?.endOffset ?? 0
    const latest = new OffsetMap(this.#options.memoryBytes, endOffset - Math.min(cleanedTo, endOffset))
    let knownTo = endOffset
    for (const segment of dirty) {
      const whole = await this.#each(segment, Math.max(cleanedTo, segment.baseOffset), (batch) => {
        for (const { offset, body } of recordsOf(batch) ?? []) {
          const key = offset < cleanedTo ? null : keyOf(body)
          if (key === null || latest.put(key, offset)) continue
          knownTo = offset
          return false
        }
        return true
      })
      if (knownTo < endOffset) break
      if (!whole) return undefined
    }
    return { latest, knownTo }
  }

  /** Cleans one stretch; false when the pass is over. */
  async #clean(stretch: readonly Segment[], cleaner: BatchCleaner): Promise<boolean> {
    if (stretch.length === 1) {
      const same = await this.#each(stretch[0], stretch[0].baseOffset, (batch, isLast) => {
        return whatStays(batch, cleaner, isLast) === batch
      })
      if (same) return true
      if (this.#isOver(stretch[0])) return false
    }
    const cleaned = await this.#write(stretch, cleaner)
    if (cleaned === undefined) return false
    this.#exchanging = true
    const exchanged = await this.#options.partition.exchange(stretch, cleaned)
    this.#exchanging = false
    if (!exchanged) return false
    this.#begun = undefined
    this.#compacted.bytesBefore += stretch.reduce((sum, { size }) => sum + size, 0)
    this.#compacted.bytesAfter += cleaned.size
    return true
  }

  /** Writes what stays of a stretch to a segment of its own, synced; undefined when the pass is over. */
  async #write(stretch: readonly Segment[], cleaner: BatchCleaner): Promise<Segment | undefined> {
    const { partition, pace } = this.#options
    const cleaned = await partition.segments.beginCleaned(stretch[0].baseOffset)
    this.#begun = cleaned
    let batches: Buffer[] = []
    let bytes = 0
    let syncedTo = 0
    const flush = async () => {
      if (batches.length > 0) await cleaned.append(batches)
      await pace?.spend(bytes)
      batches = []
      bytes = 0
      if (cleaned.size - syncedTo < SYNC_BYTES) return
      await cleaned.syncLog()
      syncedTo = cleaned.size
    }
    for (const [i, segment] of stretch.entries()) {
      const isLastSegment = i === stretch.length - 1
      const whole = await this.#each(segment, segment.baseOffset, async (batch, isLast) => {
        const kept = whatStays(batch, cleaner, isLast && isLastSegment)
        if (kept === undefined) return true
        batches.push(kept)
        bytes += kept.length
        if (bytes >= WRITE_BYTES) await flush()
        return true
      })
      if (!whole) return undefined
    }
    await flush()
    await cleaned.finish()
    await cleaned.syncLog()
    assert(
      cleaned.endOffset === stretch[stretch.length - 1].endOffset,
      'a cleaned segment ends where its stretch ended',
    )
    return cleaned
  }

  /** Runs `task` with each batch of `segment` from the one that holds `fromOffset`; false when it or the pass ended early. */
  async #each(
    segment: Segment,
    fromOffset: number,
    task: (batch: Buffer, isLast: boolean) => boolean | Promise<boolean>,
  ): Promise<boolean> {
    for (let offset = fromOffset; offset < segment.endOffset; ) {
      if (this.#isOver(segment)) return false
      const bytes = await segment.read(offset, READ_BYTES)
      await this.#options.pace?.spend(bytes.length)
      for (let at = 0; at < bytes.length; ) {
        const batch = bytes.subarray(at, at + sizeOfBatchAt(bytes, at))
        at += batch.length
        offset = lastOffsetAt(batch, 0) + 1
        if (!(await task(batch, offset === segment.endOffset))) return false
      }
      if (bytes.length === 0) return false
    }
    return true
  }

  #isOver(segment: Segment): boolean {
    const { partition, stopped } = this.#options
    return partition.dropped || stopped() || segment.retired
  }
}

/** As BatchCleaner.clean(), but `mustStay` leaves at least the batch without its records. */
function whatStays(batch: Buffer, cleaner: BatchCleaner, mustStay: boolean): Buffer | undefined {
  const kept = cleaner.clean(batch)
  if (kept !== undefined || !mustStay) return kept
  return recordCountAt(batch, 0) === 0 ? batch : compactedBatch(batch, [])
}
