// The entries of a sparse index: of fixed width, in order, in a file beside their segment. What a segment's offset
// index and its time index have in common.
//
// Always true:
//   1. The file holds the first `#storedSize` bytes of the entries; flush() writes the rest. Memory holds all of them
//      from `#memoryAt` on, at least those that the file lacks.
//   2. Derived from the segment: a file that is missing or wrong is written anew from it.

import type { Disk, DiskFile } from '../base/disk.ts'

const CAPACITY_MIN = 256

export class IndexFile {
  readonly path: string
  readonly #disk: Disk
  readonly #entrySize: number
  #memory = Buffer.alloc(0)
  #memoryAt = 0
  /** Bytes of all entries; undefined until the file was looked at. */
  #size: number | undefined
  #storedSize = 0

  constructor(disk: Disk, path: string, entrySize: number) {
    this.#disk = disk
    this.path = path
    this.#entrySize = entrySize
  }

  /** The file is not there yet: there are no entries. */
  begin(): void {
    this.#size = this.#storedSize = this.#memoryAt = 0
  }

  /** Room for one more entry, to be filled by the caller at once. The entries must have been looked at before. */
  append(): Buffer {
    const at = this.#wholeSize() - this.#memoryAt
    if (at + this.#entrySize > this.#memory.length) {
      const larger = Buffer.alloc(Math.max(CAPACITY_MIN, this.#memory.length * 2))
      this.#memory.copy(larger, 0, 0, at)
      this.#memory = larger
    }
    this.#size = this.#wholeSize() + this.#entrySize
    return this.#memory.subarray(at, at + this.#entrySize)
  }

  /** All whole entries; in memory from then on until forget(). */
  async entries(): Promise<Buffer> {
    if (this.#size === undefined) {
      const size = (await this.#disk.size(this.path)) ?? 0
      this.#size ??= this.#storedSize = this.#memoryAt = size - (size % this.#entrySize)
    }
    while (this.#memoryAt > 0) {
      const memoryAt = this.#memoryAt
      const stored = await this.#read(memoryAt)
      if (this.#memoryAt !== memoryAt) continue
      this.#memory = Buffer.concat([stored, this.#memory.subarray(0, this.#wholeSize() - memoryAt)])
      this.#memoryAt = 0
    }
    return this.#memory.subarray(0, this.#wholeSize())
  }

  /** Lets go of what the file holds as well. */
  forget(): void {
    if (this.#size === undefined || this.#storedSize < this.#size) return
    this.#memory = Buffer.alloc(0)
    this.#memoryAt = this.#size
  }

  /** Removes all entries, also from the file, which is made when missing. */
  async clear(): Promise<void> {
    await this.#withFile((file) => file.truncate(0))
    this.#memory = Buffer.alloc(0)
    this.#memoryAt = this.#size = this.#storedSize = 0
  }

  /** Writes what is only in memory; durable when `sync` is set. */
  async flush(sync: boolean): Promise<void> {
    const size = this.#size ?? 0
    if (size === this.#storedSize && !sync) return
    const missing = this.#memory.subarray(this.#storedSize - this.#memoryAt, size - this.#memoryAt)
    await this.#withFile(async (file) => {
      if (missing.length > 0) await file.write(missing, this.#storedSize)
      if (sync) await file.sync()
    })
    this.#storedSize = size
  }

  #wholeSize(): number {
    return this.#size ?? 0
  }

  async #read(size: number): Promise<Buffer> {
    const bytes = Buffer.alloc(size)
    const file = await this.#disk.open(this.path, 'read')
    try {
      await file.read(bytes, 0)
    } finally {
      await file.close()
    }
    return bytes
  }

  async #withFile(task: (file: DiskFile) => Promise<void>): Promise<void> {
    const file = await this.#disk.open(this.path, 'write')
    try {
      await task(file)
    } finally {
      await file.close()
    }
  }
}
