// A disk that falls back on the reserve: a call that finds no space asks for it to be given up, and is made once more.
//
// Always true:
//   1. Only calls that may be made again without harm are: a write at a position puts the same bytes there, a name is
//      created or not. A write-through write and a sync are not repeated: after a failed one nobody knows what the disk
//      holds, so the process has to end.
//   2. What finds no space after that, too, fails with DISK_FULL, which says where and how much.

import type { Disk, DiskFile, FreeSpace, OpenMode } from './disk.ts'
import { isFull } from './disk.ts'
import { DwellError } from './errors.ts'

export class ReserveDisk implements Disk {
  readonly #under: Disk
  readonly #onFull: () => Promise<void>

  /** `onFull` resolves when all has been done that can be to make room. */
  constructor(under: Disk, onFull: () => Promise<void>) {
    this.#under = under
    this.#onFull = onFull
  }

  async open(path: string, mode: OpenMode): Promise<DiskFile> {
    const file = await this.#twice(path, 0, () => this.#under.open(path, mode))
    return mode === 'read' ? file : this.#file(file, path, mode)
  }

  list(directory: string): Promise<string[]> {
    return this.#under.list(directory)
  }

  size(path: string): Promise<number | undefined> {
    return this.#under.size(path)
  }

  makeDirectory(path: string): Promise<void> {
    return this.#twice(path, 0, () => this.#under.makeDirectory(path))
  }

  rename(from: string, to: string): Promise<void> {
    return this.#twice(to, 0, () => this.#under.rename(from, to))
  }

  remove(path: string): Promise<void> {
    return this.#under.remove(path)
  }

  removeTree(directory: string): Promise<void> {
    return this.#under.removeTree(directory)
  }

  syncDirectory(directory: string): Promise<void> {
    return this.#once(directory, 0, () => this.#under.syncDirectory(directory))
  }

  free(path: string): Promise<FreeSpace> {
    return this.#under.free(path)
  }

  #file(under: DiskFile, path: string, mode: OpenMode): DiskFile {
    return {
      read: (into, position) => under.read(into, position),
      write: (bytes, position) => {
        const write = () => under.write(bytes, position)
        return mode === 'write-through' ? this.#once(path, bytes.length, write) : this.#twice(path, bytes.length, write)
      },
      sync: () => this.#once(path, 0, () => under.sync()),
      truncate: (size) => this.#twice(path, size, () => under.truncate(size)),
      size: () => under.size(),
      close: () => under.close(),
    }
  }

  async #twice<T>(path: string, sizeBytes: number, call: () => Promise<T>): Promise<T> {
    try {
      return await call()
    } catch (error) {
      if (!isFull(error)) throw error
    }
    // Whether it made room or not, another call may have: it costs nothing to see.
    await this.#onFull()
    return this.#once(path, sizeBytes, call)
  }

  async #once<T>(path: string, sizeBytes: number, call: () => Promise<T>): Promise<T> {
    try {
      return await call()
    } catch (error) {
      throw isFull(error) ? full(path, sizeBytes, error as Error) : error
    }
  }
}

function full(path: string, sizeBytes: number, error: Error): DwellError {
  const what = sizeBytes > 0 ? `${sizeBytes} bytes of ${path}` : path
  const sentence = `The disk is full: there is no room for ${what} (${error.message}).`
  return new DwellError('DISK_FULL', sentence, { path, sizeBytes }, error)
}
