// Reads a file in pieces, ahead of who walks through it. What was answered stays as it is: each piece has its own memory.

import type { DiskFile } from '../base/disk.ts'
import type { Allocate } from '../engine.ts'

export class FileWindow {
  readonly #file: DiskFile
  readonly #end: number
  readonly #pieceBytes: number
  #piece: Buffer = Buffer.alloc(0)
  #pieceAt = 0

  /** Of `file` up to `end`, in pieces of about `pieceBytes`. */
  constructor(file: DiskFile, end: number, pieceBytes: number) {
    this.#file = file
    this.#end = end
    this.#pieceBytes = pieceBytes
  }

  /** The bytes from `position` on, at least `size` of them unless the file ends before. */
  async at(position: number, size: number, allocate: Allocate = Buffer.allocUnsafeSlow): Promise<Buffer> {
    const left = Math.max(0, this.#end - position)
    const at = position - this.#pieceAt
    if (at < 0 || at + Math.min(size, left) > this.#piece.length) {
      const piece = allocate(Math.min(Math.max(size, this.#pieceBytes), left))
      const filled = await this.#file.read(piece, position)
      this.#piece = piece.subarray(0, filled)
      this.#pieceAt = position
    }
    return this.#piece.subarray(position - this.#pieceAt)
  }
}
