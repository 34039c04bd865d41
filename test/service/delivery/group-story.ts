// A story of a group: random steps, played on the service, and what was answered told to a model (group-model.ts).

import fc from 'fast-check'
import type { Acknowledgement, AcknowledgeResult, GroupSettings } from '../../../service/delivery/index.ts'
import type { LogEngine } from '../../../storage/index.ts'
import { settle } from '../../support/manual-clock.ts'
import { check, GroupModel, IN_FLIGHT_MAX, LOCK_MS } from './group-model.ts'
import { GroupRig, textOf } from './group-rig.ts'

const RETRIES = [[5_000, 10_000], [5_000], [], [1_000, 2_000, 3_000, 4_000]] as const
export const PARTITIONS = 2
const PARTITIONS_MAX = 3
const REDRIVE_TURNS_MAX = 200

export type Step =
  | { type: 'publish'; count: number; partition: number; delayMs: number | undefined }
  | { type: 'acquire'; max: number; cut: number | undefined }
  | { type: 'acknowledge'; choices: number[]; cut: number | undefined; beside: number }
  | { type: 'advance'; ms: number }
  | { type: 'wait'; max: number }
  | { type: 'checkpoint' }
  | { type: 'crash' }
  | { type: 'pause' }
  | { type: 'resume' }
  | { type: 'grow' }
  | { type: 'order'; order: GroupSettings['order'] }
  | { type: 'retry'; which: number }
  | { type: 'jitter'; jitter: number }
  | { type: 'reset'; to: 'earliest' | 'latest' | number }
  | { type: 'redrive'; cut: number | undefined }
  | { type: 'purge'; cut: number | undefined }

/** After how many appends the process dies in the middle of the call; undefined when it does not. */
const cut = fc.nat(20).map((n) => (n < 3 ? n : undefined))
const max = fc.integer({ min: 1, max: 8 })

function of<T extends Step['type']>(weight: number, type: T, rest: object = {}) {
  return { weight, arbitrary: fc.record({ type: fc.constant(type), ...rest }) as fc.Arbitrary<Step> }
}

/** `rare` steps change what the others mean; without them order of keys and tiers are looked at more closely. */
export function stepOf(rare: readonly Step['type'][]): fc.Arbitrary<Step> {
  const steps = [
    of(4, 'publish', {
      count: fc.integer({ min: 1, max: 6 }),
      partition: fc.nat(PARTITIONS_MAX - 1),
      delayMs: fc.nat(9).map((n) => (n < 2 ? n * 3_000 + 1 : undefined)),
    }),
    of(6, 'acquire', { max, cut }),
    of(7, 'acknowledge', { choices: fc.array(fc.nat(1_000), { minLength: 1, maxLength: 10 }), cut, beside: fc.nat(4) }),
    of(4, 'advance', { ms: fc.integer({ min: 1, max: 12_000 }) }),
    of(1, 'wait', { max }),
    of(1, 'checkpoint'),
    of(1, 'crash'),
  ]
  const more: Partial<Record<Step['type'], ReturnType<typeof of>>> = {
    pause: of(1, 'pause'),
    resume: of(2, 'resume'),
    grow: of(1, 'grow'),
    order: of(1, 'order', { order: fc.constantFrom('none', 'key') }),
    retry: of(1, 'retry', { which: fc.nat(RETRIES.length - 1) }),
    jitter: of(1, 'jitter', { jitter: fc.constantFrom(0, 0.5) }),
    reset: of(1, 'reset', { to: fc.oneof(fc.constantFrom('earliest', 'latest'), fc.nat(20)) }),
    redrive: of(2, 'redrive', { cut }),
    purge: of(1, 'purge', { cut }),
  }
  return fc.oneof(...steps, ...rare.flatMap((type) => more[type] ?? []))
}

export const RARE = ['pause', 'resume', 'grow', 'order', 'retry', 'jitter', 'reset', 'redrive', 'purge'] as const

export interface StoryOptions {
  order: GroupSettings['order']
  keyOf(n: number): string | null
  start?: (settings: Partial<GroupSettings>) => Promise<GroupRig<LogEngine>>
}

export class GroupStory {
  readonly rig: GroupRig<LogEngine>
  readonly model: GroupModel
  readonly #keyOf: (n: number) => string | null
  #published = 0

  private constructor(rig: GroupRig<LogEngine>, { order, keyOf }: StoryOptions) {
    this.rig = rig
    this.model = new GroupModel(RETRIES[0], order)
    this.#keyOf = keyOf
  }

  static async begin(options: StoryOptions): Promise<GroupStory> {
    const settings = { retry: RETRIES[0], lockMs: LOCK_MS, maxInFlight: IN_FLIGHT_MAX, order: options.order }
    const start = options.start ?? ((settings) => GroupRig.start({ orders: PARTITIONS }, settings))
    const rig = await start(settings)
    await rig.groups.configure('orders', 'billing', {})
    return new GroupStory(rig, options)
  }

  get #nowMs(): number {
    return this.rig.clock.wallMs()
  }

  async play(step: Step): Promise<void> {
    const { rig, model } = this
    const { groups } = rig
    if (step.type === 'publish') await this.#publish(step)
    else if (step.type === 'acquire') await this.#acquire(step)
    else if (step.type === 'acknowledge') await this.#acknowledge(step)
    else if (step.type === 'advance') await this.#advance(step.ms)
    else if (step.type === 'wait') await this.#wait(step.max)
    else if (step.type === 'checkpoint') await groups.checkpoint()
    else if (step.type === 'crash') await this.#crash()
    else if (step.type === 'pause' || step.type === 'resume') {
      await groups[step.type]('orders', 'billing', 'because')
      model.isPaused = step.type === 'pause'
    } else if (step.type === 'grow') {
      const orders = rig.engine.topic('orders')!
      await rig.engine.alterTopic('orders', { ...orders, partitions: PARTITIONS_MAX })
    } else if (step.type === 'order') {
      await groups.configure('orders', 'billing', { order: step.order })
      model.keep(step.order)
    } else if (step.type === 'retry') {
      model.retry = RETRIES[step.which]
      await groups.configure('orders', 'billing', { retry: model.retry })
    } else if (step.type === 'jitter') {
      model.jitter = step.jitter
      await groups.configure('orders', 'billing', { jitter: step.jitter })
    } else if (step.type === 'reset') await this.#reset(step.to)
    else if (step.type === 'redrive') await this.#redrive(step.cut)
    else if (step.type === 'purge') await this.#purge(step.cut)
  }

  async #publish({ count, partition, delayMs }: Extract<Step, { type: 'publish' }>): Promise<void> {
    const there = partition % this.rig.engine.topic('orders')!.partitions
    for (let i = 0; i < count; i++) {
      const n = this.#published++
      const [value, key] = [`v${n}`, this.#keyOf(n)]
      let offset: number | undefined
      if (delayMs === undefined) offset = await this.rig.publish('orders', [value], there, key)
      else await this.rig.publishDelayed('orders', value, { partition: there, key, dueAtMs: this.#nowMs + delayMs })
      this.model.published(value, key, there, offset, this.#nowMs)
    }
  }

  async #acquire({ max, cut }: { max: number; cut: number | undefined }): Promise<void> {
    if (cut === undefined) return this.model.received(await this.rig.acquire(max))
    const deliveries = await this.#cut(cut, () => this.rig.acquire(max))
    if (deliveries === undefined) this.model.acquireLost(this.#nowMs)
    else this.model.received(deliveries)
    await this.#crash()
  }

  async #acknowledge(step: Extract<Step, { type: 'acknowledge' }>): Promise<void> {
    const { rig, model } = this
    const acknowledgements = step.choices.flatMap((choice) => this.#acknowledgementOf(choice) ?? [])
    if (acknowledgements.length === 0) return
    const acknowledge = () => rig.groups.acknowledge('orders', 'billing', acknowledgements)
    if (step.cut !== undefined) {
      const results = await this.#cut(step.cut, acknowledge)
      if (results === undefined) model.acknowledgeLost(acknowledgements)
      else model.answered(acknowledgements, results, this.#nowMs)
      return this.#crash()
    }
    // Beside it others acquire, or say the same once more.
    const acquired = step.beside > 2 ? [rig.acquire(3), rig.acquire(2)] : []
    const answered = [acknowledge(), ...(step.beside % 2 === 1 ? [acknowledge()] : [])]
    for (const results of await Promise.all(answered)) model.answered(acknowledgements, results, this.#nowMs)
    for (const deliveries of await Promise.all(acquired)) model.received(deliveries)
  }

  /** Which acknowledgement a number stands for: also used-up receipts are tried again. */
  #acknowledgementOf(choice: number): Acknowledgement | undefined {
    const { held } = this.model
    if (held.length === 0) return undefined
    const { receipt } = held[held.length - 1 - (choice % Math.min(held.length, 20))]
    const kind = Math.floor(choice / 7) % 8
    if (kind < 3) return { receipt, type: 'accept' }
    if (kind < 5) return { receipt, type: 'release', reason: `r${choice}` }
    if (kind === 5) return { receipt, type: 'release', delayMs: (choice % 9) * 1_000 }
    return kind === 6
      ? { receipt, type: 'reject' }
      : { receipt, type: 'renew', lockMs: choice % 2 ? 20_000 : undefined }
  }

  async #advance(ms: number): Promise<void> {
    await this.rig.clock.advance(ms)
    await this.rig.idle()
    this.model.expire(this.#nowMs)
    await this.rig.turnWheel()
    this.model.turned(this.#nowMs)
    for (let partition = 0; partition < this.rig.engine.topic('orders')!.partitions; partition++) {
      for (const { value, offset } of await this.rig.log('orders', partition)) {
        this.model.lives.get(String(value))!.offset = offset
      }
    }
  }

  /** Two calls wait, first come first served, while time goes on. */
  async #wait(max: number): Promise<void> {
    const waiting = [this.rig.acquire(max, 15_000), this.rig.acquire(max, 15_000)]
    await this.rig.idle()
    await this.rig.clock.advance(15_000)
    const answers = await Promise.all(waiting)
    for (const deliveries of answers) this.model.inCompany(deliveries)
    const deliveries = answers.flat().sort((a, b) => a.lockedUntilMs - b.lockedUntilMs)
    this.model.receivedApart(deliveries)
    await this.#advance(0)
  }

  /** Calls while only `appends` more reach the disk; undefined when no answer came. */
  async #cut<T>(appends: number, call: () => Promise<T>): Promise<T | undefined> {
    this.rig.cutAfter(appends)
    let answer: T | undefined
    call().then(
      (given) => {
        answer = given
      },
      () => {},
    )
    await this.rig.idle()
    return answer
  }

  async #crash(): Promise<void> {
    await this.rig.crash()
    this.model.expire(this.#nowMs)
    this.model.crashed(this.#nowMs)
    await this.#redriven()
  }

  async #reset(to: 'earliest' | 'latest' | number): Promise<void> {
    const { rig, model } = this
    const lives = [...model.lives.values()].filter(({ offset }) => offset !== undefined)
    const at = typeof to === 'number' ? (lives[to % Math.max(1, lives.length)]?.publishedMs ?? this.#nowMs) : to
    const firsts = new Map<number, number>()
    for (let partition = 0; partition < PARTITIONS_MAX; partition++) {
      const records = partition < rig.engine.topic('orders')!.partitions ? await rig.log('orders', partition) : []
      const from = typeof at === 'number' ? records.find(({ timestampMs }) => timestampMs >= at)?.offset : undefined
      firsts.set(partition, at === 'earliest' ? 0 : (from ?? records.length))
    }
    await rig.groups.reset('orders', 'billing', at)
    model.reset((partition) => firsts.get(partition) ?? 0, at, this.#nowMs)
  }

  async #redrive(cut: number | undefined): Promise<void> {
    const redrive = () => this.rig.groups.deadLetters.redrives.begin('orders', 'billing', { filter: {} })
    if (cut === undefined) {
      await redrive()
      this.model.redriven(this.#nowMs)
      return this.#redriven()
    }
    await this.#cut(cut, redrive)
    this.model.redriveLost()
    await this.#crash()
  }

  /** Until no redrive runs any more. */
  async #redriven(): Promise<void> {
    for (let turns = 0; this.rig.groups.deadLetters.redrives.running > 0; turns++) {
      check(turns < REDRIVE_TURNS_MAX, 'a redrive does not end')
      await settle(2)
    }
  }

  async #purge(cut: number | undefined): Promise<void> {
    const purge = () => this.rig.groups.deadLetters.purge('orders', 'billing')
    if (cut === undefined) return this.model.purged(await purge())
    await this.#cut(cut, purge)
    this.model.purgeLost()
    await this.#crash()
  }

  /** Lets go on until nothing comes any more, accepting all; then every record was accepted or is dead. */
  async end(): Promise<void> {
    const { rig, model } = this
    await this.play({ type: 'resume' })
    const inWheel = (await rig.delayed()).filter(({ topic }) => topic !== 'orders').length
    check(rig.groups.retriesWaiting >= inWheel, `${inWheel} are in the wheel, more than are told of`)
    for (let quiet = 0; quiet < 3; ) {
      await this.#advance(40_000)
      const deliveries = await rig.acquire(1_000)
      quiet = deliveries.length === 0 ? quiet + 1 : 0
      model.received(deliveries)
      const acknowledgements = deliveries.map(({ receipt }) => ({ receipt, type: 'accept' }) as const)
      if (deliveries.length === 0) continue
      const results: AcknowledgeResult[] = await rig.groups.acknowledge('orders', 'billing', acknowledgements)
      model.answered(acknowledgements, results, this.#nowMs)
    }
    await rig.crash()
    check((await rig.acquire()).length === 0, 'nothing is left')
    const { records } = await rig.groups.deadLetters.list('orders', 'billing', { limit: 10_000 })
    model.ended(records.map(textOf))
    for (const partition of rig.groups.describe('orders', 'billing').partitions) {
      check(partition.lag === 0 && partition.inFlight === 0, `lag ${partition.lag}, in flight ${partition.inFlight}`)
      check(!partition.waiting.some(({ count }) => count > 0), 'nothing waits')
      check(partition.startOffset === partition.endOffset, 'the start offset moved over all of it')
    }
  }
}

/** A story that takes longer hangs. */
const STORY_MS_MAX = 20_000

/** How many stories a property tells, and from which seed: RUNS and SEED by hand, few and by chance otherwise. */
export function storyRuns(usually: number): { numRuns: number; seed: number; path?: string; timeout: number } {
  const { RUNS, SEED, STORY_PATH } = process.env
  const seed = Number(SEED ?? Math.floor(Math.random() * 2 ** 31))
  const path = STORY_PATH === undefined ? {} : { path: STORY_PATH }
  return { numRuns: Number(RUNS ?? usually), seed, timeout: STORY_MS_MAX, ...path }
}

export async function tell(options: StoryOptions, steps: readonly Step[]): Promise<number> {
  const story = await GroupStory.begin(options)
  for (const step of steps) await story.play(step)
  await story.end()
  return story.model.deliveries
}
