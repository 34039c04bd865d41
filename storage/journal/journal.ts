// The journal: every append is durable here first, as part of a frame; a frame is all or nothing, and that is what makes
// an append over several partitions atomic. journal-format.ts draws the bytes.
//
// Always true:
//   1. One write is under way at a time, so only the last frame can be torn, and it was acknowledged to nobody.
//   2. Frames are numbered without a gap, across files.
//   3. After a failed write no further one is made: what the file holds is then unknown.
//
// After a crash: journal-reader.ts finds the end, recovery.ts decides and replays.

import { assert } from '../base/assert.ts'
import { DwellError } from '../base/errors.ts'
import type { JournalFile, JournalFiles } from './journal-files.ts'
import { BLOCK_SIZE, type FileHeader, sealFrame } from './journal-format.ts'

/** A place between two frames. */
export interface JournalPosition {
  sequence: number
  position: number
  /** The number of the frame that stands, or will stand, here. */
  frameNumber: number
}

export class Journal {
  readonly #files: JournalFiles
  /** Files behind the current one that no checkpoint has set free yet, oldest first. */
  #older: number[]
  #file: JournalFile
  #position: number
  #frameNumber: number
  #writtenBytes = 0
  #writing = false
  #failure: DwellError | undefined

  private constructor(files: JournalFiles, older: number[], file: JournalFile, position: number, frameNumber: number) {
    this.#files = files
    this.#older = older
    this.#file = file
    this.#position = position
    this.#frameNumber = frameNumber
  }

  /** Begins a journal with its first file. */
  static async create(files: JournalFiles, sequence: number, frameNumber: number): Promise<Journal> {
    return new Journal(files, [], await files.take(sequence), BLOCK_SIZE, frameNumber)
  }

  /** Goes on at `end`, where the last good frame ended; `older` are the sequences that still hold needed frames. */
  static async resume(files: JournalFiles, older: number[], end: JournalPosition & FileHeader): Promise<Journal> {
    const file = await files.open(end)
    // A frame that was under way when a process died was read, but perhaps never synced; frames behind it rely on it.
    await file.file.sync()
    files.prepare(end.sequence + 1)
    return new Journal(files, older, file, end.position, end.frameNumber)
  }

  /** Where the next frame will stand, if it fits there. */
  get end(): JournalPosition {
    return { sequence: this.#file.sequence, position: this.#position, frameNumber: this.#frameNumber }
  }

  /** Bytes written since the start, padding included. */
  get writtenBytes(): number {
    return this.#writtenBytes
  }

  /** The largest frame that a file holds. */
  get frameBytesMax(): number {
    return this.#files.fileBytes - BLOCK_SIZE
  }

  /**
   * Writes one frame, a whole number of blocks whose first `size` bytes hold header and parts; resolves when durable.
   * @throws JOURNAL_FAILED, at this write and at every later one
   */
  async write(frame: Buffer, size: number, partCount: number): Promise<void> {
    assert(!this.#writing, 'one write to the journal is under way at a time')
    assert(frame.length <= this.frameBytesMax, 'a frame fits in a file')
    if (this.#failure !== undefined) throw this.#failure
    this.#writing = true
    try {
      if (this.#position + frame.length > this.#file.size) await this.#roll()
      sealFrame(frame, size, partCount, this.#file, this.#frameNumber)
      await this.#file.file.write(frame, this.#position)
    } catch (error) {
      throw (this.#failure = this.#failed(error))
    } finally {
      this.#writing = false
    }
    this.#position += frame.length
    this.#writtenBytes += frame.length
    this.#frameNumber++
  }

  /** Sets the files free that lie wholly before `position`. */
  trim(position: JournalPosition): void {
    const firstKept = this.#older.findIndex((sequence) => sequence >= position.sequence)
    this.#files.release(this.#older.splice(0, firstKept < 0 ? this.#older.length : firstKept))
  }

  async close(): Promise<void> {
    await this.#file.file.close()
    await this.#files.close()
  }

  async #roll(): Promise<void> {
    const next = await this.#files.take(this.#file.sequence + 1)
    const full = this.#file
    this.#older.push(full.sequence)
    this.#file = next
    this.#position = BLOCK_SIZE
    await full.file.close()
  }

  #failed(error: unknown): DwellError {
    const why = (error as Error).message
    return new DwellError('JOURNAL_FAILED', `The journal cannot be written: ${why}`, { path: this.#file.path }, error)
  }
}
