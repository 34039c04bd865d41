// Looks through the whole journal, as a start would replay it, and refuses nothing. Good frames are visited in order; where
// they do not follow one another there is a hole: the rooms (stretches of files, or whole files that are missing) in which
// the frames between must have stood.
//
// A stretch without a good frame is no hole when the numbers go on behind it in the next file: there the next frame did
// not fit any more. Nor is it when nothing follows: that is the end.

import type { Disk } from '../base/disk.ts'
import type { JournalPosition } from '../journal/journal.ts'
import { BLOCK_SIZE, decodeFileHeader, type FileHeader, type Part } from '../journal/journal-format.ts'
import { remakeHeader } from './journal-header.ts'
import { partsOf, type WalkedFrame, type WalkedHole, walkJournal } from './journal-walk.ts'

export interface JournalFileFound {
  sequence: number
  path: string
  /** Undefined when the file is missing. */
  size: number | undefined
  /** Its header, also when its frames had to tell it; undefined when nothing does. */
  header: FileHeader | undefined
  /** What is wrong with the header that is there, in words. */
  headerDamage: string | undefined
}

/** A stretch without a good frame. */
export interface Room {
  file: JournalFileFound
  position: number
  /** Infinite for a file that is missing or has to be made anew. */
  end: number
  holds: WalkedHole['holds'] | 'nothing: the file is missing' | 'frames that cannot be told'
}

export interface JournalHole {
  rooms: Room[]
  /** Frames from this number up to the one before `toNumber` are missing. */
  fromNumber: number
  toNumber: number
  /** Where the good frame behind it stands. */
  behind: { sequence: number; position: number }
}

export interface JournalSurvey {
  files: JournalFileFound[]
  holes: JournalHole[]
  /** Behind the last good frame; undefined when there is no journal. */
  end: JournalPosition | undefined
  /** What stands at the end. */
  tail: Room | undefined
  /** Files behind the end that a start cannot open, and those behind them: none has a frame. */
  unusable: JournalFileFound[]
  frames: number
}

export interface SurveyJournalOptions {
  disk: Disk
  path: (sequence: number) => string
  /** Those that are there, in order. */
  sequences: readonly number[]
  /** From where on; from the first frame there is when nobody knows. */
  from: JournalPosition | undefined
}

/** Visits the parts of all good frames; `holes` is how many holes lie before the frame. */
export async function surveyJournal(
  { disk, path, sequences, from }: SurveyJournalOptions,
  visit: (parts: Iterable<Part>, frame: WalkedFrame, holes: number) => void | Promise<void>,
): Promise<JournalSurvey> {
  const first = from?.sequence ?? sequences[0]
  const last = sequences.at(-1)
  const survey: JournalSurvey = { files: [], holes: [], end: from, tail: undefined, unusable: [], frames: 0 }
  if (first === undefined || (last === undefined && from === undefined)) return survey
  let expected = from?.frameNumber
  let rooms: Room[] = []
  for (let sequence = first; sequence <= Math.max(first, last ?? first); sequence++) {
    const found = await lookAt(disk, path(sequence), sequence)
    survey.files.push(found)
    // It was free, and a crash came while it was being made into the next one.
    if (expected === undefined && found.header === undefined && sequence !== last) continue
    if (found.header === undefined || found.size === undefined) {
      const holds = found.size === undefined ? 'nothing: the file is missing' : 'frames that cannot be told'
      const position = sequence === from?.sequence ? from.position : BLOCK_SIZE
      rooms.push({ file: found, position, end: Number.POSITIVE_INFINITY, holds })
      continue
    }
    const file = await disk.open(found.path, 'read')
    try {
      const journal = { header: found.header, path: found.path, file, size: found.size }
      const begin = sequence === from?.sequence ? from.position : BLOCK_SIZE
      let inThisFile = 0
      for await (const item of walkJournal(journal, begin)) {
        if (item.kind === 'hole') {
          rooms.push({ file: found, position: item.position, end: item.end, holds: item.holds })
          inThisFile++
          continue
        }
        expected ??= item.number - (inThisFile > 0 ? 1 : 0)
        if (item.number !== expected || inThisFile > 0) {
          const behind = { sequence, position: item.position }
          survey.holes.push({ rooms, fromNumber: expected, toNumber: item.number, behind })
        }
        await visit(partsOf(item), item, survey.holes.length)
        survey.frames++
        expected = item.number + 1
        survey.end = { sequence, position: item.position + blocksOf(item), frameNumber: expected }
        rooms = []
        inThisFile = 0
      }
    } finally {
      await file.close()
    }
  }
  survey.end ??= { sequence: first, position: BLOCK_SIZE, frameNumber: expected ?? 1 }
  survey.tail = rooms.find(({ file }) => file.sequence === survey.end?.sequence)
  survey.unusable = unusableFrom(survey)
  return survey
}

function blocksOf({ size }: WalkedFrame): number {
  return Math.ceil(size / BLOCK_SIZE) * BLOCK_SIZE
}

/** From the first file behind the end on whose header a start would not read. */
function unusableFrom({ files, end }: JournalSurvey): JournalFileFound[] {
  const behind = files.filter(({ sequence }) => sequence > (end?.sequence ?? 0))
  const firstBad = behind.findIndex(({ size, headerDamage }) => size === undefined || headerDamage !== undefined)
  return firstBad < 0 ? [] : behind.slice(firstBad)
}

async function lookAt(disk: Disk, path: string, sequence: number): Promise<JournalFileFound> {
  const size = await disk.size(path)
  if (size === undefined) return { sequence, path, size, header: undefined, headerDamage: undefined }
  const file = await disk.open(path, 'read')
  try {
    const block = Buffer.alloc(BLOCK_SIZE)
    const header = decodeFileHeader(block.subarray(0, await file.read(block, 0)))
    if (typeof header !== 'string' && header.sequence === sequence) {
      return { sequence, path, size, header, headerDamage: undefined }
    }
    const headerDamage = typeof header === 'string' ? header : `its header has sequence ${header.sequence}`
    return { sequence, path, size, header: await remakeHeader(file, sequence), headerDamage }
  } finally {
    await file.close()
  }
}
