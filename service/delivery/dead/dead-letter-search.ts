// Finds dead letters: which may match is asked of an index in memory; only what is shown, or asked for by its content, is
// read from the log.
//
// Always true:
//   1. Indexes take at most about INDEX_BYTES_MAX: those used last are kept. A partition with more than KEPT_RECORDS_MAX
//      records is looked at in pieces, each with an index that is dropped behind it.
//   2. Looking changes nothing but these indexes.
//
// The log is read once, when an index is built; later looks read what came since.

import { DwellError, type LogEngine, Turns } from '../../../storage/index.ts'
import { type DeadLetter, DeadLetterScan, type DeadLetterScanParts, deadLetter } from '../dead-letter-scan.ts'
import { RecordReader } from '../record-reader.ts'
import { DeadIndex, type Row } from './dead-index.ts'
import { asksForContent, type DeadLetterFilter, matches } from './dead-letter-filter.ts'
import type { DeadStore } from './dead-store.ts'

const INDEX_BYTES_MAX = 64 * 1024 * 1024
const KEPT_RECORDS_MAX = 1_000_000
const PIECE_RECORDS = 100_000
const ROWS_AT_ONCE = 4_096

export interface DeadPlace {
  partition: number
  offset: number
}

export interface SearchLimits {
  from: DeadPlace
  /** By partition: nothing at or above it is looked at; the high watermarks when absent. */
  ends?: readonly number[]
  lettersMax: number
  bytesMax: number
  /** How many records are read at most, whether they match or not. */
  readsMax: number
}

export interface Findings {
  letters: DeadLetter[]
  /** Records that may have matched and cannot be read. */
  unreadable: number
  /** Where to go on; undefined when all was looked at. */
  next: DeadPlace | undefined
}

export interface DeadReason {
  cause: string
  reason: string
  count: number
  firstMs: number
  lastMs: number
}

const REASONS_MAX = 1_000

export interface DeadLetterSearchParts extends DeadLetterScanParts {
  engine: LogEngine
  store: DeadStore
}

export class DeadLetterSearch {
  readonly #parts: DeadLetterSearchParts
  readonly #scan: DeadLetterScan
  /** By topic and partition, the one used last at the end. */
  readonly #kept = new Map<string, { index: DeadIndex; turns: Turns }>()
  #evicted = false

  constructor(parts: DeadLetterSearchParts) {
    this.#parts = parts
    this.#scan = new DeadLetterScan(parts)
  }

  async find(name: string, filter: DeadLetterFilter, limits: SearchLimits): Promise<Findings> {
    const { engine, log } = this.#parts
    const { lettersMax, bytesMax, readsMax } = limits
    const findings: Findings = { letters: [], unreadable: 0, next: undefined }
    const reader = new RecordReader(engine, log)
    let bytes = 0
    let reads = 0
    for await (const { place, rows } of this.#rows(name, filter, { ...limits, atOnce: lettersMax + 1 })) {
      for (const { offset } of rows) {
        if (findings.letters.length >= lettersMax || bytes >= bytesMax || reads >= readsMax) {
          return { ...findings, next: { partition: place.partition, offset } }
        }
        reads++
        const letter = await this.#read(reader, place, offset)
        if (letter === undefined) findings.unreadable++
        else if (matches(letter, filter)) {
          findings.letters.push(letter)
          bytes += letter.body.length
        }
      }
    }
    return findings
  }

  async count(name: string, filter: DeadLetterFilter): Promise<number> {
    let count = 0
    for await (const { certain } of this.#certainRows(name, filter)) count += certain.length
    return count
  }

  /** The most frequent ones, and how many dead letters died of something else. */
  async reasons(name: string, filter: DeadLetterFilter): Promise<{ reasons: DeadReason[]; others: number }> {
    const byDeath = new Map<string, DeadReason>()
    let others = 0
    for await (const { index, certain } of this.#certainRows(name, filter)) {
      for (const { death, diedAtMs } of certain) {
        if (death === 0) {
          others++
          continue
        }
        const { cause, reason } = index.deaths[death]
        const key = `${cause}\0${reason}`
        const known = byDeath.get(key)
        if (known === undefined) byDeath.set(key, { cause, reason, count: 1, firstMs: diedAtMs, lastMs: diedAtMs })
        else {
          known.count++
          known.firstMs = Math.min(known.firstMs, diedAtMs)
          known.lastMs = Math.max(known.lastMs, diedAtMs)
        }
      }
    }
    const all = [...byDeath.values()].sort((a, b) => b.count - a.count || (a.reason < b.reason ? -1 : 1))
    for (const { count } of all.slice(REASONS_MAX)) others += count
    return { reasons: all.slice(0, REASONS_MAX), others }
  }

  /** How many records an index that is kept has yet to take in. */
  behind(name: string): number {
    const { engine } = this.#parts
    const { id, partitions } = engine.topic(name) ?? { id: 0, partitions: 0 }
    let behind = 0
    for (let partition = 0; partition < partitions; partition++) {
      const { logStartOffset, highWatermark } = engine.offsets(name, partition)
      if (highWatermark - logStartOffset > KEPT_RECORDS_MAX) continue
      const index = this.#kept.get(`${name}/${partition}`)?.index
      // What had to make room is built again when somebody looks, not with every record that dies.
      if (index === undefined && this.#evicted) continue
      behind += highWatermark - Math.max(logStartOffset, index?.topicId === id ? index.end : 0)
    }
    return behind
  }

  /** Builds the index, so that the next look need not. */
  async warm(name: string): Promise<void> {
    for await (const _ of this.#rows(name, { cause: '' }, {}));
  }

  /** Rows that do match: where their index is not enough to tell, the record is read. */
  async *#certainRows(name: string, filter: DeadLetterFilter): AsyncGenerator<{ index: DeadIndex; certain: Row[] }> {
    const reader = new RecordReader(this.#parts.engine, this.#parts.log)
    const byDeath = filter.reason !== undefined || filter.cause !== undefined
    const byContent = asksForContent(filter)
    for await (const { index, place, rows } of this.#rows(name, filter, {})) {
      const certain: Row[] = []
      for (const row of rows) {
        if (byContent || (byDeath && row.death === 0)) {
          const letter = await this.#read(reader, place, row.offset)
          if (letter === undefined || !matches(letter, filter)) continue
        }
        certain.push(row)
      }
      yield { index, certain }
    }
  }

  async *#rows(
    name: string,
    filter: DeadLetterFilter,
    {
      from,
      ends,
      atOnce = ROWS_AT_ONCE,
    }: {
      from?: DeadPlace
      ends?: readonly number[]
      atOnce?: number
    },
  ) {
    const { engine, store } = this.#parts
    const { id, partitions } = engine.topic(name) ?? { id: 0, partitions: 0 }
    const max = Math.min(atOnce, ROWS_AT_ONCE)
    for (let partition = from?.partition ?? 0; partition < partitions; partition++) {
      const place = { topic: name, partition }
      const { logStartOffset, highWatermark } = engine.offsets(name, partition)
      const end = Math.min(ends?.[partition] ?? (ends === undefined ? highWatermark : 0), highWatermark)
      let at = Math.max(logStartOffset, partition === from?.partition ? from.offset : 0)
      for await (const index of this.#indexes(name, partition, at, end)) {
        const to = Math.min(end, index.end)
        for (let isMore = true; isMore; ) {
          const rows = index.select(filter, { from: at, to, removed: store.removed(id, partition), max })
          isMore = rows.length === max
          if (rows.length === 0) continue
          at = rows[rows.length - 1].offset + 1
          yield { index, place, rows }
        }
      }
    }
  }

  /** Indexes that together cover `from` to before `to`. */
  async *#indexes(name: string, partition: number, from: number, to: number): AsyncGenerator<DeadIndex> {
    const { engine } = this.#parts
    const topicId = engine.topic(name)?.id ?? 0
    const { logStartOffset } = engine.offsets(name, partition)
    if (from >= to) return
    if (to - logStartOffset <= KEPT_RECORDS_MAX) {
      yield await this.#keptIndex(name, partition, to)
      return
    }
    for (let at = from; at < to; at += PIECE_RECORDS) {
      const index = new DeadIndex(topicId, at)
      await this.#fill(index, name, partition, Math.min(to, at + PIECE_RECORDS))
      yield index
    }
  }

  async #keptIndex(name: string, partition: number, to: number): Promise<DeadIndex> {
    const { engine } = this.#parts
    const key = `${name}/${partition}`
    const topicId = engine.topic(name)?.id ?? 0
    const { logStartOffset } = engine.offsets(name, partition)
    let kept = this.#kept.get(key)
    const mostIsGone =
      kept !== undefined && logStartOffset - kept.index.first > Math.max(PIECE_RECORDS, to - logStartOffset)
    if (kept === undefined || kept.index.topicId !== topicId || mostIsGone) {
      kept = { index: new DeadIndex(topicId, logStartOffset), turns: new Turns(1) }
    }
    const { index, turns } = kept
    this.#kept.delete(key)
    this.#kept.set(key, kept)
    await turns.run(() => this.#fill(index, name, partition, to))
    this.#evict()
    return index
  }

  async #fill(index: DeadIndex, name: string, partition: number, to: number): Promise<void> {
    if (index.end >= to) return
    const { logStartOffset } = this.#parts.engine.offsets(name, partition)
    const first = Math.max(index.end, logStartOffset)
    for await (const { rows, nextOffset } of this.#scan.partition(name, partition, { first, end: to })) {
      for (const row of rows) index.add(row)
      index.end = nextOffset
    }
    index.end = Math.max(index.end, to)
  }

  #evict(): void {
    let size = 0
    for (const { index } of this.#kept.values()) size += index.size
    for (const [key, { index }] of this.#kept) {
      if (size <= INDEX_BYTES_MAX) return
      this.#kept.delete(key)
      this.#evicted = true
      size -= index.size
    }
  }

  async #read(reader: RecordReader, place: { topic: string; partition: number }, offset: number) {
    const record = await reader.read(place, offset)
    if (record === undefined) return undefined
    try {
      return deadLetter({ ...place, offset }, record)
    } catch (error) {
      if (!(error instanceof DwellError) || error.code !== 'RECORD_DAMAGED') throw error
      return undefined
    }
  }
}
