// The handles of the log's files that are open: the least recently used is closed when there would be more than
// `filesMax`, and now and then those that nobody has used for a while.
//
// Always true:
//   1. A handle that is in use is never closed; when all are in use there are more for a moment, at most one for each
//      read or write under way.
//   2. Handles for reading give way first as long as they take more than half of the room: whoever scans old segments
//      does not close those that are written to.

import type { Disk, DiskFile, OpenMode } from '../base/disk.ts'

export interface FileOwner {
  readonly path: string
  /** How it is opened next. A handle that is open stays as it is until it is closed. */
  readonly mode: OpenMode
  /** Called when its handle was closed, to let go of what it remembers of the file. */
  forget(): void
}

interface OpenFile {
  owner: FileOwner
  mode: OpenMode
  file: Promise<DiskFile>
  users: number
  /** Since the last closeUnused(). */
  used: boolean
  /** Called when the last user has left. */
  onIdle: (() => void) | undefined
}

export class OpenFiles {
  readonly #disk: Disk
  readonly #filesMax: number
  /** In order of use, the least recent first. */
  readonly #open = new Map<FileOwner, OpenFile>()
  #readers = 0

  constructor(disk: Disk, filesMax: number) {
    this.#disk = disk
    this.#filesMax = filesMax
  }

  get count(): number {
    return this.#open.size
  }

  /** Runs `task` with the handle of `owner`, opened if it is not open. */
  async use<T>(owner: FileOwner, task: (file: DiskFile) => Promise<T>): Promise<T> {
    const entry = this.#take(owner)
    entry.users++
    entry.used = true
    try {
      if (this.#open.size > this.#filesMax) this.#closeIdle()
      return await task(await entry.file)
    } catch (error) {
      // A file that could not be opened is tried again by the next user.
      entry.file.catch(() => this.#open.get(owner) === entry && this.#forget(entry))
      throw error
    } finally {
      entry.users--
      if (entry.users === 0) entry.onIdle?.()
    }
  }

  /** Closes the handle of `owner`, if it has one, when those who use it now have left. */
  async close(owner: FileOwner): Promise<void> {
    const entry = this.#open.get(owner)
    if (entry === undefined) return
    this.#forget(entry)
    if (entry.users > 0) await new Promise<void>((resolve) => (entry.onIdle = resolve))
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
    for (const owner of [...this.#open.keys()]) await this.close(owner)
  }

  /** The entry of `owner`, now the most recent one. */
  #take(owner: FileOwner): OpenFile {
    let entry = this.#open.get(owner)
    if (entry === undefined) {
      const { mode } = owner
      entry = { owner, mode, file: this.#disk.open(owner.path, mode), users: 0, used: true, onIdle: undefined }
      if (mode === 'read') this.#readers++
    } else this.#open.delete(owner)
    this.#open.set(owner, entry)
    return entry
  }

  #closeIdle(): void {
    for (const mode of ['read', undefined]) {
      for (const entry of this.#open.values()) {
        if (this.#open.size <= this.#filesMax || (mode === 'read' && this.#readers * 2 <= this.#filesMax)) break
        if (entry.users === 0 && (mode === undefined || mode === entry.mode)) this.#drop(entry)
      }
    }
  }

  #drop(entry: OpenFile): void {
    this.#forget(entry)
    // What a late close could report was reported by the sync that a checkpoint waits for.
    this.#end(entry).catch(() => {})
  }

  #forget({ owner, mode }: OpenFile): void {
    this.#open.delete(owner)
    if (mode === 'read') this.#readers--
  }

  async #end({ owner, file }: OpenFile): Promise<void> {
    owner.forget()
    const opened = await file.catch(() => undefined)
    await opened?.close()
  }
}
