// Reads the journal after a crash: frame after frame, and decides where it ends.
//
// Only the last frame can be torn (one write is under way at a time), so what is not a good frame means one of these:
//
//   │ good frames behind it                       │ then                                                          │
//   ├─────────────────────────────────────────────┼───────────────────────────────────────────────────────────────┤
//   │ none, in this file and in later ones        │ 'end': the journal ends here; a torn frame is cut             │
//   │ none here; the next file goes on with the   │ 'nextFile': the frame did not fit here any more               │
//   │ number that is missing                      │                                                               │
//   │ anything else                               │ 'refuse': acknowledged frames are damaged or missing          │
//
// Frames begin at multiples of 4096, so every such place is looked at.

import { assert } from '../base/assert.ts'
import type { Disk, DiskFile } from '../base/disk.ts'
import { DwellError } from '../base/errors.ts'
import type { JournalPosition } from './journal.ts'
import {
  BLOCK_SIZE,
  blocks,
  decodeFileHeader,
  type FileHeader,
  frameNumberAt,
  frameSizeAt,
  type Part,
  partsAt,
  tornSizeAt,
} from './journal-format.ts'

const WINDOW_BYTES = 4 * 1024 * 1024

/** What a place without a good frame means; see the table above. */
export type Verdict = 'end' | 'nextFile' | 'refuse'

export interface Behind {
  /** A good frame stands behind it in the same file. */
  here: boolean
  /** The number of the first good frame in later files. */
  laterNumber: number | undefined
  expectedNumber: number
}

/** The table above, as data: the first row that matches decides. */
export const VERDICTS: readonly { when: (behind: Behind) => boolean; verdict: Verdict }[] = [
  { when: ({ here, laterNumber }) => !here && laterNumber === undefined, verdict: 'end' },
  { when: ({ here, laterNumber, expectedNumber }) => !here && laterNumber === expectedNumber, verdict: 'nextFile' },
  { when: () => true, verdict: 'refuse' },
]

export interface JournalEnd extends JournalPosition, FileHeader {
  /** Files behind the end, prepared and without a frame. */
  ahead: FileHeader[]
  /** The size that a torn frame at the end claims; 0 when there is none. */
  tornBytes: number
  frames: number
  /** Where the good frames of each file end, by sequence. Behind them may stand a torn one that was cut long ago. */
  endPositions: ReadonlyMap<number, number>
}

export interface JournalSource {
  disk: Disk
  path: (sequence: number) => string
  /** In order, without a gap. */
  sequences: readonly number[]
  /** Told of each file whose frames begin to be visited. */
  onFile?: (sequence: number) => void
}

/** A file of the journal whose header is good. */
export interface OpenJournal {
  header: FileHeader
  path: string
  file: DiskFile
  size: number
}

/** Gets the parts of one frame. They lie in memory that is written again once it resolves. */
export type FrameVisitor = (parts: Iterable<Part>) => Promise<void> | void

/**
 * Visits the parts of every frame from `from` on, in order.
 * @throws JOURNAL_DAMAGED with file, position and reason
 */
export async function readJournal(
  source: JournalSource,
  from: JournalPosition,
  visit: FrameVisitor,
): Promise<JournalEnd> {
  const window = Buffer.allocUnsafeSlow(WINDOW_BYTES)
  let expectedNumber = from.frameNumber
  const firstNumber = expectedNumber
  const endPositions = new Map<number, number>()
  let position = from.position
  for (const [i, sequence] of source.sequences.entries()) {
    source.onFile?.(sequence)
    const journal = await openJournalFile(source, sequence)
    try {
      const frames = new FrameReader(journal, window)
      let frame = await frames.at(position)
      while (frame?.number === expectedNumber) {
        await visit(partsAt(frame.bytes, 0))
        position += blocks(frame.size)
        expectedNumber++
        frame = await frames.at(position)
      }
      endPositions.set(sequence, position)
      const here = frame !== undefined || (await frames.anyFrom(position + BLOCK_SIZE))
      // Before later files are read into the same memory.
      const tornBytes = await frames.tornSize(position, expectedNumber)
      const later = await lookAhead(source, source.sequences.slice(i + 1), window)
      const behind = { here, laterNumber: later.number, expectedNumber }
      const verdict = VERDICTS.find(({ when }) => when(behind))?.verdict
      if (verdict === 'refuse') throw damaged(journal.path, position, reason(behind))
      if (verdict === 'end') {
        return {
          ...journal.header,
          position,
          frameNumber: expectedNumber,
          ahead: later.headers,
          tornBytes,
          frames: expectedNumber - firstNumber,
          endPositions,
        }
      }
    } finally {
      await journal.file.close()
    }
    position = BLOCK_SIZE
  }
  throw new DwellError('JOURNAL_DAMAGED', 'The journal has no file.')
}

/** Visits the frames from `from` on again that readJournal() has found and checked. */
export async function readJournalAgain(
  source: JournalSource,
  from: JournalPosition,
  { endPositions }: JournalEnd,
  visit: FrameVisitor,
): Promise<void> {
  const window = Buffer.allocUnsafeSlow(WINDOW_BYTES)
  let { position } = from
  for (const [sequence, endPosition] of endPositions) {
    source.onFile?.(sequence)
    const journal = await openJournalFile(source, sequence)
    try {
      const frames = new FrameReader(journal, window)
      while (position < endPosition) {
        const frame = await frames.checkedAt(position)
        await visit(partsAt(frame, 0))
        position += blocks(frame.length)
      }
    } finally {
      await journal.file.close()
    }
    position = BLOCK_SIZE
  }
}

function reason({ here, laterNumber, expectedNumber }: Behind): string {
  const where = here ? 'later frames stand behind it' : `a later file begins with frame ${laterNumber}`
  return `frame ${expectedNumber} is damaged or missing, yet ${where}`
}

function damaged(path: string, position: number, why: string): DwellError {
  const sentence = `The journal ${path} is damaged at byte ${position}: ${why}. Acknowledged records may be in it.`
  return new DwellError('JOURNAL_DAMAGED', sentence, { path, position, reason: why })
}

/**
 * Opens a file of the journal for reading.
 * @throws JOURNAL_DAMAGED when its header is not its own
 */
export async function openJournalFile(
  { disk, path }: Pick<JournalSource, 'disk' | 'path'>,
  sequence: number,
): Promise<OpenJournal> {
  const file = await disk.open(path(sequence), 'read')
  try {
    const block = Buffer.alloc(BLOCK_SIZE)
    const header = decodeFileHeader(block.subarray(0, await file.read(block, 0)))
    if (typeof header === 'string') throw damaged(path(sequence), 0, header)
    if (header.sequence !== sequence) throw damaged(path(sequence), 0, `its header has sequence ${header.sequence}`)
    const size = await file.size()
    if (size < (header.fileBytes ?? 0)) {
      throw damaged(path(sequence), size, `it ends here, and its header says ${header.fileBytes} bytes`)
    }
    return { header, path: path(sequence), file, size }
  } catch (error) {
    await file.close()
    throw error
  }
}

/** The number of the first good frame in these files, and the headers of the files before it. */
async function lookAhead(
  source: JournalSource,
  sequences: readonly number[],
  window: Buffer,
): Promise<{ number: number | undefined; headers: FileHeader[] }> {
  const headers: FileHeader[] = []
  for (const sequence of sequences) {
    const journal = await openJournalFile(source, sequence)
    try {
      const frames = new FrameReader(journal, window)
      const first = await frames.at(BLOCK_SIZE)
      if (first !== undefined) return { number: first.number, headers }
      // Its first frame is gone: whichever number that had, the journal does not go on here.
      if (await frames.anyFrom(2 * BLOCK_SIZE)) return { number: Number.POSITIVE_INFINITY, headers }
      headers.push(journal.header)
    } finally {
      await journal.file.close()
    }
  }
  return { number: undefined, headers }
}

/**
 * Where a journal begins of which all files are read, and those files. The first of them does not count when its header
 * is not its own: it was free, and a crash came while it was being made into the next one.
 */
export async function beginningOf(source: JournalSource): Promise<{ source: JournalSource; from: JournalPosition }> {
  const [sequence, ...rest] = source.sequences
  const file = await source.disk.open(source.path(sequence), 'read')
  try {
    const block = Buffer.alloc(BLOCK_SIZE)
    const header = decodeFileHeader(block.subarray(0, await file.read(block, 0)))
    const own = typeof header !== 'string' && header.sequence === sequence
    if (!own && rest.length > 0) return beginningOf({ ...source, sequences: rest })
    if (!own)
      throw damaged(source.path(sequence), 0, typeof header === 'string' ? header : 'it belongs to another file')
    const first = await new FrameReader({ header, path: source.path(sequence), file, size: await file.size() }).at(
      BLOCK_SIZE,
    )
    return { source, from: { sequence, position: BLOCK_SIZE, frameNumber: first?.number ?? 1 } }
  } finally {
    await file.close()
  }
}

/**
 * Good frames of one file, by position; reads ahead. Given memory for that, it is used over and over, and a frame is there
 * until the next one is asked for; otherwise views may be kept.
 */
export class FrameReader {
  readonly #journal: OpenJournal
  readonly #memory: Buffer | undefined
  #window: Buffer = Buffer.alloc(0)
  #windowAt = 0

  constructor(journal: OpenJournal, memory?: Buffer) {
    this.#journal = journal
    this.#memory = memory
  }

  /** The good frame at `position`, undefined when there is none. */
  async at(position: number): Promise<{ bytes: Buffer; size: number; number: number } | undefined> {
    const size = await this.claimedSize(position)
    if (size === 0 || position + size > this.#journal.size) return undefined
    await this.#reach(position, size)
    const at = position - this.#windowAt
    const number = frameNumberAt(this.#window, at, this.#journal.header)
    return number === undefined ? undefined : { bytes: this.#window.subarray(at, at + size), size, number }
  }

  /** The frame at `position`, seen to be good before: it is not checked again. */
  async checkedAt(position: number): Promise<Buffer> {
    const size = await this.claimedSize(position)
    assert(size > 0, 'a frame stands where it stood before')
    await this.#reach(position, size)
    const at = position - this.#windowAt
    return this.#window.subarray(at, at + size)
  }

  /** Whether a good frame stands anywhere from `position` on. */
  async anyFrom(position: number): Promise<boolean> {
    for (let at = position; at < this.#journal.size; at += BLOCK_SIZE) {
      if ((await this.at(at)) !== undefined) return true
    }
    return false
  }

  /** The size that a frame at `position` claims to have; 0 when none of this file begins there. */
  async claimedSize(position: number): Promise<number> {
    if (position + BLOCK_SIZE > this.#journal.size) return 0
    await this.#reach(position, BLOCK_SIZE)
    return frameSizeAt(this.#window, position - this.#windowAt, this.#journal.header)
  }

  /** The size that a torn frame with this number claims at `position`; 0 when none was begun. */
  async tornSize(position: number, number: number): Promise<number> {
    if (position + BLOCK_SIZE > this.#journal.size) return 0
    await this.#reach(position, BLOCK_SIZE)
    return tornSizeAt(this.#window, position - this.#windowAt, this.#journal.header, number)
  }

  async #reach(position: number, size: number): Promise<void> {
    const at = position - this.#windowAt
    if (at >= 0 && at + size <= this.#window.length) return
    const windowSize = Math.min(Math.max(size, WINDOW_BYTES), this.#journal.size - position)
    const fits = this.#memory !== undefined && windowSize <= this.#memory.length
    const window = fits ? this.#memory.subarray(0, windowSize) : Buffer.allocUnsafeSlow(windowSize)
    this.#window = window.subarray(0, await this.#journal.file.read(window, position))
    this.#windowAt = position
  }
}
