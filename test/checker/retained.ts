// What may rightly be missing at the end: records of a compacted topic that a later one of their key has superseded, and
// records before the log start of a topic whose size is limited.

import type { DescribedTopic, ReadRecord } from './history.ts'

/** Timestamps of neighbours may be in another order than they are. */
const NEIGHBOURS_MS = 1_000

interface Placed {
  partition: number
  offset: number
  timestampMs: number
}

/** A message that is not in its topic. */
export interface Missing {
  topic: string
  notBeforeMs: number
  key: string | undefined
  /** Where it was answered to be; undefined when that is not known. */
  place: { partition: number; offset: number } | undefined
}

export class Retained {
  readonly #described = new Map<string, DescribedTopic>()
  readonly #lastOfKeys = new Map<string, Placed>()
  readonly #firstOfPartitions = new Map<string, Placed>()

  describe(topic: string, described: DescribedTopic): void {
    this.#described.set(topic, described)
  }

  /** Whether anything of a topic may rightly be gone. */
  mayForget(topic: string): boolean {
    const { cleanup, retentionBytes = null } = this.#described.get(topic) ?? {}
    return cleanup === 'compact' || retentionBytes !== null
  }

  /** All is read anew. */
  begin(): void {
    this.#lastOfKeys.clear()
    this.#firstOfPartitions.clear()
  }

  saw(topic: string, partition: number, { offset, timestampMs, key }: ReadRecord): void {
    if (!this.mayForget(topic)) return
    const placed = { partition, offset, timestampMs }
    const first = this.#firstOfPartitions.get(`${topic}/${partition}`)
    if (first === undefined || offset < first.offset) this.#firstOfPartitions.set(`${topic}/${partition}`, placed)
    if (key === undefined) return
    const last = this.#lastOfKeys.get(`${topic}/${key}`)
    if (last === undefined || offset > last.offset) this.#lastOfKeys.set(`${topic}/${key}`, placed)
  }

  /** Whether a message that is not in its topic may have been there; clocks were off by `offMs` at the most. */
  mayBeGone({ topic, notBeforeMs, key, place }: Missing, offMs: number): boolean {
    const described = this.#described.get(topic)
    if (described === undefined) return false
    const earliestMs = notBeforeMs - NEIGHBOURS_MS - offMs
    if (described.cleanup === 'compact') {
      const last = key === undefined ? undefined : this.#lastOfKeys.get(`${topic}/${key}`)
      if (last === undefined) return false
      if (place !== undefined) return last.partition === place.partition && last.offset > place.offset
      return last.timestampMs >= earliestMs
    }
    if (described.retentionBytes === null) return false
    if (place !== undefined) return place.offset < described.partitions[place.partition].logStartOffset
    return described.partitions.some(({ logStartOffset }, partition) => {
      const first = this.#firstOfPartitions.get(`${topic}/${partition}`)
      return logStartOffset > 0 && (first === undefined || first.timestampMs >= earliestMs)
    })
  }
}
