// What can be wrong with deliveries: accepted records that come back, two holders, wrong counts, doubled or missing
// lane records, tiers that are too short, dead letters that are not there, records that nobody ever resolved.

import type { Operation } from './checker.ts'
import type { ClockSteps } from './clock-steps.ts'
import type { FinalGroup, FinalState } from './final-state.ts'
import type { AcknowledgeResult, AcknowledgeType } from './history.ts'
import { countIn, recordAt } from './lookup.ts'

/** The clocks of client and server are one, their roundings are not. */
const ROUNDING_MS = 5

interface Tried {
  type: AcknowledgeType
  invokedMs: number
  answeredMs: number
  /** Absent when no answer came. */
  result?: AcknowledgeResult
  own: boolean
}

interface Delivered {
  receipt: string
  deliveryCount: number
  invokedMs: number
  receivedMs: number
  /** By the harness's clock, and no later than it really was. */
  lockedUntilMs: number
  partition: number
  offset: number
  tries: Tried[]
}

interface Group {
  topic: string
  group: string
  /** By number of message, in the order in which they were received. */
  deliveries: Map<number, Delivered[]>
  /** Whether any acquire may have taken records without telling. */
  lostAcquires: boolean
  final: FinalGroup | undefined
}

type Anomalies = Record<string, () => Iterable<string>>

export function groupAnomalies(
  operations: readonly Operation[],
  final: FinalState,
  tiers: number,
  clock: ClockSteps,
): Anomalies {
  const groups = groupsOf(operations, final, clock)

  function* each(): Iterable<{ of: Group; name: string; n: number; all: Delivered[] }> {
    for (const of of groups)
      for (const [n, all] of of.deliveries) yield { of, name: `${of.topic}.${of.group}: message ${n}`, n, all }
  }
  const laneCount = (of: Group, n: number, lane?: string) =>
    Object.entries(final.topics)
      .filter(([topic]) =>
        lane === undefined
          ? topic.startsWith(`${of.topic}.${of.group}.retry.`)
          : topic === `${of.topic}.${of.group}.retry.${lane}`,
      )
      .reduce((sum, [, records]) => sum + countIn(records, n), 0)

  return {
    *'delivered after it was settled'() {
      for (const { name, all } of each()) {
        const settledMs = Math.min(
          ...all.flatMap(({ tries }) => tries.filter(settles).map(({ answeredMs }) => answeredMs)),
        )
        const again = all.find(({ invokedMs }) => invokedMs > settledMs)
        if (again) yield `${name} was settled at ${settledMs} and delivered again by a call of ${again.invokedMs}`
      }
    },

    *'settled twice'() {
      for (const { name, all } of each()) {
        const settled = all.flatMap(({ tries }) => tries.filter(settles))
        if (settled.length > 1) yield `${name} was settled ${settled.length} times`
      }
    },

    *'two holders'() {
      for (const { name, all } of each()) {
        for (const [i, later] of all.entries()) {
          for (const earlier of all.slice(0, i)) {
            const freeMs = freeFrom(earlier)
            if (later.receivedMs + ROUNDING_MS < freeMs)
              yield `${name} was held until ${freeMs} and delivered to another at ${later.receivedMs}`
          }
        }
      }
    },

    *'wrong count'() {
      for (const { of, name, all } of each()) {
        let last = 0
        for (const { deliveryCount } of all) {
          const skips = deliveryCount - last - 1
          if (skips < 0 || (skips > 0 && !of.lostAcquires))
            yield `${name} has the counts ${all.map((one) => one.deliveryCount)}`
          last = deliveryCount
        }
        if (last > tiers + 1) yield `${name} was delivered a ${last}th time, with ${tiers} tiers`
      }
    },

    *'different place'() {
      for (const { of, name, n, all } of each()) {
        for (const { partition, offset } of all) {
          const there = recordAt(final, of.topic, partition, offset)
          if (there?.n !== n)
            yield `${name} was delivered as ${partition}/${offset}, which holds ${there?.n ?? 'nothing'}`
        }
      }
    },

    *'receipt refused'() {
      for (const { name, all } of each()) {
        for (const { tries, lockedUntilMs } of all) {
          const first = tries[0]
          if (first?.result?.state !== 'invalid' || first.answeredMs + ROUNDING_MS >= lockedUntilMs) continue
          yield `${name}: its receipt was refused at ${first.answeredMs}, locked until ${lockedUntilMs}`
        }
      }
    },

    *'tier too short'() {
      for (const { name, all } of each()) {
        for (const released of all) {
          const dueAtMs = released.tries.find(({ result }) => result?.state === 'retrying')?.result?.dueAtMs
          const next = all.find(({ deliveryCount }) => deliveryCount > released.deliveryCount)
          if (dueAtMs !== undefined && next && clock.shownBy(next.receivedMs) < dueAtMs)
            yield `${name} was due again at ${dueAtMs} and delivered at ${next.receivedMs}`
        }
      }
    },

    *'lane record missing'() {
      for (const { of, name, n, all } of each()) {
        for (const { tries } of all) {
          const answer = tries.find(({ result }) => result?.state === 'retrying')
          if (answer === undefined) continue
          const lane = answer.own ? undefined : answer.result?.tier
          if (laneCount(of, n, lane) === 0)
            yield `${name} was released to tier ${answer.result?.tier} and is not in its lane`
        }
      }
    },

    *'lane records not as counted'() {
      for (const { of, name, n, all } of each()) {
        const last = all[all.length - 1]
        if (!last.tries.some(settles)) continue
        const inLanes = laneCount(of, n)
        if (inLanes !== last.deliveryCount - 1)
          yield `${name} was settled at its delivery ${last.deliveryCount} and is ${inLanes} times in lanes`
      }
      for (const of of groups) {
        for (const { n, cause, attempts } of of.final?.dead ?? []) {
          const inLanes = laneCount(of, n)
          if (inLanes !== attempts - 1)
            yield `${of.topic}.${of.group}: message ${n} died of ${cause} after ${attempts} attempts and is ${inLanes} times in lanes`
        }
      }
    },

    *'dead letter wrong'() {
      for (const of of groups) {
        const dead = of.final?.dead ?? []
        const dlq = final.topics[`${of.topic}.${of.group}.dlq`] ?? []
        for (const { n, cause, attempts, partition, offset } of dead) {
          const name = `${of.topic}.${of.group}: message ${n}`
          if (countIn(dead, n) > 1 || countIn(dlq, n) !== 1)
            yield `${name} is ${countIn(dead, n)} times in the dead letters, ${countIn(dlq, n)} times in their topic`
          const there = recordAt(final, of.topic, partition, offset)
          if (there?.n !== n) yield `${name} died as ${partition}/${offset}, which holds ${there?.n ?? 'nothing'}`
          if (cause === 'DELIVERY_COUNT_EXCEEDED' && attempts !== tiers + 1)
            yield `${name} died of ${cause} after ${attempts} attempts`
          const accepted = of.deliveries
            .get(n)
            ?.some(({ tries }) => tries.some(({ result }) => result?.state === 'acknowledged'))
          if (accepted) yield `${name} was accepted and is dead`
        }
        if (dlq.length !== dead.length)
          yield `${of.topic}.${of.group}: ${dead.length} dead letters listed, ${dlq.length} in their topic`
      }
      for (const { of, name, n, all } of each()) {
        const said = all.some(({ tries }) => tries.some(({ result }) => result?.state === 'dead'))
        if (said && countIn(of.final?.dead ?? [], n) === 0)
          yield `${name} was said to be dead and is not in the dead letters`
      }
    },

    *unresolved() {
      for (const of of groups) {
        const { lag = 0, inFlight = 0, dead = [] } = of.final ?? {}
        if (lag > 0 || inFlight > 0) yield `${of.topic}.${of.group} ends with lag ${lag}, ${inFlight} in flight`
        for (const { n } of final.topics[of.topic] ?? []) {
          if (countIn(dead, n) > 0) continue
          const tries = of.deliveries.get(n)?.flatMap((one) => one.tries) ?? []
          if (
            !tries.some(
              ({ type, result }) => type === 'accept' && (result === undefined || result.state === 'acknowledged'),
            )
          ) {
            yield `${of.topic}.${of.group}: message ${n} was neither accepted nor is it dead`
          }
        }
      }
    },
  }
}

/** Whether the record was, by this answer, done with for ever. */
function settles({ type, result }: Tried): boolean {
  return result?.state === 'acknowledged' || (type === 'reject' && result?.state === 'dead')
}

/** From when on somebody else may hold the record: once its end was asked for, else when its lock is over. */
function freeFrom({ tries, lockedUntilMs }: Delivered): number {
  const ended = tries
    .filter(({ type, result }) => type !== 'renew' && result?.state !== 'invalid')
    .map(({ invokedMs }) => invokedMs)
  const renewed = tries.map(({ result }) => (result?.state === 'acquired' ? (result.lockedUntilMs ?? 0) : 0))
  return ended.length > 0 ? Math.min(...ended) : Math.max(lockedUntilMs, ...renewed)
}

function groupsOf(operations: readonly Operation[], final: FinalState, clock: ClockSteps): Group[] {
  const groups = new Map<string, Group>()
  const byReceipt = new Map<string, Delivered>()
  const groupOf = ({ topic, group }: { topic: string; group: string }) => {
    const name = `${topic} ${group}`
    let found = groups.get(name)
    if (found === undefined) {
      const ends = final.groups.find((one) => one.topic === topic && one.group === group)
      found = { topic, group, deliveries: new Map(), lostAcquires: false, final: ends }
      groups.set(name, found)
    }
    return found
  }
  for (const one of final.groups) groupOf(one)
  const byReceived = operations.toSorted((a, b) => (a.outcome?.atMs ?? 0) - (b.outcome?.atMs ?? 0))
  for (const { invoke, outcome } of byReceived) {
    if (invoke.call !== 'acquire') continue
    const group = groupOf(invoke.value)
    if (outcome === undefined || outcome.kind === 'info') group.lostAcquires = true
    if (outcome?.call !== 'acquire' || outcome.kind !== 'ok') continue
    for (const { n, ...record } of outcome.value.records) {
      const lockedUntilMs = record.lockedUntilMs - clock.aheadMost(invoke.atMs, outcome.atMs)
      const delivered = { ...record, lockedUntilMs, invokedMs: invoke.atMs, receivedMs: outcome.atMs, tries: [] }
      byReceipt.set(record.receipt, delivered)
      group.deliveries.set(n, [...(group.deliveries.get(n) ?? []), delivered])
    }
  }
  for (const { invoke, outcome } of operations) {
    if (invoke.call !== 'acknowledge' || outcome?.kind === 'fail') continue
    for (const [i, { receipt, type, delayMs }] of invoke.value.acknowledgements.entries()) {
      const answeredMs = outcome?.atMs ?? Number.POSITIVE_INFINITY
      const said = outcome?.call === 'acknowledge' && outcome.kind === 'ok' ? outcome.value.results[i] : undefined
      const lockedUntilMs = said?.lockedUntilMs && said.lockedUntilMs - clock.aheadMost(invoke.atMs, answeredMs)
      const result = said && { ...said, lockedUntilMs }
      byReceipt
        .get(receipt)
        ?.tries.push({ type, invokedMs: invoke.atMs, answeredMs, result, own: delayMs !== undefined })
    }
  }
  return [...groups.values()]
}
