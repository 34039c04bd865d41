// Checks the two checkpoints of the wheel on a disk, and finds out which of them the next start goes on from, as recovery.ts
// decides: the one written last when it is of this boot and its slots are there, else the synced one, else none, and all
// slots are derived.

import { type Disk, DwellError, type Finding, note, wrong } from '../../storage/index.ts'
import { type Checkpoint, readCheckpoint } from '../checkpoint/checkpoint.ts'
import { checkpointPath, syncedPath } from '../checkpoint/checkpoint-files.ts'
import { readSynced } from '../checkpoint/synced-file.ts'
import type { Mark } from '../mark.ts'
import { slotPath, slotsPath } from '../slot/slot-files.ts'

export interface Checkpoints {
  written: Checkpoint | undefined
  synced: Checkpoint | undefined
  /** Those that a start may go on from, the best first. */
  candidates: readonly Checkpoint[]
}

/** Reads both; `directory` is the wheel's own folder. */
export async function* verifyCheckpoints(
  disk: Disk,
  directory: string,
  bootId: string,
): AsyncGenerator<Finding, Checkpoints> {
  const written = yield* read(checkpointPath(directory), 'The wheel has no checkpoint.', (path) =>
    readCheckpoint(disk, path),
  )
  const inFile = yield* read(syncedPath(directory), undefined, (path) => readSynced(disk, path))
  const synced = inFile?.checkpoint
  const isOfThisBoot = bootId !== '' && written?.bootId === bootId
  // One that an earlier version wrote last: what it left of the slots, the synced one does not know.
  const isOfEarlierVersion = written !== undefined && written.census === undefined
  const candidates = isOfEarlierVersion ? [] : [isOfThisBoot ? written : undefined, synced]
  return { written, synced, candidates: candidates.filter((one) => one !== undefined) }
}

async function* read<T>(
  path: string,
  whenMissing: string | undefined,
  reader: (path: string) => Promise<T | undefined>,
): AsyncGenerator<Finding, T | undefined> {
  try {
    const contents = await reader(path)
    if (contents === undefined && whenMissing !== undefined)
      yield note('wheel-checkpoint-missing', path, whenMissing, {
        meaning: 'The next start goes on from the synced one, or derives all slots.',
      })
    return contents
  } catch (error) {
    if (!(error instanceof RangeError || (error instanceof DwellError && error.code === 'FILE_DAMAGED'))) throw error
    yield wrong(
      'wheel-checkpoint-damaged',
      path,
      error instanceof DwellError ? error.message : `${path} is damaged: its contents end early.`,
      {
        meaning: 'The next start sets it aside, and goes on from the other one or derives all slots.',
        acknowledged: false,
        remedy: 'Nothing must be done.',
      },
    )
    return undefined
  }
}

/** The checkpoint that the next start goes on from; undefined when it derives all slots. */
export async function* checkpointInUse(
  disk: Disk,
  directory: string,
  { candidates }: Checkpoints,
  mark: Mark,
): AsyncGenerator<Finding, Checkpoint | undefined> {
  for (const candidate of candidates) {
    let isThere = true
    for (const { second, fileSize } of countingSlots(candidate, mark)) {
      const path = slotPath(slotsPath(directory), second)
      const size = await disk.size(path)
      if (size !== undefined && size >= fileSize) continue
      isThere = false
      const what = size === undefined ? 'is missing' : `has ${size} bytes, ${fileSize} count`
      yield note('slot-missing', path, `The slot ${what}.`, {
        meaning: 'The next start goes on from the synced checkpoint, or derives all slots.',
      })
    }
    if (isThere) return candidate
  }
  return undefined
}

/** The slots of a checkpoint that a start relies on. */
export function countingSlots({ slots }: Checkpoint, mark: Mark): Checkpoint['slots'] {
  const handSecond = Math.floor(mark.hand.dueAtMs / 1000)
  return slots.filter(({ second, fileSize }) => second >= handSecond && fileSize > 0)
}
