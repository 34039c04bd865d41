// What waits, told four times: by a list that the test keeps, by the census, by the forecast, by the pages of the list of
// delayed messages. They agree after any publishes, cancels, moves, dispatches, checkpoints and crashes; with so little memory
// that messages lie in slot files, in several runs, in overflow and in the ready queue. test/faults/README.md row A24: their bytes too.

import fc from 'fast-check'
import t from 'tap'
import { decodeRecordBody } from '../../storage/index.ts'
import { forecast, type ListedPage, type Place } from '../../timewheel/index.ts'
import { settle } from '../support/manual-clock.ts'
import { recordBody, WheelRig } from '../support/wheel.ts'

const REACH_SECONDS = 60
const TOPICS = ['orders', 'invoices', 'letters']
const KIB = 1024

interface Message {
  text: string
  topic: string
  place: Place
  /** In force. */
  dueAtMs: number
  isCancelled: boolean
  /** Of its record. */
  bytes: number
  /** How often it was moved, or was to be. */
  moves: number
}

/** Of the message at this share of all. */
type Change =
  | { kind: 'cancel'; share: number }
  | { kind: 'dispatch now'; share: number }
  | { kind: 'move'; share: number; delayMs: number }

type Step =
  | { kind: 'publish'; topic: number; count: number; fromMs: number; withinMs: number; bytes: number }
  | Change
  | { kind: 'advance'; ms: number }
  | { kind: 'checkpoint' | 'look' | 'crash' | 'reboot' | 'stop' }

const share = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })
const delayMs = fc.oneof(fc.nat(3_000), fc.nat(REACH_SECONDS * 1000), fc.nat(4 * REACH_SECONDS * 1000))
const going: fc.WeightedArbitrary<Step>[] = [
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('publish' as const),
      topic: fc.nat(TOPICS.length - 1),
      count: fc.integer({ min: 1, max: 120 }),
      fromMs: delayMs,
      withinMs: fc.constantFrom(0, 900, 20_000),
      bytes: fc.constantFrom(10, 300),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('cancel' as const), share }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('dispatch now' as const), share }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('move' as const), share, delayMs }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('advance' as const), ms: fc.nat(25_000) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('checkpoint' as const) }) },
]
const step: fc.Arbitrary<Step> = fc.oneof(
  ...going,
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('look' as const, 'crash' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('reboot' as const, 'stop' as const) }) },
)

class Scenario {
  readonly rig = new WheelRig({ slots: REACH_SECONDS, memoryBytes: 24 * KIB, readBytes: 64 * KIB })
  readonly messages: Message[] = []
  #isStarted = false
  #startedInMinute = 0

  async do(step: Step): Promise<void> {
    const { rig } = this
    if (step.kind === 'publish') await this.#publish(step)
    else if (step.kind === 'advance') await rig.clock.advance(step.ms)
    else if (step.kind === 'checkpoint') await this.#moving(rig.wheel.checkpoint())
    else if (step.kind === 'look') await this.compare()
    else if (step.kind === 'crash' || step.kind === 'reboot') {
      await rig.crash()
      if (step.kind === 'reboot') rig.clock.reboot()
      await this.#start()
    } else if (step.kind === 'stop') {
      await rig.wheel.stop()
      await this.#start()
    } else if (this.messages.length > 0 && 'share' in step) {
      await this.#change(step, this.messages[Math.floor(step.share * this.messages.length)])
    }
  }

  async #start(): Promise<void> {
    await this.rig.start()
    this.#isStarted = true
    this.#startedInMinute = Math.floor(this.rig.clock.wallMs() / 60_000)
  }

  async #publish({ topic, count, fromMs, withinMs, bytes }: Step & { kind: 'publish' }): Promise<void> {
    const first = this.messages.length
    const published = Array.from({ length: count }, (_, i) => ({
      topic: TOPICS[topic],
      text: `m${first + i}${'.'.repeat(bytes)}`,
      dueAtMs: this.rig.clock.wallMs() + 1 + fromMs + ((i * 7919) % (withinMs + 1)),
    }))
    const places = await this.rig.publish(published)
    for (const [i, message] of published.entries()) {
      const bytes = recordBody(message.text).length
      this.messages.push({ ...message, place: places[i], isCancelled: false, bytes, moves: 0 })
    }
  }

  async #change(step: Change, message: Message): Promise<void> {
    const { wheel, clock } = this.rig
    const { topic, place } = message
    if (step.kind === 'cancel') {
      if ((await this.#moving(wheel.cancel(topic, place))) === 'cancelled') message.isCancelled = true
    } else if (step.kind === 'dispatch now') {
      message.moves++
      await this.#moving(wheel.dispatchNow(topic, place))
    } else if (step.kind === 'move') {
      message.moves++
      const dueAtMs = clock.wallMs() + step.delayMs
      const { state } = await this.#moving(wheel.reschedule(topic, place, dueAtMs))
      if (state === 'pending') message.dueAtMs = dueAtMs
    }
  }

  /** A call is answered by the wheel's loop, which reads real files; the clock stands meanwhile, but for what must dispatch. */
  async #moving<T>(call: Promise<T>): Promise<T> {
    let isOver = false
    const over = call.finally(() => {
      isOver = true
    })
    while (!isOver) {
      await settle()
      if (!isOver) await this.rig.clock.advance(1)
    }
    return over
  }

  /** What is due is dispatched; until the clock moves again, nothing else changes what waits. */
  async quiet(): Promise<void> {
    const { rig } = this
    let isDone = false
    const done = rig.wheel.untilDispatched(rig.clock.wallMs()).finally(() => {
      isDone = true
    })
    while (!isDone) await rig.clock.advance(0)
    await done
  }

  /** What waits, as the logs say. */
  async waiting(): Promise<Message[]> {
    const dispatched = new Set<string>()
    for (const topic of TOPICS) for (const text of await this.rig.texts(topic)) dispatched.add(text)
    return this.messages.filter(({ text, isCancelled }) => !isCancelled && !dispatched.has(text))
  }

  async compare(): Promise<void> {
    await this.quiet()
    const { rig } = this
    const { census } = rig.wheel
    let waiting = await this.waiting()
    // After a start the second of the hand is counted as its slot is read, and that as memory allows: until it is over.
    for (let seconds = this.#isStarted ? 3 : 0; census.count !== waiting.length && seconds > 0; seconds--) {
      await rig.clock.advance(1_000)
      await this.quiet()
      waiting = await this.waiting()
    }
    this.#isStarted = false
    for (const topic of TOPICS) {
      const own = waiting.filter((message) => message.topic === topic)
      const topicId = rig.engine.topic(topic)?.id as number
      equal(census.countOf(topicId), own.length, `the census of ${topic}`)
      this.#compareBytes(topicId, own)
      this.#compareForecast(topicId, own)
      const listed = await this.listed(topicId, 1 + (this.messages.length % 70))
      const wanted = own.map(({ text, dueAtMs }) => `${dueAtMs} ${text}`).sort()
      equal(listed.sort().join('\n'), wanted.join('\n'), `the list of ${topic}`)
    }
    equal(census.count, waiting.length, 'the census of all')
    equal(rig.wheel.stats().pending, waiting.length, 'pending')
  }

  /** Those of the minute in which a start found the hand are estimated until it is over. */
  #compareBytes(topicId: number, waiting: readonly Message[]): void {
    const found = this.rig.wheel.census.bytesOf(topicId)
    const estimated = waiting.filter(({ dueAtMs }) => Math.floor(dueAtMs / 60_000) <= this.#startedInMinute)
    const sum = (messages: readonly Message[]) => messages.reduce((all, { bytes }) => all + bytes, 0)
    if (estimated.length === 0) equal(found, sum(waiting), `bytes of topic ${topicId}`)
    else if (found < sum(waiting) - sum(estimated)) throw new Error(`bytes of topic ${topicId}: only ${found}`)
  }

  #compareForecast(topicId: number, waiting: readonly Message[]): void {
    const fromSecond = Math.floor(this.rig.clock.wallMs() / 1000)
    const found = forecast(this.rig.wheel.census, { fromSecond, stepSeconds: 1, steps: REACH_SECONDS / 2, topicId })
    const due = (second: number) => waiting.filter(({ dueAtMs }) => Math.floor(dueAtMs / 1000) === second).length
    const wanted = found.counts.map((_, i) => due(fromSecond + i))
    equal(found.counts.join(), wanted.join(), 'the counts of the forecast')
    const sum = wanted.reduce((all, count) => all + count, 0)
    const overdue = waiting.filter(({ dueAtMs }) => dueAtMs < fromSecond * 1000).length
    equal(found.overdue, overdue, 'overdue')
    equal(found.later, waiting.length - overdue - sum, 'later')
  }

  /** Every page; each in order, and behind the one before. */
  async listed(topicId: number, limit: number): Promise<string[]> {
    const listed: string[] = []
    let lastDueAtMs = 0
    let after: Place | undefined
    do {
      const span = { fromMs: 0, toMs: Number.MAX_SAFE_INTEGER }
      const page: ListedPage = await this.rig.wheel.list({ topicId, ...span, after, limit })
      if (page.messages.length > limit) throw new Error(`a page of ${page.messages.length}, not ${limit}`)
      for (const { dueAtMs, body } of page.messages) {
        if (dueAtMs < lastDueAtMs) throw new Error('the list is not in order')
        lastDueAtMs = dueAtMs
        listed.push(`${dueAtMs} ${decodeRecordBody(body).value}`)
      }
      after = page.after
      await settle(1)
    } while (after !== undefined)
    return listed
  }
}

function equal<T>(found: T, wanted: T, what: string): void {
  if (found !== wanted) throw new Error(`${what}: ${found}, not ${wanted}`)
}

t.test('census, forecast and list say what waits, whatever happened', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 25, size: 'max' }), async (steps) => {
      const scenario = new Scenario()
      try {
        await scenario.rig.start(Object.fromEntries(TOPICS.map((topic) => [topic, 1])))
        for (const step of steps) await scenario.do(step)
        await scenario.compare()
        equal(scenario.rig.failures.length, 0, 'failures')
      } finally {
        await scenario.rig.close()
      }
    }),
    { numRuns: Number(process.env.RUNS ?? 30) },
  )
  t.pass()
})

t.test(
  'pages that are turned while the wheel goes on miss nothing that waits all the while, and show nothing twice',
  async (t) => {
    const steps = fc.array(fc.oneof(...going), { minLength: 3, maxLength: 12, size: 'max' })
    await fc.assert(
      fc.asyncProperty(steps, steps, fc.integer({ min: 1, max: 40 }), async (before, meanwhile, limit) => {
        const scenario = new Scenario()
        const { rig, messages } = scenario
        try {
          await rig.start(Object.fromEntries(TOPICS.map((topic) => [topic, 1])))
          for (const step of before) await scenario.do(step)
          await scenario.quiet()
          const waiting = new Set(await scenario.waiting())
          const gone = messages.filter((message) => !waiting.has(message)).map(({ text }) => text)
          const moves = new Map(messages.map((message) => [message, message.moves]))
          const topicId = rig.engine.topic(TOPICS[0])?.id as number
          const listing = scenario.listed(topicId, limit)
          for (const step of meanwhile) await scenario.do(step)
          const listed = (await listing).map((line) => line.slice(line.indexOf(' ') + 1))
          await scenario.quiet()
          for (const message of await scenario.waiting()) {
            if (message.topic !== TOPICS[0] || !waiting.has(message) || message.moves !== moves.get(message)) continue
            equal(listed.filter((text) => text === message.text).length, 1, message.text)
          }
          for (const text of gone) equal(listed.includes(text), false, `${text}, which was gone before`)
          for (const { text, moves } of messages) {
            if (moves === 0) equal(listed.filter((other) => other === text).length <= 1, true, `${text} is there once`)
          }
        } finally {
          await rig.close()
        }
      }),
      { numRuns: Number(process.env.RUNS ?? 30) },
    )
    t.pass()
  },
)
