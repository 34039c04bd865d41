// Which groups there are.
//
// Always true:
//   1. A group is known by its topic and name; two groups whose lanes would have the same names (`b.c` of topic `a`, `c` of
//      topic `a.b`) do not both exist.
//   2. A group belongs to the very topic it began with. When that is deleted, the group is forgotten; a topic of the same
//      name that comes later begins without groups.
//   3. While a group exists, and until it is all gone, the topics with the names of its lanes and dead letters are its own.
//
// After a crash: load() reads `__groups`, see group-store.ts.

import { DwellError } from '../../../storage/index.ts'
import { ParkedRoom } from '../keys/parked-room.ts'
import { laneBase, laneBaseOf } from '../lane.ts'
import { LiveGroup, type LiveParts } from '../live-group.ts'
import { ReadAheadBudget } from '../source/read-ahead-budget.ts'
import { Group, type GroupParts } from './group.ts'
import { decodeKey, decodeSnapshot, groupKey } from './group-log.ts'
import type { GroupSettings } from './group-settings.ts'
import { GROUPS_TOPIC, GroupStore } from './group-store.ts'

export class GroupRegistry {
  readonly #store: GroupStore
  readonly #defaults: GroupSettings
  readonly #parts: LiveParts
  readonly #groupParts: GroupParts
  readonly #onChange: (topic: string, name: string) => void
  readonly #byKey = new Map<string, LiveGroup>()
  readonly #byLaneBase = new Map<string, LiveGroup>()
  readonly #byGroup = new Map<Group, LiveGroup>()
  /** By lane base: groups being forgotten or read again. Until that is settled nobody may use the names. */
  readonly #leaving = new Map<string, { group: Group; settled: Promise<void> }>()
  /** By name of a topic or lane: who hears of its high watermarks. */
  readonly #watchers = new Map<string, Set<Group>>()
  #unwatch = () => {}

  /** `onChange` is told of each group that came or went. */
  constructor(
    defaults: GroupSettings,
    parts: Omit<LiveParts, 'changed'>,
    onChange: (topic: string, name: string) => void,
  ) {
    const store = new GroupStore(parts, (group, error) => this.#reload(group, error))
    this.#store = store
    this.#defaults = defaults
    this.#parts = { ...parts, changed: ({ topic, name }) => onChange(topic, name) }
    this.#onChange = onChange
    this.#groupParts = {
      engine: parts.engine,
      store,
      budget: new ReadAheadBudget(),
      parkedRoom: new ParkedRoom(),
      clocks: parts,
      watch: (topic, group) => {
        const watching = this.#watchers.get(topic) ?? new Set()
        this.#watchers.set(topic, watching.add(group))
      },
    }
  }

  async load(): Promise<void> {
    const { engine, log } = this.#parts
    const records = await this.#read()
    this.#unwatch = engine.onHighWatermark((topic, partition, highWatermark) => {
      const watching = this.#watchers.get(topic)
      if (watching === undefined) return
      for (const group of watching) this.#byGroup.get(group)?.highWatermarkMoved(topic, partition, highWatermark)
    })
    for (const live of this.all()) {
      // One that is forgotten takes those with it that read its lanes.
      const isThere = this.#byGroup.has(live.group)
      if (isThere && this.#isOrphan(live)) await this.forget(live, topicNotFound(live.group.topic))
    }
    log.info({ groups: this.#byKey.size, records }, 'Groups are restored.')
  }

  /** Restores all groups, or the one with the key `only`, and lets them work; answers how many records were read. */
  async #read(only?: string): Promise<number> {
    const { clock } = this.#parts
    const loaded = new Map<string, { group: Group; snapshotOffset: number; changed: boolean; isWhole: boolean }>()
    let expected: number | undefined
    const deadlineMs = (lockMs: number) => clock.monotonicMs() + lockMs
    const records = await this.#store.load((keyBytes, value, offset) => {
      // Records are missing that a repair had to give up. Whose they were nobody knows, so deltas count again behind a
      // group's next snapshot; until then it stands where it stood, and delivers some records again.
      if (expected !== undefined && offset !== expected) for (const known of loaded.values()) known.isWhole = false
      expected = offset + 1
      const key = keyBytes.toString()
      if (only !== undefined && key !== only) return
      const state = value === null ? undefined : decodeSnapshot(value, deadlineMs)
      if (value === null) loaded.delete(key)
      else if (state !== undefined) {
        const group = Group.restore(...decodeKey(keyBytes), state, this.#groupParts)
        loaded.set(key, { group, snapshotOffset: offset, changed: false, isWhole: true })
      } else {
        // A delta whose snapshot was trimmed away lies before a later snapshot of the same group.
        const known = loaded.get(key)
        if (known === undefined) return
        if (known.isWhole && !known.group.play(value, deadlineMs)) throw unknownRecord(offset)
        known.changed = true
        if (!known.isWhole) known.group.snapshotDue = true
      }
    })
    for (const { group, snapshotOffset, changed } of loaded.values()) {
      this.#store.know(group, snapshotOffset, changed)
      this.#enter(group)
    }
    return records
  }

  /**
   * An append was refused, so memory is ahead of the log: what waits gets the error, and the group is read again. Until
   * then its name is not free; should that fail, it stays so, for a new group would begin from the start.
   */
  #reload(group: Group, error: unknown): void {
    const live = this.#byGroup.get(group)
    if (live === undefined) return
    const { topic, name } = group
    this.#parts.log.error({ topic, group: name, err: error }, 'An append was refused; the group is read again.')
    const end = error instanceof DwellError ? error : new DwellError('INTERNAL', String(error), {}, error)
    this.#takeOut(live, end)
    const base = laneBase(topic, name)
    const back = this.#store
      .letGo(group)
      .then(() => this.#read(groupKey(topic, name)))
      .then(() => void this.#leaving.delete(base))
    // Who asks for the group is told; often, when the log is closing, nobody asks.
    back.catch(() => {})
    this.#leaving.set(base, { group, settled: back })
  }

  all(): LiveGroup[] {
    return [...this.#byKey.values()]
  }

  /** @throws TOPIC_NOT_FOUND */
  ofTopic(topic: string): LiveGroup[] {
    if (this.#parts.engine.topic(topic) === undefined) throw topicNotFound(topic)
    return this.all().filter((live) => live.group.topic === topic && !this.#isOrphan(live))
  }

  /** @throws TOPIC_NOT_FOUND */
  find(topic: string, name: string): LiveGroup | undefined {
    const live = this.#byKey.get(groupKey(topic, name))
    if (live !== undefined && this.#isOrphan(live)) {
      this.forget(live, topicNotFound(topic)).catch(() => {})
      return this.find(topic, name)
    }
    if (this.#parts.engine.topic(topic) === undefined) throw topicNotFound(topic)
    return live
  }

  /** The group of this name, if it is at work and its topic there. Changes nothing. */
  peek(topic: string, name: string): LiveGroup | undefined {
    const live = this.#byKey.get(groupKey(topic, name))
    return live === undefined || this.#isOrphan(live) ? undefined : live
  }

  /** @throws TOPIC_NOT_FOUND, GROUP_NOT_FOUND */
  get(topic: string, name: string): LiveGroup {
    const live = this.find(topic, name)
    if (live === undefined) throw groupNotFound(topic, name)
    return live
  }

  /**
   * A group that was not there. It takes part at once; what it does is durable after its own first record.
   * @throws TOPIC_NOT_FOUND, GROUP_NAME_AMBIGUOUS
   */
  create(
    topic: string,
    name: string,
    settings: Partial<GroupSettings> = {},
  ): { live: LiveGroup; durable: Promise<unknown> } {
    const description = this.#parts.engine.topic(topic)
    if (description === undefined) throw topicNotFound(topic)
    const rival = this.#byLaneBase.get(laneBase(topic, name))
    if (rival !== undefined) {
      const { group } = rival
      throw new DwellError(
        'GROUP_NAME_AMBIGUOUS',
        `Its retry topics would have the names of those of group ${group.name} of topic ${group.topic}.`,
        { topic: group.topic, group: group.name },
      )
    }
    const place = { topic, name, topicId: description.id }
    const group = new Group(place, { ...this.#defaults, ...settings }, this.#groupParts)
    group.takeTopicIn()
    const durable = group.append(undefined)
    durable.catch(() => {})
    return { live: this.#enter(group), durable }
  }

  #enter(group: Group): LiveGroup {
    group.attach()
    const live = new LiveGroup(group, this.#parts)
    this.#byKey.set(groupKey(group.topic, group.name), live)
    this.#byLaneBase.set(laneBase(group.topic, group.name), live)
    this.#byGroup.set(group, live)
    this.#onChange(group.topic, group.name)
    return live
  }

  /** Whether its topic is no more. */
  #isOrphan({ group }: LiveGroup): boolean {
    return this.#parts.engine.topic(group.topic)?.id !== group.topicId
  }

  /** When it is settled whether there is a group of this name; undefined when it is. */
  whenSettled(topic: string, name: string): Promise<void> | undefined {
    return this.#leaving.get(laneBase(topic, name))?.settled
  }

  /** The group that has `topic` as a lane or for its dead letters. */
  ownerOf(topic: string): Group | undefined {
    const base = laneBaseOf(topic)
    if (base === undefined) return undefined
    return (this.#byLaneBase.get(base) ?? this.#leaving.get(base))?.group
  }

  /** Takes the group away; `end` is what its waiting calls get. Lanes go, dead letters stay. */
  forget(live: LiveGroup, end = groupNotFound(live.group.topic, live.group.name)): Promise<void> {
    const base = laneBase(live.group.topic, live.group.name)
    const gone = this.#forget(live, end)
    const settled = () => void this.#leaving.delete(base)
    this.#leaving.set(base, { group: live.group, settled: gone.then(settled, settled) })
    return gone
  }

  async #forget(live: LiveGroup, end: DwellError): Promise<void> {
    const { group } = live
    this.#takeOut(live, end)
    const lanes = new Map<string, number>()
    for (const { place } of group.sources) if (place.kind !== 'topic') lanes.set(place.topic, place.topicId)
    await this.#store.forget(group)
    const { engine, log } = this.#parts
    for (const [topic, topicId] of lanes) {
      if (engine.topic(topic)?.id !== topicId) continue
      // Somebody else deleting it meanwhile is as good; what cannot be deleted is left over, and does no harm.
      await engine.deleteTopic(topic).catch((error) => log.warn({ topic, err: error }, 'A retry topic is left over.'))
      await this.forgetTopic(topic)
    }
  }

  #takeOut(live: LiveGroup, end: DwellError): void {
    const { group } = live
    this.#byKey.delete(groupKey(group.topic, group.name))
    this.#byLaneBase.delete(laneBase(group.topic, group.name))
    this.#byGroup.delete(group)
    live.close(end)
    for (const { place } of group.sources) {
      const watching = this.#watchers.get(place.topic)
      watching?.delete(group)
      if (watching?.size === 0) this.#watchers.delete(place.topic)
    }
    this.#onChange(group.topic, group.name)
  }

  async forgetTopic(topic: string): Promise<void> {
    const orphans = this.all().filter((live) => live.group.topic === topic && this.#isOrphan(live))
    await Promise.all(orphans.map((live) => this.forget(live, topicNotFound(topic))))
  }

  checkpoint(): Promise<void> {
    return this.#store.checkpoint()
  }

  /** Lets all groups rest; resolves when no append is under way. */
  async close(): Promise<void> {
    this.#unwatch()
    for (const live of this.all()) live.close()
    await this.#store.settled()
  }
}

function topicNotFound(topic: string): DwellError {
  return new DwellError('TOPIC_NOT_FOUND', `There is no topic ${topic}.`, { topic })
}

function groupNotFound(topic: string, group: string): DwellError {
  return new DwellError('GROUP_NOT_FOUND', `The topic ${topic} has no group ${group}.`, { topic, group })
}

function unknownRecord(offset: number): DwellError {
  return new DwellError('RECORD_DAMAGED', `The record at offset ${offset} of ${GROUPS_TOPIC} is of no known form.`, {
    topic: GROUPS_TOPIC,
    offset,
  })
}
