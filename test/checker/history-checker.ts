// Decides whether what clients were told and what was read in the end can both be true. It shares no code with the service,
// and knows nothing but the history, which it goes through once: what it keeps is a row of numbers for each message, and the
// calls about single messages. The numbers of the anomalies stand in findings.ts.
//
//   events        history.ts, publications.ts, single-calls.ts, sightings.ts
//   what is kept  messages.ts (a row each), places.ts, registers.ts, retained.ts, hand-limit.ts (the clock)
//   verdicts      register.ts (one message), waiting.ts (lists, forecasts, the gauge), counters.ts, final-verdict.ts

import { Copies } from './copies.ts'
import { LifeCounters } from './counters.ts'
import { FinalVerdict } from './final-verdict.ts'
import { Findings, type Violation } from './findings.ts'
import { HandLimit } from './hand-limit.ts'
import type { AcknowledgeInvoke, Event, Invoke, Note, Outcome } from './history.ts'
import { checkOverdue, count, type Known, leastDueMs, SLACK_MS } from './known.ts'
import { Messages } from './messages.ts'
import { Places } from './places.ts'
import { publicationEnded, published, publishing } from './publications.ts'
import { type OneCall, Registers } from './registers.ts'
import { Retained } from './retained.ts'
import { received, saw } from './sightings.ts'
import { answered, asking } from './single-calls.ts'
import { Waiting } from './waiting.ts'

export interface HistoryOptions {
  /** How late a message may be dispatched while there is a server. */
  lateMsMax?: number
  /** How long the server's wall clock must stay ahead before the hand follows it. */
  settleMs?: number
}

interface Open {
  invoke: Invoke
  order: number
}

export class HistoryChecker {
  readonly #known: Known
  readonly #waiting: Waiting
  readonly #counters: LifeCounters
  readonly #copies = new Copies()
  readonly #open = new Map<number, Open>()
  /** Position of the event in the history. */
  #order = 0
  #endedMs: number | undefined
  /** In this life: when a sync failed, and the last success of a call that was begun at this time. */
  #syncFailedMs = Number.POSITIVE_INFINITY
  #lastSuccess: Invoke | undefined
  #lastMs = 0
  /** Records that were released with a delay of their own. */
  #releases = 0

  constructor({ lateMsMax = 10_000, settleMs = 30_000 }: HistoryOptions = {}) {
    const [messages, findings] = [new Messages(), new Findings()]
    this.#known = {
      messages,
      findings,
      places: new Places(),
      registers: new Registers(messages, (n) => leastDueMs(this.#known, n)),
      retained: new Retained(),
      hand: new HandLimit(settleMs),
      keys: new Map(),
      downs: [],
      lateMsMax,
      final: { count: 0, atMs: Number.POSITIVE_INFINITY },
      counts: {},
    }
    this.#waiting = new Waiting(messages, findings)
    this.#counters = new LifeCounters(findings)
  }

  /** What was seen how often. */
  get counts(): Readonly<Record<string, number>> {
    return this.#known.counts
  }

  /** Takes the next event in. */
  take(event: Event): void {
    this.#order++
    this.#lastMs = event.atMs
    if (event.kind === 'note') this.#note(event)
    else if (event.kind === 'invoke') {
      this.#open.set(event.op, { invoke: event, order: this.#order })
      this.#counters.invoked(event)
      this.#invoked(event)
    } else this.#ended(event)
  }

  #ended(event: Outcome): void {
    const open = this.#open.get(event.op)
    if (open === undefined || open.invoke.call !== event.call)
      throw new Error(`the history is not one: event ${JSON.stringify(event).slice(0, 500)}`)
    this.#open.delete(event.op)
    count(this.#known, `${event.call} ${event.kind}`)
    this.#counters.answered(open.invoke, event)
    this.#answered(open, event)
  }

  /** What is wrong, once all events are taken in. */
  finish(): Violation[] {
    for (const { invoke } of this.#open.values()) {
      count(this.#known, `${invoke.call} info`)
      if (invoke.call === 'publish') publicationEnded(this.#known, invoke.value, true)
    }
    const { findings } = this.#known
    const verdict = new FinalVerdict(this.#known, this.#lastMs)
    verdict.judge()
    const [timestampsMs, unseen, offMs] = verdict.dispatched()
    this.#counters.finish('dispatched', timestampsMs, unseen + this.#releases, offMs)
    if (this.#copies.areWhole('.dlq'))
      this.#counters.finish('dead', this.#copies.timestampsMs('.dlq'), DYING_MAX, offMs)
    if (this.#copies.areWhole('.retry.redrive'))
      this.#counters.finish('redriven', this.#copies.timestampsMs('.retry.redrive'), 0, offMs)
    return findings.violations
  }

  #note(event: Note): void {
    const { downs, hand, retained } = this.#known
    switch (event.note) {
      case 'server ended':
        this.#endedMs ??= event.atMs
        this.#counters.ended(event.atMs)
        break
      case 'server started':
        downs.push({ fromMs: this.#endedMs ?? 0, toMs: event.atMs })
        this.#endedMs = undefined
        this.#syncFailedMs = Number.POSITIVE_INFINITY
        this.#lastSuccess = undefined
        hand.start(event.atMs)
        this.#counters.started()
        break
      case 'clock':
        hand.step(event.atMs, event.aheadMs)
        break
      case 'sync failed':
        // It is known only when the server has ended.
        this.#syncFailedMs = event.atMs
        this.#checkSuccess()
        break
      case 'final read':
        this.#known.final = { count: this.#known.final.count + 1, atMs: event.atMs }
        retained.begin()
    }
  }

  #invoked(invoke: Invoke): void {
    if (invoke.call === 'publish') publishing(this.#known, invoke.value)
    else if (isOne(invoke)) asking(this.#known, invoke, this.#order)
    else if (invoke.call === 'push') this.#pushed(invoke)
  }

  /** An endpoint has a record from the moment at which its call begins. */
  #pushed({ atMs, value: { topic, record } }: Invoke & { call: 'push' }): void {
    const handMaxMs = this.#known.hand.maxMs(atMs) + SLACK_MS
    this.#known.places.told(topic, record.partition, record.offset, this.#order)
    received(this.#known, record.n, { from: this.#order, to: this.#order, askedMs: atMs, handMaxMs })
  }

  #answered(open: Open, outcome: Outcome): void {
    const { invoke } = open
    if (outcome.kind === 'ok' && CHANGES.has(invoke.call) && invoke.atMs >= (this.#lastSuccess?.atMs ?? 0)) {
      this.#lastSuccess = invoke
      this.#checkSuccess()
    }
    if (invoke.call === 'publish') {
      publicationEnded(this.#known, invoke.value, outcome.kind !== 'fail')
      if (outcome.call === 'publish' && outcome.kind === 'ok')
        published(this.#known, invoke.value, outcome.value.results, { order: this.#order, atMs: outcome.atMs })
    } else if (isOne(invoke)) answered(this.#known, invoke, outcome, this.#order)
    else if (invoke.call === 'acknowledge') this.#acknowledged(invoke.value, outcome)
    else if (outcome.kind === 'ok') this.#looked(open, outcome)
  }

  #checkSuccess(): void {
    if (this.#lastSuccess === undefined || this.#lastSuccess.atMs <= this.#syncFailedMs) return
    const { op, call, atMs } = this.#lastSuccess
    this.#known.findings.add('success after a failed sync', `operation ${op}, a ${call} begun at ${atMs}`)
  }

  #looked({ invoke, order }: Open, outcome: Outcome & { kind: 'ok' }): void {
    const { findings, hand, messages, places, registers, retained } = this.#known
    const span = { from: order, to: this.#order, askedMs: invoke.atMs, handMaxMs: hand.maxMs(outcome.atMs) + SLACK_MS }
    if (outcome.call === 'read' && invoke.call === 'read') {
      const { topic, partition } = invoke.value
      if (this.#known.final.count === 1) this.#copies.saw(topic, outcome.value.records)
      if (messages.isTopic(topic))
        for (const record of outcome.value.records) saw(this.#known, { topic, partition }, record, span)
    } else if (outcome.call === 'describe' && invoke.call === 'describe') {
      const { topic } = invoke.value
      retained.describe(topic, outcome.value)
      this.#copies.describe(topic, outcome.value)
      for (const [partition, { highWatermark }] of outcome.value.partitions.entries()) {
        const told = places.highestToldBefore(topic, partition, order)
        if (told !== undefined && highWatermark <= told)
          findings.add(
            'water mark moved back',
            `${topic}/${partition} has ${highWatermark}, offset ${told} was told before`,
          )
      }
    } else if (outcome.call === 'list' && invoke.call === 'list') {
      this.#waiting.checkPage(invoke.value, outcome.value, span)
      for (const { n, dueAtMs } of outcome.value.messages) {
        // Of a message that nobody changed all is known: it needs no register.
        const isPlain = !registers.has(n) && messages.dueMs[n] === dueAtMs && this.#waiting.mayBe(n, span)
        if (!isPlain) registers.told(n, span, { state: 'pending', dueAtMs }, span.handMaxMs)
        checkOverdue(this.#known, n, dueAtMs, invoke.atMs)
      }
    } else if (outcome.call === 'forecast' && invoke.call === 'forecast') {
      this.#waiting.checkForecast(invoke.value.topic, outcome.value, span)
    } else if (outcome.call === 'metrics') this.#waiting.checkPending(outcome.value.pending, span)
    else if (outcome.call === 'look at all' && outcome.value.before !== outcome.value.after)
      findings.add('reading changes state', `files differ after it: ${outcome.value.changed.join(', ')}`)
    else if (outcome.call === 'acquire' && invoke.call === 'acquire') {
      for (const { n, partition, offset } of outcome.value.records) {
        places.told(invoke.value.topic, partition, offset, this.#order)
        received(this.#known, n, span)
      }
    }
  }

  /** What is released with a delay of its own waits like a message. */
  #acknowledged({ acknowledgements }: AcknowledgeInvoke, { kind, atMs }: Outcome): void {
    if (kind === 'fail') return
    for (const { type, delayMs } of acknowledgements) {
      if (type !== 'release' || delayMs === undefined) continue
      this.#waiting.released(atMs + delayMs)
      this.#releases++
    }
  }
}

/** So many may have been counted and not yet written when the server died. */
const DYING_MAX = 100

/** Calls whose success says that something is durable. */
const CHANGES = new Set(
  'publish cancel reschedule dispatch acknowledge alter configure pause resume reset redrive purge'.split(' '),
)

function isOne(invoke: Invoke): invoke is OneCall {
  return ['cancel', 'reschedule', 'dispatch', 'look up'].includes(invoke.call)
}
