// How much there may be: topics, partitions, groups; in all, and topics of what one caller sees. Asked before anything is made.
// What may wait is bounded by pending-quotas.ts.
//
// What there is, is counted anew when the count is a second old, and added to in between: a look at ten thousand topics is too
// much for every request. So what was deleted makes room a second later. What is just being made has its place until that has
// ended, in whatever way: no more is made than is allowed, however many ask at once and however long it takes.

import { type Clock, DwellError } from '../../storage/index.ts'
import type { Caller } from '../access/caller.ts'
import type { Settings } from '../settings.ts'

const COUNT_MS = 1_000

interface Topic {
  name: string
  id: number
  partitions: number
}

/** What there was when it was counted, with what was let in since. */
interface Made {
  atMs: number
  topics: number
  partitions: number
  /** Topics that were let in since, or were being made. */
  names: Set<string>
}

/** Gives the place back, when what it was for is made, or failed. */
export type Release = () => void

export interface QuotasOptions {
  settings: Pick<Settings, 'TOPICS_MAX' | 'PARTITIONS_MAX' | 'GROUPS_MAX'>
  clock: Pick<Clock, 'monotonicMs'>
  topics: { list(): Topic[]; find(name: string): Topic | undefined; isOwned(name: string): boolean }
  groups: { stats(): { groups: number }; settingsOf(topic: string, group: string): unknown }
}

export class Quotas {
  readonly #options: QuotasOptions
  /** What requests under way make, with the partitions that it shall have. */
  readonly #makingTopics = new Set<{ name: string; partitions: number }>()
  readonly #makingGroups = new Set<{ topic: string; group: string }>()
  #made: Made = { atMs: Number.NEGATIVE_INFINITY, topics: 0, partitions: 0, names: new Set() }

  constructor(options: QuotasOptions) {
    this.#options = options
  }

  /**
   * Before a topic is made, or given more partitions; the place is kept until it is released.
   * @throws TOO_MANY_TOPICS, TOO_MANY_PARTITIONS
   */
  reserveTopic(caller: Caller, name: string, partitions: number): Release {
    const before = this.#options.topics.find(name)
    const more = partitions - (before?.partitions ?? 0)
    if (more <= 0) return () => {}
    const { TOPICS_MAX, PARTITIONS_MAX } = this.#options.settings
    const made = this.#count()
    // Another request is just making it.
    if (before === undefined && made.names.has(name)) return reserve(this.#makingTopics, { name, partitions })
    if (before === undefined) {
      if (made.topics >= TOPICS_MAX) throw tooMany('TOO_MANY_TOPICS', `There are ${TOPICS_MAX} topics`, TOPICS_MAX)
      this.#checkOwnTopics(caller)
    }
    if (made.partitions + more > PARTITIONS_MAX) {
      const sentence = `With these there would be more than ${PARTITIONS_MAX} partitions`
      throw tooMany('TOO_MANY_PARTITIONS', sentence, PARTITIONS_MAX)
    }
    if (before === undefined) {
      made.topics++
      made.names.add(name)
    }
    made.partitions += more
    return reserve(this.#makingTopics, { name, partitions })
  }

  /**
   * Before a group is made; the place is kept until it is released.
   * @throws TOO_MANY_GROUPS
   */
  reserveGroup(topic: string, group: string): Release {
    const { settings, groups } = this.#options
    const max = settings.GROUPS_MAX
    const making = new Set<string>()
    for (const other of this.#makingGroups)
      if (groups.settingsOf(other.topic, other.group) === undefined) making.add(`${other.topic}/${other.group}`)
    if (!making.has(`${topic}/${group}`) && groups.stats().groups + making.size >= max)
      throw tooMany('TOO_MANY_GROUPS', `There are ${max} groups`, max)
    return reserve(this.#makingGroups, { topic, group })
  }

  #checkOwnTopics(caller: Caller): void {
    const max = caller.allowance?.limits.topics ?? 0
    if (max === 0) return
    const { topics } = this.#options
    const isOwn = ({ name }: { name: string }) => caller.sees(name) && !topics.isOwned(name)
    const seen = new Set([...topics.list(), ...this.#makingTopics].filter(isOwn).map(({ name }) => name))
    if (seen.size >= max) throw tooMany('TOO_MANY_TOPICS', `There are ${max} topics for this token`, max)
  }

  #count(): Made {
    const { clock, topics } = this.#options
    const nowMs = clock.monotonicMs()
    if (nowMs - this.#made.atMs >= COUNT_MS) {
      const own = topics.list().filter(({ name }) => !topics.isOwned(name))
      const partitionsOf = new Map(own.map(({ name, partitions }) => [name, partitions]))
      const names = new Set<string>()
      for (const { name, partitions } of this.#makingTopics) {
        const others = partitionsOf.get(name)
        if (others === undefined) names.add(name)
        partitionsOf.set(name, Math.max(partitions, others ?? 0))
      }
      const partitions = [...partitionsOf.values()].reduce((sum, count) => sum + count, 0)
      this.#made = { atMs: nowMs, topics: partitionsOf.size, partitions, names }
    }
    return this.#made
  }
}

function reserve<T>(making: Set<T>, what: T): Release {
  making.add(what)
  return () => making.delete(what)
}

function tooMany(
  code: 'TOO_MANY_TOPICS' | 'TOO_MANY_PARTITIONS' | 'TOO_MANY_GROUPS',
  sentence: string,
  limit: number,
): DwellError {
  return new DwellError(code, `${sentence}, which is the most; delete some, or change the limit.`, { limit })
}
