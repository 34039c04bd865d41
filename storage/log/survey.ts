// Makes up for a checkpoint that is missing or damaged: reads all segments and tells how far each partition reaches, as
// the checkpoint would have. It reads everything there is and so takes its time; that is why there are checkpoints.
//
// What was written after the lost checkpoint may be torn: the first bad batch of a partition and all behind it are cut
// off, and the journal must bring them again. `reachedOffset` says how far it must come at least.
//
// Lost with the checkpoint: a log start inside a segment. It moves back to the first record that is there.

import { join } from 'node:path'
import type { Disk } from '../base/disk.ts'
import type { Log } from '../base/log.ts'
import { BatchCursor } from '../batch/batch-cursor.ts'
import type { SafeEnd } from '../segment/partition-folder.ts'
import { METADATA, topicIdOf } from '../segment/partition-metadata.ts'
import { SECTOR_SIZE } from '../segment/segment.ts'
import { finishExchanges } from '../segment/segment-exchange.ts'
import type { CheckpointEntry } from './checkpoint.ts'

export interface SurveyedEntry extends CheckpointEntry {
  /** Records up to here were written once, as far as can be seen. */
  reachedOffset: number
  /** What was found to be damaged, in words. */
  damage: string | undefined
}

export interface Survey {
  entries: SurveyedEntry[]
}

export interface SurveyOptions {
  disk: Disk
  /** Where the folders of partitions are. */
  directory: string
  log: Log
}

/** Reads all segments of all partitions. */
export async function surveySegments({ disk, directory, log }: SurveyOptions): Promise<Survey> {
  const entries: SurveyedEntry[] = []
  for (const name of await disk.list(directory)) {
    const folder = join(directory, name)
    const topicId = topicIdOf(await readText(disk, join(folder, METADATA)))
    const partition = Number(/-(\d+)$/.exec(name)?.[1])
    if (topicId === undefined || Number.isNaN(partition)) continue
    const entry = await surveyPartition(disk, folder, { topicId, partition })
    if (entry === undefined) continue
    if (entry.damage !== undefined) {
      const fields = { code: 'SEGMENT_DAMAGED', path: folder, offset: entry.safe.endOffset }
      log.warn(fields, `${entry.damage}.`)
    }
    entries.push(entry)
  }
  return { entries }
}

async function surveyPartition(
  disk: Disk,
  folder: string,
  id: { topicId: number; partition: number },
): Promise<SurveyedEntry | undefined> {
  const logs = (await finishExchanges(disk, folder)).filter((name) => /^\d{20}\.log$/.test(name)).sort()
  const bases = logs.map((name) => Number(name.slice(0, 20)))
  if (bases.length === 0) return undefined
  const safe: SafeEnd = { baseOffset: bases[0], size: 0, endOffset: bases[0], sizeBytes: 0, lastBytes: Buffer.alloc(0) }
  let damage: string | undefined
  for (const [i, name] of logs.entries()) {
    if (bases[i] !== safe.endOffset) damage = `${join(folder, name)} begins at ${bases[i]}, not at ${safe.endOffset}`
    if (damage !== undefined) break
    safe.baseOffset = bases[i]
    const read = await surveySegment(disk, join(folder, name), bases[i])
    safe.size = read.size
    safe.lastBytes = read.lastBytes
    safe.sizeBytes += read.size
    safe.endOffset = read.endOffset
    damage = read.damage
  }
  const reachedOffset = Math.max(safe.endOffset, bases[bases.length - 1])
  return { ...id, logStartOffset: bases[0], safe, reachedOffset, damage }
}

interface SurveyedSegment {
  size: number
  lastBytes: Buffer
  endOffset: number
  damage: string | undefined
}

async function surveySegment(disk: Disk, path: string, baseOffset: number): Promise<SurveyedSegment> {
  const file = await disk.open(path, 'read')
  try {
    const fileSize = await file.size()
    const cursor = new BatchCursor(file, 0, fileSize)
    let endOffset = baseOffset
    let why: string | undefined
    while (why === undefined && (await cursor.next())) {
      why = await cursor.damage()
      if (why === undefined) endOffset = cursor.lastOffset + 1
    }
    const size = cursor.position
    if (why === undefined && size < fileSize) why = 'it ends within a batch'
    const lastBytes = Buffer.alloc(size % SECTOR_SIZE)
    await file.read(lastBytes, size - lastBytes.length)
    return { size, lastBytes, endOffset, damage: why && `${path} is damaged at byte ${size}: ${why}` }
  } finally {
    await file.close()
  }
}

async function readText(disk: Disk, path: string): Promise<string> {
  const size = (await disk.size(path)) ?? 0
  if (size === 0) return ''
  const bytes = Buffer.alloc(size)
  const file = await disk.open(path, 'read')
  try {
    return bytes.toString('utf8', 0, await file.read(bytes, 0))
  } finally {
    await file.close()
  }
}
