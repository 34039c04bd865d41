// What is asked of groups in a simulation: publishers, consumers, and those who change groups and work with dead letters.
// Several calls at once, each by itself; what is answered stands in the history.

import type { Delivery, Groups } from '../../../service/delivery/index.ts'
import { DwellError, decodeRecordBody, encodeRecordBody } from '../../../storage/index.ts'
import type { AcknowledgeType, GroupPlan } from '../../checker/history.ts'
import { numberOf } from '../../crash/publish-request.ts'
import type { SeededRandom } from '../../support/seeded-random.ts'
import { isRefusal } from '../client.ts'
import type { Process, World } from '../world.ts'
import type { SimulatedHistory } from './simulated-history.ts'

export const TOPIC = 'orders'
export const GROUPS = ['plain', 'keyed'] as const
/** Tiers of a second, of a minute, of an hour. */
export const TIERS_MS = [[], [300], [1_000, 5_000], [200, 60_000, 3_600_000]] as const
const JITTERS = [0, 0, 0.5]
const KEYS = 4
const LOCKS_MS = [200, 5_000, 60_000]
const WAITS_MS = [0, 0, 300, 20_000]
const OWN_DELAYS_MS = [1, 2_000, 100_000]
const PARTITIONS_MAX = 5

export type DeliveryOperation =
  | 'publish'
  | 'acquire'
  | 'acknowledge'
  | 'configure'
  | 'pause'
  | 'resume'
  | 'list'
  | 'redrive'
  | 'stop redrives'
  | 'purge'
  | 'checkpoint'
  | 'grow'

/** A process with groups. */
export interface GroupProcess extends Process {
  groups: Groups
}

interface Held {
  n: number
  receipt: string
  deliveryCount: number
}

export interface ConsumersOptions {
  world: World
  history: SimulatedHistory
  random: SeededRandom
  /** Something is wrong. */
  accuse: (sentence: string) => void
}

export class Consumers {
  readonly #options: ConsumersOptions
  #held = new Map<string, Held[]>(GROUPS.map((group) => [group, []]))
  published = 0
  underWay = 0

  constructor(options: ConsumersOptions) {
    this.#options = options
  }

  /** The process is dead. What it handed out may still be acknowledged. */
  forget(): void {
    this.underWay = 0
  }

  begin(operation: DeliveryOperation, process: GroupProcess): void {
    const { random } = this.#options
    const group = random.pick(GROUPS)
    const calls: Record<DeliveryOperation, () => Promise<void>> = {
      publish: () => this.#publish(process),
      acquire: () => this.acquire(process, group, random.between(1, 12), random.pick(WAITS_MS)),
      acknowledge: () => this.acknowledge(process, group, () => this.#decide()),
      configure: () => this.configure(process, group, { retryMs: random.pick(TIERS_MS), jitter: random.pick(JITTERS) }),
      pause: () => this.#call('pause', group, () => process.groups.pause(TOPIC, group, '')),
      resume: () => this.resume(process, group),
      list: () => this.#list(process, group),
      redrive: () => this.#redrive(process, group),
      'stop redrives': () => this.stopRedrives(process, group),
      purge: () => this.#purge(process, group),
      checkpoint: () => checkpoint(process),
      grow: () => grow(process),
    }
    this.underWay++
    const { life } = this.#options.world
    calls[operation]()
      .catch((error) => this.#rejected(operation, process, life, error))
      .finally(() => {
        if (life === this.#options.world.life) this.underWay--
      })
  }

  async #publish({ engine, hand }: GroupProcess): Promise<void> {
    const { random, history } = this.#options
    const partition = random.between(0, (engine.topic(TOPIC)?.partitions ?? 1) - 1)
    const messages = Array.from({ length: random.between(1, 6) }, () => {
      const key = random.chance(0.8) ? `key-${random.between(1, KEYS)}` : undefined
      return { n: ++this.published, notBeforeMs: 0, delayed: false, key }
    })
    const op = history.invoke('publish', { topic: TOPIC, messages, batch: messages[0].n })
    const timestampMs = hand.nowMs()
    const records = messages.map(({ n, key }) => {
      const value = Buffer.from(JSON.stringify({ n }))
      return { timestampMs, body: encodeRecordBody(key === undefined ? null : Buffer.from(key), value, []) }
    })
    const [base] = await this.#answer(op, () => engine.append([{ topic: TOPIC, partition, records }]))
    history.ok(op, 'publish', { results: messages.map((_, i) => ({ partition, offset: base + i })) })
  }

  /** What came is held until something is said of it. */
  async acquire({ groups }: GroupProcess, group: string, max: number, waitMs: number): Promise<void> {
    const { random, history } = this.#options
    const op = history.invoke('acquire', { topic: TOPIC, group })
    const options = { max, waitMs, lockMs: random.pick(LOCKS_MS) }
    const deliveries = await this.#answer(op, () => groups.acquire(TOPIC, group, options))
    const records = deliveries.map((delivery) => this.#recordOf(delivery))
    history.ok(op, 'acquire', { records })
    this.#held.get(group)?.push(...records)
  }

  #recordOf({ body, attempts, lockedUntilMs, receipt, deliveryCount, partition, offset }: Delivery) {
    const { history } = this.#options
    return {
      n: numberOf(String(decodeRecordBody(body).value)),
      receipt,
      deliveryCount,
      partition,
      offset,
      lockedUntilMs: history.timeOf(lockedUntilMs),
      attempts: attempts.map(({ at, cause, reason }) => ({ atMs: history.timeOf(at), cause, reason })),
    }
  }

  #decide(): AcknowledgeType | undefined {
    const decision = { accept: 10, release: 5, reject: 2, renew: 2, forget: 1 }
    const decided = this.#options.random.weighted(decision)
    return decided === 'forget' ? undefined : decided
  }

  /** Says of some that are held what became of them. */
  async acknowledge(process: GroupProcess, group: string, decide: () => AcknowledgeType | undefined): Promise<void> {
    const { random, history } = this.#options
    const held = this.#held.get(group) as Held[]
    const taken = held.splice(0, random.between(1, Math.max(1, held.length)))
    const acknowledgements = taken.flatMap(({ n, receipt, deliveryCount }) => {
      const type = decide()
      const delayMs = type === 'release' && random.chance(0.3) ? random.pick(OWN_DELAYS_MS) : undefined
      return type === undefined ? [] : [{ n, receipt, deliveryCount, type, delayMs }]
    })
    if (acknowledgements.length === 0) return
    const op = history.invoke('acknowledge', { topic: TOPIC, group, acknowledgements })
    const results = await this.#answer(op, () => process.groups.acknowledge(TOPIC, group, acknowledgements))
    const told = results.map((result) => ({
      state: result.state,
      ...('dueAtMs' in result && { dueAtMs: history.timeOf(result.dueAtMs), tier: result.tier }),
      ...('lockedUntilMs' in result && { lockedUntilMs: history.timeOf(result.lockedUntilMs) }),
    }))
    history.ok(op, 'acknowledge', { results: told })
    for (const [i, { type, n, receipt, deliveryCount }] of acknowledgements.entries())
      if (type === 'renew' && told[i].state === 'acquired') held.push({ n, receipt, deliveryCount })
  }

  async configure({ groups }: GroupProcess, group: string, to: GroupPlan): Promise<void> {
    const { history } = this.#options
    const op = history.invoke('configure', { topic: TOPIC, group, to })
    const { retryMs: retry = [], jitter = 0, order } = to
    await this.#answer(op, () => groups.configure(TOPIC, group, { retry, jitter, ...(order && { order }) }))
    history.ok(op, 'configure', { done: true })
  }

  resume({ groups }: GroupProcess, group: string): Promise<void> {
    return this.#call('resume', group, () => groups.resume(TOPIC, group))
  }

  async #list({ groups }: GroupProcess, group: string): Promise<void> {
    const { history } = this.#options
    const op = history.invoke('dead letters', { topic: TOPIC, group })
    const { records } = await this.#answer(op, () => groups.deadLetters.list(TOPIC, group, { limit: 50 }))
    const letters = records.map(({ body, place: { partition, offset } }) => {
      return { n: numberOf(String(decodeRecordBody(body).value)), partition, offset }
    })
    history.ok(op, 'dead letters', { letters })
  }

  /** Of one key, or of all; at a rate, or as fast as it goes. */
  async #redrive(process: GroupProcess, group: string): Promise<void> {
    const { random, history } = this.#options
    await this.#list(process, group)
    await this.#running(process, group)
    const key = this.#someKey()
    const op = history.invoke('redrive', { topic: TOPIC, group, key, dryRun: false })
    const ratePerSecond = random.pick([undefined, 5])
    const { redrives } = process.groups.deadLetters
    const { task } = await this.#answer(op, () => redrives.begin(TOPIC, group, { filter: { key }, ratePerSecond }))
    history.ok(op, 'redrive', { task })
  }

  async #running({ groups }: GroupProcess, group: string): Promise<string[]> {
    const { history } = this.#options
    const op = history.invoke('look at redrives', { topic: TOPIC, group })
    const tasks = groups.deadLetters.redrives.list().filter((one) => one.group === group && one.state === 'running')
    const running = tasks.map(({ task }) => task)
    history.ok(op, 'look at redrives', { running })
    return running
  }

  async stopRedrives(process: GroupProcess, group: string): Promise<void> {
    const { history } = this.#options
    for (const task of await this.#running(process, group)) {
      const op = history.invoke('stop redrive', { task })
      const { state, moved } = await this.#answer(op, () => process.groups.deadLetters.redrives.stop(task))
      history.ok(op, 'stop redrive', { state, moved })
    }
  }

  async #purge(process: GroupProcess, group: string): Promise<void> {
    const { history } = this.#options
    await this.#list(process, group)
    const key = this.#someKey()
    const op = history.invoke('purge', { topic: TOPIC, group, key })
    const count = await this.#answer(op, () => process.groups.deadLetters.purge(TOPIC, group, { key }))
    history.ok(op, 'purge', { count })
    await this.#list(process, group)
  }

  #someKey(): string | undefined {
    const { random } = this.#options
    return random.chance(0.5) ? `key-${random.between(1, KEYS)}` : undefined
  }

  async #call(call: 'pause' | 'resume', group: string, run: () => Promise<void>): Promise<void> {
    const { history } = this.#options
    const op = history.invoke(call, { topic: TOPIC, group })
    await this.#answer(op, run)
    history.ok(op, call, {})
  }

  /** What a call answers; never, when the process has died. A rejection leaves open what was done. */
  async #answer<T>(op: number, run: () => Promise<T>): Promise<T> {
    const { world, history } = this.#options
    const { life } = world
    const isDead = () => life !== world.life || world.dead
    try {
      const answer = await run()
      if (!isDead()) return answer
    } catch (error) {
      if (!isDead()) {
        history.info(op)
        throw error
      }
    }
    return new Promise(() => {})
  }

  #rejected(operation: string, { failure }: GroupProcess, life: number, error: unknown): void {
    const { world, accuse } = this.#options
    if (life !== world.life || world.dead) return
    world.trace.add(`${operation}: ${error instanceof DwellError ? error.code : error}`)
    if (isRefusal(error) || failure !== undefined || world.faults.delivered > 0) return
    accuse(`${operation} was rejected, though nothing was wrong with the disk: ${(error as Error).stack}`)
  }
}

async function checkpoint({ groups, engine, wheel }: GroupProcess): Promise<void> {
  await groups.checkpoint()
  await wheel?.checkpoint()
  await engine.checkpoint()
}

async function grow({ engine }: GroupProcess): Promise<void> {
  const topic = engine.topic(TOPIC)
  if (topic === undefined || topic.partitions >= PARTITIONS_MAX) return
  await engine.alterTopic(TOPIC, { ...topic, partitions: topic.partitions + 1 })
}
