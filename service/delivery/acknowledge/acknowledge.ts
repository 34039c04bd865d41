// Acknowledging: finds the acquired record that each receipt stands for and decides about it. What was decided is
// appended by departure.ts, in one atomic append; results are answered when it is durable.
//
// Accepting reads nothing and is appended in the turn of the call.

import type { Clock } from '../../../storage/index.ts'
import type { Group } from '../group/group.ts'
import { ReceiptReader } from '../source/receipt.ts'
import { MOVES, type Run } from '../source/run.ts'
import type { Source } from '../source/source.ts'
import {
  ACKNOWLEDGED,
  type Acknowledgement,
  type AcknowledgeResult,
  type AcknowledgeType,
  INVALID,
} from './acknowledgement.ts'
import { type Decisions, type Departures, decideNothing } from './departure.ts'

export interface AcknowledgeParts {
  clock: Clock
  departures: Departures
  /** Arms the group's lock timer. */
  locked(deadlineMs: number): void
  counters: { acknowledged: Record<AcknowledgeType, number>; invalidReceipts: number }
}

export class Acknowledger {
  readonly #group: Group
  readonly #parts: AcknowledgeParts
  readonly #receipt = new ReceiptReader()

  constructor(group: Group, parts: AcknowledgeParts) {
    this.#group = group
    this.#parts = parts
  }

  async acknowledge(acknowledgements: readonly Acknowledgement[]): Promise<AcknowledgeResult[]> {
    if (this.#group.end) throw this.#group.end
    const results = new Array<AcknowledgeResult>(acknowledgements.length)
    const decisions = this.#decide(acknowledgements, results)
    await this.#parts.departures.append(decisions, (index, result) => {
      if (index >= 0) results[index] = result
    })
    for (const { source, epoch, index } of decisions.answers) if (source.epoch !== epoch) results[index] = INVALID
    return results
  }

  #decide(acknowledgements: readonly Acknowledgement[], results: AcknowledgeResult[]): Decisions {
    const { clock, counters } = this.#parts
    const nowMs = clock.monotonicMs()
    const decisions = decideNothing()
    for (let index = 0; index < acknowledgements.length; index++) {
      const acknowledgement = acknowledgements[index]
      const { type } = acknowledgement
      const source = this.#sourceOf(acknowledgement.receipt)
      const { offset } = this.#receipt
      const run = source && this.#runOf(source)
      const move = type === 'renew' ? MOVES.renew : MOVES.leave
      if (source === undefined || run === undefined || run.deadlineMs <= nowMs || !run.move(offset, move)) {
        results[index] = INVALID
        counters.invalidReceipts++
        continue
      }
      counters.acknowledged[type]++
      if (type === 'accept') {
        decisions.accepted.add(source, offset)
        decisions.answers.push({ source, epoch: source.epoch, index })
        results[index] = ACKNOWLEDGED
      } else if (type === 'renew') {
        const lockMs = acknowledgement.lockMs ?? run.lockMs
        decisions.renewed.push({ source, epoch: source.epoch, first: offset, count: 1, lockMs })
        decisions.answers.push({ source, epoch: source.epoch, index })
        results[index] = { state: 'acquired', lockedUntilMs: clock.wallMs() + lockMs }
      } else {
        const { reason = '' } = acknowledgement
        const delayMs = type === 'release' ? acknowledgement.delayMs : undefined
        const cause = type === 'release' ? 'CLIENT_RELEASE' : 'CLIENT_REJECT'
        decisions.failed.push({ source, epoch: source.epoch, offset, index, cause, reason, delayMs })
      }
    }
    this.#renew(decisions, nowMs)
    return decisions
  }

  #sourceOf(receipt: string): Source | undefined {
    return this.#receipt.read(receipt) ? this.#group.source(this.#receipt.sourceIndex) : undefined
  }

  /** The run that the receipt read last stands for. */
  #runOf(source: Source): Run | undefined {
    const run = source.find(this.#receipt.offset)
    return run !== undefined && this.#receipt.carries(run.token) ? run : undefined
  }

  /** Renewed locks hold from this turn on; neighbours with the same lock stay together. */
  #renew(decisions: Decisions, nowMs: number): void {
    const joined: Decisions['renewed'] = []
    for (const renewal of decisions.renewed) {
      const last = joined[joined.length - 1]
      const { source, first, lockMs } = renewal
      if (last?.source === source && last.lockMs === lockMs && last.first + last.count === first) last.count++
      else joined.push(renewal)
    }
    for (const { source, first, count, lockMs } of joined) {
      source.renew(first, count, { lockMs, deadlineMs: nowMs + lockMs })
      this.#parts.locked(nowMs + lockMs)
    }
    decisions.renewed = joined
  }
}
