// What was asked of delayed messages and what was answered, and whether that agrees with what lies in the topic. Calls go on
// side by side; one that a crash cut off may or may not have happened.

import type { Delayed } from '../../../service/publish/delayed.ts'
import { idOf } from '../../../service/publish/delayed.ts'
import { DwellError } from '../../../storage/index.ts'
import { type DelayedRig, messageOf } from './delayed-rig.ts'

type Answer = Delayed | { refused: string; dueAtMs?: number; offset?: number } | undefined

interface Call {
  kind: 'cancel' | 'dispatch' | 'reschedule' | 'look up'
  /** Numbers of events: calls and answers in the order in which they came. */
  askedAt: number
  answeredAt: number
  askedAtMs: number
  answeredAtMs: number
  /** The due time that it is to bring about. */
  dueAtMs: number
  answer: Answer
  /** The process died before there was an answer. */
  isCut: boolean
}

interface Story {
  text: string
  own: string
  /** Known once it was acknowledged. */
  id: string | undefined
  dueAtMs: number
  calls: Call[]
}

export class DelayedStory {
  readonly #rig: DelayedRig
  readonly #stories: Story[] = []
  #events = 0

  constructor(rig: DelayedRig) {
    this.#rig = rig
  }

  publish(delaysMs: readonly number[], own: boolean): void {
    const nowMs = this.#rig.clock.wallMs()
    const stories = delaysMs.map((ms, i) => {
      const text = `m${this.#stories.length + i}`
      return { text, own: own ? `own-${text}` : '', id: undefined, dueAtMs: nowMs + ms, calls: [] } as Story
    })
    this.#stories.push(...stories)
    const messages = stories.map(({ text, dueAtMs, own: id }) => messageOf(text, dueAtMs, id))
    this.#rig.publisher.publish('orders', messages).then((results) => {
      for (const [i, published] of results.entries()) {
        if (published.kind !== 'delayed') throw new Error('all of them are delayed')
        stories[i].id = idOf(stories[i].own, stories[i].dueAtMs, published.delayOffset)
      }
    }, () => {}) // biome-ignore format: nobody was told anything
  }

  cancel(n: number): void {
    const { delayed } = this.#rig
    this.#ask(n, 'cancel', 0, async (id) => {
      await delayed.cancel('orders', id)
      return { id, state: 'cancelled' }
    })
  }

  dispatchNow(n: number): void {
    const { delayed, clock } = this.#rig
    this.#ask(n, 'dispatch', clock.wallMs(), (id) => delayed.dispatchNow('orders', id))
  }

  reschedule(n: number, delayMs: number): void {
    const { delayed, clock } = this.#rig
    const dueAtMs = clock.wallMs() + delayMs
    this.#ask(n, 'reschedule', Math.max(dueAtMs, clock.wallMs()), (id) => delayed.reschedule('orders', id, dueAtMs))
  }

  lookUp(n: number): void {
    const { delayed } = this.#rig
    this.#ask(n, 'look up', 0, (id) => delayed.lookUp('orders', id))
  }

  /** The process dies: what is not answered by now never is. */
  cut(): void {
    for (const { calls } of this.#stories) for (const call of calls) call.isCut ||= call.answer === undefined
  }

  /** How long it is until the due time that was last asked for, of one of the messages. */
  dueInMs(n: number): number {
    const story = this.#stories[n % Math.max(1, this.#stories.length)]
    if (story === undefined) return 0
    const last = story.calls.findLast(({ kind }) => kind === 'reschedule')
    return (last?.dueAtMs ?? story.dueAtMs) - this.#rig.clock.wallMs()
  }

  /** Whether the census says how many wait; every message is looked up for that. */
  async wrongCounts(): Promise<string[]> {
    const { delayed, wheel } = this.#rig
    const states = await Promise.all(
      this.#stories.map(({ id }) => (id === undefined ? undefined : delayed.lookUp('orders', id))),
    )
    // Of what was not acknowledged nobody can ask.
    if (this.#stories.some(({ id }) => id === undefined)) return []
    const pending = states.filter((found) => found?.state === 'pending').length
    const counted = wheel.stats().pending
    return pending === counted ? [] : [`${pending} wait and ${counted} are counted`]
  }

  /** What is wrong, in words, when nothing waits any more. */
  async contradictions(): Promise<string[]> {
    const { delayed, wheel, ids, engine, failures } = this.#rig
    const topicId = engine.topic('orders')?.id ?? 0
    const wrong = failures.map(String)
    if (wheel.stats().pending !== 0) wrong.push(`${wheel.stats().pending} are counted and nothing waits`)
    const found = Map.groupBy(await this.#rig.dispatched(), ({ text }) => text)
    for (const story of this.#stories) {
      const there = found.get(story.text) ?? []
      const says = (sentence: string) => wrong.push(`${story.text}: ${sentence}\n${describe(story)}`)
      if (there.length > 1) says(`is there ${there.length} times`)
      else contradictionsOf(story, there[0]).forEach(says)
      if (story.id === undefined) continue
      const last = await delayed.lookUp('orders', story.id)
      const state = there.length === 0 ? 'cancelled' : 'dispatched'
      if (last.state !== state) says(`is said to be ${last.state} at the end`)
      const entry = ids.find(topicId, story.id)
      if (story.own !== '' && (entry?.state !== state || entry.dueAtMs !== last.dueAtMs))
        says(`is ${JSON.stringify(entry)} in __ids`)
      if (last.state === 'dispatched' && last.offset !== there[0]?.offset) says(`is said to be at ${last.offset}`)
    }
    return wrong
  }

  #ask(n: number, kind: Call['kind'], dueAtMs: number, ask: (id: string) => Promise<Delayed>): void {
    const known = this.#stories.filter(({ id }) => id !== undefined)
    const story = known[n % Math.max(1, known.length)]
    if (story?.id === undefined) return
    const call: Call = {
      kind,
      askedAt: this.#events++,
      answeredAt: Number.POSITIVE_INFINITY,
      askedAtMs: this.#rig.clock.wallMs(),
      answeredAtMs: 0,
      dueAtMs,
      answer: undefined,
      isCut: false,
    }
    story.calls.push(call)
    ask(story.id)
      .catch((error) => {
        const { code, fields } = error as DwellError
        if (!(error instanceof DwellError)) throw error
        // Of the process that died: nobody was told this.
        return code === 'ENGINE_CLOSED' || code === 'WHEEL_FAILED' ? undefined : { refused: code, ...fields }
      })
      .then((answer) => {
        if (answer === undefined || call.isCut) return
        call.answer = answer as Answer
        call.answeredAt = this.#events++
        call.answeredAtMs = this.#rig.clock.wallMs()
      })
  }
}

/** `there` is the record of the message in the topic, if there is one. */
function contradictionsOf(
  story: Story,
  there: { timestampMs: number; offset: number; id: string } | undefined,
): string[] {
  const wrong: string[] = []
  const { calls, id } = story
  for (const { kind, answer, isCut } of calls)
    if (answer === undefined && !isCut) wrong.push(`${kind} was never answered`)
  const cancels = calls.filter(({ kind }) => kind === 'cancel')
  if (there === undefined && id !== undefined && cancels.every(isRefused)) wrong.push('is missing')
  if (there !== undefined && id !== undefined && there.id !== id) wrong.push(`has the id ${there.id}`)
  for (const { kind, answer, dueAtMs, askedAt, answeredAtMs } of calls) {
    if (answer === undefined) continue
    const state = stateOf(answer)
    if (state === undefined) wrong.push(`${kind} was refused with ${'refused' in answer ? answer.refused : ''}`)
    if (state === 'cancelled' && there !== undefined) wrong.push(`is there, and ${kind} said that it is cancelled`)
    if (state === 'dispatched' && there?.offset !== answer.offset) wrong.push(`is not where ${kind} said`)
    const earlier = calls.find((call) => call.answeredAt < askedAt && isEnd(call.answer))
    if (earlier !== undefined && state !== stateOf(earlier.answer as Delayed)) {
      wrong.push(`${kind} said ${state} after ${earlier.kind} had said ${stateOf(earlier.answer as Delayed)}`)
    }
    // When it was decided that may have been past: then it was due at once.
    if (state === 'pending' && kind === 'reschedule' && !isBetween(answer.dueAtMs, dueAtMs, answeredAtMs)) {
      wrong.push(`was to be due ${dueAtMs} and is said to be due ${answer.dueAtMs}`)
    }
  }
  if (there !== undefined && there.timestampMs < earliestDue(story)) {
    wrong.push(`came ${earliestDue(story) - there.timestampMs} ms before the due time in force`)
  }
  return wrong
}

/** The earliest due time that can have been in force at the end: of all calls that no later one was known to replace. */
function earliestDue({ dueAtMs, calls }: Story): number {
  const moves = calls.filter(({ kind, answer }) => (kind === 'reschedule' || kind === 'dispatch') && !isRefusal(answer))
  const done = moves.filter(({ answer }) => answer !== undefined)
  const published = { dueAtMs, answeredAt: -1, answer: undefined }
  const inForce = [published, ...moves].filter(({ answeredAt }) => !done.some(({ askedAt }) => askedAt > answeredAt))
  // What is due already is not put off by being asked for now.
  return Math.min(...inForce.map((move) => Math.min(move.dueAtMs, dueAnswered(move))))
}

function stateOf(answer: NonNullable<Answer>): string | undefined {
  if ('state' in answer) return answer.state
  if (answer.refused === 'ALREADY_DISPATCHED') return 'dispatched'
  return answer.refused === 'ALREADY_CANCELLED' ? 'cancelled' : undefined
}

function isEnd(answer: Answer): boolean {
  const state = answer === undefined ? undefined : stateOf(answer)
  return state === 'cancelled' || state === 'dispatched'
}

function isRefusal(answer: Answer): boolean {
  return answer !== undefined && 'refused' in answer
}

function dueAnswered(move: { answer?: Answer }): number {
  return move.answer?.dueAtMs ?? Number.POSITIVE_INFINITY
}

function isBetween(ms = 0, fromMs: number, orUntilMs: number): boolean {
  return ms === fromMs || ms <= orUntilMs
}

function isRefused({ answer }: Call): boolean {
  return isRefusal(answer)
}

function describe({ id, dueAtMs, calls }: Story): string {
  const lines = calls.map((call) => `    ${JSON.stringify(call)}`)
  return [`    published as ${id}, due ${dueAtMs}`, ...lines].join('\n')
}
