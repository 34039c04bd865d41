// The calls about single messages, gathered as the history goes by; judged at its end, message by message.

import type { Invoke, Told } from './history.ts'
import { ANSWERED, DELAYED, type Messages } from './messages.ts'
import { linearize, type RegisterEntry, type RegisterOp, type RegisterState, type Verdict } from './register.ts'

export type OneCall = Extract<Invoke, { call: 'cancel' | 'reschedule' | 'dispatch' | 'look up' }>

interface Register {
  initial: RegisterState
  entries: RegisterEntry[]
  /** Its publication, when that was not answered before anybody asked for it. */
  publish: RegisterOp | undefined
}

export class Registers {
  readonly #messages: Messages
  readonly #leastDueMs: (n: number) => number
  readonly #registers = new Map<number, Register>()
  readonly #open = new Map<number, RegisterOp>()

  /** `leastDueMs` answers when a message can have been due whose publication was not answered. */
  constructor(messages: Messages, leastDueMs: (n: number) => number) {
    this.#messages = messages
    this.#leastDueMs = leastDueMs
  }

  get numbers(): Iterable<number> {
    return this.#registers.keys()
  }

  has(n: number): boolean {
    return this.#registers.has(n)
  }

  /** Somebody asks for message n; `fromMs` is the earliest time that the server can take for now. */
  invoked(invoke: OneCall, order: number, fromMs: number): void {
    const { n } = invoke.value
    const op = newOp(invoke.call, invoke.call === 'reschedule' ? invoke.value.toMs : fromMs)
    this.#open.set(invoke.op, op)
    this.#of(n, order).entries.push({ order, op })
  }

  /** An answer came: a state, or undefined when the call was refused and nothing happened. */
  answered(invoke: OneCall, told: Told | undefined, order: number, handMaxMs: number): void {
    const op = this.#open.get(invoke.op) as RegisterOp
    this.#open.delete(invoke.op)
    op.answer = told
    op.failed = told === undefined
    op.handMaxMs = handMaxMs
    if (told !== undefined) this.#of(invoke.value.n, order).entries.push({ order, op })
  }

  /** Nobody knows what became of a call. */
  lost(invoke: OneCall): void {
    const op = this.#open.get(invoke.op) as RegisterOp
    this.#open.delete(invoke.op)
    // What only looks need not have happened.
    op.failed = op.call === 'look up'
  }

  /** Its publication was answered for the first time. */
  published(n: number, order: number, handMaxMs: number): void {
    const register = this.#registers.get(n)
    if (register?.publish === undefined) return
    register.publish.handMaxMs = handMaxMs
    register.publish.toMs = this.#messages.dueMs[n]
    register.publish.exact = true
    register.entries.push({ order, op: register.publish })
    register.publish = undefined
  }

  /** Somebody was told of message n between two events, without having asked for it alone. */
  told(n: number, between: { from: number; to: number }, told: Told, handMaxMs: number): void {
    const op: RegisterOp = { ...newOp('seen', 0), answer: told, handMaxMs }
    const { entries } = this.#of(n, between.from)
    entries.push({ order: between.from, op }, { order: between.to, op })
  }

  judge(n: number, options: { handMaxMs: number; slackMs: number; forgettable: boolean }): Verdict {
    const { initial, entries } = this.#registers.get(n) as Register
    return linearize(entries, { ...options, initial })
  }

  /** Whether any answer about message n was this. */
  wasTold(n: number, state: Told['state']): boolean {
    return this.#registers.get(n)?.entries.some(({ op }) => op.answer?.state === state) ?? false
  }

  #of(n: number, order: number): Register {
    let register = this.#registers.get(n)
    if (register === undefined) {
      const { dueMs, sureFrom } = this.#messages
      const answered = this.#messages.is(n, ANSWERED) && sureFrom[n] < order
      const publish = answered ? undefined : newOp('publish', this.#leastDueMs(n))
      const state = this.#messages.is(n, DELAYED) ? 'pending' : 'dispatched'
      register = {
        initial: answered ? { state, dueMs: dueMs[n], exact: true } : { state: 'absent' },
        entries: publish === undefined ? [] : [{ order: -1, op: publish }],
        publish,
      }
      this.#registers.set(n, register)
    }
    return register
  }
}

function newOp(call: RegisterOp['call'], toMs: number): RegisterOp {
  // Until it is answered: a time asked for may be over when the request arrives, and a delay begins then.
  return { call, toMs, exact: false, answer: undefined, failed: false, handMaxMs: 0 }
}
