// A partition as it lies on the disk: its segments, as far as they count, then its pieces in runs, then its batches in the
// journal. See stored-log.ts.

import { join } from 'node:path'
import type { Disk, DiskFile } from '../base/disk.ts'
import type { SafeEnd } from '../segment/partition-folder.ts'
import { type WalkedBatch, type WalkedDamage, walkSegment } from './segment-walk.ts'

export interface StoredSegment {
  path: string
  baseOffset: number
  /** Bytes that count: of the one that grows, what the checkpoint calls safe. */
  size: number
  /** Bytes that the file has; undefined when it is missing. */
  fileSize: number | undefined
  /** The offset behind its last record; infinite when nothing says so. */
  endOffset: number
  /** The bytes of its last sector, of the one that grows: they are written again at a start. */
  lastBytes: Buffer
  isGrowing: boolean
}

/** Offsets that are in no batch, between two that are there. */
export interface Gap {
  offset: number
  lastOffset: number
  /** How many holes of the journal lie before the batch behind the gap. */
  holes: number
}

export interface StoredPartition {
  topicId: number
  /** Undefined when the catalogue does not know the id. */
  topic: string | undefined
  index: number
  folder: string
  segments: StoredSegment[]
  /** As the checkpoint says; as the files look, when there is none. Undefined when nothing lies in segments. */
  safe: SafeEnd | undefined
  logStartOffset: number
  /** Behind the last record, in segments, runs or the journal. */
  endOffset: number
  /** Before this offset gaps are no damage: records were compacted away. */
  gapsTo: number
  /** The journal has everything from this offset on; undefined when it has nothing. */
  journalFrom: number | undefined
  /** Where runs or the journal do not go on where they must. */
  gaps: Gap[]
}

/** `orders-0`, also when the topic's name is not known. */
export function nameOf({ topic, topicId, index }: StoredPartition): string {
  return `${topic ?? `topic id ${topicId}`}-${index}`
}

/** What counts of the segments in `folder`, by their names; `safe` is undefined when there is no checkpoint. */
export async function segmentsOf(disk: Disk, folder: string, safe: SafeEnd | undefined): Promise<StoredSegment[]> {
  const bases = (await disk.list(folder))
    .filter((name) => /^\d{20}\.log$/.test(name))
    .map((name) => Number(name.slice(0, 20)))
    .filter((base) => safe === undefined || base <= safe.baseOffset)
    .sort((a, b) => a - b)
  if (safe !== undefined && bases.at(-1) !== safe.baseOffset) bases.push(safe.baseOffset)
  const segments: StoredSegment[] = []
  for (const [i, baseOffset] of bases.entries()) {
    const path = join(folder, `${String(baseOffset).padStart(20, '0')}.log`)
    const fileSize = await disk.size(path)
    const isGrowing = i === bases.length - 1
    const size = isGrowing && safe !== undefined ? safe.size : (fileSize ?? 0)
    const endOffset = bases[i + 1] ?? safe?.endOffset ?? Number.POSITIVE_INFINITY
    const lastBytes = isGrowing && safe !== undefined ? safe.lastBytes : Buffer.alloc(0)
    segments.push({ path, baseOffset, size, fileSize, endOffset, lastBytes, isGrowing })
  }
  return segments
}

/** Walks over what counts of a segment. */
export async function* walkStored(
  disk: Disk,
  segment: StoredSegment,
  gapsTo: number,
): AsyncGenerator<WalkedBatch | WalkedDamage> {
  const { path, baseOffset, endOffset, fileSize } = segment
  const mayHaveGaps = baseOffset < gapsTo
  const missing = { kind: 'damage' as const, position: 0, end: 0, offset: baseOffset, lastOffset: endOffset - 1 }
  if (fileSize === undefined) {
    if (endOffset > baseOffset) yield { ...missing, reason: 'the file is missing' }
    return
  }
  const size = Math.min(segment.size, fileSize)
  const file = await disk.open(path, 'read')
  try {
    const view = size === segment.size ? withLastBytes(file, segment) : file
    yield* walkSegment(view, { size, baseOffset, endOffset, mayHaveGaps })
  } finally {
    await file.close()
  }
}

/** The file as a start makes it: the bytes of the last sector come from the checkpoint. */
function withLastBytes(file: DiskFile, { size, lastBytes }: StoredSegment): DiskFile {
  if (lastBytes.length === 0) return file
  const from = size - lastBytes.length
  return {
    read: async (into, position) => {
      const read = await file.read(into, position)
      for (let at = Math.max(from, position); at < Math.min(position + read, size); at++) {
        into[at - position] = lastBytes[at - from]
      }
      return read
    },
    size: () => file.size(),
    write: (bytes, position) => file.write(bytes, position),
    sync: () => file.sync(),
    truncate: (to) => file.truncate(to),
    close: () => file.close(),
  }
}
