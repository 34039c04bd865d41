// What can be wrong with dead letters: that they are not there, or twice; redrives that move a record never or twice, or tell
// other counts than the truth; purged records that are seen again.
//
// All that ever died was put into the dead-letter topic, whose offsets count it; what was removed goes from its beginning. What
// was redriven stands in the redrive lane. What is neither there nor listed was purged.

import type { Operation } from './checker.ts'
import { type Delivered, type GroupHistory, plansIn } from './deliveries.ts'
import type { FinalState } from './final-state.ts'
import type { Anomalies } from './group-anomalies.ts'
import type { OfDeadLetters } from './history.ts'
import { isWhole } from './lane-anomalies.ts'
import { countIn, recordAt } from './lookup.ts'
import { Removals } from './removals.ts'

/** Of more redrives the oldest are forgotten. */
const REMEMBERED = 1_000

export function deadLetterAnomalies(
  groups: readonly GroupHistory[],
  final: FinalState,
  operations: readonly Operation[],
): Anomalies {
  const all = groups.map((of) => {
    const base = `${of.topic}.${of.group}`
    const [dlq, lane] = [final.topics[`${base}.dlq`] ?? [], final.topics[`${base}.retry.redrive`] ?? []]
    const dead = of.final?.dead ?? []
    const { partitions } = final.described[`${base}.dlq`] ?? { partitions: [] }
    /** Of these partitions all that died is there. */
    const isThere = ({ partition }: { partition: number }) => (partitions[partition]?.logStartOffset ?? 0) === 0
    const died = partitions.reduce((sum, { highWatermark }) => sum + highWatermark, 0) || dlq.length
    const purged = died - lane.length - dead.length
    return { of, base, dlq, lane, dead, isThere, purged, removals: new Removals(of, operations) }
  })
  const judged = all.filter(({ of }) => !of.isMoved && of.final !== undefined && isWhole(of, final))
  const keyOf = ({ topic }: GroupHistory, { partition, offset }: { partition: number; offset: number }) =>
    recordAt(final, topic, partition, offset)?.key

  return {
    *'dead letter wrong'() {
      for (const { of, base, dead, dlq, lane, isThere } of judged) {
        for (const { n, cause, attempts, partition, offset } of dead) {
          const name = `${base}: message ${n}`
          if (countIn(dead, n) > 1 || countIn(dlq, n) < 1)
            yield `${name} is ${countIn(dead, n)} times in the dead letters, ${countIn(dlq, n)} times in their topic`
          const there = recordAt(final, of.topic, partition, offset)
          if (there?.n !== n) yield `${name} died as ${partition}/${offset}, which holds ${there?.n ?? 'nothing'}`
          const deliveries = of.deliveries.get(n) ?? []
          const lists = plansIn(of, { fromMs: 0, toMs: Number.POSITIVE_INFINITY }).map(({ retryMs }) => retryMs.length)
          if (cause === 'DELIVERY_COUNT_EXCEEDED' && attempts < 1 + Math.min(...lists))
            yield `${name} died of ${cause} after ${attempts} attempts`
          if (deliveries.some(({ tries }) => tries.some(({ result }) => result?.state === 'acknowledged')))
            yield `${name} was accepted and is dead`
        }
        for (const [n, deliveries] of of.deliveries) {
          if (!isThere(deliveries[0])) continue
          const said = deliveries.flatMap(({ tries }) => tries.filter(({ result }) => result?.state === 'dead')).length
          if (said > countIn(dlq, n)) yield `${base}: message ${n} was said to be dead and is not in the dead letters`
        }
        for (const n of new Set(dlq.filter(isThere).map((one) => one.n))) {
          const [died, redriven, listed] = [countIn(dlq, n), countIn(lane, n), countIn(dead, n)]
          if (redriven + listed > died)
            yield `${base}: message ${n} died ${died} times, was redriven ${redriven} times and is ${listed} times dead`
        }
        const { deadCounts = {} } = of.final ?? {}
        for (const [who, count] of Object.entries(deadCounts))
          if (count !== dead.length) yield `${base}: ${dead.length} dead letters are listed, ${who} says ${count}`
      }
    },

    *'redrive wrong'() {
      for (const { of, base, lane, dead, dlq, isThere, removals } of judged) {
        const tasks = final.redrives.filter(({ topic, group }) => topic === of.topic && group === of.group)
        const moved = tasks.reduce((sum, task) => sum + task.moved, 0)
        const areAll = final.redrives.length < REMEMBERED
        if (areAll && moved !== lane.length)
          yield `${base}: redrives say that they moved ${moved}, ${lane.length} are in the lane`
        for (const { n } of lane.filter(isThere))
          if (countIn(dlq, n) < countIn(lane, n))
            yield `${base}: message ${n} was redriven ${countIn(lane, n)} times and died ${countIn(dlq, n)} times`
        for (const { task, state, matched, moved, failed } of tasks) {
          if (state === 'running') yield `${base}: redrive ${task} still runs`
          if (moved + failed > matched) yield `${base}: redrive ${task} matched ${matched} and moved ${moved}`
          const begun = removals.redriveOf(task)
          if (begun === undefined || state !== 'done') continue
          if (moved + failed < matched && removals.isAlone(begun))
            yield `${base}: redrive ${task} matched ${matched} and moved ${moved}, and nobody else took any`
        }
        for (const { task } of removals.redrives)
          if (areAll && task !== undefined && !tasks.some((one) => one.task === task))
            yield `${base}: redrive ${task} is not listed`
        const done = tasks.filter(({ state }) => state === 'done').map(({ task }) => removals.redriveOf(task))
        for (const letter of dead) {
          const seenMs = removals.firstSeenMs(letter.place)
          const missedBy = done.find((one) => one && seenMs < one.invokedMs && matches(one.of, keyOf(of, letter)))
          if (missedBy)
            yield `${base}: message ${letter.n} was dead before redrive ${missedBy.task} began, and is dead in the same place`
        }
      }
    },

    *unresolved() {
      for (const { of, base, dead, purged } of judged) {
        const records = final.topics[of.topic] ?? []
        const open = records.filter(({ n }) => countIn(dead, n) === 0 && !isAccepted(of.deliveries.get(n) ?? []))
        // Those that were purged are among them.
        if (open.length <= purged) continue
        const some = open.slice(0, 10).map(({ n }) => n)
        yield `${base}: ${open.length} messages were neither accepted nor are they dead, ${purged} were purged; ${some} and on`
      }
    },

    *'purge wrong'() {
      for (const { of, base, purged, removals } of judged) {
        const { count, isSure } = removals.purged
        if (purged < count || (isSure && purged > count))
          yield `${base}: ${purged} dead letters are gone, ${count} were purged`
        for (const { place, seenAgainMs, purge } of removals.seenAgain((n) => keyByNumber(of, final, n)))
          yield `${base}: dead letter ${place} was purged at ${purge.answeredMs} and listed again at ${seenAgainMs}`
      }
    },
  }
}

/** Or may have been: its answer was lost. */
function isAccepted(deliveries: readonly Delivered[]): boolean {
  return deliveries.some(
    ({ tries, isPush, status = 200 }) =>
      (isPush && status < 300) ||
      tries.some(({ type, result }) => type === 'accept' && (result === undefined || result.state === 'acknowledged')),
  )
}

function keyByNumber({ topic, deliveries }: GroupHistory, final: FinalState, n: number): string | undefined {
  const [first] = deliveries.get(n) ?? []
  return first && recordAt(final, topic, first.partition, first.offset)?.key
}

function matches({ key }: OfDeadLetters, given: string | undefined): boolean {
  return key === undefined || key === given
}
