// The embedded engine: the log on this machine's disk. It builds the parts and keeps them together; each promise is kept
// by the part whose noun it is:
//
//   append ─► group-commit ─► journal (durable, answered) ─► partition's tail (read from here)
//                                                               └─► tail-writer ─► segments ─► checkpoint ─► journal files free
//
// Files: `journal/` (journal-files.ts), `topics/<topic>-<partition>/` (segments.ts), `checkpoint` (checkpoint.ts).
//
// After a crash: recovery.ts.

import { dirname, join } from 'node:path'
import type { Clock, Timer } from '../base/clock.ts'
import type { Disk } from '../base/disk.ts'
import { DwellError } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import { type Random, SystemRandom } from '../base/random.ts'
import type {
  Append,
  HighWatermarkListener,
  LogEngine,
  LogRecord,
  PartitionOffsets,
  TopicDescription,
  TopicSettings,
} from '../engine.ts'
import { Catalogue } from './catalogue.ts'
import { Checkpointer } from './checkpointer.ts'
import { type CommitGroup, type EncodedGroup, LOG_START_BYTES, recordsBytesMax } from './commit-group.ts'
import { GroupCommit } from './group-commit.ts'
import type { Journal } from './journal.ts'
import { JournalFiles } from './journal-files.ts'
import { PartKind } from './journal-format.ts'
import { OpenFiles } from './open-files.ts'
import type { Partition } from './partition.ts'
import { PartitionMaker } from './partition-maker.ts'
import { partitionsDirectory, type Recovered, recover } from './recovery.ts'
import { TailWriter } from './tail-writer.ts'
import { TOPICS } from './topic-record.ts'
import type { Topics } from './topics.ts'

const MIB = 1024 * 1024
/** The largest append: half a journal file of the default size. */
const APPEND_BYTES_MAX = 32 * MIB
const CHECKPOINT_BYTES = 256 * MIB
/** A batch that is a smaller part of its frame than one in so many is copied out of it. */
const FRAME_SHARE = 4

export interface EmbeddedEngineOptions {
  disk: Disk
  clock: Clock
  /** For the salt of journal files; the system's own unless a test needs to repeat a run. */
  random?: Random
  directory: string
  log: Log
  /** A checkpoint is written this long after the last one if anything was appended. */
  checkpointIntervalMs?: number
  /** A checkpoint is written after this much journal. */
  checkpointBytes?: number
  segmentBytes?: number
  journalFileBytes?: number
  /** Handles of segments that are open at once. */
  openFilesMax?: number
  /** Memory for what is durable in the journal and not yet in segments. */
  tailBytes?: number
  /** Called once, after a failed write or sync: the process must end, nothing is answered with success any more. */
  onFailure: (error: DwellError) => void
}

export class EmbeddedEngine implements LogEngine {
  readonly #options: EmbeddedEngineOptions
  readonly #topics: Topics
  readonly #catalogue: Catalogue
  readonly #journal: Journal
  readonly #files: OpenFiles
  readonly #tails: TailWriter
  readonly #commits: GroupCommit
  readonly #checkpointer: Checkpointer
  readonly #listeners = new Set<HighWatermarkListener>()
  #timer: Timer | undefined
  #closing: Promise<void> | undefined
  readonly #checkpointBytes: number
  #failed = false

  private constructor(
    options: EmbeddedEngineOptions,
    parts: Recovered & { files: OpenFiles; tails: TailWriter; maker: PartitionMaker },
  ) {
    const { disk, clock, directory } = options
    const { topics, catalogue, journal, files, tails, maker } = parts
    this.#options = options
    this.#checkpointBytes = options.checkpointBytes ?? CHECKPOINT_BYTES
    this.#topics = topics
    this.#journal = journal
    this.#files = files
    this.#tails = tails
    this.#commits = new GroupCommit({
      journal,
      apply: (group, encoded) => this.#apply(group, encoded),
      room: () => tails.room() ?? this.#journalRoom(),
      onFailure: (error) => this.#fail(error),
    })
    this.#checkpointer = new Checkpointer({ disk, clock, directory, journal, commits: this.#commits, topics })
    const append = (appends: readonly Append[]) => this.append(appends)
    const deleteRecords = (before: number) => this.deleteRecords(TOPICS, 0, before)
    this.#catalogue = new Catalogue({ topics, partition: catalogue, append, deleteRecords, maker, clock })
  }

  /**
   * Opens the log in `directory`, which is made when missing, and replays what the last stop left over.
   * @throws JOURNAL_DAMAGED, CHECKPOINT_DAMAGED, SEGMENT_DAMAGED
   */
  static async open(options: EmbeddedEngineOptions): Promise<EmbeddedEngine> {
    const { disk, clock, directory, log, random = new SystemRandom() } = options
    const { journalFileBytes = 64 * MIB, checkpointBytes = CHECKPOINT_BYTES } = options
    const { segmentBytes = 128 * MIB, openFilesMax = 256, tailBytes } = options
    await disk.makeDirectory(join(directory, 'journal'))
    await disk.makeDirectory(partitionsDirectory(directory))
    for (const changed of [directory, dirname(directory)]) await disk.syncDirectory(changed)
    const files = new OpenFiles(disk, openFilesMax)
    let failure: DwellError | undefined
    let fail = (error: DwellError) => {
      failure ??= error
    }
    const tails = new TailWriter({ memoryBytes: tailBytes, onFailure: (error) => fail(asFailure(error)) })
    const maker = new PartitionMaker({ disk, files, tails, directory: partitionsDirectory(directory), segmentBytes })
    const journalDirectory = join(directory, 'journal')
    const journalFiles = new JournalFiles({
      disk,
      random,
      directory: journalDirectory,
      fileBytes: journalFileBytes,
      freeMax: Math.ceil(checkpointBytes / journalFileBytes) + 1,
      onFailure: (error) => fail(asFailure(error)),
    })
    const bootId = clock.bootId()
    const recovered = await recover({ disk, directory, bootId, journalFiles, tails, log, maker })
    if (failure !== undefined) throw failure
    const engine = new EmbeddedEngine(options, { ...recovered, files, tails, maker })
    fail = (error) => engine.#fail(error)
    if (recovered.frames > 0) log.info({ frames: recovered.frames }, 'Replayed the journal.')
    if (!recovered.checkpointed) await engine.checkpoint()
    else if (recovered.frames > 0) engine.#checkpointSoon()
    engine.#schedule()
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

  /** As the contract says. Records and their bodies must stay as they are until it resolves. */
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

  async read(topic: string, partition: number, fromOffset: number, maxBytes: number): Promise<Buffer> {
    const found = this.#partition(topic, partition)
    const { logStartOffset, highWatermark } = found
    if (!(fromOffset >= logStartOffset && fromOffset <= highWatermark)) {
      const sentence = `Offset ${fromOffset} of ${topic}-${partition} is not in ${logStartOffset} to ${highWatermark}.`
      throw new DwellError('OFFSET_OUT_OF_RANGE', sentence, { logStartOffset, highWatermark })
    }
    try {
      return await found.read(fromOffset, maxBytes)
    } catch (error) {
      // Its files went away while it was read.
      throw found.dropped ? topicNotFound(topic) : error
    }
  }

  offsets(topic: string, partition: number): PartitionOffsets {
    const { logStartOffset, highWatermark, logEndOffset, sizeBytes } = this.#partition(topic, partition)
    return { logStartOffset, highWatermark, logEndOffset, sizeBytes }
  }

  async offsetForTime(topic: string, partition: number, timestampMs: number): Promise<number> {
    return this.#partition(topic, partition).offsetForTime(timestampMs)
  }

  async deleteRecords(topic: string, partition: number, beforeOffset: number): Promise<void> {
    const found = this.#partition(topic, partition)
    if (!Number.isInteger(beforeOffset) || beforeOffset < 0 || beforeOffset > found.highWatermark) {
      const { logStartOffset, highWatermark } = found
      const sentence = `Records can be deleted up to offset ${highWatermark} of ${topic}-${partition}, not ${beforeOffset}.`
      throw new DwellError('OFFSET_OUT_OF_RANGE', sentence, { logStartOffset, highWatermark })
    }
    if (beforeOffset <= found.logStartOffset) return
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
    if (this.#commits.refusal === undefined) {
      // What can go wrong here is an append, and a failed append has been reported; a long catalogue harms nobody.
      await this.#catalogue.shorten().catch((error) => this.#options.log.warn({ error }, 'The catalogue stays long.'))
    }
    await this.#writeCheckpoint()
  }

  /** Waits for no append: so the commit loop itself may wait for it. */
  async #writeCheckpoint(): Promise<void> {
    try {
      await this.#checkpointer.run()
    } catch (error) {
      const failure = asFailure(error)
      this.#fail(failure)
      throw failure
    }
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
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    this.#timer?.cancel()
    await this.#commits.stop()
    if (!this.#failed) await this.#writeCheckpoint()
    await this.#tails.stop()
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
      else if (contents[i].length * FRAME_SHARE >= frame.length) partition.commit(contents[i], frame.length)
      else partition.commit(Buffer.from(contents[i]), contents[i].length)
    }
    this.#tails.run()
    if (this.#checkpointer.replayBytes >= this.#checkpointBytes) this.#checkpointSoon()
    if (this.#listeners.size === 0) return
    for (const { partition, kind } of parts) {
      if (kind !== PartKind.batch || partition.dropped) continue
      for (const listener of this.#listeners) listener(partition.topic, partition.index, partition.highWatermark)
    }
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

  #schedule(): void {
    const { clock, checkpointIntervalMs = 30_000 } = this.#options
    this.#timer = clock.setTimer(() => {
      // A failure has gone to onFailure already.
      if (this.#checkpointer.replayBytes > 0 && !this.#checkpointer.busy) this.checkpoint().catch(() => {})
      this.#files.closeUnused()
      this.#schedule()
    }, checkpointIntervalMs)
  }

  #checkpointSoon(): void {
    // A failure has gone to onFailure already.
    if (!this.#checkpointer.busy) this.#writeCheckpoint().catch(() => {})
  }

  /** Bounds the journal, and so the next start, where the disk is too slow for checkpoints to keep up: waits for one. */
  #journalRoom(): Promise<void> | undefined {
    return this.#checkpointer.replayBytes < 2 * this.#checkpointBytes ? undefined : this.#writeCheckpoint()
  }

  #fail(error: DwellError): void {
    if (this.#failed) return
    this.#failed = true
    this.#timer?.cancel()
    this.#commits.refuse(error)
    this.#options.onFailure(error)
  }
}

function topicNotFound(topic: string): DwellError {
  return new DwellError('TOPIC_NOT_FOUND', `There is no topic ${topic}.`, { topic })
}

function asFailure(error: unknown): DwellError {
  if (error instanceof DwellError) return error
  const { path, message } = error as NodeJS.ErrnoException
  return new DwellError(
    'LOG_FAILED',
    `The log cannot be written: ${message}`,
    path === undefined ? {} : { path },
    error,
  )
}
