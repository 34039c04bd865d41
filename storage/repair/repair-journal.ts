// Makes the journal whole again around what is damaged in it.
//
// The numbers of frames must go on without a gap, and so must the offsets of each partition: both are kept. In the place of the
// frames that cannot be read come frames with the same numbers, and in these, for each partition that goes on behind the
// hole, a batch without records for its missing offsets. So all that is good behind the hole is replayed as it was. What is
// readable inside of a damaged frame is kept too (readable-parts.ts).
//
// After a crash in the middle: the bytes are set aside by then; what is left of the hole is a smaller hole.

import { dirname } from 'node:path'
import type { Disk } from '../base/disk.ts'
import { DwellError } from '../base/errors.ts'
import type { Random } from '../base/random.ts'
import { blankBatch } from '../batch/blank-batch.ts'
import type { JournalFileFound, JournalHole, Room } from '../inspect/journal-survey.ts'
import type { StoredLog } from '../inspect/stored-log.ts'
import { nameOf } from '../inspect/stored-partition.ts'
import {
  BLOCK_SIZE,
  blocks,
  encodeFileHeader,
  type FileHeader,
  FRAME_HEADER_SIZE,
  PART_HEADER_SIZE,
  PartKind,
  sealFrame,
  writePartHeader,
} from '../journal/journal-format.ts'
import type { Action } from './action.ts'
import { type ReadablePart, readableParts } from './readable-parts.ts'

/** A part of a frame that stands in for one that is lost. */
interface StandIn {
  topicId: number
  partition: number
  /** A batch: a good one, or one without records that keeps the numbering. */
  contents: Buffer
}

/** What has to be done for the journal to be read; none when it can be. */
export async function* repairJournal(log: StoredLog, random: Random): AsyncGenerator<Action> {
  const { files, holes, unusable, end } = log.journal
  const inHoles = new Set(holes.flatMap(({ rooms }) => rooms.map(({ file }) => file)))
  for (const file of files) {
    const { header, headerDamage, path, sequence } = file
    if (headerDamage !== undefined && header !== undefined) yield remake(log.disk, file, header)
    const isLast = sequence === end?.sequence && header === undefined
    if (isLast && !inHoles.has(file)) yield beginAnew(log.disk, path, sequence, random)
  }
  for (const [i, hole] of holes.entries()) yield await fill(log, hole, i + 1, random)
  for (const { path, size } of unusable) {
    if (size === undefined) continue
    const does = `Set the journal file ${path} aside: it holds no frame and cannot be opened, or lies behind one like that.`
    yield {
      does,
      loses: [],
      run: (aside) => aside.move(path, 'a journal file without a frame, behind one that is missing or damaged'),
    }
  }
}

/** A log whose journal is gone, and its checkpoint: goes on with an empty journal behind what lies in segments. */
export function beginJournal(log: StoredLog, random: Random): Action {
  return beginAnew(log.disk, log.journalPath(1), 1, random)
}

function remake(disk: Disk, { path }: JournalFileFound, header: FileHeader): Action {
  return {
    does: `Write the header of the journal file ${path} anew, as its frames tell it.`,
    loses: [],
    run: async (aside) => {
      await aside.copy(path, 'the damaged header of a journal file', 0, BLOCK_SIZE)
      await writeSynced(disk, path, [{ bytes: encodeFileHeader(header), position: 0 }])
    },
  }
}

function beginAnew(disk: Disk, path: string, sequence: number, random: Random): Action {
  return {
    does: `Put an empty journal file in the place of ${path}, which is missing or cannot be read.`,
    loses: ['All that was acknowledged after the checkpoint and is not in segments.'],
    run: async (aside) => {
      await aside.move(path, 'a journal file whose header is damaged and whose frames do not tell it')
      await writeSynced(disk, path, [{ bytes: encodeFileHeader(headerOf(sequence, random)), position: 0 }])
    },
  }
}

async function fill(log: StoredLog, hole: JournalHole, holes: number, random: Random): Promise<Action> {
  const { rooms, fromNumber, toNumber } = hole
  const count = toNumber - fromNumber
  const where = rooms.map(({ file, position, end }) =>
    end === Number.POSITIVE_INFINITY ? file.path : `bytes ${position} to ${end - 1} of ${file.path}`,
  )
  const readable = await readableParts(log, hole, holes)
  const { standIns, lost } = standInsFor(log, holes, readable)
  const what =
    readable.length > 0 ? 'with what is readable in it' : `that only ${count === 1 ? 'keeps' : 'keep'} the numbering`
  return {
    does: `Set ${where.join(' and ')} aside, and put ${count === 1 ? 'a frame' : `${count} frames`} in the place ${what}.`,
    loses: [
      lost.length > 0 ? `${capital(lost.join(', '))}.` : 'No offset is seen to be missing.',
      'Besides, the last records of partitions to which nothing was appended later, if any were in what is damaged.',
      ...lostTopics(log),
    ],
    run: async (aside) => {
      const filling = fillingOf(log, hole, standIns)
      for (const { room, frames } of filling) {
        const { file, position, end } = room
        const isWhole = end === Number.POSITIVE_INFINITY
        if (isWhole) await aside.move(file.path, 'a journal file that cannot be read, in the middle of the journal')
        else await aside.copy(file.path, 'a damaged stretch of the journal', position, end)
        const header = isWhole ? headerOf(file.sequence, random) : (file.header as FileHeader)
        const pieces = isWhole ? [{ bytes: encodeFileHeader(header), position: 0 }] : []
        let at = position
        for (const { number, size, parts } of frames) {
          pieces.push({ bytes: frameOf(header, number, size, parts), position: at })
          at += size
        }
        await writeSynced(log.disk, file.path, pieces)
      }
    },
  }
}

interface Filling {
  room: Room
  frames: { number: number; size: number; parts: StandIn[] }[]
}

/**
 * Which frames go where: the room before the good frame is filled up to it, the others from their beginnings.
 * @throws REPAIR_IMPOSSIBLE
 */
function fillingOf(
  log: StoredLog,
  { rooms, fromNumber, toNumber, behind }: JournalHole,
  standIns: readonly StandIn[],
): Filling[] {
  const waiting = [...standIns]
  const last = rooms.at(-1)
  if (last === undefined)
    throw impossible(log.journalPath(behind.sequence), 'the number of a frame is not the next one')
  const mustFill = last.end !== Number.POSITIVE_INFINITY && last.file.sequence === behind.sequence
  let left = toNumber - fromNumber
  const counts = rooms.map(() => 0)
  if (mustFill) left -= counts[rooms.length - 1] = Math.min(left, (last.end - last.position) / BLOCK_SIZE)
  for (const [i, { position, end }] of rooms.entries()) {
    if (mustFill && i === rooms.length - 1) break
    const taken = Math.min(left, (end - position) / BLOCK_SIZE)
    counts[i] = taken
    left -= taken
  }
  if (left > 0 || (mustFill && counts[rooms.length - 1] <= 0))
    throw impossible(last.file.path, 'the numbers of the frames around the damage leave no place for any between')
  let number = fromNumber
  const filling = rooms.map((room, i) => {
    const isOpen = room.end === Number.POSITIVE_INFINITY
    let leftBytes = mustFill && i === rooms.length - 1 ? room.end - room.position : counts[i] * BLOCK_SIZE
    const frames: Filling['frames'] = []
    for (let toCome = counts[i]; toCome > 0; toCome--) {
      const wanted = waiting.reduce((sum, part) => sum + bytesOf(part), FRAME_HEADER_SIZE)
      const size = isOpen ? Math.max(BLOCK_SIZE, blocks(wanted)) : leftBytes - (toCome - 1) * BLOCK_SIZE
      const parts: StandIn[] = []
      for (let used = FRAME_HEADER_SIZE; waiting.length > 0 && used + bytesOf(waiting[0]) <= size; ) {
        used += bytesOf(waiting[0])
        parts.push(waiting.shift() as StandIn)
      }
      frames.push({ number: number++, size, parts })
      leftBytes -= size
    }
    return { room, frames }
  })
  if (waiting.length > 0) throw impossible(last.file.path, 'there is no place for all offsets that are missing')
  return filling
}

function impossible(path: string, why: string): DwellError {
  const sentence = `The journal around ${path} cannot be made whole: ${why}. Restore a backup, or ask for help; nothing was changed there.`
  return new DwellError('REPAIR_IMPOSSIBLE', sentence, { path })
}

/** For each partition that misses offsets in a hole: what is readable of them, and batches without records for the rest. */
function standInsFor(
  log: StoredLog,
  holes: number,
  readable: readonly ReadablePart[],
): { standIns: StandIn[]; lost: string[] } {
  const standIns: StandIn[] = []
  const lost: string[] = []
  for (const partition of log.partitions()) {
    const { topicId, index } = partition
    const gap = partition.gaps.find((one) => one.holes === holes)
    const own = readable.filter((part) => part.partition === partition)
    let next = gap?.offset ?? own[0]?.baseOffset ?? 0
    const add = (contents: Buffer) => void standIns.push({ topicId, partition: index, contents })
    const giveUp = (lastOffset: number) => {
      if (next > lastOffset) return
      add(blankBatch(next, lastOffset))
      lost.push(
        `${next === lastOffset ? `offset ${next}` : `offsets ${next} to ${lastOffset}`} of ${nameOf(partition)}`,
      )
    }
    for (const { baseOffset, lastOffset, contents } of own) {
      giveUp(baseOffset - 1)
      add(contents)
      next = lastOffset + 1
    }
    if (gap !== undefined) giveUp(gap.lastOffset)
  }
  return { standIns, lost }
}

function bytesOf({ contents }: StandIn): number {
  return PART_HEADER_SIZE + contents.length
}

function frameOf(header: FileHeader, number: number, size: number, parts: readonly StandIn[]): Buffer {
  const frame = Buffer.alloc(size)
  let at = FRAME_HEADER_SIZE
  for (const { topicId, partition, contents } of parts) {
    at = writePartHeader(frame, at, { topicId, partition, kind: PartKind.batch, size: contents.length })
    at += contents.copy(frame, at)
  }
  // It is as large as the place it stands in, so that the next frame is found behind it.
  sealFrame(frame, size, parts.length, header, number)
  return frame
}

/** Records of topics whose creation is lost cannot be given to any topic. */
function lostTopics(log: StoredLog): string[] {
  const ids = new Set(
    [...log.partitions()]
      .filter(({ topic, folder }) => topic === undefined && folder === '')
      .map(({ topicId }) => topicId),
  )
  if (ids.size === 0) return []
  return [
    `What the journal holds for the topics with the ids ${[...ids].join(', ')}: the catalogue does not know them (deleted, or created in what is damaged).`,
  ]
}

function headerOf(sequence: number, random: Random): FileHeader {
  return { sequence, salt: random.bytes(4).readUInt32BE(0) }
}

async function writeSynced(
  disk: Disk,
  path: string,
  pieces: readonly { bytes: Buffer; position: number }[],
): Promise<void> {
  await disk.makeDirectory(dirname(path))
  await disk.syncDirectory(dirname(dirname(path)))
  const file = await disk.open(path, 'write')
  try {
    for (const { bytes, position } of pieces) await file.write(bytes, position)
    await file.sync()
  } finally {
    await file.close()
  }
  await disk.syncDirectory(dirname(path))
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}
