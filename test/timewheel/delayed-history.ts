// What a wheel was asked and what it answered, and whether what lies in the targets agrees with it:
//
//   1. an acknowledged message that is due is in its target once, unless it was cancelled or its topic was deleted
//   2. one that was not acknowledged is there at most once; nothing else is there
//   3. 'cancelled' means never there, 'dispatched' means there; look-ups say the same
//   4. nothing is there whose time has not come, and no record has a timestamp before its due time: the one that a move set
//      when it was answered, the one before or that one when it was not

import { decodeRecordBody, encodeRecordBody, type Header, type LogEngine, readRecords } from '../../storage/index.ts'
import { type DelayedState, ID_PLACEHOLDER, messageId, type Place, type Wheel } from '../../timewheel/index.ts'
import { ID_HEADER } from '../support/wheel.ts'

interface Asked {
  text: string
  topic: string
  /** The due times that may be in force: one, unless a move had no answer. */
  dueAtMs: number[]
  /** Known once it was acknowledged. */
  place: Place | undefined
  cancel: 'not asked' | 'no answer' | 'cancelled' | 'dispatched' | 'unknown'
  /** It was said to be dispatched when it was to be moved. */
  isDispatched: boolean
}

interface Found {
  topic: string
  partition: number
  offset: number
  timestampMs: number
}

export class DelayedHistory {
  readonly #asked: Asked[] = []
  readonly #deleted = new Set<string>()

  /** Publishes a message for each of these due times in one append. */
  async publish(engine: LogEngine, wheel: Wheel, topic: string, dueAtMs: readonly number[], bytes = 20): Promise<void> {
    const asked: Asked[] = dueAtMs.map((due, i) => {
      const text = `m${this.#asked.length + i}-${topic}-${due}`
      return { text, topic, dueAtMs: [due], place: undefined, cancel: 'not asked', isDispatched: false }
    })
    const headers: Header[] = [[ID_HEADER, ID_PLACEHOLDER]]
    const records = asked.map(({ text, dueAtMs: [due] }, i) => {
      const key = i % 2 === 0 ? null : Buffer.from(`k${i}`)
      const body = encodeRecordBody(key, Buffer.from(`${text} ${'.'.repeat(bytes)}`), headers)
      return { topic, dueAtMs: due, body, fillId: true }
    })
    const append = wheel.append(records)
    this.#asked.push(...asked)
    const [base] = await engine.append([append])
    for (const [i, message] of asked.entries()) message.place = { dueAtMs: dueAtMs[i], offset: base + i }
  }

  /** Cancels the `n`-th message that was acknowledged and not cancelled. */
  async cancel(wheel: Wheel, n: number): Promise<Asked['cancel']> {
    const message = this.#cancellable[n]
    if (message?.place === undefined) return 'not asked'
    message.cancel = 'no answer'
    message.cancel = await wheel.cancel(message.topic, message.place)
    return message.cancel
  }

  /** Moves the `n`-th message that was acknowledged and not cancelled to `dueAtMs`; to now when that is past. */
  async move(wheel: Wheel, n: number, dueAtMs: number, nowMs: number): Promise<string> {
    const message = this.#cancellable[n]
    if (message?.place === undefined) return 'not asked'
    const before = message.dueAtMs
    message.dueAtMs = [...before, Math.max(dueAtMs, nowMs)]
    const { state } = await (dueAtMs < nowMs
      ? wheel.dispatchNow(message.topic, message.place)
      : wheel.reschedule(message.topic, message.place, dueAtMs))
    // Moved to now and dispatched; or it was before, under another due time.
    if (state === 'dispatched') message.isDispatched = true
    else message.dueAtMs = state === 'pending' ? [dueAtMs] : before
    return state
  }

  async deleteTopic(engine: LogEngine, topic: string): Promise<void> {
    this.#deleted.add(topic)
    await engine.deleteTopic(topic)
  }

  get #cancellable(): Asked[] {
    return this.#asked.filter(({ place, cancel }) => place !== undefined && cancel === 'not asked')
  }

  get lastDueAtMs(): number {
    return this.#asked.reduce((last, { dueAtMs }) => Math.max(last, ...dueAtMs), 0)
  }

  get acknowledgedCount(): number {
    return this.#asked.filter(({ place }) => place !== undefined).length
  }

  /** How many of the messages that were acknowledged, and not cancelled, are not in their targets yet. */
  async pendingCount(engine: LogEngine, topics: readonly string[]): Promise<number> {
    const found = await everythingIn(engine, topics)
    return this.#cancellable.filter(({ text }) => !found.has(text)).length
  }

  /** What is wrong with the targets at `nowMs`, in words; with `all`, everything due must be there already. */
  async contradictions(engine: LogEngine, wheel: Wheel, topics: readonly string[], nowMs: number, all: boolean) {
    const wrong: string[] = []
    // First: what is pending now may be dispatched while the targets are read, nothing that is dispatched goes away.
    const states = new Map<Asked, DelayedState>()
    for (const asked of this.#asked) {
      const { topic, place } = asked
      if (place !== undefined) states.set(asked, await wheel.lookUp(topic, place, messageId(place)))
    }
    const found = await everythingIn(engine, topics)
    for (const asked of this.#asked) {
      const { text, topic, place, cancel } = asked
      const dueAtMs = Math.min(...asked.dueAtMs)
      const there = found.get(text) ?? []
      found.delete(text)
      const says = (sentence: string) => void wrong.push(`${text} ${sentence}`)
      if (there.length > 1) says(`is there ${there.length} times`)
      if (there.length > 0 && dueAtMs > nowMs) says(`is there ${dueAtMs - nowMs} ms early`)
      if (there.some(({ timestampMs }) => timestampMs < dueAtMs)) says('has a timestamp before its due time')
      if (there.some((record) => record.topic !== topic)) says('is in another topic')
      if (there.length > 0 && cancel === 'cancelled') says('is there though it was cancelled')
      const isThere = cancel === 'dispatched' || asked.isDispatched
      const isWanted = (cancel === 'not asked' && place !== undefined) || isThere
      if (isWanted && there.length === 0 && (all || isThere) && !this.#deleted.has(topic)) {
        says(`is missing (${cancel})`)
      }
      const state = states.get(asked)
      if (state === undefined || this.#deleted.has(topic)) continue
      if (state.state === 'pending' && all) says('is said to be pending')
      if (state.state === 'cancelled' && there.length > 0) says('is there and said to be cancelled')
      if (state.state === 'pending' && !asked.dueAtMs.includes(state.dueAtMs))
        says(`is said to be due ${state.dueAtMs}, not ${asked.dueAtMs}`)
      if (state.state !== 'dispatched') continue
      if (!there.some(({ partition, offset }) => partition === state.partition && offset === state.offset)) {
        says(`is said to be dispatched to ${state.partition}, ${state.offset}`)
      }
    }
    for (const text of found.keys()) wrong.push(`${text} was never published`)
    return wrong.slice(0, 5)
  }
}

async function everythingIn(engine: LogEngine, topics: readonly string[]): Promise<Map<string, Found[]>> {
  const found = new Map<string, Found[]>()
  for (const topic of topics) {
    const partitions = engine.topic(topic)?.partitions ?? 0
    for (let partition = 0; partition < partitions; partition++) {
      const { logStartOffset, highWatermark } = engine.offsets(topic, partition)
      for (let at = logStartOffset; at < highWatermark; ) {
        for (const { offset, timestampMs, body } of readRecords(await engine.read(topic, partition, at, 1e6), at)) {
          const text = String(decodeRecordBody(body).value).split(' ')[0]
          found.set(text, [...(found.get(text) ?? []), { topic, partition, offset, timestampMs }])
          at = offset + 1
        }
      }
    }
  }
  return found
}
