// Reads several runs at once, partition by partition: all are sorted alike, so each is read once from front to back.

import type { Log } from '../base/log.ts'
import type { OpenFiles } from '../segment/open-files.ts'
import type { Run } from './run.ts'
import type { Piece } from './run-format.ts'
import { splitPiece } from './run-piece.ts'

/** So much of each run is in memory. */
const WINDOW_BYTES = 256 * 1024

/** What a partition has in all of the runs. */
export interface Gathered {
  topicId: number
  partition: number
  batches: Buffer[]
}

export class RunsReader {
  readonly #log: Log
  readonly #cursors: RunCursor[]

  /** `runs` are in order of their numbers. */
  constructor(files: OpenFiles, runs: readonly Run[], log: Log) {
    this.#log = log
    this.#cursors = runs.map((run) => new RunCursor(files, run))
  }

  /** The next partition in order; undefined after the last. */
  async next(): Promise<Gathered | undefined> {
    let first: Piece | undefined
    for (const { piece } of this.#cursors) {
      if (piece !== undefined && (first === undefined || order(piece, first) < 0)) first = piece
    }
    if (first === undefined) return undefined
    const { topicId, partition } = first
    const batches: Buffer[] = []
    let offset = first.baseOffset
    for (const cursor of this.#cursors) {
      const { piece, run } = cursor
      if (piece === undefined || order(piece, first) !== 0) continue
      const bytes = await cursor.take()
      if (piece.endOffset <= offset) continue
      batches.push(...splitPiece(run.path, piece, bytes, offset, this.#log))
      offset = piece.endOffset
    }
    return { topicId, partition, batches }
  }
}

function order(a: Piece, b: Piece): number {
  return a.topicId - b.topicId || a.partition - b.partition
}

class RunCursor {
  readonly run: Run
  /** The piece at which it stands; undefined at the end. */
  piece: Piece | undefined
  readonly #files: OpenFiles
  #next = 0
  #position = 0
  #window: Buffer = Buffer.alloc(0)
  #windowAt = 0

  constructor(files: OpenFiles, run: Run) {
    this.#files = files
    this.run = run
    this.#step()
  }

  /** The contents of its piece; goes on to the next. */
  async take(): Promise<Buffer> {
    const size = this.piece?.size ?? 0
    const position = this.#position
    this.#step()
    let at = position - this.#windowAt
    if (at + size > this.#window.length || at < 0) {
      // Views into the window before may be kept, so it is not written again.
      const window = Buffer.allocUnsafeSlow(Math.min(Math.max(size, WINDOW_BYTES), this.run.size - position))
      const filled = await this.#files.use(this.run, (file) => file.read(window, position))
      this.#window = window.subarray(0, filled)
      this.#windowAt = position
      at = 0
    }
    return this.#window.subarray(at, at + size)
  }

  #step(): void {
    const placed = this.#next < this.run.count ? this.run.piece(this.#next++) : undefined
    this.piece = placed
    this.#position = placed?.position ?? 0
  }
}
