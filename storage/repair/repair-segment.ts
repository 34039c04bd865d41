// Makes the segments of a partition whole again: what is readable is copied into a new file, and a batch without records stands
// for the offsets that are not; the damaged file is set aside. Offsets stay what they were, and are not given again.
//
// The steps: the file is copied aside, the new one is written beside it, synced, and renamed over it; last comes the
// checkpoint (repair-log.ts). After a crash between them: the segment is good, and longer or shorter than the
// checkpoint says; the next repair reads it as it is, if that reads better, and brings the checkpoint in line.

import { dirname, join } from 'node:path'
import type { Disk } from '../base/disk.ts'
import { blankBatch } from '../batch/blank-batch.ts'
import { baseOffsetAt, batchSize, lastOffsetAt, writeBatch } from '../batch/record-batch.ts'
import type { LogRecord } from '../engine.ts'
import type { StoredLog } from '../inspect/stored-log.ts'
import { nameOf, type StoredPartition, type StoredSegment, walkStored } from '../inspect/stored-partition.ts'
import { folderName } from '../log/partition-maker.ts'
import { partitionsDirectory } from '../log/recovery.ts'
import { syncMetadata, writeMetadata } from '../segment/partition-metadata.ts'
import { SECTOR_SIZE } from '../segment/segment.ts'
import type { Action } from './action.ts'
import type { Aside } from './aside.ts'

const BLANK_OFFSETS_MAX = 2 ** 31 - 1

/** Records that are known from elsewhere, by their offsets, to stand where they cannot be read. */
export type Known = ReadonlyMap<number, LogRecord>

export interface SegmentRepair {
  partition: StoredPartition
  /** Undefined when the partition has none. */
  segment: StoredSegment | undefined
  /** The offset up to which the partition must go; more than it has, when its end is lost. */
  endOffset: number
  known: Known
}

/** The action that makes one segment whole. */
export function repairSegment(log: StoredLog, repair: SegmentRepair, loses: readonly string[]): Action {
  const { partition, segment } = repair
  const what =
    segment === undefined
      ? `Begin a segment of ${nameOf(partition)}`
      : `Set ${segment.path} aside, and put what is readable of it in its place`
  return {
    does: `${what}, up to offset ${repair.endOffset - 1}.`,
    loses,
    run: (aside) => rewrite(log, repair, aside),
  }
}

async function rewrite(
  log: StoredLog,
  { partition, segment, endOffset, known }: SegmentRepair,
  aside: Aside,
): Promise<void> {
  const { disk } = log
  const folder =
    partition.folder || join(partitionsDirectory(log.directory), folderName(partition.topic as string, partition.index))
  const baseOffset = segment?.baseOffset ?? partition.logStartOffset
  const path = join(folder, `${String(baseOffset).padStart(20, '0')}.log`)
  if (segment === undefined) await begin(disk, folder, partition.topicId)
  else {
    await aside.copy(path, `a damaged segment of ${nameOf(partition)}`)
    for (const ending of ['.index', '.timeindex']) {
      await aside.move(path.replace(/\.log$/, ending), 'the index of a damaged segment: it is derived')
    }
  }
  const writer = await SegmentWriter.create(disk, `${path}.repaired`, baseOffset, partition.gapsTo, known)
  try {
    for await (const batch of batchesOf(log, partition, segment, endOffset)) await writer.add(batch)
    await writer.fillTo(endOffset)
    await writer.finish()
  } finally {
    await writer.close()
  }
  await disk.rename(`${path}.repaired`, path)
  await disk.syncDirectory(folder)
  if (segment !== undefined && !segment.isGrowing) return
  const others = partition.segments.reduce(
    (sum, { baseOffset: base, size }) => sum + (base === baseOffset ? 0 : size),
    0,
  )
  const sizeBytes = others + writer.size
  partition.safe = {
    baseOffset,
    size: writer.size,
    endOffset: writer.endOffset,
    sizeBytes,
    lastBytes: writer.lastBytes,
  }
}

async function begin(disk: Disk, folder: string, topicId: number): Promise<void> {
  await disk.makeDirectory(folder)
  await writeMetadata(disk, folder, topicId)
  await syncMetadata(disk, folder)
  await disk.syncDirectory(dirname(folder))
}

/** The good batches of a segment; where the partition must go further than its segments, those behind them as well. */
async function* batchesOf(
  log: StoredLog,
  partition: StoredPartition,
  segment: StoredSegment | undefined,
  endOffset: number,
): AsyncGenerator<Buffer> {
  let next = segment?.baseOffset ?? 0
  if (segment !== undefined) {
    const view = await betterView(log.disk, segment, partition.gapsTo)
    for await (const item of walkStored(log.disk, view, partition.gapsTo)) {
      if (item.kind === 'damage') continue
      yield item.bytes
      next = item.lastOffset + 1
    }
  }
  if (endOffset <= (segment?.endOffset ?? 0)) return
  for await (const batch of log.batches(partition)) {
    if (baseOffsetAt(batch, 0) < next) continue
    if (baseOffsetAt(batch, 0) >= endOffset) return
    yield batch
    next = lastOffsetAt(batch, 0) + 1
  }
}

/** A growing segment as a start makes it, or, when that reads worse, as it lies there: repaired before, the checkpoint not. */
async function betterView(disk: Disk, segment: StoredSegment, gapsTo: number): Promise<StoredSegment> {
  if (!segment.isGrowing || segment.fileSize === undefined) return segment
  const asItLies = { ...segment, size: segment.fileSize, lastBytes: Buffer.alloc(0) }
  return (await lostIn(disk, asItLies, gapsTo)) < (await lostIn(disk, segment, gapsTo)) ? asItLies : segment
}

async function lostIn(disk: Disk, segment: StoredSegment, gapsTo: number): Promise<number> {
  let lost = 0
  for await (const item of walkStored(disk, segment, gapsTo)) {
    if (item.kind === 'damage') lost += Math.max(1, item.lastOffset - item.offset + 1)
  }
  return lost
}

/** Writes batches one behind the other, and stands in for the offsets between them. */
class SegmentWriter {
  readonly #file: Awaited<ReturnType<Disk['open']>>
  readonly #gapsTo: number
  readonly #known: Known
  size = 0
  endOffset: number
  #last: Buffer = Buffer.alloc(0)

  private constructor(file: Awaited<ReturnType<Disk['open']>>, baseOffset: number, gapsTo: number, known: Known) {
    this.#file = file
    this.#gapsTo = gapsTo
    this.#known = known
    this.endOffset = baseOffset
  }

  static async create(
    disk: Disk,
    path: string,
    baseOffset: number,
    gapsTo: number,
    known: Known,
  ): Promise<SegmentWriter> {
    const file = await disk.open(path, 'write')
    await file.truncate(0)
    return new SegmentWriter(file, baseOffset, gapsTo, known)
  }

  /** Bytes of the last sector. */
  get lastBytes(): Buffer {
    return Buffer.from(this.#last.subarray(this.#last.length - (this.size % SECTOR_SIZE)))
  }

  async add(batch: Buffer): Promise<void> {
    // Where records were compacted away a gap is no loss, but a batch in it does no harm either.
    const baseOffset = baseOffsetAt(batch, 0)
    if (baseOffset >= this.#gapsTo) await this.fillTo(baseOffset)
    await this.#write(batch)
    this.endOffset = lastOffsetAt(batch, 0) + 1
  }

  /** Stands in for all offsets before `offset`. */
  async fillTo(offset: number): Promise<void> {
    while (this.endOffset < offset) {
      const record = this.#known.get(this.endOffset)
      if (record !== undefined) {
        const bytes = Buffer.alloc(batchSize([record]))
        writeBatch(bytes, 0, this.endOffset, [record])
        await this.#write(bytes)
        this.endOffset++
        continue
      }
      let to = Math.min(offset, this.endOffset + BLANK_OFFSETS_MAX)
      for (const known of this.#known.keys()) if (known > this.endOffset && known < to) to = known
      await this.#write(blankBatch(this.endOffset, to - 1))
      this.endOffset = to
    }
  }

  async finish(): Promise<void> {
    await this.#file.sync()
  }

  async close(): Promise<void> {
    await this.#file.close()
  }

  async #write(bytes: Buffer): Promise<void> {
    await this.#file.write(bytes, this.size)
    this.size += bytes.length
    const tail = bytes.length >= SECTOR_SIZE ? bytes : Buffer.concat([this.#last, bytes])
    this.#last = Buffer.from(tail.subarray(Math.max(0, tail.length - SECTOR_SIZE)))
  }
}
