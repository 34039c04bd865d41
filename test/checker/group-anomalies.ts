// What can be wrong with deliveries: accepted records that come back, two holders, wrong counts, a key's records out of turn,
// records that nobody ever resolved.

import type { ClockSteps } from './clock-steps.ts'
import {
  type Delivered,
  freeFrom,
  type GroupHistory,
  livesOf,
  plansIn,
  ROUNDING_MS,
  settles,
  type Tried,
} from './deliveries.ts'
import type { FinalState } from './final-state.ts'
import { keyOrderAnomalies } from './key-order-anomalies.ts'
import { isWhole } from './lane-anomalies.ts'
import { countIn, recordAt } from './lookup.ts'

export type Anomalies = Record<string, () => Iterable<string>>

export function groupAnomalies(groups: readonly GroupHistory[], final: FinalState, clock: ClockSteps): Anomalies {
  /** Of groups that were never moved. */
  function* each(): Iterable<{ of: GroupHistory; name: string; n: number; all: Delivered[] }> {
    for (const of of groups) {
      if (of.isMoved) continue
      for (const [n, all] of of.deliveries) yield { of, name: `${of.topic}.${of.group}: message ${n}`, n, all }
    }
  }
  const redrivenTimes = (of: GroupHistory, n: number) =>
    countIn(final.topics[`${of.topic}.${of.group}.retry.redrive`] ?? [], n)

  return {
    ...keyOrderAnomalies(groups, final),

    *'delivered after it was settled'() {
      for (const { name, all } of each()) {
        const settledMs = (lives: readonly Delivered[], isOver: (tried: Tried) => boolean) =>
          Math.min(...lives.flatMap(({ tries }) => tries.filter(isOver).map(({ answeredMs }) => answeredMs)))
        const complain = (atMs: number, { invokedMs }: Delivered) =>
          `${name} was settled at ${atMs} and delivered again by a call of ${invokedMs}`
        // Accepted, it is done for ever; dead, until it is redriven.
        const acceptedMs = settledMs(all, ({ result }) => result?.state === 'acknowledged')
        const again = all.find(({ invokedMs }) => invokedMs > acceptedMs)
        if (again) yield complain(acceptedMs, again)
        for (const life of livesOf(all)) {
          const overMs = settledMs(life, settles)
          const later = life.find((one) => one.invokedMs > overMs && one !== again)
          if (later) yield complain(overMs, later)
        }
      }
    },

    *'settled twice'() {
      for (const { name, all } of each()) {
        const settled = all.flatMap(({ tries }) => tries.filter(({ result }) => result?.state === 'acknowledged'))
        const inALife = livesOf(all).map((life) => life.flatMap(({ tries }) => tries.filter(settles)).length)
        const most = Math.max(settled.length, ...inALife)
        if (most > 1) yield `${name} was settled ${most} times`
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
      for (const { of, name, n, all } of each()) {
        const lives = livesOf(all)
        for (const life of lives) {
          let last = 0
          let lastMs = 0
          for (const { deliveryCount, receivedMs, isPush } of life) {
            // Each call whose answer was lost may have taken it once. What an endpoint never got counts as well.
            const lost = isPush
              ? deliveryCount
              : of.lost.filter((one) => one.fromMs <= receivedMs && one.toMs >= lastMs).length
            if (deliveryCount - last - 1 > lost)
              yield `${name} has the counts ${all.map((one) => one.deliveryCount)}, with ${lost} answers lost`
            last = deliveryCount
            lastMs = receivedMs
          }
          // Deliveries of which nobody was told may have been before.
          const fromMs = life[0].deliveryCount > 1 ? 0 : life[0].invokedMs
          const plans = plansIn(of, { fromMs, toMs: life[life.length - 1].receivedMs })
          const most = 1 + Math.max(...plans.map(({ retryMs }) => retryMs.length))
          if (last > most) yield `${name} was delivered a ${last}th time, with ${most - 1} tiers`
        }
        const most = 1 + redrivenTimes(of, n)
        // What was redriven long ago may be gone from the lane.
        if (lives.length > most && isWhole(of, final))
          yield `${name} began ${lives.length} times, with the counts ${all.map((one) => one.deliveryCount)}; ${most} would be right`
      }
    },

    *'different place'() {
      for (const of of groups) {
        for (const [n, all] of of.deliveries) {
          for (const { partition, offset } of all) {
            if (offset < (final.described[of.topic]?.partitions[partition]?.logStartOffset ?? 0)) continue
            const there = recordAt(final, of.topic, partition, offset)
            if (there?.n !== n)
              yield `${of.topic}.${of.group}: message ${n} was delivered as ${partition}/${offset}, which holds ${there?.n ?? 'nothing'}`
          }
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

    *'delivered while paused'() {
      for (const of of groups) {
        for (const [n, all] of of.deliveries) {
          for (const { invokedMs, receivedMs, isPush } of all) {
            // A push may have been under way.
            const paused = of.pauses.find(({ fromMs, toMs }) => fromMs < invokedMs && receivedMs < toMs)
            if (paused && !isPush)
              yield `${of.topic}.${of.group}: message ${n} was delivered at ${receivedMs}, paused from ${paused.fromMs} to ${paused.toMs}`
          }
        }
      }
    },

    *'tier too short'() {
      for (const { of, name, all } of each()) {
        for (const life of livesOf(all)) {
          for (const [i, next] of life.entries()) {
            const shownMs = clock.shownBy(next.receivedMs)
            const told = life[i - 1]?.tries.find(({ result }) => result?.state === 'retrying')
            const { dueAtMs = 0 } = told?.result ?? {}
            // Told by a clock that was ahead, and put right by a restart, it is how long the tier lasts that holds.
            const leastWaitMs = dueAtMs - clock.shownBy(told?.answeredMs ?? 0)
            const isShort = shownMs < dueAtMs && next.receivedMs - (told?.answeredMs ?? 0) < leastWaitMs
            if (isShort && next.deliveryCount > life[i - 1].deliveryCount)
              yield `${name} was due again at ${dueAtMs} and delivered at ${next.receivedMs}`
            const { atMs, cause } = next.attempts?.at(-1) ?? { atMs: 0, cause: '' }
            if (cause !== 'LOCK_EXPIRED' || next.deliveryCount === 1) continue
            const plans = plansIn(of, { fromMs: life[i - 1]?.receivedMs ?? 0, toMs: next.receivedMs })
            // Jitter only ever makes it longer.
            const leastMs = Math.min(
              ...plans.map(({ retryMs }) => retryMs[next.deliveryCount - 2] ?? Number.POSITIVE_INFINITY),
            )
            const latestMs = next.receivedMs + clock.aheadMost(0, next.receivedMs) + ROUNDING_MS
            if (leastMs < Number.POSITIVE_INFINITY && latestMs < atMs + leastMs)
              yield `${name}: its lock was over at ${atMs}, its tier lasts ${leastMs} ms, and it was delivered at ${next.receivedMs}`
          }
        }
      }
    },

    *'left over'() {
      for (const { topic, group, final: ends } of groups) {
        if (ends === undefined) continue
        const { lag, inFlight, waiting, scale } = ends
        if (lag > 0 || inFlight > 0 || waiting > 0)
          yield `${topic}.${group} ends with lag ${lag}, ${inFlight} in flight, ${waiting} waiting`
        if (scale.ready > 0 || scale.inFlight > 0 || scale.dueSoon > 0)
          yield `${topic}.${group} ends with ${JSON.stringify(scale)} for who scales it`
      }
    },
  }
}
