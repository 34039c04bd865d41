// Makes partitions, from nothing or from what a checkpoint says of them. Touches no file: a partition opens its own when
// they are needed.

import { join } from 'node:path'
import type { BufferPool } from '../base/buffer-pool.ts'
import type { Disk } from '../base/disk.ts'
import type { Cleanup } from '../engine.ts'
import type { OpenFiles } from '../segment/open-files.ts'
import { PartitionFolder } from '../segment/partition-folder.ts'
import { Segments } from '../segment/segments.ts'
import type { CheckpointEntry } from './checkpoint.ts'
import { Partition } from './partition.ts'
import type { TailWriter } from './tail-writer.ts'

export interface PartitionMakerOptions {
  disk: Disk
  files: OpenFiles
  /** For what partitions write. */
  pool: BufferPool
  tails: TailWriter
  /** Where the folders of partitions are. */
  directory: string
  segmentBytes: number
}

export class PartitionMaker {
  readonly #options: PartitionMakerOptions

  constructor(options: PartitionMakerOptions) {
    this.#options = options
  }

  /** A partition as `entry` says, or an empty one; `indexesTrusted` as in PartitionFolderOptions. */
  make(
    topic: { id: number; name: string; cleanup?: Cleanup },
    index: number,
    entry?: CheckpointEntry | undefined,
    indexesTrusted = true,
  ): Partition {
    const { disk, files, pool, tails, segmentBytes } = this.#options
    const logStartOffset = entry?.logStartOffset ?? 0
    const directory = join(this.#options.directory, folderName(topic.name, index))
    const folder = new PartitionFolder({
      disk,
      files,
      pool,
      directory,
      topicId: topic.id,
      isCompacted: topic.cleanup === 'compact',
      indexesTrusted,
    })
    const segments = new Segments({ folder, segmentBytes, logStartOffset }, entry?.safe)
    const start = { topicId: topic.id, topic: topic.name, index, logStartOffset }
    return new Partition(start, segments, (partition, delta) => tails.changed(partition, delta))
  }
}

/** The name of a partition's folder. */
export function folderName(topic: string, partition: number): string {
  return `${topic}-${partition}`
}
