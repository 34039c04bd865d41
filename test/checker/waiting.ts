// What waits, as far as a history can tell: messages that must be waiting all through a call, and those that may be. Held
// against what lists, forecasts and the gauge say.

import type { Findings } from './findings.ts'
import type { ForecastOk, ListInvoke, ListOk } from './history.ts'
import type { Span } from './known.ts'
import { ANSWERED, DELAYED, type Messages, POSSIBLE, TRYING, UNSURE } from './messages.ts'

/** A released record goes to its lane within this time after it is due, if there is a server. */
const LANE_MS = 5_000

/** What was answered is counted when the wheel has consumed it: within this time. */
const COUNTED_MS = 2_000

export class Waiting {
  readonly #messages: Messages
  readonly #findings: Findings
  /** Until when records may wait that were released with a delay of their own: they wait beside messages. */
  #releasedUntilMs: number[] = []

  constructor(messages: Messages, findings: Findings) {
    this.#messages = messages
    this.#findings = findings
  }

  /** A record may be in the wheel until then. */
  released(untilMs: number): void {
    this.#releasedUntilMs.push(untilMs + LANE_MS)
  }

  #released(nowMs: number): number {
    this.#releasedUntilMs = this.#releasedUntilMs.filter((untilMs) => untilMs > nowMs)
    return this.#releasedUntilMs.length
  }

  /** Whether message n waited all through. */
  isSure(n: number, { from, handMaxMs }: Span): boolean {
    const { sureFrom, dueMs, openChanges, overFrom } = this.#messages
    return (
      sureFrom[n] < from &&
      dueMs[n] > handMaxMs &&
      openChanges[n] === 0 &&
      overFrom[n] === Number.POSITIVE_INFINITY &&
      !this.#messages.is(n, UNSURE)
    )
  }

  /** Whether message n waited all through, and was counted by then. */
  #isCounted(n: number, span: Span): boolean {
    return this.#messages.sureFromMs[n] + COUNTED_MS < span.askedMs && this.isSure(n, span)
  }

  /** Whether message n can have waited at any moment of it. */
  mayBe(n: number, { from }: Span): boolean {
    return this.#messages.is(n, POSSIBLE | TRYING) && this.#messages.overFrom[n] >= from
  }

  /** A page of a list: in order, and with all that must be in it. */
  checkPage({ topic, fromMs, toMs }: ListInvoke, { messages: listed, more }: ListOk, span: Span): void {
    const { dueMs } = this.#messages
    let lastMs = fromMs
    for (const { n, dueAtMs } of listed) {
      if (dueAtMs < lastMs || dueAtMs > toMs)
        this.#findings.add(
          'answers disagree',
          `a list of ${topic} names message ${n}, due ${dueAtMs}, behind ${lastMs}`,
        )
      lastMs = dueAtMs
    }
    // Of those that are due at the same time as the last one some may be on the next page.
    const endMs = (more ? lastMs : toMs) - 1
    const there = new Set(listed.map(({ n }) => n))
    for (const n of this.#messages.rows(ANSWERED | DELAYED)) {
      if (
        dueMs[n] <= fromMs ||
        dueMs[n] > endMs ||
        there.has(n) ||
        this.#messages.topicOf(n) !== topic ||
        !this.isSure(n, span)
      )
        continue
      this.#findings.add('answers disagree', `message ${n} waits, due ${dueMs[n]}, and is not in the list of ${topic}`)
    }
  }

  checkForecast(topic: string | undefined, said: ForecastOk, span: Span): void {
    const { fromMs, stepMs, counts, overdue, later, approximate = false } = said
    const sure = new Int32Array(counts.length)
    const possible = new Int32Array(counts.length)
    /** May be in any step, or in none. */
    let anywhere = topic === undefined ? this.#released(span.handMaxMs) : 0
    let sureLater = 0
    let possibleInAll = anywhere
    const endMs = fromMs + stepMs * counts.length
    for (const n of this.#messages.rows(DELAYED)) {
      if (topic !== undefined && this.#messages.topicOf(n) !== topic) continue
      if (!this.mayBe(n, span)) continue
      possibleInAll++
      const dueMs = this.#messages.dueMs[n]
      const at = Math.floor((dueMs - fromMs) / stepMs)
      if (this.#messages.is(n, UNSURE) || this.#messages.openChanges[n] > 0 || !this.#messages.is(n, ANSWERED))
        anywhere++
      else if (at >= 0 && at < counts.length) possible[at]++
      if (!this.#isCounted(n, span)) continue
      if (dueMs >= endMs) sureLater++
      else if (at >= 0) sure[at]++
    }
    const complain = (what: string) => this.#findings.add('dishonest metrics', `the forecast says ${what}`)
    // What is due beyond the reach of the wheel is only known to be later.
    let hidden = later - sureLater
    for (const [i, count] of counts.entries()) {
      hidden -= Math.max(0, sure[i] - count)
      const most = possible[i] + anywhere
      if (!approximate && (hidden < 0 || count > most))
        complain(`${count} fall due from ${fromMs + i * stepMs} on, ${sure[i]} to ${most} do, ${later} later`)
      hidden = Math.max(0, hidden)
    }
    const sum = counts.reduce((all, count) => all + count, overdue + later)
    if (later < sureLater) complain(`${later} fall due later, at least ${sureLater} do`)
    if (sum > possibleInAll) complain(`${sum} wait in all, ${possibleInAll} do at the most`)
  }

  checkPending(said: number, span: Span): void {
    let sure = 0
    let possible = this.#released(span.handMaxMs)
    for (const n of this.#messages.rows(DELAYED)) {
      if (this.#isCounted(n, span)) sure++
      if (this.mayBe(n, span)) possible++
    }
    if (said < sure || said > possible)
      this.#findings.add('dishonest metrics', `${said} delayed messages are said to wait, ${sure} to ${possible} do`)
  }
}
