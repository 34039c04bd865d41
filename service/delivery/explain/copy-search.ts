// Looks for what a record of a partition left behind in a group: in its lanes, in the wheel on the way into one, among its dead
// letters. A copy says in its headers where it comes from, and is found by reading, from the time on at which the record was
// published.
//
// Always true: no more is read than the budget of the look, LOOK_BYTES_MAX and LIST_PAGES_MAX pages of the wheel; who ran out of it
// knows (`isWhole`). Nothing is changed by it.

import { DwellError, decodeRecordBody, type LogEngine, readPage, type StoredRecord } from '../../../storage/index.ts'
import type { Census, ListedPage, ListOptions } from '../../../timewheel/index.ts'
import { TIME_MS_MAX } from '../../time.ts'
import { type RecordHistory, readHistory } from '../failed-record.ts'
import { deadLetterTopic } from '../lane.ts'
import type { GroupView } from '../look/group-view.ts'
import type { Source } from '../source/source.ts'
import { isGone } from '../source/source-place.ts'

export const LOOK_BYTES_MAX = 16 * 1024 * 1024
const READ_SIZE = 1024 * 1024
const LIST_PAGES_MAX = 2
const LIST_LIMIT = 1_000

/** What one look may still read, in all groups together. */
export interface LookBudget {
  bytes: number
  listPages: number
}

export function lookBudget(): LookBudget {
  return { bytes: LOOK_BYTES_MAX, listPages: LIST_PAGES_MAX }
}

/** The record that is looked for. */
export interface Origin {
  topic: string
  partition: number
  offset: number
  /** When it came into the log; 0 when that is not known any more. */
  timestampMs: number
  /** Of its key; 0 when there is none or it is not known. */
  hash: number
}

export type Copy =
  | { in: 'lane'; lane: Source; offset: number; timestampMs: number; history: RecordHistory }
  | { in: 'wheel'; dueAtMs: number; history: RecordHistory | undefined }
  | { in: 'dead'; offset: number; timestampMs: number; history: RecordHistory; isRemoved: boolean }

export interface CopySearchParts {
  engine: LogEngine
  wheel: { readonly census: Census; list(options: ListOptions): Promise<ListedPage> }
}

export class CopySearch {
  readonly #parts: CopySearchParts
  readonly #view: GroupView
  readonly #origin: Origin
  readonly #budget: LookBudget
  readonly #mark: Buffer
  readonly copies: Copy[] = []
  /** All places were looked through. */
  isWhole = true

  constructor(parts: CopySearchParts, view: GroupView, origin: Origin, budget: LookBudget) {
    this.#parts = parts
    this.#view = view
    this.#origin = origin
    this.#budget = budget
    this.#mark = markOf(origin.offset)
  }

  /** Finds all copies there are, or, with `isIt`, those up to the first that it says yes to. */
  async find(isIt: (copy: Copy) => boolean): Promise<Copy | undefined> {
    const { group } = this.#view
    const lanes = group.sources.filter(({ place }) => {
      return place.kind !== 'topic' && place.partition === this.#origin.partition
    })
    // The redrive lane first: what comes out of it goes on in the others.
    lanes.sort((a, b) => Number(b.place.kind === 'redrive') - Number(a.place.kind === 'redrive'))
    for (const lane of lanes) {
      const found = await this.#inLane(lane, isIt)
      if (found !== undefined) return found
    }
    return (await this.#inWheel(isIt)) ?? (await this.#amongDead(isIt))
  }

  async #inLane(lane: Source, isIt: (copy: Copy) => boolean): Promise<Copy | undefined> {
    const { topic, topicId, partition } = lane.place
    if (this.#parts.engine.topic(topic)?.id !== topicId) return undefined
    return this.#scan(topic, partition, (record, history) => {
      const { offset, timestampMs } = record
      return this.#saw({ in: 'lane', lane, offset, timestampMs, history }, isIt)
    })
  }

  async #amongDead(isIt: (copy: Copy) => boolean): Promise<Copy | undefined> {
    const { engine } = this.#parts
    const { topic, name } = this.#view.group
    const dead = engine.topic(deadLetterTopic(topic, name))
    const { partition } = this.#origin
    if (dead === undefined || partition >= dead.partitions) return undefined
    return this.#scan(dead.name, partition, ({ offset, timestampMs }, history) => {
      const isRemoved = this.#view.removed(dead.id, partition).has(offset)
      return this.#saw({ in: 'dead', offset, timestampMs, history, isRemoved }, isIt)
    })
  }

  /** Where keys take turns it is known what they hold; else as much as the pages tell. */
  async #inWheel(isIt: (copy: Copy) => boolean): Promise<Copy | undefined> {
    const { engine, wheel } = this.#parts
    const { group } = this.#view
    const { partition, offset } = this.#origin
    const topic = group.topicOf('delayed', 0)
    const topicId = engine.topic(topic)?.id
    if (topicId === undefined || wheel.census.countOf(topicId) === 0) return undefined
    const hold = group.sourceAt(topic, partition)?.holds.get(offset)
    if (hold !== undefined) return this.#saw({ in: 'wheel', dueAtMs: hold.dueAtMs, history: undefined }, isIt)
    let after: ListOptions['after']
    do {
      if (this.#budget.listPages-- <= 0) {
        this.isWhole = false
        break
      }
      const page = await wheel.list({ topicId, fromMs: 0, toMs: TIME_MS_MAX, after, limit: LIST_LIMIT })
      for (const { partition: at, dueAtMs, body } of page.messages) {
        const history = at === partition ? this.#historyIn(body) : undefined
        if (history === undefined) continue
        const copy = this.#saw({ in: 'wheel', dueAtMs, history }, isIt)
        if (copy !== undefined) return copy
      }
      after = page.after
    } while (after !== undefined)
    return undefined
  }

  #saw(copy: Copy, isIt: (copy: Copy) => boolean): Copy | undefined {
    this.copies.push(copy)
    return isIt(copy) ? copy : undefined
  }

  /** Goes through a partition, from the time of the record on, until `visit` answers a copy. */
  async #scan(
    topic: string,
    partition: number,
    visit: (record: StoredRecord, history: RecordHistory) => Copy | undefined,
  ): Promise<Copy | undefined> {
    const { engine } = this.#parts
    try {
      const { highWatermark } = engine.offsets(topic, partition)
      let at = await engine.offsetForTime(topic, partition, this.#origin.timestampMs)
      while (at < highWatermark) {
        if (this.#budget.bytes <= 0) {
          this.isWhole = false
          return undefined
        }
        const bytes = await engine.read(topic, partition, at, READ_SIZE)
        this.#budget.bytes -= bytes.length
        const { records, nextOffset } = readPage(bytes, at)
        for (const record of records) {
          const history = this.#historyIn(record.body)
          const found = history && visit(record, history)
          if (found !== undefined) return found
        }
        at = Math.max(nextOffset, at + 1)
      }
    } catch (error) {
      if (isGone(error)) return undefined
      if (!(error instanceof DwellError)) throw error
      // Damaged, or trimmed meanwhile: what lies behind it may be looked at by the next who asks.
      this.isWhole = false
    }
    return undefined
  }

  /** The history of a copy of the record; undefined for all others, most of which are told by a glance at their bytes. */
  #historyIn(body: Uint8Array): RecordHistory | undefined {
    const { topic, partition, offset } = this.#origin
    if (!Buffer.from(body.buffer, body.byteOffset, body.length).includes(this.#mark)) return undefined
    try {
      const history = readHistory(decodeRecordBody(body))
      const isOf = history?.topic === topic && history.partition === partition && history.offset === offset
      return isOf ? history : undefined
    } catch (error) {
      if (error instanceof DwellError && error.code === 'RECORD_DAMAGED') return undefined
      throw error
    }
  }
}

/** The bytes of the header that names the offset, as they stand in each copy. */
function markOf(offset: number): Buffer {
  const digits = String(offset)
  return Buffer.concat([Buffer.from('__dwell.origin.offset'), Buffer.of(digits.length * 2), Buffer.from(digits)])
}
