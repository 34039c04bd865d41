// Finds dead letters: which may match is asked of an index in memory (dead-indexes.ts); only what is shown or moved, or what
// an index cannot tell, is read from the log. Looking changes nothing.
//
// Order is (partition, offset): records that die meanwhile come behind those of their partition.

import { DwellError, type LogEngine } from '../../../storage/index.ts'
import { type RecordPlace, RecordReader } from '../source/record-reader.ts'
import type { Row } from './dead-index.ts'
import { DeadIndexes, type DeadIndexesParts } from './dead-indexes.ts'
import { type DeadLetter, deadLetter } from './dead-letter.ts'
import { type DeadLetterFilter, matches } from './dead-letter-filter.ts'
import { DeadProbe } from './dead-probe.ts'
import { DeadReasons, type ReasonsFound } from './dead-reasons.ts'
import type { DeadStore } from './dead-store.ts'
import { Slices } from './slices.ts'

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
  /** How long it is looked, about. */
  forMs: number
}

export interface Findings {
  letters: DeadLetter[]
  /** Records that may have matched and cannot be read. */
  unreadable: number
  /** Where to go on; undefined when all was looked at. */
  next: DeadPlace | undefined
}

/** Rows of one partition, in order; `next` is where to go on in it. */
interface Found {
  place: RecordPlace
  rows: Row[]
  next: number
}

export interface DeadLetterSearchParts extends DeadIndexesParts {
  engine: LogEngine
  store: DeadStore
}

export class DeadLetterSearch {
  readonly indexes: DeadIndexes
  readonly #parts: DeadLetterSearchParts
  readonly #slices: Slices

  constructor(parts: DeadLetterSearchParts) {
    this.#parts = parts
    this.#slices = new Slices(parts.clock)
    this.indexes = new DeadIndexes(parts)
  }

  async find(topic: string, filter: DeadLetterFilter, limits: SearchLimits): Promise<Findings> {
    const { clock } = this.#parts
    const { from, ends, lettersMax, bytesMax, forMs } = limits
    const reader = this.#reader()
    const untilMs = clock.monotonicMs() + forMs
    const findings: Findings = { letters: [], unreadable: 0, next: undefined }
    let bytes = 0
    for await (const { place, rows, next } of this.#rows(topic, filter, { from, ends, atOnce: lettersMax + 1 })) {
      for (const { offset } of rows) {
        const isEnough = findings.letters.length >= lettersMax || bytes >= bytesMax || clock.monotonicMs() > untilMs
        if (isEnough) return { ...findings, next: { partition: place.partition, offset } }
        const letter = await this.#read(reader, place, offset)
        if (letter === undefined) findings.unreadable++
        else if (matches(letter, filter)) {
          findings.letters.push(letter)
          bytes += letter.body.length
        }
      }
      if (clock.monotonicMs() > untilMs) return { ...findings, next: { partition: place.partition, offset: next } }
    }
    return findings
  }

  /** The places of those that match, `max` at most or a few more: records are read only where the index cannot be sure. */
  async places(
    topic: string,
    filter: DeadLetterFilter,
    { from, ends, max, forMs }: { from: DeadPlace; ends: readonly number[]; max: number; forMs: number },
  ): Promise<{ removal: Map<number, number[]>; count: number; next: DeadPlace | undefined }> {
    const { clock } = this.#parts
    const untilMs = clock.monotonicMs() + forMs
    const removal = new Map<number, number[]>()
    let count = 0
    // What is removed for ever is removed for what it says, not for its fingerprint.
    const mustRead = filter.key !== undefined || filter.headers !== undefined
    for await (const { place, rows, next } of this.#certain(topic, filter, { from, ends, atOnce: max, mustRead })) {
      const { partition } = place
      if (rows.length > 0)
        removal.set(partition, [...(removal.get(partition) ?? []), ...rows.map(({ offset }) => offset)])
      count += rows.length
      if (count >= max || clock.monotonicMs() > untilMs) return { removal, count, next: { partition, offset: next } }
    }
    return { removal, count, next: undefined }
  }

  async count(topic: string, filter: DeadLetterFilter, ends?: readonly number[]): Promise<number> {
    let count = 0
    for await (const { rows } of this.#certain(topic, filter, { ends })) count += rows.length
    return count
  }

  async reasons(topic: string, filter: DeadLetterFilter): Promise<ReasonsFound> {
    const reasons = new DeadReasons()
    for await (const { rows } of this.#certain(topic, filter, {})) for (const row of rows) reasons.add(row)
    return reasons.found()
  }

  /** Rows that do match. */
  async *#certain(
    topic: string,
    filter: DeadLetterFilter,
    how: { from?: DeadPlace; ends?: readonly number[]; atOnce?: number; mustRead?: boolean },
  ): AsyncGenerator<Found> {
    const reader = this.#reader()
    for await (const found of this.#rows(topic, filter, how)) {
      const isSure = !how.mustRead && found.rows.every(({ isCertain }) => isCertain)
      yield isSure ? found : { ...found, rows: await this.#matching(reader, found, filter) }
    }
  }

  async #matching(reader: RecordReader, { place, rows }: Found, filter: DeadLetterFilter): Promise<Row[]> {
    const matching: Row[] = []
    for (const row of rows) {
      const letter = await this.#read(reader, place, row.offset)
      if (letter !== undefined && matches(letter, filter)) matching.push(row)
    }
    return matching
  }

  /** Rows that may match; now and then none, so that whoever looks can stop. */
  async *#rows(
    topic: string,
    filter: DeadLetterFilter,
    { from, ends, atOnce = ROWS_AT_ONCE }: { from?: DeadPlace; ends?: readonly number[]; atOnce?: number },
  ): AsyncGenerator<Found> {
    const { engine, store } = this.#parts
    const probe = new DeadProbe(filter, this.indexes.fingerprints)
    const max = Math.min(atOnce, ROWS_AT_ONCE)
    const { id, partitions } = engine.topic(topic) ?? { id: 0, partitions: 0 }
    for (let partition = from?.partition ?? 0; partition < partitions; partition++) {
      const place = { topic, partition }
      const { logStartOffset, highWatermark } = engine.offsets(topic, partition)
      const end = Math.min(ends === undefined ? highWatermark : (ends[partition] ?? 0), highWatermark)
      const begin = Math.max(logStartOffset, partition === from?.partition ? from.offset : 0)
      for await (const { index, from, to } of this.indexes.covering(topic, partition, { from: begin, to: end })) {
        if (from === to) yield { place, rows: [], next: from }
        for (let at = from; at < to; ) {
          const { rows, next } = index.select(probe, { from: at, to, removed: store.removed(id, partition), max })
          yield { place, rows, next }
          at = next
          await this.#slices.rest()
        }
      }
    }
  }

  #reader(): RecordReader {
    return new RecordReader(this.#parts.engine, this.#parts.log)
  }

  /** undefined when it cannot be read. */
  async #read(reader: RecordReader, place: RecordPlace, offset: number): Promise<DeadLetter | undefined> {
    await this.#slices.rest()
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
