// What can be wrong with messages: lost, doubled, early, late, phantom, misplaced, torn, wrongly cancelled.

import type { CheckOptions, Down, Operation } from './checker.ts'
import type { FinalRecord, FinalState, PublishedMessage, PublishResult } from './history.ts'
import { recordAt } from './lookup.ts'
import { mayBeGone } from './retained.ts'

interface Message extends PublishedMessage {
  topic: string
  batch?: number
  /** Answered with success, with what was answered. */
  answers: PublishResult[]
  /** When it was answered first. */
  answeredMs: number
  /** Whether any attempt to publish it can have happened. */
  possible: boolean
}

interface Cancels {
  cancelled: boolean
  dispatched: boolean
  unknown: boolean
  undecided: boolean
}

type Anomalies = Record<string, () => Iterable<string>>

export function messageAnomalies(
  operations: readonly Operation[],
  final: FinalState,
  { downs = [], lateMsMax = 10_000 }: CheckOptions,
): Anomalies {
  const messages = messagesOf(operations)
  const cancels = cancelsOf(operations)
  const places = placesOf(messages, final)
  /** Neither there, nor rightly gone. */
  const isMissing = (n: number) => {
    const message = messages.get(n)
    return !places.has(n) && (message === undefined || !mayBeGone(final, message))
  }
  const isRightlyGone = (n: number) => !places.has(n) && !isMissing(n)
  /** Without an id of its own nothing but its record tells that a message was dispatched. */
  const isForgotten = (n: number) => messages.get(n)?.id === undefined && isRightlyGone(n)
  /** Whether something else than message `n` is at the place where it was said to be. */
  const isAnother = (n: number, there: number | undefined) => there !== n && (there !== undefined || !isRightlyGone(n))

  return {
    *lost() {
      for (const { n, topic, answers, notBeforeMs } of messages.values()) {
        const { cancelled, undecided } = cancels.get(n) ?? NO_CANCELS
        if (answers.length === 0 || cancelled || undecided || !isMissing(n)) continue
        yield `message ${n} of ${topic}, due ${notBeforeMs}, was answered ${JSON.stringify(answers)} and is not in its topic`
      }
    },

    *duplicate() {
      for (const [n, found] of places)
        if (found.length > 1) yield `message ${n} is there ${found.length} times: ${JSON.stringify(found)}`
    },

    *early() {
      for (const [n, found] of places) {
        const message = messages.get(n)
        if (!message?.delayed) continue
        const dueAtMs = Math.max(message.notBeforeMs, ...message.answers.map((answer) => answer.dueAtMs ?? 0))
        for (const { timestampMs } of found) {
          if (timestampMs < dueAtMs) yield `message ${n}, due ${dueAtMs}, has the timestamp ${timestampMs}`
        }
      }
      for (const { n, notBeforeMs, answers } of messages.values()) {
        for (const { dueAtMs } of answers) {
          if (dueAtMs !== undefined && dueAtMs < notBeforeMs)
            yield `message ${n} asked for ${notBeforeMs}, was promised ${dueAtMs}`
        }
      }
      for (const { outcome } of operations) {
        if (outcome?.call !== 'acquire' || outcome.kind !== 'ok') continue
        for (const { n } of outcome.value.records) {
          const message = messages.get(n)
          if (message?.delayed && outcome.atMs < message.notBeforeMs)
            yield `message ${n}, due ${message.notBeforeMs}, was delivered at ${outcome.atMs}`
        }
      }
    },

    *late() {
      for (const [n, found] of places) {
        const message = messages.get(n)
        const dueAtMs = Math.max(...(message?.answers.map((answer) => answer.dueAtMs ?? 0) ?? [0]))
        if (message === undefined || dueAtMs <= 0) continue
        // What was published behind its due time is dispatched as soon as it is durable.
        const fromMs = Math.max(dueAtMs, message.answeredMs)
        const { timestampMs } = found[0]
        const lateMs = timestampMs - fromMs - downMs(downs, fromMs, timestampMs)
        if (lateMs > lateMsMax) yield `message ${n}, due ${dueAtMs}, was dispatched ${lateMs} ms late`
      }
    },

    *'dishonest metrics'() {
      // Everything was due.
      if (final.pending !== 0) yield `${final.pending} delayed messages are said to wait`
    },

    *phantom() {
      for (const [topic, records] of Object.entries(final.topics)) {
        if (!isTarget(topic, messages)) continue
        for (const { n, partition, offset } of records) {
          const message = messages.get(n)
          if (message === undefined || !message.possible)
            yield `${topic} ${partition}/${offset} holds message ${n}, which nobody published`
          else if (message.topic !== topic) yield `message ${n} of ${message.topic} is in ${topic}`
        }
      }
    },

    *'wrong place'() {
      for (const { n, topic, answers } of messages.values()) {
        for (const { partition, offset } of answers) {
          if (offset === undefined) continue
          const there = recordAt(final, topic, partition ?? -1, offset)?.n
          if (isAnother(n, there))
            yield `message ${n} was answered ${topic} ${partition}/${offset}, which holds ${there ?? 'nothing'}`
        }
      }
      for (const { n, topic, state, partition, offset } of final.delayed) {
        if (state !== 'dispatched' || offset === undefined) continue
        const there = recordAt(final, topic, partition ?? -1, offset)?.n
        if (isAnother(n, there))
          yield `message ${n} is said to be at ${topic} ${partition}/${offset}, which holds ${there ?? 'nothing'}`
      }
    },

    *'offsets out of order'() {
      for (const [topic, records] of Object.entries(final.topics)) {
        const last = new Map<number, number>()
        for (const { partition, offset } of records) {
          if (offset <= (last.get(partition) ?? -1))
            yield `${topic} ${partition}/${offset} comes after ${last.get(partition)}`
          last.set(partition, offset)
        }
      }
    },

    *'torn batch'() {
      const sums = new Map<number, { seen: number; missing: number }>()
      for (const { n, batch } of messages.values()) {
        if (batch === undefined) continue
        const { seen, missing } = sums.get(batch) ?? { seen: 0, missing: 0 }
        sums.set(batch, { seen: seen + (places.has(n) ? 1 : 0), missing: missing + (isMissing(n) ? 1 : 0) })
      }
      for (const [batch, { seen, missing }] of sums)
        if (seen > 0 && missing > 0) yield `batch ${batch}: ${seen} are there, ${missing} are missing`
    },

    *'cancelled but there'() {
      for (const [n, { cancelled }] of cancels) {
        if (cancelled && places.has(n)) yield `message ${n} was cancelled and is at ${JSON.stringify(places.get(n))}`
      }
    },

    *'not cancelled and not there'() {
      for (const [n, { dispatched }] of cancels) {
        if (dispatched && isMissing(n)) yield `message ${n} was said to be dispatched and is not in its topic`
      }
    },

    *'answers disagree'() {
      for (const [n, { cancelled, dispatched, unknown }] of cancels) {
        if (cancelled && dispatched) yield `message ${n} was said to be cancelled and to be dispatched`
        if (unknown && !isForgotten(n)) yield `message ${n} was answered with success and is unknown to cancel`
      }
      for (const { n, id, state } of final.delayed) {
        const { cancelled, dispatched } = cancels.get(n) ?? NO_CANCELS
        const there = places.has(n)
        if (state === 'pending') yield `message ${n} (${id}) is pending after everything was due`
        if (state === 'unknown' && !isForgotten(n))
          yield `message ${n} (${id}) was answered with success and is not known`
        if (state === 'cancelled' && (there || dispatched)) yield `message ${n} (${id}) says cancelled and is there`
        if (state === 'dispatched' && (isMissing(n) || cancelled))
          yield `message ${n} (${id}) says dispatched and is not there`
      }
    },
  }
}

/** How long nobody was there between two times. */
function downMs(downs: readonly Down[], fromMs: number, toMs: number): number {
  return downs.reduce((sum, down) => sum + Math.max(0, Math.min(toMs, down.toMs) - Math.max(fromMs, down.fromMs)), 0)
}

const NO_CANCELS: Cancels = { cancelled: false, dispatched: false, unknown: false, undecided: false }

function messagesOf(operations: readonly Operation[]): Map<number, Message> {
  const messages = new Map<number, Message>()
  for (const { invoke, outcome } of operations) {
    if (invoke.call !== 'publish') continue
    for (const [i, published] of invoke.value.messages.entries()) {
      const { topic, batch } = invoke.value
      const message = messages.get(published.n) ?? {
        ...published,
        topic,
        batch,
        answers: [],
        answeredMs: Number.POSITIVE_INFINITY,
        possible: false,
      }
      if (outcome?.kind !== 'fail') message.possible = true
      if (outcome?.call === 'publish' && outcome.kind === 'ok') {
        message.answers.push(outcome.value.results[i])
        message.answeredMs = Math.min(message.answeredMs, outcome.atMs)
      }
      messages.set(published.n, message)
    }
  }
  return messages
}

function cancelsOf(operations: readonly Operation[]): Map<number, Cancels> {
  const cancels = new Map<number, Cancels>()
  for (const { invoke, outcome } of operations) {
    if (invoke.call !== 'cancel') continue
    const sum = cancels.get(invoke.value.n) ?? { ...NO_CANCELS }
    if (outcome?.call === 'cancel' && outcome.kind === 'ok') sum[outcome.value.state] = true
    else if (outcome?.kind !== 'fail') sum.undecided = true
    cancels.set(invoke.value.n, sum)
  }
  return cancels
}

/** Where each message stands in its topic (not in lanes). */
function placesOf(messages: Map<number, Message>, final: FinalState): Map<number, FinalRecord[]> {
  const places = new Map<number, FinalRecord[]>()
  for (const [topic, records] of Object.entries(final.topics)) {
    if (!isTarget(topic, messages)) continue
    for (const record of records) places.set(record.n, [...(places.get(record.n) ?? []), record])
  }
  return places
}

const targetsOf = new WeakMap<Map<number, Message>, Set<string>>()

function isTarget(topic: string, messages: Map<number, Message>): boolean {
  let targets = targetsOf.get(messages)
  if (targets === undefined) {
    targets = new Set([...messages.values()].map((message) => message.topic))
    targetsOf.set(messages, targets)
  }
  return targets.has(topic)
}
