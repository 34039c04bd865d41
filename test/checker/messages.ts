// What is known of each message, in columns: a million of them take some hundred megabytes less than as many objects.
// A row is a message's number.

export const POSSIBLE = 1
export const ANSWERED = 2
export const DELAYED = 4
export const OWN_ID = 8
/** Its due time was asked for as such. */
export const BY_TIME = 16
/** Somebody asked to change it. */
export const CHANGED = 32
/** Two changes met, or the outcome of one is not known: nobody can say what it is now without looking at all of them. */
export const UNSURE = 64
/** Where it is was told by what was asked of its state, not by its publication. */
export const TOLD_LATER = 128
/** Its publication is under way. */
export const TRYING = 256
/** A consumer had it. */
export const RECEIVED = 512

const FIRST_ROWS = 4096

export class Messages {
  /** The highest number. */
  last = 0
  flags = new Uint16Array(FIRST_ROWS)
  topic = new Uint8Array(FIRST_ROWS)
  publisher = new Uint16Array(FIRST_ROWS)
  batch = new Int32Array(FIRST_ROWS)
  /** When it was asked to be due. */
  askedMs = new Float64Array(FIRST_ROWS)
  /** The due time that was answered last; that was asked for while none was. */
  dueMs = new Float64Array(FIRST_ROWS)
  /** When its publication was answered first. */
  answeredMs = new Float64Array(FIRST_ROWS)
  /** The event from which on `dueMs` holds, and its time. */
  sureFrom = new Float64Array(FIRST_ROWS)
  sureFromMs = new Float64Array(FIRST_ROWS)
  /** The event from which on it is known to wait no more: it was cancelled, dispatched, or seen. */
  overFrom = new Float64Array(FIRST_ROWS)
  /** Changes that were asked for and not answered. */
  openChanges = new Uint8Array(FIRST_ROWS)
  /** Where it was seen first, by a read that was asked for and answered in these events. */
  partition = new Int16Array(FIRST_ROWS)
  offset = new Float64Array(FIRST_ROWS)
  timestampMs = new Float64Array(FIRST_ROWS)
  seenAsked = new Float64Array(FIRST_ROWS)
  seenFrom = new Float64Array(FIRST_ROWS)
  /** The last final read in which it was seen; 0 for none. */
  seenIn = new Uint8Array(FIRST_ROWS)
  /** Where it was answered to be when it was published. */
  toldPartition = new Int16Array(FIRST_ROWS)
  toldOffset = new Float64Array(FIRST_ROWS)
  readonly topics: string[] = []
  readonly #topicIndexes = new Map<string, number>()

  has(n: number): boolean {
    return n <= this.last && this.topic[n] !== 0
  }

  /** A new row, of a message for `topic`. */
  add(n: number, topic: string): void {
    while (n >= this.flags.length) this.#grow()
    this.last = Math.max(this.last, n)
    this.topic[n] = this.#topicIndex(topic)
    this.partition[n] = this.toldPartition[n] = -1
    this.answeredMs[n] = this.sureFrom[n] = this.seenFrom[n] = this.overFrom[n] = Number.POSITIVE_INFINITY
  }

  topicOf(n: number): string {
    return this.topics[this.topic[n]]
  }

  isTopic(name: string): boolean {
    return this.#topicIndexes.has(name)
  }

  is(n: number, flag: number): boolean {
    return (this.flags[n] & flag) !== 0
  }

  wasSeen(n: number): boolean {
    return this.partition[n] >= 0
  }

  /** All rows that have all of `flags`. */
  *rows(flags = 0): Iterable<number> {
    for (let n = 0; n <= this.last; n++) if (this.topic[n] !== 0 && (this.flags[n] & flags) === flags) yield n
  }

  #topicIndex(name: string): number {
    let index = this.#topicIndexes.get(name)
    if (index === undefined) {
      index = this.#topicIndexes.size + 1
      this.#topicIndexes.set(name, index)
      this.topics[index] = name
    }
    return index
  }

  #grow(): void {
    for (const [name, column] of Object.entries(this)) {
      if (!ArrayBuffer.isView(column)) continue
      const small = column as Float64Array
      const large = new (small.constructor as Float64ArrayConstructor)(small.length * 2)
      large.set(small)
      Object.assign(this, { [name]: large })
    }
  }
}
