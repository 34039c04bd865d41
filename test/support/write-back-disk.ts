// A disk on which killing the process is a power cut: what was written and not synced lies only in this process.
//
// Always true:
//   1. A file on the disk below holds exactly what was synced, or written by a write-through write. Everything newer is
//      in its Unsynced, which all handles of that file share and all reads see.
//   2. Calls on one file run one after the other, in the order in which they were made.
//   3. Names (created, renamed, removed) reach the disk below at once: this disk does not forget directory entries.
//
// After a crash: the Unsynced are gone with the process.

import { join, sep } from 'node:path'
import type { Disk, DiskFile, FreeSpace, OpenMode } from '../../storage/index.ts'

export class WriteBackDisk implements Disk {
  readonly #under: Disk
  readonly #unsynced = new Map<string, Unsynced>()

  constructor(under: Disk) {
    this.#under = under
  }

  async open(path: string, mode: OpenMode): Promise<DiskFile> {
    const name = join(path)
    const under = await this.#openUnder(name, mode)
    let unsynced = this.#unsynced.get(name)
    if (unsynced === undefined) {
      unsynced = new Unsynced(await under.size())
      // Somebody else may have opened it meanwhile: all share one.
      unsynced = this.#unsynced.get(name) ?? unsynced
      this.#unsynced.set(name, unsynced)
    }
    return new WriteBackFile(under, unsynced, mode)
  }

  /** A sync does not ask how its file was opened; here it writes. */
  async #openUnder(name: string, mode: OpenMode): Promise<DiskFile> {
    const under = await this.#under.open(name, mode)
    if (mode !== 'read') return under
    await under.close()
    return this.#under.open(name, 'write')
  }

  list(directory: string): Promise<string[]> {
    return this.#under.list(directory)
  }

  async size(path: string): Promise<number | undefined> {
    const under = await this.#under.size(path)
    return under === undefined ? undefined : (this.#unsynced.get(join(path))?.size ?? under)
  }

  makeDirectory(path: string): Promise<void> {
    return this.#under.makeDirectory(path)
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#under.rename(from, to)
    const moved = this.#unsynced.get(join(from))
    this.#unsynced.delete(join(from))
    this.#unsynced.delete(join(to))
    if (moved) this.#unsynced.set(join(to), moved)
  }

  async remove(path: string): Promise<void> {
    await this.#under.remove(path)
    this.#unsynced.delete(join(path))
  }

  async removeTree(directory: string): Promise<void> {
    await this.#under.removeTree(directory)
    const inside = join(directory, sep)
    for (const name of this.#unsynced.keys()) if (name.startsWith(inside)) this.#unsynced.delete(name)
  }

  syncDirectory(directory: string): Promise<void> {
    return this.#under.syncDirectory(directory)
  }

  free(path: string): Promise<FreeSpace> {
    return this.#under.free(path)
  }
}

interface Piece {
  position: number
  bytes: Buffer
}

/** What a file is beyond its synced bytes. */
class Unsynced {
  /** In order of position, none touching another's bytes. */
  pieces: Piece[] = []
  size: number
  /** Bytes of the file below at and beyond this position are dead: it was truncated to here. */
  keptBelow = Number.POSITIVE_INFINITY
  #last: Promise<unknown> = Promise.resolve()

  constructor(size: number) {
    this.size = size
  }

  /** Runs `task` when all that were given before are done. */
  inTurn<T>(task: () => Promise<T>): Promise<T> {
    const done = this.#last.then(task)
    this.#last = done.catch(() => {})
    return done
  }

  put(position: number, bytes: Uint8Array): void {
    this.cut(position, position + bytes.length)
    const at = this.pieces.findLastIndex((piece) => piece.position < position) + 1
    this.pieces.splice(at, 0, { position, bytes: Buffer.from(bytes) })
    this.size = Math.max(this.size, position + bytes.length)
  }

  /** Forgets the bytes from `start` to before `end`. */
  cut(start: number, end: number): void {
    const kept: Piece[] = []
    for (const piece of this.pieces) {
      const pieceEnd = piece.position + piece.bytes.length
      if (pieceEnd <= start || piece.position >= end) {
        kept.push(piece)
        continue
      }
      if (piece.position < start) {
        kept.push({ position: piece.position, bytes: piece.bytes.subarray(0, start - piece.position) })
      }
      if (pieceEnd > end) kept.push({ position: end, bytes: piece.bytes.subarray(end - piece.position) })
    }
    this.pieces = kept
  }
}

class WriteBackFile implements DiskFile {
  readonly #under: DiskFile
  readonly #unsynced: Unsynced
  readonly #mode: OpenMode

  constructor(under: DiskFile, unsynced: Unsynced, mode: OpenMode) {
    this.#under = under
    this.#unsynced = unsynced
    this.#mode = mode
  }

  read(into: Uint8Array, position: number): Promise<number> {
    return this.#unsynced.inTurn(async () => {
      const { pieces, size, keptBelow } = this.#unsynced
      const end = Math.min(size, position + into.length)
      if (end <= position) return 0
      const wanted = into.subarray(0, end - position)
      wanted.fill(0)
      const belowEnd = Math.min(end, keptBelow)
      if (belowEnd > position) await this.#under.read(wanted.subarray(0, belowEnd - position), position)
      for (const piece of pieces) {
        const from = Math.max(piece.position, position)
        const to = Math.min(piece.position + piece.bytes.length, end)
        if (from < to) wanted.set(piece.bytes.subarray(from - piece.position, to - piece.position), from - position)
      }
      return wanted.length
    })
  }

  write(bytes: Uint8Array, position: number): Promise<void> {
    if (this.#mode !== 'write-through') {
      const copy = Buffer.from(bytes)
      return this.#unsynced.inTurn(async () => this.#unsynced.put(position, copy))
    }
    return this.#unsynced.inTurn(async () => {
      await this.#applyTruncate()
      await this.#under.write(bytes, position)
      this.#unsynced.cut(position, position + bytes.length)
      this.#unsynced.size = Math.max(this.#unsynced.size, position + bytes.length)
    })
  }

  sync(): Promise<void> {
    return this.#unsynced.inTurn(async () => {
      await this.#applyTruncate()
      for (const { position, bytes } of this.#unsynced.pieces) await this.#under.write(bytes, position)
      if ((await this.#under.size()) < this.#unsynced.size) await this.#under.truncate(this.#unsynced.size)
      await this.#under.sync()
      this.#unsynced.pieces = []
    })
  }

  truncate(size: number): Promise<void> {
    return this.#unsynced.inTurn(async () => {
      const unsynced = this.#unsynced
      unsynced.cut(size, Number.POSITIVE_INFINITY)
      unsynced.keptBelow = Math.min(unsynced.keptBelow, size)
      unsynced.size = size
    })
  }

  size(): Promise<number> {
    return this.#unsynced.inTurn(async () => this.#unsynced.size)
  }

  close(): Promise<void> {
    return this.#unsynced.inTurn(() => this.#under.close())
  }

  async #applyTruncate(): Promise<void> {
    const { keptBelow } = this.#unsynced
    if (keptBelow === Number.POSITIVE_INFINITY) return
    if ((await this.#under.size()) > keptBelow) await this.#under.truncate(keptBelow)
    this.#unsynced.keptBelow = Number.POSITIVE_INFINITY
  }
}
