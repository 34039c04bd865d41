// Where a repair puts what it takes away: `aside/<time>/` in the data directory, by the paths that things had, with a file
// `why.txt` that says of each what it is. Nothing is ever taken away without lying there durably before.

import { dirname, join, relative } from 'node:path'
import type { Disk } from '../base/disk.ts'

const COPY_BYTES = 1024 * 1024
const ASIDE = 'aside'

export class Aside {
  readonly #disk: Disk
  readonly #data: string
  readonly directory: string
  #reasons = ''

  /** For a repair of the data directory `data` that began at `nowMs`. */
  constructor(disk: Disk, data: string, nowMs: number) {
    this.#disk = disk
    this.#data = data
    this.directory = join(data, ASIDE, new Date(nowMs).toISOString().replaceAll(':', '-'))
  }

  /** Moves a file or a folder here; does nothing when there is none. */
  async move(path: string, why: string): Promise<void> {
    const names = await this.#disk.list(dirname(path))
    if (!names.includes(path.slice(dirname(path).length + 1))) return
    const to = await this.#placeOf(path)
    await this.#say(to, why)
    await this.#disk.rename(path, to)
    await this.#disk.syncDirectory(dirname(to))
    await this.#disk.syncDirectory(dirname(path))
  }

  /** Copies the bytes of a file from `position` to `end` here; all of them when nothing else is said. */
  async copy(path: string, why: string, position = 0, end?: number): Promise<void> {
    const size = await this.#disk.size(path)
    if (size === undefined) return
    const until = Math.min(size, end ?? size)
    const isWhole = position === 0 && until === size
    const to = (await this.#placeOf(path)) + (isWhole ? '' : `.bytes-${position}-${until - 1}`)
    await this.#say(to, why)
    await copyBytes(this.#disk, path, to, position, until)
    await this.#disk.syncDirectory(dirname(to))
  }

  /** Writes down what was done beside moving and copying. */
  async note(sentence: string): Promise<void> {
    await this.#disk.makeDirectory(this.directory)
    await this.#write(`${sentence}\n`)
  }

  async #placeOf(path: string): Promise<string> {
    const to = join(this.directory, relative(this.#data, path))
    await this.#disk.makeDirectory(dirname(to))
    // Up to the folder that was there before: the names in between are new.
    for (let at = dirname(to); at.length >= this.#data.length; at = dirname(at)) await this.#disk.syncDirectory(at)
    return to
  }

  async #say(to: string, why: string): Promise<void> {
    await this.#write(`${relative(this.directory, to)}: ${why}\n`)
  }

  async #write(line: string): Promise<void> {
    this.#reasons += line
    const file = await this.#disk.open(join(this.directory, 'why.txt'), 'write')
    try {
      await file.write(Buffer.from(this.#reasons), 0)
      await file.sync()
    } finally {
      await file.close()
    }
    await this.#disk.syncDirectory(this.directory)
  }
}

async function copyBytes(disk: Disk, from: string, to: string, position: number, end: number): Promise<void> {
  const source = await disk.open(from, 'read')
  try {
    const target = await disk.open(to, 'write')
    try {
      await target.truncate(0)
      for (let at = position; at < end; at += COPY_BYTES) {
        const bytes = Buffer.alloc(Math.min(COPY_BYTES, end - at))
        await target.write(bytes.subarray(0, await source.read(bytes, at)), at - position)
      }
      await target.sync()
    } finally {
      await target.close()
    }
  } finally {
    await source.close()
  }
}
