// How much there may be: topics, partitions, groups; in all, and topics of what one caller sees. Asked before anything is made.
// What may wait is bounded by pending-quotas.ts.
//
// What there is, is counted anew when the count is a second old, and added to in between: a look at ten thousand topics is too
// much for every request. So what was deleted makes room a second later, and no more is made than is allowed.

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
  /** Topics that were let in since. */
  names: Set<string>
}

export interface QuotasOptions {
  settings: Pick<Settings, 'TOPICS_MAX' | 'PARTITIONS_MAX' | 'GROUPS_MAX'>
  clock: Pick<Clock, 'monotonicMs'>
  topics: { list(): Topic[]; find(name: string): Topic | undefined; isOwned(name: string): boolean }
  groups: { stats(): { groups: number } }
}

export class Quotas {
  readonly #options: QuotasOptions
  #made: Made = { atMs: Number.NEGATIVE_INFINITY, topics: 0, partitions: 0, names: new Set() }

  constructor(options: QuotasOptions) {
    this.#options = options
  }

  /**
   * Before a topic is made, or given more partitions.
   * @throws TOO_MANY_TOPICS, TOO_MANY_PARTITIONS
   */
  checkTopic(caller: Caller, name: string, partitions: number): void {
    const before = this.#options.topics.find(name)
    const more = partitions - (before?.partitions ?? 0)
    if (more <= 0) return
    const { TOPICS_MAX, PARTITIONS_MAX } = this.#options.settings
    const made = this.#count()
    // Another request is just making it.
    if (before === undefined && made.names.has(name)) return
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
  }

  /**
   * Before a group is made.
   * @throws TOO_MANY_GROUPS
   */
  checkGroup(): void {
    const { settings, groups } = this.#options
    const max = settings.GROUPS_MAX
    if (groups.stats().groups >= max) throw tooMany('TOO_MANY_GROUPS', `There are ${max} groups`, max)
  }

  #checkOwnTopics(caller: Caller): void {
    const max = caller.allowance?.limits.topics ?? 0
    if (max === 0) return
    const { topics } = this.#options
    const seen = topics.list().filter(({ name }) => caller.sees(name) && !topics.isOwned(name)).length
    if (seen >= max) throw tooMany('TOO_MANY_TOPICS', `There are ${max} topics for this token`, max)
  }

  #count(): Made {
    const { clock, topics } = this.#options
    const nowMs = clock.monotonicMs()
    if (nowMs - this.#made.atMs >= COUNT_MS) {
      const own = topics.list().filter(({ name }) => !topics.isOwned(name))
      const partitions = own.reduce((sum, topic) => sum + topic.partitions, 0)
      this.#made = { atMs: nowMs, topics: own.length, partitions, names: new Set() }
    }
    return this.#made
  }
}

function tooMany(
  code: 'TOO_MANY_TOPICS' | 'TOO_MANY_PARTITIONS' | 'TOO_MANY_GROUPS',
  sentence: string,
  limit: number,
): DwellError {
  return new DwellError(code, `${sentence}, which is the most; delete some, or change the limit.`, { limit })
}
