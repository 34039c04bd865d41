// What can be wrong with lanes: records that are missing there or doubled, tries that are told another way than before, tiers
// that are not the next one.
//
// A try that fails leaves exactly one copy: in a lane, or among the dead letters; a dead letter that is redriven, one in the
// redrive lane. So a record of which n tries failed, and which is not dead, stands n times in lanes.

import type { ClockSteps } from './clock-steps.ts'
import { type Delivered, type GroupHistory, plansIn, ROUNDING_MS, settles, type Tried } from './deliveries.ts'
import type { FinalState } from './final-state.ts'
import type { Anomalies } from './group-anomalies.ts'
import type { GroupPlan } from './history.ts'
import { countIn } from './lookup.ts'

const UNITS: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

export function laneAnomalies(groups: readonly GroupHistory[], final: FinalState, clock: ClockSteps): Anomalies {
  const judged = groups.filter((of) => !of.isMoved && isWhole(of, final))
  function* each(): Iterable<{ of: GroupHistory; name: string; n: number; all: Delivered[] }> {
    for (const of of judged)
      for (const [n, all] of of.deliveries) yield { of, name: `${of.topic}.${of.group}: message ${n}`, n, all }
  }
  const lanes = new Map<string, string[]>()
  const lanesOf = ({ topic, group }: GroupHistory) => {
    const base = `${topic}.${group}.retry.`
    const found = lanes.get(base) ?? Object.keys(final.topics).filter((name) => name.startsWith(base))
    lanes.set(base, found)
    return found
  }
  const laneCount = (of: GroupHistory, n: number) =>
    lanesOf(of).reduce((sum, lane) => sum + countIn(final.topics[lane], n), 0)

  return {
    *'attempts changed'() {
      for (const { name, all } of each()) {
        for (const [i, { attempts, deliveryCount }] of all.entries()) {
          if (attempts === undefined) continue
          if (attempts.length < deliveryCount - 1)
            yield `${name} was delivered a ${deliveryCount}th time and tells of ${attempts.length} tries`
          const before = all[i - 1]?.attempts ?? []
          const differs = before.findIndex((tried, at) => JSON.stringify(tried) !== JSON.stringify(attempts[at]))
          if (differs >= 0)
            yield `${name}: try ${differs + 1} was ${JSON.stringify(before[differs])} and is ${JSON.stringify(attempts[differs])}`
        }
      }
    },

    *'lane record missing'() {
      for (const { of, name, n, all } of each()) {
        for (const { tries } of all) {
          const tier = tries.find(({ result }) => result?.state === 'retrying')?.result?.tier
          if (tier !== undefined && countIn(final.topics[`${of.topic}.${of.group}.retry.${tier}`] ?? [], n) === 0)
            yield `${name} was released to tier ${tier} and is not in its lane`
        }
      }
    },

    *'lane records not as counted'() {
      for (const { of, name, n, all } of each()) {
        const last = all[all.length - 1]
        if (last.isPush || !last.tries.some(settles)) continue
        const inLanes = laneCount(of, n)
        // Redriven once more since, it is in another place by one.
        const isOver = last.tries.some(({ result }) => result?.state === 'acknowledged')
        const failed = last.attempts?.length ?? last.deliveryCount - 1
        if (isOver && inLanes !== failed)
          yield `${name} was settled at its delivery ${last.deliveryCount}, after ${failed} failed tries, and is ${inLanes} times in lanes`
      }
      for (const of of judged) {
        for (const { n, cause, attempts } of of.final?.dead ?? []) {
          const inLanes = laneCount(of, n)
          if (inLanes !== attempts - 1)
            yield `${of.topic}.${of.group}: message ${n} died of ${cause} after ${attempts} attempts and is ${inLanes} times in lanes`
        }
      }
    },

    *'wrong tier'() {
      for (const { of, name, all } of each()) {
        for (const { tries, deliveryCount } of all) {
          for (const tried of tries) {
            const { type, result } = tried
            if (type !== 'release' || result === undefined || result.state === 'invalid') continue
            const plans = plansIn(of, { fromMs: tried.invokedMs, toMs: tried.answeredMs })
            if (plans.some((plan) => couldAnswer(plan, tried, deliveryCount, clock))) continue
            const lists = plans.map(({ retryMs, jitter }) => `[${retryMs}]${jitter > 0 ? ` jitter ${jitter}` : ''}`)
            yield `${name} was released at ${tried.invokedMs}, its delivery ${deliveryCount}, with the tiers ${lists.join(' or ')}: ${JSON.stringify(result)}`
          }
        }
      }
    },
  }
}

/** Whether a release can be answered so with these settings. */
function couldAnswer(
  { retryMs, jitter }: Required<GroupPlan>,
  { result, invokedMs, answeredMs, ownDelayMs }: Tried,
  deliveryCount: number,
  clock: ClockSteps,
): boolean {
  const tierMs = retryMs[deliveryCount - 1]
  if (tierMs === undefined || result?.state === 'dead') return tierMs === undefined && result?.state === 'dead'
  const isOwn = ownDelayMs !== undefined || jitter > 0
  if (isOwn ? result?.tier !== 'delayed' : !isNamed(result?.tier, tierMs)) return false
  const leastMs = ownDelayMs ?? tierMs
  const mostMs = ownDelayMs ?? tierMs * (1 + jitter)
  const { dueAtMs = 0 } = result ?? {}
  return (
    dueAtMs + ROUNDING_MS + clock.behindMost >= invokedMs + leastMs &&
    dueAtMs <= clock.shownBy(answeredMs) + mostMs + ROUNDING_MS
  )
}

/** Whether a tier of this duration has this name. */
function isNamed(tier = '', tierMs: number): boolean {
  const [, count, unit] = /^(\d+)(ms|s|m|h|d)$/.exec(tier) ?? []
  return Number(count) * UNITS[unit] === tierMs
}

/** Whether nothing was taken from the lanes of a group yet: what was done with for an hour goes. */
export function isWhole({ topic, group }: GroupHistory, final: FinalState): boolean {
  return Object.entries(final.described).every(
    ([name, { partitions }]) =>
      !name.startsWith(`${topic}.${group}.retry.`) || partitions.every(({ logStartOffset }) => logStartOffset === 0),
  )
}
