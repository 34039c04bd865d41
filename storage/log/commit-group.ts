// A commit group: the appends that become durable together, with one frame, one write and one sync. Per partition their
// records are joined into batches, encoded once, straight into the frame's buffer; segments and readers get views of it.
//
// Hot path: an append costs its promise and three array slots, a record one array slot. Nothing is made per record, and
// the records' bodies are copied once.

import { assert } from '../base/assert.ts'
import type { BufferPool, PooledBuffer } from '../base/buffer-pool.ts'
import { batchSize, writeBatch, writeUInt64 } from '../batch/record-batch.ts'
import type { LogRecord } from '../engine.ts'
import { blocks, FRAME_HEADER_SIZE, PART_HEADER_SIZE, PartKind, writePartHeader } from '../journal/journal-format.ts'
import type { Partition } from './partition.ts'

const KIB = 1024
/** A batch takes no more appends in once it is this large: who reads a few records should not have to read megabytes. */
const BATCH_BYTES_SOFT = 256 * KIB
/** More than what a record takes in a batch beside its body. */
const RECORD_OVERHEAD_MAX = 24

/** What a log start takes in a frame. */
export const LOG_START_BYTES = 8

/** The records of one batch-to-be, or a log start. */
export interface GroupPart {
  readonly group: CommitGroup
  readonly partition: Partition
  readonly baseOffset: number
  /** The caller's array until a second append joins. */
  records: readonly LogRecord[]
  owned: boolean
  bytes: number
  readonly kind: number
}

/** An encoded group. */
export interface EncodedGroup {
  frame: PooledBuffer
  /** The frame's bytes, a whole number of blocks; they still lack their header. */
  bytes: Buffer
  size: number
  /** Contents of each part, in order of `parts`. */
  contents: Buffer[]
}

/** More than what these records will take in a batch. */
export function recordsBytesMax(records: readonly LogRecord[]): number {
  let bytes = 0
  for (let i = 0; i < records.length; i++) bytes += records[i].body.length + RECORD_OVERHEAD_MAX
  return bytes
}

export class CommitGroup {
  readonly parts: GroupPart[] = []
  /** About as large as the frame will be. */
  bytes = 0
  readonly #resolves: ((baseOffsets: number[]) => void)[] = []
  readonly #rejects: ((error: unknown) => void)[] = []
  readonly #answers: number[][] = []

  /** Takes in records that got their offsets from `baseOffset` on; `bytes` is from recordsBytesMax(). */
  add(partition: Partition, baseOffset: number, records: readonly LogRecord[], bytes: number): void {
    this.bytes += bytes
    const open = partition.openPart
    // The open part of a partition may still be that of a group before this one: what joins it would be torn from the rest.
    if (open === undefined || open.group !== this || open.bytes >= BATCH_BYTES_SOFT) {
      const part = { group: this, partition, baseOffset, records, owned: false, bytes, kind: PartKind.batch }
      partition.openPart = part
      this.parts.push(part)
      return
    }
    open.bytes += bytes
    if (!open.owned) {
      open.records = open.records.slice()
      open.owned = true
    }
    const joined = open.records as LogRecord[]
    for (let i = 0; i < records.length; i++) joined.push(records[i])
  }

  /** Takes in that the log of `partition` starts at `offset` from now on. */
  addLogStart(partition: Partition, offset: number): void {
    this.bytes += LOG_START_BYTES
    const part = {
      group: this,
      partition,
      baseOffset: offset,
      records: [],
      owned: true,
      bytes: LOG_START_BYTES,
      kind: PartKind.logStart,
    }
    this.parts.push(part)
  }

  /** How many calls wait for it. */
  get appends(): number {
    return this.#resolves.length
  }

  /** Resolves with `baseOffsets` when the group is durable. */
  promise(baseOffsets: number[]): Promise<number[]> {
    return new Promise((resolve, reject) => {
      this.#answers.push(baseOffsets)
      this.#resolves.push(resolve)
      this.#rejects.push(reject)
    })
  }

  /** Encodes all parts into one frame out of the pool. Nothing can be added any more. */
  encode(pool: BufferPool): EncodedGroup {
    const sizes = this.parts.map((part) => (part.kind === PartKind.batch ? batchSize(part.records) : LOG_START_BYTES))
    const size = sizes.reduce((sum, partSize) => sum + PART_HEADER_SIZE + partSize, FRAME_HEADER_SIZE)
    const frame = pool.take(blocks(size))
    const bytes = frame.bytes.subarray(0, blocks(size))
    const contents: Buffer[] = []
    let at = FRAME_HEADER_SIZE
    for (const [i, { partition, kind, baseOffset, records }] of this.parts.entries()) {
      const header = { topicId: partition.topicId, partition: partition.index, kind, size: sizes[i] }
      const contentsAt = writePartHeader(bytes, at, header)
      at = contentsAt + sizes[i]
      if (kind === PartKind.batch) assert(writeBatch(bytes, contentsAt, baseOffset, records) === at, 'a batch fits')
      else writeUInt64(bytes, contentsAt, baseOffset)
      contents.push(bytes.subarray(contentsAt, at))
      if (partition.openPart?.group === this) partition.openPart = undefined
    }
    return { frame, bytes, size: at, contents }
  }

  resolve(): void {
    for (let i = 0; i < this.#resolves.length; i++) this.#resolves[i](this.#answers[i])
  }

  reject(error: unknown): void {
    for (const { partition } of this.parts) if (partition.openPart?.group === this) partition.openPart = undefined
    for (const reject of this.#rejects) reject(error)
  }
}
