// A start in the middle of a second, with more due in the rest of it than the ready queue holds, and a clock that stands: the
// wheel counted what it had read of that second, and missed the rest until it came to that.

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { Place } from '../../timewheel/index.ts'
import { WheelRig } from '../support/wheel.ts'

const KIB = 1024
const MESSAGES = 240
const PER_MS = 4
const SECOND = 30
/** In overflow until the hand has come nearer. */
const BEYOND_REACH = 25
const TOPICS = ['orders', 'invoices', 'letters']

type Step = 'publish' | 'checkpoint' | 'cancel' | 'cancel soon' | 'move' | 'publish more' | number

/** The hand stands 400 ms into the second then: numbers are milliseconds. */
const CASES: { name: string; slots?: number; steps: Step[] }[] = [
  { name: 'everything comes again', steps: ['publish', 30_400] },
  { name: 'everything lies in its slot', steps: ['publish', 'checkpoint', 30_400] },
  { name: 'some lies in its slot, some comes again', steps: ['publish', 'checkpoint', 'publish more', 30_400] },
  { name: 'some was cancelled before the checkpoint', steps: ['publish', 'cancel', 'checkpoint', 30_400] },
  { name: 'some was cancelled after the checkpoint', steps: ['publish', 'checkpoint', 'cancel', 30_400] },
  {
    name: 'some was cancelled when it was to be dispatched next',
    steps: ['publish', 'checkpoint', 30_400, 'cancel soon'],
  },
  { name: 'some was moved out of it and into it', steps: ['publish', 'checkpoint', 'move', 30_400] },
  { name: 'the checkpoint was written in that second', steps: ['publish', 30_200, 'cancel soon', 'checkpoint', 200] },
  { name: 'everything is a row of overflow', slots: BEYOND_REACH, steps: ['publish', 'checkpoint', 30_400] },
  { name: 'some rows were cancelled', slots: BEYOND_REACH, steps: ['publish', 'checkpoint', 'cancel', 30_400] },
]

class Scenario {
  readonly rig: WheelRig
  /** What waits, by its text. */
  readonly waiting = new Map<string, { topic: string; place: Place }>()

  constructor(slots = 60) {
    this.rig = new WheelRig({ slots, memoryBytes: 16 * KIB, readBytes: 8 * KIB })
  }

  async do(step: Step): Promise<void> {
    const { rig } = this
    if (typeof step === 'number') await this.#pass(step)
    else if (step === 'checkpoint') await Promise.all([rig.wheel.checkpoint(), rig.rest(0)])
    else if (step === 'publish') await this.#publish('first', MESSAGES)
    else if (step === 'publish more') await this.#publish('more', MESSAGES / 2)
    else if (step === 'move') await this.#move()
    else if (step === 'cancel soon') await this.#cancel([...this.waiting.keys()].slice(1, 4))
    else await this.#cancel([...this.waiting.keys()].filter((_, i) => i % 7 === 3))
  }

  get #secondMs(): number {
    return this.rig.startMs + SECOND * 1000
  }

  /** What the census counts: all, those due in the second, and by topic. */
  counts(): Record<string, number> {
    const { census } = this.rig.wheel
    const ids = TOPICS.map((name): [string, number] => [name, this.rig.engine.topic(name)?.id as number])
    return {
      all: census.count,
      due: census.dueIn(this.#secondMs / 1000),
      ...Object.fromEntries(ids.map(([name, id]) => [name, census.countOf(id)])),
    }
  }

  /** What it should count. */
  truth(): Record<string, number> {
    const waiting = [...this.waiting.values()]
    const due = waiting.filter(({ place }) => place.dueAtMs < this.#secondMs + 1000).length
    const byTopic = TOPICS.map((name) => [name, waiting.filter(({ topic }) => topic === name).length])
    return { all: waiting.length, due, ...Object.fromEntries(byTopic) }
  }

  async #publish(name: string, count: number): Promise<void> {
    const messages = Array.from({ length: count }, (_, i) => {
      // In no order: what is due last is published somewhere in between.
      const dueAtMs = this.#secondMs + ((i * 77) % count) * PER_MS
      return { dueAtMs, text: `${name} ${i}`, topic: TOPICS[i % TOPICS.length] }
    })
    const places = await this.rig.publish(messages)
    for (const [i, { text, topic }] of messages.entries()) this.waiting.set(text, { topic, place: places[i] })
  }

  async #cancel(texts: readonly string[]): Promise<void> {
    for (const text of texts) {
      const { topic, place } = this.waiting.get(text) as { topic: string; place: Place }
      await this.#moving(this.rig.wheel.cancel(topic, place))
      this.waiting.delete(text)
    }
  }

  /** Of a tenth half goes far away, and half to the end of the second. */
  async #move(): Promise<void> {
    const { rig } = this
    for (const [i, [text, { topic, place }]] of [...this.waiting].entries()) {
      if (i % 10 !== 0) continue
      const dueAtMs = i % 20 === 0 ? place.dueAtMs + 20_000 : this.#secondMs + 990
      await this.#moving(rig.wheel.reschedule(topic, place, dueAtMs))
      this.waiting.set(text, { topic, place: { ...place, dueAtMs } })
    }
  }

  async #pass(ms: number): Promise<void> {
    await this.rig.clock.advance(ms)
    const nowMs = this.rig.clock.wallMs()
    for (const [text, { place }] of this.waiting) if (place.dueAtMs <= nowMs) this.waiting.delete(text)
    await this.#moving(this.rig.wheel.untilDispatched(nowMs))
  }

  /** Lets the wheel go on while the clock stands. */
  async #moving<T>(promise: Promise<T>): Promise<T> {
    const [answer] = await Promise.all([promise, this.rig.rest(0)])
    return answer
  }
}

for (const { name, slots, steps } of CASES) {
  t.test(`what is due in the rest of the second is counted: ${name}`, async (t) => {
    const scenario = new Scenario(slots)
    const { rig } = scenario
    t.teardown(() => rig.close())
    const topics = Object.fromEntries(TOPICS.map((topic) => [topic, 1]))
    await rig.start(topics)
    for (const step of steps) await scenario.do(step)
    t.ok(scenario.truth().due > MESSAGES / 3, 'much of the second is still to come')
    t.same(scenario.counts(), scenario.truth(), 'before the crash')
    await rig.crash()
    await rig.start(topics)
    t.same(scenario.counts(), scenario.truth(), 'after it')
    await scenario.do(100)
    t.same(scenario.counts(), scenario.truth(), 'a little later')
    await scenario.do(30_000)
    t.equal(rig.wheel.census.count, 0, 'nothing is left over')
    t.same(rig.failures, [])
  })
}

t.test('a damaged slot of that second stops no start, and nothing is left over in the counts', async (t) => {
  const scenario = new Scenario()
  const { rig } = scenario
  t.teardown(() => rig.close())
  const topics = Object.fromEntries(TOPICS.map((topic) => [topic, 1]))
  await rig.start(topics)
  for (const step of ['publish', 'checkpoint', 30_400] as const) await scenario.do(step)
  await rig.crash()
  const path = join(rig.directory, 'slots', `${rig.startMs / 1000 + SECOND}.slot`)
  const bytes = readFileSync(path)
  bytes[Math.floor(bytes.length / 2)] ^= 1
  writeFileSync(path, bytes)
  await rig.start(topics)
  t.ok(scenario.counts().all <= scenario.truth().all)
  for (const ms of [100, 400, 1_000]) await scenario.do(ms)
  t.equal(rig.wheel.stats().slotsDerived, 1)
  t.same(scenario.counts(), scenario.truth())
  const texts = await Promise.all(TOPICS.map((topic) => rig.texts(topic)))
  t.equal(new Set(texts.flat()).size, MESSAGES)
  t.equal(texts.flat().length, MESSAGES)
})
