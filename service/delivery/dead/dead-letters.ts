// The dead letters of a group: its dead-letter topic, read as records that tell what happened to them, without those that
// were redriven or purged. Looking changes nothing. Order and cursor are (partition, offset): records that die meanwhile come
// behind those of their partition.

import { DwellError, type LogEngine } from '../../../storage/index.ts'
import type { Group } from '../group/group.ts'
import { deadLetterTopic } from '../lane.ts'
import type { DeadLetter } from './dead-letter.ts'
import type { DeadLetterFilter } from './dead-letter-filter.ts'
import { DeadLetterSearch, type DeadLetterSearchParts, type DeadPlace } from './dead-letter-search.ts'
import type { ReasonsFound } from './dead-reasons.ts'
import type { DeadStore } from './dead-store.ts'
import { Redrives } from './redrives.ts'
import { REMOVAL_BYTES_MAX } from './removed.ts'
import { Warming, type WarmingParts } from './warming.ts'

export type { DeadLetter } from './dead-letter.ts'
export type { DeadLetterFilter } from './dead-letter-filter.ts'
export type { DeadReason } from './dead-reasons.ts'
export type { RedriveTask } from './redrive-task.ts'

export interface DeadLetterPage {
  records: DeadLetter[]
  /** Pass it as `after` for more; null at the end. A page may be short, even empty, and still have more behind it. */
  after: string | null
}

/** Nobody waits longer than about this for a page, whatever there is to look at; nor does a page fill memory. */
const PAGE_MS = 100
const PAGE_BYTES_MAX = 16 * 1024 * 1024
/** A purge lets others have their turn between its pieces. */
const PURGE_RECORDS = 5_000
const PURGE_MS = 50
/** Of what an append may have. */
const PURGE_SHARE = 1 / 4

export interface DeadLettersOptions extends DeadLetterSearchParts, WarmingParts {
  hand: { nowMs(): number }
  counters: DeadLetterSearchParts['counters'] & { redriven: number; purged: number }
  /** @throws TOPIC_NOT_FOUND, GROUP_NOT_FOUND */
  groupOf(topic: string, group: string): Promise<Group>
  /** The group that a lane or dead-letter topic belongs to. */
  ownerOf(topic: string): Group | undefined
}

/** Dead letters of a group that is no more are shown as long as their topic is there. */
export class DeadLetters {
  readonly redrives: Redrives
  readonly warming: Warming
  readonly #options: DeadLettersOptions
  readonly #search: DeadLetterSearch

  constructor(options: DeadLettersOptions) {
    this.#options = options
    this.#search = new DeadLetterSearch(options)
    this.warming = new Warming(this.#search.indexes, options)
    this.redrives = new Redrives({ ...options, search: this.#search })
  }

  /** Looks at what there is, so that the first look is as fast as any, and goes on with redrives. Takes two seconds at most. */
  async start(): Promise<void> {
    await this.warming.atStart()
    this.redrives.resume()
  }

  /** @throws CURSOR_INVALID, TOPIC_NOT_FOUND, GROUP_NOT_FOUND */
  async list(
    topic: string,
    group: string,
    { limit, after, filter = {} }: { limit: number; after?: string; filter?: DeadLetterFilter },
  ): Promise<DeadLetterPage> {
    const from = after === undefined ? { partition: 0, offset: 0 } : parseCursor(after)
    const limits = { from, lettersMax: limit, bytesMax: PAGE_BYTES_MAX, forMs: PAGE_MS }
    const { letters, next } = await this.#search.find(await this.#topicOf(topic, group), filter, limits)
    return { records: letters, after: next === undefined ? null : `${next.partition}.${next.offset}` }
  }

  /** @throws TOPIC_NOT_FOUND, GROUP_NOT_FOUND */
  async count(topic: string, group: string, filter: DeadLetterFilter = {}): Promise<number> {
    return this.#search.count(await this.#topicOf(topic, group), filter)
  }

  /**
   * What they died of, the most frequent first; `others` died of what is not listed.
   * @throws TOPIC_NOT_FOUND, GROUP_NOT_FOUND
   */
  async reasons(topic: string, group: string, filter: DeadLetterFilter = {}): Promise<ReasonsFound> {
    return this.#search.reasons(await this.#topicOf(topic, group), filter)
  }

  /**
   * Removes what is dead now and matches; answers how many. In pieces, each durable when the next begins.
   * @throws TOPIC_NOT_FOUND, GROUP_NOT_FOUND
   */
  async purge(topic: string, group: string, filter: DeadLetterFilter = {}): Promise<number> {
    const { engine, store, counters } = this.#options
    const name = await this.#topicOf(topic, group)
    const { id, partitions = 0 } = engine.topic(name) ?? {}
    if (id === undefined) return 0
    const ends = Array.from({ length: partitions }, (_, partition) => engine.offsets(name, partition).highWatermark)
    let next: DeadPlace | undefined = { partition: 0, offset: 0 }
    const fits = Math.max(1, Math.floor((engine.appendBytesMax * PURGE_SHARE) / REMOVAL_BYTES_MAX))
    const max = Math.min(PURGE_RECORDS, fits)
    let count = 0
    while (next !== undefined && engine.topic(name)?.id === id) {
      const from: DeadPlace = next
      next = await store.inTurn(id, async () => {
        const how = { from, ends, max, forMs: PURGE_MS }
        const { removal, count: found, next: goOn } = await this.#search.places(name, filter, how)
        if (removal.size > 0) {
          const { append, done } = store.change(id, removal)
          await engine.append([append])
          done()
        }
        count += found
        counters.purged += found
        return goOn
      })
    }
    return count
  }

  /** The dead-letter topic. Topics x and x.y may share its name: when it belongs to a group it is that one's alone. */
  async #topicOf(topic: string, group: string): Promise<string> {
    const { engine, groupOf, ownerOf } = this.#options
    const name = deadLetterTopic(topic, group)
    const owner = ownerOf(name)
    const isOthers = owner !== undefined && (owner.topic !== topic || owner.name !== group)
    if (isOthers || engine.topic(name) === undefined) await groupOf(topic, group)
    return name
  }
}

/** How many records a partition of a dead-letter topic holds, whatever they are, without removed ones. */
export function deadInPartition(
  { engine, store }: { engine: LogEngine; store: DeadStore },
  name: string,
  partition: number,
): number {
  const { id = 0, partitions = 0 } = engine.topic(name) ?? {}
  if (partition >= partitions) return 0
  const { logStartOffset, highWatermark } = engine.offsets(name, partition)
  return highWatermark - logStartOffset - store.removed(id, partition).countFrom(logStartOffset)
}

function parseCursor(text: string): DeadPlace {
  const match = /^(\d{1,9})\.(\d{1,15})$/.exec(text)
  if (match === null)
    throw new DwellError('CURSOR_INVALID', 'The cursor is not one that a page answered.', { field: 'after' })
  return { partition: Number(match[1]), offset: Number(match[2]) }
}
