// The one file that touches the disk. Everything else receives a Disk, so that a test can fail a call, forget what was
// not synced, or keep all files in memory. (LevelDB does its own input and output; see keyed/key-value-store.ts.)
//
// Nothing here is durable by itself: a file's bytes are after sync(), or after each write when it was opened with
// 'write-through'; a name (created, renamed, removed) is after syncDirectory() of its folder.

import { constants } from 'node:fs'
import * as fs from 'node:fs/promises'
import { dirname } from 'node:path'
import { Turns } from './turns.ts'

/**
 * - `read`: the file must exist.
 * - `write`: for reading and writing, created when missing.
 * - `create`: as `write`; fails with EEXIST when there is one.
 * - `write-through`: as `write`, and every write is durable when it resolves (O_DSYNC).
 */
export type OpenMode = 'read' | 'write' | 'create' | 'write-through'

export interface DiskFile {
  /** Fills `into` from `position`; answers how many bytes there were, fewer only at the end of the file. */
  read(into: Uint8Array, position: number): Promise<number>
  /** Writes all of `bytes` at `position`, whatever lies there. */
  write(bytes: Uint8Array, position: number): Promise<void>
  /** Resolves when everything written so far, and the size, survive a power cut. */
  sync(): Promise<void>
  truncate(size: number): Promise<void>
  size(): Promise<number>
  close(): Promise<void>
}

/** What the file system that holds a path has left for us. */
export interface FreeSpace {
  bytes: number
  /** How many more files and folders there may be; infinite where only bytes count. */
  files: number
}

export interface Disk {
  open(path: string, mode: OpenMode): Promise<DiskFile>
  /** Names in a folder, unordered; none when the folder does not exist. */
  list(directory: string): Promise<string[]>
  /** Size of a file in bytes; undefined when there is none. */
  size(path: string): Promise<number | undefined>
  makeDirectory(path: string): Promise<void>
  rename(from: string, to: string): Promise<void>
  /** Removes a file; it need not exist. */
  remove(path: string): Promise<void>
  /** Removes a folder and all in it; it need not exist. */
  removeTree(directory: string): Promise<void>
  /** Makes names created, renamed or removed in this folder survive a power cut. */
  syncDirectory(directory: string): Promise<void>
  /** What is free where `path`, which must exist, lies. */
  free(path: string): Promise<FreeSpace>
}

const FLAGS: Record<OpenMode, number> = {
  read: constants.O_RDONLY,
  write: constants.O_RDWR | constants.O_CREAT,
  create: constants.O_RDWR | constants.O_CREAT | constants.O_EXCL,
  'write-through': constants.O_RDWR | constants.O_CREAT | (constants.O_DSYNC ?? constants.O_SYNC),
}

/**
 * Reads under way at once, and how much each of them reads: Node's pool has four threads, and a crowd of readers far behind
 * on a slow disk must not keep the journal's write waiting for one.
 */
const READS_MAX = 2
const READ_BYTES_MAX = 1024 * 1024

/** The machine's own file system. */
export class SystemDisk implements Disk {
  readonly #reads = new Turns(READS_MAX)

  async open(path: string, mode: OpenMode): Promise<DiskFile> {
    return new SystemFile(await fs.open(path, FLAGS[mode], 0o640), path, this.#reads)
  }

  async list(directory: string): Promise<string[]> {
    return (await unlessMissing(fs.readdir(directory))) ?? []
  }

  async size(path: string): Promise<number | undefined> {
    return (await unlessMissing(fs.stat(path)))?.size
  }

  async makeDirectory(path: string): Promise<void> {
    try {
      await fs.mkdir(path, { mode: 0o750 })
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'EEXIST' && (await fs.stat(path)).isDirectory()) return
      // Not mkdir's own recursion: it never ends where a folder cannot be made though its parent is there, as in /proc.
      if (code !== 'ENOENT' || dirname(path) === path || (await this.size(dirname(path))) !== undefined) throw error
      await this.makeDirectory(dirname(path))
      await fs.mkdir(path, { mode: 0o750 })
    }
  }

  async rename(from: string, to: string): Promise<void> {
    await fs.rename(from, to)
  }

  async remove(path: string): Promise<void> {
    await unlessMissing(fs.unlink(path))
  }

  async removeTree(directory: string): Promise<void> {
    await fs.rm(directory, { recursive: true, force: true })
  }

  async syncDirectory(directory: string): Promise<void> {
    const handle = await fs.open(directory, constants.O_RDONLY)
    try {
      await handle.sync()
    } finally {
      await handle.close()
    }
  }

  async free(path: string): Promise<FreeSpace> {
    const { bavail, bsize, files, ffree } = await fs.statfs(path)
    return { bytes: bavail * bsize, files: files === 0 ? Number.POSITIVE_INFINITY : ffree }
  }
}

/** Its errors name the file: those that Node makes of a handle do not. */
class SystemFile implements DiskFile {
  readonly #handle: fs.FileHandle
  readonly #path: string
  readonly #reads: Turns

  constructor(handle: fs.FileHandle, path: string, reads: Turns) {
    this.#handle = handle
    this.#path = path
    this.#reads = reads
  }

  async read(into: Uint8Array, position: number): Promise<number> {
    let filled = 0
    while (filled < into.length) {
      const size = Math.min(into.length - filled, READ_BYTES_MAX)
      const piece = () => this.#handle.read(into, filled, size, position + filled)
      const { bytesRead } = await this.#named(this.#reads.run(piece))
      if (bytesRead === 0) break
      filled += bytesRead
    }
    return filled
  }

  async write(bytes: Uint8Array, position: number): Promise<void> {
    let written = 0
    while (written < bytes.length) {
      const rest = bytes.length - written
      const part = await this.#named(this.#handle.write(bytes, written, rest, position + written))
      written += part.bytesWritten
    }
  }

  async sync(): Promise<void> {
    await this.#named(this.#handle.datasync())
  }

  async truncate(size: number): Promise<void> {
    await this.#named(this.#handle.truncate(size))
  }

  async size(): Promise<number> {
    return (await this.#named(this.#handle.stat())).size
  }

  async close(): Promise<void> {
    await this.#named(this.#handle.close())
  }

  async #named<T>(operation: Promise<T>): Promise<T> {
    try {
      return await operation
    } catch (error) {
      const failure = error as NodeJS.ErrnoException
      if (failure.path === undefined) {
        failure.path = this.#path
        failure.message += ` '${this.#path}'`
      }
      throw failure
    }
  }
}

/** Whether a call failed because no space, or no file, was left to be had. */
export function isFull(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException
  return code === 'ENOSPC' || code === 'EDQUOT' || code === 'DISK_FULL'
}

async function unlessMissing<T>(operation: Promise<T>): Promise<T | undefined> {
  try {
    return await operation
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
