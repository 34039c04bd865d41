// A group at work: its state, those who wait for records, those who acknowledge, and the timer of its locks.

import type { Clock, DwellError, HighWatermarkListener, Log, LogEngine, Random } from '../../storage/index.ts'
import { type AcknowledgeParts, Acknowledger } from './acknowledge.ts'
import { type AcquireParts, Acquirer } from './acquire.ts'
import type { DelayedAppends } from './copies.ts'
import { type DepartureParts, Departures, decideNothing } from './departure.ts'
import type { Group } from './group.ts'
import { LockTimer } from './lock-timer.ts'
import { MOVES } from './run.ts'

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
    DepartureParts['counters'] & { lockExpiries: number }
}

export class LiveGroup {
  readonly group: Group
  readonly acquirer: Acquirer
  readonly acknowledger: Acknowledger
  readonly #departures: Departures
  readonly #locks: LockTimer
  readonly #parts: LiveParts

  constructor(group: Group, parts: LiveParts) {
    const locked = (deadlineMs: number) => this.#locks.arm(deadlineMs)
    const stayed = () => locked(parts.clock.monotonicMs() + RETRY_MS)
    const roomMade = () => this.acquirer.wake()
    this.group = group
    this.#parts = parts
    this.#locks = new LockTimer(parts.clock, (nowMs) => this.#expire(nowMs))
    this.#departures = new Departures(group, { ...parts, roomMade, stayed })
    this.acquirer = new Acquirer(group, { ...parts, locked })
    this.acknowledger = new Acknowledger(group, { ...parts, departures: this.#departures, locked })
    for (const source of group.sources) locked(source.nextDeadlineMs(0))
  }

  highWatermarkMoved: HighWatermarkListener = (topic, partition, highWatermark) => {
    const source = this.group.sourceAt(topic, partition)
    if (source !== undefined) source.highWatermark = highWatermark
    this.acquirer.wake()
  }

  /** Locks that are over are releases by the service. */
  #expire(nowMs: number): number {
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
