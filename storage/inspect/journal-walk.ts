// Walks over one journal file and refuses nothing: good frames, and the holes between them in which none begins. What a
// hole means (the end, the rest of a full file, damage) is for whoever sees the other files too: journal-survey.ts.

import { BLOCK_SIZE, blocks, type Part, partsAt } from '../journal/journal-format.ts'
import { FrameReader, type OpenJournal } from '../journal/journal-reader.ts'

export interface WalkedFrame {
  kind: 'frame'
  position: number
  /** Without the padding. */
  size: number
  number: number
  bytes: Buffer
}

export interface WalkedHole {
  kind: 'hole'
  position: number
  end: number
  /** What stands at its beginning. */
  holds: 'zeros' | 'a broken frame' | 'a frame of an earlier use' | 'other bytes'
}

/** Everything in the file from `from` on, without a gap between. */
export async function* walkJournal(
  journal: OpenJournal,
  from: number = BLOCK_SIZE,
): AsyncGenerator<WalkedFrame | WalkedHole> {
  const frames = new FrameReader(journal)
  let holeAt: number | undefined
  for (let position = from; position < journal.size; ) {
    const frame = await frames.at(position)
    if (frame === undefined) {
      holeAt ??= position
      position += BLOCK_SIZE
      continue
    }
    if (holeAt !== undefined) yield await hole(journal, holeAt, position)
    holeAt = undefined
    yield { kind: 'frame', position, ...frame }
    position += blocks(frame.size)
  }
  if (holeAt !== undefined) yield await hole(journal, holeAt, journal.size)
}

/** The parts of a walked frame. */
export function partsOf(frame: WalkedFrame): Iterable<Part> {
  return partsAt(frame.bytes, 0)
}

async function hole(journal: OpenJournal, position: number, end: number): Promise<WalkedHole> {
  const block = Buffer.alloc(Math.min(BLOCK_SIZE, end - position))
  await journal.file.read(block, position)
  return { kind: 'hole', position, end, holds: await firstIn(journal, position, block) }
}

async function firstIn(journal: OpenJournal, position: number, block: Buffer): Promise<WalkedHole['holds']> {
  if (block.every((byte) => byte === 0)) return 'zeros'
  if ((await new FrameReader(journal).claimedSize(position)) > 0) return 'a broken frame'
  return block.toString('latin1', 0, 4) === 'DWJF' ? 'a frame of an earlier use' : 'other bytes'
}
