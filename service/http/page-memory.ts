// The memory of pages of the log on their way out: how much of it there may be, and that it is used again. Without the
// latter every page is a fresh piece outside the heap, and what V8 then does to find the old ones took 40 % of the time of
// a reader at full speed.
//
// Always true:
//   1. Pages that are being read or sent take at most `lentMax` bytes: readers who take theirs slowly fill no memory.
//   2. At most `keptMax` bytes wait here to be used again.
//   3. What was lent comes back once, when nothing reads or writes it any more.

import type { ServerResponse } from 'node:http'
import { DwellError } from '../../storage/index.ts'

const MIB = 1024 * 1024

export class PageMemory {
  readonly #lentMax: number
  readonly #keptMax: number
  readonly #kept: Buffer[] = []
  #keptBytes = 0
  #lentBytes = 0

  constructor({ lentMax = 128 * MIB, keptMax = 32 * MIB } = {}) {
    this.#lentMax = lentMax
    this.#keptMax = keptMax
  }

  /** Bytes of pages that are being read or sent. */
  get lentBytes(): number {
    return this.#lentBytes
  }

  /** Bytes that wait to be used again. */
  get keptBytes(): number {
    return this.#keptBytes
  }

  /**
   * Room for a page of about `size` bytes.
   * @throws OVERLOADED
   */
  lend(size: number): Loan {
    if (this.#lentBytes > 0 && this.#lentBytes + size > this.#lentMax) {
      throw new DwellError('OVERLOADED', `Pages of ${this.#lentBytes} bytes are on their way to readers; try again.`)
    }
    this.#lentBytes += size
    return new Loan(this, size)
  }

  /** A piece of `size` bytes: the first one that waits and is large enough, else a new one. */
  take(size: number): Buffer {
    const i = this.#kept.findIndex(({ length }) => length >= size)
    if (i < 0) return Buffer.allocUnsafeSlow(size)
    const [found] = this.#kept.splice(i, 1)
    this.#keptBytes -= found.length
    return found
  }

  /** A loan of `size` is over; `pieces` can be used again. */
  comeBack(size: number, pieces: readonly Buffer[]): void {
    this.#lentBytes -= size
    for (const piece of pieces) {
      if (this.#keptBytes + piece.length > this.#keptMax) continue
      this.#kept.push(piece)
      this.#keptBytes += piece.length
    }
  }
}

/** What one page may take, and was read into. */
export class Loan {
  readonly #memory: PageMemory
  #size: number
  #taken: Buffer[] = []

  constructor(memory: PageMemory, size: number) {
    this.#memory = memory
    this.#size = size
  }

  readonly allocate = (size: number): Buffer => {
    const piece = this.#memory.take(size)
    this.#taken.push(piece)
    return piece.length === size ? piece : piece.subarray(0, size)
  }

  /** Nothing reads into what was taken, or sends it. */
  end(): void {
    this.#memory.comeBack(this.#size, this.#taken)
    this.#size = 0
    this.#taken = []
  }

  /** Ends when the answer is out or its connection gone; all reading into what was taken must be done. */
  endWith(answer: ServerResponse): void {
    if (answer.closed) this.end()
    else answer.once('close', () => this.end())
  }
}
