// The handles of segments that are open: the least recently used is closed when there would be more than `filesMax`, and
// now and then those that nobody has used for a while.
//
// Always true: a handle that is in use is never closed; when all are in use there are more for a moment, at most one
// for each read or write under way.

import type { Disk, DiskFile } from '../base/disk.ts'

export interface FileOwner {
  readonly path: string
  /** Called when its handle was closed, to let go of what it remembers of the file. */
  forget(): void
}

interface OpenFile {
  owner: FileOwner
  file: Promise<DiskFile>
  users: number
  /** Since the last closeUnused(). */
  used: boolean
}

export class OpenFiles {
  readonly #disk: Disk
  readonly #filesMax: number
  /** In order of use, the least recent first. */
  readonly #open = new Map<FileOwner, OpenFile>()

  constructor(disk: Disk, filesMax: number) {
    this.#disk = disk
    this.#filesMax = filesMax
  }

  get count(): number {
    return this.#open.size
  }

  /** Runs `task` with the handle of `owner`, for reading and writing, opened if it is not open. */
  async use<T>(owner: FileOwner, task: (file: DiskFile) => Promise<T>): Promise<T> {
    const entry = this.#open.get(owner) ?? { owner, file: this.#disk.open(owner.path, 'write'), users: 0, used: true }
    this.#open.delete(owner)
    this.#open.set(owner, entry)
    entry.users++
    entry.used = true
    try {
      if (this.#open.size > this.#filesMax) this.#closeIdle()
      return await task(await entry.file)
    } catch (error) {
      // A file that could not be opened is tried again by the next user.
      entry.file.catch(() => this.#open.get(owner) === entry && this.#open.delete(owner))
      throw error
    } finally {
      entry.users--
    }
  }

  /** Closes the handle of `owner`, if it has one. Nobody may be using it. */
  async close(owner: FileOwner): Promise<void> {
    const entry = this.#open.get(owner)
    if (entry === undefined) return
    this.#open.delete(owner)
    await this.#end(entry)
  }

  /** Closes the handles that were not used since the last call: what was open for a burst does not stay open for ever. */
  closeUnused(): void {
    for (const entry of this.#open.values()) {
      if (!entry.used && entry.users === 0) this.#drop(entry)
      entry.used = false
    }
  }

  async closeAll(): Promise<void> {
    const entries = [...this.#open.values()]
    this.#open.clear()
    for (const entry of entries) await this.#end(entry)
  }

  #closeIdle(): void {
    for (const entry of this.#open.values()) {
      if (this.#open.size <= this.#filesMax) return
      if (entry.users === 0) this.#drop(entry)
    }
  }

  #drop(entry: OpenFile): void {
    this.#open.delete(entry.owner)
    // What a late close could report was reported by the sync that a checkpoint waits for.
    this.#end(entry).catch(() => {})
  }

  async #end({ owner, file }: OpenFile): Promise<void> {
    owner.forget()
    const opened = await file.catch(() => undefined)
    await opened?.close()
  }
}
