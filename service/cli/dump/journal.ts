// A journal file in words: its header, every frame with its parts, and where it ends and why.

import { basename } from 'node:path'
import {
  type Disk,
  type DwellError,
  headerOfBatchAt,
  type OpenJournal,
  openJournalFile,
  PartKind,
  partsOf,
  readUInt64,
  remakeHeader,
  type WalkedFrame,
  type WalkedHole,
  walkJournal,
} from '../../../storage/index.ts'
import { bytesOf, count, offsetsOf, timeOf } from '../words.ts'
import { type DumpOptions, Limit, type Line } from './line.ts'
import { recordLines } from './records.ts'

const BLOCK_SIZE = 4096

export async function* journalLines(disk: Disk, path: string, options: DumpOptions): AsyncGenerator<Line> {
  const journal = yield* openWithWords(disk, path)
  if (journal === undefined) return
  try {
    const from = Math.max(BLOCK_SIZE, Math.ceil((options.fromByte ?? 0) / BLOCK_SIZE) * BLOCK_SIZE)
    const limit = new Limit(options)
    let frames = 0
    let hole: WalkedHole | undefined
    for await (const item of walkJournal(journal, from)) {
      if (hole !== undefined) yield holeLine(hole)
      hole = item.kind === 'hole' ? item : undefined
      if (item.kind === 'hole') continue
      if (!limit.take()) return
      frames++
      yield* frameLines(item, options)
    }
    yield endLine(hole, journal.size, frames)
  } finally {
    await journal.file.close()
  }
}

async function* openWithWords(disk: Disk, path: string): AsyncGenerator<Line, OpenJournal | undefined> {
  const named = /(\d{20})\.journal/.exec(basename(path))
  const file = await disk.open(path, 'read')
  let sequence: number
  try {
    const block = Buffer.alloc(16)
    await file.read(block, 0)
    sequence = named === null ? readUInt64(block, 8) : Number(named[1])
  } finally {
    await file.close()
  }
  let journal: OpenJournal | undefined
  try {
    journal = await openJournalFile({ disk, path: () => path }, sequence)
  } catch (error) {
    yield { damage: (error as DwellError).message }
    journal = await openRemade(disk, path, sequence)
    if (journal === undefined) yield { damage: 'No frame in it tells what its header was: nothing more can be read.' }
    else yield 'Its frames tell what its header was; with that:'
  }
  if (journal !== undefined) {
    const { size, header } = journal
    const salt = header.salt.toString(16).padStart(8, '0')
    yield `journal file, ${bytesOf(size)}: sequence ${header.sequence}, salt ${salt}`
  }
  return journal
}

async function openRemade(disk: Disk, path: string, sequence: number): Promise<OpenJournal | undefined> {
  const file = await disk.open(path, 'read')
  const header = await remakeHeader(file, sequence)
  if (header !== undefined) return { header, path, file, size: await file.size() }
  await file.close()
  return undefined
}

function* frameLines(frame: WalkedFrame, options: DumpOptions): Generator<Line> {
  const parts = [...partsOf(frame)]
  yield `byte ${frame.position}  frame ${frame.number}, ${bytesOf(frame.size)}, ${count(parts.length, 'part')}`
  for (const { topicId, partition, kind, contents } of parts) {
    const place = topicId === 0 ? `__topics-${partition}` : `topic id ${topicId} partition ${partition}`
    if (kind === PartKind.logStart) yield `    ${place}: log start ${readUInt64(contents, 0)}`
    else if (kind !== PartKind.batch) yield `    ${place}: kind ${kind}, ${bytesOf(contents.length)}`
    else {
      const { baseOffset, lastOffset, recordCount, maxTimestampMs } = headerOfBatchAt(contents, 0)
      const time = recordCount === 0 ? 'given up' : timeOf(maxTimestampMs)
      yield `    ${place}: ${offsetsOf(baseOffset, lastOffset)}, ${count(recordCount, 'record')}, ${bytesOf(contents.length)}, ${time}`
      if (options.records) yield* recordLines(contents, topicId === 0 ? '__topics' : undefined, options, '        ')
    }
  }
}

function holeLine({ position, end, holds }: WalkedHole): Line {
  return { damage: `byte ${position}  damaged up to byte ${end}, behind which frames go on: it begins with ${holds}` }
}

function endLine(hole: WalkedHole | undefined, size: number, frames: number): Line {
  const sum = `${count(frames, 'frame')} printed`
  if (hole === undefined) return `byte ${size}  the end: the file is full; ${sum}`
  const why: Record<WalkedHole['holds'], string> = {
    zeros: 'nothing was written behind',
    'a frame of an earlier use': 'what lies behind is of an earlier use of the file',
    'a broken frame':
      'a frame begins here that does not match its checksum: the last write was torn (it was acknowledged to nobody), or the frame was damaged later',
    'other bytes': 'what lies behind is no frame',
  }
  const sentence = `byte ${hole.position}  the end: ${why[hole.holds]}; ${sum}`
  return hole.holds === 'a broken frame' || hole.holds === 'other bytes' ? { damage: sentence } : sentence
}
