// One message as a register: every call about it must have taken effect at one moment between its beginning and its answer,
// as if one after the other (linearizable: Herlihy and Wing 1990).
//
//            publish              reschedule ↺        its time comes, or dispatch now (reschedule to now)
//   absent ───────────→ pending(due) ───────────────────────→ dispatched(due)
//                            └───── cancel ─────→ cancelled
//
// It is decided by going through the history and keeping every state that is possible, with the open calls that would have
// taken effect by then (Lowe, Testing for linearizability, 2017). A call without an answer stays open for ever: it may take
// effect at any time, or never. The dispatch itself is nobody's call: it may happen as soon as the hand can be there.

import type { Told } from './history.ts'

export interface RegisterOp {
  call: 'publish' | 'cancel' | 'reschedule' | 'dispatch' | 'look up' | 'seen'
  /** What was asked for; of a dispatch now: the time when it was. */
  toMs: number
  /** Whether the due time will be just that, and not at some time later than it. */
  exact: boolean
  answer: Told | undefined
  /** Refused: nothing happened. */
  failed: boolean
  /** The latest time at which the hand can have been when it was answered. */
  handMaxMs: number
}

/** In the order of events: an operation stands where it was begun, and again where it was answered. */
export interface RegisterEntry {
  order: number
  op: RegisterOp
}

export type RegisterState =
  | { state: 'absent' | 'cancelled' }
  | { state: 'pending' | 'dispatched'; dueMs: number; exact: boolean }

interface Config {
  state: RegisterState
  /** Open operations that have taken effect. */
  done: readonly RegisterOp[]
}

export interface Verdict {
  /** Where it can have ended; none when the answers contradict each other. */
  states: RegisterState[]
  /** The operation whose answer fits nothing. */
  contradiction?: RegisterOp
}

export interface RegisterOptions {
  initial: RegisterState
  /** The latest time at which the hand can have been at the end. */
  handMaxMs: number
  /** Clocks of several processes and roundings differ by so much. */
  slackMs: number
  /** Whether it may have been forgotten, once it was dispatched. */
  forgettable: boolean
}

export function linearize(entries: readonly RegisterEntry[], options: RegisterOptions): Verdict {
  const numbers = new Map<RegisterOp, number>()
  const open = new Set<RegisterOp>()
  let configs: Config[] = [{ state: options.initial, done: [] }]
  for (const { op } of entries.toSorted((a, b) => a.order - b.order)) {
    if (op.failed) continue
    if (!numbers.has(op)) {
      numbers.set(op, numbers.size)
      open.add(op)
      continue
    }
    configs = expand(configs, open, numbers, op.handMaxMs, options)
      .filter(({ state, done }) => done.includes(op) && (op.call !== 'dispatch' || isAnswer(op, state)))
      .map(({ state, done }) => ({ state, done: done.filter((one) => one !== op) }))
    open.delete(op)
    if (configs.length === 0) return { states: [], contradiction: op }
  }
  return { states: expand(configs, open, numbers, options.handMaxMs, options).map(({ state }) => state) }
}

/** Whether a dispatch ended as it was answered; of one that compaction took at once nobody knows. */
function isAnswer({ answer }: RegisterOp, { state }: RegisterState): boolean {
  return answer?.state === 'unknown' || answer?.state === state
}

/** Everything that can have become of `configs` without another answer. */
function expand(
  configs: readonly Config[],
  open: ReadonlySet<RegisterOp>,
  numbers: ReadonlyMap<RegisterOp, number>,
  handMaxMs: number,
  options: RegisterOptions,
): Config[] {
  const keyOf = ({ state, done }: Config) => {
    const due = 'dueMs' in state ? `${state.dueMs}${state.exact}` : ''
    return `${state.state}${due} ${done.map((op) => numbers.get(op)).sort()}`
  }
  const found = new Map(configs.map((config) => [keyOf(config), config]))
  // A map goes on to what is put in while it is gone through.
  for (const { state, done } of found.values()) {
    const next: Config[] = []
    if (state.state === 'pending' && state.dueMs <= handMaxMs + options.slackMs)
      next.push({ state: { ...state, state: 'dispatched' }, done })
    for (const op of open) {
      if (done.includes(op)) continue
      for (const after of apply(op, state, options)) next.push({ state: after, done: [...done, op] })
    }
    for (const config of next) {
      const key = keyOf(config)
      if (!found.has(key)) found.set(key, config)
    }
  }
  return [...found.values()]
}

/** What an operation can make of a state: nothing, when it cannot have met it, or would have changed and answered nothing. */
function apply(
  { call, toMs, exact, answer }: RegisterOp,
  state: RegisterState,
  { slackMs, forgettable }: RegisterOptions,
): RegisterState[] {
  const is = state.state
  if (call === 'publish') return [is === 'absent' ? { state: 'pending', dueMs: toMs, exact } : state]
  if (answer?.state === 'unknown' && call === 'dispatch' && is === 'pending')
    return forgettable ? [{ ...state, state: 'dispatched' }] : []
  if (answer?.state === 'unknown') return is === 'absent' || (is === 'dispatched' && forgettable) ? [state] : []
  if (call === 'dispatch') {
    // What is due by then need not be moved.
    if (is === 'pending') return [state, { state: 'pending', dueMs: toMs, exact: false }]
    return is === answer?.state ? [state] : []
  }
  if (call === 'reschedule' && (answer === undefined || answer.state === 'pending')) {
    if (is !== 'pending') return []
    return answer?.dueAtMs === undefined
      ? [{ state: 'pending', dueMs: toMs, exact }]
      : [{ state: 'pending', dueMs: answer.dueAtMs, exact: true }]
  }
  if (call === 'cancel' && (answer === undefined || answer.state === 'cancelled'))
    return is === 'pending' || is === 'cancelled' ? [{ state: 'cancelled' }] : []
  // All others only say what there is.
  if (is !== answer?.state) return []
  if (state.state !== 'pending' || answer.dueAtMs === undefined) return [state]
  const fits = state.exact ? state.dueMs === answer.dueAtMs : answer.dueAtMs >= state.dueMs - slackMs
  return fits ? [{ state: 'pending', dueMs: answer.dueAtMs, exact: true }] : []
}
