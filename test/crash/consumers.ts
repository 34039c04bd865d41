// Consumers of groups: they take records under a lock, and accept, release, reject, renew or forget them.

import type { AcknowledgeInvoke, AcknowledgeResult, AcknowledgeType, DeliveredRecord } from '../checker/history.ts'
import type { SeededRandom } from '../support/seeded-random.ts'
import { type Caller, sleep } from './caller.ts'
import { numberOf } from './publish-request.ts'
import type { GroupPlan, Habits } from './topics.ts'

const LOCK_MS_MAX = 2_500

type Named = Pick<GroupPlan, 'topic' | 'group' | 'habits' | 'moved'>

/** Somebody may have deleted it. */
const GONE = [404]

export class Consumers {
  readonly #caller: Caller
  #consuming = true
  #acceptAll = false
  /** When somebody last got something. */
  lastDeliveryMs = Date.now()

  constructor(caller: Caller) {
    this.#caller = caller
  }

  /** From now on nothing is made to fail. */
  acceptAll(): void {
    this.#acceptAll = true
  }

  stop(): void {
    this.#consuming = false
  }

  async consume(group: Named, random: SeededRandom): Promise<void> {
    while (this.#consuming) {
      await this.#caller.ready
      const records = await this.#acquire(group, random)
      if (records === undefined || records.length === 0) {
        await sleep(20)
        continue
      }
      this.lastDeliveryMs = Date.now()
      if (random.chance(0.2)) await sleep(random.between(0, 100))
      const decided = records
        .map((record) => this.#decide(record, group.habits, random))
        .filter((decision) => decision !== undefined)
      await this.#acknowledge(group, decided)
    }
  }

  async #acquire({ topic, group, moved }: Named, random: SeededRandom): Promise<DeliveredRecord[] | undefined> {
    const { history } = this.#caller
    const op = history.invoke('acquire', { topic, group })
    const body = {
      max: random.between(1, this.#acceptAll ? 500 : 60),
      wait: 500,
      lock: random.between(500, LOCK_MS_MAX),
    }
    const path = `${pathOf({ topic, group })}/acquire`
    const answer = await this.#caller.call(op, 'acquire', 'POST', path, { body }, moved ? GONE : [])
    if (answer === undefined) return undefined
    if (answer.status !== 200) {
      history.ok(op, 'acquire', { records: [] })
      return undefined
    }
    const { records } = answer.json as { records: AcquiredJson[] }
    const delivered = records.map(({ value, lockedUntil, attempts = [], ...record }) => ({
      n: numberOf(value),
      receipt: record.receipt,
      deliveryCount: record.deliveryCount,
      lockedUntilMs: Date.parse(lockedUntil),
      partition: record.partition,
      offset: record.offset,
      attempts: attempts.map(({ at, cause, reason }) => ({ atMs: Date.parse(at), cause, reason })),
    }))
    history.ok(op, 'acquire', { records: delivered })
    return delivered
  }

  #decide(
    { n, receipt, deliveryCount }: DeliveredRecord,
    habits: Habits,
    random: SeededRandom,
  ): Acknowledgement | undefined {
    const decision = this.#acceptAll ? 'accept' : random.weighted(habits)
    const type: AcknowledgeType = decision === 'release late' ? 'release' : decision === 'forget' ? 'accept' : decision
    if (decision === 'forget') return undefined
    return {
      n,
      receipt,
      deliveryCount,
      type,
      delayMs: decision === 'release late' ? random.between(1, 2_000) : undefined,
    }
  }

  async #acknowledge(named: Named, decided: Acknowledgement[]): Promise<void> {
    if (decided.length === 0) return
    const { history } = this.#caller
    const { topic, group, moved } = named
    const op = history.invoke('acknowledge', { topic, group, acknowledgements: decided })
    const acknowledgements = decided.map(({ receipt, type, delayMs, n }) => ({
      receipt,
      type,
      ...(delayMs === undefined ? {} : { delay: delayMs }),
      ...(type === 'release' || type === 'reject' ? { reason: `decided for ${n}` } : {}),
      ...(type === 'renew' ? { lock: LOCK_MS_MAX } : {}),
    }))
    const path = `${pathOf({ topic, group })}/acknowledge`
    const options = { body: { acknowledgements } }
    const answer = await this.#caller.call(op, 'acknowledge', 'POST', path, options, moved ? GONE : [])
    if (answer === undefined) return
    if (answer.status !== 200) {
      history.fail(op, 'acknowledge', 'the group is gone')
      return
    }
    const { results } = answer.json as { results: ResultJson[] }
    history.ok(op, 'acknowledge', {
      results: results.map(
        ({ state, dueAt, tier, lockedUntil }): AcknowledgeResult => ({
          state,
          tier,
          dueAtMs: dueAt === undefined ? undefined : Date.parse(dueAt),
          lockedUntilMs: lockedUntil === undefined ? undefined : Date.parse(lockedUntil),
        }),
      ),
    })
    // What was renewed is accepted with the same receipt.
    const renewed = decided.filter((_, i) => results[i].state === 'acquired')
    await this.#acknowledge(
      named,
      renewed.map((one) => ({ ...one, type: 'accept', delayMs: undefined })),
    )
  }
}

function pathOf({ topic, group }: Pick<Named, 'topic' | 'group'>): string {
  return `/v1/topics/${topic}/groups/${group}`
}

type Acknowledgement = AcknowledgeInvoke['acknowledgements'][number]
interface AcquiredJson {
  value: unknown
  receipt: string
  deliveryCount: number
  lockedUntil: string
  partition: number
  offset: number
  attempts?: { at: string; cause: string; reason: string }[]
}

interface ResultJson {
  state: string
  dueAt?: string
  tier?: string
  lockedUntil?: string
}
