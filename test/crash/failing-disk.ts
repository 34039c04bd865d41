// A disk on which one write or sync of the log fails, once, and everything after it goes well: who answers success after
// it has not noticed. When it happened is noted beside the points, before anybody hears of it.

import { writeFileSync } from 'node:fs'
import type { Disk, DiskFile, FreeSpace, OpenMode } from '../../storage/index.ts'

export class FailingDisk implements Disk {
  readonly #under: Disk
  readonly #path: string
  #left: number

  /** The `call`th call that makes bytes of the log durable fails; `points` is the file that the points go to. */
  constructor(under: Disk, call: number, points: string) {
    this.#under = under
    this.#left = call
    this.#path = failedPath(points)
  }

  async open(path: string, mode: OpenMode): Promise<DiskFile> {
    const file = await this.#under.open(path, mode)
    const isJournal = mode === 'write-through'
    if (!isJournal && !path.endsWith('.log')) return file
    return {
      read: (into, position) => file.read(into, position),
      write: async (bytes, position) => {
        await file.write(bytes, position)
        if (isJournal) this.#pass('write', path)
      },
      sync: async () => {
        await file.sync()
        if (!isJournal) this.#pass('sync', path)
      },
      truncate: (size) => file.truncate(size),
      size: () => file.size(),
      close: () => file.close(),
    }
  }

  list(directory: string): Promise<string[]> {
    return this.#under.list(directory)
  }

  size(path: string): Promise<number | undefined> {
    return this.#under.size(path)
  }

  makeDirectory(path: string): Promise<void> {
    return this.#under.makeDirectory(path)
  }

  rename(from: string, to: string): Promise<void> {
    return this.#under.rename(from, to)
  }

  remove(path: string): Promise<void> {
    return this.#under.remove(path)
  }

  removeTree(directory: string): Promise<void> {
    return this.#under.removeTree(directory)
  }

  syncDirectory(directory: string): Promise<void> {
    return this.#under.syncDirectory(directory)
  }

  free(path: string): Promise<FreeSpace> {
    return this.#under.free(path)
  }

  #pass(call: string, path: string): void {
    if (--this.#left !== 0) return
    writeFileSync(this.#path, String(Date.now()))
    throw Object.assign(new Error(`EIO: injected, ${call} '${path}'`), { code: 'EIO' })
  }
}

/** Where it is noted when the call failed. */
export function failedPath(points: string): string {
  return `${points}.failed`
}
