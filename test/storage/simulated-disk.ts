// A disk in memory that can lose power. Every call takes a turn of the event loop and is counted, so that a test can
// stop the process or fail the disk at the n-th call.
//
// What a power cut leaves:
//   1. Every sector of 512 bytes that was not synced is, each for itself, old, new, zeros or garbage.
//   2. A size that was not synced is the old one or the new one.
//   3. A name (created, renamed, removed) whose folder was not synced may be as before or as after.
// What was synced, or written by a write-through write that has resolved, is there.

import { dirname } from 'node:path'
import type { Disk, DiskFile, OpenMode } from '../../storage/index.ts'

const SECTOR = 512

/** Numbers from 0 to below 1. */
export type Dice = () => number

class Inode {
  bytes = Buffer.alloc(0)
  size = 0
  synced = Buffer.alloc(0)
  readonly dirty = new Set<number>()

  put(bytes: Uint8Array, position: number): void {
    const end = position + bytes.length
    this.resize(Math.max(this.size, end))
    this.bytes.set(bytes, position)
    this.#touch(position, end)
  }

  resize(size: number): void {
    if (size > this.bytes.length) {
      const larger = Buffer.alloc(Math.max(size, this.bytes.length * 2))
      this.bytes.copy(larger, 0, 0, this.size)
      this.bytes = larger
    }
    if (size < this.size) {
      this.bytes.fill(0, size, this.size)
      this.#touch(size, this.size)
    }
    this.size = size
  }

  syncRange(position: number, end: number): void {
    if (this.synced.length < end) this.synced = Buffer.concat([this.synced, Buffer.alloc(end - this.synced.length)])
    this.bytes.copy(this.synced, position, position, end)
    for (let at = Math.floor(position / SECTOR); at * SECTOR < end; at++) this.dirty.delete(at)
  }

  sync(): void {
    this.synced = Buffer.from(this.bytes.subarray(0, this.size))
    this.dirty.clear()
  }

  /** What is left after a power cut. */
  afterPowerCut(roll: Dice): Inode {
    const left = new Inode()
    left.put(this.synced, 0)
    const size = roll() < 0.5 ? this.size : this.synced.length
    left.resize(size)
    for (const sector of this.dirty) {
      const at = sector * SECTOR
      const end = Math.min(at + SECTOR, size)
      if (at >= end) continue
      const fate = roll()
      if (fate < 0.5) left.put(this.bytes.subarray(at, end), at)
      else if (fate < 0.7) left.bytes.fill(0, at, end)
      else if (fate < 0.85) for (let i = at; i < end; i++) left.bytes[i] = Math.floor(roll() * 256)
    }
    left.sync()
    return left
  }

  copy(): Inode {
    const copy = new Inode()
    copy.put(this.bytes.subarray(0, this.size), 0)
    copy.sync()
    return copy
  }

  #touch(position: number, end: number): void {
    for (let at = Math.floor(position / SECTOR); at * SECTOR < end; at++) this.dirty.add(at)
  }
}

/** What happens at one call. */
export type Fate = 'go on' | 'die before' | 'die after' | Error

export class SimulatedDisk implements Disk {
  /** Decides what happens at each call that changes something or not; `call` counts from 0. */
  onCall: (call: number, what: string) => Fate = () => 'go on'
  /** Calls so far. */
  calls = 0
  readonly #folders = new Set<string>()
  readonly #names = new Map<string, Inode>()
  readonly #syncedFolders = new Set<string>()
  readonly #syncedNames = new Map<string, Inode>()
  #dead = false
  #onDeath: () => void = () => {}
  /** Resolves when the process has died. */
  readonly death = new Promise<void>((resolve) => {
    this.#onDeath = resolve
  })

  /** From now on no call has an effect or comes back. */
  die(): void {
    this.#dead = true
    this.#onDeath()
  }

  /** The disk as the next process finds it: everything that was written is there, synced or not. */
  afterKill(): SimulatedDisk {
    return this.#next(this.#folders, this.#names, (inode) => inode.copy())
  }

  /** The disk as it is after a power cut. */
  afterPowerCut(roll: Dice): SimulatedDisk {
    const folders = new Set([...this.#folders].filter((path) => this.#syncedFolders.has(path) || roll() < 0.5))
    for (const path of this.#syncedFolders) if (!this.#folders.has(path) && roll() < 0.5) folders.add(path)
    folders.add('/')
    for (const path of folders) if (!isInside(path, folders)) folders.delete(path)
    const names = new Map<string, Inode>()
    for (const path of new Set([...this.#names.keys(), ...this.#syncedNames.keys()])) {
      const now = this.#names.get(path)
      const synced = this.#syncedNames.get(path)
      const inode = now === synced || roll() < 0.5 ? synced : now
      if (inode !== undefined && folders.has(dirname(path))) names.set(path, inode)
    }
    return this.#next(folders, names, (inode) => inode.afterPowerCut(roll))
  }

  async open(path: string, mode: OpenMode): Promise<DiskFile> {
    await this.#call(`open ${path}`)
    let inode = this.#names.get(path)
    if (inode === undefined) {
      if (mode === 'read' || !this.#folders.has(dirname(path))) throw missing(path)
      inode = new Inode()
      this.#names.set(path, inode)
    }
    return this.#file(path, inode, mode)
  }

  async list(directory: string): Promise<string[]> {
    await this.#call(`list ${directory}`)
    const paths = [...this.#names.keys(), ...this.#folders]
    return paths
      .filter((path) => dirname(path) === directory && path !== directory)
      .map((path) => path.slice(directory.length + 1))
  }

  async size(path: string): Promise<number | undefined> {
    await this.#call(`size ${path}`)
    return this.#names.get(path)?.size
  }

  async makeDirectory(path: string): Promise<void> {
    await this.#call(`makeDirectory ${path}`, () => {
      for (let at = path; !this.#folders.has(at); at = dirname(at)) this.#folders.add(at)
    })
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#call(`rename ${from} ${to}`, () => {
      const inode = this.#names.get(from)
      if (inode === undefined) throw missing(from)
      this.#names.delete(from)
      this.#names.set(to, inode)
    })
  }

  async remove(path: string): Promise<void> {
    await this.#call(`remove ${path}`, () => this.#names.delete(path))
  }

  async removeTree(directory: string): Promise<void> {
    await this.#call(`removeTree ${directory}`, () => {
      for (const path of this.#names.keys()) if (path.startsWith(`${directory}/`)) this.#names.delete(path)
      for (const path of this.#folders)
        if (path === directory || path.startsWith(`${directory}/`)) this.#folders.delete(path)
    })
  }

  async syncDirectory(directory: string): Promise<void> {
    await this.#call(`syncDirectory ${directory}`, () => {
      for (const path of [...this.#syncedNames.keys(), ...this.#names.keys()]) {
        if (dirname(path) !== directory) continue
        const inode = this.#names.get(path)
        if (inode === undefined) this.#syncedNames.delete(path)
        else this.#syncedNames.set(path, inode)
      }
      for (const path of [...this.#syncedFolders, ...this.#folders]) {
        if (dirname(path) !== directory) continue
        if (this.#folders.has(path)) this.#syncedFolders.add(path)
        else this.#syncedFolders.delete(path)
      }
    })
  }

  /** The bytes of a file, to be looked at or changed in place. */
  contents(path: string): Buffer {
    const inode = this.#names.get(path)
    if (inode === undefined) throw missing(path)
    return inode.bytes.subarray(0, inode.size)
  }

  /** Replaces a file as a whole, durably. */
  place(path: string, bytes: Uint8Array): void {
    const inode = new Inode()
    inode.put(bytes, 0)
    inode.sync()
    this.#names.set(path, inode)
    this.#syncedNames.set(path, inode)
  }

  /** Takes a file away, durably. */
  takeAway(path: string): void {
    this.#names.delete(path)
    this.#syncedNames.delete(path)
  }

  /** Paths of all files, in order. */
  paths(): string[] {
    return [...this.#names.keys()].sort()
  }

  #file(path: string, inode: Inode, mode: OpenMode): DiskFile {
    return {
      read: async (into, position) => {
        await this.#call(`read ${path}`)
        const end = Math.min(inode.size, position + into.length)
        if (end <= position) return 0
        into.set(inode.bytes.subarray(position, end))
        return end - position
      },
      write: async (bytes, position) => {
        if (mode === 'read') throw new Error(`EBADF: ${path} is open for reading`)
        await this.#call(`write ${path}`, undefined, () => inode.put(bytes, position))
        if (mode === 'write-through') inode.syncRange(position, position + bytes.length)
      },
      sync: () => this.#call(`sync ${path}`, () => inode.sync()),
      truncate: (size) => this.#call(`truncate ${path}`, () => inode.resize(size)),
      size: async () => {
        await this.#call(`size ${path}`)
        return inode.size
      },
      close: () => this.#call(`close ${path}`),
    }
  }

  /** One call: `begun` takes effect although the call may never come back, `effect` when it does. */
  async #call(what: string, effect: () => void = () => {}, begun: () => void = () => {}): Promise<void> {
    if (this.#dead) await new Promise(() => {})
    const fate = this.onCall(this.calls++, what)
    if (fate instanceof Error) throw fate
    if (fate === 'die before') {
      // A write that was cut short may have reached the disk in part: the power cut decides sector by sector.
      begun()
      this.die()
      await new Promise(() => {})
    }
    begun()
    await new Promise((resolve) => setImmediate(resolve))
    if (this.#dead) await new Promise(() => {})
    effect()
    if (fate === 'die after') {
      this.die()
      await new Promise(() => {})
    }
  }

  #next(folders: Set<string>, names: Map<string, Inode>, copy: (inode: Inode) => Inode): SimulatedDisk {
    const next = new SimulatedDisk()
    for (const path of folders) {
      next.#folders.add(path)
      next.#syncedFolders.add(path)
    }
    for (const [path, inode] of names) {
      const copied = copy(inode)
      next.#names.set(path, copied)
      next.#syncedNames.set(path, copied)
    }
    return next
  }
}

function isInside(path: string, folders: ReadonlySet<string>): boolean {
  for (let at = dirname(path); at !== dirname(at); at = dirname(at)) if (!folders.has(at) && at !== '/') return false
  return true
}

function missing(path: string): Error {
  return Object.assign(new Error(`ENOENT: no such file, ${path}`), { code: 'ENOENT', path })
}

/** A path inside the simulated disk. */
export const DATA = '/data'
