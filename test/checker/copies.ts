// The copies that failed records left behind, in lanes and among the dead letters, as they stood at the first final read: by
// their timestamps they tell what was counted when.

import type { DescribedTopic, ReadRecord } from './history.ts'

export class Copies {
  readonly #timestampsMs = new Map<string, number[]>()
  /** Topics of which something is gone. */
  readonly #cut = new Set<string>()

  describe(topic: string, { partitions }: DescribedTopic): void {
    if (partitions.some(({ logStartOffset }) => logStartOffset > 0)) this.#cut.add(topic)
  }

  saw(topic: string, records: readonly ReadRecord[]): void {
    const timestampsMs = this.#timestampsMs.get(topic) ?? []
    this.#timestampsMs.set(topic, timestampsMs)
    for (const record of records) timestampsMs.push(record.timestampMs)
  }

  /** Whether all is there that topics of this ending ever had. */
  areWhole(ending: string): boolean {
    return ![...this.#cut].some((topic) => topic.endsWith(ending))
  }

  timestampsMs(ending: string): Float64Array {
    const all = [...this.#timestampsMs].filter(([topic]) => topic.endsWith(ending))
    return Float64Array.from(all.flatMap(([, timestampsMs]) => timestampsMs))
  }
}
