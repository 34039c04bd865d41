// Ways to look things up in the final state, each made once per list.

import type { FinalRecord, FinalState } from './final-state.ts'

const placed = new WeakMap<readonly FinalRecord[], Map<string, FinalRecord>>()

/** The record at a place; undefined when there is none. */
export function recordAt(final: FinalState, topic: string, partition: number, offset: number): FinalRecord | undefined {
  const records = final.topics[topic]
  if (records === undefined) return undefined
  let places = placed.get(records)
  if (places === undefined) {
    places = new Map(records.map((record) => [`${record.partition}/${record.offset}`, record]))
    placed.set(records, places)
  }
  return places.get(`${partition}/${offset}`)
}

const counted = new WeakMap<readonly { n: number }[], Map<number, number>>()

/** How often message `n` is in a list. */
export function countIn(list: readonly { n: number }[], n: number): number {
  let counts = counted.get(list)
  if (counts === undefined) {
    counts = new Map()
    for (const one of list) counts.set(one.n, (counts.get(one.n) ?? 0) + 1)
    counted.set(list, counts)
  }
  return counts.get(n) ?? 0
}

/** Every record of every topic by `topic/n`, where it lies first. */
export function placesOfAll(final: FinalState): Map<string, FinalRecord> {
  const places = new Map<string, FinalRecord>()
  for (const [topic, records] of Object.entries(final.topics)) {
    for (const record of records) if (!places.has(`${topic}/${record.n}`)) places.set(`${topic}/${record.n}`, record)
  }
  return places
}
