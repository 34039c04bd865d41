// Brings the log back after a stop of any kind.
//
//   │ checkpoint         │ journal files              │ folders │ then                                                  │
//   ├────────────────────┼────────────────────────────┼─────────┼───────────────────────────────────────────────────────┤
//   │ missing            │ none                       │ none    │ 'begin': a new log                                    │
//   │ good               │ its own and all after it   │ any     │ 'replay': from the checkpoint's position              │
//   │ good               │ its own or a later missing │ any     │ 'refuse'                                              │
//   │ missing or damaged │ some, without a gap        │ any     │ 'survey': the segments say how far they reach, and    │
//   │                    │                            │         │ all of the journal that is there is replayed          │
//   │ missing or damaged │ a gap, or none             │ some    │ 'refuse'                                              │
//   │ damaged            │ none                       │ none    │ 'refuse'                                              │
//
// Where the journal ends, and what a damaged frame means, journal-reader.ts decides.
//
// Always true:
//   1. Replay changes nothing that is already there: a batch that a partition has is passed over, and one of a deleted
//      topic too. So a crash during recovery is a crash like any other.
//   2. The catalogue comes first: `__topics` is read to its end before any other partition is touched, so that folders
//      of deleted topics are gone before a topic of the same name writes into them. Then come runs, then the journal.
//   3. Memory stays bounded: tails are written to segments while the replay goes on.

import { join } from 'node:path'
import { BufferPool } from '../base/buffer-pool.ts'
import type { Disk } from '../base/disk.ts'
import { DwellError } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import { baseOffsetAt, lastOffsetAt, readUInt64 } from '../batch/record-batch.ts'
import { readPage } from '../batch/record-page.ts'
import { Journal, type JournalPosition } from '../journal/journal.ts'
import type { JournalFiles } from '../journal/journal-files.ts'
import { type Part, PartKind } from '../journal/journal-format.ts'
import {
  beginningOf,
  type JournalEnd,
  type JournalSource,
  readJournal,
  readJournalAgain,
} from '../journal/journal-reader.ts'
import type { Runs } from '../run/runs.ts'
import { type Checkpoint, type CheckpointEntry, checkpointPath, readCheckpoint } from './checkpoint.ts'
import type { RecoveryProgress } from './engine-options.ts'
import type { Partition } from './partition.ts'
import { folderName, type PartitionMaker } from './partition-maker.ts'
import { type Survey, surveySegments } from './survey.ts'
import type { TailWriter } from './tail-writer.ts'
import { decodeTopic, TOPICS, TOPICS_ID } from './topic-record.ts'
import { Topics } from './topics.ts'

const MIB = 1024 * 1024
const READ_BYTES = MIB
/** Copies of this size are made into memory that is used again: fresh memory costs its collection. */
const POOLED_BYTES_MIN = 16 * 1024

export type Start = 'begin' | 'replay' | 'survey' | 'refuse'

export interface Found {
  checkpoint: 'good' | 'missing' | 'damaged'
  /** `whole`: without a gap, and from the checkpoint's sequence on if there is one. */
  journal: 'none' | 'whole' | 'gap'
  folders: boolean
}

/** The table above, as data: the first row that matches decides. */
export const STARTS: readonly { when: (found: Found) => boolean; start: Start }[] = [
  { when: (f) => f.checkpoint === 'missing' && f.journal === 'none' && !f.folders, start: 'begin' },
  { when: (f) => f.checkpoint === 'good' && f.journal === 'whole', start: 'replay' },
  { when: (f) => f.checkpoint !== 'good' && f.journal === 'whole', start: 'survey' },
  { when: () => true, start: 'refuse' },
]

export interface RecoveryOptions {
  disk: Disk
  directory: string
  bootId: string
  journalFiles: JournalFiles
  tails: TailWriter
  runs: Runs
  log: Log
  maker: PartitionMaker
  onRecovery?: (progress: RecoveryProgress) => void
}

export interface Recovered {
  topics: Topics
  catalogue: Partition
  journal: Journal
  /** Whether there is a good checkpoint; without one, the next start would have to survey again. */
  checkpointed: boolean
  /** Frames that were replayed; when there are any, a checkpoint soon spares the next start the same work. */
  frames: number
  /** Files that they were in. */
  filesRead: number
}

/** Where the folders of partitions are. */
export function partitionsDirectory(directory: string): string {
  return join(directory, 'topics')
}

/**
 * Reads what is there, replays the journal, and answers a log to go on with.
 * @throws JOURNAL_DAMAGED, CHECKPOINT_DAMAGED, SEGMENT_DAMAGED, RUN_DAMAGED: what was acknowledged cannot be brought back whole
 */
export async function recover(options: RecoveryOptions): Promise<Recovered> {
  const { disk, directory, journalFiles, log } = options
  const read = await readCheckpoint(disk, directory)
  const sequences = await journalFiles.list()
  const folders = await disk.list(partitionsDirectory(directory))
  const good = typeof read === 'string' ? undefined : read
  const needed = good === undefined ? sequences : sequences.filter((sequence) => sequence >= good.journal.sequence)
  const found: Found = {
    checkpoint: typeof read === 'string' ? read : 'good',
    journal: sequences.length === 0 ? 'none' : isWhole(needed, good?.journal.sequence) ? 'whole' : 'gap',
    folders: folders.length > 0,
  }
  const start = STARTS.find(({ when }) => when(found))?.start
  if (start === 'refuse') throw refusal(directory, found, good, needed)
  if (start === 'begin') {
    const catalogue = makeCatalogue(options, undefined, false)
    const journal = await Journal.create(journalFiles, 1, 1)
    const topics = topicsWith(catalogue)
    await options.runs.open([], topics)
    return { topics, catalogue, journal, checkpointed: false, frames: 0, filesRead: 0 }
  }
  if (good !== undefined) return replay(options, good, sequences, needed)
  const code = found.checkpoint === 'damaged' ? 'CHECKPOINT_DAMAGED' : undefined
  const path = checkpointPath(directory)
  log.warn({ path, code }, `The checkpoint is ${found.checkpoint}: reading all segments instead.`)
  const survey = await surveySegments({ disk, directory: partitionsDirectory(directory), log })
  const { source, from } = await beginningOf(sourceOf(options, sequences))
  await checkReach(survey, source, from)
  const checkpoint = { bootId: '', journal: from, entries: survey.entries, runs: undefined }
  const recovered = await replay(options, checkpoint, sequences, source.sequences)
  options.runs.checkLeftOut()
  return { ...recovered, checkpointed: false }
}

async function replay(
  options: RecoveryOptions,
  checkpoint: Omit<Checkpoint, 'runs'> & { runs: readonly number[] | undefined },
  sequences: readonly number[],
  needed: readonly number[],
): Promise<Recovered> {
  const { disk, directory, journalFiles, log, maker, tails, runs, bootId } = options
  const trusted = bootId !== '' && bootId === checkpoint.bootId
  const source = sourceOf(options, needed)
  const frames = new BufferPool(64 * MIB)
  const entries = new Map(checkpoint.entries.map((entry) => [keyOf(entry), entry]))

  const catalogue = makeCatalogue(options, entries.get(`${TOPICS_ID}-0`), trusted)
  const end = await readJournal(told(source, 'Checking', options), checkpoint.journal, (parts) => {
    for (const part of parts) if (part.topicId === TOPICS_ID) apply(part, catalogue, frames)
  })
  const topics = topicsWith(catalogue)
  await readCatalogue(catalogue, topics, (topic, index) =>
    maker.make(topic, index, entries.get(`${topic.id}-${index}`), trusted),
  )
  await removeOrphans(disk, partitionsDirectory(directory), topics)
  await (checkpoint.runs === undefined ? runs.openWhole(topics) : runs.open(checkpoint.runs, topics))

  await readJournalAgain(told(source, 'Replaying', options), checkpoint.journal, end, async (parts) => {
    for (const part of parts) {
      const partition = topics.partition(part.topicId, part.partition)
      if (partition !== undefined && partition !== catalogue) apply(part, partition, frames)
    }
    tails.run()
    await tails.room()
  })
  if (end.tornBytes > 0) {
    const { sequence, position, tornBytes } = end
    log.warn({ path: source.path(sequence), position, tornBytes }, 'Cut a frame that was torn by a crash.')
  }
  journalFiles.release(sequences.filter((sequence) => sequence < checkpoint.journal.sequence))
  const journal = await resume(journalFiles, needed, end)
  return { topics, catalogue, journal, checkpointed: true, frames: end.frames, filesRead: end.endPositions.size }
}

/** Goes on in the last file, unless a file that was prepared ahead lies behind it: then that one is the next. */
async function resume(files: JournalFiles, needed: readonly number[], end: JournalEnd): Promise<Journal> {
  const older = needed.filter((sequence) => sequence < end.sequence)
  if (end.ahead.length > 0) files.adopt(end.ahead[0])
  return Journal.resume(files, older, end)
}

function apply(part: Part, partition: Partition, frames: BufferPool): void {
  if (part.kind === PartKind.logStart) {
    partition.startAt(readUInt64(part.contents, 0))
  } else if (lastOffsetAt(part.contents, 0) >= partition.logEndOffset) {
    const baseOffset = baseOffsetAt(part.contents, 0)
    if (baseOffset !== partition.logEndOffset) {
      const { topic, index, logEndOffset } = partition
      const sentence = `The journal goes on at offset ${baseOffset} of ${topic}-${index}, whose segments end at ${logEndOffset}.`
      throw new DwellError('JOURNAL_DAMAGED', sentence, { offset: logEndOffset, reason: 'records are missing' })
    }
    // A copy: the window that was read is read into again.
    if (part.contents.length < POOLED_BYTES_MIN) {
      partition.commit(Buffer.from(part.contents), part.contents.length)
      return
    }
    const frame = frames.take(part.contents.length)
    part.contents.copy(frame.bytes)
    partition.commit(frame.bytes.subarray(0, part.contents.length), frame.bytes.length, frame)
    frame.release()
  }
}

function sourceOf({ disk, journalFiles }: RecoveryOptions, sequences: readonly number[]): JournalSource {
  return { disk, path: (sequence) => journalFiles.path(sequence), sequences }
}

/** The same files, each of which is told of when its reading begins. */
function told(source: JournalSource, doing: RecoveryProgress['doing'], { onRecovery }: RecoveryOptions): JournalSource {
  const files = source.sequences.length
  return {
    ...source,
    onFile: (sequence) => onRecovery?.({ doing, file: source.sequences.indexOf(sequence) + 1, files }),
  }
}

/** What the survey would cut off must come back from the journal; looked at before anything is cut. */
async function checkReach({ entries }: Survey, source: JournalSource, from: JournalPosition): Promise<void> {
  const damaged = new Map(entries.filter(({ damage }) => damage !== undefined).map((entry) => [keyOf(entry), entry]))
  if (damaged.size === 0) return
  await readJournal(source, from, (parts) => {
    for (const part of parts) {
      const entry = damaged.get(keyOf(part))
      if (entry === undefined || part.kind !== PartKind.batch) continue
      if (lastOffsetAt(part.contents, 0) >= entry.reachedOffset - 1) damaged.delete(keyOf(part))
    }
  })
  for (const { damage, safe, reachedOffset } of damaged.values()) {
    const lost = { offset: safe.endOffset, lastOffset: reachedOffset - 1 }
    throw new DwellError('SEGMENT_DAMAGED', `${damage}, and the journal does not have it any more.`, lost)
  }
}

function keyOf({ topicId, partition }: { topicId: number; partition: number }): string {
  return `${topicId}-${partition}`
}

async function readCatalogue(
  catalogue: Partition,
  topics: Topics,
  makePartition: (topic: { id: number; name: string }, index: number) => Partition,
): Promise<void> {
  for (let offset = catalogue.logStartOffset; offset < catalogue.highWatermark; ) {
    const { records, nextOffset } = readPage(await catalogue.read(offset, READ_BYTES), offset)
    if (nextOffset === offset)
      throw new DwellError('SEGMENT_DAMAGED', `Offset ${offset} of ${TOPICS} is missing.`, { offset })
    offset = nextOffset
    for (const record of records) {
      const { name, description } = decodeTopic(record)
      const old = topics.get(name)
      if (old !== undefined) topics.delete(old)
      if (description !== undefined) topics.set({ description, partitions: [] })
    }
  }
  for (const { description, partitions } of topics.all()) {
    for (let index = partitions.length; index < description.partitions; index++) {
      partitions.push(makePartition(description, index))
    }
  }
}

/** Folders of topics that were deleted, and those that no checkpoint knows: the journal has all that is in them. */
async function removeOrphans(disk: Disk, directory: string, topics: Topics): Promise<void> {
  const alive = new Set<string>()
  for (const partition of topics.partitions()) {
    if (partition.segments.safe !== undefined) alive.add(folderName(partition.topic, partition.index))
  }
  for (const name of await disk.list(directory)) if (!alive.has(name)) await disk.removeTree(join(directory, name))
}

function makeCatalogue({ maker }: RecoveryOptions, entry: CheckpointEntry | undefined, trusted: boolean): Partition {
  return maker.make({ id: TOPICS_ID, name: TOPICS }, 0, entry, trusted)
}

function topicsWith(catalogue: Partition): Topics {
  const topics = new Topics()
  const description = { name: TOPICS, id: TOPICS_ID, partitions: 1, cleanup: 'compact' as const }
  topics.set({ description, partitions: [catalogue] })
  return topics
}

function isWhole(sequences: readonly number[], first: number | undefined): boolean {
  if (sequences.length === 0 || (first !== undefined && sequences[0] !== first)) return false
  return sequences.every((sequence, i) => sequence === sequences[0] + i)
}

function refusal(directory: string, found: Found, good: Checkpoint | undefined, needed: readonly number[]): DwellError {
  if (found.checkpoint !== 'good' && found.journal === 'none') {
    const path = checkpointPath(directory)
    const sentence = `The checkpoint ${path} is ${found.checkpoint} and there is no journal: what was acknowledged cannot be told.`
    return new DwellError('CHECKPOINT_DAMAGED', sentence, { path })
  }
  const missing = firstMissing(needed, good?.journal)
  const sentence = `The journal file with sequence ${missing} is missing in ${join(directory, 'journal')}.`
  return new DwellError('JOURNAL_DAMAGED', sentence, {
    path: join(directory, 'journal'),
    sequence: missing,
    reason: 'missing',
  })
}

function firstMissing(sequences: readonly number[], from: JournalPosition | undefined): number {
  let expected = from?.sequence ?? sequences[0]
  for (const sequence of sequences) {
    if (sequence !== expected) break
    expected++
  }
  return expected
}
