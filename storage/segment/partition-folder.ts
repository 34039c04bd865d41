// The folder of one partition, `<topic>-<partition>/`: its segments, `partition.metadata`, and, where it was ever compacted,
// `cleaned` (cleaned-mark.ts).
//
// After a crash: exchanges of segments are finished (segment-exchange.ts), then it is brought to what the checkpoint calls
// safe: later segments go, the growing one is cut. Doing it again changes nothing.

import type { BufferPool } from '../base/buffer-pool.ts'
import type { Disk } from '../base/disk.ts'
import { DwellError } from '../base/errors.ts'
import { type CleanedMark, readCleanedMark, writeCleanedMark } from './cleaned-mark.ts'
import type { OpenFiles } from './open-files.ts'
import { syncMetadata, writeMetadata } from './partition-metadata.ts'
import { Segment } from './segment.ts'
import { commitExchange, completeExchange, finishExchanges } from './segment-exchange.ts'

/** How far the files of a partition are known to be durable. */
export interface SafeEnd {
  /** The growing segment, and how many of its bytes are safe. */
  baseOffset: number
  size: number
  /** The offset behind the last safe record. */
  endOffset: number
  /** Bytes of all segments together. */
  sizeBytes: number
  /** Those of the bytes that lie in the last sector, when it is not full. */
  lastBytes: Buffer
}

export interface PartitionFolderOptions {
  disk: Disk
  files: OpenFiles
  pool: BufferPool
  directory: string
  topicId: number
  /** Whether its topic is compacted: then a gap is no damage, also where the mark of compaction was lost. */
  isCompacted: boolean
  /** Whether the indexes of the growing segment can be believed: not after another boot. */
  indexesTrusted: boolean
}

export class PartitionFolder {
  readonly #options: PartitionFolderOptions
  #namesDirty = false
  /** The folder was made since the last sync. */
  #isNew = false

  constructor(options: PartitionFolderOptions) {
    this.#options = options
  }

  async create(): Promise<void> {
    const { disk, directory, topicId } = this.#options
    // A deleted topic of the same name may have left files that could not be removed.
    await disk.removeTree(directory)
    await disk.makeDirectory(directory)
    await writeMetadata(disk, directory, topicId)
    this.#isNew = true
    this.#namesDirty = true
  }

  /**
   * Brings the folder to what the checkpoint says; answers what is there, the growing segment last.
   * @throws SEGMENT_DAMAGED
   */
  async restore(safe: SafeEnd): Promise<{ segments: Segment[]; cleaned: CleanedMark }> {
    const { disk, directory, isCompacted, indexesTrusted } = this.#options
    const names = await finishExchanges(disk, directory)
    const cleaned = await readCleanedMark(disk, directory)
    const bases = names.filter((name) => /^\d{20}\.log$/.test(name)).map((name) => Number(name.slice(0, 20)))
    const segments: Segment[] = []
    for (const baseOffset of bases.sort((a, b) => a - b)) {
      const segment = this.segment(baseOffset, isCompacted || baseOffset < cleaned.gapsTo)
      if (baseOffset > safe.baseOffset) {
        await segment.remove()
        continue
      }
      const before = segments.at(-1)
      if (before !== undefined) before.endOffset = baseOffset
      segment.size = (await disk.size(segment.path)) ?? 0
      segments.push(segment)
    }
    const growing = segments.at(-1)
    if (growing?.baseOffset !== safe.baseOffset) throw damaged(this.segment(safe.baseOffset).path, 'it is missing')
    if (growing.size < safe.size) {
      throw damaged(growing.path, `it has ${growing.size} bytes, ${safe.size} were made durable`)
    }
    growing.size = safe.size
    growing.endOffset = safe.endOffset
    await growing.restore(safe.lastBytes)
    await growing.ready(indexesTrusted)
    return { segments, cleaned }
  }

  /** A segment that is there. */
  segment(baseOffset: number, mayHaveGaps = false): Segment {
    const { disk, files, pool, directory } = this.#options
    return new Segment({ disk, files, pool, directory, baseOffset, mayHaveGaps }, 0)
  }

  /** A new segment, to be written to. */
  begin(baseOffset: number): Segment {
    const segment = this.segment(baseOffset)
    segment.begin()
    this.#namesDirty = true
    return segment
  }

  /** A new segment beside the others, that may take the place of a stretch of them which begins at `baseOffset`. */
  async beginCleaned(baseOffset: number): Promise<Segment> {
    const segment = this.segment(baseOffset, true)
    segment.begin('.log.cleaned')
    await this.#options.disk.remove(segment.path)
    return segment
  }

  async commitExchange(cleaned: Segment): Promise<void> {
    await commitExchange(this.#options.disk, this.#options.directory, cleaned)
  }

  async completeExchange(stretch: readonly Segment[], cleaned: Segment): Promise<void> {
    await completeExchange(this.#options.disk, this.#options.directory, stretch, cleaned)
  }

  async markCleaned(mark: CleanedMark): Promise<void> {
    await writeCleanedMark(this.#options.disk, this.#options.directory, mark)
  }

  /** Syncs with `syncSegments` what was changed before this call, and the names that came. */
  async sync(syncSegments: () => Promise<void>): Promise<void> {
    const { disk, directory } = this.#options
    const namesDirty = this.#namesDirty
    this.#namesDirty = false
    await syncSegments()
    if (this.#isNew) await syncMetadata(disk, directory)
    this.#isNew = false
    if (namesDirty) await disk.syncDirectory(directory)
  }

  /** Removes it with all that is in it. */
  async remove(): Promise<void> {
    await this.#options.disk.removeTree(this.#options.directory)
  }
}

function damaged(path: string, why: string): DwellError {
  return new DwellError('SEGMENT_DAMAGED', `${path} is damaged: ${why}.`, { path })
}
