// How many messages wait: by the second in which they are due, by topic, and by both; wherever they lie; and how many bytes
// their records have, by topic. One call when a message begins to wait and one when it stops, so that pending counts, the
// forecast and the list, which skips seconds that have nothing for it, never look at messages. A call costs about 100 ns:
// 126,000 delayed messages a second come by here.
//
// Always true:
//   1. `count` and the count of each second are exact. So is the count of each topic, and of each second and topic, while
//      there are at most PAGES_MAX pairs of a minute and a topic.
//   2. A message of a pair beyond that is *loose*: it is counted by minute and topic, and as a loose one of its second.
//   3. The bytes of each topic are exact. They are kept by minute, so after a start those of the minute in which the hand
//      stood are a share of it until it is over. A message that an earlier version withdrew counts until then too.
//   4. Memory is bounded by the minutes and topics there are, never by messages.
//
// What is due beyond the wheel's reach is only counted as due later, by topic. A count that were wrong would be a wrong
// figure, nothing worse, and stops nobody: tests hold it against the truth.
//
// After a crash: the checkpoint has it, `__delay` says what came since, the hand which seconds are over. If some of a minute
// that is partly over are loose, how many of each topic are left is guessed until the minute is over; sums stay exact.

import { readBytes, writeBytes } from './byte-words.ts'
import { cellCount, decodeWords, encodeWords, forEachCount } from './census-bytes.ts'
import { BY_MINUTE, BY_SECOND, MinuteCounts, minuteOf, NOWHERE, SECONDS_A_MINUTE } from './minute-counts.ts'

/** A thousand topics with messages in each minute of two hours; 32 MiB. */
const PAGES_MAX = 128 * 1024

/** In the counts of all topics: the messages that are due in a second, and how many of them are loose. */
const ALL = 0
const LOOSE = 1
/** What a census of an earlier version says of bytes. */
const NONE = new Uint32Array(0)

interface Topic {
  waiting: number
  /** How many of them are due beyond the reach. */
  later: number
  /** Of all that wait; and of those due beyond the reach. */
  bytes: number
  laterBytes: number
}

export class Census {
  readonly #ofAll = new MinuteCounts()
  readonly #byTopic: MinuteCounts
  readonly #topics = new Map<number, Topic>()
  /** Minutes whose loose messages were split among topics by guess. */
  readonly #guessed = new Set<number>()
  #count = 0
  #later = 0

  constructor(pagesMax = PAGES_MAX) {
    this.#byTopic = new MinuteCounts(pagesMax)
  }

  /** All messages that wait. */
  get count(): number {
    return this.#count
  }

  /** Those of them that are due beyond the reach. */
  get later(): number {
    return this.#later
  }

  /** Memory that the counts take. */
  get bytes(): number {
    return this.#ofAll.bytes + this.#byTopic.bytes
  }

  /** The seconds in which messages are due, in no order. */
  get seconds(): number[] {
    const found: number[] = []
    forEachCount(this.#ofAll.pack(ALL), (second) => found.push(second))
    return found
  }

  /** A message that is due behind the hand or within reach begins to wait. */
  add(dueAtMs: number, topicId: number, bytes: number): void {
    this.#add(Math.floor(dueAtMs / 1000), topicId, 1, bytes)
  }

  /** A message that is due behind the hand or within reach waits no more. */
  remove(dueAtMs: number, topicId: number, bytes: number): void {
    const second = Math.floor(dueAtMs / 1000)
    if (this.#ofAll.remove(second, ALL) !== BY_SECOND) return
    this.#count--
    const counted = this.#byTopic.remove(second, topicId, bytes)
    const { bytesFreed } = this.#byTopic
    if (counted !== BY_SECOND) this.#removeLoose(second)
    if (counted !== NOWHERE) this.#less(topicId, 1, bytesFreed)
  }

  /** A message that is due beyond the reach begins to wait. */
  addLater(topicId: number, bytes: number): void {
    this.#addLater(topicId, 1)
    this.#addLaterBytes(topicId, bytes)
  }

  /** A message that is due beyond the reach waits no more. */
  removeLater(topicId: number, bytes: number): void {
    const topic = this.#topics.get(topicId)
    if (topic === undefined || topic.later === 0) return
    const freed = topic.later === 1 ? topic.laterBytes : Math.min(topic.laterBytes, bytes)
    topic.laterBytes -= freed
    topic.later--
    this.#later--
    this.#count--
    this.#less(topicId, 1, freed)
  }

  /** A message that was due later has come within reach. */
  arrive(dueAtMs: number, topicId: number, bytes: number): void {
    this.removeLater(topicId, bytes)
    this.add(dueAtMs, topicId, bytes)
  }

  /** Seconds up to this one are over: what of them does wait after all is added again. */
  dropUpTo(second: number): void {
    const paged: [minute: number, topicId: number][] = []
    this.#byTopic.forEach((minute, topicId, _sum, hasPage) => {
      if (hasPage && minute <= minuteOf(second)) paged.push([minute, topicId])
    })
    for (const [minute, topicId] of paged) {
      const last = Math.min(second, (minute + 1) * SECONDS_A_MINUTE - 1)
      for (let at = minute * SECONDS_A_MINUTE; at <= last; at++) {
        const gone = this.#byTopic.removeSecond(at, topicId)
        this.#less(topicId, gone, this.#byTopic.bytesFreed)
      }
    }
    const loose = new Map<number, number>()
    for (const over of this.seconds) {
      if (over > second) continue
      this.#count -= this.#ofAll.removeSecond(over, ALL)
      const minute = minuteOf(over)
      loose.set(minute, (loose.get(minute) ?? 0) + this.#ofAll.removeSecond(over, LOOSE))
    }
    for (const [minute, gone] of loose) if (gone > 0) this.#guess(minute, gone)
  }

  /** How many messages of a topic wait. */
  countOf(topicId: number): number {
    return this.#topics.get(topicId)?.waiting ?? 0
  }

  /** The bytes that the records of all that waits for a topic have. */
  bytesOf(topicId: number): number {
    return this.#topics.get(topicId)?.bytes ?? 0
  }

  /** How many messages of a topic are due beyond the reach. */
  laterOf(topicId: number): number {
    return this.#topics.get(topicId)?.later ?? 0
  }

  /** How many messages are due in a second; of one topic perhaps an estimate, and then a fraction. */
  dueIn(second: number, topicId?: number): number {
    if (topicId === undefined) return this.#ofAll.inSecond(second, ALL)
    const loose = this.#looseOf(second, topicId)
    if (loose === 0) return this.#byTopic.inSecond(second, topicId)
    // They lie in the seconds of their minute as the loose ones of all topics do.
    return loose * (this.#ofAll.inSecond(second, LOOSE) / this.#ofAll.inMinute(minuteOf(second), LOOSE))
  }

  /** Whether what dueIn() answers for a second and a topic is an estimate. */
  isEstimate(second: number, topicId: number): boolean {
    return this.#looseOf(second, topicId) > 0 && this.#ofAll.inSecond(second, LOOSE) > 0
  }

  /** The first second from `from` on, and before `before`, in which messages of a topic may be due. */
  nextSecond(from: number, before: number, topicId: number): number | undefined {
    const mayHave = (second: number) => this.dueIn(second, topicId) > 0
    if (minuteOf(before) - minuteOf(from) > this.#ofAll.size) {
      const found = this.seconds.filter((second) => second >= from && second < before && mayHave(second))
      return found.length === 0 ? undefined : found.reduce((least, second) => Math.min(least, second))
    }
    for (let second = from; second < before; ) {
      const end = (minuteOf(second) + 1) * SECONDS_A_MINUTE
      if (this.#byTopic.inMinute(minuteOf(second), topicId) === 0) second = end
      else for (; second < Math.min(end, before); second++) if (mayHave(second)) return second
    }
    return undefined
  }

  /** The topics with the most waiting messages, most first. */
  busiest(limit: number): { topicId: number; waiting: number }[] {
    const topics = Array.from(this.#topics, ([topicId, { waiting }]) => ({ topicId, waiting }))
    return topics.sort((a, b) => b.waiting - a.waiting || a.topicId - b.topicId).slice(0, limit)
  }

  /** Its bytes, for the checkpoint. */
  encode(): Buffer {
    const topics = [...this.#topics].filter(([, { later }]) => later > 0)
    const later = topics.flatMap(([topicId, topic]) => [topicId, topic.later])
    const laterBytes = new Uint32Array(topics.length * 3)
    for (const [i, [topicId, topic]] of topics.entries()) {
      laterBytes[i * 3] = topicId
      writeBytes(laterBytes, i * 3 + 1, topic.laterBytes)
    }
    return encodeWords([this.#byTopic.pack(), this.#ofAll.pack(LOOSE), later, this.#byTopic.packBytes(), laterBytes])
  }

  /** The census that encode() wrote. */
  static decode(bytes: Buffer, pagesMax = PAGES_MAX): Census {
    const census = new Census(pagesMax)
    const [byTopic, loose, later, cellBytes = NONE, laterBytes = NONE] = decodeWords(bytes)
    census.#byTopic.reserve(cellCount(byTopic))
    const ofSecond = (second: number, topicId: number, count: number) => census.#add(second, topicId, count, 0)
    const ofMinute = (minute: number, topicId: number, count: number) => {
      census.#byTopic.addToMinute(minute, topicId, count)
      census.#topicOf(topicId).waiting += count
    }
    forEachCount(byTopic, ofSecond, ofMinute)
    forEachCount(loose, (second, _loose, count) => census.#addLoose(second, count))
    for (let i = 0; i < later.length; i += 2) census.#addLater(later[i], later[i + 1])
    for (let i = 0; i < cellBytes.length; i += 4)
      census.#addBytes(cellBytes[i], cellBytes[i + 1], readBytes(cellBytes, i + 2))
    for (let i = 0; i < laterBytes.length; i += 3) census.#addLaterBytes(laterBytes[i], readBytes(laterBytes, i + 1))
    return census
  }

  #add(second: number, topicId: number, count: number, bytes: number): void {
    const topic = this.#topicOf(topicId)
    topic.waiting += count
    topic.bytes += bytes
    if (this.#byTopic.add(second, topicId, count, bytes) === BY_MINUTE) this.#addLoose(second, count)
    else this.#addToSecond(second, count)
  }

  #addLoose(second: number, count: number): void {
    this.#addToSecond(second, count)
    this.#ofAll.add(second, LOOSE, count)
  }

  #addToSecond(second: number, count: number): void {
    this.#ofAll.add(second, ALL, count)
    this.#count += count
  }

  #addLater(topicId: number, count: number): void {
    const topic = this.#topicOf(topicId)
    topic.waiting += count
    topic.later += count
    this.#count += count
    this.#later += count
  }

  #addBytes(minute: number, topicId: number, bytes: number): void {
    if (this.#byTopic.addBytes(minute, topicId, bytes)) this.#topicOf(topicId).bytes += bytes
  }

  #addLaterBytes(topicId: number, bytes: number): void {
    const topic = this.#topicOf(topicId)
    topic.bytes += bytes
    topic.laterBytes += bytes
  }

  #topicOf(topicId: number): Topic {
    let topic = this.#topics.get(topicId)
    if (topic === undefined) this.#topics.set(topicId, (topic = { waiting: 0, later: 0, bytes: 0, laterBytes: 0 }))
    return topic
  }

  #less(topicId: number, count: number, bytes: number): void {
    const topic = this.#topics.get(topicId)
    if (topic === undefined) return
    topic.waiting -= count
    topic.bytes -= bytes
    if (topic.waiting === 0) this.#topics.delete(topicId)
  }

  /** How many of a topic's messages in the minute of a second are loose. */
  #looseOf(second: number, topicId: number): number {
    return this.#byTopic.onlyInMinute(minuteOf(second), topicId)
  }

  #removeLoose(second: number): void {
    this.#ofAll.remove(second, LOOSE)
    this.#endGuess(minuteOf(second))
  }

  /** So many loose messages of a minute are gone, nobody knows of which topics: of each in proportion. */
  #guess(minute: number, gone: number): void {
    const topics = this.#looseTopics(minute)
    const sum = topics.reduce((all, { loose }) => all + loose, 0)
    let [seen, taken] = [0, 0]
    for (const { topicId, loose } of topics) {
      seen += loose
      const share = Math.round((gone * seen) / sum) - taken
      taken += share
      this.#lessOfMinute(minute, topicId, share)
    }
    this.#guessed.add(minute)
    this.#endGuess(minute)
  }

  /** When nothing loose is left in a minute, neither is what a guess left over. */
  #endGuess(minute: number): void {
    if (this.#guessed.size === 0 || this.#ofAll.inMinute(minute, LOOSE) > 0 || !this.#guessed.delete(minute)) return
    for (const { topicId, loose } of this.#looseTopics(minute)) {
      this.#lessOfMinute(minute, topicId, loose)
    }
  }

  #lessOfMinute(minute: number, topicId: number, count: number): void {
    const gone = this.#byTopic.removeFromMinute(minute, topicId, count)
    this.#less(topicId, gone, this.#byTopic.bytesFreed)
  }

  /** Looks at all counts: only for what was guessed. */
  #looseTopics(minute: number): { topicId: number; loose: number }[] {
    const found: { topicId: number; loose: number }[] = []
    this.#byTopic.forEach((other, topicId, sum, hasPage) => {
      if (other === minute && !hasPage) found.push({ topicId, loose: sum })
    })
    return found
  }
}
