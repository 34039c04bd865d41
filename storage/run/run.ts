// A run: the small tails of many partitions in one file, sorted by partition, so that one write, and one sync at the next
// checkpoint, make all of them durable outside of the journal. Thousands of partitions that each grow by a few kilobytes
// would otherwise cost a file opened, written, synced and closed for each (0.3 ms and more) at every checkpoint.
//
//   runs/<20-digit number>.run        run-format.ts draws the bytes
//
// Always true:
//   1. It is written once and never changed. A partition has at most one piece in it.
//   2. Its index stays in memory (36 bytes a piece), its contents do not.
//   3. It is synced before a checkpoint names it, not when it is written: syncs of files that grow hold up the journal.
//
// After a crash: a run counts if the checkpoint names it.

import { join } from 'node:path'
import type { Disk } from '../base/disk.ts'
import { DwellError } from '../base/errors.ts'
import { baseOffsetAt, damageOfBatchAt, lastOffsetAt, sizeOfBatchAt } from '../batch/record-batch.ts'
import type { FileOwner } from '../segment/open-files.ts'
import {
  comparePiece,
  damageOfRunIndex,
  encodeRunIndex,
  PIECE_SIZE,
  type Piece,
  pieceAt,
  RUN_HEADER_SIZE,
  runIndexSize,
} from './run-format.ts'

const MIB = 1024 * 1024
/** Written in steps of this size. */
const STEP_BYTES = MIB

/** What a run takes over from one partition. */
export interface Tail {
  topicId: number
  partition: number
  batches: readonly Buffer[]
}

/** A piece and where its contents lie in the file. */
export interface PlacedPiece extends Piece {
  position: number
}

export class Run implements FileOwner {
  readonly path: string
  readonly number: number
  readonly mode = 'read'
  readonly #index: Buffer
  readonly #positions: Float64Array

  constructor(path: string, number: number, index: Buffer) {
    this.path = path
    this.number = number
    this.#index = index
    this.#positions = new Float64Array((index.length - RUN_HEADER_SIZE) / PIECE_SIZE)
    let position = index.length
    for (let i = 0; i < this.count; i++) {
      this.#positions[i] = position
      position += pieceAt(index, i).size
    }
    this.size = position
  }

  /** Bytes of the file. */
  readonly size: number

  /** How many pieces it has. */
  get count(): number {
    return this.#positions.length
  }

  piece(i: number): PlacedPiece {
    return { ...pieceAt(this.#index, i), position: this.#positions[i] }
  }

  *pieces(): Generator<PlacedPiece> {
    for (let i = 0; i < this.count; i++) yield this.piece(i)
  }

  /** The piece of a partition, if it has one. */
  find(topicId: number, partition: number): PlacedPiece | undefined {
    let low = 0
    let high = this.count - 1
    while (low <= high) {
      const middle = (low + high) >>> 1
      const order = comparePiece(this.#index, middle, topicId, partition)
      if (order === 0) return this.piece(middle)
      if (order < 0) low = middle + 1
      else high = middle - 1
    }
    return undefined
  }

  forget(): void {}
}

export function runPath(directory: string, number: number): string {
  return join(directory, `${String(number).padStart(20, '0')}.run`)
}

/** The number in the name of a run; undefined when it is no run's name. */
export function runNumber(name: string): number | undefined {
  return /^\d{20}\.run$/.test(name) ? Number(name.slice(0, 20)) : undefined
}

/** Writes the run with this number, not yet durable. `tails` are in order. */
export async function writeRun(disk: Disk, directory: string, number: number, tails: readonly Tail[]): Promise<Run> {
  const index = encodeRunIndex(number, tails.map(pieceOf))
  const path = runPath(directory, number)
  const file = await disk.open(path, 'write')
  try {
    let position = 0
    let step = Buffer.allocUnsafeSlow(Math.max(STEP_BYTES, index.length))
    let filled = index.copy(step)
    const write = async () => {
      await file.write(step.subarray(0, filled), position)
      position += filled
      filled = 0
    }
    for (const { batches } of tails) {
      for (const batch of batches) {
        if (filled + batch.length > step.length) await write()
        if (batch.length > step.length) step = Buffer.allocUnsafeSlow(batch.length)
        filled += batch.copy(step, filled)
      }
    }
    await write()
  } finally {
    await file.close()
  }
  return new Run(path, number, index)
}

/** Makes the bytes of a run durable, not its name. */
export async function syncRun(disk: Disk, { path }: Run): Promise<void> {
  const file = await disk.open(path, 'write')
  try {
    await file.sync()
  } finally {
    await file.close()
  }
}

/**
 * The run with this number, as it lies in its file.
 * @throws RUN_DAMAGED
 */
export async function readRun(disk: Disk, directory: string, number: number): Promise<Run> {
  const path = runPath(directory, number)
  const fileSize = await disk.size(path)
  if (fileSize === undefined) throw damaged(path, 'it is missing')
  const file = await disk.open(path, 'read')
  try {
    const header = Buffer.alloc(RUN_HEADER_SIZE)
    const size = runIndexSize(header.subarray(0, await file.read(header, 0)))
    if (typeof size === 'string') throw damaged(path, size)
    if (size > fileSize) throw damaged(path, 'it ends within its index')
    const index = Buffer.alloc(size)
    await file.read(index, 0)
    const why = damageOfRunIndex(index, number)
    if (why !== undefined) throw damaged(path, why)
    const run = new Run(path, number, index)
    if (run.size > fileSize) throw damaged(path, `it has ${fileSize} bytes, its index speaks of ${run.size}`)
    return run
  } finally {
    await file.close()
  }
}

/**
 * Reads the whole run.
 * @throws RUN_DAMAGED when a batch in it is damaged
 */
export async function checkRun(disk: Disk, run: Run): Promise<void> {
  const file = await disk.open(run.path, 'read')
  try {
    for (const { position, size } of run.pieces()) {
      const bytes = Buffer.alloc(size)
      await file.read(bytes, position)
      for (let at = 0; at < size; ) {
        const why = damageOfBatchAt(bytes, at)
        if (why !== undefined) throw damaged(run.path, why)
        at += sizeOfBatchAt(bytes, at)
      }
    }
  } finally {
    await file.close()
  }
}

function pieceOf({ topicId, partition, batches }: Tail): Piece {
  const size = batches.reduce((sum, batch) => sum + batch.length, 0)
  const endOffset = lastOffsetAt(batches[batches.length - 1], 0) + 1
  return { topicId, partition, baseOffset: baseOffsetAt(batches[0], 0), endOffset, size }
}

function damaged(path: string, why: string): DwellError {
  return new DwellError('RUN_DAMAGED', `${path} is damaged: ${why}.`, { path })
}
