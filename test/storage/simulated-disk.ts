// A disk in memory that can lose power. Every call takes a turn and is counted, so that a test can stop the process or
// fail the disk at the n-th call. A turn is one of the event loop, or what the test decides: then it also decides which of
// the calls under way comes back first.
//
// What a power cut leaves:
//   1. Every sector of 512 bytes that was not synced is old, new, zeros, garbage or shorn (new up to a byte, old behind it),
//      each for itself or a run of neighbours alike.
//   2. A size that was not synced is the old one or the new one.
//   3. A name (created, renamed, removed) whose folder was not synced may be as before or as after; a file that was renamed
//      has either its old name or the new one, as every journaling file system keeps it.
// Once in a while nothing is lost. What was synced, or written by a write-through write that has resolved, is there. What was being synced when the sync
// failed is not, also when a later sync succeeds, until it is written again: so Linux does it.
//
// A kill leaves everything as it was seen, but makes nothing durable: what was not synced may still go at the next power
// cut. A write takes effect when it comes back; one that is under way at the end may have come to nothing, to a part or
// to all of it.

import { dirname } from 'node:path'
import type { Disk, DiskFile, FreeSpace, OpenMode } from '../../storage/index.ts'

const SECTOR = 512

/** Numbers from 0 to below 1. */
export type Dice = () => number

class Inode {
  bytes = Buffer.alloc(0)
  size = 0
  synced = Buffer.alloc(0)
  readonly dirty = new Set<number>()
  /** Those of the dirty sectors that no sync brings to the disk any more. */
  readonly #lost = new Set<number>()

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
    const before = this.synced
    this.synced = Buffer.from(this.bytes.subarray(0, this.size))
    this.dirty.clear()
    for (const sector of this.#lost) {
      this.dirty.add(sector)
      const at = sector * SECTOR
      const end = Math.min(at + SECTOR, this.synced.length)
      if (at < end) this.synced.fill(0, at, end)
      before.copy(this.synced, at, at, end)
    }
  }

  failSync(): void {
    for (const sector of this.dirty) this.#lost.add(sector)
  }

  /** What is left after a power cut. */
  afterPowerCut(roll: Dice): Inode {
    const left = new Inode()
    left.put(this.synced, 0)
    const size = roll() < 0.5 ? this.size : this.synced.length
    left.resize(size)
    let fate: SectorFate = 'old'
    let sectorsOfRun = 0
    for (const sector of [...this.dirty].sort((one, other) => one - other)) {
      if (sectorsOfRun-- <= 0) {
        fate = fateOf(roll())
        // Neighbours often share their fate: they were one request, or lie on one page.
        sectorsOfRun = roll() < 0.3 ? Math.floor(roll() * 8) : 0
      }
      const at = sector * SECTOR
      const end = Math.min(at + SECTOR, size)
      if (at >= end || fate === 'old') continue
      if (fate === 'new') left.put(this.bytes.subarray(at, end), at)
      if (fate === 'shorn') left.put(this.bytes.subarray(at, at + Math.ceil((end - at) * roll())), at)
      if (fate === 'zeros') left.bytes.fill(0, at, end)
      if (fate === 'garbage') for (let i = at; i < end; i++) left.bytes[i] = Math.floor(roll() * 256)
    }
    left.sync()
    return left
  }

  /** All that was written, durable. */
  asSeen(): Inode {
    const seen = new Inode()
    seen.put(this.bytes.subarray(0, this.size), 0)
    seen.sync()
    return seen
  }

  copy(): Inode {
    const copy = new Inode()
    copy.bytes = Buffer.from(this.bytes.subarray(0, this.size))
    copy.size = this.size
    copy.synced = Buffer.from(this.synced)
    for (const sector of this.dirty) copy.dirty.add(sector)
    for (const sector of this.#lost) copy.#lost.add(sector)
    return copy
  }

  #touch(position: number, end: number): void {
    for (let at = Math.floor(position / SECTOR); at * SECTOR < end; at++) {
      this.dirty.add(at)
      this.#lost.delete(at)
    }
  }
}

type SectorFate = 'old' | 'new' | 'zeros' | 'garbage' | 'shorn'

function fateOf(rolled: number): SectorFate {
  if (rolled < 0.4) return 'new'
  if (rolled < 0.6) return 'old'
  if (rolled < 0.75) return 'zeros'
  return rolled < 0.9 ? 'garbage' : 'shorn'
}

/** What happens at one call. A write that fails may have written a part: the share that `writtenShare` of its error says. */
export type Fate = 'go on' | 'die before' | 'die after' | (Error & { writtenShare?: number })

/** What one call does: to be done at once, when it comes back, or when it fails. */
interface Effects {
  /** Called with 1 when the call comes back; with less for a write that did not come so far. */
  effect?: (share: number) => void
  failed?: () => void
  isWrite?: boolean
}

export class SimulatedDisk implements Disk {
  /** Decides what happens at each call that changes something or not; `call` counts from 0. */
  onCall: (call: number, what: string) => Fate = () => 'go on'
  /** Calls so far. */
  calls = 0
  /** What free() answers. */
  space: FreeSpace = { bytes: 2 ** 40, files: 2 ** 30 }
  readonly #folders = new Set<string>()
  readonly #names = new Map<string, Inode>()
  readonly #syncedFolders = new Set<string>()
  readonly #syncedNames = new Map<string, Inode>()
  readonly #turn: (what: string) => Promise<void>
  /** The writes under way. */
  readonly #writes = new Set<(share: number) => void>()
  #dead = false
  #onDeath: () => void = () => {}
  /** Resolves when the process has died. */
  readonly death = new Promise<void>((resolve) => {
    this.#onDeath = resolve
  })

  /** `turn` resolves when the call that it is given may come back; the next turn of the event loop when absent. */
  constructor({ turn = nextTurn }: { turn?: (what: string) => Promise<void> } = {}) {
    this.#turn = turn
  }

  get dead(): boolean {
    return this.#dead
  }

  /** From now on no call has an effect or comes back. `roll` says how far the writes under way came; all the way without. */
  die(roll: Dice = () => 1): void {
    if (this.#dead) return
    this.#dead = true
    for (const write of this.#writes) write(Math.max(0, Math.min(1, roll() * 3 - 1)))
    this.#onDeath()
  }

  /** The disk as the next process finds it: everything that was written is there, synced or not. */
  afterKill(): SimulatedDisk {
    const copies = new Map<Inode, Inode>()
    const copyOf = (inode: Inode) => {
      if (!copies.has(inode)) copies.set(inode, inode.copy())
      return copies.get(inode) as Inode
    }
    const next = this.#next(this.#folders, this.#names, copyOf)
    next.#syncedFolders.clear()
    for (const path of this.#syncedFolders) next.#syncedFolders.add(path)
    next.#syncedNames.clear()
    for (const [path, inode] of this.#syncedNames) next.#syncedNames.set(path, copyOf(inode))
    return next
  }

  /** The disk as it is after a power cut. */
  afterPowerCut(roll: Dice): SimulatedDisk {
    if (roll() < 0.1) return this.#next(this.#folders, this.#names, (inode) => inode.asSeen())
    const folders = new Set([...this.#folders].filter((path) => this.#syncedFolders.has(path) || roll() < 0.5))
    for (const path of this.#syncedFolders) if (!this.#folders.has(path) && roll() < 0.5) folders.add(path)
    folders.add('/')
    for (const path of folders) if (!isInside(path, folders)) folders.delete(path)
    const names = new Map<string, Inode>()
    const renamed = this.#unsyncedRenames()
    const isAsBefore = new Map<string, boolean>()
    for (const path of new Set([...this.#names.keys(), ...this.#syncedNames.keys()])) {
      const now = this.#names.get(path)
      const synced = this.#syncedNames.get(path)
      const to = renamed.get(path) ?? path
      if (now !== synced && !isAsBefore.has(to)) isAsBefore.set(to, roll() < 0.5)
      const inode = now === synced || isAsBefore.get(to) ? synced : now
      if (inode !== undefined && folders.has(dirname(path))) names.set(path, inode)
    }
    return this.#next(folders, names, (inode) => inode.afterPowerCut(roll))
  }

  /** The new name of each file whose renaming was not synced, by the old one. */
  #unsyncedRenames(): Map<string, string> {
    const renamed = new Map<string, string>()
    const now = new Map([...this.#names].map(([path, inode]) => [inode, path]))
    for (const [from, inode] of this.#syncedNames) {
      const to = now.get(inode)
      if (to !== undefined && to !== from) renamed.set(from, to)
    }
    return renamed
  }

  async open(path: string, mode: OpenMode): Promise<DiskFile> {
    await this.#call(`open ${path}`)
    let inode = this.#names.get(path)
    if (inode === undefined) {
      if (mode === 'read' || !this.#folders.has(dirname(path))) throw missing(path)
      inode = new Inode()
      this.#names.set(path, inode)
    } else if (mode === 'create') throw Object.assign(new Error(`EEXIST: ${path}`), { code: 'EEXIST' })
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
    await this.#call(`makeDirectory ${path}`, {
      effect: () => {
        for (let at = path; !this.#folders.has(at); at = dirname(at)) this.#folders.add(at)
      },
    })
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#call(`rename ${from} ${to}`, {
      effect: () => {
        const inode = this.#names.get(from)
        if (inode === undefined) throw missing(from)
        this.#names.delete(from)
        this.#names.set(to, inode)
      },
    })
  }

  async remove(path: string): Promise<void> {
    await this.#call(`remove ${path}`, { effect: () => this.#names.delete(path) })
  }

  async removeTree(directory: string): Promise<void> {
    await this.#call(`removeTree ${directory}`, {
      effect: () => {
        for (const path of this.#names.keys()) if (path.startsWith(`${directory}/`)) this.#names.delete(path)
        for (const path of this.#folders)
          if (path === directory || path.startsWith(`${directory}/`)) this.#folders.delete(path)
      },
    })
  }

  async syncDirectory(directory: string): Promise<void> {
    await this.#call(`syncDirectory ${directory}`, {
      effect: () => {
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
      },
    })
  }

  async free(path: string): Promise<FreeSpace> {
    await this.#call(`free ${path}`)
    return this.space
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
        const effect = (share: number) => {
          if (share > 0) inode.put(bytes.subarray(0, Math.ceil(bytes.length * share)), position)
          // Under way, or failed, it is in the cache at the most.
          if (share === 1 && mode === 'write-through' && !this.#dead) inode.syncRange(position, position + bytes.length)
        }
        await this.#call(`write ${path}`, { effect, isWrite: true })
      },
      sync: () => this.#call(`sync ${path}`, { effect: () => inode.sync(), failed: () => inode.failSync() }),
      truncate: (size) => this.#call(`truncate ${path}`, { effect: () => inode.resize(size) }),
      size: async () => {
        await this.#call(`size ${path}`)
        return inode.size
      },
      close: () => this.#call(`close ${path}`),
    }
  }

  /** One call, from its beginning to its end, unless the process dies meanwhile. */
  async #call(what: string, { effect = () => {}, failed = () => {}, isWrite = false }: Effects = {}): Promise<void> {
    if (this.#dead) await never()
    const fate = this.onCall(this.calls++, what)
    if (isWrite) this.#writes.add(effect)
    if (fate === 'die before') {
      this.die()
      await never()
    }
    await this.#turn(what)
    if (this.#dead) await never()
    this.#writes.delete(effect)
    if (fate instanceof Error) {
      if (isWrite && fate.writtenShare !== undefined) effect(fate.writtenShare)
      failed()
      throw fate
    }
    effect(1)
    if (fate === 'die after') {
      this.die()
      await never()
    }
  }

  #next(folders: Set<string>, names: Map<string, Inode>, copy: (inode: Inode) => Inode): SimulatedDisk {
    const next = new SimulatedDisk({ turn: this.#turn })
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

function never(): Promise<never> {
  return new Promise(() => {})
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
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
