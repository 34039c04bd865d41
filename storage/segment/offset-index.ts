// Where in a segment an offset lies: Kafka's `.index`.
//
//   ┌────────────────────────────┬───────────────┐
//   │ lastOffset − baseOffset<4b>│ position <4b> │   per entry: a batch's last offset, and where in the .log it begins
//   └────────────────────────────┴───────────────┘
//
// Always true:
//   1. A batch gets an entry when more than 4096 bytes came before it since the last entry, so the first never has one.
//   2. Offsets and positions grow.
//
// After a crash: derived; segment-indexes.ts checks it against the segment and writes it anew when they disagree.

import type { Disk } from '../base/disk.ts'
import { IndexFile } from './index-file.ts'

export const INDEX_INTERVAL_BYTES = 4096
const ENTRY_SIZE = 8

export interface OffsetEntry {
  lastOffset: number
  position: number
}

export class OffsetIndex {
  readonly #file: IndexFile
  readonly #baseOffset: number

  constructor(disk: Disk, path: string, baseOffset: number) {
    this.#file = new IndexFile(disk, path, ENTRY_SIZE)
    this.#baseOffset = baseOffset
  }

  append({ lastOffset, position }: OffsetEntry): void {
    const entry = this.#file.append()
    entry.writeInt32BE(lastOffset - this.#baseOffset, 0)
    entry.writeInt32BE(position, 4)
  }

  /** Where to begin looking for `offset`: the last entry not above it; undefined for the beginning. */
  async entryBefore(offset: number): Promise<OffsetEntry | undefined> {
    const entries = await this.#file.entries()
    let low = 0
    let high = entries.length / ENTRY_SIZE
    while (low < high) {
      const middle = (low + high) >>> 1
      if (entries.readInt32BE(middle * ENTRY_SIZE) <= offset - this.#baseOffset) low = middle + 1
      else high = middle
    }
    if (low === 0) return undefined
    const at = (low - 1) * ENTRY_SIZE
    return { lastOffset: this.#baseOffset + entries.readInt32BE(at), position: entries.readInt32BE(at + 4) }
  }

  /** The last entry, undefined without any; 'disordered' when offsets or positions do not grow. */
  async last(): Promise<OffsetEntry | undefined | 'disordered'> {
    const entries = await this.#file.entries()
    let offset = -1
    let position = 0
    for (let at = 0; at < entries.length; at += ENTRY_SIZE) {
      if (entries.readInt32BE(at) <= offset || entries.readInt32BE(at + 4) <= position) return 'disordered'
      offset = entries.readInt32BE(at)
      position = entries.readInt32BE(at + 4)
    }
    return entries.length === 0 ? undefined : { lastOffset: this.#baseOffset + offset, position }
  }

  /** Its segment is new. */
  begin(): void {
    this.#file.begin()
  }

  async clear(): Promise<void> {
    await this.#file.clear()
  }

  forget(): void {
    this.#file.forget()
  }

  async flush(sync: boolean): Promise<void> {
    await this.#file.flush(sync)
  }
}
