// A slot holds every entry due within one second of wall time: what has been written to its file, and what is still in
// memory behind that, already in the bytes of the file.
//
// Always true:
//   1. A slot is a set keyed by the entry's offset in `__delay`; adding one twice changes nothing (readers drop doubles).
//   2. Its file only grows until its second has passed. What counts of it is `fileSize`, never what the disk says: behind
//      it may lie the remains of an earlier run.
//   3. A cancel lies in the slot of its target, behind it or not; it takes its target away whenever the slot is read.
//
// File <epoch second>.slot, big-endian:
//
//   ┌────────────┬──────────────┐
//   │ magic <4b> │ version <2b> │                                            once
//   ├────────────┼──────────────┼──────────────┬─────────────┬──────────┐
//   │ size <4b>  │ crc32c <4b>  │ dueAtMs <8b> │ offset <8b> │ envelope │    per entry; size counts what follows crc32c,
//   └────────────┴──────────────┴──────────────┴─────────────┴──────────┘    which covers just that
//
// After a crash: derived. The checkpoint says how much of the file counts, the rest comes again from `__delay`.

import { join } from 'node:path'
import { crc32c, type Disk, writeUInt64 } from '../storage/index.ts'

export const SLOT_MAGIC = 'DWSL'
export const SLOT_VERSION = 1
export const SLOT_HEADER_SIZE = 6
export const SLOT_SUFFIX = '.slot'
export const ENTRY_HEADER_SIZE = 24
const CHUNK_SIZE_MIN = 1024
const CHUNK_SIZE_MAX = 64 * 1024

const SLOT_HEADER = Buffer.concat([Buffer.from(SLOT_MAGIC, 'latin1'), Buffer.from([0, SLOT_VERSION])])

export class Slot {
  readonly second: number
  /** Messages in this slot that are neither cancelled nor taken by the hand. */
  count = 0
  /** The size of what is in the file, header included, once all sealed bytes are written. */
  fileSize = 0
  #chunks: { bytes: Buffer; used: number }[] = []
  #chunkBytes = 0
  #sealed: Buffer[] = []
  #sealedBytes = 0
  #writing: Promise<unknown> = Promise.resolve()
  #writesUnderWay = 0

  constructor(second: number) {
    this.second = second
  }

  /** Adds an entry; answers by how many bytes the memory held has grown. */
  add(dueAtMs: number, offset: number, envelope: Buffer): number {
    const size = ENTRY_HEADER_SIZE + envelope.length
    let chunk = this.#chunks.at(-1)
    let grownBytes = 0
    if (chunk === undefined || chunk.used + size > chunk.bytes.length) {
      grownBytes = Math.max(size, Math.min(CHUNK_SIZE_MAX, Math.max(CHUNK_SIZE_MIN, this.#chunkBytes)))
      chunk = { bytes: Buffer.allocUnsafeSlow(grownBytes), used: 0 }
      this.#chunks.push(chunk)
      this.#chunkBytes += grownBytes
    }
    const { bytes, used } = chunk
    bytes.writeUInt32BE(size - 8, used)
    writeUInt64(bytes, used + 8, dueAtMs)
    writeUInt64(bytes, used + 16, offset)
    bytes.set(envelope, used + ENTRY_HEADER_SIZE)
    bytes.writeUInt32BE(crc32c(bytes.subarray(used + 8, used + size)), used + 4)
    chunk.used += size
    return grownBytes
  }

  /** True once anything of it is, or is about to be, in its file. */
  get inFile(): boolean {
    return this.fileSize > 0
  }

  /** Bytes of memory that the next seal() and write() would set free. */
  get unsealedBytes(): number {
    return this.#chunkBytes
  }

  /** Settles which bytes the next write() will write, and with them `fileSize`. */
  seal(): void {
    if (this.#chunks.length === 0) return
    if (this.fileSize === 0) {
      this.#sealed.push(SLOT_HEADER)
      this.fileSize = SLOT_HEADER.length
    }
    for (const { bytes, used } of this.#chunks) {
      this.#sealed.push(bytes.subarray(0, used))
      this.fileSize += used
    }
    this.#sealedBytes += this.#chunkBytes
    this.#chunks = []
    this.#chunkBytes = 0
  }

  /** Writes what is sealed; answers how many bytes of memory that set free. Not synced: slots are derived. */
  write(disk: Disk, directory: string): Promise<number> {
    this.#writesUnderWay++
    const writing = this.#writing
      .then(() => this.#writeSealed(disk, directory))
      .finally(() => {
        this.#writesUnderWay--
      })
    this.#writing = writing
    return writing
  }

  async #writeSealed(disk: Disk, directory: string): Promise<number> {
    if (this.#sealed.length === 0) return 0
    const bytes = this.#sealed.length === 1 ? this.#sealed[0] : Buffer.concat(this.#sealed)
    const freedBytes = this.#sealedBytes
    const position = this.fileSize - bytes.length
    this.#sealed = []
    this.#sealedBytes = 0
    const file = await disk.open(join(directory, this.name), 'write')
    try {
      await file.write(bytes, position)
    } finally {
      await file.close()
    }
    return freedBytes
  }

  /** Resolves when no write of this slot is under way. */
  async written(): Promise<void> {
    await this.#writing
  }

  /** Hands over the entries that are not sealed, as bytes of the file; they are in this slot no longer. */
  takeUnsealed(): Buffer[] {
    const chunks = this.#chunks.map(({ bytes, used }) => bytes.subarray(0, used))
    this.#chunks = []
    this.#chunkBytes = 0
    return chunks
  }

  /** True while what counts of the file is not all written. */
  get writing(): boolean {
    return this.#writesUnderWay > 0 || this.#sealed.length > 0
  }

  get name(): string {
    return `${this.second}${SLOT_SUFFIX}`
  }
}
