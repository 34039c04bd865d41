// The read handles of the slots just ahead of the hand: a fixed number, sliding along second by second, so that a slot is
// already open when its time comes. Only for reading: writes go anywhere in two hours and open what they need.

import type { Disk, DiskFile } from '../storage/index.ts'

export class Window {
  readonly #disk: Disk
  readonly #seconds: number
  readonly #handles = new Map<number, DiskFile>()

  constructor(disk: Disk, seconds: number) {
    this.#disk = disk
    this.#seconds = seconds
  }

  get openCount(): number {
    return this.#handles.size
  }

  /** Closes what lies before `second`, and opens those of the next seconds that have a file. `pathOf` answers undefined where there is none. */
  async slide(second: number, pathOf: (second: number) => string | undefined): Promise<void> {
    for (const [open, file] of this.#handles) {
      if (open >= second && open < second + this.#seconds) continue
      this.#handles.delete(open)
      await closed(file)
    }
    for (let ahead = second; ahead < second + this.#seconds; ahead++) {
      const path = this.#handles.has(ahead) ? undefined : pathOf(ahead)
      // One that cannot be opened is left out: whoever reads the slot finds out why, and derives it.
      const file = path && (await this.#disk.open(path, 'read').catch(() => undefined))
      if (file) this.#handles.set(ahead, file)
    }
  }

  /** The open handle of a slot; undefined when it lies outside of the window or has no file. */
  handle(second: number): DiskFile | undefined {
    return this.#handles.get(second)
  }

  async close(): Promise<void> {
    for (const file of this.#handles.values()) await closed(file)
    this.#handles.clear()
  }
}

/** Nothing was written through it, so that nothing is lost when closing fails. */
async function closed(file: DiskFile): Promise<void> {
  await file.close().catch(() => {})
}
