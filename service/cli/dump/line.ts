// What `dwell dump` prints: a line, or a line that says where and why a file is damaged.

export type Line = string | { damage: string }

export interface DumpOptions {
  /** At most so many frames, batches, entries or rows; all when absent. */
  limit?: number
  /** Begin at this byte, or behind it at the next thing that begins. */
  fromByte?: number
  /** Leave out what lies before this offset. */
  fromOffset?: number
  /** Print the records of batches. */
  records: boolean
  /** Print the records' values too. */
  values: boolean
}

/** Counts what was printed against the limit. */
export class Limit {
  #left: number

  constructor({ limit }: DumpOptions) {
    this.#left = limit ?? Number.POSITIVE_INFINITY
  }

  /** False when nothing more is to be printed. */
  take(): boolean {
    return this.#left-- > 0
  }
}
