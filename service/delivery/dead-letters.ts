// The dead letters of a group: its dead-letter topic, read as records that tell what happened to them. Looking changes
// nothing. Order and cursor are (partition, offset): records that die meanwhile come behind those of their partition.

import { DwellError, decodeRecordBody, type LogEngine, type RecordBody } from '../../storage/index.ts'
import { type DeadLetter, DeadLetterScan, type DeadLetterScanParts } from './dead-letter-scan.ts'
import { deadLetterTopic } from './lane.ts'

export type { DeadLetter } from './dead-letter-scan.ts'

export interface DeadLetterFilter {
  /** Is part of the last reason. */
  reason?: string
  cause?: string
  key?: string
  /** Header name → value; all of them are equal. */
  headers?: Readonly<Record<string, string>>
  /** Died at or after this, and before that; epoch milliseconds. */
  fromMs?: number
  toMs?: number
}

export interface DeadLetterPage {
  records: DeadLetter[]
  /** Pass it as `after` for more; null at the end. A page may be short, even empty, and still have more behind it. */
  after: string | null
}

/** A filter that nothing matches must not read the whole topic in one call, nor a page fill memory. */
const SCAN_RECORDS_MAX = 20_000
const PAGE_BYTES_MAX = 16 * 1024 * 1024

export interface DeadLettersOptions extends DeadLetterScanParts {
  /** Throws when there is no such group. */
  check(topic: string, group: string): Promise<void>
}

/** What a partition was found to hold from `logStartOffset` to `end`. */
interface Tally {
  topicId: number
  logStartOffset: number
  end: number
  count: number
}

const TALLIES_MAX = 10_000

/** Dead letters of a group that is no more are shown as long as their topic is there. */
export class DeadLetters {
  readonly #options: DeadLettersOptions
  readonly #scan: DeadLetterScan
  /** By name and partition: counting again looks only at what came since. Derived. */
  readonly #tallies = new Map<string, Tally>()

  constructor(options: DeadLettersOptions) {
    this.#options = options
    this.#scan = new DeadLetterScan(options)
  }

  /** @throws CURSOR_INVALID, TOPIC_NOT_FOUND, GROUP_NOT_FOUND */
  async list(
    topic: string,
    group: string,
    { limit, after, filter }: { limit: number; after?: string; filter?: DeadLetterFilter },
  ): Promise<DeadLetterPage> {
    const records: DeadLetter[] = []
    const [partition, offset] = after === undefined ? [0, 0] : parseCursor(after)
    let scanned = 0
    let bytes = 0
    const name = await this.#topicOf(topic, group)
    for await (const { place, letter } of this.#scan.all(name, partition, offset)) {
      if (records.length >= limit || scanned >= SCAN_RECORDS_MAX || bytes >= PAGE_BYTES_MAX) {
        return { records, after: `${place.partition}.${place.offset}` }
      }
      scanned++
      if (letter === undefined || !matches(letter, filter)) continue
      records.push(letter)
      bytes += letter.body.length
    }
    return { records, after: null }
  }

  /** @throws TOPIC_NOT_FOUND, GROUP_NOT_FOUND */
  async count(topic: string, group: string, filter?: DeadLetterFilter): Promise<number> {
    const name = await this.#topicOf(topic, group)
    if (filter === undefined || Object.values(filter).every((value) => value === undefined)) return this.#total(name)
    let count = 0
    for await (const { letter } of this.#scan.all(name, 0, 0))
      if (letter !== undefined && matches(letter, filter)) count++
    return count
  }

  /** The dead-letter topic; when it is not there, at least the group is. */
  async #topicOf(topic: string, group: string): Promise<string> {
    const name = deadLetterTopic(topic, group)
    if (this.#options.engine.topic(name) === undefined) await this.#options.check(topic, group)
    return name
  }

  async #total(name: string): Promise<number> {
    const { engine } = this.#options
    const { id: topicId, partitions } = engine.topic(name) ?? { id: 0, partitions: 0 }
    let count = 0
    for (let partition = 0; partition < partitions; partition++) {
      const key = `${name}/${partition}`
      const { logStartOffset, highWatermark: end } = engine.offsets(name, partition)
      const known = this.#tallies.get(key)
      const goesOn = known?.topicId === topicId && known.logStartOffset === logStartOffset
      const tally = { topicId, logStartOffset, end, count: goesOn ? known.count : 0 }
      for await (const { letter } of this.#scan.partition(name, partition, goesOn ? known.end : logStartOffset, end)) {
        if (letter !== undefined) tally.count++
      }
      if (this.#tallies.size >= TALLIES_MAX) this.#tallies.clear()
      this.#tallies.set(key, tally)
      count += tally.count
    }
    return count
  }
}

/** How many records a partition of a dead-letter topic holds, whatever they are; 0 when there is none. */
export function deadInPartition(engine: LogEngine, name: string, partition: number): number {
  if (partition >= (engine.topic(name)?.partitions ?? 0)) return 0
  const { logStartOffset, highWatermark } = engine.offsets(name, partition)
  return highWatermark - logStartOffset
}

function matches(letter: DeadLetter, filter: DeadLetterFilter | undefined): boolean {
  if (filter === undefined) return true
  const { reason, cause, key, headers, fromMs, toMs } = filter
  if (reason !== undefined && !letter.reason.includes(reason)) return false
  if (cause !== undefined && letter.cause !== cause) return false
  if (fromMs !== undefined && letter.diedAtMs < fromMs) return false
  if (toMs !== undefined && letter.diedAtMs >= toMs) return false
  if (key === undefined && headers === undefined) return true
  const body = decodeRecordBody(letter.body)
  if (key !== undefined && body.key?.toString() !== key) return false
  return headers === undefined || Object.entries(headers).every(([name, value]) => hasHeader(body, name, value))
}

function hasHeader(body: RecordBody, name: string, value: string): boolean {
  return body.headers.some(([other, content]) => other === name && content?.toString() === value)
}

function parseCursor(text: string): [partition: number, offset: number] {
  const match = /^(\d{1,9})\.(\d{1,15})$/.exec(text)
  if (match === null)
    throw new DwellError('CURSOR_INVALID', 'The cursor is not one that a page answered.', { field: 'after' })
  return [Number(match[1]), Number(match[2])]
}
