// What a log was asked and what it answered, and whether a log that was opened after a crash agrees with it:
//
//   1. every acknowledged record is at the offset that was answered, unless its topic was deleted or the log start moved
//   2. of an append that was not acknowledged either every record is there or none
//   3. nothing else is there, nothing is there twice, offsets have no gap
//   4. acknowledged creations, alterations, deletions and log starts hold
//   5. the log goes on: an append gets the next offset

import { encodeRecordBody, type LogEngine } from '../../storage/index.ts'
import { readAll } from '../contract/engine.ts'

interface Placed {
  topicId: number
  partition: number
  text: string
  offset: number
}

interface Appended {
  acknowledged: boolean
  places: Placed[]
}

export class LogHistory {
  /** Topics that others write to. */
  readonly #isForeign: (topic: string) => boolean
  readonly #appends: Appended[] = []
  /** By id; `deleted` as soon as its deletion has begun, `gone` when that was acknowledged. */
  readonly #topics = new Map<number, { name: string; partitions: number; deleted: boolean; gone: boolean }>()
  readonly #starts = new Map<string, { acknowledged: number; asked: number }>()
  #texts = 0

  constructor(isForeign = (topic: string) => topic.startsWith('__')) {
    this.#isForeign = isForeign
  }

  async create(engine: LogEngine, name: string, partitions: number, settings = {}): Promise<void> {
    const { id } = await engine.createTopic(name, { partitions, cleanup: 'delete', ...settings })
    this.#topics.set(id, { name, partitions, deleted: false, gone: false })
  }

  async grow(engine: LogEngine, name: string, partitions: number): Promise<void> {
    const { id } = await engine.alterTopic(name, { partitions, cleanup: 'delete' })
    Object.assign(this.#topics.get(id) ?? {}, { partitions })
  }

  async delete(engine: LogEngine, name: string): Promise<void> {
    const topic = this.#topics.get(engine.topic(name)?.id ?? -1)
    if (topic !== undefined) topic.deleted = true
    await engine.deleteTopic(name)
    if (topic !== undefined) topic.gone = true
  }

  /** Appends `count` records of about `bytes` to each of these partitions, atomically. */
  async append(
    engine: LogEngine,
    to: [topic: string, partition: number][],
    count: number,
    bytes: number,
  ): Promise<void> {
    const appended: Appended = { acknowledged: false, places: [] }
    const appends = to.map(([topic, partition]) => {
      const topicId = engine.topic(topic)?.id ?? -1
      const offset = engine.offsets(topic, partition).logEndOffset
      const records = Array.from({ length: count }, (_, i) => {
        const text = `${this.#texts++}${'.'.repeat(bytes)}`
        appended.places.push({ topicId, partition, text, offset: offset + i })
        return { timestampMs: 1_000 + this.#texts, body: encodeRecordBody(null, Buffer.from(text), []) }
      })
      return { topic, partition, records }
    })
    this.#appends.push(appended)
    await engine.append(appends)
    appended.acknowledged = true
  }

  async deleteRecords(engine: LogEngine, topic: string, partition: number, beforeOffset: number): Promise<void> {
    const key = `${engine.topic(topic)?.id}-${partition}`
    const start = this.#starts.get(key) ?? { acknowledged: 0, asked: 0 }
    this.#starts.set(key, start)
    start.asked = Math.max(start.asked, beforeOffset)
    await engine.deleteRecords(topic, partition, beforeOffset)
    start.acknowledged = Math.max(start.acknowledged, beforeOffset)
  }

  /** The last append counts as one that was never acknowledged. */
  forgetLast(): void {
    const last = this.#appends.at(-1)
    if (last !== undefined) last.acknowledged = false
  }

  get acknowledgedCount(): number {
    return this.#appends.filter(({ acknowledged }) => acknowledged).length
  }

  /** What `engine` has that contradicts this history, in words; empty when nothing does. `startsKnown`: rule 4's log starts. */
  async contradictions(engine: LogEngine, startsKnown = true): Promise<string[]> {
    const wrong: string[] = []
    const there = new Map<string, number>()
    const starts = new Map<string, number>()
    for (const { name, id, partitions } of engine.topics()) {
      if (this.#isForeign(name)) continue
      const known = this.#topics.get(id)
      if (known?.gone) wrong.push(`the deleted topic ${name} (${id}) is back`)
      for (let partition = 0; partition < partitions; partition++) {
        const key = `${id}-${partition}`
        const { logStartOffset } = engine.offsets(name, partition)
        starts.set(key, logStartOffset)
        const acknowledged = this.#starts.get(key)?.acknowledged ?? 0
        if (startsKnown && logStartOffset < acknowledged)
          wrong.push(`${key} starts at ${logStartOffset}, not ${acknowledged}`)
        let expected = logStartOffset
        for (const { offset, text } of await readAll(engine, name, partition)) {
          if (offset !== expected++) wrong.push(`${key} has offset ${offset} instead of ${expected - 1}`)
          const place = `${key}@${text}`
          if (there.has(place)) wrong.push(`${place} is there twice`)
          there.set(place, offset)
        }
      }
    }
    for (const [id, { name, partitions, deleted }] of this.#topics) {
      const found = engine.topic(name)
      if (deleted) continue
      if (found?.id !== id) wrong.push(`the topic ${name} (${id}) is missing`)
      else if (found.partitions < partitions) wrong.push(`the topic ${name} has only ${found.partitions} partitions`)
    }
    for (const { acknowledged, places } of this.#appends) this.#compare(acknowledged, places, starts, there, wrong)
    for (const place of there.keys()) wrong.push(`${place.slice(0, 40)} was never appended`)
    return wrong.slice(0, 5)
  }

  #compare(
    acknowledged: boolean,
    places: Placed[],
    starts: Map<string, number>,
    there: Map<string, number>,
    wrong: string[],
  ): void {
    let found = 0
    let missing = 0
    for (const { topicId, partition, text, offset } of places) {
      const key = `${topicId}-${partition}`
      const start = starts.get(key)
      const at = there.get(`${key}@${text}`)
      there.delete(`${key}@${text}`)
      if (start === undefined || offset < start) continue
      if (at === undefined) missing++
      else found++
      if (at !== undefined && acknowledged && at !== offset)
        wrong.push(`${text.slice(0, 9)} is at ${at}, not at ${offset}`)
    }
    if (acknowledged && missing > 0)
      wrong.push(`${missing} acknowledged records are missing, from ${places[0].text.slice(0, 9)} on`)
    if (found > 0 && missing > 0) wrong.push(`of an append, ${found} records are there and ${missing} are not`)
  }
}
