// The copies that failed records leave behind: which place comes next, its topic, and the appends that go there.
//
// After its n-th delivery a record goes to the n-th tier; after the last tier, or when it was rejected, to the dead letters.
// A delay of its own takes the place of the tier's duration, not of the try. What has one, or the jitter of its group, goes
// through the wheel into the lane `delayed`, so that the lane of a tier stays in due order.

import {
  type Append,
  DwellError,
  decodeRecordBody,
  type LogEngine,
  type LogRecord,
  type Random,
  type RecordBody,
  type StoredRecord,
} from '../../../storage/index.ts'
import { type DeathCause, deadBody, historyOf, type RecordHistory, retriedBody } from '../failed-record.ts'
import type { Group } from '../group/group.ts'
import type { DeltaWriter } from '../group/group-log.ts'
import { prepareTopics } from '../group/prepare-topics.ts'
import type { Hold } from '../keys/holds.ts'
import { hashOfKey } from '../keys/key-turns.ts'
import { deadLetterTopic, type LaneKind, laneTier } from '../lane.ts'
import type { Source } from '../source/source.ts'
import type { AcknowledgeResult } from './acknowledgement.ts'
import type { Failure } from './failure.ts'
import { jitterMs } from './jitter.ts'

/** What copies need of the wheel: records with a due time become an append to its topic. */
export interface DelayedAppends {
  append(
    records: readonly { topic: string; partition: number; dueAtMs: number; body: Buffer; fillId: boolean }[],
  ): Append
}

type NextPlace =
  | { kind: LaneKind; tierMs: number; delayMs: number; topic: string }
  | { kind: 'dead'; cause: DeathCause; topic: string }

export type CopyResult = Extract<AcknowledgeResult, { state: 'retrying' }> | { state: 'dead'; cause: DeathCause }

export class Copies {
  readonly #group: Group
  readonly #engine: LogEngine
  readonly #wheel: DelayedAppends
  readonly #nowMs: () => number
  readonly #random: Random
  readonly #next = new Map<Failure, { place: NextPlace; body: RecordBody; history: RecordHistory }>()
  readonly #appends = new Map<string, { topic: string; partition: number; records: LogRecord[] }>()
  readonly #delayed: { topic: string; partition: number; dueAtMs: number; body: Buffer; fillId: boolean }[] = []
  #stampMs = 0

  constructor(
    group: Group,
    parts: { engine: LogEngine; wheel: DelayedAppends; hand: { nowMs(): number }; random: Random },
  ) {
    this.#group = group
    this.#engine = parts.engine
    this.#wheel = parts.wheel
    this.#random = parts.random
    this.#nowMs = () => parts.hand.nowMs()
  }

  /** Decides where the record goes; false when it cannot be decoded, for then it can go nowhere. */
  plan(failure: Failure, record: StoredRecord): boolean {
    let body: RecordBody
    try {
      body = decodeRecordBody(record.body)
    } catch (error) {
      if (error instanceof DwellError && error.code === 'RECORD_DAMAGED') return false
      throw error
    }
    const history = historyOf(failure.source, record, body)
    const deliveryCount = history.deliveryCount + 1
    const place = this.#placeAfter(failure, deliveryCount)
    this.#next.set(failure, { place, body, history: { ...history, deliveryCount } })
    return true
  }

  #placeAfter({ cause, delayMs }: Failure, deliveryCount: number): NextPlace {
    const { topic, name, settings } = this.#group
    const tierMs = settings.retry[deliveryCount - 1]
    if (cause === 'CLIENT_REJECT') return { kind: 'dead', cause, topic: deadLetterTopic(topic, name) }
    if (tierMs === undefined) {
      return { kind: 'dead', cause: 'DELIVERY_COUNT_EXCEEDED', topic: deadLetterTopic(topic, name) }
    }
    const { jitter = 0 } = settings
    if (delayMs === undefined && jitter === 0)
      return { kind: 'tier', tierMs, delayMs: tierMs, topic: this.#group.topicOf('tier', tierMs) }
    const ownMs = delayMs ?? tierMs + jitterMs(tierMs, jitter, this.#random)
    return { kind: 'delayed', tierMs: 0, delayMs: ownMs, topic: this.#group.topicOf('delayed', 0) }
  }

  /** Makes sure that the topics are there, with the partitions of the source. */
  async prepareTopics(): Promise<void> {
    const partitions = this.#engine.topic(this.#group.topic)?.partitions ?? 0
    const lanes = new Set<string>()
    const dead = new Set<string>()
    for (const { place } of this.#next.values()) (place.kind === 'dead' ? dead : lanes).add(place.topic)
    await prepareTopics(this.#engine, lanes, { partitions })
    const retentionMs = this.#group.settings.deadLetters?.retentionMs
    await prepareTopics(this.#engine, dead, { partitions, retentionMs })
  }

  /** The turn of the append has begun: lanes become sources, and this is the time of all copies. */
  takeLanesIn(): void {
    this.#stampMs = this.#nowMs()
    for (const { place } of this.#next.values()) {
      if (place.kind !== 'dead') this.#group.takeLaneIn(place.kind, place.tierMs)
    }
  }

  /** Adds the copy of a planned record. `delta` is told what is held: with its own delay it still has its key's turn. */
  add(failure: Failure, delta: DeltaWriter): CopyResult | undefined {
    const next = this.#next.get(failure)
    if (next === undefined) return undefined
    const { place, body, history } = next
    const { partition } = failure.source.place
    const attempt = { at: this.#stampMs, cause: failure.cause, reason: failure.reason }
    const grown = { ...history, attempts: [...history.attempts, attempt] }
    if (place.kind === 'dead') {
      this.#append(place.topic, partition, deadBody(body, grown, this.#group.name, place.cause))
      return { state: 'dead', cause: place.cause }
    }
    const dueAtMs = this.#stampMs + place.delayMs
    this.#goOn(place, failure.source, { offset: history.offset, hash: hashOfKey(body.key), dueAtMs }, delta)
    const copy = retriedBody(body, grown)
    if (place.kind === 'tier') this.#append(place.topic, partition, copy)
    else {
      this.#delayed.push({ topic: place.topic, partition, dueAtMs, body: copy, fillId: false })
      this.#group.sourceAt(place.topic, partition)?.sent()
    }
    return { state: 'retrying', dueAtMs, tier: laneTier(place.kind, place.tierMs) }
  }

  /** Its key stays busy. */
  #goOn({ kind, topic }: NextPlace, { turns, place }: Source, hold: Hold, delta: DeltaWriter): void {
    if (turns === undefined || hold.hash === 0) return
    const lane = kind === 'delayed' ? this.#group.sourceAt(topic, place.partition) : undefined
    turns.goOn(hold.hash, lane === undefined ? 'tier' : 'held')
    if (lane === undefined) return
    lane.holds.add(hold)
    delta.held(lane.place.index, hold)
  }

  #append(topic: string, partition: number, body: Buffer): void {
    const key = `${topic}/${partition}`
    const append = this.#appends.get(key) ?? { topic, partition, records: [] }
    append.records.push({ timestampMs: this.#stampMs, body })
    this.#appends.set(key, append)
  }

  /** `delta` is told what the wheel will bring. */
  appends(delta: DeltaWriter): Append[] {
    const appends: Append[] = [...this.#appends.values()]
    if (this.#delayed.length > 0) appends.push(this.#wheel.append(this.#delayed))
    const lanes = new Set(this.#delayed.map(({ topic, partition }) => this.#group.sourceAt(topic, partition)))
    for (const lane of lanes) if (lane !== undefined) delta.sent(lane.place.index, lane.wheelEnd)
    return appends
  }
}
