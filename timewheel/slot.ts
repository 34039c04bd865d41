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
import type { ChunkPool } from './chunk-pool.ts'

export const SLOT_MAGIC = 'DWSL'
export const SLOT_VERSION = 1
export const SLOT_HEADER_SIZE = 6
export const SLOT_SUFFIX = '.slot'
export const ENTRY_HEADER_SIZE = 24

const HEADER = Buffer.concat([Buffer.from(SLOT_MAGIC, 'latin1'), Buffer.from([0, SLOT_VERSION])])
const SLOT_HEADER: Chunk = { bytes: HEADER, used: HEADER.length }

/** Memory with whole entries in it, in the bytes of the file. */
export interface Chunk {
  bytes: Buffer
  used: number
}

export class Slot {
  readonly second: number
  /** Messages in this slot that are neither cancelled nor taken by the hand. */
  count = 0
  /** The size of what is in the file, header included, once all sealed bytes are written. */
  fileSize = 0
  readonly #pool: ChunkPool
  #chunks: Chunk[] = []
  #chunkBytes = 0
  #sealed: Chunk[] = []
  #sealedSize = 0
  #writing: Promise<unknown> = Promise.resolve()
  #writesUnderWay = 0

  constructor(second: number, pool: ChunkPool) {
    this.second = second
    this.#pool = pool
  }

  /** Adds an entry; answers by how many bytes the memory held has grown. */
  add(dueAtMs: number, offset: number, envelope: Buffer): number {
    const size = ENTRY_HEADER_SIZE + envelope.length
    let chunk = this.#chunks.at(-1)
    let grownBytes = 0
    if (chunk === undefined || chunk.used + size > chunk.bytes.length) {
      chunk = { bytes: this.#pool.take(size), used: 0 }
      grownBytes = chunk.bytes.length
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

  /** True while what counts of the file is not all written. */
  get writing(): boolean {
    return this.#writesUnderWay > 0 || this.#sealed.length > 0
  }

  get name(): string {
    return `${this.second}${SLOT_SUFFIX}`
  }

  /** Settles which bytes the next write() will write, and with them `fileSize`. */
  seal(): void {
    if (this.#chunks.length === 0) return
    const chunks = this.inFile ? this.#chunks : [SLOT_HEADER, ...this.#chunks]
    for (const chunk of chunks) {
      this.#sealed.push(chunk)
      this.#sealedSize += chunk.used
      this.fileSize += chunk.used
    }
    this.#chunks = []
    this.#chunkBytes = 0
  }

  /**
   * Writes what is sealed, joined in `stage` to as few writes as that holds; answers how many bytes of memory that set free.
   * Not synced: slots are derived.
   */
  write(disk: Disk, directory: string, stage: Buffer): Promise<number> {
    this.#writesUnderWay++
    const writing = this.#writing
      .then(() => this.#writeSealed(disk, directory, stage))
      .finally(() => {
        this.#writesUnderWay--
      })
    this.#writing = writing
    return writing
  }

  async #writeSealed(disk: Disk, directory: string, stage: Buffer): Promise<number> {
    const chunks = this.#sealed
    if (chunks.length === 0) return 0
    let position = this.fileSize - this.#sealedSize
    this.#sealed = []
    this.#sealedSize = 0
    const file = await disk.open(join(directory, this.name), 'write')
    try {
      for (let at = 0; at < chunks.length; ) {
        let staged = 0
        while (at < chunks.length && staged + chunks[at].used <= stage.length) {
          const { bytes, used } = chunks[at++]
          stage.set(bytes.subarray(0, used), staged)
          staged += used
        }
        const bytes = staged > 0 ? stage.subarray(0, staged) : chunks[at++].bytes
        await file.write(bytes, position)
        position += bytes.length
      }
    } finally {
      await file.close()
    }
    return this.release(chunks)
  }

  /** Resolves when no write of this slot is under way. */
  async written(): Promise<void> {
    await this.#writing
  }

  /** Hands over the entries that are not sealed; they are in this slot no longer. release() them when they are read. */
  takeUnsealed(): Chunk[] {
    const chunks = this.#chunks
    this.#chunks = []
    this.#chunkBytes = 0
    return chunks
  }

  /** Gives the memory of chunks back; answers how much it was. */
  release(chunks: readonly Chunk[]): number {
    let freedBytes = 0
    for (const chunk of chunks) {
      if (chunk === SLOT_HEADER) continue
      freedBytes += chunk.bytes.length
      this.#pool.give(chunk.bytes)
    }
    return freedBytes
  }
}
