// What was asked of one delayed message, and what was answered: a register that must have changed at one moment of each call
// (../checker/register.ts). Calls of a process that died stay open: they may have taken effect, or not.

import type { Told } from '../checker/history.ts'
import { linearize, type RegisterEntry, type RegisterOp, type Verdict } from '../checker/register.ts'

/** Every moment at which something was asked or answered has a number of its own. */
let moments = 0

export class MessageHistory {
  readonly #dueAtMs: number
  readonly #entries: RegisterEntry[] = []
  /** The latest time that it was ever to be due at. */
  lastDueAtMs: number

  /** It waits to be due at `dueAtMs`. */
  constructor(dueAtMs: number) {
    this.#dueAtMs = dueAtMs
    this.lastDueAtMs = dueAtMs
  }

  /** How much was asked of it. */
  get size(): number {
    return this.#entries.length
  }

  /** A call begins; `toMs` is the due time asked for, or for a dispatch now the time that it is. */
  ask(call: RegisterOp['call'], toMs = 0): RegisterOp {
    const op: RegisterOp = { call, toMs, exact: false, answer: undefined, failed: false, handMaxMs: 0 }
    if (call !== 'look up') this.lastDueAtMs = Math.max(this.lastDueAtMs, toMs)
    this.#entries.push({ order: moments++, op })
    return op
  }

  /** It is answered, at a time when the hand can be at `handMaxMs` at the most. */
  answer(op: RegisterOp, told: Told, handMaxMs: number): void {
    op.answer = told
    op.handMaxMs = handMaxMs
    this.lastDueAtMs = Math.max(this.lastDueAtMs, told.dueAtMs ?? 0)
    this.#entries.push({ order: moments++, op })
  }

  /** It was seen in its topic. */
  saw(handMaxMs: number): void {
    this.answer(this.ask('seen'), { state: 'dispatched' }, handMaxMs)
  }

  /** What it can be by now; `handMaxMs` is how far the hand can be. */
  verdict(handMaxMs: number): Verdict {
    const initial = { state: 'pending', dueMs: this.#dueAtMs, exact: true } as const
    return linearize(this.#entries, { initial, handMaxMs, slackMs: 0, forgettable: true })
  }

  /** Whether any answer said so. */
  wasTold(state: Told['state']): boolean {
    return this.#entries.some(({ op }) => op.call !== 'seen' && op.answer?.state === state)
  }
}
