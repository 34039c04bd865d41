// Checks the log on a disk: checkpoint, journal, runs, catalogue, segments and their indexes.

import { basename, join } from 'node:path'
import { DwellError } from '../base/errors.ts'
import { isBlank } from '../batch/blank-batch.ts'
import { checkpointPath } from '../log/checkpoint.ts'
import { partitionsDirectory } from '../log/recovery.ts'
import { decodeTopic, TOPICS } from '../log/topic-record.ts'
import { IndexCheck } from './check-indexes.ts'
import { inspectDurableFile } from './durable-header.ts'
import { type Counts, counted, type Finding, note, wrong } from './finding.ts'
import type { StoredLog } from './stored-log.ts'
import { nameOf, type StoredPartition, type StoredSegment, walkStored } from './stored-partition.ts'
import { verifyJournal } from './verify-journal.ts'

export interface VerifyLogOptions {
  log: StoredLog
  counts: Counts
  /** Of this machine: after another boot the indexes of growing segments are not believed anyway. */
  bootId: string
}

/** All that is to be said of the log. */
export async function* verifyLog(options: VerifyLogOptions): AsyncGenerator<Finding> {
  yield* verifyCheckpoint(options)
  yield* verifyJournal(options)
  yield* verifyCatalogue(options)
  for (const partition of options.log.partitions()) {
    counted(options.counts, 'partitions')
    yield* verifyPartition(options, partition)
  }
  yield* verifyFolders(options)
}

async function* verifyCheckpoint({ log }: VerifyLogOptions): AsyncGenerator<Finding> {
  const { disk, directory, checkpoint, sequences } = log
  const path = checkpointPath(directory)
  if (typeof checkpoint !== 'string') return
  const holdsNothing = sequences.length === 0 && [...log.partitions()].length === 0
  if (checkpoint === 'missing' && holdsNothing) {
    return void (yield note('new', path, 'There is nothing in the directory yet.', { remedy: 'Nothing.' }))
  }
  const found = checkpoint === 'missing' ? undefined : await inspectDurableFile(disk, path)
  const why =
    found === undefined
      ? 'it ends within its header'
      : (found.damage ?? `it has version ${found.version}, which this program does not read`)
  const sentence =
    checkpoint === 'missing'
      ? 'The checkpoint is missing.'
      : `The checkpoint is damaged: ${why.replace(/^.* is damaged: /, '').replace(/\.$/, '')}.`
  if (sequences.length === 0) {
    yield wrong('checkpoint-lost', path, `${sentence} There is no journal either.`, {
      meaning: 'The start is refused: what was acknowledged after the segments were written cannot be told.',
      acknowledged: true,
    })
  } else if (checkpoint === 'damaged') {
    yield wrong('checkpoint-damaged', path, sentence, {
      meaning: 'The next start reads all segments instead, and replays all of the journal that is there.',
      acknowledged: false,
      remedy: 'Nothing must be done: the next start makes up for it and writes a new one.',
    })
  } else yield note('checkpoint-missing', path, sentence, { meaning: 'The next start reads all segments instead.' })
}

async function* verifyCatalogue({ log, counts }: VerifyLogOptions): AsyncGenerator<Finding> {
  for await (const record of log.records(TOPICS, 0)) {
    try {
      decodeTopic(record)
    } catch (error) {
      if (!(error instanceof DwellError || error instanceof SyntaxError)) throw error
      const path = join(partitionsDirectory(log.directory), `${TOPICS}-0`)
      yield wrong(
        'topic-unreadable',
        path,
        `The record at offset ${record.offset} of ${TOPICS} cannot be read: ${error.message}`,
        {
          offset: record.offset,
          partition: `${TOPICS}-0`,
          meaning: 'The start is refused: a topic would be missing.',
          acknowledged: true,
          remedy: 'It matches its checksum, so it was written like this: use the version of the program that wrote it.',
        },
      )
    }
  }
  counted(counts, 'topics', log.topics.size)
}

async function* verifyPartition(options: VerifyLogOptions, partition: StoredPartition): AsyncGenerator<Finding> {
  const { log, counts } = options
  const name = nameOf(partition)
  // Its topic was deleted: the next start removes what is left of it.
  if (partition.topic === undefined) return
  for (const segment of partition.segments) yield* verifySegment(options, partition, segment)
  for (const { offset, lastOffset, holes } of partition.gaps) {
    // verify-journal.ts says it of those that lie in a hole of the journal.
    if (holes > 0) continue
    yield wrong(
      'offsets-missing',
      partition.folder,
      `Offsets ${offset} to ${lastOffset} of ${name} are neither in segments nor in the journal.`,
      {
        partition: name,
        offset,
        lastOffset,
        meaning: 'The start is refused: the journal goes on behind them.',
        acknowledged: true,
      },
    )
  }
  const sizeBytes = partition.segments.reduce((sum, { size }) => sum + size, 0)
  if (partition.safe !== undefined && partition.safe.sizeBytes !== sizeBytes && typeof log.checkpoint !== 'string') {
    const sentence = `The segments of ${name} have ${sizeBytes} bytes, the checkpoint says ${partition.safe.sizeBytes}.`
    yield note('size-differs', partition.folder, sentence, { partition: name, meaning: 'Segments wait to be removed.' })
  }
  counted(counts, 'segments', partition.segments.length)
}

async function* verifySegment(
  { log, counts, bootId }: VerifyLogOptions,
  partition: StoredPartition,
  segment: StoredSegment,
): AsyncGenerator<Finding> {
  const { path, size, fileSize } = segment
  const name = nameOf(partition)
  if (segment.endOffset <= partition.logStartOffset && !segment.isGrowing) {
    yield note('segment-expired', path, `All of it lies before the log start of ${name}.`, {
      partition: name,
      meaning: 'Retention has let go of it.',
      remedy: 'Nothing: the next checkpoint removes it.',
    })
    return
  }
  const indexes = fileSize === undefined ? undefined : await IndexCheck.of(log.disk, segment)
  let isDamaged = false
  if (fileSize !== undefined && fileSize < size) {
    isDamaged = true
    yield wrong('segment-short', path, `The file has ${fileSize} bytes; ${size} were made durable.`, {
      partition: name,
      position: fileSize,
      meaning: 'Its end is gone; the start is refused, or the first use of the partition.',
      acknowledged: true,
    })
  }
  for await (const item of walkStored(log.disk, segment, partition.gapsTo)) {
    if (item.kind === 'damage') {
      isDamaged = true
      if (log.isReplayed(partition, item.offset)) {
        yield note('batch-replayed', path, `The segment is damaged at byte ${item.position}: ${item.reason}.`, {
          partition: name,
          position: item.position,
          offset: item.offset,
          meaning: 'The journal has all from there on.',
          remedy: 'Nothing: the next start cuts it there and replays the journal.',
        })
        break
      }
      yield damagedBatch(partition, segment, item)
      continue
    }
    counted(counts, 'batches')
    counted(counts, 'bytes', item.size)
    indexes?.add(item)
    if (isBlank(item.bytes) && item.baseOffset >= partition.gapsTo) {
      yield note('given-up', path, `Offsets ${item.baseOffset} to ${item.lastOffset} of ${name} hold no record.`, {
        partition: name,
        position: item.position,
        offset: item.baseOffset,
        lastOffset: item.lastOffset,
        meaning: 'They were given up by a repair.',
        remedy: 'Nothing.',
      })
    }
  }
  const trusted = typeof log.checkpoint !== 'string' && log.checkpoint.bootId === bootId
  if (isDamaged || indexes === undefined || (segment.isGrowing && !trusted)) return
  for (const fault of indexes.finish()) {
    const position = fault.position === undefined ? {} : { position: fault.position }
    if (fault.position === undefined)
      yield note('index-missing', fault.path, `The index is missing.`, { partition: name })
    else {
      yield wrong('index-wrong', fault.path, `The index is wrong at byte ${fault.position}: ${fault.reason}.`, {
        ...position,
        partition: name,
        meaning: 'It is derived from the segment; until it is made anew, reading may not find what is there.',
        acknowledged: false,
      })
    }
  }
}

function damagedBatch(
  partition: StoredPartition,
  { path, fileSize }: StoredSegment,
  {
    position,
    end,
    offset,
    lastOffset,
    reason,
  }: { position: number; end: number; offset: number; lastOffset: number; reason: string },
): Finding {
  const name = nameOf(partition)
  const isExpired = lastOffset < partition.logStartOffset
  const code = fileSize === undefined ? 'segment-missing' : 'batch-damaged'
  const upTo = lastOffset === Number.POSITIVE_INFINITY ? `from ${offset} on` : `${offset} to ${lastOffset}`
  const where =
    fileSize === undefined
      ? 'The file is missing'
      : end > position
        ? `Bytes ${position} to ${end - 1} are damaged (${reason})`
        : `Something is missing at byte ${position} (${reason})`
  const isInternal = basename(partition.topic ?? '').startsWith('__')
  return wrong(code, path, `${where}: offsets ${upTo} of ${name} cannot be read.`, {
    partition: name,
    position,
    offset,
    ...(lastOffset === Number.POSITIVE_INFINITY ? {} : { lastOffset }),
    meaning: isExpired
      ? 'They lie before the log start: nobody reads them.'
      : isInternal
        ? 'The service needs them: the start is refused.'
        : 'Reading them answers BATCH_DAMAGED; the others are served.',
    acknowledged: !isExpired,
  })
}

async function* verifyFolders({ log }: VerifyLogOptions): AsyncGenerator<Finding> {
  const { disk, directory } = log
  const folders = partitionsDirectory(directory)
  const known = new Set<string>()
  for (const partition of log.partitions()) if (partition.topic !== undefined) known.add(partition.folder)
  for (const name of (await disk.list(folders)).sort()) {
    const folder = join(folders, name)
    if (!known.has(folder)) {
      yield note('folder-unknown', folder, `No topic has the folder ${name}, or no checkpoint knows it.`, {
        meaning: 'Its topic was deleted, or the journal has all that is in it.',
        remedy: 'Nothing: the next start removes it.',
      })
    }
    for (const file of await disk.list(folder)) {
      if (!/\.(cleaned|swap)$/.test(file)) continue
      yield note('exchange', join(folder, file), 'A compaction was interrupted.', {
        meaning: 'The next start finishes it.',
      })
    }
  }
  for (const { path, reason } of log.damagedRuns) {
    yield wrong('run-damaged', path, reason, {
      meaning: 'The start is refused: the records in it are nowhere else.',
      acknowledged: true,
    })
  }
}
