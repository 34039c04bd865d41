// The embedded engine: the log on this machine's disk. It builds the parts and keeps them together; each promise is kept
// by the part whose noun it is:
//
//   append ─► group-commit ─► journal (durable, answered) ─► partition's tail (read from here)
//                                                               └─► tail-writer ─► segments ─► checkpoint ─► journal files free
//
// Files: `journal/` (journal-files.ts), `topics/<topic>-<partition>/` (segments.ts), `runs/` (run.ts), `checkpoint`
// (checkpoint.ts).
//
// After a crash: recovery.ts.

import { BufferPool } from '../base/buffer-pool.ts'
import type { Timer } from '../base/clock.ts'
import { DwellError } from '../base/errors.ts'
import { asFailure, asReadFailure } from '../base/failure.ts'
import { Cleaner, type CleanerStats } from '../compaction/cleaner.ts'
import type {
  Allocate,
  Append,
  HighWatermarkListener,
  LogEngine,
  LogRecord,
  PartitionOffsets,
  TopicDescription,
  TopicSettings,
} from '../engine.ts'
import type { Journal } from '../journal/journal.ts'
import { PartKind } from '../journal/journal-format.ts'
import type { Runs } from '../run/runs.ts'
import type { OpenFiles } from '../segment/open-files.ts'
import { Catalogue } from './catalogue.ts'
import { Checkpointer } from './checkpointer.ts'
import { type CommitGroup, type EncodedGroup, LOG_START_BYTES, recordsBytesMax } from './commit-group.ts'
import { type EmbeddedEngineOptions, type EngineOptions, withDefaults } from './engine-options.ts'
import { type EngineParts, makeFolders, makeParts } from './engine-parts.ts'
import { GroupCommit } from './group-commit.ts'
import type { Partition } from './partition.ts'
import { type Recovered, recover } from './recovery.ts'
import { SmallBatches } from './small-batches.ts'
import type { TailWriter } from './tail-writer.ts'
import { TOPICS } from './topic-record.ts'
import type { Topics } from './topics.ts'

const MIB = 1024 * 1024
/** The largest append: half a journal file of the default size. */
const APPEND_BYTES_MAX = 32 * MIB
/** A batch that is a smaller part of its frame than one in so many is copied out of it. */
const FRAME_SHARE = 4

export class EmbeddedEngine implements LogEngine {
  readonly #options: EngineOptions
  readonly #topics: Topics
  readonly #catalogue: Catalogue
  readonly #journal: Journal
  readonly #files: OpenFiles
  readonly #tails: TailWriter
  readonly #runs: Runs
  readonly #commits: GroupCommit
  readonly #checkpointer: Checkpointer
  readonly #cleaner: Cleaner
  readonly #small = new SmallBatches(new BufferPool())
  readonly #listeners = new Set<HighWatermarkListener>()
  #timer: Timer | undefined
  #closing: Promise<void> | undefined
  #failed = false

  private constructor(options: EngineOptions, parts: Recovered & EngineParts) {
    const { disk, clock, directory } = options
    const { topics, catalogue, journal, files, tails, runs, maker } = parts
    this.#options = options
    this.#topics = topics
    this.#journal = journal
    this.#files = files
    this.#tails = tails
    this.#runs = runs
    this.#commits = new GroupCommit({
      journal,
      clock,
      apply: (group, encoded) => this.#apply(group, encoded),
      room: () => tails.room() ?? this.#checkpointer.room(),
      onWrite: options.onWrite,
      onFailure: (error) => this.#fail(error),
    })
    const commits = this.#commits
    this.#checkpointer = new Checkpointer({
      disk,
      clock,
      directory,
      journal,
      commits,
      topics,
      tails,
      runs,
      bytesMax: options.checkpointBytes,
      intervalMs: options.checkpointIntervalMs,
      shorten: () => this.#shortenCatalogue(),
      onFailure: (error) => this.#fail(error),
    })
    this.#cleaner = new Cleaner({
      topics,
      clock,
      log: options.log,
      segmentBytes: options.segmentBytes,
      deleteRetentionMs: options.deleteRetentionMs,
      memoryBytes: options.compactionBytes,
      onFailure: (error) => this.#fail(asFailure(error)),
    })
    const append = (appends: readonly Append[]) => this.append(appends)
    const deleteRecords = (before: number) => this.deleteRecords(TOPICS, 0, before)
    this.#catalogue = new Catalogue({ topics, partition: catalogue, append, deleteRecords, maker, clock })
  }

  /**
   * Opens the log in `directory`, which is made when missing, and replays what the last stop left over.
   * @throws JOURNAL_DAMAGED, CHECKPOINT_DAMAGED, SEGMENT_DAMAGED, RUN_DAMAGED
   */
  static async open(given: EmbeddedEngineOptions): Promise<EmbeddedEngine> {
    const options = withDefaults(given)
    const { disk, clock, directory, log } = options
    await makeFolders(disk, directory)
    let failure: DwellError | undefined
    let fail = (error: DwellError) => {
      failure ??= error
    }
    let makeRoom = async () => {}
    const parts = makeParts(options, { onFailure: (error) => fail(asFailure(error)), makeRoom: () => makeRoom() })
    const { onRecovery } = options
    const recovering = recover({ disk, directory, bootId: clock.bootId(), log, onRecovery, ...parts })
    const recovered = await recovering.catch(async (error) => {
      await parts.files.closeAll()
      throw error
    })
    if (failure !== undefined) throw failure
    const engine = new EmbeddedEngine(options, { ...recovered, ...parts })
    fail = (error) => engine.#fail(error)
    makeRoom = () => engine.#checkpointer.run()
    if (recovered.frames > 0)
      log.info({ frames: recovered.frames, files: recovered.filesRead }, 'Replayed the journal.')
    if (!recovered.checkpointed) await engine.checkpoint()
    else if (recovered.frames > 0) engine.#checkpointer.soon()
    engine.#checkpointer.start()
    engine.#tidyUp()
    return engine
  }

  async createTopic(name: string, settings: TopicSettings): Promise<TopicDescription> {
    return this.#catalogue.create(name, settings)
  }

  async alterTopic(name: string, settings: TopicSettings): Promise<TopicDescription> {
    return this.#catalogue.alter(name, settings)
  }

  async deleteTopic(name: string): Promise<void> {
    await this.#catalogue.delete(name)
  }

  topic(name: string): TopicDescription | undefined {
    return this.#topics.get(name)?.description
  }

  *topics(): Iterable<TopicDescription> {
    for (const { description } of this.#topics.all()) yield description
  }

  append(appends: readonly Append[]): Promise<number[]> {
    const { refusal } = this.#commits
    if (refusal !== undefined) return Promise.reject(refusal)
    const count = appends.length
    const partitions: Partition[] = new Array(count)
    const records: (readonly LogRecord[])[] = new Array(count)
    const baseOffsets: number[] = []
    let taken = 0
    let bytes = 0
    try {
      for (let i = 0; i < count; i++) partitions[i] = this.#partition(appends[i].topic, appends[i].partition)
      for (; taken < count; taken++) {
        const made = appends[taken].records
        records[taken] = typeof made === 'function' ? made(baseOffsets) : made
        bytes += recordsBytesMax(records[taken])
        baseOffsets.push(partitions[taken].logEndOffset)
        partitions[taken].logEndOffset += records[taken].length
      }
      this.#checkSize(bytes, count)
    } catch (error) {
      while (taken-- > 0) partitions[taken].logEndOffset = baseOffsets[taken]
      return Promise.reject(error)
    }
    const group = this.#commits.group(bytes)
    for (let i = 0; i < count; i++) {
      if (records[i].length > 0) group.add(partitions[i], baseOffsets[i], records[i], recordsBytesMax(records[i]))
    }
    return group.promise(baseOffsets)
  }

  async read(
    topic: string,
    partition: number,
    fromOffset: number,
    maxBytes: number,
    allocate?: Allocate,
  ): Promise<Buffer> {
    this.#checkOpen()
    const found = this.#partition(topic, partition)
    checkRange(found, fromOffset)
    try {
      const bytes = await found.read(fromOffset, maxBytes, allocate)
      if (!found.dropped) return bytes
    } catch (error) {
      // What happened to its files while it was read says more than what that did to the read.
      this.#checkOpen()
      if (!found.dropped) checkRange(found, fromOffset)
      if (!found.dropped) throw asReadFailure(error)
    }
    throw topicNotFound(topic)
  }

  offsets(topic: string, partition: number): PartitionOffsets {
    const { logStartOffset, highWatermark, logEndOffset, sizeBytes } = this.#partition(topic, partition)
    return { logStartOffset, highWatermark, logEndOffset, sizeBytes }
  }

  async offsetForTime(topic: string, partition: number, timestampMs: number, fromOffset = 0): Promise<number> {
    this.#checkOpen()
    const found = this.#partition(topic, partition)
    return found.offsetForTime(timestampMs, fromOffset).catch((error) => {
      throw asReadFailure(error)
    })
  }

  async deleteRecords(topic: string, partition: number, beforeOffset: number): Promise<void> {
    const found = this.#partition(topic, partition)
    if (!Number.isInteger(beforeOffset) || beforeOffset < 0 || beforeOffset > found.highWatermark) {
      const { logStartOffset, highWatermark } = found
      const sentence = `Records can be deleted up to offset ${highWatermark} of ${topic}-${partition}, not ${beforeOffset}.`
      throw new DwellError('OFFSET_OUT_OF_RANGE', sentence, { logStartOffset, highWatermark })
    }
    if (beforeOffset <= found.durableStart) return
    const { refusal } = this.#commits
    if (refusal !== undefined) throw refusal
    const group = this.#commits.group(LOG_START_BYTES)
    group.addLogStart(found, beforeOffset)
    await group.promise([])
  }

  onHighWatermark(listener: HighWatermarkListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  async checkpoint(): Promise<void> {
    await this.#shortenCatalogue()
    await this.#checkpointer.run()
  }

  /**
   * Compacts all that may be compacted now, as fast as it goes: what lies in segments that were complete at the last
   * checkpoint. It happens by itself, slowly, where enough is dirty.
   */
  async compact(): Promise<void> {
    this.#checkOpen()
    await this.#cleaner.compact()
  }

  /** What compaction has done. */
  get compaction(): CleanerStats {
    return this.#cleaner.stats
  }

  /** Bytes that wait to become durable, for backpressure, and what else is worth watching. */
  stats(): { waitingBytes: number; tailBytes: number; journalBytes: number; replayBytes: number; openFiles: number } {
    return {
      waitingBytes: this.#commits.waitingBytes,
      tailBytes: this.#tails.bytes,
      journalBytes: this.#journal.writtenBytes,
      replayBytes: this.#checkpointer.replayBytes,
      openFiles: this.#files.count,
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#close().catch((error) => {
      throw asFailure(error)
    })
    return this.#closing
  }

  async #close(): Promise<void> {
    this.#timer?.cancel()
    this.#checkpointer.stop()
    await this.#commits.stop()
    await this.#cleaner.stop()
    if (!this.#failed) await this.#checkpointer.run()
    await this.#tails.stop()
    await this.#runs.stop()
    this.#listeners.clear()
    await this.#files.closeAll()
    await this.#journal.close()
  }

  #apply(group: CommitGroup, { frame, contents }: EncodedGroup): void {
    const { parts } = group
    for (let i = 0; i < parts.length; i++) {
      const { partition, kind, baseOffset } = parts[i]
      if (kind === PartKind.logStart) partition.startAt(baseOffset)
      // A view keeps its whole frame in memory, and is charged all of it; a small one is copied out of it instead.
      else if (contents[i].length * FRAME_SHARE >= frame.bytes.length) {
        partition.commit(contents[i], frame.bytes.length, frame)
      } else {
        const { bytes, page } = this.#small.copy(contents[i])
        partition.commit(bytes, bytes.length, page)
      }
    }
    this.#tails.run()
    this.#checkpointer.grown()
    if (this.#listeners.size === 0) return
    for (const { partition, kind } of parts) {
      if (kind !== PartKind.batch || partition.dropped) continue
      for (const listener of this.#listeners) listener(partition.topic, partition.index, partition.highWatermark)
    }
  }

  /** @throws ENGINE_CLOSED */
  #checkOpen(): void {
    if (this.#closing !== undefined) throw new DwellError('ENGINE_CLOSED', 'The log is closed.')
  }

  #partition(topic: string, partition: number): Partition {
    const found = this.#topics.get(topic)
    if (found === undefined) throw topicNotFound(topic)
    const there = found.partitions[partition]
    if (there !== undefined) return there
    const sentence = `The topic ${topic} has ${found.partitions.length} partitions, none with number ${partition}.`
    throw new DwellError('PARTITION_NOT_FOUND', sentence, { topic, partition })
  }

  get appendBytesMax(): number {
    return Math.min(APPEND_BYTES_MAX, this.#journal.frameBytesMax)
  }

  #checkSize(bytes: number, count: number): void {
    const limit = this.appendBytesMax
    if (bytes + count * 128 + 32 <= limit) return
    throw new DwellError('APPEND_TOO_LARGE', `An append has at most ${limit} bytes, not ${bytes}.`, { limit })
  }

  /** Lets go of what nobody has used for a while, now and then. */
  #tidyUp(): void {
    const { clock, checkpointIntervalMs } = this.#options
    this.#timer = clock.setTimer(() => {
      this.#files.closeUnused()
      this.#cleaner.wake()
      this.#tidyUp()
    }, checkpointIntervalMs)
  }

  /** What can go wrong here is an append, and a failed append has been reported; a long catalogue harms nobody. */
  async #shortenCatalogue(): Promise<void> {
    if (this.#commits.refusal !== undefined) return
    await this.#catalogue.shorten().catch((error) => this.#options.log.warn({ error }, 'The catalogue stays long.'))
  }

  #fail(error: DwellError): void {
    if (this.#failed) return
    this.#failed = true
    this.#timer?.cancel()
    this.#checkpointer.stop()
    void this.#cleaner.stop()
    this.#commits.refuse(error)
    this.#options.onFailure(error)
  }
}

/** @throws OFFSET_OUT_OF_RANGE */
function checkRange({ topic, index, logStartOffset, highWatermark }: Partition, fromOffset: number): void {
  if (fromOffset >= logStartOffset && fromOffset <= highWatermark) return
  const sentence = `Offset ${fromOffset} of ${topic}-${index} is not in ${logStartOffset} to ${highWatermark}.`
  throw new DwellError('OFFSET_OUT_OF_RANGE', sentence, { logStartOffset, highWatermark })
}

function topicNotFound(topic: string): DwellError {
  return new DwellError('TOPIC_NOT_FOUND', `There is no topic ${topic}.`, { topic })
}
