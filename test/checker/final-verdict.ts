// What remains: each message against what was read last, and against what was said of it.

import { downMs, type Known, leastDueMs, SLACK_MS } from './known.ts'
import { ANSWERED, CHANGED, DELAYED, OWN_ID, POSSIBLE, RECEIVED, TOLD_LATER } from './messages.ts'

/** Who reads for the last time has let it come to rest: what was due so long before is dispatched. */
const REST_MS = 2_000

export class FinalVerdict {
  readonly #known: Known
  readonly #endMs: number

  constructor(known: Known, endMs: number) {
    this.#known = known
    this.#endMs = endMs
  }

  judge(): void {
    const { messages, registers } = this.#known
    for (const n of messages.rows()) {
      this.#judgePlace(n)
      if (registers.has(n)) this.#judgeRegister(n)
      else this.#judgeUntouched(n)
    }
    this.#judgeBatches()
  }

  /** Timestamps of what was dispatched and is there, how many more there may be, and how far the clock was off. */
  dispatched(): [timestampsMs: Float64Array, unseen: number, offMs: number] {
    const { messages, hand } = this.#known
    const timestampsMs: number[] = []
    let unseen = 0
    for (const n of messages.rows(DELAYED)) {
      if (messages.wasSeen(n)) timestampsMs.push(messages.timestampMs[n])
      else if (messages.is(n, POSSIBLE)) unseen++
    }
    return [Float64Array.from(timestampsMs), unseen, hand.aheadMaxMs + hand.behindMaxMs]
  }

  #isThere(n: number): boolean {
    const { messages } = this.#known
    return messages.wasSeen(n) && messages.seenIn[n] === this.#known.final.count
  }

  /** Whether it is not there and ought to be, had it been there once. */
  #isMissing(n: number): boolean {
    const { messages, retained, keys, hand } = this.#known
    if (this.#isThere(n)) return false
    const { toldPartition, toldOffset, partition, offset, askedMs } = messages
    const place =
      partition[n] >= 0
        ? { partition: partition[n], offset: offset[n] }
        : toldPartition[n] >= 0
          ? { partition: toldPartition[n], offset: toldOffset[n] }
          : undefined
    const missing = { topic: messages.topicOf(n), notBeforeMs: askedMs[n], key: keys.get(n), place }
    return !retained.mayBeGone(missing, hand.aheadMaxMs + hand.behindMaxMs)
  }

  #judgePlace(n: number): void {
    const { messages, places, findings } = this.#known
    const topic = messages.topicOf(n)
    if (messages.wasSeen(n) && !messages.is(n, POSSIBLE))
      findings.add('phantom', `message ${n} is in ${topic}, every publication of it was refused`)
    if (messages.toldPartition[n] < 0) return
    const [partition, offset] = [messages.toldPartition[n], messages.toldOffset[n]]
    const there = places.at(topic, partition, offset)
    const anomaly = messages.is(n, TOLD_LATER) ? 'not cancelled and not there' : 'wrong place'
    if (there !== undefined ? there !== n : messages.wasSeen(n) || this.#isMissing(n))
      findings.add(
        anomaly,
        `message ${n} was answered ${topic} ${partition}/${offset}, which holds ${there ?? 'nothing'}`,
      )
  }

  #judgeUntouched(n: number): void {
    const { messages, findings } = this.#known
    const { dueMs, timestampMs } = messages
    if (this.#isThere(n)) {
      if (!messages.is(n, DELAYED)) return
      if (timestampMs[n] < leastDueMs(this.#known, n))
        findings.add('early', `message ${n}, due ${dueMs[n]}, has the timestamp ${timestampMs[n]}`)
      this.#judgeLateness(n, dueMs[n])
    } else if (messages.is(n, ANSWERED) && this.#isOver(n, dueMs[n]) && this.#isMissing(n)) {
      findings.add(
        'lost',
        `message ${n} of ${messages.topicOf(n)}, due ${dueMs[n]}, was answered and is not there${this.#class(n)}`,
      )
    }
  }

  #judgeRegister(n: number): void {
    const { messages, registers, findings, hand, retained } = this.#known
    if (messages.wasSeen(n)) {
      const [from, to] = [messages.seenAsked[n], messages.seenFrom[n]]
      registers.told(n, { from, to }, { state: 'dispatched' }, Number.POSITIVE_INFINITY)
    }
    const topic = messages.topicOf(n)
    const forgettable = !messages.is(n, OWN_ID) && retained.mayForget(topic)
    const handMaxMs = hand.maxMs(this.#endMs)
    const { states, contradiction } = registers.judge(n, { handMaxMs, slackMs: SLACK_MS, forgettable })
    const isThere = this.#isThere(n)
    if (messages.is(n, RECEIVED) && registers.wasTold(n, 'cancelled'))
      findings.add('cancelled but there', `message ${n} was said to be cancelled and was seen in ${topic}`)
    const isMissing = this.#isMissing(n)
    if (isMissing && registers.wasTold(n, 'dispatched'))
      findings.add('not cancelled and not there', `message ${n} was said to be dispatched and is not in ${topic}`)
    if (contradiction !== undefined) {
      const { call, answer } = contradiction
      findings.add(
        'answers disagree',
        `message ${n}: ${call} answered ${JSON.stringify(answer)}, which fits no order of what was told of it`,
      )
      return
    }
    if (isThere) this.#judgeDispatch(n, states.filter(isDispatched))
    else if (
      isMissing &&
      !states.some((state) => !isDispatched(state) && !(state.state === 'pending' && this.#isOver(n, state.dueMs)))
    )
      findings.add('lost', `message ${n} of ${topic} can be nothing but dispatched and is not there${this.#class(n)}`)
  }

  /** It was dispatched; `states` are those in which it can have been, each with the due time that it had then. */
  #judgeDispatch(n: number, states: { dueMs: number; exact: boolean }[]): void {
    const { messages, findings } = this.#known
    const timestampMs = messages.timestampMs[n]
    const possible = states.filter(({ dueMs, exact }) => dueMs <= timestampMs + (exact ? 0 : SLACK_MS))
    if (states.length > 0 && possible.length === 0)
      findings.add('early', `message ${n}, due ${states.map(({ dueMs }) => dueMs)}, has the timestamp ${timestampMs}`)
    else if (possible.length > 0) this.#judgeLateness(n, Math.max(...possible.map(({ dueMs }) => dueMs)))
  }

  #judgeLateness(n: number, dueMs: number): void {
    const { messages, findings, hand, lateMsMax } = this.#known
    // What was published behind its due time is dispatched as soon as it is durable.
    const fromMs = Math.max(dueMs, messages.answeredMs[n])
    const timestampMs = messages.timestampMs[n]
    const lateMs = timestampMs - fromMs - hand.aheadMaxMs - hand.behindMaxMs
    if (lateMs > lateMsMax && lateMs - downMs(this.#known, fromMs, timestampMs) > lateMsMax)
      findings.add('late', `message ${n}, due ${dueMs}, was dispatched ${lateMs} ms late`)
  }

  /** Whether a message due at `dueMs` must have been dispatched by the last final read. */
  #isOver(n: number, dueMs: number): boolean {
    const { messages, hand, final } = this.#known
    return !messages.is(n, DELAYED) || dueMs + REST_MS + hand.behindMaxMs < final.atMs
  }

  #judgeBatches(): void {
    const { messages, findings } = this.#known
    const sums = new Map<number, { seen: number; missing: number }>()
    for (const n of messages.rows()) {
      const batch = messages.batch[n]
      if (batch === 0 || messages.is(n, CHANGED)) continue
      const sum = sums.get(batch) ?? { seen: 0, missing: 0 }
      sums.set(batch, sum)
      if (messages.wasSeen(n)) sum.seen++
      else if (this.#isOver(n, messages.dueMs[n]) && this.#isMissing(n)) sum.missing++
    }
    for (const [batch, { seen, missing }] of sums)
      if (seen > 0 && missing > 0)
        findings.add('torn batch', `batch ${batch}: ${seen} are there, ${missing} are missing`)
  }

  /** Where among those of its publisher it is missing: in the middle is proof, at the end may be a reader that was slow. */
  #class(n: number): string {
    this.#spans ??= this.#spansOf()
    const { first, last } = this.#spans.get(this.#known.messages.publisher[n]) ?? { first: n, last: n }
    return n > last
      ? ' (behind all others of its publisher)'
      : n < first
        ? ' (before all others of its publisher)'
        : ' (amid others)'
  }

  #spans: Map<number, { first: number; last: number }> | undefined

  #spansOf(): Map<number, { first: number; last: number }> {
    const { messages } = this.#known
    const spans = new Map<number, { first: number; last: number }>()
    for (const n of messages.rows()) {
      if (!messages.wasSeen(n)) continue
      const span = spans.get(messages.publisher[n])
      if (span === undefined) spans.set(messages.publisher[n], { first: n, last: n })
      else span.last = n
    }
    return spans
  }
}

type Dispatched = { state: 'dispatched'; dueMs: number; exact: boolean }

function isDispatched(state: { state: string }): state is Dispatched {
  return state.state === 'dispatched'
}
