// What a compacted topic was asked and what it answered, and whether a log that was opened after a crash agrees with it:
//
//   1. what is at an offset is what was appended there
//   2. of each key the last acknowledged record is there, unless a later one is, or the log starts behind it, or it is a
//      tombstone whose time may be over
//   3. what a tombstone deleted does not come back when the tombstone goes
//   4. every offset below the high watermark leads further, and the sizes are those of the files

import type { LogEngine } from '../../storage/index.ts'
import { keyed, recordsIn } from './compacted-model.ts'

interface Appended {
  key: string
  text: string
  isTombstone: boolean
  acknowledged: boolean
}

export class CompactedHistory {
  readonly #topic: string
  readonly #appended = new Map<number, Appended>()
  #startAsked = 0
  /** Set when tombstones may be gone. */
  tombstonesMayGo = false

  constructor(topic: string) {
    this.#topic = topic
  }

  /** The same, to go on from. */
  copy(): CompactedHistory {
    const copy = new CompactedHistory(this.#topic)
    for (const [offset, appended] of this.#appended) copy.#appended.set(offset, { ...appended })
    copy.#startAsked = this.#startAsked
    copy.tombstonesMayGo = this.tombstonesMayGo
    return copy
  }

  /** Appends records out of `key=value`, as one batch. */
  async append(engine: LogEngine, ...texts: string[]): Promise<void> {
    const baseOffset = engine.offsets(this.#topic, 0).logEndOffset
    const appended = texts.map((text) => {
      const [key, value] = text.split('=')
      return { key, text, isTombstone: value === '', acknowledged: false }
    })
    for (const [i, each] of appended.entries()) this.#appended.set(baseOffset + i, each)
    await engine.append([{ topic: this.#topic, partition: 0, records: texts.map((text) => keyed(text)) }])
    for (const each of appended) each.acknowledged = true
  }

  async deleteRecords(engine: LogEngine, beforeOffset: number): Promise<void> {
    this.#startAsked = Math.max(this.#startAsked, beforeOffset)
    await engine.deleteRecords(this.#topic, 0, beforeOffset)
  }

  /** What `engine` has that contradicts this history, in words. */
  async contradictions(engine: LogEngine): Promise<string[]> {
    const wrong: string[] = []
    const last = new Map<string, number>()
    for (const { offset, text } of await recordsIn(engine, this.#topic, 0, 300)) {
      const appended = this.#appended.get(offset)
      if (appended?.text !== text) wrong.push(`offset ${offset} holds ${text.slice(0, 20)}, not ${appended?.text}`)
      else last.set(appended.key, offset)
    }
    const { logStartOffset, logEndOffset } = engine.offsets(this.#topic, 0)
    if (logStartOffset > this.#startAsked) wrong.push(`the log starts at ${logStartOffset}`)
    const expected = new Map<string, { offset: number } & Appended>()
    for (const [offset, appended] of this.#appended) {
      if (offset >= logEndOffset && appended.acknowledged) wrong.push(`the acknowledged offset ${offset} is missing`)
      if (appended.acknowledged) expected.set(appended.key, { offset, ...appended })
    }
    for (const [key, { offset, isTombstone }] of expected) {
      const found = last.get(key)
      if (offset < logStartOffset || (found !== undefined && found >= offset)) continue
      if (found !== undefined) wrong.push(`of ${key} the last is ${found}, not ${offset}: an older value is back`)
      else if (!(isTombstone && this.tombstonesMayGo)) wrong.push(`${key} of offset ${offset} is gone`)
    }
    return wrong.slice(0, 5)
  }
}
