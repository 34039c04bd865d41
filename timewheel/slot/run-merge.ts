// Merges sorted runs: of the entries that come next in each, the first comes next of all.
//
// Always true:
//   1. Runs in a file are read block by block, and all blocks together stay inside the budget: the more runs, the smaller
//      they are. Only an entry that is larger than a block is read whole, when its turn comes, so that there is one at a time.
//   2. Which block is read ahead is foretold: that of the run of which the least is in memory, which is the first to run out
//      (Knuth, The Art of Computer Programming, volume 3, 5.4.6: forecasting).
//   3. Only fill() waits: head and shift() go on as far as what is in memory reaches.

import { Heap, type Order } from '../heap.ts'
import { type Run, RunCursor } from './run-cursor.ts'
import { RANKED_SIZE } from './slot-entry.ts'

const BLOCK_SIZE_MAX = 256 * 1024
/** One block to read ahead for so many runs. */
const SPARE_SHARE = 4

class HeadFirst implements Order<RunCursor> {
  isBefore(a: RunCursor, b: RunCursor): boolean {
    return a.isBefore(b)
  }
}

export class RunMerge {
  readonly #blockSize: number
  readonly #blocksMax: number
  readonly #free: Buffer[] = []
  #blocks = 0
  #largeBytes = 0
  /** Those runs whose next entry is known. */
  readonly #heap = new Heap<RunCursor>(new HeadFirst())
  /** Those whose next entry has to be read. */
  readonly #unread: RunCursor[] = []

  constructor(runs: readonly Run[], second: number, budgetBytes: number) {
    const cursors = runs.map((run) => new RunCursor(run, second))
    const inFiles = cursors.filter(({ isInMemory }) => !isInMemory).length
    const fairSize = Math.floor(budgetBytes / (inFiles + Math.max(2, inFiles / SPARE_SHARE)))
    this.#blockSize = Math.max(RANKED_SIZE, Math.min(BLOCK_SIZE_MAX, fairSize))
    this.#blocksMax = Math.max(inFiles, Math.floor(budgetBytes / this.#blockSize))
    for (const cursor of cursors) this.#put(cursor)
  }

  /** Memory held: blocks, the large entry, and runs that are in memory as a whole. */
  get heldBytes(): number {
    return this.#blocks * this.#blockSize + this.#largeBytes + this.memoryBytes
  }

  /** Memory held by runs that are in memory as a whole. */
  get memoryBytes(): number {
    return this.#heap.items.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0)
  }

  /** True when it can go on without a fill(), or is at its end. */
  get isFilled(): boolean {
    return this.#unread.length === 0 && !this.#heap.first?.isLarge
  }

  get isAtEnd(): boolean {
    return this.#unread.length === 0 && this.#heap.size === 0
  }

  /** The run whose next entry is the first of all; undefined at the end, and when fill() has to be called. */
  get head(): RunCursor | undefined {
    return this.isFilled ? this.#heap.first : undefined
  }

  /** What is left of all runs. */
  rest(): Run[] {
    return [...this.#heap.items, ...this.#unread].map(({ rest }) => rest)
  }

  /**
   * Reads what is needed to go on, then ahead as far as the budget reaches.
   * @throws SLOT_DAMAGED, ENTRY_DAMAGED
   */
  async fill(): Promise<void> {
    for (;;) {
      const unread = this.#unread.at(-1)
      if (unread !== undefined) {
        await unread.readBlock(this.#takeBlock())
        this.#unread.pop()
        this.#put(unread)
      } else if (!this.isFilled) {
        const large = this.#heap.first as RunCursor
        const known = await large.readLarge()
        this.#largeBytes = large.envelopeSize
        this.#give(known)
      } else {
        const first = this.#firstToRunOut()
        if (first === undefined) return
        await first.readBlock(this.#takeBlock())
      }
    }
  }

  /** The entry of the head is taken. */
  shift(): void {
    const cursor = this.#heap.first as RunCursor
    const used = cursor.shift()
    if (used !== undefined) this.#give(used)
    if (cursor.hasHead) this.#heap.firstMoved()
    else {
      this.#heap.shift()
      if (cursor.hasMore) this.#unread.push(cursor)
    }
  }

  #firstToRunOut(): RunCursor | undefined {
    if (this.#blocks >= this.#blocksMax && this.#free.length === 0) return undefined
    let first: RunCursor | undefined
    for (const cursor of this.#heap.items) {
      if (cursor.hasMore && (first === undefined || cursor.endsBefore(first))) first = cursor
    }
    return first
  }

  #takeBlock(): Buffer {
    const free = this.#free.pop()
    if (free !== undefined) return free
    this.#blocks++
    return Buffer.allocUnsafeSlow(this.#blockSize)
  }

  #give(bytes: Buffer): void {
    if (bytes.length === this.#blockSize) this.#free.push(bytes)
    else this.#largeBytes = 0
  }

  #put(cursor: RunCursor): void {
    if (cursor.hasHead) this.#heap.push(cursor)
    else if (cursor.hasMore) this.#unread.push(cursor)
  }
}
