// A history in the making, for tests of the checker: the shorthand of each call writes its invoke and its outcome, a
// millisecond apart; and a final state beside it.

import { type Checked, type CheckOptions, check } from './checker.ts'
import type { FinalState } from './final-state.ts'
import type { Violation } from './findings.ts'
import type {
  AcknowledgeResult,
  AcknowledgeType,
  AlterInvoke,
  Counters,
  DescribedTopic,
  Event,
  GroupPlan,
  ListInvoke,
  Note,
  PublishedMessage,
  State,
  Told,
  Try,
} from './history.ts'
import { HistoryChecker } from './history-checker.ts'

const ONE = { topic: 'alpha', group: 'one' }
const NOTHING_TO_DO = { ready: 0, inFlight: 0, dueSoon: 0 }

/** When messages are due that say nothing else. */
export const DUE = 2_000

export class Story {
  readonly events: Event[] = []
  readonly final: FinalState = {
    topics: {
      alpha: [],
      'alpha.one.retry.1s': [],
      'alpha.one.retry.2s': [],
      'alpha.one.retry.delayed': [],
      'alpha.one.retry.redrive': [],
      'alpha.one.dlq': [],
    },
    groups: [{ ...ONE, lag: 0, inFlight: 0, waiting: 0, scale: NOTHING_TO_DO, dead: [], deadCounts: {} }],
    redrives: [],
    described: {},
  }
  readonly #options: CheckOptions = { retryMs: [1_000, 2_000, 3_000], settleMs: 1_000 }
  readonly #finally: ((story: this) => void)[] = []
  #topic = 'alpha'
  #op = 0
  #nowMs = 1_000

  /** All that follows is about this topic, which nobody consumes. */
  about(topic: string, described: Partial<DescribedTopic> = {}): this {
    this.#topic = topic
    this.final.topics[topic] = []
    this.final.groups.length = 0
    this.final.described[topic] = {
      cleanup: 'delete',
      retentionBytes: null,
      partitions: [{ logStartOffset: 0, highWatermark: 1_000, sizeBytes: 500 }],
      ...described,
    }
    return this
  }

  down(fromMs: number, toMs: number): this {
    return this.at(fromMs).note('server ended').at(toMs).note('server started')
  }

  note(note: Exclude<Note['note'], 'clock'>): this {
    this.events.push({ kind: 'note', atMs: this.#nowMs++, note })
    return this
  }

  clock(aheadMs: number): this {
    this.events.push({ kind: 'note', atMs: this.#nowMs++, note: 'clock', aheadMs })
    return this
  }

  metrics(said: Partial<Counters>): this {
    const none = { pending: 0, publishedNow: 0, publishedDelayed: 0, dispatched: 0, cancelled: 0 }
    return this.#call('metrics', {}, { ...none, ...said })
  }

  alter(to: AlterInvoke['to'], outcome: boolean | 'info'): this {
    return this.#call('alter', { topic: this.#topic, to }, typeof outcome === 'string' ? outcome : { done: outcome })
  }

  /** When the next event will be. */
  get nowMs(): number {
    return this.#nowMs
  }

  at(ms: number): this {
    this.#nowMs = ms
    return this
  }

  publish(message: Partial<PublishedMessage> & { n: number }, result?: object | 'info' | 'fail', batch?: number): this {
    const messages = [{ notBeforeMs: DUE, delayed: true, ...message }]
    return this.#call(
      'publish',
      { topic: this.#topic, messages, batch },
      typeof result === 'object' ? { results: [result] } : result,
    )
  }

  /** One call about message n, with what was told; without, it is never answered. */
  one(
    call: 'cancel' | 'reschedule' | 'dispatch' | 'look up',
    n: number,
    told?: Told | 'info' | 'fail',
    toMs = 0,
  ): this {
    return this.#call(
      call,
      { topic: 'alpha', id: `id-${n}`, n, ...(call === 'reschedule' && { toMs, byTime: true }) },
      told,
    )
  }

  cancel(n: number, state?: State): this {
    return this.one('cancel', n, state && { state })
  }

  lookUp(n: number, state: State, more: object = {}): this {
    return this.one('look up', n, { state, ...more })
  }

  reschedule(n: number, toMs: number, state: State | 'info' = 'pending'): this {
    return this.one('reschedule', n, state === 'info' ? 'info' : { state, dueAtMs: toMs }, toMs)
  }

  list(invoked: Partial<ListInvoke>, messages: { n: number; dueAtMs: number }[], more = false): this {
    return this.#call('list', { topic: 'alpha', fromMs: 0, toMs: 1e12, ...invoked }, { messages, more })
  }

  forecast(said: object): this {
    return this.#call('forecast', {}, { fromMs: 0, stepMs: 1_000, counts: [], overdue: 0, later: 0, ...said })
  }

  read(n: number, offset = n, timestampMs = DUE, partition = 0): this {
    return this.#call('read', { topic: this.#topic, partition }, { records: [{ n, offset, timestampMs }] })
  }

  describe(highWatermark: number): this {
    const partitions = [{ logStartOffset: 0, highWatermark, sizeBytes: 500 }]
    return this.#call('describe', { topic: this.#topic }, { cleanup: 'delete', retentionBytes: null, partitions })
  }

  lookedAtAll(before: string, after: string): this {
    return this.#call('look at all', {}, { before, after, changed: ['a file'] })
  }

  /** Both calls are under way at once; the second is answered first. */
  together(one: (story: this) => this, other: (story: this) => this): this {
    const from = this.events.length
    one(this)
    const middle = this.events.length
    other(this)
    const [invoke, ...outcome] = this.events.splice(from, middle - from)
    this.events.splice(from, 0, invoke)
    for (const event of outcome) this.events.push({ ...event, atMs: this.#nowMs++ })
    return this
  }

  acquire(n: number, deliveryCount: number, receipt = `r${n}-${deliveryCount}`, offset = n, attempts?: Try[]): this {
    const record = { n, receipt, deliveryCount, lockedUntilMs: this.#nowMs + 500, partition: 0, offset, attempts }
    return this.#call('acquire', ONE, { records: [record] })
  }

  /** Its answer is lost. */
  acquireLost(): this {
    return this.#call('acquire', ONE, 'info')
  }

  /** As its endpoint got it, and answered. */
  push(n: number, deliveryCount: number, status: number | 'info' = 200): this {
    const record = { n, deliveryCount, partition: 0, offset: n }
    return this.#call('push', { ...ONE, record }, status === 'info' ? 'info' : { status })
  }

  configure(to: GroupPlan | undefined): this {
    return this.#call('configure', { ...ONE, to }, { done: true })
  }

  group(call: 'pause' | 'resume' | 'reset'): this {
    return this.#call(call, { ...ONE, to: 'earliest' }, {})
  }

  redrive(task: string, key?: string): this {
    return this.#call('redrive', { ...ONE, key, dryRun: false }, { task })
  }

  /** A look at redrives names these. */
  running(...tasks: string[]): this {
    return this.#call('look at redrives', ONE, { running: tasks })
  }

  purge(count: number | 'info', key?: string): this {
    return this.#call('purge', { ...ONE, key }, count === 'info' ? 'info' : { count })
  }

  explain(n: number, state: string): this {
    return this.#call('explain', { ...ONE, partition: 0, offset: n }, { state })
  }

  /** Message n is listed among the dead letters, at this place. */
  listed(n: number, place = 0): this {
    return this.#call('dead letters', ONE, { letters: [{ n, partition: 0, offset: place }] })
  }

  acknowledge(
    n: number,
    count: number,
    type: AcknowledgeType,
    result?: AcknowledgeResult,
    delayMs?: number,
    receipt = `r${n}-${count}`,
  ): this {
    const acknowledgements = [{ n, receipt, deliveryCount: count, type, delayMs }]
    return this.#call('acknowledge', { ...ONE, acknowledgements }, result && { results: [result] })
  }

  stands(topic: string, n: number, offset = n, timestampMs = DUE, key?: string): this {
    this.final.topics[topic].push({ partition: 0, offset, timestampMs, n, key })
    return this
  }

  dead(n: number, cause: string, attempts: number, place = 0): this {
    this.final.groups[0].dead.push({
      n,
      cause,
      attempts,
      partition: 0,
      offset: n,
      place: { partition: 0, offset: place },
    })
    return this
  }

  redriven(task: string, { matched = 1, moved = 1, state = 'done' } = {}): this {
    this.final.redrives.push({ task, ...ONE, state, matched, moved, failed: 0 })
    return this
  }

  /** What an autoscaler is told at the end. */
  scales(to: Partial<typeof NOTHING_TO_DO>): this {
    this.final.groups[0].scale = { ...NOTHING_TO_DO, ...to }
    return this
  }

  /** Somebody counts so many dead letters at the end. */
  deadCount(count: number): this {
    this.final.groups[0].deadCounts.somebody = count
    return this
  }

  ends(lag: number, inFlight = 0, waiting = 0): this {
    Object.assign(this.final.groups[0], { lag, inFlight, waiting })
    return this
  }

  state(n: number, state: State, offset?: number): this {
    this.#finally.push((story) => story.lookUp(n, state, offset === undefined ? {} : { partition: 0, offset }))
    return this
  }

  /** All that stands is read, and what was to be asked last is asked. */
  end(): this {
    this.at(Math.max(this.#nowMs, 70_000)).note('final read')
    const { described, topics } = this.final
    for (const [topic, settings] of Object.entries(described)) this.#call('describe', { topic }, settings)
    for (const [topic, records] of Object.entries(topics))
      if (records.length > 0) this.#call('read', { topic, partition: 0 }, { records })
    for (const ask of this.#finally) ask(this)
    return this
  }

  /** What the checker of messages alone finds. */
  messageViolations(): Violation[] {
    const checker = new HistoryChecker(this.#options)
    for (const event of this.end().events) checker.take(event)
    return checker.finish()
  }

  check(): Checked {
    return check(this.end().events, this.final, this.#options)
  }

  #call(call: string, invoked: object, outcome: object | 'info' | 'fail' | undefined): this {
    const op = ++this.#op
    const add = (event: object) => this.events.push({ op, call, atMs: this.#nowMs++, ...event } as Event)
    add({ kind: 'invoke', value: invoked })
    if (outcome === undefined) return this
    add(typeof outcome === 'string' ? { kind: outcome, value: 'why' } : { kind: 'ok', value: outcome })
    return this
  }
}

export const accepted: AcknowledgeResult = { state: 'acknowledged' }

/** Message 7, published, delivered once and accepted: nothing wrong with it. */
export function good(): Story {
  const story = new Story().publish({ n: 7 }, { id: 'id-7', dueAtMs: DUE }).stands('alpha', 7)
  return story.at(2_100).acquire(7, 1).acknowledge(7, 1, 'accept', accepted)
}
