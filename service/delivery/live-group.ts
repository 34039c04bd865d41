// A group at work: its state, those who wait for records, those who acknowledge, and the timer of its locks.

import type { Clock, DwellError, HighWatermarkListener, Log, LogEngine, Random } from '../../storage/index.ts'
import { type AcknowledgeParts, Acknowledger } from './acknowledge/acknowledge.ts'
import type { DelayedAppends } from './acknowledge/copies.ts'
import { type DepartureParts, Departures, decideNothing } from './acknowledge/departure.ts'
import { type AcquireParts, Acquirer } from './acquire/acquire.ts'
import { type TakenOver, takeOver } from './acquire/takeover.ts'
import { Flood } from './dead/flood.ts'
import type { Group } from './group/group.ts'
import { LockTimer } from './lock-timer.ts'
import { MOVES } from './source/run.ts'

/** After records could not leave (a disk that does not read), the service tries again so much later. */
const RETRY_MS = 1_000

export interface LiveParts {
  engine: LogEngine
  clock: Clock
  hand: { nowMs(): number }
  random: Random
  wheel: DelayedAppends
  log: Log
  counters: AcquireParts['counters'] &
    AcknowledgeParts['counters'] &
    DepartureParts['counters'] & { lockExpiries: number; floods: number; snapshotsTooLarge: number }
  /** Told of a group of which records are about to die. */
  died(group: Group): void
  /** Told of a group whose settings changed by themselves. */
  changed(group: Group): void
}

export class LiveGroup {
  readonly group: Group
  readonly acquirer: Acquirer
  readonly acknowledger: Acknowledger
  /** Breaks when too many records die. */
  readonly flood: Flood
  readonly #departures: Departures
  readonly #locks: LockTimer
  readonly #parts: LiveParts
  /** It pushes, and its endpoint is not at work yet, or no longer: nobody renews locks, so none runs out. */
  #isUnattended = false

  constructor(group: Group, parts: LiveParts) {
    const locked = (deadlineMs: number) => this.#locks.arm(deadlineMs)
    const stayed = () => locked(parts.clock.monotonicMs() + RETRY_MS)
    const roomMade = () => this.acquirer.wake()
    const dying = (count: number) => this.#dying(count)
    this.group = group
    this.flood = new Flood(parts.clock)
    this.#parts = parts
    this.#locks = new LockTimer(parts.clock, (nowMs) => this.#expire(nowMs))
    this.#departures = new Departures(group, { ...parts, roomMade, stayed, dying })
    this.acquirer = new Acquirer(group, { ...parts, locked })
    this.acknowledger = new Acknowledger(group, { ...parts, departures: this.#departures, locked })
    for (const source of group.sources) locked(source.nextDeadlineMs(0))
  }

  highWatermarkMoved: HighWatermarkListener = (topic, partition, highWatermark) => {
    const source = this.group.sourceAt(topic, partition)
    if (source !== undefined) source.highWatermark = highWatermark
    this.acquirer.wake()
  }

  /** Pauses the group in the very append that puts one dead letter too many. */
  #dying(count: number): void {
    const { group } = this
    const { topic, name, settings } = group
    this.#parts.died(group)
    const max = settings.deadLetters?.perMinuteMax
    if (max === undefined || settings.paused !== undefined || this.flood.add(count) <= max) return
    const { clock, counters, log, changed } = this.#parts
    const reason = `More than ${max} dead letters within a minute.`
    group.settings = { ...settings, paused: { sinceMs: clock.wallMs(), reason } }
    group.snapshotDue = true
    counters.floods++
    log.warn({ topic, group: name, deadLettersMax: max }, 'A group is paused: too many of its records die.')
    changed(group)
  }

  /** Until takeOver() no lock runs out, as long as the group pushes: its endpoint is not at work. */
  hold(): void {
    this.#isUnattended = true
  }

  /** Its endpoint goes to work; answers what it had in hand when the service ended, each under its lock anew. */
  takeOver(): TakenOver[] {
    if (!this.#isUnattended) return []
    this.#isUnattended = false
    return takeOver(this.group, this.#parts.clock.monotonicMs(), (deadlineMs) => this.#locks.arm(deadlineMs))
  }

  /** Locks that are over are releases by the service. */
  #expire(nowMs: number): number {
    // The next look finds out whether it pushes still.
    if (this.#isUnattended && this.group.settings.push !== undefined) return nowMs + RETRY_MS
    const decisions = decideNothing()
    let nextMs = Number.POSITIVE_INFINITY
    for (const source of this.group.sources) {
      source.expired(nowMs, (run, offset) => {
        run.move(offset, MOVES.leave)
        const { epoch } = source
        decisions.failed.push({
          source,
          epoch,
          offset,
          index: -1,
          cause: 'LOCK_EXPIRED',
          reason: '',
          delayMs: undefined,
        })
      })
      nextMs = Math.min(nextMs, source.nextDeadlineMs(nowMs))
    }
    if (decisions.failed.length > 0) {
      this.#parts.counters.lockExpiries += decisions.failed.length
      this.#departures
        .append(decisions, () => {})
        .catch((error) => {
          const { topic, name, end } = this.group
          if (!end)
            this.#parts.log.error(
              { topic, group: name, err: error },
              'Records whose lock is over could not be released.',
            )
        })
    }
    return nextMs
  }

  /** No more deliveries and no more expiries; with `end`, the group is no more. */
  close(end?: DwellError): void {
    this.#locks.stop()
    if (end) this.group.close(end)
    this.acquirer.dismiss(end)
  }
}
