// A group: its settings and its sources, which are the partitions of its topic and of its lanes.
//
// Always true:
//   1. What is in memory is what `__groups` will say once all appends under way are durable: state changes in the same
//      turn in which its record is appended, and appends become durable in order. Only what is leaving is ahead of that: it is
//      decided, and appended once its bytes are read.
//   2. A lane that the group ever used stays a source, also when no tier leads there any more: what waits in it still comes.
//   3. Its topic is the very one it began with: a topic deleted and created anew has another id, and other groups.
//
// After a crash: rebuilt from the last snapshot in `__groups` and the deltas behind it (group-store.ts). Locks hold anew for
// their full time, so that nobody gets a record that another one may still be working on.

import type { Append, DwellError, LogEngine } from '../../../storage/index.ts'
import { KeyTurns } from '../keys/key-turns.ts'
import type { ParkedRoom } from '../keys/parked-room.ts'
import { laneTopic } from '../lane.ts'
import { LaneStart, type StartClocks } from '../source/lane-start.ts'
import type { ReadAheadBudget } from '../source/read-ahead-budget.ts'
import { MOVES, Run } from '../source/run.ts'
import { Source } from '../source/source.ts'
import type { SourceKind } from '../source/source-place.ts'
import { type DeltaWriter, type GroupState, playDelta } from './group-log.ts'
import type { GroupSettings } from './group-settings.ts'
import type { GroupStore } from './group-store.ts'
import { SnapshotRoom } from './snapshot-room.ts'

export interface GroupParts {
  engine: LogEngine
  store: GroupStore
  budget: ReadAheadBudget
  parkedRoom: ParkedRoom
  /** By which it is told when what lies in lanes came there. */
  clocks: StartClocks
  /** Asks to hear of the high watermarks of a topic. */
  watch(topic: string, group: Group): void
}

export class Group {
  readonly topic: string
  readonly name: string
  readonly topicId: number
  settings: GroupSettings
  /** Set when the group is no more: what every later call gets. */
  end: DwellError | undefined
  /** Since the last record only deltas were needed; false when sources or settings changed. */
  snapshotDue = true
  readonly sources: Source[] = []
  readonly #byIndex = new Map<number, Source>()
  readonly #byTopic = new Map<string, Source[]>()
  /** By partition, where the group keeps the order of keys. */
  readonly #turns = new Map<number, KeyTurns>()
  readonly #parts: GroupParts
  readonly #snapshotRoom: SnapshotRoom
  #nextSourceIndex = 0

  constructor(place: { topic: string; name: string; topicId: number }, settings: GroupSettings, parts: GroupParts) {
    this.topic = place.topic
    this.name = place.name
    this.topicId = place.topicId
    this.settings = settings
    this.#parts = parts
    this.#snapshotRoom = new SnapshotRoom(parts.engine.appendBytesMax)
  }

  /** A group as a snapshot has it. */
  static restore(topic: string, name: string, state: GroupState, parts: GroupParts): Group {
    const group = new Group({ topic, name, topicId: state.topicId }, state.settings, parts)
    group.#nextSourceIndex = state.nextSourceIndex
    for (const { place, next, runs, parked, holds, wheelEnd, began } of state.sources) {
      const source = new Source({ ...place, topic: group.topicOf(place.kind, place.tierMs) }, 0, 0, parts.budget)
      for (const run of runs) source.addRun(run)
      source.next = next
      const { offsets, hashes } = parked.columns
      for (let i = 0; i < offsets.length; i++) source.parked.add({ offset: offsets[i], hash: hashes[i] })
      for (const hold of holds.list) source.holds.add(hold)
      source.wheelEnd = wheelEnd
      source.began = began
      group.#add(source)
    }
    group.snapshotDue = false
    return group
  }

  get state(): GroupState {
    return {
      topicId: this.topicId,
      settings: this.settings,
      nextSourceIndex: this.#nextSourceIndex,
      sources: this.sources,
    }
  }

  topicOf(kind: SourceKind, tierMs: number): string {
    return kind === 'topic' ? this.topic : laneTopic(this.topic, this.name, kind, tierMs)
  }

  source(index: number): Source | undefined {
    return this.#byIndex.get(index)
  }

  sourceAt(topic: string, partition: number): Source | undefined {
    return this.#byTopic.get(topic)?.[partition]
  }

  /** Plays a delta of `__groups` back; false when it is not one that this code knows. */
  play(value: Buffer, deadlineMs: (lockMs: number) => number): boolean {
    return playDelta(value, {
      acquired: (index, first, count, lockMs, token) => {
        const lock = { lockMs, deadlineMs: deadlineMs(lockMs) }
        this.#byIndex.get(index)?.addRun(Run.acquired(first, count, token, lock))
      },
      finished: (index, first, count) => {
        const source = this.#byIndex.get(index)
        if (source?.giveUp(first)) return
        for (let offset = first; offset < first + count; offset++) source?.find(offset)?.move(offset, MOVES.leave)
        source?.finish(first, count)
      },
      parked: (index, offset, hash) => this.#byIndex.get(index)?.park(offset, hash),
      held: (index, hold) => this.#byIndex.get(index)?.holds.add(hold),
      freed: (index, offset) => this.#byIndex.get(index)?.holds.remove(offset),
      sent: (index, end) => {
        const lane = this.#byIndex.get(index)
        if (lane !== undefined) lane.wheelEnd = end
      },
      renewed: (index, first, count, lockMs) => {
        this.#byIndex.get(index)?.renew(first, count, { lockMs, deadlineMs: deadlineMs(lockMs) })
      },
    })
  }

  /** Takes partitions in that are not sources yet: all of them at first, later those by which the topic has grown. */
  takeTopicIn(): void {
    const known = this.#byTopic.get(this.topic)
    const isNew = known === undefined
    const partitions = this.#parts.engine.topic(this.topic)?.partitions ?? 0
    for (let partition = known?.length ?? 0; partition < partitions; partition++) {
      const { logStartOffset, highWatermark } = this.#parts.engine.offsets(this.topic, partition)
      // What comes into a partition that was added later was never seen, whatever the group began with.
      const next = isNew && this.settings.start === 'latest' ? highWatermark : logStartOffset
      this.#create('topic', 0, partition, next)
    }
  }

  /**
   * Takes the partitions of a lane in. Must be called before anything is appended to a new lane: the group begins at its
   * end, for what is in there is of an earlier group of this name, or of nobody.
   */
  takeLaneIn(kind: SourceKind, tierMs: number): void {
    const topic = this.topicOf(kind, tierMs)
    const description = this.#parts.engine.topic(topic)
    const known = this.#byTopic.get(topic) ?? []
    for (let partition = 0; partition < (description?.partitions ?? 0); partition++) {
      const source = known[partition]
      if (source !== undefined && source.place.topicId === description?.id) continue
      if (source !== undefined) this.remove(source)
      this.#create(kind, tierMs, partition, this.#parts.engine.offsets(topic, partition).logEndOffset)
    }
  }

  #create(kind: SourceKind, tierMs: number, partition: number, next: number): void {
    const topic = this.topicOf(kind, tierMs)
    const topicId = this.#parts.engine.topic(topic)?.id ?? 0
    const index = this.#nextSourceIndex++
    const source = new Source({ index, kind, tierMs, topic, topicId, partition }, next, 0, this.#parts.budget)
    this.#add(source)
    this.#attach(source)
    this.snapshotDue = true
  }

  #add(source: Source): void {
    const { topic, partition, index } = source.place
    this.sources.push(source)
    this.#byIndex.set(index, source)
    const ofTopic = this.#byTopic.get(topic) ?? []
    ofTopic[partition] = source
    this.#byTopic.set(topic, ofTopic)
    source.parked.shareSnapshot(this.#snapshotRoom)
    source.holds.shareSnapshot(this.#snapshotRoom)
    source.turns = this.#turnsOf(partition)
  }

  #turnsOf(partition: number): KeyTurns | undefined {
    if (this.settings.order !== 'key') return undefined
    const turns = this.#turns.get(partition) ?? new KeyTurns(this.#snapshotRoom)
    this.#turns.set(partition, turns)
    return turns
  }

  /** By partition, whose turn it is; empty where no order is kept. */
  get turns(): ReadonlyMap<number, KeyTurns> {
    return this.#turns
  }

  /** Changes settings; the next append is a snapshot. */
  change(settings: GroupSettings): void {
    const { order } = this.settings
    this.settings = settings
    this.snapshotDue = true
    if (settings.order === order) return
    this.#turns.clear()
    for (const source of this.sources) {
      source.turns = this.#turnsOf(source.place.partition)
      if (settings.order === 'none') source.holds.clear()
    }
  }

  /** Frees keys of records that did not come out of the wheel long after they were due: their bytes are lost. */
  giveUpHolds(nowMs: number): boolean {
    let isAny = false
    for (const source of this.sources) {
      if (source.holds.count === 0 || source.available > 0 || !source.holds.removeOverdue(nowMs)) continue
      source.turns?.forget()
      this.snapshotDue = true
      isAny = true
    }
    return isAny
  }

  /** From now on the source hears of its high watermark. */
  #attach(source: Source): void {
    const { topic, topicId, partition } = source.place
    this.#parts.watch(topic, this)
    source.parked.share(this.#parts.parkedRoom)
    const description = this.#parts.engine.topic(topic)
    if (description?.id !== topicId || partition >= description.partitions) return
    source.highWatermark = this.#parts.engine.offsets(topic, partition).highWatermark
  }

  /** To be called once on a restored group that goes to work. */
  attach(): void {
    for (const source of this.sources) {
      this.#attach(source)
      if (source.place.kind !== 'topic') source.start = new LaneStart(source.highWatermark, this.#parts.clocks)
    }
  }

  /** Lets go of a source whose topic was deleted. */
  remove(source: Source): void {
    const { topic, partition, index } = source.place
    source.reset(source.next)
    source.holds.clear()
    source.turns = undefined
    this.sources.splice(this.sources.indexOf(source), 1)
    this.#byIndex.delete(index)
    const ofTopic = this.#byTopic.get(topic)
    if (ofTopic?.[partition] === source) delete ofTopic[partition]
    this.snapshotDue = true
  }

  /** Appends what changed, with `others` in the same atomic append. Call it in the turn in which the state changed. */
  append(delta: DeltaWriter | undefined, others: readonly Append[] = []): Promise<number[]> {
    if (this.end) return Promise.reject(this.end)
    return this.#parts.store.append(this, delta, others)
  }

  /** The group is no more. */
  close(end: DwellError): void {
    this.end = end
    for (const source of this.sources) source.reset(source.next)
  }
}
