// What each group was seen to do: the deliveries of every record, in the order in which they were received, with what was
// said of each; and what was done to the group itself.

import type { Operation } from './checker.ts'
import type { ClockSteps } from './clock-steps.ts'
import type { FinalGroup, FinalState } from './final-state.ts'
import type { AcknowledgeResult, AcknowledgeType, DeliveredRecord, GroupPlan, OfGroup, Try } from './history.ts'

/** The clocks of client and server are one, their roundings are not. */
export const ROUNDING_MS = 5

export interface Tried {
  type: AcknowledgeType
  invokedMs: number
  answeredMs: number
  /** Absent when no answer came. */
  result?: AcknowledgeResult
  /** The delay that was asked for in place of the tier's. */
  ownDelayMs?: number
}

export interface Delivered {
  /** 1 for the first time, and again for each time that it was redriven. */
  deliveryCount: number
  /** Absent when it was not told. */
  attempts?: readonly Try[]
  invokedMs: number
  receivedMs: number
  /** By the harness's clock, and no later than it really was. */
  lockedUntilMs: number
  partition: number
  offset: number
  tries: Tried[]
  isPush: boolean
  /** What its endpoint said; undefined when nobody heard it. */
  status?: number
}

export interface Span {
  fromMs: number
  toMs: number
}

export interface GroupHistory extends OfGroup {
  /** By number of message, in the order in which they were received. */
  deliveries: Map<number, Delivered[]>
  /** Calls that may have taken records without telling. */
  lost: Span[]
  /** Settings, each from when it may have been there to when another one certainly was. */
  plans: (Span & { plan: Required<GroupPlan> })[]
  /** When it certainly was paused. */
  pauses: Span[]
  /** It began anew, or was another one: of its records only the least can be said. */
  isMoved: boolean
  final: FinalGroup | undefined
}

export function deliveriesOf(
  operations: readonly Operation[],
  final: FinalState,
  retryMs: readonly number[],
  clock: ClockSteps,
): GroupHistory[] {
  const groups = new Map<string, GroupHistory>()
  const groupOf = ({ topic, group }: OfGroup) => {
    const name = `${topic} ${group}`
    const ends = final.groups.find((one) => one.topic === topic && one.group === group)
    const plan = { retryMs, order: 'none', jitter: 0 } as const
    const found = groups.get(name) ?? {
      topic,
      group,
      deliveries: new Map(),
      lost: [],
      plans: [{ fromMs: 0, toMs: Number.POSITIVE_INFINITY, plan }],
      pauses: [],
      isMoved: false,
      final: ends,
    }
    groups.set(name, found)
    return found
  }
  for (const one of final.groups) groupOf(one)
  for (const operation of operations) takeChange(operation, groupOf)
  takeDeliveries(operations, groupOf, clock)
  return [...groups.values()]
}

/** What was done to a group. */
function takeChange({ invoke, outcome }: Operation, groupOf: (of: OfGroup) => GroupHistory): void {
  if (outcome?.kind === 'fail') return
  const answeredMs = outcome?.kind === 'ok' ? outcome.atMs : Number.POSITIVE_INFINITY
  if (invoke.call === 'configure') {
    const { plans, ...group } = groupOf(invoke.value)
    const { to } = invoke.value
    if (to === undefined) groupOf(group).isMoved = true
    const last = plans[plans.length - 1].plan
    for (const plan of plans) plan.toMs = Math.min(plan.toMs, answeredMs)
    plans.push({ fromMs: invoke.atMs, toMs: Number.POSITIVE_INFINITY, plan: { ...last, ...to } })
  } else if (invoke.call === 'reset') groupOf(invoke.value).isMoved = true
  else if (invoke.call === 'pause' && outcome?.kind === 'ok')
    groupOf(invoke.value).pauses.push({ fromMs: outcome.atMs, toMs: Number.POSITIVE_INFINITY })
  else if (invoke.call === 'resume')
    for (const pause of groupOf(invoke.value).pauses) pause.toMs = Math.min(pause.toMs, invoke.atMs)
}

function takeDeliveries(
  operations: readonly Operation[],
  groupOf: (of: OfGroup) => GroupHistory,
  clock: ClockSteps,
): void {
  const byReceipt = new Map<string, Delivered>()
  const add = (of: OfGroup, n: number, delivered: Delivered) => {
    const { deliveries } = groupOf(of)
    const all = deliveries.get(n)
    if (all === undefined) deliveries.set(n, [delivered])
    else all.push(delivered)
  }
  const receivedMs = ({ invoke, outcome }: Operation) => (invoke.call === 'push' ? invoke.atMs : (outcome?.atMs ?? 0))
  for (const { invoke, outcome } of operations.toSorted((a, b) => receivedMs(a) - receivedMs(b))) {
    if (invoke.call === 'push') {
      const endedMs = outcome?.atMs ?? invoke.atMs
      const { n, ...record } = invoke.value.record
      const span = { invokedMs: invoke.atMs, receivedMs: invoke.atMs, lockedUntilMs: endedMs }
      const status = outcome?.call === 'push' && outcome.kind === 'ok' ? outcome.value.status : undefined
      add(invoke.value, n, { ...record, ...span, tries: [], isPush: true, status })
    } else if (invoke.call === 'acquire') {
      if (outcome === undefined || outcome.kind === 'info')
        groupOf(invoke.value).lost.push({ fromMs: invoke.atMs, toMs: outcome?.atMs ?? Number.POSITIVE_INFINITY })
      if (outcome?.call !== 'acquire' || outcome.kind !== 'ok') continue
      const aheadMs = clock.aheadMost(invoke.atMs, outcome.atMs)
      for (const record of outcome.value.records) {
        const delivered = deliveredAs(record, { fromMs: invoke.atMs, toMs: outcome.atMs }, aheadMs)
        byReceipt.set(record.receipt, delivered)
        add(invoke.value, record.n, delivered)
      }
    }
  }
  for (const { invoke, outcome } of operations) {
    if (invoke.call !== 'acknowledge' || outcome?.kind === 'fail') continue
    const answeredMs = outcome?.atMs ?? Number.POSITIVE_INFINITY
    const aheadMs = clock.aheadMost(invoke.atMs, answeredMs)
    for (const [i, { receipt, type, delayMs }] of invoke.value.acknowledgements.entries()) {
      const said = outcome?.call === 'acknowledge' && outcome.kind === 'ok' ? outcome.value.results[i] : undefined
      const result = said && { ...said, lockedUntilMs: said.lockedUntilMs && said.lockedUntilMs - aheadMs }
      byReceipt.get(receipt)?.tries.push({ type, invokedMs: invoke.atMs, answeredMs, result, ownDelayMs: delayMs })
    }
  }
}

function deliveredAs(record: DeliveredRecord, { fromMs, toMs }: Span, aheadMs: number): Delivered {
  const { deliveryCount, partition, offset, attempts, lockedUntilMs } = record
  return {
    deliveryCount,
    partition,
    offset,
    attempts,
    invokedMs: fromMs,
    receivedMs: toMs,
    lockedUntilMs: lockedUntilMs - aheadMs,
    tries: [],
    isPush: false,
  }
}

/** Whether the record was, by this answer, done with: for ever, or until it is redriven. */
export function settles({ type, result }: Tried): boolean {
  return result?.state === 'acknowledged' || (type === 'reject' && result?.state === 'dead')
}

/** From when on somebody else may hold the record: once its end was asked for, or its lock is over. */
export function freeFrom({ tries, lockedUntilMs }: Delivered): number {
  const ended = tries
    .filter(({ type, result }) => type !== 'renew' && result?.state !== 'invalid')
    .map(({ invokedMs }) => invokedMs)
  const renewed = tries.map(({ result }) => (result?.state === 'acquired' ? (result.lockedUntilMs ?? 0) : 0))
  return Math.min(...ended, Math.max(lockedUntilMs, ...renewed))
}

/** The deliveries of a record, life by life: it begins anew each time that it is redriven. */
export function livesOf(all: readonly Delivered[]): Delivered[][] {
  const lives: Delivered[][] = []
  let last = Number.POSITIVE_INFINITY
  for (const one of all) {
    // Of a push that brought nothing about, a record comes again with the count that it had.
    const isNew = one.isPush ? one.deliveryCount < last : one.deliveryCount <= last
    if (isNew || isRedriven(one, lives.at(-1)?.at(-1))) lives.push([])
    lives[lives.length - 1].push(one)
    last = one.deliveryCount
  }
  return lives
}

/** How many tries of earlier lives a delivery tells of; undefined when it tells of none at all. */
function earlierTries({ attempts, deliveryCount }: Delivered): number | undefined {
  return attempts && attempts.length - (deliveryCount - 1)
}

function isRedriven(one: Delivered, before: Delivered | undefined): boolean {
  return before !== undefined && (earlierTries(one) ?? 0) > (earlierTries(before) ?? 0)
}

/** Whether a record has not been redriven, as far as is told of it. */
export function isFirstLife(one: Delivered): boolean {
  return (earlierTries(one) ?? 0) <= 0
}

/** What may have been set on the group within a time. */
export function plansIn({ plans }: GroupHistory, { fromMs, toMs }: Span): Required<GroupPlan>[] {
  return plans.filter((one) => one.fromMs <= toMs && one.toMs >= fromMs).map(({ plan }) => plan)
}
