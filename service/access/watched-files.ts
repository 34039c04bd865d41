// Small files that are read again when they change: tokens, keys, certificates. They are read every few seconds and compared
// by their bytes, because nothing less sees every way in which such files change: Kubernetes swaps a symbolic link two folders
// above, others rename, others write in place.
//
// Always true:
//   1. What is in use was whole and right when it was read. Files that cannot be read, or hold nonsense, change nothing; it is
//      said once, and counted. They are looked into once too, and not again before their bytes are others.
//   2. Files that belong together (a certificate and its key) are taken together.

import { type Clock, type Disk, DwellError, type Log, type Timer } from '../../storage/index.ts'

export const LOOK_MS = 5_000

export interface WatchedFilesOptions {
  disk: Disk
  clock: Clock
  log: Log
  /** What they are, for the log: `tokens`. */
  what: string
  paths: readonly string[]
  /** The largest that one of them may be. */
  bytesMax: number
  /** Takes their contents into use, in the order of `paths`; throws when they are not right. */
  use: (contents: readonly Buffer[]) => Promise<void> | void
  /** Called when a change could not be taken into use. */
  onFailure?: () => void
}

export class WatchedFiles {
  readonly #options: WatchedFilesOptions
  #seen: readonly Buffer[] = []
  /** What was read last and is not right. */
  #refused: readonly Buffer[] | undefined
  /** What was said last of files that cannot be used. */
  #complaint = ''
  #timer: Timer | undefined
  #looking: Promise<void> = Promise.resolve()
  #closed = false

  private constructor(options: WatchedFilesOptions) {
    this.#options = options
  }

  /**
   * Reads the files, takes them into use and goes on looking.
   * @throws FILE_UNREADABLE, and what `use` does
   */
  static async open(options: WatchedFilesOptions): Promise<WatchedFiles> {
    const files = new WatchedFiles(options)
    const contents = await files.#read()
    await options.use(contents)
    files.#seen = contents
    files.#schedule()
    return files
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#timer?.cancel()
    await this.#looking
  }

  #schedule(): void {
    if (this.#closed) return
    this.#timer = this.#options.clock.setTimer(() => {
      this.#looking = this.#look().then(() => this.#schedule())
    }, LOOK_MS)
  }

  async #look(): Promise<void> {
    const { log, what, paths, use, onFailure } = this.#options
    try {
      const contents = await this.#read()
      if (this.#refused !== undefined && isSame(contents, this.#refused)) return
      this.#refused = undefined
      if (isSame(contents, this.#seen)) {
        this.#complaint = ''
        return
      }
      this.#refused = contents
      await use(contents)
      this.#refused = undefined
      this.#seen = contents
      this.#complaint = ''
      log.info({ paths }, `The ${what} changed and are in use.`)
    } catch (error) {
      const { message } = error as Error
      if (message === this.#complaint) return
      this.#complaint = message
      log.error({ paths, error: message }, `The ${what} changed and cannot be used; those from before stay in use.`)
      onFailure?.()
    }
  }

  async #read(): Promise<Buffer[]> {
    const contents: Buffer[] = []
    const { disk, paths, bytesMax, what } = this.#options
    for (const path of paths) contents.push(await readWatchedFile(disk, path, bytesMax, what))
    return contents
  }
}

function isSame(some: readonly Buffer[], others: readonly Buffer[]): boolean {
  return some.every((bytes, i) => bytes.equals(others[i]))
}

/**
 * All of a file of at most `bytesMax` bytes; `what` it is of, for the sentence.
 * @throws FILE_UNREADABLE
 */
export async function readWatchedFile(disk: Disk, path: string, bytesMax: number, what: string): Promise<Buffer> {
  try {
    const file = await disk.open(path, 'read')
    try {
      // One byte more than is allowed tells what is too large, also of a file that has no size.
      const bytes = Buffer.alloc(Math.min(bytesMax, await file.size()) + 1)
      const size = await file.read(bytes, 0)
      if (size > bytesMax) throw new Error(`it has more than ${bytesMax} bytes`)
      return bytes.subarray(0, size)
    } finally {
      await file.close()
    }
  } catch (error) {
    const sentence = `The file ${path} of the ${what} cannot be read: ${(error as Error).message}.`
    throw new DwellError('FILE_UNREADABLE', sentence, { path }, error)
  }
}
