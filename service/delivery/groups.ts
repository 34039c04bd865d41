// The door to delivery: every group of every topic.
//
// What a call does is in acquire.ts, acknowledge.ts and departure.ts; which groups there are, in group-registry.ts.

import type { Clock, Log, LogEngine, Random } from '../../storage/index.ts'
import type { Census } from '../../timewheel/index.ts'
import type { Acknowledgement, AcknowledgeResult } from './acknowledge/acknowledgement.ts'
import type { DelayedAppends } from './acknowledge/copies.ts'
import type { AcquireOptions } from './acquire/acquire.ts'
import { readAgain, type TakenOver } from './acquire/takeover.ts'
import { DeadLetters, deadInPartition } from './dead/dead-letters.ts'
import { DeadStore } from './dead/dead-store.ts'
import type { Delivery } from './delivery.ts'
import type { Group } from './group/group.ts'
import { GroupRegistry } from './group/group-registry.ts'
import { DEFAULT_GROUP_SETTINGS, type GroupSettings, type Pause } from './group/group-settings.ts'
import { keepDeadLetters, trimLanes } from './group/lane-retention.ts'
import { type ResetTo, resetGroup } from './group/reset.ts'
import { type GroupsStats, newCounters, retriesWaitingIn } from './groups-stats.ts'
import { deadLetterTopic } from './lane.ts'
import type { LiveGroup } from './live-group.ts'
import { describeGroup, type GroupDescription } from './look/group-description.ts'
import type { GroupView } from './look/group-view.ts'
import { type GroupsWaiting, groupsWaiting } from './look/groups-waiting.ts'
import { describeLanes, type LaneDescription } from './look/lane-description.ts'
import { type Scale, scaleOf } from './look/scale.ts'

export interface GroupsOptions {
  engine: LogEngine
  clock: Clock
  random: Random
  /** Wall time as the hand tells it: what lanes are due by. */
  hand: { nowMs(): number }
  /** Keeps what is released with a delay of its own. */
  wheel: DelayedAppends
  log: Log
  /** Settings of a group that nobody configured. */
  defaults?: Partial<GroupSettings>
}

/** Told of a group that came, went, or whose settings changed. */
export type GroupListener = (topic: string, group: string) => void

/** Errors of all calls: TOPIC_NOT_FOUND, GROUP_NOT_FOUND, and those of the engine. */
export class Groups {
  readonly deadLetters: DeadLetters
  /** Settings of a group that nobody configured. */
  readonly defaults: GroupSettings
  readonly #options: GroupsOptions
  readonly #registry: GroupRegistry
  readonly #dead: DeadStore
  readonly #listeners = new Set<GroupListener>()
  readonly #counters = newCounters()
  #stopped = false

  private constructor(options: GroupsOptions, store: DeadStore) {
    this.#options = options
    this.defaults = { ...DEFAULT_GROUP_SETTINGS, ...options.defaults }
    const died = ({ topic, name }: Group) => this.deadLetters.warming.keepUp(topic, name)
    const parts = { ...options, counters: this.#counters, died }
    this.#registry = new GroupRegistry(this.defaults, parts, (topic, group) => this.#tell(topic, group))
    this.#dead = store
    this.deadLetters = new DeadLetters({
      ...options,
      store,
      counters: this.#counters,
      groupOf: async (topic, group) => (await this.#live(topic, group)).group,
      ownerOf: (name) => this.#registry.ownerOf(name),
      groups: () => this.#registry.all().map(({ group }) => group),
    })
  }

  /**
   * Reads `__groups` and `__dead`, or creates them. Locks that were held hold anew for their full time, those of groups that
   * push until takeOver(); redrives go on with deadLetters.start().
   */
  static async open(options: GroupsOptions): Promise<Groups> {
    const groups = new Groups(options, await DeadStore.open(options.engine, options.clock))
    await groups.#registry.load()
    groups.holdPushed()
    return groups
  }

  /**
   * Takes up to `max` records under a lock; waits when there are none, or while the group is paused, first come first
   * served. Creates the group when there is none. Durable when answered.
   * @throws GROUP_NAME_AMBIGUOUS
   */
  async acquire(topic: string, group: string, options: AcquireOptions): Promise<Delivery[]> {
    if (this.#stopped) return []
    let live = this.#registry.find(topic, group)
    if (live === undefined) {
      await this.#registry.whenSettled(topic, group)
      live = this.#registry.find(topic, group) ?? this.#registry.create(topic, group).live
    }
    return live.acquirer.acquire(options)
  }

  /** One result per acknowledgement, in order; durable when answered. */
  async acknowledge(
    topic: string,
    group: string,
    acknowledgements: readonly Acknowledgement[],
  ): Promise<AcknowledgeResult[]> {
    if (this.#registry.find(topic, group) === undefined) await this.#registry.whenSettled(topic, group)
    return this.#registry.get(topic, group).acknowledger.acknowledge(acknowledgements)
  }

  /**
   * Creates the group, or changes what is given and keeps the rest. Records that wait in a tier stay there.
   * @throws GROUP_NAME_AMBIGUOUS
   */
  async configure(
    topic: string,
    group: string,
    settings: Partial<GroupSettings>,
  ): Promise<{ created: boolean; settings: GroupSettings }> {
    if (this.#registry.find(topic, group) === undefined) await this.#registry.whenSettled(topic, group)
    const known = this.#registry.find(topic, group)
    if (known === undefined) {
      const { live, durable } = this.#registry.create(topic, group, settings)
      await durable
      return { created: true, settings: live.group.settings }
    }
    await this.#change(known, settings)
    await keepDeadLetters(known.group, this.#options.engine)
    return { created: false, settings: known.group.settings }
  }

  /**
   * Hands nothing out any more until resume(). What was handed out goes on; what waits in lanes waits on. A group that is
   * paused stays so, with the reason that it has.
   */
  async pause(topic: string, group: string, reason: string): Promise<void> {
    const live = await this.#live(topic, group)
    const { paused } = live.group.settings
    await this.#change(live, { paused: paused ?? { sinceMs: this.#options.clock.wallMs(), reason } })
  }

  /** Ends a pause, that of its endpoint too. */
  async resume(topic: string, group: string): Promise<void> {
    const live = await this.#live(topic, group)
    const { push } = live.group.settings
    live.flood.clear()
    await this.#change(live, { paused: undefined, push: push && { ...push, paused: undefined } })
  }

  /** Writes down that the endpoint is only probed, or is pushed to again. Nothing happens to a group that has none. */
  async pauseEndpoint(topic: string, group: string, paused: Pause | undefined): Promise<void> {
    const live = this.#registry.peek(topic, group)
    const push = live?.group.settings.push
    if (live !== undefined && push !== undefined) await this.#change(live, { push: { ...push, paused } })
  }

  /** From now on no lock of a group that pushes runs out: endpoints end, and what they had in hand is theirs at the next start. */
  holdPushed(): void {
    for (const live of this.#registry.all()) if (live.group.settings.push !== undefined) live.hold()
  }

  /**
   * To be called by an endpoint that goes to work: answers what it had in hand when the service ended, each under its lock
   * anew. Nothing when it comes to a group that was at work without it: what is in flight there is others'.
   */
  takeOver(topic: string, group: string): TakenOver[] {
    return this.#registry.peek(topic, group)?.takeOver() ?? []
  }

  /**
   * The records of the first of these receipts, which are in the order of takeOver(): up to `bytesMax`, and at least one.
   * Undefined stands for one that is no longer in flight, or no longer readable.
   */
  async readAgain(
    topic: string,
    group: string,
    receipts: readonly string[],
    bytesMax: number,
  ): Promise<(Delivery | undefined)[]> {
    return readAgain((await this.#live(topic, group)).group, receipts, bytesMax, this.#options)
  }

  /** A group that is there or, while it is read again, will be. */
  async #live(topic: string, group: string): Promise<LiveGroup> {
    if (this.#registry.find(topic, group) === undefined) await this.#registry.whenSettled(topic, group)
    return this.#registry.get(topic, group)
  }

  /** Changes settings in the turn of the call; durable when answered. */
  async #change(live: LiveGroup, change: Partial<GroupSettings>): Promise<void> {
    const { group, acquirer } = live
    group.change({ ...group.settings, ...change })
    const durable = group.append(undefined)
    acquirer.wake()
    this.#tell(group.topic, group.name)
    await durable
  }

  /** What is set on a group; undefined when there is none. Creates nothing and never throws. */
  settingsOf(topic: string, group: string): GroupSettings | undefined {
    return this.#registry.peek(topic, group)?.group.settings
  }

  /** All groups, by topic and name. */
  names(): { topic: string; group: string }[] {
    return this.#registry.all().map(({ group }) => ({ topic: group.topic, group: group.name }))
  }

  /** Answers how to stop listening. */
  listen(listener: GroupListener): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  #tell(topic: string, group: string): void {
    for (const listener of this.#listeners) listener(topic, group)
  }

  describe(topic: string, group: string): GroupDescription {
    const { engine } = this.#options
    const name = deadLetterTopic(topic, group)
    const deadIn = (partition: number) => deadInPartition({ engine, store: this.#dead }, name, partition)
    return describeGroup(this.#registry.get(topic, group).group, engine, deadIn)
  }

  /**
   * How much there is to do, and will be before `untilMs`, the beginning of a second. Changes nothing.
   * @throws TOPIC_NOT_FOUND, GROUP_NOT_FOUND
   */
  async scale(topic: string, group: string, census: Census, untilMs: number): Promise<Scale> {
    const { engine, hand } = this.#options
    return scaleOf((await this.#live(topic, group)).group, { engine, census, nowMs: hand.nowMs(), untilMs })
  }

  /**
   * For those who only look.
   * @throws TOPIC_NOT_FOUND, GROUP_NOT_FOUND
   */
  async view(topic: string, group: string): Promise<GroupView> {
    const live = await this.#live(topic, group)
    const removed = (topicId: number, partition: number) => this.#dead.removed(topicId, partition)
    return { group: live.group, waiting: live.acquirer.waiting, removed }
  }

  /** What waits in the lanes of a group for the next try. */
  async lanes(topic: string, group: string): Promise<LaneDescription[]> {
    return describeLanes(this.#registry.get(topic, group).group, this.#options.engine)
  }

  /** The groups of a topic, by name. */
  list(topic: string): { group: string; settings: GroupSettings }[] {
    const groups = this.#registry.ofTopic(topic).map(({ group }) => ({ group: group.name, settings: group.settings }))
    return groups.sort((a, b) => (a.group < b.group ? -1 : 1))
  }

  /**
   * Moves the group in all partitions of its topic (group/reset.ts). Receipts that are out for them become invalid; what the wheel
   * still has comes in any case.
   */
  async reset(topic: string, group: string, to: ResetTo): Promise<void> {
    const { group: state, acquirer } = this.#registry.get(topic, group)
    await resetGroup(state, to, this.#options)
    const durable = state.append(undefined)
    acquirer.wake()
    await durable
  }

  /**
   * Deletes progress, settings and retry lanes. The dead-letter topic stays, from now on as an ordinary topic. Waiting
   * acquires get GROUP_NOT_FOUND.
   */
  async forget(topic: string, group: string): Promise<void> {
    await this.#registry.forget(this.#registry.get(topic, group))
  }

  /** To be called after a topic was deleted: its groups are forgotten, their waiting acquires get TOPIC_NOT_FOUND. */
  async forgetTopic(topic: string): Promise<void> {
    await this.#registry.forgetTopic(topic)
  }

  /** The group that has this topic as a lane or for its dead letters: nobody else may write to it, change or delete it. */
  ownerOf(topic: string): { topic: string; group: string } | undefined {
    const owner = this.#registry.ownerOf(topic)
    return owner && { topic: owner.topic, group: owner.name }
  }

  /** Bounds the work of the next start, and trims lanes. Call it before engine.checkpoint(). */
  async checkpoint(): Promise<void> {
    await this.#registry.checkpoint()
    const keepFromMs = this.#options.hand.nowMs()
    for (const { group, acquirer } of this.#registry.all()) {
      if (group.giveUpHolds(keepFromMs)) acquirer.wake()
      await trimLanes(group, this.#options.engine, keepFromMs)
      await keepDeadLetters(group, this.#options.engine)
    }
    await this.#dead.checkpoint()
    void this.deadLetters.warming.all()
  }

  /** Answers waiting acquires with [] and later ones too; resolves when all appends under way are done. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.deadLetters.warming.stop()
    await this.deadLetters.redrives.rest()
    await this.#registry.close()
  }

  /** How many failed records of all groups wait for their next try, in lanes and in the wheel. */
  get retriesWaiting(): number {
    return this.#registry.all().reduce((sum, { group }) => sum + retriesWaitingIn(group), 0)
  }

  /** What all groups have before them, with at most `namesMax` groups and tiers by name. */
  waiting(namesMax: number): GroupsWaiting {
    const groups = this.#registry.all().map(({ group }) => group)
    return groupsWaiting(groups, this.#options.engine, namesMax)
  }

  stats(): GroupsStats {
    const { acknowledged, deadLettered, ...rest } = this.#counters
    let waitingAcquires = 0
    let groups = 0
    let paused = 0
    for (const { group, acquirer } of this.#registry.all()) {
      groups++
      if (group.settings.paused) paused++
      waitingAcquires += acquirer.waiting
    }
    return {
      ...rest,
      groups,
      paused,
      waitingAcquires,
      redrivesRunning: this.deadLetters.redrives.running,
      acknowledged: { ...acknowledged },
      deadLettered: { ...deadLettered },
    }
  }
}
