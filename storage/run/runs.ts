// The runs there are (run.ts): between the segments of partitions and their tails in memory.
//
//   tails, small and many ─► run, run, run … ─► merged into the segments of each partition, when there are enough
//
// Always true:
//   1. Runs lie in order: what a partition has in a later one follows what it has in the ones before, and that follows its
//      segments. Both ends may overlap what is in segments already; it is then the same.
//   2. When there are `RUNS_MAX`, or the oldest has seen `AGE_MAX` checkpoints, all there are are merged: partition by
//      partition its pieces are read, in the order in which they lie, appended to its segments with one write, and synced.
//      So a file is opened and synced once for all that gathered in `RUNS_MAX` runs.
//   3. A merged run is removed after a checkpoint that does not name it any more. Those that a checkpoint names were synced.
//   4. At twice `RUNS_MAX` no further run is written before a merge is done.
//
// After a crash: those count that the checkpoint names; others are removed, the journal has what is in them. A partition
// passes over pieces that its segments hold already.

import type { Disk } from '../base/disk.ts'
import { DwellError } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import { maxTimestampAt } from '../batch/record-batch.ts'
import { readRecords } from '../batch/record-page.ts'
import type { Partition } from '../log/partition.ts'
import type { Topics } from '../log/topics.ts'
import type { OpenFiles } from '../segment/open-files.ts'
import { checkRun, type PlacedPiece, type Run, readRun, runNumber, runPath, syncRun, writeRun } from './run.ts'
import { pageOfPiece, splitPiece } from './run-piece.ts'
import { RunsReader } from './runs-reader.ts'

const RUNS_MAX = 32
const AGE_MAX = 32
/** Merges of partitions under way at once: few, so that the journal finds a free thread. */
const MERGES_MAX = 2

export interface RunsOptions {
  disk: Disk
  files: OpenFiles
  directory: string
  log: Log
  /** At so many runs all are merged. */
  runsMax?: number
  onFailure: (error: unknown) => void
}

export class Runs {
  readonly #options: RunsOptions
  readonly #runsMax: number
  #topics: Topics | undefined
  /** Oldest first. */
  #runs: Run[] = []
  /** All that was in them is in segments. */
  #merged: Run[] = []
  readonly #unsynced = new Set<Run>()
  #leftOut: Run[] = []
  #nextNumber = 1
  #spilling: Promise<void> | undefined
  #merging: Promise<void> | undefined
  /** Checkpoints since a merge. */
  #age = 0
  /** Calls of batches() under way. */
  #readers = 0
  #stopped = false

  constructor(options: RunsOptions) {
    this.#options = options
    this.#runsMax = options.runsMax ?? RUNS_MAX
  }

  /** The numbers that a checkpoint has to name. What is in runs that are not durable yet, the journal has. */
  get numbers(): number[] {
    return this.#runs.filter((run) => !this.#unsynced.has(run)).map(({ number }) => number)
  }

  /** Whether no further run may be written before a merge is done. */
  get full(): boolean {
    return this.#merging !== undefined && this.#runs.length >= 2 * this.#runsMax
  }

  /** Resolves when no run is being written, and there may be one more. */
  async idle(): Promise<void> {
    while (this.#spilling !== undefined || this.full) await (this.#spilling ?? this.#merging)
  }

  /**
   * Takes up the runs with these numbers and removes the others; partitions go on behind what they have in them.
   * @throws RUN_DAMAGED
   */
  async open(numbers: readonly number[], topics: Topics): Promise<void> {
    const { disk, directory } = this.#options
    this.#topics = topics
    for (const number of numbers) this.#take(await readRun(disk, directory, number))
    for (const number of await this.#listed()) {
      this.#nextNumber = Math.max(this.#nextNumber, number + 1)
      if (!numbers.includes(number)) await disk.remove(runPath(directory, number))
    }
  }

  /**
   * Without a checkpoint: takes up all runs before the first one that is not whole, or before which something is missing.
   * Those written since the lost checkpoint may be torn by a power cut; the journal has what is in them, and checkLeftOut()
   * sees to that. A damaged one is set aside as `<name>.damaged`.
   */
  async openWhole(topics: Topics): Promise<void> {
    const { disk, directory, log } = this.#options
    this.#topics = topics
    let whole = true
    for (const number of (await this.#listed()).sort((a, b) => a - b)) {
      this.#nextNumber = number + 1
      try {
        const run = await readRun(disk, directory, number)
        this.#leftOut.push(run)
        if (whole) await checkRun(disk, run)
        if (!whole || this.#gapBefore(run) !== undefined) {
          whole = false
          continue
        }
        this.#leftOut.pop()
        this.#take(run)
        this.#unsynced.add(run)
      } catch (error) {
        if (!(error instanceof DwellError)) throw error
        whole = false
        const path = runPath(directory, number)
        log.warn({ code: error.code, path }, `${error.message} It is left out, and so are those after it.`)
        await disk.rename(path, `${path}.damaged`)
      }
    }
  }

  /**
   * After the replay of the journal: whether it had what is in runs that were left out.
   * @throws RUN_DAMAGED
   */
  checkLeftOut(): void {
    for (const run of this.#leftOut) {
      for (const { topicId, partition, endOffset } of run.pieces()) {
        const owner = this.#topics?.partition(topicId, partition)
        if (owner === undefined || owner.logEndOffset >= endOffset) continue
        const { path } = run
        const sentence = `${path} cannot be used, and the journal does not have all that is in it any more.`
        throw new DwellError('RUN_DAMAGED', sentence, { path, offset: owner.logEndOffset, lastOffset: endOffset - 1 })
      }
    }
    this.#leftOut = []
  }

  /** Moves the tails of these partitions, all of them `spillable`, into a run. */
  spill(partitions: readonly Partition[]): Promise<void> {
    const spilling = this.#spill(partitions).finally(() => {
      if (this.#spilling === spilling) this.#spilling = undefined
    })
    this.#spilling = spilling
    return spilling
  }

  async #spill(partitions: readonly Partition[]): Promise<void> {
    const { disk, directory } = this.#options
    const sorted = partitions.toSorted((a, b) => a.topicId - b.topicId || a.index - b.index)
    const written = Promise.withResolvers<void>()
    const letGo: Promise<void>[] = []
    const tails = sorted.map((partition) => {
      const { batches, done } = partition.spill(this, written.promise)
      letGo.push(done)
      return { topicId: partition.topicId, partition: partition.index, batches }
    })
    try {
      const run = await writeRun(disk, directory, this.#nextNumber++, tails)
      this.#runs.push(run)
      this.#unsynced.add(run)
      written.resolve()
    } catch (error) {
      written.reject(error)
      throw error
    }
    await Promise.all(letGo)
    if (this.#runs.length >= this.#runsMax) this.#merge()
  }

  /** Makes the runs durable that there are now. */
  async sync(): Promise<void> {
    const { disk, directory } = this.#options
    const runs = [...this.#unsynced]
    if (runs.length === 0) return
    for (const run of runs) await syncRun(disk, run)
    await disk.syncDirectory(directory)
    for (const run of runs) this.#unsynced.delete(run)
  }

  /** As Partition.read(), from what `partition` has in runs. */
  async read(partition: Partition, fromOffset: number, maxBytes: number): Promise<Buffer> {
    for (const run of this.#runs) {
      const piece = run.find(partition.topicId, partition.index)
      if (piece === undefined || piece.endOffset <= fromOffset) continue
      // Nothing is awaited before the run is in use: from then on it is not removed.
      return pageOfPiece(run.path, piece, await this.#bytes(run, piece), fromOffset, maxBytes)
    }
    return Buffer.alloc(0)
  }

  /** All batches that `partition` has in runs from `fromOffset` on. */
  async batches(partition: Partition, fromOffset: number): Promise<Buffer[]> {
    const batches: Buffer[] = []
    let offset = fromOffset
    this.#readers++
    try {
      for (const run of this.#runs) {
        const piece = run.find(partition.topicId, partition.index)
        if (piece === undefined || piece.endOffset <= offset) continue
        batches.push(...splitPiece(run.path, piece, await this.#bytes(run, piece), offset, this.#options.log))
        offset = piece.endOffset
      }
    } finally {
      this.#readers--
    }
    return batches
  }

  /** The first offset from `fromOffset` on in runs whose record is not earlier; undefined when all are earlier. */
  async offsetForTime(partition: Partition, fromOffset: number, timestampMs: number): Promise<number | undefined> {
    for (const batch of await this.batches(partition, fromOffset)) {
      if (maxTimestampAt(batch, 0) < timestampMs) continue
      const found = readRecords(batch, fromOffset).find((record) => record.timestampMs >= timestampMs)
      if (found !== undefined) return found.offset
    }
    return undefined
  }

  /** Called when a checkpoint is noted: which runs it makes needless. */
  takeMerged(): Run[] {
    const merged = this.#merged
    this.#merged = []
    return merged
  }

  /** A checkpoint is durable that does not name these: removes them, or leaves it to the next when they may be in use. */
  async remove(merged: readonly Run[]): Promise<void> {
    if (this.#readers > 0) this.#merged.push(...merged)
    for (const run of this.#readers > 0 ? [] : merged) {
      await this.#options.files.close(run)
      await this.#options.disk.remove(run.path)
    }
    if (this.#runs.length > 0 && ++this.#age >= AGE_MAX) this.#merge()
  }

  /** Ends a merge that is under way after the partition at which it is. */
  async stop(): Promise<void> {
    this.#stopped = true
    await this.#merging
  }

  #take(run: Run): void {
    const gap = this.#gapBefore(run)
    if (gap !== undefined) throw gap
    this.#runs.push(run)
    for (const { topicId, partition, endOffset, size } of run.pieces()) {
      this.#topics?.partition(topicId, partition)?.adopt(this, endOffset, size)
    }
  }

  /** What a run does not follow. */
  #gapBefore(run: Run): DwellError | undefined {
    for (const { topicId, partition, baseOffset } of run.pieces()) {
      const owner = this.#topics?.partition(topicId, partition)
      if (owner === undefined || baseOffset <= owner.logEndOffset) continue
      const { topic, logEndOffset } = owner
      const { path } = run
      const sentence = `${path} goes on at offset ${baseOffset} of ${topic}-${partition}, which ends at ${logEndOffset}.`
      return new DwellError('RUN_DAMAGED', sentence, { path, offset: logEndOffset })
    }
    return undefined
  }

  async #listed(): Promise<number[]> {
    const names = await this.#options.disk.list(this.#options.directory)
    return names.map(runNumber).filter((number) => number !== undefined)
  }

  #bytes(run: Run, { position, size }: PlacedPiece): Promise<Buffer> {
    return this.#options.files.use(run, async (file) => {
      const bytes = Buffer.allocUnsafeSlow(size)
      return bytes.subarray(0, await file.read(bytes, position))
    })
  }

  #merge(): void {
    if (this.#stopped || this.#merging !== undefined) return
    this.#merging = this.#mergeAll([...this.#runs])
      .catch(this.#options.onFailure)
      .finally(() => {
        this.#merging = undefined
      })
  }

  async #mergeAll(runs: readonly Run[]): Promise<void> {
    const { files, log } = this.#options
    this.#age = 0
    const reader = new RunsReader(files, runs, log)
    const under = new Set<Promise<void>>()
    let failed = false
    while (!this.#stopped && !failed) {
      const next = await reader.next()
      if (next === undefined) break
      const partition = this.#topics?.partition(next.topicId, next.partition)
      if (partition === undefined) continue
      const merged: Promise<void> = partition
        .merge(next.batches)
        .catch((error) => {
          failed = true
          // At once, though others are still under way: from now on nothing may be answered with success.
          this.#options.onFailure(error)
        })
        .finally(() => under.delete(merged))
      under.add(merged)
      if (under.size >= MERGES_MAX) await Promise.race(under)
    }
    await Promise.all(under)
    if (failed || this.#stopped) return
    this.#runs = this.#runs.filter((run) => !runs.includes(run))
    this.#merged.push(...runs)
    for (const run of runs) this.#unsynced.delete(run)
  }
}
