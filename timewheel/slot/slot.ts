// A slot holds every entry due within one second of wall time: what has been written to its file, and what is still in
// memory behind that, already in the bytes of the file.
//
// Always true:
//   1. A slot is a set keyed by the entry's offset in `__delay`; adding one twice changes nothing (readers drop doubles).
//   2. Its file only grows until its second has passed. What counts of it is `fileSize`, never what the disk says: behind
//      it may lie the remains of an earlier run. Bytes below any `fileSize` that was ever named never change while the file
//      is there; a slot that is derived anew goes on behind them, at `from`.
//   3. A withdrawal lies in the slot of its target, behind it or not; it takes its target away whenever the slot is read.
//   4. What is written to a hot slot, one that is too large to be read in one go, is a sorted run. The order of firing is
//      that of slot-entry.ts.
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

import { crc32c, type Disk, writeUInt64 } from '../../storage/index.ts'
import { lastPlaceOf, type Place } from '../entry/place.ts'
import { CHUNK_SIZE, type ChunkPool } from './chunk-pool.ts'
import { FiringOrder } from './firing-order.ts'
import { dueAtMsAt, ENTRY_HEADER_SIZE, endAt, rankAt, SLOT_MAGIC, SLOT_VERSION } from './slot-entry.ts'
import { slotPath } from './slot-files.ts'
import { StagedWriter } from './staged-writer.ts'

const HEADER = Buffer.concat([Buffer.from(SLOT_MAGIC, 'latin1'), Buffer.from([0, SLOT_VERSION])])
const SLOT_HEADER: Chunk = { bytes: HEADER, used: HEADER.length }

/** Memory with whole entries in it, in the bytes of the file. */
export interface Chunk {
  bytes: Buffer
  used: number
}

export class Slot {
  readonly second: number
  /** Where in the file begins what counts: 0, the header included, unless the slot was derived anew. */
  readonly from: number
  /** The size of what is in the file, header included, once all sealed bytes are written. */
  fileSize: number
  readonly #pool: ChunkPool
  readonly #hotBytes: number
  #chunks: Chunk[] = []
  #chunkBytes = 0
  /** What was sealed together is written together: a checkpoint may count the file up to there. */
  #sealed: Chunk[][] = []
  #sealedSize = 0
  #writing: Promise<unknown> = Promise.resolve()
  #writesUnderWay = 0

  /** Hot beyond `hotBytes`. `from` is where an earlier slot of this second ended. */
  constructor(second: number, pool: ChunkPool, hotBytes = Number.POSITIVE_INFINITY, from = 0) {
    this.second = second
    this.from = from
    this.fileSize = from
    this.#pool = pool
    this.#hotBytes = hotBytes
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

  /** Nothing of this slot comes behind it. */
  get lastPlace(): Place {
    return lastPlaceOf(this.second * 1000 + 999)
  }

  /** True while a write is under way: what it writes is neither in memory here nor all in the file. */
  get isBeingWritten(): boolean {
    return this.#writesUnderWay > 0
  }

  /** The size of what is in the file, while no write is under way. */
  get writtenSize(): number {
    return this.fileSize - this.#sealedSize
  }

  /** What is in memory only, in pieces with whole entries; while no write is under way. */
  unwritten(): Buffer[] {
    const chunks = [...this.#sealed.flat(), ...this.#chunks].filter((chunk) => chunk !== SLOT_HEADER)
    return chunks.map(({ bytes, used }) => bytes.subarray(0, used))
  }

  /** Settles which bytes the next write() will write, and with them `fileSize`. */
  seal(): void {
    if (this.#chunks.length === 0) return
    const chunks = this.inFile ? this.#chunks : [SLOT_HEADER, ...this.#chunks]
    this.#sealed.push(chunks)
    for (const { used } of chunks) {
      this.#sealedSize += used
      this.fileSize += used
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
    const sealed = this.#sealed
    if (sealed.length === 0) return 0
    const position = this.fileSize - this.#sealedSize
    const isHot = this.fileSize - this.from > this.#hotBytes
    this.#sealed = []
    this.#sealedSize = 0
    const file = await disk.open(slotPath(directory, this.second), 'write')
    try {
      const writer = new StagedWriter(file, position, stage)
      for (const chunks of sealed) {
        if (isHot) await this.#writeRun(chunks, writer)
        else for (const { bytes, used } of chunks) await writer.put(bytes, 0, used)
      }
      await writer.flush()
    } finally {
      await file.close()
    }
    return this.release(sealed.flat())
  }

  async #writeRun(chunks: readonly Chunk[], writer: StagedWriter): Promise<void> {
    const order = new FiringOrder()
    for (let i = 0; i < chunks.length; i++) {
      const { bytes, used } = chunks[i]
      if (chunks[i] === SLOT_HEADER) await writer.put(bytes, 0, used)
      else {
        for (let at = 0; at < used; at = endAt(bytes, at, this.second, at)) {
          order.add(dueAtMsAt(bytes, at), rankAt(bytes, at), i * CHUNK_SIZE + at)
        }
      }
    }
    for (const entry of order.sorted()) {
      const { bytes } = chunks[Math.floor(entry / CHUNK_SIZE)]
      const at = entry % CHUNK_SIZE
      const full = writer.put(bytes, at, endAt(bytes, at, this.second, at))
      if (full !== undefined) await full
    }
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
