// The read handles of the slots just ahead of the hand: a fixed number, sliding along second by second, so that a slot is
// already open when its time comes. Only for reading: writes go anywhere in two hours and open what they need.

import type { Disk, DiskFile } from '../../storage/index.ts'

export class Window {
  readonly #disk: Disk
  readonly #seconds: number
  readonly #handles = new Map<number, DiskFile>()
  /** Seconds whose handle was taken out. */
  readonly #taken = new Set<number>()
  #sliding: Promise<void> = Promise.resolve()

  constructor(disk: Disk, seconds: number) {
    this.#disk = disk
    this.#seconds = seconds
  }

  get openCount(): number {
    return this.#handles.size
  }

  /**
   * Closes what lies before `second`, and opens those of the next seconds that have a file; beside everything else. `pathOf`
   * answers undefined where there is none.
   */
  slide(second: number, pathOf: (second: number) => string | undefined): void {
    this.#sliding = this.#sliding.then(() => this.#slide(second, pathOf))
  }

  /** The open handle of a slot, the caller's from now on; undefined when it lies outside of the window or has no file. */
  take(second: number): DiskFile | undefined {
    const file = this.#handles.get(second)
    this.#handles.delete(second)
    this.#taken.add(second)
    return file
  }

  async close(): Promise<void> {
    await this.#sliding
    for (const file of this.#handles.values()) await closed(file)
    this.#handles.clear()
  }

  async #slide(second: number, pathOf: (second: number) => string | undefined): Promise<void> {
    for (const taken of this.#taken) if (taken < second) this.#taken.delete(taken)
    for (const [open, file] of this.#handles) {
      if (open >= second && open < second + this.#seconds) continue
      this.#handles.delete(open)
      await closed(file)
    }
    for (let ahead = second; ahead < second + this.#seconds; ahead++) {
      const isWanted = !this.#handles.has(ahead) && !this.#taken.has(ahead)
      const path = isWanted ? pathOf(ahead) : undefined
      // One that cannot be opened is left out: whoever reads the slot finds out why, and derives it.
      const file = path && (await this.#disk.open(path, 'read').catch(() => undefined))
      if (!file) continue
      if (this.#taken.has(ahead)) await closed(file)
      else this.#handles.set(ahead, file)
    }
  }
}

/** Nothing was written through it, so that nothing is lost when closing fails. */
async function closed(file: DiskFile): Promise<void> {
  await file.close().catch(() => {})
}
