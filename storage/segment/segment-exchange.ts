// Puts a cleaned segment in the place of the stretch of neighbouring segments that it was made of.
//
//   │ step                                                          │ a crash before the next step is durable      │
//   ├───────────────────────────────────────────────────────────────┼──────────────────────────────────────────────┤
//   │ `<base>.log.cleaned` is written and synced                    │ it is removed, the stretch is as it was      │
//   │ renamed to `<base>.log.swap`, folder synced                   │ finishExchanges() makes the steps below      │
//   │ the stretch's indexes and its segments but the first removed, │ the same                                     │
//   │   the new indexes synced, folder synced                       │                                              │
//   │ renamed to `<base>.log`, folder synced                        │ the same, or it is done                      │
//
// The range of a `.swap` is what it holds: a cleaned segment keeps its last batch, emptied if need be, so it ends where
// the stretch ended. Whatever begins inside of that range is of the stretch.

import { join } from 'node:path'
import type { Disk } from '../base/disk.ts'
import { DwellError } from '../base/errors.ts'
import { BatchWalk } from './batch-walk.ts'
import { FileWindow } from './file-window.ts'
import type { Segment } from './segment.ts'

const WALK_BYTES = 256 * 1024

/** From now on `cleaned` stands for its stretch, whatever happens. It is whole and synced. */
export async function commitExchange(disk: Disk, directory: string, cleaned: Segment): Promise<void> {
  const before = cleaned.path
  cleaned.ending = '.log.swap'
  await disk.rename(before, cleaned.path)
  await disk.syncDirectory(directory)
}

/** Takes the files of `stretch` away, which nobody reads any more, and gives `cleaned` its name. */
export async function completeExchange(
  disk: Disk,
  directory: string,
  stretch: readonly Segment[],
  cleaned: Segment,
): Promise<void> {
  for (const [i, segment] of stretch.entries()) await (i === 0 ? segment.removeIndexes() : segment.remove())
  await cleaned.syncIndexes()
  await disk.syncDirectory(directory)
  const before = cleaned.path
  cleaned.ending = '.log'
  await disk.rename(before, cleaned.path)
  await disk.syncDirectory(directory)
}

/**
 * Brings a folder's exchanges to their end, or takes them back; answers the names in it then.
 * @throws SEGMENT_DAMAGED when it cannot be told which segments a `.swap` stands for
 */
export async function finishExchanges(disk: Disk, directory: string): Promise<string[]> {
  const names = await disk.list(directory)
  const swaps = names.filter((name) => /^\d{20}\.log\.swap$/.test(name))
  const cleaned = names.filter((name) => name.endsWith('.log.cleaned'))
  for (const name of cleaned) await disk.remove(join(directory, name))
  for (const name of swaps) await finish(disk, directory, name, names)
  return swaps.length + cleaned.length === 0 ? names : disk.list(directory)
}

async function finish(disk: Disk, directory: string, swap: string, names: readonly string[]): Promise<void> {
  const path = join(directory, swap)
  const baseOffset = baseOffsetOf(swap)
  const endOffset = await endOffsetOf(disk, path, baseOffset)
  const log = swap.slice(0, -'.swap'.length)
  // Its name may be seen and yet not be durable, when the process was killed: nothing may go before it is.
  await disk.syncDirectory(directory)
  for (const name of names) {
    if (!/^\d{20}\.(log|index|timeindex)$/.test(name) || name === log) continue
    if (baseOffsetOf(name) >= baseOffset && baseOffsetOf(name) < endOffset) await disk.remove(join(directory, name))
  }
  await disk.syncDirectory(directory)
  await disk.rename(path, join(directory, log))
  await disk.syncDirectory(directory)
}

async function endOffsetOf(disk: Disk, path: string, baseOffset: number): Promise<number> {
  const file = await disk.open(path, 'read')
  try {
    const size = await file.size()
    const extent = { size, baseOffset, endOffset: Number.POSITIVE_INFINITY, mayHaveGaps: true }
    const walk = new BatchWalk(new FileWindow(file, size, WALK_BYTES), extent)
    let endOffset = baseOffset
    while (await walk.next()) endOffset = walk.lastOffset + 1
    if (walk.missing === undefined && size > 0) return endOffset
    const sentence = `${path} is damaged at its end: which segments it was to replace cannot be told.`
    throw new DwellError('SEGMENT_DAMAGED', sentence, { path })
  } finally {
    await file.close()
  }
}

function baseOffsetOf(name: string): number {
  return Number(name.slice(0, 20))
}
