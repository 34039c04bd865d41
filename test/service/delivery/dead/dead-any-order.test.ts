// Dead letters, redrives, purges, stops, crashes and restarts in any order, against a model. fast-check shrinks what it finds.
//
// What must hold, whatever happened and in whatever order:
//   - a record is in one place: among the dead letters, in the redrive lane, or gone;
//   - what was purged with an answer is never seen again, by nobody;
//   - no record is moved more often than it died;
//   - a task says how many it moved, and all tasks together moved what lies in the lane.

import fc from 'fast-check'
import t from 'tap'
import { GroupRig, textOf } from '../group-rig.ts'

const NUM_RUNS = 300
const KEYS = ['a', 'b', 'c']

type Step =
  | { do: 'die'; count: number }
  | { do: 'redrive'; key: string | undefined; rate: number | undefined }
  | { do: 'purge'; key: string | undefined }
  | { do: 'stop'; which: number }
  | { do: 'wait'; ms: number }
  | { do: 'checkpoint' }
  | { do: 'crash'; appends: number }

const key = fc.option(fc.constantFrom(...KEYS), { nil: undefined })
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ do: fc.constant('die' as const), count: fc.integer({ min: 1, max: 12 }) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('redrive' as const),
      key,
      rate: fc.option(fc.integer({ min: 1, max: 50 }), { nil: undefined }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('purge' as const), key }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('stop' as const), which: fc.nat(3) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: 500 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('checkpoint' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('crash' as const), appends: fc.nat(2) }) },
)

class Story {
  readonly #rig: GroupRig
  readonly #died = new Map<string, number>()
  readonly #purgedForSure = new Set<string>()
  readonly #maybePurged = new Set<string>()
  #published = 0

  constructor(rig: GroupRig) {
    this.#rig = rig
  }

  async run(step: Step): Promise<void> {
    const { groups, clock } = this.#rig
    const { redrives } = groups.deadLetters
    if (step.do === 'die') await this.#die(step.count)
    else if (step.do === 'wait') await clock.advance(step.ms)
    else if (step.do === 'checkpoint') await groups.checkpoint()
    else if (step.do === 'redrive') {
      await redrives.begin('orders', 'billing', { filter: filterOf(step.key), ratePerSecond: step.rate })
    } else if (step.do === 'purge') {
      const before = await this.#dead(step.key)
      const count = await groups.deadLetters.purge('orders', 'billing', filterOf(step.key))
      const left = await this.#dead(step.key)
      if (count > before.length) throw new Error(`${count} of ${before.length} were purged`)
      if (left.length > 0) throw new Error(`${left} are left behind a purge`)
      // A redrive may have taken some of them meanwhile: those are in the lane.
      const lane = new Set(await this.#lane())
      for (const value of before) if (!lane.has(value)) this.#purgedForSure.add(value)
    } else if (step.do === 'stop') {
      const tasks = redrives.list()
      if (tasks.length > 0) await redrives.stop(tasks[step.which % tasks.length].task)
    } else await this.#crash(step.appends)
  }

  async #die(count: number): Promise<void> {
    const values = Array.from({ length: count }, () => `v${this.#published++}`)
    for (const value of values) {
      await this.#rig.publish('orders', [value], Number(value.slice(1)) % 2, KEYS[Number(value.slice(1)) % 3])
    }
    for (let left = count; left > 0; ) {
      const deliveries = (await this.#rig.acquire(count)).filter(({ attempts }) => attempts.length === 0)
      if (deliveries.length === 0) break
      left -= deliveries.length
      for (const delivery of deliveries) this.#died.set(textOf(delivery), 1)
      const rejected = deliveries.map(({ receipt }) => ({ receipt, type: 'reject' as const, reason: 'bad' }))
      await this.#rig.groups.acknowledge('orders', 'billing', rejected)
    }
  }

  /** A purge and a redrive are under way when the process dies after some appends. */
  async #crash(appends: number): Promise<void> {
    const { groups, clock } = this.#rig
    for (const value of await this.#dead('b')) this.#maybePurged.add(value)
    this.#rig.cutAfter(appends)
    groups.deadLetters.redrives.begin('orders', 'billing', { filter: filterOf('a') }).catch(() => {})
    groups.deadLetters.purge('orders', 'billing', filterOf('b')).catch(() => {})
    await clock.advance(1)
    await this.#rig.crash()
  }

  async #dead(key?: string): Promise<string[]> {
    const filter = filterOf(key)
    const { records } = await this.#rig.groups.deadLetters.list('orders', 'billing', { limit: 10_000, filter })
    return records.map(textOf)
  }

  async #lane(): Promise<string[]> {
    const name = 'orders.billing.retry.redrive'
    const { partitions = 0 } = this.#rig.engine.topic(name) ?? {}
    const logs = await Promise.all(Array.from({ length: partitions }, (_, partition) => this.#rig.log(name, partition)))
    return logs.flat().map(({ value }) => String(value))
  }

  async check(): Promise<void> {
    // What is durable is known a moment later; a test that looks in between would see both.
    await this.#rig.clock.advance(0)
    const { deadLetters } = this.#rig.groups
    const dead = await this.#dead()
    const lane = await this.#lane()
    const places = [...dead, ...lane]
    if (new Set(places).size !== places.length) throw new Error(`in two places: ${places}`)
    const there = new Set(places)
    for (const value of this.#died.keys()) {
      const mayBeGone = this.#purgedForSure.has(value) || this.#maybePurged.has(value)
      if (!there.has(value) && !mayBeGone) throw new Error(`${value} is lost`)
      if (there.has(value) && this.#purgedForSure.has(value)) throw new Error(`${value} was purged and is back`)
    }
    const count = await deadLetters.count('orders', 'billing')
    if (count !== dead.length) throw new Error(`${count} are counted, ${dead.length} listed`)
    const described = this.#rig.groups.describe('orders', 'billing').partitions
    const sum = described.reduce((all, partition) => all + partition.dead, 0)
    if (sum !== dead.length) throw new Error(`${sum} are described, ${dead.length} listed`)
    const moved = deadLetters.redrives.list().reduce((all, task) => all + task.moved, 0)
    if (moved !== lane.length) throw new Error(`tasks say ${moved}, in the lane are ${lane.length}`)
    for (const key of KEYS) {
      const n = await deadLetters.count('orders', 'billing', { key })
      if (n !== (await this.#dead(key)).length) throw new Error(`a filter counts ${n} of key ${key}`)
    }
  }

  /** Nothing is in the way any more: running tasks end. */
  async finish(): Promise<void> {
    await this.#rig.clock.advance(120_000)
    const { redrives } = this.#rig.groups.deadLetters
    for (const task of redrives.list()) {
      if (task.state === 'running') throw new Error(`${task.task} runs on`)
      if (task.moved > task.matched) throw new Error(`${task.task} moved more than it matched`)
    }
  }
}

const filterOf = (key: string | undefined) => (key === undefined ? {} : { key })

t.test('each dead letter is in one place, and purged ones nowhere', async () => {
  const story = fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 14 }), async (steps) => {
    const rig = await GroupRig.start({ orders: 2 }, { retry: [], lockMs: 86_400_000 })
    await rig.groups.configure('orders', 'billing', {})
    const told = new Story(rig)
    for (const one of steps) {
      await told.run(one)
      await told.check()
    }
    await told.finish()
    await told.check()
  })
  await fc.assert(story, { numRuns: NUM_RUNS })
})
