// How far a partition is cleaned: the file `cleaned` in its folder, replaced as a whole (base/durable-file.ts), magic DWCL.
//
//   ┌────────────────┬───────────────┬────────────────┐
//   │ cleanedTo <8b> │ gapsTo <8b>   │ horizonMs <8b> │
//   └────────────────┴───────────────┴────────────────┘
//
// Always true:
//   1. Before `cleanedTo` no key is there twice, unless one of its records lies behind.
//   2. Before `gapsTo` offsets may be missing because they were compacted away; from it on a missing one is damage. It is
//      durable before the first segment that has gaps.
//   3. At `horizonMs`, unless it is 0, the first tombstones may go.
//
// Lost or damaged: everything counts as dirty and is cleaned again, which changes nothing but costs reading it. When the
// topic is not compacted any more, and the file was lost, gaps are taken for damage.

import { join } from 'node:path'
import type { Disk } from '../base/disk.ts'
import { readDurableFile, writeDurableFile } from '../base/durable-file.ts'
import { DwellError } from '../base/errors.ts'
import { readUInt64, writeUInt64 } from '../batch/record-batch.ts'

export const CLEANED = 'cleaned'
export const CLEANED_FORMAT = { magic: 'DWCL', version: 1 }

export interface CleanedMark {
  cleanedTo: number
  gapsTo: number
  horizonMs: number
}

export const NEVER_CLEANED: CleanedMark = { cleanedTo: 0, gapsTo: 0, horizonMs: 0 }

/** Reads the mark. A damaged one says that there may be gaps anywhere. */
export async function readCleanedMark(disk: Disk, directory: string): Promise<CleanedMark> {
  try {
    const bytes = await readDurableFile(disk, join(directory, CLEANED), CLEANED_FORMAT)
    return bytes === undefined ? NEVER_CLEANED : decodeCleanedMark(bytes)
  } catch (error) {
    if (!(error instanceof DwellError && error.code === 'FILE_DAMAGED')) throw error
    return { ...NEVER_CLEANED, gapsTo: Number.MAX_SAFE_INTEGER }
  }
}

export function decodeCleanedMark(bytes: Buffer): CleanedMark {
  return { cleanedTo: readUInt64(bytes, 0), gapsTo: readUInt64(bytes, 8), horizonMs: readUInt64(bytes, 16) }
}

/** Replaces the mark; resolves when durable. */
export async function writeCleanedMark(disk: Disk, directory: string, mark: CleanedMark): Promise<void> {
  const bytes = Buffer.alloc(24)
  writeUInt64(bytes, 0, mark.cleanedTo)
  writeUInt64(bytes, 8, mark.gapsTo)
  writeUInt64(bytes, 16, mark.horizonMs)
  await writeDurableFile(disk, join(directory, CLEANED), CLEANED_FORMAT, bytes)
}
