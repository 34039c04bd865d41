// Redrives where keys take turns, in any order with all else: of a key one record is under way at a time, be it new, retried or
// redriven, and each of them comes to its end.

import fc from 'fast-check'
import t from 'tap'
import type { AcknowledgeResult, Delivery } from '../../../../service/delivery/index.ts'
import { GroupRig, textOf } from '../group-rig.ts'

const NUM_RUNS = 100
const KEYS = ['a', 'b', null]
const PARTITIONS = 2

type Step =
  | { do: 'publish'; count: number }
  | { do: 'acquire'; max: number }
  | { do: 'answer'; choices: number[] }
  | { do: 'redrive'; rate: number | undefined }
  | { do: 'wait'; ms: number }
  | { do: 'checkpoint' }
  | { do: 'crash' }

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ do: fc.constant('publish' as const), count: fc.integer({ min: 1, max: 6 }) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('acquire' as const), max: fc.integer({ min: 1, max: 8 }) }) },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('answer' as const),
      choices: fc.array(fc.nat(1_000), { minLength: 1, maxLength: 6 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('redrive' as const),
      rate: fc.option(fc.integer({ min: 1, max: 50 }), { nil: undefined }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: 8_000 }) }) },
  { weight: 1, arbitrary: fc.constant({ do: 'checkpoint' as const }) },
  { weight: 2, arbitrary: fc.constant({ do: 'crash' as const }) },
)

class Story {
  readonly #rig: GroupRig
  readonly #inFlight: Delivery[] = []
  /** By turn, a key in a partition, which record has it. */
  readonly #turns = new Map<string, string>()
  readonly #accepted = new Set<string>()
  #published = 0

  constructor(rig: GroupRig) {
    this.#rig = rig
  }

  async run(step: Step): Promise<void> {
    const { groups, clock } = this.#rig
    if (step.do === 'publish') await this.#publish(step.count)
    else if (step.do === 'acquire') await this.#acquire(step.max)
    else if (step.do === 'answer') for (const choice of step.choices) await this.#answer(choice)
    else if (step.do === 'redrive') {
      await groups.deadLetters.redrives.begin('orders', 'billing', { filter: {}, ratePerSecond: step.rate })
    } else if (step.do === 'checkpoint') await groups.checkpoint()
    else if (step.do === 'crash') await this.#rig.crash()
    else {
      await clock.advance(step.ms)
      await this.#rig.turnWheel()
    }
  }

  async #publish(count: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      const n = this.#published++
      await this.#rig.publish('orders', [`v${n}`], n % PARTITIONS, KEYS[(n >> 1) % KEYS.length])
    }
  }

  async #acquire(max: number): Promise<number> {
    const deliveries = await this.#rig.acquire(max)
    for (const delivery of deliveries) {
      const value = textOf(delivery)
      if (this.#accepted.has(value)) throw new Error(`${value} was accepted and comes again`)
      const turn = turnOf(value)
      const holder = turn === undefined ? undefined : this.#turns.get(turn)
      if (holder !== undefined && holder !== value) throw new Error(`${value} comes while ${holder} has its key`)
      if (turn !== undefined) this.#turns.set(turn, value)
      this.#inFlight.push(delivery)
    }
    return deliveries.length
  }

  /** One in eight dies at once; most others are tried again. */
  async #answer(choice: number, accepts = false): Promise<void> {
    if (this.#inFlight.length === 0) return
    const [delivery] = this.#inFlight.splice(choice % this.#inFlight.length, 1)
    const { receipt } = delivery
    const kind = accepts ? 0 : Math.floor(choice / 7) % 6
    const [result] = await this.#rig.groups.acknowledge('orders', 'billing', [
      kind < 2
        ? { receipt, type: 'accept' }
        : kind < 4
          ? { receipt, type: 'reject' }
          : { receipt, type: 'release', delayMs: kind === 4 ? undefined : 2_000 },
    ])
    this.#told(textOf(delivery), result)
  }

  #told(value: string, { state }: AcknowledgeResult): void {
    if (state === 'acknowledged') this.#accepted.add(value)
    else if (state !== 'retrying' && state !== 'dead') throw new Error(`${value} is ${state}`)
    const turn = turnOf(value)
    if (state !== 'retrying' && turn !== undefined) this.#turns.delete(turn)
  }

  /** Redrives and accepts until nothing comes any more: then all was accepted. */
  async finish(): Promise<void> {
    const { clock, groups } = this.#rig
    for (let quiet = 0; quiet < 3; ) {
      await groups.deadLetters.redrives.begin('orders', 'billing', { filter: {} })
      await clock.advance(60_000)
      await this.#rig.turnWheel()
      quiet = (await this.#acquire(100)) === 0 && this.#inFlight.length === 0 ? quiet + 1 : 0
      while (this.#inFlight.length > 0) await this.#answer(0, true)
    }
    if (this.#accepted.size < this.#published) throw new Error(`${this.#accepted.size} of ${this.#published} came`)
  }
}

/** undefined for a record without a key. */
function turnOf(value: string): string | undefined {
  const n = Number(value.slice(1))
  const key = KEYS[(n >> 1) % KEYS.length]
  return key === null ? undefined : `${key} in ${n % PARTITIONS}`
}

t.test('of a key one record is under way, new, retried or redriven, and all of them end', async () => {
  const story = fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 50 }), async (steps) => {
    const settings = { retry: [5_000], lockMs: 86_400_000, order: 'key' } as const
    const rig = await GroupRig.start({ orders: PARTITIONS }, settings)
    await rig.groups.configure('orders', 'billing', {})
    const told = new Story(rig)
    for (const one of steps) await told.run(one)
    await told.finish()
  })
  await fc.assert(story, { numRuns: NUM_RUNS })
})
