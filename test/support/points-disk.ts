// A disk that names the moments at which a crash is interesting: just before and just after each call that makes
// something durable or makes something disappear, and each write of a slot. The product knows nothing of it.
//
// A point is `<before|during|after> <operation> <kind>`: `before sync segment`, `after rename checkpoint`. The kind is
// derived from the path, so that all files of one kind share their points whatever the data directory holds. A slow disk
// takes its time before each of these calls takes effect, and `during` is the end of that time: what the caller did not
// wait for has long happened then.

import { basename, dirname } from 'node:path'
import type { Disk, DiskFile, FreeSpace, OpenMode } from '../../storage/index.ts'

export type OnPoint = (point: string) => void

export interface PointsOptions {
  onPoint: OnPoint
  /** The data directory itself, whose own name says nothing: its kind is `root`, that of the folder it lies in `parent`. */
  root?: string
  /** How slow the disk is; 0, without `during`, when absent. */
  slowMs?: number
  /** What the disk says is free, when it is less than what really is. */
  freeBytes?: (() => number) | undefined
}

const KIND_BY_ENDING: [ending: RegExp, kind: string][] = [
  [/\.(journal|preparing)$/, 'journal'],
  [/\.log$/, 'segment'],
  [/\.log\.cleaned$/, 'cleaned-segment'],
  [/\.log\.swap$/, 'swapped-segment'],
  [/^cleaned$/, 'cleaned-mark'],
  [/\.run$/, 'run'],
  [/\.index$/, 'offset-index'],
  [/\.timeindex$/, 'time-index'],
  [/\.slot$/, 'slot'],
  [/\.sorted$/, 'sorted-slot'],
  [/^checkpoint\.synced$/, 'synced-checkpoint'],
  [/^partition\.metadata$/, 'metadata'],
  [/^owner\.json$/, 'owner'],
  [/^reserve(\.making)?$/, 'reserve'],
]

/** The kind of a file by its name: the known ones above; else its name, without numbers and without `.new`. */
export function kindOfFile(path: string): string {
  const name = basename(path).replace(/\.new$/, '')
  for (const [ending, kind] of KIND_BY_ENDING) if (ending.test(name)) return kind
  // The log and the wheel have one each.
  if (name === 'checkpoint' && basename(dirname(path)) === 'wheel') return 'wheel-checkpoint'
  return name.replace(/[^A-Za-z.-]+/g, '#')
}

/** The kind of a folder: that of a partition (`orders-0`, `__delay-0`) is `partition`, any other is known by name. */
export function kindOfDirectory(path: string): string {
  const name = basename(path)
  return /-\d+$/.test(name) ? 'partition' : name.replace(/[^A-Za-z.-]+/g, '#')
}

export class PointsDisk implements Disk {
  readonly #under: Disk
  readonly #options: PointsOptions

  constructor(under: Disk, options: PointsOptions) {
    this.#under = under
    this.#options = options
  }

  async open(path: string, mode: OpenMode): Promise<DiskFile> {
    return new PointsFile(await this.#under.open(path, mode), mode, kindOfFile(path), this.#options)
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
    return this.#around(`rename ${kindOfFile(to)}`, () => this.#under.rename(from, to))
  }

  remove(path: string): Promise<void> {
    return this.#around(`remove ${kindOfFile(path)}`, () => this.#under.remove(path))
  }

  removeTree(directory: string): Promise<void> {
    return this.#around(`removeTree ${this.#kind(directory)}`, () => this.#under.removeTree(directory))
  }

  syncDirectory(directory: string): Promise<void> {
    const point = `syncDirectory ${this.#kind(directory)}`
    return this.#around(point, () => this.#under.syncDirectory(directory))
  }

  free(path: string): Promise<FreeSpace> {
    return this.#free(path)
  }

  async #free(path: string): Promise<FreeSpace> {
    const { bytes, files } = await this.#under.free(path)
    return { bytes: Math.min(bytes, this.#options.freeBytes?.() ?? bytes), files }
  }

  #kind(directory: string): string {
    const { root } = this.#options
    if (directory === root) return 'root'
    return root !== undefined && directory === dirname(root) ? 'parent' : kindOfDirectory(directory)
  }

  #around(point: string, run: () => Promise<void>): Promise<void> {
    return around(this.#options, point, run)
  }
}

class PointsFile implements DiskFile {
  readonly #under: DiskFile
  readonly #mode: OpenMode
  readonly #kind: string
  readonly #options: PointsOptions

  constructor(under: DiskFile, mode: OpenMode, kind: string, options: PointsOptions) {
    this.#under = under
    this.#mode = mode
    this.#kind = kind
    this.#options = options
  }

  read(into: Uint8Array, position: number): Promise<number> {
    return this.#under.read(into, position)
  }

  write(bytes: Uint8Array, position: number): Promise<void> {
    if (this.#mode !== 'write-through' && this.#kind !== 'slot') return this.#under.write(bytes, position)
    return this.#around('write', () => this.#under.write(bytes, position))
  }

  sync(): Promise<void> {
    return this.#around('sync', () => this.#under.sync())
  }

  truncate(size: number): Promise<void> {
    return this.#around('truncate', () => this.#under.truncate(size))
  }

  size(): Promise<number> {
    return this.#under.size()
  }

  close(): Promise<void> {
    return this.#under.close()
  }

  #around(operation: string, run: () => Promise<void>): Promise<void> {
    return around(this.#options, `${operation} ${this.#kind}`, run)
  }
}

async function around({ onPoint, slowMs = 0 }: PointsOptions, point: string, run: () => Promise<void>): Promise<void> {
  onPoint(`before ${point}`)
  if (slowMs > 0) {
    await new Promise((resolve) => setTimeout(resolve, slowMs))
    onPoint(`during ${point}`)
  }
  await run()
  onPoint(`after ${point}`)
}
