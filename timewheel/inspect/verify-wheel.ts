// Checks the wheel on a disk: its checkpoint, the marks against the topics that they name, overflow, and the slots against
// `__delay`.
//
// Slots are derived. After another boot, or when one is missing or short, the start derives them all: then what is wrong with
// them is only a note.

import { join } from 'node:path'
import {
  type Counts,
  counted,
  type Disk,
  DwellError,
  type Finding,
  nameOf,
  note,
  type StoredLog,
  valueOfRecordBody,
  wrong,
} from '../../storage/index.ts'
import { type Checkpoint, readCheckpoint } from '../checkpoint.ts'
import { DELAY_TOPIC } from '../entry.ts'
import { covers, decodeMark, FIRST_MARK, MARK_TOPIC, type Mark } from '../mark.ts'
import { comparePlaces } from '../place.ts'
import { SLOT_SUFFIX } from '../slot.ts'
import { DelayTable } from './delay-table.ts'
import { readEnvelope } from './envelope.ts'
import { walkSlot } from './slot-walk.ts'
import { verifyOverflow } from './verify-overflow.ts'

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
  const { disk, log, directory, counts } = options
  const mark = yield* verifyMarks(log, counts)
  const checkpoint = yield* verifyCheckpoint(disk, join(directory, 'wheel', 'checkpoint'))
  const delay = log.partition(DELAY_TOPIC, 0)
  const table = new DelayTable(delay?.logStartOffset ?? 0, delay?.endOffset ?? 0)
  yield* readDelay(log, table, mark, checkpoint, counts)
  if (checkpoint !== undefined && checkpoint.consumed > (delay?.endOffset ?? 0)) {
    const path = join(directory, 'wheel', 'checkpoint')
    const sentence = `The wheel has consumed ${DELAY_TOPIC} up to ${checkpoint.consumed}, but it ends at ${delay?.endOffset ?? 0}.`
    yield wrong('delay-short', path, sentence, {
      meaning: `The end of ${DELAY_TOPIC} is lost, or the checkpoint is of another directory.`,
      acknowledged: true,
    })
  }
  const known = { checkpoint, mark, table, delayLogStart: delay?.logStartOffset ?? 0 }
  let isOverflowWhole = true
  for await (const finding of verifyOverflow({ disk, directory: join(directory, 'overflow'), counts, ...known })) {
    if (finding.kind === 'wrong') isOverflowWhole = false
    yield finding
  }
  const derives = yield* verifySlots(options, known)
  if (derives || !isOverflowWhole) return
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

async function* verifyCheckpoint(disk: Disk, path: string): AsyncGenerator<Finding, Checkpoint | undefined> {
  try {
    const checkpoint = await readCheckpoint(disk, path)
    if (checkpoint === undefined)
      yield note('wheel-checkpoint-missing', path, 'The wheel has no checkpoint.', {
        meaning: 'The next start derives all slots.',
      })
    return checkpoint
  } catch (error) {
    if (!(error instanceof RangeError || (error instanceof DwellError && error.code === 'FILE_DAMAGED'))) throw error
    yield wrong(
      'wheel-checkpoint-damaged',
      path,
      error instanceof DwellError ? error.message : `${path} is damaged: its contents end early.`,
      {
        meaning: 'The next start sets it aside and derives all slots.',
        acknowledged: false,
        remedy: 'Nothing must be done.',
      },
    )
    return undefined
  }
}

async function* readDelay(
  log: StoredLog,
  table: DelayTable,
  mark: Mark,
  checkpoint: Checkpoint | undefined,
  counts: Counts,
): AsyncGenerator<Finding> {
  for await (const { offset, body } of log.records(DELAY_TOPIC, 0)) {
    counted(counts, 'delayed entries')
    const envelope = valueOfRecordBody(body) ?? Buffer.alloc(0)
    try {
      const read = readEnvelope(envelope, offset)
      if (read.kind === 'cancel') table.addCancel(offset, envelope, read.target.offset)
      else {
        const isSettled = offset >= (checkpoint?.consumed ?? 0) || covers(mark, { dueAtMs: read.dueAtMs, offset })
        table.addMessage(offset, envelope, isSettled)
        if (!covers(mark, { dueAtMs: read.dueAtMs, offset })) counted(counts, 'pending or cancelled messages')
      }
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

interface Known {
  checkpoint: Checkpoint | undefined
  mark: Mark
  table: DelayTable
}

/** Answers whether what is in no slot is no loss: all are derived at the next start, or one could not be read to its end. */
async function* verifySlots(
  { disk, directory, counts, bootId }: VerifyWheelOptions,
  { checkpoint, mark, table }: Known,
): AsyncGenerator<Finding, boolean> {
  const folder = join(directory, 'wheel', 'slots')
  const handSecond = Math.floor(mark.hand.dueAtMs / 1000)
  const counting = (checkpoint?.slots ?? []).filter(({ second, fileSize }) => second >= handSecond && fileSize > 0)
  const sizes = new Map<number, number | undefined>()
  let isUnread = false
  let derives = checkpoint === undefined || checkpoint.bootId !== bootId
  for (const { second, fileSize } of counting) {
    const path = join(folder, `${second}${SLOT_SUFFIX}`)
    const size = await disk.size(path)
    sizes.set(second, size)
    if (size !== undefined && size >= fileSize) continue
    derives = true
    const what = size === undefined ? 'is missing' : `has ${size} bytes, ${fileSize} count`
    yield note('slot-missing', path, `The slot ${what}.`, { meaning: 'The next start derives all slots.' })
  }
  const say: typeof wrong = (code, path, sentence, rest) =>
    derives
      ? note(code, path, sentence, { meaning: 'The next start derives all slots anyway.' })
      : wrong(code, path, sentence, rest)
  for (const { second, fileSize } of counting) {
    counted(counts, 'slots')
    const size = sizes.get(second)
    if (size === undefined) continue
    const path = join(folder, `${second}${SLOT_SUFFIX}`)
    // What is in the unread rest of a damaged slot cannot be told.
    if (yield* verifySlot(disk, path, second, Math.min(size, fileSize), table, counts, say)) isUnread = true
  }
  return derives || isUnread
}

async function* verifySlot(
  disk: Disk,
  path: string,
  second: number,
  size: number,
  table: DelayTable,
  counts: Counts,
  say: typeof wrong,
): AsyncGenerator<Finding, boolean> {
  const file = await disk.open(path, 'read')
  try {
    for await (const item of walkSlot(file, second, size)) {
      const { position } = item
      if (item.kind === 'damage') {
        yield say('slot-damaged', path, `The slot is damaged at byte ${position}: ${item.reason}.`, {
          position,
          meaning: `It is derived from ${DELAY_TOPIC} again when its second comes; that takes a while.`,
          acknowledged: false,
        })
        return true
      }
      counted(counts, 'slot entries')
      const { offset, dueAtMs, envelope } = item
      // What lies before the log start came out of overflow.
      const isForeign =
        Math.floor(dueAtMs / 1000) !== second ||
        (offset >= table.fromOffset && !(table.has(offset) && table.keep(offset, envelope)))
      if (isForeign) {
        yield say(
          'slot-foreign',
          path,
          `The entry at byte ${position} says offset ${offset}, due ${new Date(dueAtMs).toISOString()}: ${DELAY_TOPIC} has no such entry for this second.`,
          {
            position,
            offset,
            meaning: 'It would be dispatched though nobody published it like this.',
            acknowledged: false,
          },
        )
      }
    }
    return false
  } finally {
    await file.close()
  }
}
