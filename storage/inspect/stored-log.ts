// The whole log as it lies on the disk, read as a start would read it, and nothing changed: checkpoint, catalogue, and each
// partition out of its segments, its pieces in runs and the journal. What is damaged is passed over here, and told by
// verify-log.ts.
//
// Memory holds what is known of each partition; batches are read when they are asked for, the journal anew each time.

import { join } from 'node:path'
import type { Disk } from '../base/disk.ts'
import { DwellError } from '../base/errors.ts'
import { baseOffsetAt, damageOfBatchAt, lastOffsetAt, readUInt64, sizeOfBatchAt } from '../batch/record-batch.ts'
import { readRecords } from '../batch/record-page.ts'
import type { StoredRecord, TopicDescription } from '../engine.ts'
import { type Part, PartKind } from '../journal/journal-format.ts'
import { type Checkpoint, readCheckpoint } from '../log/checkpoint.ts'
import { folderName } from '../log/partition-maker.ts'
import { partitionsDirectory } from '../log/recovery.ts'
import { decodeTopic, TOPICS, TOPICS_ID } from '../log/topic-record.ts'
import { type Run, readRun, runNumber, runPath } from '../run/run.ts'
import { readCleanedMark } from '../segment/cleaned-mark.ts'
import { METADATA, topicIdOf } from '../segment/partition-metadata.ts'
import { SECTOR_SIZE } from '../segment/segment.ts'
import { type JournalSurvey, surveyJournal } from './journal-survey.ts'
import { type StoredPartition, segmentsOf, walkStored } from './stored-partition.ts'

export interface DamagedRun {
  path: string
  number: number
  reason: string
}

export class StoredLog {
  readonly disk: Disk
  readonly directory: string
  readonly checkpoint: Checkpoint | 'missing' | 'damaged'
  readonly runs: Run[] = []
  readonly damagedRuns: DamagedRun[] = []
  /** By name. */
  readonly topics = new Map<string, TopicDescription>()
  journal!: JournalSurvey
  readonly #partitions = new Map<string, StoredPartition>()
  /** Sequences of the journal files that are there. */
  sequences: number[] = []

  private constructor(disk: Disk, directory: string, checkpoint: StoredLog['checkpoint']) {
    this.disk = disk
    this.directory = directory
    this.checkpoint = checkpoint
  }

  static async open(disk: Disk, directory: string): Promise<StoredLog> {
    const log = new StoredLog(disk, directory, await readCheckpoint(disk, directory))
    await log.#findPartitions()
    await log.#findRuns()
    await log.#findJournal()
    await log.#readCatalogue()
    return log
  }

  /** All partitions that have a record anywhere, or a folder that counts. */
  partitions(): Iterable<StoredPartition> {
    return this.#partitions.values()
  }

  /** The partition of a topic; undefined when nothing was ever written to it. */
  partition(topic: string, index: number): StoredPartition | undefined {
    const id = topic === TOPICS ? TOPICS_ID : this.topics.get(topic)?.id
    return id === undefined ? undefined : this.#partitions.get(`${id}-${index}`)
  }

  /** Takes in a partition that has nothing on the disk; a repair makes it. */
  take(partition: StoredPartition): StoredPartition {
    this.#partitions.set(`${partition.topicId}-${partition.index}`, partition)
    return partition
  }

  journalPath(sequence: number): string {
    return join(this.directory, 'journal', `${String(sequence).padStart(20, '0')}.journal`)
  }

  /**
   * Whether a start brings the offsets from `offset` on back from the journal: without a checkpoint it cuts the segments
   * of a partition at the first damage and replays all of the journal that is there.
   */
  isReplayed({ journalFrom }: StoredPartition, offset: number): boolean {
    return typeof this.checkpoint === 'string' && journalFrom !== undefined && journalFrom <= offset
  }

  /** All good batches of a partition, in order, none twice. */
  async *batches(partition: StoredPartition): AsyncGenerator<Buffer> {
    let next = 0
    segments: for (const segment of partition.segments) {
      for await (const item of walkStored(this.disk, segment, partition.gapsTo)) {
        if (item.kind === 'damage' && this.isReplayed(partition, item.offset)) break segments
        if (item.kind === 'damage' || item.baseOffset < next) continue
        yield item.bytes
        next = item.lastOffset + 1
      }
    }
    for (const run of this.runs) {
      for (const batch of await this.#batchesInRun(run, partition)) {
        if (baseOffsetAt(batch, 0) < next) continue
        yield batch
        next = lastOffsetAt(batch, 0) + 1
      }
    }
    yield* this.#batchesInJournal(partition, next)
  }

  /** All records of a partition from its log start on; batches that cannot be unpacked are left out. */
  async *records(topic: string, index: number): AsyncGenerator<StoredRecord> {
    const partition = this.partition(topic, index)
    if (partition === undefined) return
    for await (const batch of this.batches(partition)) {
      if (lastOffsetAt(batch, 0) >= partition.logStartOffset) yield* recordsOf(batch, partition.logStartOffset)
    }
  }

  async #findPartitions(): Promise<void> {
    const { disk, directory, checkpoint } = this
    const folders = partitionsDirectory(directory)
    const entries = typeof checkpoint === 'string' ? [] : checkpoint.entries
    const safeOf = new Map(entries.map((entry) => [keyOf(entry), entry]))
    for (const name of await disk.list(folders)) {
      const folder = join(folders, name)
      const index = Number(/-(\d+)$/.exec(name)?.[1])
      const topicId = topicIdOf(await textOf(disk, join(folder, METADATA)))
      if (Number.isNaN(index) || topicId === undefined) continue
      const entry = safeOf.get(`${topicId}-${index}`)
      safeOf.delete(`${topicId}-${index}`)
      // A folder that no checkpoint knows: all that is in it comes again from the journal.
      if (entry === undefined && typeof checkpoint !== 'string') continue
      await this.#add({ topicId, partition: index }, folder, entry)
    }
    for (const entry of safeOf.values()) await this.#add(entry, '', entry)
  }

  async #add(
    id: { topicId: number; partition: number },
    folder: string,
    entry: Checkpoint['entries'][number] | undefined,
  ): Promise<void> {
    const { gapsTo } = folder === '' ? { gapsTo: 0 } : await readCleanedMark(this.disk, folder)
    const segments = folder === '' ? [] : await segmentsOf(this.disk, folder, entry?.safe)
    const partition: StoredPartition = {
      topicId: id.topicId,
      topic: undefined,
      index: id.partition,
      folder,
      segments,
      safe: entry?.safe,
      logStartOffset: entry?.logStartOffset ?? segments[0]?.baseOffset ?? 0,
      endOffset: entry?.safe.endOffset ?? 0,
      gapsTo,
      journalFrom: undefined,
      gaps: [],
    }
    if (entry === undefined && segments.length > 0) await this.#survey(partition)
    this.#partitions.set(keyOf(id), partition)
  }

  /** Without a checkpoint: how far the last segment goes, its torn end left out. */
  async #survey(partition: StoredPartition): Promise<void> {
    const last = partition.segments.at(-1) as StoredPartition['segments'][number]
    let size = 0
    let endOffset = last.baseOffset
    for await (const item of walkStored(this.disk, last, partition.gapsTo)) {
      if (item.kind === 'damage') continue
      size = item.position + item.size
      endOffset = item.lastOffset + 1
    }
    const sizeBytes = partition.segments.reduce((sum, segment) => sum + segment.size, size - last.size)
    last.size = size
    last.endOffset = endOffset
    const lastBytes = Buffer.alloc(size % SECTOR_SIZE)
    partition.safe = { baseOffset: last.baseOffset, size, endOffset, sizeBytes, lastBytes }
    partition.endOffset = endOffset
  }

  async #findRuns(): Promise<void> {
    const directory = join(this.directory, 'runs')
    const listed = (await this.disk.list(directory)).flatMap((name) => runNumber(name) ?? [])
    const numbers = typeof this.checkpoint === 'string' ? listed.sort((a, b) => a - b) : this.checkpoint.runs
    for (const number of numbers) {
      try {
        this.runs.push(await readRun(this.disk, directory, number))
      } catch (error) {
        if (!(error instanceof DwellError)) throw error
        this.damagedRuns.push({ path: runPath(directory, number), number, reason: error.message })
      }
    }
    for (const run of this.runs) {
      for (let i = 0; i < run.count; i++) {
        const { topicId, partition, baseOffset, endOffset } = run.piece(i)
        this.#extend(this.#partition(topicId, partition), baseOffset, endOffset, 0)
      }
    }
  }

  async #findJournal(): Promise<void> {
    const names = await this.disk.list(join(this.directory, 'journal'))
    this.sequences = names.flatMap((name) => (/^\d{20}\.journal$/.test(name) ? [Number(name.slice(0, 20))] : []))
    this.sequences.sort((a, b) => a - b)
    const from = typeof this.checkpoint === 'string' ? undefined : this.checkpoint.journal
    const sequences = this.sequences.filter((sequence) => sequence >= (from?.sequence ?? 0))
    const ends = new Map<string, number>()
    this.journal = await this.#walkJournal(from, sequences, ({ topicId, partition, kind, contents }, holes) => {
      const found = this.#partition(topicId, partition)
      if (kind === PartKind.logStart) {
        found.logStartOffset = Math.max(found.logStartOffset, Math.min(readUInt64(contents, 0), found.endOffset))
      } else if (kind === PartKind.batch) {
        const [baseOffset, endOffset] = [baseOffsetAt(contents, 0), lastOffsetAt(contents, 0) + 1]
        const key = keyOf({ topicId, partition })
        if (ends.get(key) !== baseOffset) found.journalFrom = baseOffset
        ends.set(key, endOffset)
        this.#extend(found, baseOffset, endOffset, holes)
      }
    })
  }

  #walkJournal(
    from: Checkpoint['journal'] | undefined,
    sequences: readonly number[],
    visit: (part: Part, holes: number) => void,
  ): Promise<JournalSurvey> {
    const path = (sequence: number) => this.journalPath(sequence)
    return surveyJournal({ disk: this.disk, path, sequences, from }, (parts, _, holes) => {
      for (const part of parts) visit(part, holes)
    })
  }

  async *#batchesInJournal(partition: StoredPartition, from: number): AsyncGenerator<Buffer> {
    let next = from
    if (partition.endOffset <= next) return
    const { files, end } = this.journal
    const begin = typeof this.checkpoint === 'string' ? undefined : this.checkpoint.journal
    for (const { sequence, size, header } of files) {
      if (size === undefined || header === undefined || end === undefined || sequence > end.sequence) continue
      const gathered: Buffer[] = []
      await this.#walkJournal(
        sequence === begin?.sequence ? begin : undefined,
        [sequence],
        ({ topicId, partition: index, kind, contents }) => {
          if (topicId !== partition.topicId || index !== partition.index || kind !== PartKind.batch) return
          if (baseOffsetAt(contents, 0) < next) return
          gathered.push(Buffer.from(contents))
          next = lastOffsetAt(contents, 0) + 1
        },
      )
      yield* gathered
    }
  }

  async #batchesInRun(run: Run, { topicId, index }: StoredPartition): Promise<Buffer[]> {
    const piece = run.find(topicId, index)
    if (piece === undefined) return []
    const bytes = Buffer.alloc(piece.size)
    const file = await this.disk.open(run.path, 'read')
    try {
      await file.read(bytes, piece.position)
    } finally {
      await file.close()
    }
    const batches: Buffer[] = []
    for (let at = 0; at < bytes.length; ) {
      const size = sizeOfBatchAt(bytes, at)
      if (size <= 0 || at + size > bytes.length) break
      const batch = bytes.subarray(at, at + size)
      if (damageOfBatchAt(batch, 0) === undefined) batches.push(batch)
      at += size
    }
    return batches
  }

  async #readCatalogue(): Promise<void> {
    for await (const record of this.records(TOPICS, 0)) {
      try {
        const { name, description } = decodeTopic(record)
        this.topics.delete(name)
        if (description !== undefined) this.topics.set(name, description)
      } catch (error) {
        // A record that cannot be read is told by verify-log.ts.
        if (!(error instanceof DwellError || error instanceof SyntaxError)) throw error
      }
    }
    const names = new Map([...this.topics.values()].map(({ id, name }) => [id, name]))
    names.set(TOPICS_ID, TOPICS)
    for (const partition of this.#partitions.values()) {
      partition.topic = names.get(partition.topicId)
      if (partition.folder !== '' || partition.topic === undefined) continue
      partition.folder = join(partitionsDirectory(this.directory), folderName(partition.topic, partition.index))
      if (partition.safe !== undefined) {
        partition.segments = await segmentsOf(this.disk, partition.folder, partition.safe)
      }
    }
  }

  #partition(topicId: number, index: number): StoredPartition {
    const key = `${topicId}-${index}`
    let found = this.#partitions.get(key)
    if (found === undefined) {
      const rest = {
        topic: undefined,
        folder: '',
        segments: [],
        safe: undefined,
        gapsTo: 0,
        journalFrom: undefined,
        gaps: [],
      }
      found = { topicId, index, logStartOffset: 0, endOffset: 0, ...rest }
      this.#partitions.set(key, found)
    }
    return found
  }

  #extend(partition: StoredPartition, baseOffset: number, endOffset: number, holes: number): void {
    if (endOffset <= partition.endOffset) return
    if (baseOffset > partition.endOffset) {
      partition.gaps.push({ offset: partition.endOffset, lastOffset: baseOffset - 1, holes })
    }
    partition.endOffset = endOffset
  }
}

function* recordsOf(batch: Buffer, fromOffset: number): Generator<StoredRecord> {
  let records: StoredRecord[] = []
  try {
    records = readRecords(batch, fromOffset)
  } catch (error) {
    if (!(error instanceof DwellError)) throw error
  }
  yield* records
}

function keyOf({ topicId, partition }: { topicId: number; partition: number }): string {
  return `${topicId}-${partition}`
}

async function textOf(disk: Disk, path: string): Promise<string> {
  const size = Math.min((await disk.size(path)) ?? 0, 4096)
  if (size === 0) return ''
  const bytes = Buffer.alloc(size)
  const file = await disk.open(path, 'read')
  try {
    return bytes.toString('utf8', 0, await file.read(bytes, 0))
  } finally {
    await file.close()
  }
}
