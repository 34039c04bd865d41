// The real disk, for a process that is killed at one of its calls that change something: neither that one nor any later one happens.

import { type Disk, type DiskFile, type FreeSpace, type OpenMode, SystemDisk } from '../../storage/index.ts'

export class DyingDisk implements Disk {
  readonly #disk = new SystemDisk()
  #left: number
  isDead = false

  /** Dies at the `call`-th call that changes something. */
  constructor(call: number) {
    this.#left = call
  }

  async open(path: string, mode: OpenMode): Promise<DiskFile> {
    const file = await this.#disk.open(path, mode)
    return {
      read: (into, position) => file.read(into, position),
      size: () => file.size(),
      close: () => file.close(),
      sync: () => file.sync(),
      write: (bytes, position) => this.#change(() => file.write(bytes, position)),
      truncate: (size) => this.#change(() => file.truncate(size)),
    }
  }

  list(directory: string): Promise<string[]> {
    return this.#disk.list(directory)
  }

  size(path: string): Promise<number | undefined> {
    return this.#disk.size(path)
  }

  makeDirectory(path: string): Promise<void> {
    return this.#change(() => this.#disk.makeDirectory(path))
  }

  rename(from: string, to: string): Promise<void> {
    return this.#change(() => this.#disk.rename(from, to))
  }

  /** Only the name of the owner is removed here, and with a dead process its lock goes too. */
  remove(path: string): Promise<void> {
    return this.#disk.remove(path)
  }

  removeTree(directory: string): Promise<void> {
    return this.#change(() => this.#disk.removeTree(directory))
  }

  syncDirectory(directory: string): Promise<void> {
    return this.#disk.syncDirectory(directory)
  }

  free(path: string): Promise<FreeSpace> {
    return this.#disk.free(path)
  }

  async #change(task: () => Promise<void>): Promise<void> {
    if (this.isDead || --this.#left === 0) {
      this.isDead = true
      throw new Error('killed')
    }
    await task()
  }
}
