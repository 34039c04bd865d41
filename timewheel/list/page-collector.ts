// Collects, from entries in any order, those that come first behind a place: as many as a page may have, in bounded memory.
//
// Always true: what is kept is all that was seen of the topic between `after` and the last place that is still wanted.

import { topicIdOf } from '../entry/entry.ts'
import { comparePlaces, type Place } from '../entry/place.ts'

/** A message as it is kept: its place and its envelope. */
export interface KeptEntry extends Place {
  envelope: Buffer
}

export interface PageCollectorOptions {
  topicId: number
  /** Only what comes behind it, and is due before `beforeMs`. */
  after: Place
  beforeMs: number
  /** How many entries, and bytes of them, are enough; always at least one entry. */
  limit: number
  bytesMax: number
}

export class PageCollector {
  readonly #options: PageCollectorOptions
  #entries: KeptEntry[] = []
  #bytes = 0
  /** Nothing behind it is wanted any more. */
  #last: Place | undefined

  constructor(options: PageCollectorOptions) {
    this.#options = options
  }

  /** Whether any message from `first` to `last` is still wanted. */
  wants(first: Place, last: Place): boolean {
    const { after, beforeMs } = this.#options
    if (comparePlaces(last, after) <= 0 || first.dueAtMs >= beforeMs) return false
    return this.#last === undefined || comparePlaces(first, this.#last) <= 0
  }

  /** Whether a message is wanted that is at this place; in numbers, since a million are asked for. */
  wantsOne(dueAtMs: number, offset: number): boolean {
    const { after, beforeMs } = this.#options
    if (dueAtMs < after.dueAtMs || dueAtMs >= beforeMs) return false
    if (dueAtMs === after.dueAtMs && offset <= after.offset) return false
    const last = this.#last
    if (last === undefined || dueAtMs < last.dueAtMs) return true
    return dueAtMs === last.dueAtMs && offset <= last.offset
  }

  /** Takes a message, if it is wanted; its envelope is copied. */
  add(place: Place, envelope: Buffer): void {
    const { topicId, limit, bytesMax } = this.#options
    const { dueAtMs, offset } = place
    if (!this.wantsOne(dueAtMs, offset) || topicIdOf(envelope) !== topicId) return
    this.#entries.push({ dueAtMs, offset, envelope: Buffer.from(envelope) })
    this.#bytes += envelope.length
    if (this.#entries.length > 2 * limit || this.#bytes > 2 * bytesMax) this.#forgetLater()
  }

  /** The entries in the order of firing, each once; and the last place up to which none is missing, if it is not the end. */
  finish(): { entries: KeptEntry[]; upTo: Place | undefined } {
    this.#forgetLater()
    return { entries: this.#entries, upTo: this.#last }
  }

  #forgetLater(): void {
    const { limit, bytesMax } = this.#options
    const sorted = this.#entries.sort(comparePlaces)
    const kept: KeptEntry[] = []
    this.#bytes = 0
    for (const entry of sorted) {
      if (entry.offset === kept.at(-1)?.offset) continue
      if (kept.length === limit || (kept.length > 0 && this.#bytes + entry.envelope.length > bytesMax)) {
        const { dueAtMs, offset } = kept[kept.length - 1]
        this.#last = { dueAtMs, offset }
        break
      }
      kept.push(entry)
      this.#bytes += entry.envelope.length
    }
    this.#entries = kept
  }
}
