// Records of a source that were passed over because their key had another record under way.
//
// Always true:
//   1. They come in the order of their offsets, and leave it by key: of each key the first is the next.
//   2. `#free` holds the keys with a record here that may begin: what becomes free is told, never searched.
//   3. Bodies are in the log. Only what is about to be acquired is read, and may be dropped at any time.
//
// The bound is PARKED_MAX a source: so far, and no further, a source looks ahead behind records whose keys are busy.
//
// After a crash: places and hashes stand in `__groups` (group-log.ts).

import { DwellError, type LogEngine, readPage, type StoredRecord } from '../../storage/index.ts'
import type { ReadAheadBudget } from './read-ahead.ts'

export const PARKED_MAX = 10_000

const READ_SIZE = 64 * 1024
const KEPT_BYTES_MAX = 4 * 1024 * 1024

export interface ParkedPlace {
  offset: number
  /** Of its key (key-turns.ts). */
  hash: number
}

interface Entry extends ParkedPlace {
  record: StoredRecord | undefined
}

export class Parked {
  readonly #budget: ReadAheadBudget
  readonly #byOffset = new Map<number, Entry>()
  readonly #byKey = new Map<number, Entry[]>()
  readonly #free = new Set<number>()
  readonly #read = new Set<Entry>()

  constructor(budget: ReadAheadBudget) {
    this.#budget = budget
  }

  get count(): number {
    return this.#byOffset.size
  }

  get isFull(): boolean {
    return this.count >= PARKED_MAX
  }

  /** undefined when there is none. */
  get firstOffset(): number | undefined {
    return this.#byOffset.keys().next().value
  }

  /** In order of their offsets. */
  get places(): Iterable<ParkedPlace> {
    return this.#byOffset.values()
  }

  /** How many lie at or behind `offset`; quick where all do. */
  countFrom(offset: number): number {
    return this.count - this.#before(offset).length
  }

  has(offset: number): boolean {
    return this.#byOffset.has(offset)
  }

  /** How many of its key were passed over before a record that is parked; undefined for one that is not. */
  aheadOf(offset: number): number | undefined {
    const entry = this.#byOffset.get(offset)
    return entry && this.#byKey.get(entry.hash)?.indexOf(entry)
  }

  countOf(hash: number): number {
    return this.#byKey.get(hash)?.length ?? 0
  }

  hasKey(hash: number): boolean {
    return this.#byKey.has(hash)
  }

  /** Adds one behind all others. Its key is busy, or has others here. */
  add({ offset, hash }: ParkedPlace): void {
    const entry = { offset, hash, record: undefined }
    this.#byOffset.set(offset, entry)
    const ofKey = this.#byKey.get(hash)
    if (ofKey === undefined) this.#byKey.set(hash, [entry])
    else ofKey.push(entry)
  }

  remove(offset: number): void {
    const entry = this.#byOffset.get(offset)
    if (entry === undefined) return
    this.#byOffset.delete(offset)
    if (this.#read.delete(entry) && this.#read.size === 0) this.#budget.letGo(this)
    const ofKey = this.#byKey.get(entry.hash) ?? []
    ofKey.splice(ofKey.indexOf(entry), 1)
    if (ofKey.length > 0) return
    this.#byKey.delete(entry.hash)
    this.#free.delete(entry.hash)
  }

  clear(): void {
    this.drop()
    this.#byOffset.clear()
    this.#byKey.clear()
    this.#free.clear()
  }

  keyFreed(hash: number): void {
    if (this.#byKey.has(hash)) this.#free.add(hash)
  }

  keyTaken(hash: number): void {
    this.#free.delete(hash)
  }

  /** Asks anew for each key whether it is free. */
  sort(isBusy: (hash: number) => boolean): void {
    this.#free.clear()
    for (const hash of this.#byKey.keys()) if (!isBusy(hash)) this.#free.add(hash)
  }

  /** Those that may begin and are read, at most `max`, by offset. */
  ready(max: number): StoredRecord[] {
    const records: StoredRecord[] = []
    for (const { record } of this.#nexts()) {
      if (records.length >= max) break
      if (record !== undefined) records.push(record)
    }
    return records.sort((a, b) => a.offset - b.offset)
  }

  /** The first of each free key. */
  *#nexts(): Iterable<Entry> {
    for (const hash of this.#free) {
      const [first] = this.#byKey.get(hash) ?? []
      if (first !== undefined) yield first
    }
  }

  /** Reads what may begin, at most `max`; answers the offsets of what is no longer there or not readable. */
  async read(engine: LogEngine, topic: string, partition: number, max: number): Promise<number[]> {
    const gone = this.#before(engine.offsets(topic, partition).logStartOffset)
    if (gone.length > 0) return gone
    const wanted: Entry[] = []
    let known = 0
    for (const entry of this.#nexts()) {
      if (known++ >= max) break
      if (entry.record === undefined) wanted.push(entry)
    }
    wanted.sort((a, b) => a.offset - b.offset)
    const lost: number[] = []
    let bytes = 0
    for (let i = 0; i < wanted.length && bytes < KEPT_BYTES_MAX; ) {
      const { offset } = wanted[i]
      const page = await readFrom(engine, topic, partition, offset)
      let at = 0
      do {
        const entry = wanted[i++]
        while (at < page.length && page[at].offset < entry.offset) at++
        if (page[at]?.offset !== entry.offset) lost.push(entry.offset)
        else if (this.#byOffset.get(entry.offset) === entry) {
          const { timestampMs, body } = page[at]
          entry.record = { offset: entry.offset, timestampMs, body: Buffer.from(body as Buffer) }
          this.#read.add(entry)
          bytes += body.length
        }
      } while (i < wanted.length && page.length > 0 && wanted[i].offset <= page[page.length - 1].offset)
    }
    if (bytes > 0) this.#hold()
    return lost.filter((offset) => this.#byOffset.has(offset))
  }

  #before(offset: number): number[] {
    const before: number[] = []
    for (const place of this.places) {
      if (place.offset >= offset) break
      before.push(place.offset)
    }
    return before
  }

  #hold(): void {
    let size = 0
    for (const { record } of this.#read) size += record?.body.length ?? 0
    this.#budget.hold(this, size)
  }

  /** Lets go of bodies. */
  drop(): void {
    for (const entry of this.#read) entry.record = undefined
    this.#read.clear()
    this.#budget.letGo(this)
  }
}

/** Errors that trying again does not mend: the record is not there, or not readable. */
const LOST = new Set(['OFFSET_OUT_OF_RANGE', 'BATCH_DAMAGED', 'RECORD_DAMAGED', 'CODEC_UNSUPPORTED', 'BATCH_TOO_LARGE'])

async function readFrom(engine: LogEngine, topic: string, partition: number, offset: number): Promise<StoredRecord[]> {
  try {
    return readPage(await engine.read(topic, partition, offset, READ_SIZE), offset).records
  } catch (error) {
    if (error instanceof DwellError && LOST.has(error.code)) return []
    throw error
  }
}
