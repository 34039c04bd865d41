// The indexes that are kept, one for each partition of a dead-letter topic that somebody looks at or that grows.
//
// Always true:
//   1. All of them together take about KEPT_BYTES_MAX, one of them half of that: those used last are kept. What lies behind
//      an index that is full is indexed anew for each look, a piece of the log at a time, and dropped: right, but slower.
//   2. An index is extended a piece at a time, by one at a time. Whoever looks at what is there already waits for nobody.
//   3. Looking changes nothing but these indexes; nor does warming, which makes no other index leave.
//
// The log is read once, when an index is built; later looks read what came since.

import {
  type Clock,
  DwellError,
  type Log,
  type LogEngine,
  type Page,
  type Random,
  readPage,
  Turns,
} from '../../../storage/index.ts'
import { DeadIndex } from './dead-index.ts'
import { readDeath } from './death-row.ts'
import { Fingerprints } from './fingerprint.ts'
import { Slices } from './slices.ts'

const KEPT_BYTES_MAX = 64 * 1024 * 1024
const READ_SIZE = 512 * 1024
/** An index is not full of rows that are no more. */
const GONE_MIN = 10_000

export interface DeadIndexesParts {
  engine: LogEngine
  clock: Clock
  random: Random
  log: Log
  counters: { skipped: number }
  /** What all indexes together may take; KEPT_BYTES_MAX when absent. */
  keptBytesMax?: number
}

interface Kept {
  index: DeadIndex
  turns: Turns
  /** As it was last counted. */
  size: number
}

export class DeadIndexes {
  readonly fingerprints: Fingerprints
  readonly #parts: DeadIndexesParts
  /** By topic and partition, the one used last at the end. */
  readonly #kept = new Map<string, Kept>()
  readonly #slices: Slices
  readonly #sizeMax: number
  #size = 0

  constructor(parts: DeadIndexesParts) {
    this.#parts = parts
    this.#sizeMax = parts.keptBytesMax ?? KEPT_BYTES_MAX
    this.#slices = new Slices(parts.clock)
    this.fingerprints = new Fingerprints(parts.random.bytes(8))
  }

  /** Bytes of memory, about. */
  get size(): number {
    return this.#size
  }

  #isFull(index: DeadIndex): boolean {
    return index.size >= this.#sizeMax / 2
  }

  /** Warming leaves room for what is looked at. */
  get #hasRoom(): boolean {
    return this.#size < this.#sizeMax / 2
  }

  /**
   * Indexes that together cover `from` to before `to`, each as soon as it is there, with the part that it covers: an empty one
   * while an index has not come so far yet.
   */
  async *covering(
    topic: string,
    partition: number,
    { from, to }: { from: number; to: number },
  ): AsyncGenerator<{ index: DeadIndex; from: number; to: number }> {
    for (let at = from; at < to; ) {
      const kept = this.#use(topic, partition)
      let { index } = kept
      const { end } = index
      if (end <= at && this.#isFull(index)) {
        index = new DeadIndex(index.topicId, at)
        await this.#take(index, topic, partition)
      } else if (end <= at) await this.#extend(kept, topic, partition)
      // The topic was deleted meanwhile and made anew: what was there is no more.
      if (end <= at && index.end === end) return
      const covered = Math.max(at, Math.min(to, index.end))
      yield { index, from: at, to: covered }
      at = covered
    }
  }

  #use(topic: string, partition: number): Kept {
    const key = `${topic}/${partition}`
    const id = this.#parts.engine.topic(topic)?.id ?? 0
    const { logStartOffset } = this.#parts.engine.offsets(topic, partition)
    let kept = this.#kept.get(key)
    this.#kept.delete(key)
    if (kept === undefined || kept.index.topicId !== id || isMostlyGone(kept.index, logStartOffset)) {
      this.#size -= kept?.size ?? 0
      kept = { index: new DeadIndex(id, logStartOffset), turns: new Turns(1), size: 0 }
    }
    this.#kept.set(key, kept)
    return kept
  }

  async #extend(kept: Kept, topic: string, partition: number): Promise<void> {
    const { index } = kept
    const before = index.end
    await kept.turns.run(async () => {
      if (index.end === before) await this.#take(index, topic, partition)
    })
    if (this.#kept.get(`${topic}/${partition}`) !== kept) return
    this.#size += index.size - kept.size
    kept.size = index.size
    for (const [key, other] of this.#kept) {
      if (this.#size <= this.#sizeMax) return
      if (other === kept) continue
      this.#kept.delete(key)
      this.#size -= other.size
    }
  }

  /** Takes the next piece of the log in. */
  async #take(index: DeadIndex, topic: string, partition: number): Promise<void> {
    const { engine } = this.#parts
    const { highWatermark, logStartOffset } = engine.offsets(topic, partition)
    const from = Math.max(index.end, logStartOffset)
    const { records, nextOffset } = await this.#read(topic, partition, from)
    const end = Math.min(highWatermark, Math.max(nextOffset, from + 1))
    for (const { offset, timestampMs, body } of records) {
      if (offset >= end) break
      const row = readDeath(body as Buffer, this.fingerprints)
      if (row === 'damaged')
        this.#tellDamaged({ topic, partition, from: offset, to: offset + 1, code: 'RECORD_DAMAGED' })
      else if (row !== undefined) index.add(offset, timestampMs, row)
    }
    index.end = Math.max(index.end, end)
    await this.#slices.rest()
  }

  /** What lies from `offset` on: nothing where the records are damaged or were deleted meanwhile. */
  async #read(topic: string, partition: number, offset: number): Promise<Page> {
    const { engine } = this.#parts
    try {
      return readPage(await engine.read(topic, partition, offset, READ_SIZE), offset)
    } catch (error) {
      if (!(error instanceof DwellError)) throw error
      const { logStartOffset } = engine.offsets(topic, partition)
      if (error.code === 'OFFSET_OUT_OF_RANGE' && logStartOffset > offset) {
        return { records: [], nextOffset: logStartOffset }
      }
      const { lastOffset } = error.fields
      if (typeof lastOffset !== 'number') throw error
      const to = Math.max(lastOffset, offset) + 1
      this.#tellDamaged({ topic, partition, from: offset, to, code: error.code })
      return { records: [], nextOffset: to }
    }
  }

  /** One bad batch must not hide all the others. */
  #tellDamaged(what: { topic: string; partition: number; from: number; to: number; code: string }): void {
    this.#parts.counters.skipped += what.to - what.from
    this.#parts.log.error(what, 'Damaged dead letters are passed over.')
  }

  /** How many records there are that no index has taken in; 0 when there is no room for them. */
  behind(topic: string): number {
    const { engine } = this.#parts
    const { id, partitions } = engine.topic(topic) ?? { id: 0, partitions: 0 }
    let behind = 0
    for (let partition = 0; partition < partitions && this.#hasRoom; partition++) {
      const { logStartOffset, highWatermark } = engine.offsets(topic, partition)
      const index = this.#kept.get(`${topic}/${partition}`)?.index
      if (index !== undefined && index.topicId === id && this.#isFull(index)) continue
      behind += Math.max(0, highWatermark - Math.max(logStartOffset, index?.topicId === id ? index.end : 0))
    }
    return behind
  }

  /** Takes in what there is, as long as there is room for it. */
  async warm(topic: string): Promise<void> {
    const { engine } = this.#parts
    const partitions = engine.topic(topic)?.partitions ?? 0
    for (let partition = 0; partition < partitions; partition++) {
      const { logStartOffset, highWatermark } = engine.offsets(topic, partition)
      while (logStartOffset < highWatermark && this.#hasRoom) {
        const kept = this.#use(topic, partition)
        if (kept.index.end >= highWatermark || this.#isFull(kept.index)) break
        await this.#extend(kept, topic, partition)
      }
    }
  }
}

function isMostlyGone({ first, end }: DeadIndex, logStartOffset: number): boolean {
  return logStartOffset - first > Math.max(GONE_MIN, (end - first) / 2)
}
