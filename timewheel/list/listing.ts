// Lists what waits for a topic, in the order of firing, a page at a time; wherever it is kept.
//
// Always true:
//   1. Looking changes nothing: nothing is written, flushed, moved or taken.
//   2. A page begins behind a place, not behind a number of messages; so what is dispatched, written or copied into slots
//      between two pages, or while one is made, neither hides a message nor shows it twice. One that is moved meanwhile is
//      where it is then.
//   3. The work of a page is bounded: it may be short, or empty, and have more behind it. Only the seconds in which the census
//      knows of messages of the topic are read; of a large slot all of it once, then only what a page needs (slot-map.ts).
//   4. One page is made at a time, and few are waited for.

import { type Clock, type Disk, type DiskFile, DwellError, Turns } from '../../storage/index.ts'
import { decodeMessage } from '../entry/entry.ts'
import { comparePlaces, lastPlaceOf, messageId, type Place } from '../entry/place.ts'
import { covers } from '../mark.ts'
import { ROWS_AT_ONCE } from '../overflow.ts'
import type { Pending } from '../pending.ts'
import type { Slot } from '../slot/slot.ts'
import { slotPath } from '../slot/slot-files.ts'
import { type KeptEntry, PageCollector, type PageCollectorOptions } from './page-collector.ts'
import { collectEntries, SlotMap } from './slot-map.ts'

const MIB = 1024 * 1024
/** Gathered at least at a time: many of them may have been withdrawn. */
const GATHERED_MIN = 1_000
const GATHERED_BYTES_MAX = 4 * MIB
/** A page ends behind the message with which its bodies become larger. */
const PAGE_BYTES_MAX = 4 * MIB
/** Beyond so many bytes read, or reads made, a page is short. */
const READ_BYTES_MAX = 64 * MIB
const READS_MAX = 400
/** Pages that may wait until others are made. */
const WAITING_MAX = 64
/** How often is looked whether a slot is derived. */
const DERIVING_LOOK_MS = 20
/** Slots of which it is remembered what lies where. */
const MAPS_MAX = 16

export interface ListOptions {
  topicId: number
  /** Due at or after this, and before that. */
  fromMs: number
  toMs: number
  /** Behind this place. */
  after?: Place
  limit: number
}

/** A message that waits. */
export interface Listed {
  id: string
  dueAtMs: number
  /** When it was chosen. */
  partition: number | undefined
  /** Key, value and headers. */
  body: Buffer
}

export interface ListedPage {
  messages: Listed[]
  /** Where the next page goes on; undefined at the end. */
  after: Place | undefined
}

export interface ListingOptions {
  disk: Disk
  clock: Clock
  slotsDirectory: string
  pending: Pending
  /** While a slot is derived again, not all of it is there. */
  isDeriving: (second: number) => boolean
}

interface Work {
  reads: number
  readBytes: number
}

type Page = ReturnType<PageCollector['finish']>

export class Listing {
  readonly #options: ListingOptions
  readonly #turns = new Turns(1)
  /** The one that was used last at the end. */
  readonly #maps = new Map<Slot, SlotMap>()

  constructor(options: ListingOptions) {
    this.#options = options
  }

  /** @throws OVERLOADED, SLOT_DAMAGED, ENTRY_DAMAGED, READ_FAILED */
  async page(options: ListOptions): Promise<ListedPage> {
    if (this.#turns.waiting >= WAITING_MAX) {
      throw new DwellError('OVERLOADED', `${WAITING_MAX} pages of delayed messages are waited for already; try again.`)
    }
    return this.#turns.run(() => this.#page(options))
  }

  async #page({ topicId, fromMs, toMs, after, limit }: ListOptions): Promise<ListedPage> {
    const { pending } = this.#options
    const messages: Listed[] = []
    const work: Work = { reads: 0, readBytes: 0 }
    let pageBytes = 0
    let at: Place = { dueAtMs: fromMs, offset: -1 }
    if (after !== undefined && comparePlaces(after, at) > 0) at = after
    for (;;) {
      const second = this.#nextSecond(at, topicId)
      at = laterOf(at, { dueAtMs: second === undefined ? pending.reachMs : second * 1000, offset: -1 })
      const isOver = second === undefined && pending.census.laterOf(topicId) === 0
      if (isOver || at.dueAtMs >= toMs) return { messages, after: undefined }
      if (work.reads >= READS_MAX || work.readBytes >= READ_BYTES_MAX) return { messages, after: before(at) }
      work.reads++
      const beforeMs = second === undefined ? toMs : Math.min(toMs, (second + 1) * 1000)
      const span = { topicId, after: at, beforeMs, limit: Math.max(GATHERED_MIN, limit), bytesMax: GATHERED_BYTES_MAX }
      const { entries, upTo } = await (second === undefined
        ? this.#later(span, work)
        : this.#inSecond(second, span, work))
      for (const entry of entries) {
        if (!this.#waits(entry)) continue
        messages.push(listed(entry))
        pageBytes += entry.envelope.length
        if (messages.length === limit || pageBytes >= PAGE_BYTES_MAX) return { messages, after: placeOf(entry) }
      }
      at = upTo ?? { dueAtMs: beforeMs, offset: -1 }
    }
  }

  /** The first second from `at` on in which messages of the topic may lie in memory or in a slot; undefined beyond the reach. */
  #nextSecond(at: Place, topicId: number): number | undefined {
    const { census, horizon, moved, reachMs } = this.#options.pending
    const from = Math.floor(at.dueAtMs / 1000)
    const reach = Math.floor(reachMs / 1000)
    const candidates = [census.nextSecond(from, reach, topicId) ?? reach]
    // Where a slot had to be derived again at a start, the census may lack some of the second of the hand.
    candidates.push(Math.floor(horizon.dueAtMs / 1000))
    // What was not copied into slots yet is counted as due later.
    if (census.laterOf(topicId) > 0) candidates.push(Math.max(from, Math.floor(moved.dueAtMs / 1000)))
    const next = candidates.reduce((least, second) => (second < from ? least : Math.min(least, second)), reach)
    return next < reach ? next : undefined
  }

  /** What is due in a second: in memory, in its slot, or in overflow still. */
  async #inSecond(second: number, span: PageCollectorOptions, work: Work): Promise<Page> {
    const { pending, clock, isDeriving } = this.#options
    const collector = new PageCollector(span)
    let slot = pending.slots.get(second)
    while (slot?.isBeingWritten || isDeriving(second)) {
      if (slot?.isBeingWritten) await slot.written()
      else await new Promise<void>((resolve) => clock.setTimer(resolve, DERIVING_LOOK_MS))
      slot = pending.slots.get(second)
    }
    // All that is in memory at one moment: what leaves it later is in the file, or was seen here.
    const writtenSize = slot?.writtenSize ?? 0
    // What is copied into the slot from here on stays in overflow as well, until the mark has passed it.
    const hasRows = span.beforeMs > pending.moved.dueAtMs
    if (second * 1000 <= pending.horizon.dueAtMs) {
      pending.forEachSoon((entry) => collector.add(entry, entry.envelope))
    }
    for (const bytes of slot?.unwritten() ?? []) collectEntries(bytes, second, collector)
    if (slot !== undefined && writtenSize > slot.from) {
      work.readBytes += await this.#inFile(slot, writtenSize, collector)
    }
    if (hasRows) {
      for (
        let at: Place | undefined = span.after;
        at !== undefined && collector.wants(at, lastPlaceOf(span.beforeMs));
      ) {
        at = await this.#rows(at, span.beforeMs, collector, work)
      }
    }
    return collector.finish()
  }

  /** The next of those that are due beyond the reach. */
  async #later(span: PageCollectorOptions, work: Work): Promise<Page> {
    const collector = new PageCollector(span)
    const more = await this.#rows(span.after, span.beforeMs, collector, work)
    const { entries, upTo } = collector.finish()
    return { entries, upTo: upTo ?? more }
  }

  /** Hands over rows of overflow behind `after`; answers up to where, if there may be more. */
  async #rows(after: Place, beforeMs: number, collector: PageCollector, work: Work): Promise<Place | undefined> {
    const { overflow } = this.#options.pending
    const unwritten = overflow.unwrittenRows(after, beforeMs)
    const rows = await overflow.rows(after, beforeMs, ROWS_AT_ONCE)
    const last = rows.at(ROWS_AT_ONCE - 1)
    for (const row of rows) {
      collector.add(row, row.envelope)
      work.readBytes += row.envelope.length
    }
    for (const row of unwritten)
      if (last === undefined || comparePlaces(row, last) <= 0) collector.add(row, row.envelope)
    return last && placeOf(last)
  }

  /** Answers how many bytes were read. */
  async #inFile(slot: Slot, size: number, collector: PageCollector): Promise<number> {
    const { disk, slotsDirectory, pending } = this.#options
    let file: DiskFile
    try {
      file = await disk.open(slotPath(slotsDirectory, slot.second), 'read')
    } catch (error) {
      // Its second is over, and its file gone.
      if (pending.slots.get(slot.second) !== slot) return 0
      const { second } = slot
      throw new DwellError(
        'READ_FAILED',
        `The slot ${second} cannot be read: ${(error as Error).message}`,
        { second },
        error,
      )
    }
    try {
      return await this.#mapOf(slot).collect(file, size, collector)
    } finally {
      await file.close()
    }
  }

  #mapOf(slot: Slot): SlotMap {
    const map = this.#maps.get(slot) ?? new SlotMap(slot.second, slot.from)
    this.#maps.delete(slot)
    this.#maps.set(slot, map)
    for (const other of this.#maps.keys()) {
      const isOver = this.#options.pending.slots.get(other.second) !== other
      if (isOver || this.#maps.size > MAPS_MAX) this.#maps.delete(other)
    }
    return map
  }

  /** Not withdrawn, and not dispatched meanwhile. */
  #waits(place: Place): boolean {
    const { overflow, mark } = this.#options.pending
    return overflow.fateOf(place) === undefined && !covers(mark, place)
  }
}

function listed({ dueAtMs, offset, envelope }: KeptEntry): Listed {
  const { ownId, partition, body } = decodeMessage(envelope, offset)
  return { id: ownId ?? messageId({ dueAtMs, offset }), dueAtMs, partition, body }
}

function placeOf({ dueAtMs, offset }: Place): Place {
  return { dueAtMs, offset }
}

/** The place that comes directly before a span which begins at `start`. */
function before(start: Place): Place {
  return start.offset < 0 ? lastPlaceOf(start.dueAtMs - 1) : start
}

function laterOf(a: Place, b: Place): Place {
  return comparePlaces(a, b) < 0 ? b : a
}
