// Where a merge stands in one sorted run: the entry that comes next, and how much behind it is in memory already.

import type { DiskFile } from '../../storage/index.ts'
import { checkSum, damaged, dueAtMsAt, ENTRY_HEADER_SIZE, endAt, RANKED_SIZE, rankAt, readWhole } from './slot-entry.ts'

/** Entries in the order of firing, in a stretch of a file. */
export interface FileRun {
  file: DiskFile
  position: number
  end: number
}

/** Entries that were checked, in memory, in the order of firing from the `next` one of `order` on. */
export interface MemoryRun {
  bytes: Buffer
  order: Float64Array
  next: number
}

export type Run = FileRun | MemoryRun

/** Whole entries of a file, from `at` to `end`; or, when `largeSize` is set, the beginning of one that is larger. */
interface Block {
  bytes: Buffer
  /** Where in the file `bytes` begins. */
  position: number
  at: number
  end: number
  largeSize: number
}

export class RunCursor {
  readonly #second: number
  readonly #memory: MemoryRun | undefined
  readonly #file: FileRun | undefined
  #next = 0
  readonly #blocks: Block[] = []
  /** Where the file is read on. */
  #readPosition = 0
  /** Whether there is an entry that comes next, as far as it is known; where it stands. */
  hasHead = false
  dueAtMs = 0
  rank = -1
  #bytes: Buffer = Buffer.alloc(0)
  #at = 0
  #end = 0
  /** The last entry in memory. */
  #lastDueAtMs = 0
  #lastRank = -1

  constructor(run: Run, second: number) {
    this.#second = second
    if ('file' in run) {
      this.#file = run
      this.#readPosition = run.position
    } else {
      this.#memory = run
      this.#next = run.next
      if (run.next < run.order.length) this.#readMemory(run)
    }
  }

  /** The size of the next entry's envelope. */
  get envelopeSize(): number {
    return this.#end - this.#at - ENTRY_HEADER_SIZE
  }

  /** The next entry's envelope, which must not be large: a view, of a file's until shift(). */
  get envelope(): Buffer {
    return this.#bytes.subarray(this.#at + ENTRY_HEADER_SIZE, this.#end)
  }

  /** Copies the next entry's envelope. */
  copyEnvelope(into: Buffer, position: number): void {
    const { buffer, byteOffset } = this.#bytes
    into.set(new Uint8Array(buffer, byteOffset + this.#at + ENTRY_HEADER_SIZE, this.envelopeSize), position)
  }

  /** Bytes of a run that is in memory as a whole. */
  get memoryBytes(): number {
    return this.#memory === undefined ? 0 : this.#memory.bytes.length + this.#memory.order.byteLength
  }

  get isInMemory(): boolean {
    return this.#memory !== undefined
  }

  /** Whether the file has more than what is in memory. */
  get hasMore(): boolean {
    return this.#file !== undefined && this.#readPosition < this.#file.end
  }

  /** Whether the next entry is known, and too large to be in memory. */
  get isLarge(): boolean {
    return this.hasHead && this.#memory === undefined && this.#blocks[0].largeSize > 0
  }

  /** What is left of the run, its next entry first. */
  get rest(): Run {
    if (this.#memory !== undefined) return { ...this.#memory, next: this.#next }
    const [block] = this.#blocks
    const position = block === undefined ? this.#readPosition : block.position + block.at
    return { ...(this.#file as FileRun), position }
  }

  isBefore(other: RunCursor): boolean {
    return this.dueAtMs < other.dueAtMs || (this.dueAtMs === other.dueAtMs && this.rank < other.rank)
  }

  /** Whether what is in memory of it ends before what is of the other. */
  endsBefore(other: RunCursor): boolean {
    if (this.#lastDueAtMs !== other.#lastDueAtMs) return this.#lastDueAtMs < other.#lastDueAtMs
    return this.#lastRank < other.#lastRank
  }

  /**
   * Reads the next block of the file into `into`.
   * @throws SLOT_DAMAGED
   */
  async readBlock(into: Buffer): Promise<void> {
    const { file, end: fileEnd } = this.#file as FileRun
    const position = this.#readPosition
    const bytes = into.subarray(0, Math.min(into.length, fileEnd - position))
    if (bytes.length < RANKED_SIZE) throw damaged(this.#second, position, 'an entry is not whole')
    await readWhole(file, bytes, position, this.#second)
    let last = 0
    let end = 0
    while (end + ENTRY_HEADER_SIZE <= bytes.length) {
      const next = endAt(bytes, end, this.#second, position + end)
      if (next > bytes.length) break
      last = end
      end = next
    }
    const largeSize = end > 0 ? 0 : endAt(bytes, 0, this.#second, position)
    if (position + largeSize > fileEnd) throw damaged(this.#second, position, 'an entry is not whole')
    this.#lastDueAtMs = dueAtMsAt(bytes, last)
    this.#lastRank = rankAt(bytes, last)
    this.#readPosition += largeSize || end
    if (this.#blocks.push({ bytes: into, position, at: 0, end, largeSize }) === 1) this.#readHead()
  }

  /**
   * Reads the next entry, which is large, whole; answers the memory that it was known by.
   * @throws SLOT_DAMAGED
   */
  async readLarge(): Promise<Buffer> {
    const [{ position, largeSize, bytes: known }] = this.#blocks
    const bytes = Buffer.allocUnsafeSlow(largeSize)
    await readWhole((this.#file as FileRun).file, bytes, position, this.#second)
    this.#blocks[0] = { bytes, position, at: 0, end: largeSize, largeSize: 0 }
    this.#readHead()
    return known
  }

  /** Goes on to the next entry; answers the memory of a block that is not needed any more. */
  shift(): Buffer | undefined {
    if (this.#memory !== undefined) {
      this.hasHead = ++this.#next < this.#memory.order.length
      if (this.hasHead) this.#readMemory(this.#memory)
      return undefined
    }
    const [block] = this.#blocks
    block.at = this.#end
    let used: Buffer | undefined
    if (block.at === block.end) used = this.#blocks.shift()?.bytes
    this.hasHead = this.#blocks.length > 0
    if (this.hasHead) this.#readHead()
    return used
  }

  #readMemory({ bytes, order }: MemoryRun): void {
    const at = order[this.#next]
    this.hasHead = true
    this.#bytes = bytes
    this.#at = at
    this.#end = endAt(bytes, at, this.#second, at)
    this.dueAtMs = dueAtMsAt(bytes, at)
    this.rank = rankAt(bytes, at)
  }

  #readHead(): void {
    const { bytes, position, at, largeSize } = this.#blocks[0]
    const filePosition = position + at
    // Checked before its place is relied on; a large one was by the survey, and is again when it is read.
    if (largeSize === 0) {
      this.#end = endAt(bytes, at, this.#second, filePosition)
      checkSum(bytes, at, this.#end, this.#second, filePosition)
    }
    const dueAtMs = dueAtMsAt(bytes, at)
    const rank = rankAt(bytes, at)
    if (dueAtMs < this.dueAtMs || (dueAtMs === this.dueAtMs && rank < this.rank)) {
      throw damaged(this.#second, filePosition, 'an entry comes before the one before it')
    }
    this.hasHead = true
    this.#bytes = bytes
    this.#at = at
    this.dueAtMs = dueAtMs
    this.rank = rank
  }
}
