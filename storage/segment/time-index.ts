// From which offset on a segment may hold records as late as a given time: Kafka's `.timeindex`.
//
//   ┌────────────────┬─────────────────────────┐
//   │ timestamp <8b> │ offset − baseOffset<4b> │   the largest timestamp so far, and the last offset of the first batch
//   └────────────────┴─────────────────────────┘   that holds it
//
// Always true: timestamps and offsets grow; an entry is written with each entry of the offset index (that batch counted
// in) and once more when the segment is closed, each time only if the timestamp grew.
//
// After a crash: derived; segment-indexes.ts checks it against the segment and writes it anew when they disagree.

import type { Disk } from '../base/disk.ts'
import { readUInt64, writeUInt64 } from '../batch/record-batch.ts'
import { IndexFile } from './index-file.ts'

const ENTRY_SIZE = 12

export interface TimeEntry {
  timestampMs: number
  offset: number
}

export class TimeIndex {
  readonly #file: IndexFile
  readonly #baseOffset: number
  #lastTimestampMs = -1

  constructor(disk: Disk, path: string, baseOffset: number) {
    this.#file = new IndexFile(disk, path, ENTRY_SIZE)
    this.#baseOffset = baseOffset
  }

  /** Adds an entry if its timestamp is later than the last one's. */
  append({ timestampMs, offset }: TimeEntry): void {
    if (timestampMs <= this.#lastTimestampMs) return
    this.#lastTimestampMs = timestampMs
    const entry = this.#file.append()
    writeUInt64(entry, 0, timestampMs)
    entry.writeInt32BE(offset - this.#baseOffset, 8)
  }

  /** The entries that are earlier than `timestampMs`, the last one first: before its offset every record is earlier. */
  async *entriesBefore(timestampMs: number): AsyncGenerator<TimeEntry> {
    const entries = await this.#file.entries()
    let low = 0
    let high = entries.length / ENTRY_SIZE
    while (low < high) {
      const middle = (low + high) >>> 1
      if (readUInt64(entries, middle * ENTRY_SIZE) < timestampMs) low = middle + 1
      else high = middle
    }
    for (let at = (low - 1) * ENTRY_SIZE; at >= 0; at -= ENTRY_SIZE) {
      yield { timestampMs: readUInt64(entries, at), offset: this.#baseOffset + entries.readInt32BE(at + 8) }
    }
  }

  /** The last entry, undefined without any; 'disordered' when timestamps or offsets do not grow. */
  async last(): Promise<TimeEntry | undefined | 'disordered'> {
    const entries = await this.#file.entries()
    let timestampMs = -1
    let offset = -1
    for (let at = 0; at < entries.length; at += ENTRY_SIZE) {
      if (readUInt64(entries, at) <= timestampMs || entries.readInt32BE(at + 8) <= offset) return 'disordered'
      timestampMs = readUInt64(entries, at)
      offset = entries.readInt32BE(at + 8)
    }
    this.#lastTimestampMs = timestampMs
    return entries.length === 0 ? undefined : { timestampMs, offset: this.#baseOffset + offset }
  }

  /** Its segment is new. */
  begin(): void {
    this.#file.begin()
  }

  async clear(): Promise<void> {
    await this.#file.clear()
    this.#lastTimestampMs = -1
  }

  forget(): void {
    this.#file.forget()
  }

  async flush(sync: boolean): Promise<void> {
    await this.#file.flush(sync)
  }
}
