// Checks the wheel on a disk: its checkpoints, the marks against the topics that they name, overflow, and the slots against
// `__delay`.

import { join } from 'node:path'
import {
  type Counts,
  counted,
  type Disk,
  DwellError,
  type Finding,
  nameOf,
  type StoredLog,
  valueOfRecordBody,
  wrong,
} from '../../storage/index.ts'
import { checkpointPath } from '../checkpoint/checkpoint-files.ts'
import { DELAY_TOPIC, isMessage } from '../entry/entry.ts'
import { comparePlaces } from '../entry/place.ts'
import { covers, decodeMark, FIRST_MARK, MARK_TOPIC, type Mark } from '../mark.ts'
import { DelayTable } from './delay-table.ts'
import { readEnvelope } from './envelope.ts'
import { checkpointInUse, verifyCheckpoints } from './verify-checkpoints.ts'
import { verifyOverflow } from './verify-overflow.ts'
import { verifySlots } from './verify-slots.ts'

export interface VerifyWheelOptions {
  disk: Disk
  log: StoredLog
  /** The data directory. */
  directory: string
  bootId: string
  counts: Counts
}

/** All that is to be said of the wheel. */
export async function* verifyWheel(options: VerifyWheelOptions): AsyncGenerator<Finding> {
  const { disk, log, directory, bootId, counts } = options
  const mark = yield* verifyMarks(log, counts)
  const checkpoints = yield* verifyCheckpoints(disk, join(directory, 'wheel'), bootId)
  const written = checkpoints.written ?? checkpoints.synced
  const used = yield* checkpointInUse(disk, join(directory, 'wheel'), checkpoints, mark)
  const delay = log.partition(DELAY_TOPIC, 0)
  const table = new DelayTable(delay?.logStartOffset ?? 0, delay?.endOffset ?? 0)
  yield* readDelay(log, table, mark, used?.consumed ?? 0, counts)
  if (written !== undefined && written.consumed > (delay?.endOffset ?? 0)) {
    const path = checkpointPath(join(directory, 'wheel'))
    const sentence = `The wheel has consumed ${DELAY_TOPIC} up to ${written.consumed}, but it ends at ${delay?.endOffset ?? 0}.`
    yield wrong('delay-short', path, sentence, {
      meaning: `The end of ${DELAY_TOPIC} is lost, or the checkpoint is of another directory.`,
      acknowledged: true,
    })
  }
  const known = { checkpoint: written, mark, table, delayLogStart: delay?.logStartOffset ?? 0 }
  let isOverflowWhole = true
  for await (const finding of verifyOverflow({ disk, directory: join(directory, 'overflow'), counts, ...known })) {
    if (finding.kind === 'wrong') isOverflowWhole = false
    yield finding
  }
  if (used === undefined) return
  const isUnread = yield* verifySlots({
    disk,
    directory: join(directory, 'wheel'),
    counts,
    mark,
    table,
    checkpoint: used,
  })
  if (isUnread || !isOverflowWhole) return
  for (const offset of table.lost()) {
    yield wrong(
      'entry-lost',
      join(directory, 'wheel'),
      `The message at offset ${offset} of ${DELAY_TOPIC} is in no slot and not in overflow.`,
      {
        partition: `${DELAY_TOPIC}-0`,
        offset,
        meaning: `It would not be dispatched. ${DELAY_TOPIC} has it.`,
        acknowledged: true,
      },
    )
  }
}

/** Each mark against the one before and against the topics it names; answers the last one. */
async function* verifyMarks(log: StoredLog, counts: Counts): AsyncGenerator<Finding, Mark> {
  const path = log.partition(MARK_TOPIC, 0)?.folder ?? log.directory
  let last = FIRST_MARK
  const short = new Map<string, { offset: number; lastOffset: number; partition: string; end: number }>()
  for await (const record of log.records(MARK_TOPIC, 0)) {
    counted(counts, 'marks')
    let mark: Mark
    try {
      mark = decodeMark(record)
    } catch (error) {
      if (!(error instanceof DwellError || error instanceof RangeError)) throw error
      yield wrong(
        'mark-unreadable',
        path,
        `The mark at offset ${record.offset} of ${MARK_TOPIC} cannot be read: ${error.message}`,
        {
          partition: `${MARK_TOPIC}-0`,
          offset: record.offset,
          meaning: 'If it is the last one, the start is refused.',
          acknowledged: false,
          remedy: 'It matches its checksum, so it was written like this: use the version of the program that wrote it.',
        },
      )
      continue
    }
    if (mark.consumed < last.consumed || comparePlaces(mark.hand, last.hand) < 0) {
      yield wrong(
        'mark-back',
        path,
        `The mark at offset ${record.offset} of ${MARK_TOPIC} goes back behind the one before it.`,
        {
          partition: `${MARK_TOPIC}-0`,
          offset: record.offset,
          meaning: 'Marks only ever go forward; messages between them may be dispatched twice.',
          acknowledged: true,
          remedy: 'None is known: this needs somebody who looks into it.',
        },
      )
    }
    last = mark
    for (const { topic, partition: index, baseOffset, count } of mark.targets) {
      const description = log.topics.get(topic)
      // A topic that was deleted, and one of the same name made later (its id is above the mark's time), tell nothing.
      if (description === undefined || index >= description.partitions) continue
      const end = log.partition(topic, index)?.endOffset ?? 0
      if (baseOffset + count > end)
        short.set(`${topic}-${index}`, {
          offset: end,
          lastOffset: baseOffset + count - 1,
          partition: `${topic}-${index}`,
          end,
        })
    }
  }
  for (const { offset, lastOffset, partition, end } of short.values()) {
    yield wrong(
      'dispatch-missing',
      path,
      `Marks say that messages were dispatched to ${partition} up to offset ${lastOffset}, but it ends at ${end}.`,
      {
        partition,
        offset,
        lastOffset,
        meaning:
          'They count as dispatched and are not there. (If a topic of this name was deleted and made anew, nothing is wrong.)',
        acknowledged: true,
        remedy: 'A backup may have them; the wheel does not dispatch them again.',
      },
    )
  }
  return last
}

async function* readDelay(
  log: StoredLog,
  table: DelayTable,
  mark: Mark,
  consumed: number,
  counts: Counts,
): AsyncGenerator<Finding> {
  for await (const { offset, body } of log.records(DELAY_TOPIC, 0)) {
    counted(counts, 'delayed entries')
    const envelope = valueOfRecordBody(body) ?? Buffer.alloc(0)
    try {
      const read = readEnvelope(envelope, offset)
      const isDone = covers(mark, { dueAtMs: read.dueAtMs, offset })
      table.add(offset, envelope, isDone || offset >= consumed)
      if (isMessage(envelope) && !isDone) counted(counts, 'pending or withdrawn messages')
    } catch (error) {
      if (!(error instanceof DwellError || error instanceof RangeError)) throw error
      const delay = log.partition(DELAY_TOPIC, 0)
      yield wrong(
        'entry-unreadable',
        delay?.folder ?? '',
        `The entry at offset ${offset} of ${DELAY_TOPIC} cannot be read: ${error.message}`,
        {
          ...(delay && { partition: nameOf(delay) }),
          offset,
          meaning: 'The start is refused.',
          acknowledged: true,
          remedy: 'It matches its checksum, so it was written like this: use the version of the program that wrote it.',
        },
      )
    }
  }
}
