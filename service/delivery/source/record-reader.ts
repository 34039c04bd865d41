// Reads single records by their offsets, in rising order, without reading a batch anew for each. What it reads ahead begins
// small and grows while it is of use: records far apart cost a batch each, neighbours a large read now and then.
//
// What it answers pins at most BUFFER_SHARE times its size in memory: who keeps many bodies counts their bytes, and a small view
// of a large buffer would keep all of that.

import { type Log, type LogEngine, readRecords, type StoredRecord } from '../../../storage/index.ts'
import { isGone, isUnreadable } from './source-place.ts'

/** Where records lie; the same object while it is the same place. */
export interface RecordPlace {
  topic: string
  partition: number
}

const READ_SIZE_MIN = 32 * 1024
const READ_SIZE_MAX = 1024 * 1024
/** A body that is a smaller part of the buffer in which it was read is copied out of it. */
const BUFFER_SHARE = 4

export class RecordReader {
  readonly #engine: LogEngine
  readonly #log: Log
  #place: RecordPlace | undefined
  #records: StoredRecord[] = []
  #at = 0
  #readSize = READ_SIZE_MIN

  constructor(engine: LogEngine, log: Log) {
    this.#engine = engine
    this.#log = log
  }

  /** The record at `offset`, not below that of the call before in the same place; undefined when it is lost. */
  async read(place: RecordPlace, offset: number): Promise<StoredRecord | undefined> {
    const last = this.#records[this.#records.length - 1]
    if (place !== this.#place || last === undefined || offset > last.offset) await this.#fill(place, offset)
    while (this.#at < this.#records.length && this.#records[this.#at].offset < offset) this.#at++
    const record = this.#records[this.#at]
    return record?.offset === offset ? unpinned(record) : undefined
  }

  async #fill(place: RecordPlace, offset: number): Promise<void> {
    const { topic, partition } = place
    const behind = (this.#records.at(-1)?.offset ?? offset) + this.#records.length
    const isNear = place === this.#place && this.#records.length > 0 && offset <= behind
    this.#readSize = isNear ? Math.min(this.#readSize * 4, READ_SIZE_MAX) : READ_SIZE_MIN
    this.#place = place
    this.#records = []
    this.#at = 0
    try {
      this.#records = readRecords(await this.#engine.read(topic, partition, offset, this.#readSize), offset)
    } catch (error) {
      if (!isUnreadable(error) && !isGone(error)) throw error
      this.#log.warn({ topic, partition, offset, code: error.code }, error.message)
    }
  }
}

function unpinned(record: StoredRecord): StoredRecord {
  const { body } = record
  return body.length * BUFFER_SHARE >= body.buffer.byteLength ? record : { ...record, body: Buffer.from(body) }
}
